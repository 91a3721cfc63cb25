//! One comparison as SQL, for each kind of operand.

use jiff::Timestamp;
use serde_json::Number;

use super::condition::ConditionWriter;
use super::folding;
use super::values::{ValueLocation, Values};
use crate::clock::rfc3339;
use crate::scim::evaluate::{Operand, ValueComparison};
use crate::scim::{Error, Operator};
use crate::store::value::{Bound, id, ids_that_begin};

impl<'t> ConditionWriter<'t> {
    /// Writes that one of the values compares so (RFC 7644 §3.4.2.2).
    pub(super) fn comparison(
        &mut self,
        values: &Values<'t>,
        comparison: &ValueComparison,
    ) -> Result<(), Error> {
        let exists = |it: &mut Self| {
            it.value(&values.location);
            it.sql(" IS NOT NULL");
        };
        match (&comparison.operand, comparison.operator) {
            (Operand::Null, Operator::Eq) => {
                self.any(values, exists);
                self.sql(" IS NOT TRUE");
                Ok(())
            }
            (Operand::Null, _) => {
                self.any(values, exists);
                Ok(())
            }
            (operand, Operator::Ne) if values.are_many() => self.some_differs(values, operand),
            // No value differs from everything (RFC 7643 §2.5).
            (operand, Operator::Ne) => {
                self.one(&values.location, Operator::Eq, operand)?;
                self.sql(" IS NOT TRUE");
                Ok(())
            }
            (operand, operator) => {
                if self.by_address(values, operator, operand) {
                    return Ok(());
                }
                if values.are_state() && *operand == Operand::Boolean(false) {
                    // Inactive resources are in an index; without a value, a resource is active.
                    self.sql("r.active = 0 AND ");
                }
                let mut result = Ok(());
                self.any(values, |it| result = it.one(&values.location, operator, operand));
                result
            }
        }
    }

    fn some_differs(&mut self, values: &Values<'t>, operand: &Operand) -> Result<(), Error> {
        let exists = |it: &mut Self| {
            it.value(&values.location);
            it.sql(" IS NOT NULL");
        };
        self.sql("(");
        self.any(values, exists);
        self.sql(" IS NOT TRUE OR ");
        let mut result = Ok(());
        self.any(values, |it| {
            exists(it);
            it.sql(" AND ");
            result = it.one(&values.location, Operator::Eq, operand);
            it.sql(" IS NOT TRUE");
        });
        self.sql(")");
        result
    }

    /// Compares `emails.value eq` by the table of addresses.
    fn by_address(&mut self, values: &Values<'t>, operator: Operator, operand: &Operand) -> bool {
        let (Operator::Eq, Operand::Folded(address)) = (operator, operand) else { return false };
        if values.are_addresses() {
            self.has_address(address);
        }
        values.are_addresses()
    }

    /// Writes that this address in lower case is one of the resource's: by its row, or by the `userName`
    /// of a user who has it as an address.
    pub(super) fn has_address(&mut self, address: &str) {
        self.sql("r.id IN (SELECT e.resource FROM email e WHERE e.tenant = ");
        self.bind(Bound::Integer(self.tenant));
        self.sql(" AND e.address_key = ");
        self.bind(address);
        self.sql(
            " UNION ALL SELECT n.id FROM resource n WHERE n.kind = 0
                 AND EXISTS (SELECT 1 FROM json_each(n.addresses) it WHERE it.value = n.user_name_key)
                 AND n.tenant = ",
        );
        self.bind(Bound::Integer(self.tenant));
        self.sql(" AND n.user_name_key = ");
        self.bind(address);
        self.sql(")");
    }

    /// Writes that this value compares so.
    fn one(
        &mut self,
        location: &ValueLocation,
        operator: Operator,
        operand: &Operand,
    ) -> Result<(), Error> {
        self.sql("(");
        match (operand, location) {
            (
                Operand::Exact(text) | Operand::Folded(text) | Operand::Name(text),
                ValueLocation::Id(column),
            ) => self.id(column, operator, text),
            (
                Operand::Folded(text) | Operand::Name(text),
                ValueLocation::Column { folded: Some(folded), .. },
            ) => {
                self.text(&ValueLocation::Column { sql: folded, folded: None }, operator, text);
            }
            (Operand::Folded(text) | Operand::Name(text), _) => {
                self.folded(location, operator, text)?;
            }
            (Operand::Exact(text), _) => self.text(location, operator, text),
            (Operand::Number(number), _) => self.ordered(location, operator, number_value(number)),
            (Operand::Boolean(truth), _) => {
                self.ordered(location, operator, Bound::Integer((*truth).into()));
            }
            (Operand::Instant(at), ValueLocation::Column { .. }) => {
                self.column_at(location, operator, *at);
            }
            (Operand::Instant(at), _) => {
                self.sql("round(unixepoch(");
                self.value(location);
                self.sql(", 'subsec') * 1000) ");
                self.sql(sign(operator));
                self.sql(" ");
                self.bind(Bound::Integer(at.as_millisecond()));
            }
            (Operand::Null, _) => self.sql("FALSE"),
        }
        self.sql(")");
        Ok(())
    }

    fn ordered(&mut self, location: &ValueLocation, operator: Operator, operand: Bound) {
        self.value(location);
        self.sql(" ");
        self.sql(sign(operator));
        self.sql(" ");
        self.bind(operand);
    }

    /// An identifier: an index has it in the form of its column, and every other question is about its text.
    fn id(&mut self, column: &'static str, operator: Operator, text: &str) {
        let stored = ValueLocation::Column { sql: column, folded: None };
        match operator {
            Operator::Eq => return self.ordered(&stored, operator, id(text)),
            Operator::Sw => self.in_range_of_ids(&stored, text),
            _ => {}
        }
        self.text(&ValueLocation::Id(column), operator, text);
    }

    /// Narrows a column of identifiers down to those that can begin so, for an index.
    fn in_range_of_ids(&mut self, location: &ValueLocation, text: &str) {
        self.sql("(");
        if let Some([first, last]) = ids_that_begin(text) {
            self.ordered(location, Operator::Ge, first);
            self.sql(" AND ");
            self.ordered(location, Operator::Le, last);
            self.sql(" OR ");
        }
        self.ordered(location, Operator::Ge, text.into());
        if let Some(end) = behind(text) {
            self.sql(" AND ");
            self.ordered(location, Operator::Lt, end.into());
        }
        self.sql(") AND ");
    }

    /// Text in which case matters, or is equal on both sides already.
    fn text(&mut self, location: &ValueLocation, operator: Operator, text: &str) {
        match operator {
            Operator::Co => self.has_part(location, operator, text, false),
            Operator::Sw => {
                if matches!(location, ValueLocation::Column { .. }) {
                    self.in_range_of(location, text);
                }
                self.sql("substr(");
                self.value(location);
                self.sql(", 1, length(");
                self.bind(text);
                self.sql(")) = ");
                self.bind(text);
            }
            Operator::Ew => self.ends_with(location, text),
            _ => self.ordered(location, operator, text.into()),
        }
    }

    /// Narrows a column down to what can begin so, for an index.
    fn in_range_of(&mut self, location: &ValueLocation, text: &str) {
        self.ordered(location, Operator::Ge, text.into());
        self.sql(" AND ");
        if let Some(end) = behind(text) {
            self.ordered(location, Operator::Lt, end.into());
            self.sql(" AND ");
        }
    }

    fn ends_with(&mut self, location: &ValueLocation, text: &str) {
        let length = Bound::Integer(i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
        self.sql("length(");
        self.value(location);
        self.sql(") >= ");
        self.bind(length.clone());
        self.sql(" AND substr(");
        self.value(location);
        self.sql(", length(");
        self.value(location);
        self.sql(") - ");
        self.bind(length);
        self.sql(" + 1) = ");
        self.bind(text);
    }

    /// Text in which case does not matter; the operand is in lower case.
    fn folded(
        &mut self,
        location: &ValueLocation,
        operator: Operator,
        text: &str,
    ) -> Result<(), Error> {
        if matches!(operator, Operator::Co | Operator::Sw | Operator::Ew) {
            if text.contains('\0') {
                let why = "a filter cannot look for the character U+0000";
                return Err(Error::invalid_filter(why));
            }
            self.has_part(location, operator, text, true);
            return Ok(());
        }
        self.value(location);
        self.sql(" COLLATE ");
        self.sql(folding::FOLDED);
        self.sql(" ");
        self.sql(sign(operator));
        self.sql(" ");
        self.bind(text);
        Ok(())
    }

    /// Text that contains, begins or ends with another one, which is in lower case if the text is to be folded.
    /// SQLite's own GLOB, LIKE and `instr` take the length of the one times that of the other, and cannot be
    /// interrupted.
    fn has_part(&mut self, location: &ValueLocation, operator: Operator, text: &str, folds: bool) {
        self.sql(match operator {
            Operator::Sw => "has_part('sw', ",
            Operator::Ew => "has_part('ew', ",
            _ => "has_part('co', ",
        });
        self.value(location);
        self.sql(", ");
        self.bind(text);
        self.sql(if folds { ", 1)" } else { ", 0)" });
    }

    /// Columns hold moments to the millisecond, as text in the order of time.
    fn column_at(&mut self, location: &ValueLocation, operator: Operator, at: Timestamp) {
        let exact = at.subsec_nanosecond() % 1_000_000 == 0;
        let floor = floor_to_millisecond(at);
        let operator = match (operator, exact) {
            (Operator::Eq, false) => return self.sql("FALSE"),
            (Operator::Ge, false) => Operator::Gt,
            (Operator::Lt, false) => Operator::Le,
            (operator, _) => operator,
        };
        self.ordered(location, operator, rfc3339(floor).into());
    }
}

/// The first text that is greater than all that begin so; none where there is none.
fn behind(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    while let Some(last) = text.pop() {
        // Code points that are no characters follow on one that is (U+D7FF).
        let next = (u32::from(last) + 1..).take(0x801).find_map(char::from_u32);
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

fn floor_to_millisecond(at: Timestamp) -> Timestamp {
    let millis = at.as_nanosecond().div_euclid(1_000_000);
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(at)
}

fn number_value(number: &Number) -> Bound {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => Bound::Integer(integer),
        (None, real) => Bound::Real(real.unwrap_or(f64::NAN)),
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Gt => ">",
        Operator::Ge => ">=",
        Operator::Lt => "<",
        Operator::Le => "<=",
        // The rest is no order, and is written elsewhere.
        Operator::Eq | Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => "=",
    }
}
