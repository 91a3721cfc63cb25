//! The report of a run, as text and as JSON.

use std::fmt;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;

use super::client::{ServerRequest, ServerResponse};

/// The length to which a body is cut in the report, in characters.
const EXCERPT: usize = 600;

/// The report of a run.
#[derive(Clone, Debug, Serialize)]
pub struct ConformanceReport {
    /// The SCIM base URL.
    pub url: String,
    /// Remarks beside the steps, a sentence each.
    pub notes: Vec<String>,
    /// The suites, in the order in which they ran.
    pub suites: Vec<SuiteReport>,
}

/// The results of a suite.
#[derive(Clone, Debug, Serialize)]
pub struct SuiteReport {
    /// The value of `--suite` for it.
    pub name: String,
    /// The title of the original.
    pub title: String,
    /// The subject of the suite.
    pub description: String,
    /// Where the original is published.
    pub source: String,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// The result of a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// The name in the original.
    pub name: String,
    /// Whether Okta requires it.
    pub required: bool,
    /// The result.
    #[serde(flatten)]
    pub verdict: StepResult,
    /// Request and answer, if the step failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
}

/// The result of a step: passed, failed, or not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum StepResult {
    /// Every assertion held.
    Passed,
    /// Some assertions failed; a sentence each.
    Failed {
        /// The failed assertions.
        failures: Vec<String>,
    },
    /// An earlier step did not give a variable that this one needs.
    Skipped {
        /// The missing variable.
        reason: String,
    },
}

/// A request and its answer, shortened, without credentials.
#[derive(Clone, Debug, Serialize)]
pub struct Excerpt {
    /// Method and path with query.
    pub request: String,
    /// The body that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// The status, if the server answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of the body that came back.
    pub received: String,
}

impl ConformanceReport {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), notes: Vec::new(), suites: Vec::new() }
    }

    /// Whether every required step passed; the exit status says the same.
    pub fn passed(&self) -> bool {
        self.steps().filter(|step| step.required).all(StepReport::passed)
    }

    /// The report as one line of JSON, with the overall result in `passed`.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct ReportJson<'a> {
            passed: bool,
            #[serde(flatten)]
            report: &'a ConformanceReport,
        }
        let whole = ReportJson { passed: self.passed(), report: self };
        serde_json::to_string(&whole).expect("strings and numbers always serialise")
    }

    fn steps(&self) -> impl Iterator<Item = &StepReport> {
        self.suites.iter().flat_map(|suite| &suite.steps)
    }
}

impl StepReport {
    /// Whether every assertion held.
    pub fn passed(&self) -> bool {
        self.verdict == StepResult::Passed
    }

    fn kind(&self) -> &'static str {
        if self.required { "required" } else { "optional" }
    }
}

impl StepResult {
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
    pub(super) fn new(call: &ServerRequest, answer: &ServerResponse) -> Self {
        let received = shorten(&answer.body);
        Self { status: Some(answer.status), received, ..Self::unanswered(call) }
    }

    pub(super) fn unanswered(call: &ServerRequest) -> Self {
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

impl fmt::Display for ConformanceReport {
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

impl ConformanceReport {
    fn verdict(&self) -> String {
        let count = |required| {
            let steps: Vec<_> = self.steps().filter(|step| step.required == required).collect();
            (steps.iter().filter(|step| step.passed()).count(), steps.len())
        };
        let ((passed, required), (passed_too, optional)) = (count(true), count(false));
        format!(
            "{}: {passed} of {required} required and {passed_too} of {optional} optional steps passed.",
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
    /// The details below the table; nothing for a step that passed.
    fn explain(&self, n: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            StepResult::Passed => return Ok(()),
            StepResult::Skipped { reason } => {
                writeln!(f, "\n{n}. {}: skipped, {reason}", self.name)?;
            }
            StepResult::Failed { failures } => {
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
