//! The environment variable that a wrong value came from: an error of clap names the option only.

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error};

/// The error, with the variable that its value came from, if an option was not given itself.
pub(super) fn naming_variable(mut error: Error, mut command: Command) -> Error {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let Some(option) = named(ContextKind::InvalidArg) else { return error };
    let value = named(ContextKind::InvalidValue).unwrap_or_default();
    command.build();
    if let Some(variable) = variable(&command, &option, &value) {
        let origin = format!("the value is from the environment variable {variable}");
        let tip = ContextValue::StyledStrs(vec![origin.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

/// The variable of an option, such as `--listen <ADDR>`, if it has this value.
fn variable(command: &Command, option: &str, value: &str) -> Option<String> {
    let flag = option.split([' ', '=']).next()?;
    let assigned = format!("{flag}=");
    if std::env::args().any(|it| it == flag || it.starts_with(&assigned)) {
        return None;
    }
    let of_this = command.get_arguments().filter(|it| it.to_string() == option);
    let variables = of_this.filter_map(|it| it.get_env());
    let mut given = variables.filter(|name| std::env::var_os(name).is_some_and(|it| it == value));
    let found = given.next().map(|name| name.to_string_lossy().into_owned());
    found.or_else(|| command.get_subcommands().find_map(|it| variable(it, option, value)))
}
