//! The oracle: what must be true when everything has settled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::PoisonError;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::app::{Account, Organization, World};
use super::belief::Fact;
use super::run::{Forbidden, Quiet, Run, text};
use super::schedule::{Group, Person, TENANTS};

/// A call that is made more often is a storm.
const MOST_CALLS: u32 = 300;

/// What the host says at the end, by tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Final {
    pub(crate) states: Vec<String>,
    pub(crate) users: Vec<Vec<Value>>,
    pub(crate) groups: Vec<Vec<Value>>,
}

/// A person of an organisation as the app has them.
struct InApp<'a> {
    account: &'a Account,
    active: bool,
}

/// All that is wrong.
pub(crate) fn judge(
    run: &Run<'_>,
    ended: &Final,
    linked: &BTreeSet<(String, String)>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    acknowledged(run, ended, &mut wrong);
    quiet(run, &mut wrong);
    storms(run, &mut wrong);
    let network = run.network();
    for (tenant, name) in TENANTS.into_iter().enumerate() {
        if ended.states[tenant] != "connected" || run.exempt.taken_away.contains(&tenant) {
            continue;
        }
        let nothing = Organization::default();
        let organization = network.world.organizations.get(name).unwrap_or(&nothing);
        people(run, tenant, ended, linked, &network.world, organization, &mut wrong);
        teams(run, tenant, ended, &network.world, organization, &mut wrong);
    }
    wrong
}

/// Everything that was acknowledged is in the directory.
fn acknowledged(run: &Run<'_>, ended: &Final, wrong: &mut Vec<String>) {
    let beliefs = run.beliefs.lock().unwrap_or_else(PoisonError::into_inner);
    let mut twice = Vec::new();
    let mut check = |fact: Fact, found: String| {
        if !beliefs.allows(fact, &found) {
            let possible = beliefs.possible(fact);
            wrong.push(format!("not acknowledged: {fact:?} is {found}, and may be {possible:?}"));
        }
    };
    for (tenant, tenant_name) in TENANTS.into_iter().enumerate() {
        if run.exempt.taken_away.contains(&tenant) {
            continue;
        }
        let named = |key: &str, of: &[Value], name: &str| {
            of.iter().find(|it| text(&it[key]) == name).cloned()
        };
        let exempt = |name: &str| run.exempt.names.contains(&(tenant, name.to_owned()));
        for person in Person::all(tenant).filter(|person| !exempt(&person.email())) {
            let user = named("userName", &ended.users[tenant], &person.email());
            check(Fact::Exists(person), user.is_some().to_string());
            if let Some(user) = user {
                check(Fact::Active(person), user["active"].to_string());
                check(Fact::Title(person), text(&user["title"]));
            }
        }
        for group in Group::all(tenant).filter(|group| !exempt(group.name)) {
            if count(&ended.groups[tenant], group.name) > 1 {
                // One that was acknowledged before the app was asked waits for an operator.
                if run.setup.when_recorded {
                    continue;
                }
                twice.push(format!("two groups: {tenant_name}/{}", group.name));
                continue;
            }
            let found = named("displayName", &ended.groups[tenant], group.name);
            check(Fact::GroupExists(group), found.is_some().to_string());
            let Some(found) = found else { continue };
            for person in Person::all(tenant).filter(|person| !exempt(&person.email())) {
                let user = named("userName", &ended.users[tenant], &person.email());
                if let Some(user) = user {
                    let is_member = members(&found).contains(&text(&user["id"]));
                    check(Fact::Member(group, person), is_member.to_string());
                }
            }
        }
    }
    wrong.append(&mut twice);
}

/// How many groups have this name.
fn count(groups: &[Value], name: &str) -> usize {
    groups.iter().filter(|group| text(&group["displayName"]) == name).count()
}

/// How many milliseconds after a pause a call may leave whose intent was being written when the tenant
/// was paused.
const UNDER_WAY: u64 = 5;

/// No call was made that was forbidden, because its tenant was paused or disconnected.
fn quiet(run: &Run<'_>, wrong: &mut Vec<String>) {
    let network = run.network();
    for Quiet { tenant, from, until, forbidden } in &run.quiet {
        let from = from + UNDER_WAY;
        let within = |at: u64| at > from && until.is_none_or(|until| at < until);
        let begun =
            |key: &str| network.sent.iter().any(|sent| sent.at <= from && sent.call.key == key);
        for sent in network.sent.iter().filter(|sent| within(sent.at)) {
            let call = &sent.call;
            let ours = call.organization() == Some(TENANTS[*tenant]);
            let is_forbidden = match forbidden {
                Forbidden::Leaving => call.takes_away() && !sent.idle,
                Forbidden::Joining => !call.is_safe() && !call.takes_away(),
                Forbidden::Everything => !call.is_safe(),
            };
            if ours && is_forbidden && !begun(&call.key) {
                let (method, path) = (&call.method, &call.path);
                wrong.push(format!("held: {method} {path} at {} ms", sent.at));
            }
        }
    }
}

/// No call was made over and over: a back-off grows, and a schedule takes minutes.
fn storms(run: &Run<'_>, wrong: &mut Vec<String>) {
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for sent in &run.network().sent {
        let call = (sent.call.method.clone(), sent.call.path.clone());
        *counts.entry(call).or_default() += 1;
    }
    for ((method, path), times) in counts.into_iter().filter(|(_, times)| *times > MOST_CALLS) {
        wrong.push(format!("storm: {method} {path} {times} times"));
    }
}

/// The accounts equal the directory.
fn people(
    run: &Run<'_>,
    tenant: usize,
    ended: &Final,
    linked: &BTreeSet<(String, String)>,
    world: &World,
    organization: &Organization,
    wrong: &mut Vec<String>,
) {
    let in_app = in_app(run, world, organization);
    let mut known = BTreeSet::new();
    for user in &ended.users[tenant] {
        let email = text(&user["userName"]);
        known.insert(email.clone());
        if run.exempt.names.contains(&(tenant, email.clone())) {
            continue;
        }
        let name = format!("{}/{email}", TENANTS[tenant]);
        let active = user["active"] == true;
        match in_app.get(&email) {
            None if active => wrong.push(format!("not in the app: {name} is active")),
            Some(it) if active && !it.active => {
                wrong.push(format!("suspended in the app: {name} is active"));
            }
            Some(it) if !active && it.active => {
                wrong.push(format!("a leaver is in the app: {name}"));
            }
            Some(it) if active && run.setup.three_state => {
                let (told, title) = (it.account.title.clone().unwrap_or_default(), &user["title"]);
                // The profile of an account that was only found is not the identity provider's.
                let owned = !linked.contains(&(TENANTS[tenant].to_owned(), email.clone()));
                if owned && told != text(title) {
                    wrong.push(format!("profile: {name} has title {title}, the app {told}"));
                }
            }
            _ => {}
        }
    }
    for (email, it) in &in_app {
        let exempt = run.exempt.names.contains(&(tenant, email.clone()));
        if !known.contains(email) && !exempt {
            let how = if it.active { "active" } else { "suspended" };
            let name = format!("{}/{email}", TENANTS[tenant]);
            wrong.push(format!("left in the app: {name} is not in the directory, and {how}"));
        }
    }
}

/// The teams equal the groups, as far as their members are active.
fn teams(
    run: &Run<'_>,
    tenant: usize,
    ended: &Final,
    world: &World,
    organization: &Organization,
    wrong: &mut Vec<String>,
) {
    let emails: BTreeMap<&String, &String> = match run.setup.three_state {
        true => organization.accounts.iter().map(|(id, it)| (id, &it.email)).collect(),
        false => world.people.iter().map(|(id, it)| (id, &it.email)).collect(),
    };
    let active: BTreeMap<String, String> = ended.users[tenant]
        .iter()
        .filter(|user| user["active"] == true)
        .map(|user| (text(&user["id"]), text(&user["userName"])))
        .filter(|(_, email)| !run.exempt.names.contains(&(tenant, email.clone())))
        .collect();
    let mut known = BTreeSet::new();
    for group in &ended.groups[tenant] {
        let name = text(&group["displayName"]);
        known.insert(name.clone());
        let exempt = run.exempt.names.contains(&(tenant, name.to_lowercase()));
        if exempt || count(&ended.groups[tenant], &name) > 1 {
            continue;
        }
        let shown = format!("{}/{name}", TENANTS[tenant]);
        let Some(team) = organization.teams.values().find(|team| team.name == name) else {
            wrong.push(format!("no team: {shown}"));
            continue;
        };
        let wanted: BTreeSet<&String> =
            members(group).iter().filter_map(|id| active.get(id)).collect();
        let emails_here = team.members.iter().filter_map(|id| emails.get(id).copied());
        let found: BTreeSet<&String> =
            emails_here.filter(|email| active.values().any(|it| it == *email)).collect();
        for email in wanted.difference(&found) {
            wrong.push(format!("not in the team: {email} of {shown}"));
        }
        for email in found.difference(&wanted) {
            wrong.push(format!("left in the team: {email} of {shown}"));
        }
    }
    for team in organization.teams.values() {
        let exempt = run.exempt.names.contains(&(tenant, team.name.to_lowercase()));
        if !known.contains(&team.name) && !exempt {
            wrong.push(format!("left in the app: the team {}/{}", TENANTS[tenant], team.name));
        }
    }
}

/// The people of an organisation, by address.
fn in_app<'a>(
    run: &Run<'_>,
    world: &'a World,
    organization: &'a Organization,
) -> BTreeMap<String, InApp<'a>> {
    if run.setup.three_state {
        let accounts = organization.accounts.values();
        let in_app =
            accounts.map(|it| (it.email.clone(), InApp { account: it, active: !it.suspended }));
        return in_app.collect();
    }
    let people = organization.members.iter().filter_map(|id| world.people.get(id));
    people.map(|it| (it.email.clone(), InApp { account: it, active: true })).collect()
}

fn members(group: &Value) -> Vec<String> {
    group["members"].as_array().into_iter().flatten().map(|it| text(&it["value"])).collect()
}

/// No two live resources of a tenant have the same account.
pub(crate) fn two_owners(database: &Path) -> anyhow::Result<Vec<String>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut twice = connection.prepare(
        "SELECT t.name || '/' || a.account_id
         FROM account a JOIN term t ON t.number = a.tenant
         WHERE a.former = 0 AND a.account_id IS NOT NULL
         GROUP BY a.tenant, a.account_id HAVING count(*) > 1",
    )?;
    let names = twice.query_map([], |row| row.get::<_, String>(0))?;
    names.map(|name| Ok(format!("two owners: {}", name?))).collect()
}

/// The tenants and names of the accounts that a connector found, and did not make.
pub(crate) fn linked(database: &Path) -> anyhow::Result<BTreeSet<(String, String)>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut linked = connection.prepare(
        "SELECT t.name, a.user_name FROM account a JOIN term t ON t.number = a.tenant
         WHERE a.data LIKE '%\"linked\":true%'",
    )?;
    let rows = linked.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All rows of all tables but the connectors', as text.
pub(crate) fn dump(database: &Path) -> anyhow::Result<String> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut tables = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
         AND name <> 'connector' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY name",
    )?;
    let tables = tables.query_map([], |row| row.get::<_, String>(0))?;
    let mut dump = String::new();
    for table in tables {
        let table = table?;
        dump.push_str(&format!("== {table}\n"));
        let mut rows = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = rows.column_count();
        let mut rows = rows.query([])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            let mut line = String::new();
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => line.push('-'),
                    ValueRef::Integer(number) => line.push_str(&number.to_string()),
                    ValueRef::Real(number) => line.push_str(&number.to_string()),
                    ValueRef::Text(text) => line.push_str(&String::from_utf8_lossy(text)),
                    ValueRef::Blob(bytes) => line.push_str(&format!("{bytes:?}")),
                }
                line.push('|');
            }
            lines.push(line);
        }
        lines.sort_unstable();
        dump.push_str(&lines.join("\n"));
        dump.push('\n');
    }
    Ok(dump)
}
