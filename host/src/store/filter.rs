//! Filters as SQL conditions on a row `r` of `resource`.
//!
//! They mean what `scim::evaluate` says. Attributes that have a column are compared by the column,
//! and by its index for equality; all others are looked up in the document.
//!
//! What clients filter by has an index (`what_clients_filter_by_is_indexed`). Any other filter is
//! answered as long as SQLite needs no more steps than for one condition on a million documents, and
//! refused with `tooMany` beyond: steps and not seconds, so that a busy machine refuses no request. A look into
//! a large document is one step for SQLite, so its bytes count too, before it is looked into.
//! `meta.location` and `$ref` cannot be filtered by (`invalidFilter`), since they are made for each
//! answer.

use crate::scim::path::AttributePath;
use crate::scim::{Error, Filter, Literal, Operator, ResourceType};

mod comparison;
mod condition;
mod folding;
mod narrow;
mod sorting;
mod values;

#[cfg(test)]
mod tests;

pub(super) use condition::{Condition, counting};
pub(super) use folding::{FOLDED, compare_folded};
pub(super) use sorting::{SortKey, USER_NAME, sort_key};

use crate::scim::evaluate::{Operand, ValueComparison};
use condition::ConditionWriter;
use narrow::address_in;
use values::{Scope, ValueLocation};

/// The condition that a resource of this type matches, in the tenant of this number; `invalidFilter` if there is none.
pub(super) fn condition(
    filter: &Filter,
    resource_type: &ResourceType,
    tenant: i64,
) -> Result<Condition, Error> {
    filter.check(resource_type)?;
    let mut writer = ConditionWriter::new(resource_type, tenant);
    writer.filter(filter, &Scope::Resource)?;
    if let Some(counting) = counting(&writer.condition.sql) {
        writer.condition.sql = format!("{counting} AND ({})", writer.condition.sql);
    }
    Ok(Condition { is_narrow: narrow::is_narrow(filter, resource_type), ..writer.condition })
}

impl<'t> ConditionWriter<'t> {
    fn filter(&mut self, filter: &Filter, scope: &Scope<'t>) -> Result<(), Error> {
        match filter {
            Filter::Present(path) => self.present(path, scope),
            Filter::Compare(path, operator, literal) => {
                self.compare(path, *operator, literal, scope)
            }
            Filter::ValuePath(path, filter) => self.value_path(path, filter, scope),
            Filter::Not(filter) => {
                self.sql("(");
                self.filter(filter, scope)?;
                self.sql(") IS NOT TRUE");
                Ok(())
            }
            Filter::And(left, right) => self.both(left, " AND ", right, scope),
            Filter::Or(left, right) => self.both(left, " OR ", right, scope),
        }
    }

    fn both(
        &mut self,
        left: &Filter,
        word: &str,
        right: &Filter,
        scope: &Scope<'t>,
    ) -> Result<(), Error> {
        self.sql("(");
        self.filter(left, scope)?;
        self.sql(word);
        self.filter(right, scope)?;
        self.sql(")");
        Ok(())
    }

    fn present(&mut self, path: &AttributePath, scope: &Scope<'t>) -> Result<(), Error> {
        match self.named(path, scope)? {
            None => self.sql("FALSE"),
            Some(values) => self.any(&values, |it| it.is_not_empty(&values)),
        }
        Ok(())
    }

    fn compare(
        &mut self,
        path: &AttributePath,
        operator: Operator,
        literal: &Literal,
        scope: &Scope<'t>,
    ) -> Result<(), Error> {
        let compared = self.compared(path, scope)?;
        let Some((mut values, attribute)) = compared else {
            return self.compare_nothing(path, operator, literal, scope);
        };
        let mut comparison = ValueComparison::new(attribute, operator, literal)?;
        if values.are_names() {
            comparison = comparison.of_names();
        }
        if matches!(comparison.operand, Operand::Boolean(_)) && self.assumes_false(path, scope) {
            values = values.or_false();
        }
        self.comparison(&values, &comparison)
    }

    /// Compares an attribute that no resource has, or whose values compare with null only.
    fn compare_nothing(
        &mut self,
        path: &AttributePath,
        operator: Operator,
        literal: &Literal,
        scope: &Scope<'t>,
    ) -> Result<(), Error> {
        match (operator, literal) {
            (Operator::Eq, Literal::Null) => {
                self.sql("(");
                self.present(path, scope)?;
                self.sql(") IS NOT TRUE");
            }
            (Operator::Ne, Literal::Null) => self.present(path, scope)?,
            (Operator::Ne, _) => self.sql("TRUE"),
            _ => self.sql("FALSE"),
        }
        Ok(())
    }

    fn value_path(
        &mut self,
        path: &AttributePath,
        filter: &Filter,
        scope: &Scope<'t>,
    ) -> Result<(), Error> {
        let Some(values) = self.elements_of(path, scope)? else {
            self.sql("FALSE");
            return Ok(());
        };
        let Some(inner) = values.scope() else {
            self.sql("FALSE");
            return Ok(());
        };
        let address = if values.are_whole_addresses() { address_in(filter) } else { None };
        if let Some(address) = address {
            self.sql("(");
            self.has_address(&address.to_lowercase());
            self.sql(" AND ");
        }
        // A single value that is absent is not looked into.
        let is_lone = !values.are_many() && !matches!(values.location, ValueLocation::Whole);
        let mut result = Ok(());
        self.any(&values, |it| {
            if is_lone {
                it.value(&values.location);
                it.sql(" IS NOT NULL AND ");
            }
            result = it.filter(filter, &inner);
        });
        if address.is_some() {
            self.sql(")");
        }
        result
    }
}
