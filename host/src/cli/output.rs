//! How commands print: tables and styles for a terminal, or with `--json` what the admin API answers.

use anstyle::{AnsiColor, Style};
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::admin_api::Page;
use crate::terminal;

/// Success.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Failure.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// A warning.
pub(super) const NOTE: Style = AnsiColor::Yellow.on_default();
/// A heading.
pub(super) const STRONG: Style = Style::new().bold();
/// Less important text.
pub(super) const FAINT: Style = Style::new().dimmed();
/// Names and addresses.
pub(super) const NAME: Style = AnsiColor::Cyan.on_default();

/// Text or JSON.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Format {
    /// Print JSON, for scripts: what the admin API answers, on one line.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Format {
    /// Prints a value as JSON, or as `text` prints it, which is given a copy whose texts are
    /// [`terminal::shown`].
    pub(super) fn print<T>(self, value: &T, text: impl FnOnce(&T))
    where
        T: Serialize + DeserializeOwned,
    {
        let value = json!(value);
        if self.json {
            return terminal::println!("{value}");
        }
        let shown = serde_json::from_value(terminal::shown_json(value));
        text(&shown.expect("what is written as JSON is read again"));
    }

    /// Prints a page of a list as JSON or as a table, and says if the list goes on.
    pub(super) fn print_page<T>(self, page: &Page<T>, columns: &[Column<T>])
    where
        T: Serialize + DeserializeOwned,
    {
        self.print(page, |page| {
            list(&page.items, columns);
            if page.next.is_some() {
                terminal::println!("{FAINT}there are more; --limit shows them{FAINT:#}");
            }
        });
    }
}

/// A column of a table: its heading, and its cell in a row.
pub(super) type Column<T> = (&'static str, fn(&T) -> String);

/// A table with one row for each item.
pub(super) fn list<T>(items: &[T], columns: &[Column<T>]) {
    let headings = columns.iter().map(|(heading, _)| *heading);
    let rows = items.iter().map(|item| columns.iter().map(|(_, cell)| cell(item)).collect());
    print_table(headings, rows.collect());
}

/// A table of some members of each object of an array.
pub(super) fn table(rows: &Value, columns: &[(&str, &str)]) {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let cells = |row: &Value| columns.iter().map(|(_, member)| text(&row[*member])).collect();
    print_table(columns.iter().map(|(heading, _)| *heading), rows.iter().map(cells).collect());
}

fn print_table<'a>(headings: impl Iterator<Item = &'a str>, rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        terminal::println!("{FAINT}none{FAINT:#}");
        return;
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(row.iter().map(|cell| terminal::shown(cell).into_owned()));
    }
    // A cell is padded to the width of its column, also the last one of a row.
    for line in table.to_string().lines() {
        terminal::println!("{}", line.trim_end());
    }
}

/// Each member of an object on its own line.
pub(super) fn members(value: &impl Serialize) {
    let value = json!(value);
    let Some(object) = value.as_object() else { return };
    let width = object.keys().map(String::len).max().unwrap_or_default();
    // A preview of a hundred people is no line; `--json` has it.
    for (name, value) in object.iter().filter(|(name, _)| *name != "preview") {
        terminal::println!("{FAINT}{name:width$}{FAINT:#}  {}", text(value));
    }
}

/// A number of things, such as `1 person`, `2 people`.
pub(super) fn count(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// An optional text on one line; a dash if there is none.
pub(super) fn optional(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| NONE.to_owned(), |text| terminal::shown(text).into_owned())
}

/// What stands for a value that is not there.
const NONE: &str = "–";

/// A value as people write it, on one line.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => terminal::shown(text).into_owned(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => terminal::shown(&other.to_string()).into_owned(),
    }
}
