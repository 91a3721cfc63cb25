//! Point reads: whoever asks at the same time is answered by one trip to the database.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, anyhow};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::oneshot;

use super::frame::Documents;
use super::resource::StoredResource;
use super::statement::{Statement, Texts, Trip, Value};
use super::{account, database, frame, member, resource};

/// How many connections answer. One waits for SQLite while another gathers questions.
const READERS: usize = 2;

/// No more questions go into one trip.
const MOST: usize = 64;

/// What can be asked, by place in [`STATEMENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    ResourceById,
    ResourceByUserName,
    Account,
    FormerAccount,
    Elsewhere,
    MembersPresent,
    People,
}

const RESOURCE_BY_ID: usize = Ask::ResourceById as usize;
const RESOURCE_BY_USER_NAME: usize = Ask::ResourceByUserName as usize;

/// In the order of [`Ask`]. The first column of each is the number of the question, by which its
/// answers begin; each gives one text of records, and with resources that of their documents and
/// that of what goes along.
static STATEMENTS: LazyLock<[Statement; 7]> = LazyLock::new(|| {
    [
        resource::find_by_id(),
        resource::find_by_user_name(),
        account::find(),
        account::find_former(),
        account::count_elsewhere(),
        member::find_present(),
        member::find_people(),
    ]
});

/// A value that a question owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Text(String),
    Integer(i64),
    Real(f64),
}

impl From<&str> for Bound {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Bound {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Bound {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(number) => Value::Real(*number),
        }
    }
}

struct Question {
    ask: Ask,
    values: Vec<Bound>,
    answer: oneshot::Sender<Result<Vec<Record>>>,
}

/// A record that answers.
#[derive(Debug)]
pub(super) enum Record {
    /// Its fields, without the number of the question.
    Fields(String),
    Resource(StoredResource),
}

impl Record {
    /// The fields; none of a resource.
    pub(super) fn fields(&self) -> &str {
        match self {
            Self::Fields(fields) => fields,
            Self::Resource(_) => "",
        }
    }
}

/// Takes questions to the database.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    questions: flume::Sender<Question>,
}

impl Reader {
    pub(super) async fn start(path: &Path) -> Result<Self> {
        let (questions, waiting) = flume::bounded(1024);
        for _ in 0..READERS {
            let desk = Desk {
                connection: database::reader(path).await?,
                waiting: waiting.clone(),
                texts: Texts::default(),
            };
            tokio::spawn(desk.serve());
        }
        Ok(Self { questions })
    }

    /// The records that answer.
    pub(super) async fn ask(&self, ask: Ask, values: Vec<Bound>) -> Result<Vec<Record>> {
        let (answer, answered) = oneshot::channel();
        let question = Question { ask, values, answer };
        self.questions.send_async(question).await.ok().context("the store is closed")?;
        answered.await.context("the store is closed")?
    }
}

/// One connection and those who wait before it.
struct Desk {
    connection: SqliteConnection,
    waiting: flume::Receiver<Question>,
    texts: Texts,
}

impl Desk {
    async fn serve(mut self) {
        while let Ok(first) = self.waiting.recv_async().await {
            let mut questions = vec![first];
            questions.extend(self.waiting.try_iter().take(MOST - 1));
            let answers = self.answer(&questions).await;
            hand_out(questions, answers);
        }
        self.connection.close().await.ok();
    }

    async fn answer(&mut self, questions: &[Question]) -> Result<Vec<Vec<Record>>> {
        let mut trip = Trip::new(&*STATEMENTS);
        for (n, question) in (0..).zip(questions) {
            let number = std::iter::once(Value::Integer(n));
            trip.row_of(
                question.ask as usize,
                number.chain(question.values.iter().map(Bound::value)),
            );
        }
        let arrival = self.texts.run(&mut self.connection, &trip, false).await?;
        let mut answers: Vec<Vec<Record>> = questions.iter().map(|_| Vec::new()).collect();
        for (place, row) in &arrival.rows {
            let Some(heads) = row.try_get::<Option<&str>, _>(0)? else { continue };
            let mut documents = match *place {
                RESOURCE_BY_ID | RESOURCE_BY_USER_NAME => {
                    let documents = std::str::from_utf8(row.try_get(1)?)?;
                    Some(Documents::new(documents, row.try_get(2)?))
                }
                _ => None,
            };
            for head in frame::split(heads) {
                let (n, fields) = frame::first(head)?;
                let answer = answers.get_mut(n.parse::<usize>()?).context("nobody asked this")?;
                answer.push(match &mut documents {
                    Some(documents) => {
                        let (_, resource) = documents.next(fields)?;
                        Record::Resource(resource.map(|text| (*text).to_owned()))
                    }
                    None => Record::Fields(fields.to_owned()),
                });
            }
        }
        Ok(answers)
    }
}

fn hand_out(questions: Vec<Question>, answers: Result<Vec<Vec<Record>>>) {
    match answers {
        Ok(answers) => {
            for (question, answer) in questions.into_iter().zip(answers) {
                // Whoever does not wait any more needs no answer.
                question.answer.send(Ok(answer)).ok();
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for question in questions {
                question.answer.send(Err(anyhow!("reading the database: {error:#}"))).ok();
            }
        }
    }
}
