//! The demo's output in a terminal: each request with its decision, its calls to the app, and its answer.

use serde_json::Value;

use super::super::local_environment::LocalEnvironment;
use super::super::output::{BAD, FAINT, GOOD, NAME, NOTE, STRONG};
use super::okta::{JournaledDecision, ObservedResponse, OktaClient};
use super::script::{Scene, ScriptedRequest};
use crate::lifecycle::{NewAdminToken, Preview};
use crate::terminal;

/// The most characters in a line.
const WIDTH: usize = 100;
/// The width of an organisation's column in the list of people.
const COLUMN: usize = 40;

pub(super) fn title() {
    terminal::println!(
        "\n{STRONG}muster{STRONG:#}  a SCIM server that hosts provisioning connectors\n\
         {FAINT}This demo runs a server, a sample app with organisations, and a scripted Okta on this \
         machine.{FAINT:#}"
    );
}

pub(super) fn tenants(environment: &LocalEnvironment, clients: &[OktaClient]) {
    terminal::println!("\n{FAINT}the app     {FAINT:#}{}", environment.app_url);
    for client in clients {
        terminal::println!(
            "{FAINT}tenant      {FAINT:#}{NAME}{:11}{NAME:#} {} {FAINT}→ organisation {}{FAINT:#}",
            client.tenant,
            client.token.base_url,
            client.organization
        );
    }
}

pub(super) fn scene(n: usize, scene: &Scene) {
    let rule = "─".repeat(WIDTH.saturating_sub(scene.title.chars().count() + 6));
    terminal::println!("\n{STRONG}── {n}. {}{STRONG:#} {FAINT}{rule}{FAINT:#}", scene.title);
    let summary: String = scene.summary.split_whitespace().collect::<Vec<_>>().join(" ");
    terminal::println!("{FAINT}{summary}{FAINT:#}");
}

/// A request of Okta's.
pub(super) fn request(request: &ScriptedRequest) {
    terminal::println!(
        "\n  {STRONG}Okta{STRONG:#}  {NOTE}{:5}{NOTE:#} {}",
        request.method,
        request.path
    );
    if let Some(body) = request.body {
        terminal::println!(
            "              {FAINT}{}{FAINT:#}",
            shortened(&without_schemas(body), WIDTH - 14)
        );
    }
}

/// The response and its effects for one tenant.
pub(super) fn response(
    client: &OktaClient,
    request: &ScriptedRequest,
    response: &ObservedResponse,
) {
    let style = if response.status < 300 { GOOD } else { BAD };
    terminal::println!(
        "    {NAME}{:11}{NAME:#} Okta saw  {style}{}{style:#} {}",
        client.tenant,
        response.status,
        response_summary(request, &response.body)
    );
    for call in &response.calls {
        terminal::println!(
            "    {:11} asked     {} {} {FAINT}→ {}{FAINT:#}",
            "",
            call.method,
            call.path,
            call.status
        );
    }
    if let Some(decision) = &response.decision {
        let JournaledDecision { event, state, note, membership } = decision;
        let reached = match (*state, membership) {
            ("done", Some(membership)) => format!("→ {NOTE}{membership}{NOTE:#}"),
            ("done", None) => format!("→ {NOTE}no account{NOTE:#}"),
            _ => format!("{NOTE}{state}{NOTE:#}"),
        };
        terminal::println!("    {:11} decided   {STRONG}{event}{STRONG:#} {reached}: {note}", "");
    }
}

/// The parts of a response that Okta uses.
fn response_summary(request: &ScriptedRequest, body: &Value) -> String {
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
    if parts.is_empty() && request.method == "PATCH" {
        "no content".to_owned()
    } else {
        parts.join(", ")
    }
}

pub(super) fn disconnected(client: &OktaClient, preview: &Preview, calls: usize) {
    terminal::println!(
        "    {NAME}{:11}{NAME:#} muster tenant disconnect: {} people, {} active; the connector \
         releases each of them",
        client.tenant,
        preview.total,
        preview.active
    );
    for person in preview.named.iter().take(3) {
        terminal::println!(
            "    {:11} {FAINT}{}: {}{FAINT:#}",
            "",
            person.user_name,
            person.decision
        );
    }
    terminal::println!(
        "    {:11} the app received {calls} calls; every account stays as it is",
        ""
    );
}

/// The member lists of the organisations, side by side.
pub(super) fn members<'c>(
    environment: &LocalEnvironment,
    clients: impl Iterator<Item = &'c OktaClient>,
) {
    terminal::println!(
        "\n{STRONG}── People in the app now {STRONG:#}{FAINT}{}{FAINT:#}",
        "─".repeat(WIDTH - 25)
    );
    let organizations: Vec<&str> = clients.map(|client| client.organization).collect();
    let lists: Vec<Vec<String>> =
        organizations.iter().map(|it| environment.sample.people_of(it)).collect();
    let row =
        |cells: Vec<&str>| cells.iter().map(|cell| format!("{cell:COLUMN$}")).collect::<String>();
    terminal::println!("  {NAME}{}{NAME:#}", row(organizations));
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    for n in 0..longest {
        let cells = lists.iter().map(|list| list.get(n).map_or("", String::as_str)).collect();
        terminal::println!("  {}", row(cells));
    }
}

/// What can be tried: a request of the first client's, and commands of an operator's.
pub(super) fn how_to_continue(clients: &[OktaClient], admin: &NewAdminToken, url: &str) {
    let Some(client) = clients.first() else { return };
    let (base_url, token) = (&client.token.base_url, &client.token.token);
    terminal::println!(
        "\n{STRONG}The server is still running.{STRONG:#} Try it, as the identity provider:\n"
    );
    terminal::println!("  curl -s -H 'Authorization: Bearer {token}' '{base_url}/Users'");
    terminal::println!("\nAs an operator:\n");
    terminal::println!("  export MUSTER_URL={url} MUSTER_ADMIN_TOKEN={}", admin.token);
    let program = std::env::args().next().unwrap_or_else(|| "muster".to_owned());
    for command in [
        "tenant list",
        "operation list --tenant globex",
        "tenant connect globex --preview",
        "connector show two-state",
    ] {
        terminal::println!("  {program} {command}");
    }
    terminal::println!("\n{FAINT}Press Ctrl-C to stop.{FAINT:#}");
}

/// The body without `schemas`, which is the same in every body.
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
    fn a_long_body_is_cut_with_an_ellipsis() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcd …");
    }

    #[test]
    fn a_body_is_shown_without_its_schemas() {
        assert_eq!(without_schemas(r#"{"schemas":["x"],"active":true}"#), r#"{"active":true}"#);
    }
}
