//! How results look in a terminal, and as JSON for scripts.

use anstyle::{AnsiColor, Style};
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use serde_json::Value;

/// Something is right.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Something is wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Somebody should look.
pub(super) const NOTE: Style = AnsiColor::Yellow.on_default();
/// A heading.
pub(super) const STRONG: Style = Style::new().bold();
/// What is said beside.
pub(super) const FAINT: Style = Style::new().dimmed();
/// Names and addresses.
pub(super) const NAME: Style = AnsiColor::Cyan.on_default();

/// Text or JSON.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Format {
    /// Print JSON, for scripts.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Format {
    /// Prints a value as JSON, or as whoever knows it better prints it.
    pub(super) fn print(self, value: &Value, text: impl FnOnce(&Value)) {
        if self.json { anstream::println!("{value}") } else { text(value) }
    }
}

/// A table of some members of each object of an array.
pub(super) fn table(rows: &Value, columns: &[(&str, &str)]) {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        anstream::println!("{FAINT}none{FAINT:#}");
        return;
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let heading = |(title, _): &(&str, &str)| Cell::new(title).add_attribute(Attribute::Bold);
    table.set_header(columns.iter().map(heading));
    for row in rows {
        table.add_row(columns.iter().map(|(_, member)| text(&row[*member])));
    }
    anstream::println!("{table}");
}

/// Each member of an object on a line of its own.
pub(super) fn object(value: &Value) {
    let Some(object) = value.as_object() else { return };
    let width = object.keys().map(String::len).max().unwrap_or_default();
    for (name, value) in object {
        anstream::println!("{FAINT}{name:width$}{FAINT:#}  {}", text(value));
    }
}

/// A value as people write it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
