//! What commands write to standard output and standard error.
//!
//! A result that cannot be written ends the command: quietly if the reader has gone, as with `| head`,
//! else with a message. The end is an unwinding up to [`until_output_fails`], so that temporary
//! directories are removed on the way. A message on standard error that cannot be written is lost.
//!
//! Texts of other systems, such as names and notes, may have control characters that rewrite what a
//! terminal shows. [`shown`] escapes them in a value, line ends among them: commands do so for all that they
//! print of an answer (`cli/output.rs`). Every writer of this module escapes what is left, and lets pass only
//! line ends, tabs and styles; the log goes through [`LogLines`]. The escapes are those of JSON, so
//! that JSON stays what it is.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use serde_json::Value;

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

/// Like `std::eprint`, for progress: a text that begins with [`LINE_AGAIN`] replaces its line.
macro_rules! print_progress {
    ($($argument:tt)*) => { $crate::terminal::write_progress(format_args!($($argument)*)) };
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
    try_write_error("", &text.to_string());
}

/// The same, perhaps in place of what is written on the line.
pub(crate) fn write_progress(text: fmt::Arguments<'_>) {
    let text = text.to_string();
    match text.strip_prefix(LINE_AGAIN) {
        Some(rest) => try_write_error(LINE_AGAIN, rest),
        None => try_write_error("", &text),
    }
}

fn try_write_error(begin: &str, text: &str) {
    let mut out = anstream::stderr().lock();
    let text = format!("{begin}{}", harmless(text));
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
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

/// The same for each text of a JSON value, and for the names of its members.
pub(crate) fn shown_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown(&text).into_owned()),
        Value::Array(values) => values.into_iter().map(shown_json).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (shown(&name).into_owned(), shown_json(value)))
            .collect(),
        other => other,
    }
}

/// Standard error, for a log in which each write is one event: one line, whatever its texts have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogLines;

impl Write for LogLines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(log_line(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn log_line(event: &str) -> String {
    let text = event.strip_suffix('\n').unwrap_or(event);
    format!("{}\n", safe(text, |c| c.is_control() || is_invisible(c)))
}

/// Erases the line of a terminal, which is then written again.
pub(crate) const LINE_AGAIN: &str = "\r\x1b[K";

/// A text without characters that move the cursor, change the terminal or reorder what is shown. Line
/// ends, tabs and styles stay.
fn harmless(text: &str) -> Cow<'_, str> {
    safe(text, |c| c.is_control() && !['\n', '\t'].contains(&c) || is_invisible(c))
}

/// A text without these characters. Styles stay.
fn safe(text: &str, wrong: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if !text.contains('\x1b') {
        return escaped(text, wrong);
    }
    let mut parts = text.split('\x1b');
    let mut safe = escaped(parts.next().unwrap_or_default(), wrong).into_owned();
    for part in parts {
        safe.push_str(if begins_with_style(part) { "\x1b" } else { "\\u001b" });
        safe.push_str(&escaped(part, wrong));
    }
    Cow::Owned(safe)
}

/// Whether what follows an ESC is a style that leaves the text visible: `[…m` with codes for weight, slant,
/// an underline and the colours of letters.
fn begins_with_style(text: &str) -> bool {
    let Some((codes, _)) = text.strip_prefix('[').and_then(|text| text.split_once('m')) else {
        return false;
    };
    codes.split(';').all(|code| {
        matches!(code.parse(), Ok(0..=4 | 22..=24 | 31..=37 | 39 | 90..=97)) || code.is_empty()
    })
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
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    Cow::Owned(escaped)
}

/// Line and paragraph separators, what marks, overrides or isolates the direction of a text, and what is
/// shown as nothing. The two joiners are left: emoji and names in Persian are written with them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_on_one_line_and_in_one_direction() {
        assert_eq!(shown("Ada Lovelace, 東京 👩‍💻"), "Ada Lovelace, 東京 👩‍💻");
        assert_eq!(shown("a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(shown("\x1b[31mred\u{9b}m"), "\\u001b[31mred\\u009bm");
        assert_eq!(shown("\u{202e}live\u{2066}\u{200b}\u{7f}"), "\\u202elive\\u2066\\u200b\\u007f");
        assert_eq!(shown("\u{e0041}"), "\\udb40\\udc41");
    }

    #[test]
    fn only_styles_reach_the_terminal() {
        let styled = "\x1b[1;31merror:\x1b[0m a\n\tb";
        assert_eq!(harmless(styled), styled);
        assert_eq!(harmless("\x1b]0;title\x07\x1b[2J"), "\\u001b]0;title\\u0007\\u001b[2J");
        assert_eq!(harmless("\x1b[1mx\u{202e}"), "\x1b[1mx\\u202e");
        assert_eq!(harmless("x\x1b"), "x\\u001b");
        assert_eq!(harmless("hidden \x1b[8mx\r\x1b[K"), "hidden \\u001b[8mx\\r\\u001b[K");
    }

    #[test]
    fn an_event_of_the_log_is_one_line_in_its_styles() {
        let event = "\x1b[2mtime\x1b[0m  WARN app: no\nERROR \x1b[2J\u{202e}\r\n";
        let line = "\x1b[2mtime\x1b[0m  WARN app: no\\nERROR \\u001b[2J\\u202e\\r\n";
        assert_eq!(log_line(event), line);
    }
}
