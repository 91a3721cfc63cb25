//! What came of a run, for people and for machines.

use std::fmt;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;

use super::client::{Answer, Call};

/// As much of a body as helps to see what is wrong.
const EXCERPT: usize = 600;

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The SCIM base URL.
    pub url: String,
    /// What happened beside the steps, a sentence each.
    pub notes: Vec<String>,
    /// The suites, in the order in which they ran.
    pub suites: Vec<SuiteReport>,
}

/// What came of a suite.
#[derive(Clone, Debug, Serialize)]
pub struct SuiteReport {
    /// The name by which `--suite` chooses it.
    pub name: String,
    /// The name of the original.
    pub title: String,
    /// What the suite is about.
    pub description: String,
    /// Where the original is published.
    pub source: String,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// What came of a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// The name in the original.
    pub name: String,
    /// Whether Okta requires it.
    pub required: bool,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Request and answer, where the step failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
}

/// Passed, failed, or not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Verdict {
    /// Every assertion held.
    Passed,
    /// Some did not; a sentence each.
    Failed {
        /// What was wrong.
        failures: Vec<String>,
    },
    /// An earlier step did not give what this one needs.
    Skipped {
        /// What was missing.
        reason: String,
    },
}

/// A request and its answer, shortened, without the credentials.
#[derive(Clone, Debug, Serialize)]
pub struct Excerpt {
    /// Method and path with query.
    pub request: String,
    /// The body that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// The status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of the body that came back.
    pub received: String,
}

impl Report {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), notes: Vec::new(), suites: Vec::new() }
    }

    /// Whether every required step passed: what the exit status tells.
    pub fn passed(&self) -> bool {
        self.steps().filter(|step| step.required).all(StepReport::passed)
    }

    /// The report as JSON, on one line, with the verdict in `passed`.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            passed: bool,
            #[serde(flatten)]
            report: &'a Report,
        }
        let whole = Whole { passed: self.passed(), report: self };
        serde_json::to_string(&whole).expect("strings and numbers always serialise")
    }

    fn steps(&self) -> impl Iterator<Item = &StepReport> {
        self.suites.iter().flat_map(|suite| &suite.steps)
    }
}

impl StepReport {
    /// Whether every assertion held.
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    fn kind(&self) -> &'static str {
        if self.required { "required" } else { "optional" }
    }
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "FAILED",
            Self::Skipped { .. } => "skipped",
        }
    }

    fn color(&self) -> Color {
        match self {
            Self::Passed => Color::Green,
            Self::Failed { .. } => Color::Red,
            Self::Skipped { .. } => Color::Yellow,
        }
    }
}

impl Excerpt {
    pub(super) fn new(call: &Call, answer: &Answer) -> Self {
        let received = shorten(&answer.body);
        Self { status: Some(answer.status), received, ..Self::unanswered(call) }
    }

    pub(super) fn unanswered(call: &Call) -> Self {
        let request = format!("{} {}", call.method, call.path);
        let sent = call.body.as_ref().map(|body| shorten(&body.to_string()));
        Self { request, sent, status: None, received: String::new() }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for suite in &self.suites {
            writeln!(f, "{}\n{}", suite.title, suite.table())?;
            for (n, step) in suite.steps.iter().enumerate() {
                step.explain(n + 1, f)?;
            }
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        writeln!(f, "{}", self.verdict())
    }
}

impl Report {
    fn verdict(&self) -> String {
        let count = |required| {
            let steps: Vec<_> = self.steps().filter(|step| step.required == required).collect();
            (steps.iter().filter(|step| step.passed()).count(), steps.len())
        };
        let ((passed, required), (passed_too, optional)) = (count(true), count(false));
        format!(
            "{}: {passed} of {required} required and {passed_too} of {optional} optional steps.",
            if self.passed() { "Passed" } else { "Failed" },
        )
    }
}

impl SuiteReport {
    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["#", "Step", "Kind", "Result"]);
        for (n, step) in self.steps.iter().enumerate() {
            let result = Cell::new(step.verdict.word()).fg(step.verdict.color());
            let number = Cell::new(n + 1);
            table.add_row([number, Cell::new(&step.name), Cell::new(step.kind()), result]);
        }
        table
    }
}

impl StepReport {
    /// What is wrong, below the table; nothing for a step that passed.
    fn explain(&self, n: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Passed => return Ok(()),
            Verdict::Skipped { reason } => writeln!(f, "\n{n}. {}: skipped, {reason}", self.name)?,
            Verdict::Failed { failures } => {
                writeln!(f, "\n{n}. {}", self.name)?;
                for failure in failures {
                    writeln!(f, "   {failure}")?;
                }
            }
        }
        self.excerpt.as_ref().map_or(Ok(()), |excerpt| excerpt.print(f))
    }
}

impl Excerpt {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "   > {}", self.request)?;
        if let Some(sent) = &self.sent {
            writeln!(f, "   > {sent}")?;
        }
        if let Some(status) = self.status {
            writeln!(f, "   < {status} {}", self.received)?;
        }
        Ok(())
    }
}
