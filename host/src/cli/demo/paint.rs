//! How the story looks in a terminal.

use serde_json::Value;

use super::super::output::{BAD, FAINT, GOOD, NAME, NOTE, STRONG};
use super::super::stage::Stage;
use super::play::{Decision, Player, Seen};
use super::script::{Ask, Scene};
use crate::lifecycle::Preview;

/// How wide a line may grow.
const WIDTH: usize = 100;

pub(super) fn opening() {
    anstream::println!(
        "\n{STRONG}muster{STRONG:#}  a SCIM server that hosts provisioning connectors\n\
         {FAINT}A host, an app with organisations, and Okta: all real, all on this machine.{FAINT:#}"
    );
}

pub(super) fn cast(stage: &Stage, players: &[Player]) {
    anstream::println!("\n{FAINT}the app     {FAINT:#}{}", stage.app_url);
    for player in players {
        anstream::println!(
            "{FAINT}tenant      {FAINT:#}{NAME}{:11}{NAME:#} {} {FAINT}→ organisation {}{FAINT:#}",
            player.connector,
            player.token.base_url,
            player.organization
        );
    }
}

pub(super) fn scene(n: usize, scene: &Scene) {
    let rule = "─".repeat(WIDTH.saturating_sub(scene.title.chars().count() + 6));
    anstream::println!("\n{STRONG}── {n}. {}{STRONG:#} {FAINT}{rule}{FAINT:#}", scene.title);
    let tale: String = scene.tale.split_whitespace().collect::<Vec<_>>().join(" ");
    anstream::println!("{FAINT}{tale}{FAINT:#}");
}

/// What Okta sends.
pub(super) fn ask(ask: &Ask) {
    anstream::println!("\n  {STRONG}Okta{STRONG:#}  {NOTE}{:5}{NOTE:#} {}", ask.method, ask.path);
    if let Some(body) = ask.body {
        anstream::println!(
            "              {FAINT}{}{FAINT:#}",
            shortened(&without_schemas(body), WIDTH - 14)
        );
    }
}

/// What came of it for one tenant.
pub(super) fn seen(player: &Player, ask: &Ask, seen: &Seen) {
    let style = if seen.status < 300 { GOOD } else { BAD };
    anstream::println!(
        "    {NAME}{:11}{NAME:#} Okta saw  {style}{}{style:#} {}",
        player.connector,
        seen.status,
        gist(ask, &seen.body)
    );
    for call in &seen.calls {
        anstream::println!(
            "    {:11} asked     {} {} {FAINT}→ {}{FAINT:#}",
            "",
            call.method,
            call.path,
            call.status
        );
    }
    if let Some(decision) = &seen.decision {
        let Decision { event, state, note, membership } = decision;
        let reached = match (*state, membership) {
            ("done", Some(membership)) => format!("→ {NOTE}{membership}{NOTE:#}"),
            ("done", None) => format!("→ {NOTE}no account{NOTE:#}"),
            _ => format!("{NOTE}{state}{NOTE:#}"),
        };
        anstream::println!("    {:11} decided   {STRONG}{event}{STRONG:#} {reached}: {note}", "");
    }
}

/// What Okta looks at in an answer.
fn gist(ask: &Ask, body: &Value) -> String {
    if let Some(total) = body["totalResults"].as_u64() {
        let first = &body["Resources"][0];
        let active = first["active"].as_bool().map(|active| format!(", active: {active}"));
        return format!("{total} found{}", active.unwrap_or_default());
    }
    if let Some(detail) = body["detail"].as_str() {
        return detail.to_owned();
    }
    let id = body["id"].as_str().map(|id| format!("id …{}", &id[id.len().saturating_sub(6)..]));
    let active = body["active"].as_bool().map(|active| format!("active: {active}"));
    let title = body["title"].as_str().map(|title| format!("title: {title}"));
    let parts: Vec<String> = [id, active, title].into_iter().flatten().collect();
    if parts.is_empty() && ask.method == "PATCH" {
        "no content".to_owned()
    } else {
        parts.join(", ")
    }
}

pub(super) fn disconnected(player: &Player, preview: &Preview, calls: usize) {
    anstream::println!(
        "    {NAME}{:11}{NAME:#} muster tenant disconnect: {} people, {} active; the connector \
         lets each of them go",
        player.connector,
        preview.total,
        preview.active
    );
    for person in preview.named.iter().take(3) {
        anstream::println!(
            "    {:11} {FAINT}{}: {}{FAINT:#}",
            "",
            person.user_name,
            person.decision
        );
    }
    anstream::println!(
        "    {:11} the app was asked {calls} times: every account stays as it is",
        ""
    );
}

/// The two apps' member lists, side by side.
pub(super) fn members(stage: &Stage, players: &[Player]) {
    anstream::println!(
        "\n{STRONG}── Who is in the app now {STRONG:#}{FAINT}{}{FAINT:#}",
        "─".repeat(WIDTH - 25)
    );
    let lists: Vec<Vec<String>> =
        players.iter().map(|player| stage.sample.people_of(player.organization)).collect();
    let headings: Vec<String> = players.iter().map(|p| p.organization.to_owned()).collect();
    let row = |cells: Vec<&str>| cells.iter().map(|cell| format!("{cell:48}")).collect::<String>();
    anstream::println!("  {NAME}{}{NAME:#}", row(headings.iter().map(String::as_str).collect()));
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    for n in 0..longest {
        let cells = lists.iter().map(|list| list.get(n).map_or("", String::as_str)).collect();
        anstream::println!("  {}", row(cells));
    }
}

pub(super) fn serving_on(players: &[Player]) {
    let Some(player) = players.first() else { return };
    let (url, token) = (&player.token.base_url, &player.token.token);
    let header = format!("-H 'Authorization: Bearer {token}'");
    anstream::println!("\n{STRONG}The host serves on.{STRONG:#} Be Okta yourself:\n");
    anstream::println!("  base URL  {NAME}{url}{NAME:#}\n  token     {NAME}{token}{NAME:#}\n");
    anstream::println!("  curl -s {header} '{url}/Users'");
    anstream::println!(
        "  curl -s {header} --get '{url}/Users' --data-urlencode 'filter=userName eq \"ada@acme.example\"'"
    );
    anstream::println!("  curl -s {header} '{url}/ServiceProviderConfig'");
    anstream::println!("\n{FAINT}Ctrl-C ends it.{FAINT:#}");
}

/// The schemas are in each body, and tell a reader nothing.
fn without_schemas(body: &str) -> String {
    let Ok(Value::Object(mut body)) = serde_json::from_str::<Value>(body) else {
        return body.to_owned();
    };
    body.remove("schemas");
    Value::Object(body).to_string()
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(2)).chain(" …".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_is_cut_and_says_so() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcd …");
    }

    #[test]
    fn a_body_is_shown_without_what_is_in_each() {
        assert_eq!(without_schemas(r#"{"schemas":["x"],"active":true}"#), r#"{"active":true}"#);
    }
}
