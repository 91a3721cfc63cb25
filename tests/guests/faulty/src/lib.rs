//! A correct connector with one fault, which its settings name: `{"fault":"leaver-stays"}`. The
//! conformance kit must find it.

wit_bindgen::generate!({ path: "../../../wit", world: "connector" });

use std::hint::black_box;
use std::panic::set_hook;

use exports::muster::connector::lifecycle::{Context, Event, Exchange, Guest, Refusal, Step};
use muster::connector::log::{Level, log};
use muster::connector::types::{
    Account, EventKind, Membership, Outcome, Request, Response, Subject, Unreachable, Visibility,
};

const MANIFEST: &str = r#"{
    "name": "faulty",
    "version": "1.0.0",
    "description": "Has the fault that its settings name.",
    "membership": "three-state",
    "lifecycle": {
        "create": { "membership": "active", "text": "An account is made." },
        "update": { "membership": "unchanged", "text": "The account is updated." },
        "activate": { "membership": "active", "text": "The account is resumed." },
        "deactivate": { "membership": "suspended", "text": "The account is suspended." },
        "delete": { "membership": "absent", "text": "The account is deleted." },
        "release": { "membership": "unchanged", "text": "The account stays." },
        "password": { "membership": "unchanged", "text": "The password is set." }
    },
    "settings": { "type": "object", "properties": { "fault": { "type": "string" } } },
    "endpoints": [{ "name": "app", "description": "The app." }],
    "features": { "groups": false, "password": true }
}"#;

struct Faulty;

impl Guest for Faulty {
    fn describe() -> String {
        MANIFEST.to_owned()
    }

    fn decide(context: Context, event: Event, exchanges: Vec<Exchange>) -> Result<Step, Refusal> {
        set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
        // {"fault":"…"}: the fourth part when split at quotation marks.
        let fault = context.settings.split('"').nth(3).unwrap_or_default().to_owned();
        let mut app = App { fault, exchanges, asked: 0 };
        match decide(&mut app, &context, &event) {
            Ok(outcome) => Ok(Step::Done(outcome)),
            Err(Stop::Call(request)) => Ok(Step::Call(request)),
            Err(Stop::Refused(refusal)) => Err(refusal),
        }
    }
}

export!(Faulty);

/// Why a decision stops.
enum Stop {
    Call(Request),
    Refused(Refusal),
}

type Answer = Result<Response, Unreachable>;

/// The app, with its recorded responses.
struct App {
    fault: String,
    exchanges: Vec<Exchange>,
    asked: usize,
}

impl App {
    fn has(&self, fault: &str) -> bool {
        self.fault == fault
    }

    fn ask(&mut self, method: &str, path: &str, body: Option<String>) -> Result<Answer, Stop> {
        let mut request = Request {
            endpoint: if self.has("nonsense") { "internet" } else { "app" }.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.map(String::into_bytes),
        };
        match self.fault.as_str() {
            "request" => request.path.push_str("/.."),
            "header" => request.headers.push(("authorization".to_owned(), "me".to_owned())),
            "range" => request.headers.push(("range".to_owned(), "bytes=0-9".to_owned())),
            "needs-leave" => request.headers.push(("x-tenant".to_owned(), "acme".to_owned())),
            // The path depends on the number of recorded exchanges, so the decision is not pure.
            "undetermined" => request.path = format!("{path}/{}", self.exchanges.len()),
            "too-much" => request.body = Some(vec![b' '; 1 << 20]),
            _ => {}
        }
        let Some(recorded) = self.exchanges.get(self.asked) else {
            return Err(Stop::Call(request));
        };
        self.asked += 1;
        if recorded.request.path != request.path {
            let (asked, known) = (&request.path, &recorded.request.path);
            panic!("call {}: asked for {asked} where the journal has {known}", self.asked);
        }
        Ok(recorded.response.clone())
    }

    /// Performs a request that must succeed, and stops if it does not.
    fn send(&mut self, method: &str, path: &str, body: Option<String>) -> Result<Response, Stop> {
        match self.ask(method, path, body)? {
            Ok(response) if (200..300).contains(&response.status) => Ok(response),
            no => Err(Stop::Refused(refusal(&no))),
        }
    }
}

/// The refusal for an unsuccessful response.
fn refusal(no: &Answer) -> Refusal {
    let status = match no {
        Ok(response) => response.status,
        Err(Unreachable::TooLarge) => return Refusal::Misconfigured("too large".to_owned()),
        Err(_) => return Refusal::RetryLater(None),
    };
    let text = format!("The app says {status}.");
    match status {
        401 | 403 => Refusal::Misconfigured(text),
        409 => Refusal::Conflict(text),
        429 | 500.. => Refusal::RetryLater(None),
        _ => Refusal::Rejected(text),
    }
}

fn decide(app: &mut App, context: &Context, event: &Event) -> Result<Outcome, Stop> {
    let Subject::User(user) = &event.subject else {
        return match app.has("unlisted") {
            true => {
                app.send("POST", "/groups", None)?;
                Ok(outcome(app, "group", Membership::Active))
            }
            false => Err(Stop::Refused(Refusal::Unsupported("There are no groups.".to_owned()))),
        };
    };
    let known = context.account.as_ref().map(|it| it.id.clone());
    let id = known.clone().unwrap_or_else(|| user.id.clone());
    let state = if user.active { Membership::Active } else { Membership::Suspended };
    match event.kind {
        EventKind::Create => create(app, event, context, &id, state),
        EventKind::Activate if app.has("second-account") => {
            let made = app.send("POST", "/accounts", Some("{}".to_owned()))?;
            let made = String::from_utf8_lossy(&made.body).into_owned();
            let id = made.split("\"id\":\"").nth(1).and_then(|it| it.split('"').next());
            Ok(outcome(app, id.unwrap_or("1"), Membership::Active))
        }
        EventKind::Activate if app.has("rewrites") => {
            let found = app.send("GET", "/accounts", None)?;
            let found = String::from_utf8_lossy(&found.body).into_owned();
            let found = found.split("\"id\":\"").nth(1).and_then(|it| it.split('"').next());
            let path = format!("/accounts/{}", found.unwrap_or("1"));
            app.send("PATCH", &path, Some(event.resource.clone()))?;
            Ok(outcome(app, &id, Membership::Active))
        }
        EventKind::Activate if app.has("other-end") && context.operation == "operation-2" => {
            Ok(outcome(app, &id, Membership::Suspended))
        }
        EventKind::Activate => {
            app.send("PUT", &format!("/accounts/{id}"), None)?;
            Ok(outcome(app, &id, Membership::Active))
        }
        EventKind::Update => {
            app.send("PATCH", &format!("/accounts/{id}"), Some("{}".to_owned()))?;
            let state = context.account.as_ref().map_or(state, |it| it.membership);
            let mut updated = outcome(app, &id, state);
            if app.has("forgotten") {
                updated.account = None;
            }
            Ok(updated)
        }
        EventKind::Deactivate => {
            if app.has("profile-first")
                && let Some(id) = &known
            {
                let _ =
                    app.ask("PATCH", &format!("/accounts/{id}"), Some(event.resource.clone()))?;
            }
            leave(app, known, &id, "POST", "/suspend", Membership::Suspended)
        }
        EventKind::Delete => leave(app, known, &id, "DELETE", "", Membership::Absent),
        EventKind::Password => password(app, context, event, &id),
        _ => Ok(Outcome { account: context.account.clone(), ..outcome(app, &id, state) }),
    }
}

fn create(
    app: &mut App,
    event: &Event,
    context: &Context,
    id: &str,
    state: Membership,
) -> Result<Outcome, Stop> {
    if app.has("not-again") && context.account.is_some() {
        return Err(Stop::Refused(Refusal::Conflict("Was here before.".to_owned())));
    }
    if app.has("calls") {
        loop {
            app.send("GET", "/accounts", None)?;
        }
    }
    let password = event.password.as_deref().unwrap_or_default();
    let body = format!(r#"{{"password":"{password}"}}"#);
    let answer = app.ask("PUT", &format!("/accounts/{id}"), Some(body))?;
    match (app.fault.as_str(), &answer) {
        ("joiner-missing", _) => return Ok(outcome(app, id, state)),
        ("crash", Ok(Response { status: 409, .. })) => panic!("a conflict"),
        ("time", Ok(Response { status: 412, .. })) => loop {
            black_box(&app.asked);
        },
        ("memory", Ok(Response { status: 412, .. })) => loop {
            black_box(Box::leak(vec![1_u8; 1 << 20].into_boxed_slice()));
        },
        ("stack", Ok(Response { status: 412, .. })) => {
            return Ok(outcome(app, &recurse(1).to_string(), state));
        }
        ("lost", Ok(Response { status: 503, .. })) => {
            return Err(Stop::Refused(Refusal::Rejected("It is down.".to_owned())));
        }
        ("no-way", Ok(_)) => {
            return Err(Stop::Refused(Refusal::Misconfigured("No such app.".to_owned())));
        }
        _ => {}
    }
    match answer {
        Ok(response) if (200..300).contains(&response.status) => {
            if app.has("ignored") {
                let _ = app.ask("POST", "/welcome", None)?;
            }
            let state = if app.has("let-in") { Membership::Active } else { state };
            Ok(outcome(app, id, state))
        }
        no => Err(Stop::Refused(refusal(&no))),
    }
}

fn leave(
    app: &mut App,
    known: Option<String>,
    id: &str,
    method: &str,
    rest: &str,
    to: Membership,
) -> Result<Outcome, Stop> {
    if app.has("no-account") && known.is_none() {
        return Err(Stop::Refused(Refusal::Rejected("There is no account.".to_owned())));
    }
    if app.has("not-looked-for") && known.is_none() {
        return Ok(Outcome { account: None, ..outcome(app, "", to) });
    }
    let answer = app.ask(method, &format!("/accounts/{id}{rest}"), None)?;
    let status = answer.as_ref().map_or(0, |it| it.status);
    let to = if app.has("table") { Membership::Active } else { to };
    match (app.fault.as_str(), status) {
        ("leaver-stays", _) => Ok(outcome(app, id, to)),
        ("given-up", 500) => {
            Err(Stop::Refused(Refusal::Rejected("It does not want to.".to_owned())))
        }
        ("never-gone", 404) => Err(Stop::Refused(refusal(&answer))),
        (_, 200..300) => Ok(outcome(app, id, to)),
        (_, 404) => Ok(Outcome { account: None, ..outcome(app, id, to) }),
        _ => Err(Stop::Refused(refusal(&answer))),
    }
}

fn password(app: &mut App, context: &Context, event: &Event, id: &str) -> Result<Outcome, Stop> {
    let password = event.password.as_deref().unwrap_or_default();
    let path = match app.has("secret") {
        true => format!("/accounts/{id}/password/{password}"),
        false => format!("/accounts/{id}/password"),
    };
    let field = if app.has("secret-member") { "displayName" } else { "password" };
    app.send("PUT", &path, Some(format!(r#"{{"{field}":"{password}"}}"#)))?;
    let mut set =
        Outcome { account: context.account.clone(), ..outcome(app, id, Membership::Active) };
    if app.has("secret-note") {
        set.note = format!("The password is now {password}.");
    }
    if app.has("secret-data")
        && let Some(account) = &mut set.account
    {
        account.data = format!(r#"["{password}"]"#);
    }
    if app.has("secret-log") {
        log(Level::Info, &format!("The password is now {password}."));
    }
    Ok(set)
}

fn outcome(app: &App, id: &str, membership: Membership) -> Outcome {
    let account = Account { id: id.to_owned(), membership, data: "{}".to_owned() };
    let note = if app.has("note") { "" } else { "Done as told." };
    Outcome { account: Some(account), visibility: Visibility::Present, note: note.to_owned() }
}

/// No local variable has an address, so it fills the sandbox's stack and not the one in memory.
#[inline(never)]
fn recurse(n: u64) -> u64 {
    if n == 0 { 0 } else { recurse(n.wrapping_mul(5) | 1).rotate_left(1) ^ n }
}
