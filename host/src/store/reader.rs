//! Point reads: whoever asks at the same time is answered by one trip to the database.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, anyhow};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Connection, Row};
use tokio::sync::oneshot;

use super::statement::{self, Shape, Statement, Texts};
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
    Standing,
    Account,
    FormerAccount,
    Elsewhere,
    People,
}

/// In the order of [`Ask`].
static STATEMENTS: LazyLock<[Statement; 7]> = LazyLock::new(|| {
    [
        resource::find_by_id(),
        resource::find_by_user_name(),
        resource::find_standing(),
        account::find(),
        account::find_former(),
        account::count_elsewhere(),
        member::find_people(),
    ]
});

/// A value that a question owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Null,
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
    /// Adds it to the values of a statement.
    pub(super) fn bind(self, arguments: &mut SqliteArguments) {
        let added = match self {
            Self::Null => arguments.add(None::<i64>),
            Self::Text(text) => arguments.add(text),
            Self::Integer(number) => arguments.add(number),
            Self::Real(number) => arguments.add(number),
        };
        added.expect("texts and numbers can always be bound");
    }
}

/// The records that answer a question, each without its number.
type Answer = Vec<String>;

struct Question {
    ask: Ask,
    values: Vec<Bound>,
    answer: oneshot::Sender<Result<Answer>>,
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
    pub(super) async fn ask(&self, ask: Ask, values: Vec<Bound>) -> Result<Answer> {
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
            let answers = self.answer(&mut questions).await;
            hand_out(questions, answers);
        }
        self.connection.close().await.ok();
    }

    async fn answer(&mut self, questions: &mut [Question]) -> Result<Vec<Answer>> {
        let (shape, arguments) = lay_out(questions);
        let columns = shape.len();
        let text = AssertSqlSafe(self.texts.of(&*STATEMENTS, shape));
        // One row is one message: nobody waits to hear that there is no second one.
        let row = sqlx::query_with(text, arguments).fetch_optional(&mut self.connection).await?;
        let row = row.context("a statement without an answer")?;
        let mut answers: Vec<Answer> = questions.iter().map(|_| Vec::new()).collect();
        for column in 0..columns {
            let Some(records) = row.try_get::<Option<&str>, _>(column)? else { continue };
            for record in frame::split(records) {
                let (n, fields) = frame::first(record)?;
                let answer = answers.get_mut(n.parse::<usize>()?).context("nobody asked this")?;
                answer.push(fields.to_owned());
            }
        }
        Ok(answers)
    }
}

/// Takes the values of questions, kind by kind.
fn lay_out(questions: &mut [Question]) -> (Shape, SqliteArguments) {
    let mut shape = Shape::new();
    let mut arguments = SqliteArguments::default();
    for (place, statement) in STATEMENTS.iter().enumerate() {
        let mut rows = 0;
        for (n, question) in (0..).zip(questions.iter_mut()) {
            if question.ask as usize == place {
                Bound::Integer(n).bind(&mut arguments);
                question.values.drain(..).for_each(|value| value.bind(&mut arguments));
                rows += 1;
            }
        }
        if rows > 0 {
            let height = statement::height(rows);
            let missing = (height - rows) * statement.columns.len();
            (0..missing).for_each(|_| Bound::Null.bind(&mut arguments));
            shape.push((place, height));
        }
    }
    (shape, arguments)
}

fn hand_out(questions: Vec<Question>, answers: Result<Vec<Answer>>) {
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
