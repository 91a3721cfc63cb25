//! The words of filters and PATCH paths, and what is said when they are not there.

use super::Literal;
use crate::scim::path::{is_name_char, is_path_char};

const VALUE: &str = "a value: a string in double quotes, a number, true, false or null";
const STRING: &str = "a string as JSON writes it: a double quote as \\\", a backslash as \\\\, \
                      a control character as \\u and four digits";

/// What is read, or why it cannot be.
pub(super) type Read<T> = Result<T, Broken>;

/// Why a text is not what the grammar says.
#[derive(Debug)]
pub(in crate::scim) struct Broken {
    /// The byte at which it stops making sense.
    at: usize,
    expected: &'static str,
    /// It is broken between the brackets of a value path.
    pub(in crate::scim) in_value_filter: bool,
}

impl Broken {
    /// The place and what belongs there; nothing of the text itself, which may be personal data.
    pub(in crate::scim) fn describe(&self, what: &str, text: &str) -> String {
        let expected = self.expected;
        if self.at == text.len() {
            return format!("{what}, at its end: expected {expected}");
        }
        let character = text[..self.at].chars().count() + 1;
        format!("{what}, character {character}: expected {expected}")
    }
}

/// A text and how far it has been read; white space between words never matters.
///
/// RFC 7644 asks for one space between words, and leaves it out in its own examples.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether the reading is between the brackets of a value path.
    pub(super) in_value_filter: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut scanner = Self { text, at: 0, in_value_filter: false };
        scanner.skip("");
        scanner
    }

    /// The failure at this place.
    pub(super) fn broken<T>(&self, expected: &'static str) -> Read<T> {
        Err(Broken { at: self.at, expected, in_value_filter: self.in_value_filter })
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Steps over what was peeked at, and the white space behind it.
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

    /// Steps over this word in any case, if it is the next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek_path().eq_ignore_ascii_case(word);
        if found {
            self.skip(word);
        }
        found
    }

    pub(super) fn end(&self, expected: &'static str) -> Read<()> {
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
    pub(super) fn literal(&mut self) -> Read<Literal> {
        if self.next_is('"') {
            return self.string();
        }
        let word = self.peek(|c| c.is_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        let literal = match word.to_ascii_lowercase().as_str() {
            // JSON writes them small; clients do not always.
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            _ => match serde_json::from_str(word) {
                Ok(number) => Literal::Number(number),
                Err(_) => return self.broken(VALUE),
            },
        };
        self.skip(word);
        Ok(literal)
    }

    fn string(&mut self) -> Read<Literal> {
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

/// The length of the string at the start of the text with both its quotes; none without an end.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map(|position| position + 2)
}
