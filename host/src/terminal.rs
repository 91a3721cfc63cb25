//! What commands write to standard output and standard error.
//!
//! A result that cannot be written ends the command: quietly if the reader has gone, as with `| head`,
//! else with a message. The end is an unwinding up to [`until_output_fails`], so that temporary
//! directories are removed on the way. A message on standard error that cannot be written is lost.
//!
//! Texts of other systems, such as names and notes, may have control characters that rewrite what a
//! terminal shows. [`shown`] escapes them in a value; what is written at last has no sequence but those
//! of colours and the erasing of a line. The escapes are those of JSON, so that JSON stays what it is.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

/// A shell shows this status for a program that SIGPIPE has ended.
const READER_GONE: u8 = 128 + 13;

/// A failed write to standard output, as the payload of an unwinding.
struct OutputFailed(io::Error);

/// Like `std::println`, for the results of commands.
macro_rules! print_line {
    () => { $crate::terminal::write_out(format_args!("\n")) };
    ($($argument:tt)*) => {
        $crate::terminal::write_out(format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// Like `std::print`, for the results of commands.
macro_rules! print_text {
    ($($argument:tt)*) => { $crate::terminal::write_out(format_args!($($argument)*)) };
}

/// Like `std::eprintln`, for messages.
macro_rules! print_message {
    ($($argument:tt)*) => {
        $crate::terminal::write_error(format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// Like `std::eprint`, for messages.
macro_rules! print_progress {
    ($($argument:tt)*) => { $crate::terminal::write_error(format_args!($($argument)*)) };
}

pub(crate) use {
    print_line as println, print_message as eprintln, print_progress as eprint, print_text as print,
};

/// Writes to standard output, and ends the command if that fails.
pub(crate) fn write_out(text: fmt::Arguments<'_>) {
    let written = try_write_out(text);
    if let Err(error) = written {
        // Without the message of a panic: the failure is no defect.
        resume_unwind(Box::new(OutputFailed(error)));
    }
}

/// Writes to standard output. A server that has begun to serve goes on if that fails.
pub(crate) fn try_write_out(text: fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(harmless(&text.to_string()).as_bytes())?;
    out.flush()
}

/// Writes to standard error, if that is possible.
pub(crate) fn write_error(text: fmt::Arguments<'_>) {
    let mut out = anstream::stderr().lock();
    drop(out.write_all(harmless(&text.to_string()).as_bytes()).and_then(|()| out.flush()));
}

/// Runs a command, to its end or until its output cannot be written.
pub(crate) fn until_output_fails(command: impl FnOnce() -> ExitCode) -> ExitCode {
    let payload = match catch_unwind(AssertUnwindSafe(command)) {
        Ok(code) => return code,
        Err(payload) => payload,
    };
    match payload.downcast::<OutputFailed>() {
        Ok(failed) if failed.0.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(READER_GONE),
        Ok(failed) => {
            eprintln!("error: the output cannot be written: {}", failed.0);
            ExitCode::FAILURE
        }
        Err(panic) => resume_unwind(panic),
    }
}

/// A value on one line: line ends, tabs and all that [`harmless`] escapes are shown as escapes.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() || is_invisible(c))
}

/// A text without characters that move the cursor, change the terminal or reorder what is shown. Line
/// ends, tabs, and the styles and erasures of our own stay.
fn harmless(text: &str) -> Cow<'_, str> {
    let wrong = |c: char| c.is_control() && !['\n', '\t', '\r'].contains(&c) || is_invisible(c);
    if !text.contains(wrong) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('\x1b');
    let mut harmless = escaped(parts.next().unwrap_or_default(), wrong).into_owned();
    for part in parts {
        harmless.push_str(if begins_with_style(part) { "\x1b" } else { "\\u001b" });
        harmless.push_str(&escaped(part, wrong));
    }
    Cow::Owned(harmless)
}

/// Whether what follows an ESC is a style (`[…m`) or the erasure of a line (`[K`).
fn begins_with_style(text: &str) -> bool {
    let Some(text) = text.strip_prefix('[') else { return false };
    let text = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
    text.starts_with(['m', 'K'])
}

fn escaped(text: &str, wrong: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&wrong) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if !wrong(c) => escaped.push(c),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // All of them have four digits.
            c => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    Cow::Owned(escaped)
}

/// Line and paragraph separators, and what overrides or isolates the direction of a text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_on_one_line_and_in_one_direction() {
        assert_eq!(shown("Ada Lovelace, 東京 👩‍💻"), "Ada Lovelace, 東京 👩‍💻");
        assert_eq!(shown("a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(shown("\x1b[31mred\u{9b}m"), "\\u001b[31mred\\u009bm");
        assert_eq!(shown("\u{202e}live\u{2066}"), "\\u202elive\\u2066");
    }

    #[test]
    fn only_styles_and_erasures_reach_the_terminal() {
        let styled = "\r\x1b[K\x1b[1;31merror:\x1b[0m a\n\tb";
        assert_eq!(harmless(styled), styled);
        assert_eq!(harmless("\x1b]0;title\x07\x1b[2J"), "\\u001b]0;title\\u0007\\u001b[2J");
        assert_eq!(harmless("\x1b[1mx\u{202e}"), "\x1b[1mx\\u202e");
        assert_eq!(harmless("x\x1b"), "x\\u001b");
    }
}
