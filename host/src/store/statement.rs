//! Statements over many rows at once, and several of them in one trip to the database.
//!
//! A trip to the thread of a connection costs more than most statements (design §7). So a batch of
//! work becomes one text: a few statements, each over a table of bound values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Executor};

/// Tables of values come in these heights only, so that there are few texts to prepare.
const HEIGHTS: [usize; 5] = [1, 4, 16, 64, 256];

/// More texts than this are not remembered.
const MOST_TEXTS: usize = 512;

/// One statement over a table of values, which it sees as `new`.
///
/// The first column of a row is never NULL; rows where it is only fill the table up, and the body
/// has to leave them out.
pub(super) struct Statement {
    pub(super) columns: &'static [&'static str],
    pub(super) body: Cow<'static, str>,
}

/// A value to bind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'v> {
    Null,
    Text(&'v str),
    Integer(i64),
    Real(f64),
    Blob(&'v [u8]),
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v Option<String>> for Value<'v> {
    fn from(text: &'v Option<String>) -> Self {
        text.as_deref().map_or(Self::Null, Self::Text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

/// The statements of one trip, in order, each with its rows.
pub(super) struct Trip<'v> {
    statements: &'static [Statement],
    rows: Vec<Vec<Value<'v>>>,
}

impl<'v> Trip<'v> {
    pub(super) fn new(statements: &'static [Statement]) -> Self {
        Self { statements, rows: statements.iter().map(|_| Vec::new()).collect() }
    }

    /// Adds a row to the table of the statement at this place.
    pub(super) fn row<const N: usize>(&mut self, place: usize, values: [Value<'v>; N]) {
        debug_assert_eq!(N, self.statements[place].columns.len(), "statement {place}");
        self.rows[place].extend(values);
    }

    /// The same for rows whose width only the statement knows.
    pub(super) fn row_of(&mut self, place: usize, values: impl IntoIterator<Item = Value<'v>>) {
        self.rows[place].extend(values);
        debug_assert_eq!(self.rows[place].len() % self.statements[place].columns.len(), 0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.iter().all(Vec::is_empty)
    }

    /// The pieces in which the rows go: which statement, how many rows, how high a table.
    fn pieces(&self) -> impl Iterator<Item = (usize, &[Value<'v>], usize)> {
        let highest = HEIGHTS[HEIGHTS.len() - 1];
        self.rows.iter().enumerate().flat_map(move |(place, values)| {
            let width = self.statements[place].columns.len();
            values.chunks(width * highest).map(move |piece| {
                let rows = piece.len() / width;
                let height = HEIGHTS.into_iter().find(|height| *height >= rows);
                (place, piece, height.unwrap_or(highest))
            })
        })
    }
}

/// What came of a trip.
#[derive(Default)]
pub(super) struct Arrival {
    /// How many rows each statement changed.
    pub(super) changed: Vec<u64>,
    /// The rows that came back, with the statement that they belong to.
    pub(super) rows: Vec<(usize, SqliteRow)>,
}

/// Which text belongs to which statements and heights.
type Shape = Vec<(usize, usize)>;

/// The texts of trips made before, so that the connection finds them prepared.
#[derive(Default)]
pub(super) struct Texts {
    known: HashMap<(bool, Shape), Arc<str>>,
}

impl Texts {
    /// Runs the statements that have rows, in order, up to the first that fails.
    pub(super) async fn run(
        &mut self,
        connection: &mut SqliteConnection,
        trip: &Trip<'_>,
        begin: bool,
    ) -> sqlx::Result<Arrival> {
        let mut arguments = SqliteArguments::default();
        let mut shape = Shape::new();
        for (place, values, height) in trip.pieces() {
            shape.push((place, height));
            values.iter().try_for_each(|value| bind(&mut arguments, *value))?;
            let missing = trip.statements[place].columns.len() * height - values.len();
            (0..missing).try_for_each(|_| bind(&mut arguments, Value::Null))?;
        }
        let places: Vec<usize> = shape.iter().map(|(place, _)| *place).collect();
        let text = self.text(trip.statements, begin, shape);
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        let mut arrival = Arrival { changed: vec![0; trip.statements.len()], rows: Vec::new() };
        let mut done = connection.fetch_many(query);
        let mut finished = 0;
        let first = usize::from(begin);
        while let Some(step) = done.try_next().await? {
            match step {
                Either::Right(row) => arrival.rows.push((places[finished - first], row)),
                Either::Left(result) => {
                    if finished >= first {
                        arrival.changed[places[finished - first]] += result.rows_affected();
                    }
                    finished += 1;
                }
            }
        }
        Ok(arrival)
    }

    fn text(&mut self, statements: &[Statement], begin: bool, shape: Shape) -> Arc<str> {
        if self.known.len() >= MOST_TEXTS {
            self.known.clear();
        }
        let key = (begin, shape);
        if let Some(text) = self.known.get(&key) {
            return Arc::clone(text);
        }
        let mut text = if begin { "BEGIN IMMEDIATE;".to_owned() } else { String::new() };
        for (place, height) in &key.1 {
            let Statement { columns, body } = &statements[*place];
            // Unnumbered, since SQLite looks a number up by walking over all before it.
            let row = format!("({})", vec!["?"; columns.len()].join(","));
            let table = vec![row.as_str(); *height].join(",");
            text += &format!("WITH new ({}) AS (VALUES {table}) {body};\n", columns.join(", "));
        }
        let text: Arc<str> = text.into();
        self.known.insert(key, Arc::clone(&text));
        text
    }
}

fn bind(arguments: &mut SqliteArguments, value: Value<'_>) -> sqlx::Result<()> {
    let bound = match value {
        Value::Null => arguments.add(None::<i64>),
        Value::Text(text) => arguments.add(Arc::<str>::from(text)),
        Value::Integer(number) => arguments.add(number),
        Value::Real(number) => arguments.add(number),
        Value::Blob(bytes) => arguments.add(bytes),
    };
    bound.map_err(sqlx::Error::Encode)
}
