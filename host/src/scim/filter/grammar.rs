//! The grammar of RFC 7644 §3.4.2.2, figure 1, and of §3.5.2, figure 7.
//!
//! A recursive-descent parser and not combinators, so that an error names the exact position and
//! what was expected there.

use super::scanner::{Parsed, Scanner, SyntaxError};
use super::{Filter, MAX_CONDITIONS, MAX_NESTING, Operator};
use crate::scim::path::{AttributePath, PatchPath};

const ATTRIBUTE: &str = "an attribute name, like userName or name.familyName";
const OPERATOR: &str = "an operator: eq, ne, co, sw, ew, gt, ge, lt, le or pr";

/// A whole filter; strings may be `unquoted`, for dialects that allow it.
pub(in crate::scim) fn filter(text: &str, unquoted: bool) -> Result<Filter, SyntaxError> {
    let mut reader = Parser::new(text, unquoted);
    let filter = reader.disjunction()?;
    reader.scanner.end("and, or, or the end")?;
    Ok(filter)
}

/// A whole PATCH path; strings may be `unquoted`, for dialects that allow it.
pub(in crate::scim) fn patch_path(text: &str, unquoted: bool) -> Result<PatchPath, SyntaxError> {
    let mut reader = Parser::new(text, unquoted);
    let mut attribute = reader.attribute_path()?;
    if !reader.scanner.next_is('[') {
        reader.scanner.end("[ or the end")?;
        return Ok(PatchPath { attribute, filter: None });
    }
    let filter = reader.value_filter(&attribute)?;
    if reader.scanner.eat('.') {
        attribute.sub_attribute = Some(reader.sub_attribute()?);
        reader.scanner.end("the end")?;
    } else {
        reader.scanner.end("a dot and a sub-attribute, or the end")?;
    }
    Ok(PatchPath { attribute, filter: Some(filter) })
}

/// The parser, and how much of its limits is used.
struct Parser<'t> {
    scanner: Scanner<'t>,
    nesting: usize,
    conditions: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, unquoted: bool) -> Self {
        Self { scanner: Scanner::new(text, unquoted), nesting: 0, conditions: 0 }
    }

    /// `FILTER`, by its loosest operator.
    fn disjunction(&mut self) -> Parsed<Filter> {
        let mut filter = self.conjunction()?;
        while self.scanner.eat_word("or") {
            filter = filter.or(self.conjunction()?);
        }
        Ok(filter)
    }

    fn conjunction(&mut self) -> Parsed<Filter> {
        let mut filter = self.term()?;
        while self.scanner.eat_word("and") {
            filter = filter.and(self.term()?);
        }
        Ok(filter)
    }

    fn term(&mut self) -> Parsed<Filter> {
        if self.scanner.next_is('(') {
            return self.group();
        }
        if self.scanner.eat_word("not") {
            if !self.scanner.next_is('(') {
                return self.scanner.broken("( after not, as in not (title pr)");
            }
            return self.group().map(|filter| Filter::Not(Box::new(filter)));
        }
        let path = self.attribute_path()?;
        if self.scanner.next_is('[') { self.value_path(path) } else { self.condition(path) }
    }

    fn group(&mut self) -> Parsed<Filter> {
        self.enclosed('(', ')', "and, or, or )")
    }

    /// `attrExp`, after its attribute.
    fn condition(&mut self, path: AttributePath) -> Parsed<Filter> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return self.scanner.broken("no more than 256 conditions");
        }
        let word = self.scanner.peek_name();
        if word.eq_ignore_ascii_case("pr") {
            self.scanner.skip(word);
            return Ok(Filter::Present(path));
        }
        let known = Operator::ALL.into_iter().find(|o| o.as_str().eq_ignore_ascii_case(word));
        let Some(operator) = known else {
            return self.scanner.broken(OPERATOR);
        };
        self.scanner.skip(word);
        Ok(Filter::Compare(path, operator, self.scanner.literal()?))
    }

    /// `valuePath`, after its attribute.
    fn value_path(&mut self, path: AttributePath) -> Parsed<Filter> {
        let mut filter = self.value_filter(&path)?;
        // A comparison after the bracket, as Entra sends it:
        // `tests/fixtures/conversations/entra/look-up.json`.
        if self.scanner.eat('.') {
            // Within the brackets, where the comparison belongs, this word would be the operator.
            if self.scanner.peek_path().eq_ignore_ascii_case("not") {
                return self.scanner.broken("the name of a sub-attribute, which is never not");
            }
            let sub = AttributePath::new(self.sub_attribute()?);
            filter = filter.and(self.condition(sub)?);
        }
        Ok(Filter::ValuePath(path, Box::new(filter)))
    }

    /// `[valFilter]`
    fn value_filter(&mut self, path: &AttributePath) -> Parsed<Filter> {
        // RFC 7643 §2.3.8: a complex attribute holds no complex sub-attributes.
        if path.sub_attribute.is_some() || self.scanner.in_value_filter {
            return self.scanner.broken("no [ here: values of sub-attributes are never complex");
        }
        self.scanner.in_value_filter = true;
        let filter = self.enclosed('[', ']', "and, or, or ]")?;
        self.scanner.in_value_filter = false;
        Ok(filter)
    }

    fn enclosed(&mut self, open: char, close: char, expected: &'static str) -> Parsed<Filter> {
        if self.nesting == MAX_NESTING {
            return self.scanner.broken("no more than 32 brackets within each other");
        }
        self.nesting += 1;
        self.scanner.eat(open);
        let filter = self.disjunction()?;
        self.nesting -= 1;
        if self.scanner.eat(close) { Ok(filter) } else { self.scanner.broken(expected) }
    }

    fn attribute_path(&mut self) -> Parsed<AttributePath> {
        let word = self.scanner.peek_path();
        let Some(path) = AttributePath::split(word) else {
            return self.scanner.broken(ATTRIBUTE);
        };
        self.scanner.skip(word);
        Ok(path)
    }

    fn sub_attribute(&mut self) -> Parsed<String> {
        let word = self.scanner.peek_path();
        match AttributePath::split(word) {
            Some(AttributePath { schema: None, attribute, sub_attribute: None }) => {
                self.scanner.skip(word);
                Ok(attribute)
            }
            _ => self.scanner.broken("the name of a sub-attribute"),
        }
    }
}
