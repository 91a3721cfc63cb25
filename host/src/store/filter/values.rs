//! Where the values of an attribute are: in a column, in the document, or in rows of members.

use super::condition::ConditionWriter;
use crate::scim::evaluate::ResolvedPath;
use crate::scim::path::AttributePath;
use crate::scim::{Attribute, AttributeType, Error};
use crate::store::value::Bound;

/// What the names of a filter are names of.
#[derive(Clone, Debug)]
pub(super) enum Scope<'t> {
    /// The resource.
    Resource,
    /// One value of an attribute, which is this expression.
    Element(&'t Attribute, String),
    /// Everything that the host knows about the resource.
    Meta(&'t Attribute),
    /// One group of a user, or one member of a group.
    Related(&'t Attribute, Relation),
}

/// Which way the rows of members are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Groups,
    Members,
}

impl Relation {
    /// The beginning of a condition on `m`, a row of `member`; the tenant is still to be bound.
    fn condition(self) -> &'static str {
        match self {
            Self::Groups => "r.id IN (SELECT m.member_id FROM member m WHERE m.tenant = ",
            Self::Members => "r.id IN (SELECT m.group_id FROM member m WHERE m.tenant = ",
        }
    }

    fn column(self, name: &str) -> Option<ValueLocation> {
        let (sql, folded) = match (self, name) {
            (Self::Groups, "value") => return Some(ValueLocation::Id("m.group_id")),
            (Self::Members, "value") => return Some(ValueLocation::Id("m.member_id")),
            (Self::Groups, "display") => (GROUP_NAME, Some(GROUP_NAME_KEY)),
            (Self::Members, "display") => ("m.display", None),
            (Self::Groups, "type") => ("'direct'", None),
            (Self::Members, "type") => ("iif(m.kind, 'Group', 'User')", None),
            _ => return None,
        };
        Some(ValueLocation::Column { sql, folded })
    }
}

const GROUP_NAME: &str =
    "(SELECT g.display_name FROM resource g WHERE g.tenant = m.tenant AND g.id = m.group_id)";
const GROUP_NAME_KEY: &str =
    "(SELECT g.display_name_key FROM resource g WHERE g.tenant = m.tenant AND g.id = m.group_id)";

/// The columns of names in comparable form.
const NAMES: [&str; 3] = ["r.user_name_key", "r.display_name_key", GROUP_NAME_KEY];

/// Where one value is.
#[derive(Clone, Debug)]
pub(super) enum ValueLocation {
    /// In this expression; where there is one, `folded` is the same as it is compared.
    Column { sql: &'static str, folded: Option<&'static str> },
    /// In this column, which has identifiers of muster. They have no upper case.
    Id(&'static str),
    /// At this path of a JSON text; the empty path is the value itself.
    Json { text: String, path: String },
    /// The same, and false if there is nothing.
    JsonOrFalse { text: String, path: String },
    /// Not in a column and known all the same: `meta.resourceType`.
    Kind,
    /// There, and not a single value.
    Whole,
}

/// The values of an attribute.
#[derive(Clone, Debug)]
pub(super) struct Values<'t> {
    /// The lists that have to be gone through: JSON text, path, and the name of each value.
    lists: Vec<(String, String, String)>,
    relation: Option<Relation>,
    pub(super) location: ValueLocation,
    /// None for the whole of an extension.
    attribute: Option<&'t Attribute>,
}

impl<'t> Values<'t> {
    fn at(location: ValueLocation, attribute: Option<&'t Attribute>) -> Self {
        Self { lists: Vec::new(), relation: None, location, attribute }
    }

    /// Whether there can be more than one.
    pub(super) fn are_many(&self) -> bool {
        !self.lists.is_empty() || self.relation.is_some()
    }

    pub(super) fn is_complex(&self) -> bool {
        self.attribute.is_none_or(Attribute::is_complex)
    }

    pub(super) fn is_text(&self) -> bool {
        use AttributeType::{Boolean, Decimal, Integer};
        self.attribute.is_some_and(|it| !matches!(it.kind, Boolean | Decimal | Integer))
    }

    /// Whether these are e-mail addresses of the resource, which have rows of their own.
    pub(super) fn are_addresses(&self) -> bool {
        let is_value =
            matches!(&self.location, ValueLocation::Json { path, .. } if path == "$.\"value\"");
        is_value && self.are_emails()
    }

    /// Whether these are the e-mails of the resource, of which the addresses have rows.
    pub(super) fn are_whole_addresses(&self) -> bool {
        let is_whole =
            matches!(&self.location, ValueLocation::Json { path, .. } if path.is_empty());
        is_whole && self.are_emails()
    }

    /// Whether they say if the resource is active, which is a column as well.
    pub(super) fn are_state(&self) -> bool {
        let is_active = |text: &str, path: &str| text == "r.document" && path == "$.\"active\"";
        self.lists.is_empty()
            && matches!(&self.location, ValueLocation::Json { text, path } if is_active(text, path))
    }

    fn are_emails(&self) -> bool {
        let [(text, path, _)] = self.lists.as_slice() else { return false };
        text == "r.document" && path == "$.\"emails\""
    }

    /// Whether they are names of users or groups, which have a column in comparable form.
    pub(super) fn are_names(&self) -> bool {
        NAMES.iter().any(|column| self.are_column(column))
    }

    /// Whether they are rows of members.
    pub(super) fn are_related(&self) -> bool {
        self.relation.is_some()
    }

    /// Whether they are in this column, as they are compared.
    pub(super) fn are_column(&self, column: &str) -> bool {
        match &self.location {
            ValueLocation::Column { sql, folded } => folded.unwrap_or(sql) == column,
            ValueLocation::Id(_)
            | ValueLocation::Json { .. }
            | ValueLocation::JsonOrFalse { .. }
            | ValueLocation::Kind
            | ValueLocation::Whole => false,
        }
    }

    /// The lists that have to be gone through: JSON text, path, and the name of each value.
    pub(super) fn lists(&self) -> &[(String, String, String)] {
        &self.lists
    }

    /// The same values, with false in place of each that is absent.
    pub(super) fn or_false(mut self) -> Self {
        if let ValueLocation::Json { text, path } = self.location {
            self.location = ValueLocation::JsonOrFalse { text, path };
        }
        self
    }

    /// What names mean between brackets after this attribute.
    pub(super) fn scope(&self) -> Option<Scope<'t>> {
        let attribute = self.attribute?;
        Some(match (&self.location, self.relation) {
            (ValueLocation::Whole, Some(relation)) => Scope::Related(attribute, relation),
            (ValueLocation::Whole, None) => Scope::Meta(attribute),
            (ValueLocation::Json { text, path }, _) if path.is_empty() => {
                Scope::Element(attribute, text.clone())
            }
            (ValueLocation::Json { text, path }, _) => {
                // Names of the schema have neither quotes nor backslashes.
                Scope::Element(attribute, format!("json_extract({text}, '{path}')"))
            }
            (ValueLocation::Column { sql, .. }, _) => Scope::Element(attribute, (*sql).to_owned()),
            (ValueLocation::Id(column), _) => {
                Scope::Element(attribute, format!("id_text({column})"))
            }
            (ValueLocation::JsonOrFalse { .. } | ValueLocation::Kind, _) => return None,
        })
    }
}

impl<'t> ConditionWriter<'t> {
    /// The values of a path without going into `value`.
    pub(super) fn named(
        &mut self,
        path: &AttributePath,
        scope: &Scope<'t>,
    ) -> Result<Option<Values<'t>>, Error> {
        let Some(target) = self.target(path, scope) else { return Ok(None) };
        let steps = [target.attribute, target.sub_attribute];
        self.values(&target, scope, steps.into_iter().flatten())
    }

    /// The values that a comparison of this path compares, and their attribute.
    pub(super) fn compared(
        &mut self,
        path: &AttributePath,
        scope: &Scope<'t>,
    ) -> Result<Option<(Values<'t>, &'t Attribute)>, Error> {
        let Some(target) = self.target(path, scope) else { return Ok(None) };
        let Some(compared) = target.compared() else { return Ok(None) };
        // RFC 7643 §2.4: a complex attribute without a sub-attribute stands for its `value`.
        let named = target.sub_attribute.or(target.attribute);
        let value = named.filter(|it| it.is_complex()).map(|_| compared);
        let steps = [target.attribute, target.sub_attribute, value];
        let values = self.values(&target, scope, steps.into_iter().flatten())?;
        Ok(values.map(|values| (values, compared)))
    }

    /// Whether an absent value at this path counts as false: `primary` (RFC 7643 §2.4).
    pub(super) fn assumes_false(&self, path: &AttributePath, scope: &Scope<'t>) -> bool {
        let Some(target) = self.target(path, scope) else { return false };
        match (scope, target.attribute) {
            (Scope::Element(attribute, _), Some(sub)) => attribute.assumes_false(sub),
            _ => target.is_false_if_absent(),
        }
    }

    /// The values that brackets after this path look into; their filter knows no sub-attribute.
    pub(super) fn elements_of(
        &mut self,
        path: &AttributePath,
        scope: &Scope<'t>,
    ) -> Result<Option<Values<'t>>, Error> {
        let Some(target) = self.target(path, scope) else { return Ok(None) };
        self.values(&target, scope, target.attribute.into_iter())
    }

    fn target(&self, path: &AttributePath, scope: &Scope<'t>) -> Option<ResolvedPath<'t>> {
        let attribute = match scope {
            Scope::Resource => return path.resolve(self.resource_type),
            Scope::Element(attribute, _)
            | Scope::Meta(attribute)
            | Scope::Related(attribute, _) => *attribute,
        };
        if path.schema.is_some() || path.sub_attribute.is_some() {
            return None;
        }
        // RFC 7644 §3.5.2: a value that is not complex calls itself `value`.
        let own = !attribute.is_complex() && path.attribute.eq_ignore_ascii_case("value");
        let inner =
            attribute.sub_attribute(&path.attribute).or_else(|| own.then_some(attribute))?;
        Some(ResolvedPath { extension: None, attribute: Some(inner), sub_attribute: None })
    }

    fn values(
        &mut self,
        target: &ResolvedPath<'t>,
        scope: &Scope<'t>,
        steps: impl Iterator<Item = &'t Attribute>,
    ) -> Result<Option<Values<'t>>, Error> {
        let steps: Vec<&'t Attribute> = steps.collect();
        match scope {
            Scope::Resource if target.extension.is_none() => {
                if let Some(values) = self.beside_the_document(&steps)? {
                    return Ok(Some(values));
                }
                Ok(Some(self.in_json("r.document", "$".to_owned(), &steps)))
            }
            Scope::Resource => {
                let urn = target.extension.map(|it| it.id.as_str()).unwrap_or_default();
                Ok(Some(self.in_json("r.document", step("$", urn), &steps)))
            }
            Scope::Element(attribute, text) => {
                let own = steps.first().is_some_and(|it| std::ptr::eq(*it, *attribute));
                if own {
                    let location = ValueLocation::Json { text: text.clone(), path: String::new() };
                    return Ok(Some(Values::at(location, Some(attribute))));
                }
                Ok(Some(self.in_json(text, "$".to_owned(), &steps)))
            }
            Scope::Meta(_) => meta(steps[0]).map(Some),
            Scope::Related(_, relation) => related(*relation, steps[0]).map(Some),
        }
    }

    /// The values that are not in the document, or in a column as well.
    fn beside_the_document(&self, steps: &[&'t Attribute]) -> Result<Option<Values<'t>>, Error> {
        let kind = self.resource_type.name.as_str();
        let relation = match (kind, steps[0].name.as_str()) {
            ("User", "groups") => Relation::Groups,
            ("Group", "members") => Relation::Members,
            (_, "meta") => {
                return match steps {
                    [whole] => Ok(Some(Values::at(ValueLocation::Whole, Some(whole)))),
                    [.., sub] => meta(sub).map(Some),
                    [] => Ok(None),
                };
            }
            (_, name) => {
                return Ok(column(name).map(|location| Values::at(location, Some(steps[0]))));
            }
        };
        let values = match steps {
            [_, sub, ..] => related(relation, sub)?,
            _ => Values::at(ValueLocation::Whole, Some(steps[0])),
        };
        Ok(Some(Values { relation: Some(relation), ..values }))
    }

    fn in_json(&mut self, text: &str, path: String, steps: &[&'t Attribute]) -> Values<'t> {
        let mut values = Values::at(ValueLocation::Whole, steps.last().copied());
        let (mut text, mut path) = (text.to_owned(), path);
        for attribute in steps {
            path = step(if path.is_empty() { "$" } else { &path }, &attribute.name);
            if attribute.multi_valued {
                self.elements += 1;
                let name = format!("e{}", self.elements);
                let element = format!("{name}.value");
                values.lists.push((
                    std::mem::replace(&mut text, element),
                    std::mem::take(&mut path),
                    name,
                ));
            }
        }
        values.location = ValueLocation::Json { text, path };
        values
    }

    /// Writes that the condition is true of one of the values.
    pub(super) fn any(&mut self, values: &Values<'t>, condition: impl FnOnce(&mut Self)) {
        self.sql("(");
        let open = self.open(values);
        condition(self);
        self.sql(if open { "))" } else { ")" });
    }

    /// Begins a condition on one of the values; whether there is a table to close after it.
    fn open(&mut self, values: &Values<'t>) -> bool {
        if let Some(relation) = values.relation {
            self.sql(relation.condition());
            self.bind(Bound::Integer(self.tenant));
            self.sql(" AND ");
            return true;
        }
        for (n, (text, path, name)) in values.lists.iter().enumerate() {
            self.sql(if n == 0 { "EXISTS (SELECT 1 FROM json_each(" } else { ", json_each(" });
            self.sql(text);
            self.sql(", ");
            self.bind(path.as_str());
            self.sql(") AS ");
            self.sql(name);
        }
        if values.lists.is_empty() {
            return false;
        }
        self.sql(" WHERE ");
        true
    }

    /// Writes one value.
    pub(super) fn value(&mut self, location: &ValueLocation) {
        match location {
            ValueLocation::Column { sql, .. } => self.sql(sql),
            ValueLocation::Id(column) => {
                self.sql("id_text(");
                self.sql(column);
                self.sql(")");
            }
            ValueLocation::Json { text, path } if path.is_empty() => self.sql(text),
            ValueLocation::Json { text, path } => {
                self.sql("json_extract(");
                self.sql(text);
                self.sql(", ");
                self.bind(path.as_str());
                self.sql(")");
            }
            ValueLocation::JsonOrFalse { text, path } => {
                self.sql("coalesce(json_extract(");
                self.sql(text);
                self.sql(", ");
                self.bind(path.as_str());
                self.sql("), FALSE)");
            }
            ValueLocation::Kind => self.bind(self.resource_type.name.as_str()),
            ValueLocation::Whole => self.sql("TRUE"),
        }
    }

    /// RFC 7644 §3.4.2.2, `pr`: a value that is not empty, or a complex one with something in it.
    pub(super) fn is_not_empty(&mut self, values: &Values<'t>) {
        match &values.location {
            ValueLocation::Json { text, path } if values.is_complex() => {
                self.sql("EXISTS (SELECT 1 FROM json_tree(");
                self.sql(text);
                self.sql(", ");
                self.bind(if path.is_empty() { "$" } else { path.as_str() });
                self.sql(") AS leaf WHERE leaf.atom <> '')");
            }
            location if values.is_text() => {
                self.value(location);
                self.sql(" <> ''");
            }
            location => {
                self.value(location);
                self.sql(" IS NOT NULL");
            }
        }
    }
}

/// A path one name further; quoted, since a URN has dots and `$ref` has a dollar.
fn step(path: &str, name: &str) -> String {
    format!("{path}.\"{name}\"")
}

fn column(name: &str) -> Option<ValueLocation> {
    let (sql, folded) = match name {
        "id" => return Some(ValueLocation::Id("r.id")),
        "externalId" => ("r.external_id", None),
        "userName" => ("r.user_name", Some("r.user_name_key")),
        "displayName" => ("r.display_name", Some("r.display_name_key")),
        _ => return None,
    };
    Some(ValueLocation::Column { sql, folded })
}

fn meta<'t>(attribute: &'t Attribute) -> Result<Values<'t>, Error> {
    let location = match attribute.name.as_str() {
        "created" => ValueLocation::Column { sql: "r.created", folded: None },
        "lastModified" => ValueLocation::Column { sql: "r.last_modified", folded: None },
        "version" => ValueLocation::Column {
            sql: "('W/\"' || (r.version + r.departures) || '\"')",
            folded: None,
        },
        "resourceType" => ValueLocation::Kind,
        name => return Err(unsupported("meta", name)),
    };
    Ok(Values::at(location, Some(attribute)))
}

fn related<'t>(relation: Relation, attribute: &'t Attribute) -> Result<Values<'t>, Error> {
    let name = attribute.name.as_str();
    let parent = if relation == Relation::Groups { "groups" } else { "members" };
    let location = relation.column(name).ok_or_else(|| unsupported(parent, name))?;
    Ok(Values::at(location, Some(attribute)))
}

/// RFC 7644 §3.12: better a refusal than an empty list, which would say that nothing matches.
fn unsupported(attribute: &str, sub_attribute: &str) -> Error {
    Error::invalid_filter(format!(
        "{attribute}.{sub_attribute} is an address made for each answer and cannot be filtered by; \
         use id, or {attribute}.value where there is one"
    ))
}
