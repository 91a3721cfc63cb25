//! Strings that look like other JSON values because their quotes are missing: `externalId eq 701984`.

use super::ResolvedPath;
use crate::scim::{
    Attribute, AttributePath, AttributeType, Filter, Leniency, Literal, Reading, ResourceType,
};

type Resolve<'r, 't> = &'r dyn Fn(&AttributePath) -> Option<ResolvedPath<'t>>;

impl Filter {
    /// The filter with strings where one of these types has strings, if the dialect allows it.
    pub fn quoted(self, types: &[&ResourceType], r: &mut Reading) -> Self {
        types.iter().fold(self, |filter, t| filter.quoted_by(&|path| path.resolve(t), r))
    }

    /// The same for a filter on the values of an attribute.
    pub(in crate::scim) fn quoted_in(self, attribute: &Attribute, r: &mut Reading) -> Self {
        self.quoted_by(&|path| path.resolve_in(attribute), r)
    }

    /// Whether it compares with anything that may be a string without its quotes.
    pub(in crate::scim) fn may_lack_quotes(&self) -> bool {
        match self {
            Self::Present(_) => false,
            Self::Compare(_, _, literal) => {
                matches!(literal, Literal::Number(_) | Literal::Boolean(_))
            }
            Self::ValuePath(_, inner) | Self::Not(inner) => inner.may_lack_quotes(),
            Self::And(left, right) | Self::Or(left, right) => {
                left.may_lack_quotes() || right.may_lack_quotes()
            }
        }
    }

    fn quoted_by(self, resolve: Resolve<'_, '_>, r: &mut Reading) -> Self {
        match self {
            Self::Compare(path, operator, literal @ (Literal::Number(_) | Literal::Boolean(_)))
                if is_string(resolve(&path)) && r.allows(Leniency::UnquotedString) =>
            {
                Self::Compare(path, operator, Literal::String(literal.to_string()))
            }
            Self::ValuePath(path, inner) => {
                let inner = match resolve(&path).and_then(|it| it.attribute) {
                    Some(attribute) => Box::new(inner.quoted_in(attribute, r)),
                    None => inner,
                };
                Self::ValuePath(path, inner)
            }
            Self::Not(inner) => Self::Not(Box::new(inner.quoted_by(resolve, r))),
            Self::And(left, right) => {
                Self::and(left.quoted_by(resolve, r), right.quoted_by(resolve, r))
            }
            Self::Or(left, right) => {
                Self::or(left.quoted_by(resolve, r), right.quoted_by(resolve, r))
            }
            other => other,
        }
    }
}

fn is_string(target: Option<ResolvedPath<'_>>) -> bool {
    let attribute = target.and_then(|it| it.compared());
    attribute.is_some_and(|it| it.kind == AttributeType::String)
}
