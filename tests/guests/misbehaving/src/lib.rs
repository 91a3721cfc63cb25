//! A connector that does what its settings say: `{"do":"loop"}`.

wit_bindgen::generate!({ path: "../../../wit", world: "connector" });

use std::hint::black_box;
use std::panic::set_hook;
use std::ptr::read_volatile;
use std::sync::atomic::{AtomicU32, Ordering};

use exports::muster::connector::lifecycle::{Context, Event, Exchange, Guest, Refusal, Step};
use muster::connector::log::{Level, log};
use muster::connector::types::{Account, Membership, Outcome, Request, Subject, Visibility};

/// The behaviour of `describe`, which has no arguments. Tests replace it in the compiled file.
static DESCRIBE: [u8; 17] = *b"describe:manifest";

/// The manifest, with room for a longer one. Tests replace it in the compiled file.
static MANIFEST: [u8; 4096] = with_room(
    r#"{
    "name": "misbehaving",
    "version": "1.0.0",
    "description": "Does whatever its settings say.",
    "membership": "three-state",
    "lifecycle": { "create": { "membership": "active", "text": "Joins." } },
    "settings": { "type": "object" },
    "endpoints": [{ "name": "app", "description": "The app." }]
}"#,
);

static CALLS: AtomicU32 = AtomicU32::new(0);

struct Misbehaving;

impl Guest for Misbehaving {
    fn describe() -> String {
        // Volatile, so that the compiler does not assume the value.
        match unsafe { read_volatile(&DESCRIBE) } {
            [.., b'l', b'o', b'o', b'p'] => forever(),
            [.., b't', b'r', b'a', b'p'] => panic!("no description"),
            [.., b'l', b'i', b'e', b's'] => manifest().replace("misbehaving", "Misbehaving!"),
            _ => manifest(),
        }
    }

    fn decide(context: Context, event: Event, exchanges: Vec<Exchange>) -> Result<Step, Refusal> {
        set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
        // {"do":"…"}: the fourth part when split at quotation marks.
        let told = context.settings.split('"').nth(3).unwrap_or_default();
        if let Some((what, detail)) = told.split_once(' ') {
            return send(what, detail, event.password.as_deref().unwrap_or_default(), &exchanges);
        }
        match told {
            "done" => done("done"),
            "loop" => forever(),
            "allocate" => allocate(),
            "allocate-politely" => done(&allocate_politely()),
            "recurse" => done(&recurse(1).to_string()),
            "panic" => panic!("as I was told"),
            "out-of-bounds" => done(&out_of_bounds().to_string()),
            "huge-result" => done(&"x".repeat(8 << 20)),
            "large-result" => call("app", Some(vec![0; 1 << 20])),
            "huge-log" => {
                log(Level::Info, &"x".repeat(8 << 20));
                done("logged")
            }
            "log-flood" => {
                flood();
                done("flooded")
            }
            "log-and-panic" => {
                flood();
                panic!("after all that")
            }
            "log" => {
                log(Level::Debug, "a");
                log(Level::Info, "b");
                log(Level::Warn, "c");
                log(Level::Error, "d");
                done("logged")
            }
            "shout" => {
                let Subject::User(user) = event.subject else { return done("no user") };
                log(Level::Info, &user.user_name);
                Err(Refusal::Rejected(user.user_name))
            }
            "nonsense-account" => answer("", "{}", "no id"),
            "nonsense-data" => answer("7", "{", "no JSON"),
            "ungranted-endpoint" => call("internet", None),
            "compute" => {
                compute();
                done("computed")
            }
            "remember" => done(&(CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string()),
            "call-then-done" if exchanges.is_empty() => call("app", Some(b"hello".to_vec())),
            "call-then-done" => done(&format!("{:?}", exchanges[0].response)),
            "repeat" => Ok(Step::Call(exchanges[0].request.clone())),
            "return" => Ok(Step::Done(Outcome {
                account: context.account,
                visibility: Visibility::Gone,
                note: String::new(),
            })),
            "echo" => {
                log(Level::Info, &format!("{context:?}"));
                // In another case: a log line must not hold the placeholder.
                let password = event.password.as_ref().map(|it| it.to_uppercase());
                log(Level::Info, &format!("{:?}", Event { password, ..event }));
                log(Level::Info, &format!("{exchanges:?}"));
                done("echoed")
            }
            "reject" => Err(Refusal::Rejected("a".to_owned())),
            "conflict" => Err(Refusal::Conflict("b".to_owned())),
            "forbid" => Err(Refusal::Forbidden("c".to_owned())),
            "unsupported" => Err(Refusal::Unsupported("d".to_owned())),
            "later" => Err(Refusal::RetryLater(Some(7))),
            "misconfigured" => Err(Refusal::Misconfigured("e".to_owned())),
            other => panic!("I cannot do {other:?}"),
        }
    }
}

export!(Misbehaving);

/// The manifest. Volatile, as above.
fn manifest() -> String {
    String::from_utf8(unsafe { read_volatile(&MANIFEST) }.to_vec()).unwrap()
}

const fn with_room<const N: usize>(text: &str) -> [u8; N] {
    let (mut bytes, text, mut at) = ([b' '; N], text.as_bytes(), 0);
    while at < text.len() {
        bytes[at] = text[at];
        at += 1;
    }
    bytes
}

fn done(note: &str) -> Result<Step, Refusal> {
    answer("7", "{}", note)
}

fn answer(id: &str, data: &str, note: &str) -> Result<Step, Refusal> {
    let account =
        Account { id: id.to_owned(), membership: Membership::Active, data: data.to_owned() };
    let visibility = Visibility::Present;
    Ok(Step::Done(Outcome { account: Some(account), visibility, note: note.to_owned() }))
}

/// Makes one request, as told in two words, and is done.
fn send(what: &str, detail: &str, password: &str, sent: &[Exchange]) -> Result<Step, Refusal> {
    if !sent.is_empty() {
        return done("sent");
    }
    let pairs = |times: &str| vec![("x".to_owned(), "1".to_owned()); times.parse().unwrap()];
    let mut request = request("app", None);
    match what {
        "headers" => request.headers = pairs(detail),
        "pairs" => request.query = pairs(detail),
        "long-query" => request.query[0].1 = "x".repeat(detail.parse().unwrap()),
        "header" => request.headers.push((detail.to_owned(), "1".to_owned())),
        "password" => return tell(request, detail, password),
        _ => panic!("I cannot send {what:?}"),
    }
    Ok(Step::Call(request))
}

/// Puts the password's placeholder into this place.
fn tell(mut request: Request, place: &str, password: &str) -> Result<Step, Refusal> {
    let json = match place {
        "field" => format!(r#"{{"password":"{password}"}}"#),
        "listed" => format!(r#"{{"user":{{"secret":"{password}"}}}}"#),
        "member" => format!(r#"{{"displayName":"{password}"}}"#),
        "part" => format!(r#"{{"password":"it is {password}"}}"#),
        "name" => format!(r#"{{"{password}":true}}"#),
        "twice" => format!(r#"{{"name":"{password}","name":"x","password":"{password}"}}"#),
        _ => String::new(),
    };
    if !json.is_empty() {
        request.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        request.body = Some(json.into_bytes());
        return Ok(Step::Call(request));
    }
    let form = |field: &str| Some(format!("{field}={password}").into_bytes());
    request.headers[0].1 = "application/x-www-form-urlencoded".to_owned();
    match place {
        "path" => request.path = format!("/users/{password}"),
        "query" => request.query.push(("p".to_owned(), password.to_owned())),
        "header" => request.headers.push(("prefer".to_owned(), password.to_owned())),
        "text" => (request.headers, request.body) = (text(), Some(password.into())),
        "form" => request.body = form("password"),
        "form-member" => request.body = form("displayName"),
        "note" => return done(password),
        "id" => return answer(password, "{}", "id"),
        "data" => return answer("7", &format!(r#"["{password}"]"#), "data"),
        "refusal" => return Err(Refusal::Rejected(password.to_owned())),
        "log" => {
            log(Level::Info, password);
            return done("logged");
        }
        _ => panic!("no place {place:?}"),
    }
    Ok(Step::Call(request))
}

fn text() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "text/plain".to_owned())]
}

fn call(endpoint: &str, body: Option<Vec<u8>>) -> Result<Step, Refusal> {
    Ok(Step::Call(request(endpoint, body)))
}

fn request(endpoint: &str, body: Option<Vec<u8>>) -> Request {
    Request {
        endpoint: endpoint.to_owned(),
        method: "POST".to_owned(),
        path: "/users".to_owned(),
        query: vec![("dry".to_owned(), "no".to_owned())],
        headers: text(),
        body,
    }
}

fn forever() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Takes much longer than a fast decision, and ends.
fn compute() {
    (0..400_000_000_u64).for_each(|n| {
        black_box(n);
    });
}

fn allocate() -> ! {
    loop {
        black_box(Box::leak(vec![1_u8; 1 << 20].into_boxed_slice()));
    }
}

/// Allocates all available memory, frees it, and returns the number of MiB.
fn allocate_politely() -> String {
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(1000);
    loop {
        let mut more = Vec::new();
        if more.try_reserve_exact(1 << 20).is_err() {
            return held.len().to_string();
        }
        held.push(black_box(more));
    }
}

/// No local variable has an address, so it fills the sandbox's stack and not the one in memory.
#[inline(never)]
fn recurse(n: u64) -> u64 {
    if n == 0 { 0 } else { recurse(n.wrapping_mul(5) | 1).rotate_left(1) ^ n }
}

fn out_of_bounds() -> u8 {
    unsafe { read_volatile(black_box(0xffff_fff0_usize) as *const u8) }
}

fn flood() {
    for n in 0..10_000 {
        log(Level::Info, &n.to_string());
    }
}
