//! The tokens of filters and PATCH paths, and the errors when they are missing.

use super::{Literal, WrittenNumber};
use crate::scim::path::{is_name_char, is_path_char};

const VALUE: &str = "a value: a string in double quotes, a number, true, false or null";
const STRING: &str = "a string as JSON writes it: a double quote as \\\", a backslash as \\\\, \
                      a control character as \\u and four digits";

/// A parsed part, or the syntax error.
pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// Where and why a text does not follow the grammar.
#[derive(Debug)]
pub(in crate::scim) struct SyntaxError {
    /// The byte offset of the error.
    at: usize,
    expected: &'static str,
    /// Whether the error is between the brackets of a value path.
    pub(in crate::scim) in_value_filter: bool,
}

impl SyntaxError {
    /// The position and what was expected. The text itself is left out, because it may be personal
    /// data.
    pub(in crate::scim) fn describe(&self, what: &str, text: &str) -> String {
        let expected = self.expected;
        if self.at == text.len() {
            return format!("{what}, at its end: expected {expected}");
        }
        let character = text[..self.at].chars().count() + 1;
        format!("{what}, character {character}: expected {expected}")
    }
}

/// A text and the position in it. White space between tokens never matters: RFC 7644 asks for one
/// space, and leaves it out in its own examples.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether strings may lack their quotes.
    unquoted: bool,
    /// Whether the position is between the brackets of a value path.
    pub(super) in_value_filter: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, unquoted: bool) -> Self {
        let mut scanner = Self { text, at: 0, unquoted, in_value_filter: false };
        scanner.skip("");
        scanner
    }

    /// The error at this position.
    pub(super) fn broken<T>(&self, expected: &'static str) -> Parsed<T> {
        Err(SyntaxError { at: self.at, expected, in_value_filter: self.in_value_filter })
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Skips the peeked token and the white space after it.
    pub(super) fn skip(&mut self, peeked: &str) {
        let rest = &self.rest()[peeked.len()..];
        let rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at = self.text.len() - rest.len();
    }

    pub(super) fn next_is(&self, character: char) -> bool {
        self.rest().starts_with(character)
    }

    pub(super) fn eat(&mut self, character: char) -> bool {
        let found = self.next_is(character);
        if found {
            self.skip(character.encode_utf8(&mut [0; 4]));
        }
        found
    }

    /// Skips this word, in any case, if it is next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek_path().eq_ignore_ascii_case(word);
        if found {
            self.skip(word);
        }
        found
    }

    pub(super) fn end(&self, expected: &'static str) -> Parsed<()> {
        if self.rest().is_empty() { Ok(()) } else { self.broken(expected) }
    }

    pub(super) fn peek_name(&self) -> &'t str {
        self.peek(is_name_char)
    }

    pub(super) fn peek_path(&self) -> &'t str {
        self.peek(is_path_char)
    }

    fn peek(&self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())]
    }

    /// `compValue`: a JSON value that is neither object nor array.
    pub(super) fn literal(&mut self) -> Parsed<Literal> {
        if self.next_is('"') {
            return self.string();
        }
        if self.unquoted
            && let Some(word) = self.peek_unquoted()
        {
            self.skip(word);
            return Ok(Literal::String(word.to_owned()));
        }
        let word = self.peek(|c| c.is_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        let literal = match word.to_ascii_lowercase().as_str() {
            // JSON has these words in lower case; clients do not always.
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            _ => match WrittenNumber::parse(word) {
                Ok(number) => Literal::Number(number),
                Err(_) => return self.broken(VALUE),
            },
        };
        self.skip(word);
        Ok(literal)
    }

    /// The word up to the next space or bracket, unless it is a JSON value. Other quotes than double
    /// ones are no part of a name that a client means.
    fn peek_unquoted(&self) -> Option<&'t str> {
        let word = self.peek(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '[' | ']'));
        let json = ["true", "false", "null"].iter().any(|it| it.eq_ignore_ascii_case(word))
            || serde_json::from_str::<serde_json::Number>(word).is_ok();
        let quoted =
            word.contains(['"', '\'', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}']);
        (!word.is_empty() && !json && !quoted).then_some(word)
    }

    fn string(&mut self) -> Parsed<Literal> {
        let Some(length) = quoted_length(self.rest()) else {
            return self.broken("a double quote at the end of the string that begins here");
        };
        let quoted = &self.rest()[..length];
        match serde_json::from_str(quoted) {
            Ok(text) => {
                self.skip(quoted);
                Ok(Literal::String(text))
            }
            Err(_) => self.broken(STRING),
        }
    }
}

/// The length of the string at the start of the text, with its quotes; `None` without a closing
/// quote.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map(|position| position + 2)
}
