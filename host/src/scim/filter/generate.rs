//! Random filters for tests.

use proptest::prelude::*;
use proptest::sample::select;

use super::{Filter, Literal, Operator};
use crate::scim::AttributePath;

/// Filters with these attribute names and texts; `inner` are the names between brackets.
pub(crate) fn filters(
    names: &'static [&'static str],
    inner: &'static [&'static str],
    texts: impl Strategy<Value = String> + Clone + 'static,
) -> impl Strategy<Value = Filter> {
    let value_path = {
        let path = select(names).prop_map(|name| {
            let path = AttributePath::parse(name).unwrap();
            AttributePath { sub_attribute: None, ..path }
        });
        let filter = combined(conditions(inner, texts.clone()));
        (path, filter).prop_map(|(path, filter)| Filter::ValuePath(path, Box::new(filter)))
    };
    combined(prop_oneof![3 => conditions(names, texts), 1 => value_path])
}

fn combined(
    leaves: impl Strategy<Value = Filter> + 'static,
) -> impl Strategy<Value = Filter> + 'static {
    leaves.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| Filter::Not(Box::new(it))),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.and(right)),
            (inner.clone(), inner).prop_map(|(left, right)| left.or(right)),
        ]
    })
}

fn conditions(
    names: &'static [&'static str],
    texts: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = Filter> + 'static {
    let path = || select(names).prop_map(|name| AttributePath::parse(name).unwrap());
    let compared = (path(), select(&Operator::ALL[..]), literals(texts));
    prop_oneof![
        1 => path().prop_map(Filter::Present),
        6 => compared.prop_map(|(path, operator, literal)| Filter::Compare(path, operator, literal)),
    ]
}

fn literals(
    texts: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = Literal> + 'static {
    prop_oneof![
        6 => texts.prop_map(Literal::String),
        1 => any::<i64>().prop_map(|number| Literal::Number(serde_json::Number::from(number).into())),
        1 => any::<i32>().prop_map(|halves| {
            Literal::Number(serde_json::Number::from_f64(f64::from(halves) / 2.0).unwrap().into())
        }),
        2 => any::<bool>().prop_map(Literal::Boolean),
        1 => Just(Literal::Null),
    ]
}
