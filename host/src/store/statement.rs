//! One statement that answers many questions.
//!
//! A trip to the thread of a connection costs more than most questions do, and so does each message
//! that comes back (design §7). So whatever is asked at the same time becomes one statement of one
//! row: a column for each kind of question, over a table of their values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Tables of values come in these heights only, so that there are few texts to prepare.
const HEIGHTS: [usize; 4] = [1, 4, 16, 64];

/// More texts than this are not remembered.
const MOST_TEXTS: usize = 256;

/// How one kind of question is answered: by one text of records, from a table of values that the
/// body sees as `new`.
///
/// The first column of a row is the number of the question, by which its records begin. Rows where
/// it is NULL only fill the table up, and the body has to leave them out.
pub(super) struct Statement {
    pub(super) columns: &'static [&'static str],
    pub(super) body: Cow<'static, str>,
}

/// How high the table for so many questions is.
pub(super) fn height(questions: usize) -> usize {
    HEIGHTS.into_iter().find(|height| *height >= questions).unwrap_or(questions)
}

/// Which statements, by place, over tables of which heights.
pub(super) type Shape = Vec<(usize, usize)>;

/// The texts of trips made before, so that the connection finds them prepared.
#[derive(Default)]
pub(super) struct Texts {
    known: HashMap<Shape, Arc<str>>,
}

impl Texts {
    /// The text for this shape, whose values come statement by statement and row by row.
    pub(super) fn of(&mut self, statements: &[Statement], shape: Shape) -> Arc<str> {
        if self.known.len() >= MOST_TEXTS {
            self.known.clear();
        }
        let text = self.known.entry(shape);
        Arc::clone(text.or_insert_with_key(|shape| text_of(statements, shape)))
    }
}

fn text_of(statements: &[Statement], shape: &Shape) -> Arc<str> {
    let columns: Vec<String> = shape
        .iter()
        .map(|(place, height)| {
            let Statement { columns, body } = &statements[*place];
            // Unnumbered, since SQLite looks a number up by walking over all before it.
            let row = format!("({})", vec!["?"; columns.len()].join(","));
            let table = vec![row.as_str(); *height].join(",");
            format!("(WITH new ({}) AS (VALUES {table}) {body})", columns.join(", "))
        })
        .collect();
    format!("SELECT {}", columns.join(",\n")).into()
}
