//! What commands write to a terminal: texts of identity providers and connectors never control it.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Muster, Tenant, user};

/// Is refused with a text and a log line full of control characters: `tests/guests/misbehaving`.
const RUDE: &str = "rude";

/// Characters that reorder a text or are not seen.
const INVISIBLE: &str = "\u{202a}\u{202e}\u{2066}\u{2069}\u{200b}\u{200e}\u{2028}\u{2060}\u{feff}";

/// Characters that move the cursor, change a terminal or end a line, and those.
fn controls() -> String {
    let controls = ('\u{1}'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
    let sequences = "\x1b[2J\x1b[8m\x1b[31m\x1b]0;title\x07\r\x1b[K";
    format!("{}{INVISIBLE}{sequences}", controls.collect::<String>())
}

/// Whether a terminal shows this character, or ends a line or a column at it.
fn is_shown(c: char) -> bool {
    ['\n', '\t'].contains(&c) || !c.is_control() && !INVISIBLE.contains(c)
}

/// A tenant whose texts are full of control characters, and a refused operation in it.
async fn rude_tenant(muster: &Muster) -> (Tenant, String) {
    muster.push(guest("misbehaving")).await.expect(201);
    let app = json!({
        "name": RUDE,
        "connector": "misbehaving@1.0.0",
        "settings": { "do": "shout" },
        "endpoints": { "app": { "base_url": muster.stage.app_url, "private_addresses": true } },
    });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    let tenant = muster.plain_tenant(RUDE, RUDE).await;
    let mut person = user("ada");
    person["userName"] = json!(format!("ada{}@acme.example", controls()));
    let answer = muster.post(&tenant, "/Users", person).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let path = format!("/operations?tenant={RUDE}");
    let operations = muster.admin("GET", &path, None).await.expect(200).body;
    let operation = operations["items"][0]["id"].as_str().unwrap().to_owned();
    (tenant, operation)
}

#[tokio::test]
async fn no_command_prints_a_control_character_of_a_name_a_note_or_a_log_line() {
    let muster = Muster::start().await;
    let (tenant, operation) = rude_tenant(&muster).await;
    let set = json!({ "settings": { "do": "done" } });
    muster.admin("PATCH", &format!("/apps/{RUDE}"), Some(set)).await.expect(200);
    let mut person = user("bob");
    person["userName"] = json!(format!("bob{}@acme.example", controls()));
    muster.post(&tenant, "/Users", person).await.expect(201);
    let wrong = format!("wrong{}", controls().replace('\0', ""));
    for command in [
        vec!["app", "list"],
        vec!["app", "show", RUDE],
        vec!["app", "show", &wrong],
        vec!["connector", "list"],
        vec!["connector", "replay", "misbehaving@1.0.0", "--app", RUDE],
        vec!["connector", "show", "misbehaving@1.0.0"],
        vec!["job", "list"],
        vec!["operation", "explain", &operation],
        vec!["operation", "list", "--tenant", RUDE],
        vec!["operation", "list", "--tenant", &wrong],
        vec!["operation", "list", "--state", &wrong],
        vec!["operation", "retry", &operation],
        vec!["operation", "show", &operation],
        vec!["tenant", "disconnect", RUDE],
        vec!["tenant", "show", RUDE],
        vec!["tenant", "set", RUDE, "--set", &wrong],
        vec!["token", "list", RUDE],
    ] {
        let (_, printed) = muster.command(&command).await;
        let wrong: Vec<char> = printed.chars().filter(|c| !is_shown(*c)).collect();
        assert!(wrong.is_empty(), "{command:?} prints {wrong:?}: {printed:?}");
        let (status, printed) = muster.command(&[&command[..], &["--json"]].concat()).await;
        assert!(printed.chars().all(is_shown), "{command:?} --json prints {printed:?}");
        assert!(status != Some(0) || serde_json::from_str::<Value>(&printed).is_ok(), "{printed}");
    }
}

#[tokio::test]
async fn a_text_stays_on_its_line_and_is_whole_in_json() {
    let muster = Muster::start().await;
    let (_, operation) = rude_tenant(&muster).await;
    let (_, explained) = muster.command(&["operation", "explain", &operation]).await;
    let log: Vec<&str> = explained.lines().filter(|line| line.contains("log: ")).collect();
    assert!(log.len() == 1 && log[0].ends_with("\\r\\u001b[K@acme.example"), "{explained}");
    let (_, shown) = muster.command(&["operation", "show", &operation, "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let name = format!("ada{}@acme.example", controls());
    assert_eq!(shown["log"], json!([format!("info: {name}")]));
    assert_eq!(shown["subject"], json!(name));
}
