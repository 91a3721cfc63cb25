//! What is measured, as an identity provider sends it.

use std::fmt;

use anyhow::{Context, ensure};

use crate::connection::{Answer, Request, encoded};
use crate::directory::{Directory, user_name};

/// Resources on a page.
const PAGE: usize = 100;

/// What identity providers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A user by id, at random.
    Get,
    /// A user by `userName`, at random, as Okta looks for somebody.
    Filter,
    /// A page of 100 users; each connection walks from the first page to the last.
    List,
    /// `active`, by Okta's `replace` without a path; false, and the next time true, for each user.
    Patch,
    /// A new user, with Okta's body.
    Post,
    /// One more member of one group, another one each time.
    Group,
}

/// Where a connection stands.
#[derive(Debug)]
pub(crate) struct Seat {
    random: u64,
    /// The number of the next page's first user.
    next: usize,
}

/// A request and what is known of it.
pub(crate) struct Turn {
    pub(crate) request: Request,
    /// The number of the user that it makes.
    makes: Option<usize>,
}

impl Operation {
    pub(crate) const ALL: [Self; 6] =
        [Self::Get, Self::Filter, Self::List, Self::Patch, Self::Post, Self::Group];

    /// The operations of these names; all without.
    pub(crate) fn named(names: &[String]) -> anyhow::Result<Vec<Self>> {
        let find = |name: &String| {
            let found = Self::ALL.into_iter().find(|operation| operation.to_string() == *name);
            found.with_context(|| format!("no operation is named {name}"))
        };
        if names.is_empty() { Ok(Self::ALL.into()) } else { names.iter().map(find).collect() }
    }

    /// The ratio to the limit that is to be reached.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Self::Get | Self::Filter | Self::Group => 0.5,
            Self::List | Self::Patch | Self::Post => 0.6,
        }
    }

    /// Whether users and groups stay as many as they are.
    pub(crate) fn keeps_population(self) -> bool {
        !matches!(self, Self::Post | Self::Group)
    }

    /// Whether it changes anything, so that a connector decides about it.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Patch | Self::Post | Self::Group)
    }

    fn status(self) -> u16 {
        match self {
            Self::Get | Self::Filter | Self::List | Self::Patch => 200,
            Self::Post => 201,
            Self::Group => 204,
        }
    }

    /// The next request; none where nobody is left whom it could be about.
    pub(crate) fn turn(self, directory: &Directory, seat: &mut Seat) -> Option<Turn> {
        let mut makes = None;
        let request = match self {
            Self::Get => Request::get(format!("/Users/{}", directory.anybody(seat.random()).id)),
            Self::Filter => {
                let name = directory.anybody(seat.random()).name();
                let filter = encoded(&format!("userName eq \"{name}\""));
                Request::get(format!("/Users?filter={filter}&startIndex=1&count={PAGE}"))
            }
            Self::List => {
                let start = seat.page(directory.population());
                Request::get(format!("/Users?startIndex={start}&count={PAGE}"))
            }
            Self::Patch => {
                let (person, active) = directory.next_to_patch();
                let body =
                    operations(&format!(r#"{{"op":"replace","value":{{"active":{active}}}}}"#));
                Request { method: "PATCH", path: format!("/Users/{}", person.id), body }
            }
            Self::Post => {
                let n = directory.next_name();
                makes = Some(n);
                Request { method: "POST", path: "/Users".to_owned(), body: user(n) }
            }
            Self::Group => {
                let (group, person) = directory.next_to_join()?;
                Request { method: "PATCH", path: format!("/Groups/{group}"), body: join(&[person]) }
            }
        };
        Some(Turn { request, makes })
    }

    /// Takes note of an answer; an error where it is not the right one.
    pub(crate) fn heard(
        self,
        directory: &Directory,
        turn: &Turn,
        answer: Answer<'_>,
    ) -> anyhow::Result<()> {
        let answer = answer.expect(self.status())?;
        if let Some(n) = turn.makes {
            directory.arrived(n, id(answer.body)?);
        }
        Ok(())
    }

    /// Reads an answer whole, which is too much to do with each.
    pub(crate) fn check(self, directory: &Directory, answer: &Answer<'_>) -> anyhow::Result<()> {
        match self {
            Self::Get | Self::Patch | Self::Post => {
                let user = answer.json()?;
                ensure!(user["active"].is_boolean() && user["userName"].is_string(), "{user}");
            }
            Self::Filter | Self::List => {
                let list = answer.json()?;
                let expected = if self == Self::List { directory.population() } else { 1 };
                let found = list["Resources"].as_array().map_or(0, Vec::len);
                ensure!(list["totalResults"] == expected, "{} results", list["totalResults"]);
                ensure!(found == expected.min(PAGE), "{found} resources on a page");
            }
            Self::Group => {}
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::Filter => "filter",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Post => "post",
            Self::Group => "group",
        })
    }
}

impl Seat {
    pub(crate) fn new(number: usize) -> Self {
        Self { random: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1), next: 1 }
    }

    /// Xorshift: the same numbers in every run.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn page(&mut self, population: usize) -> usize {
        let start = if self.next + PAGE > population + 1 { 1 } else { self.next };
        self.next = start + PAGE;
        start
    }
}

/// Okta's body of a new user (its recorded conversation, with other names).
fn user(n: usize) -> String {
    let name = user_name(n);
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"{name}","name":{{"givenName":"Person","familyName":"Number {n}"}},"emails":[{{"primary":true,"value":"{name}","type":"work"}}],"displayName":"Person Number {n}","locale":"en-US","externalId":"00u{n:017}","groups":[],"password":"1mz050nq","active":true}}"#
    )
}

/// The body that adds people to a group.
pub(crate) fn join(people: &[(String, String)]) -> String {
    let members: Vec<_> = people
        .iter()
        .map(|(id, name)| format!(r#"{{"value":"{id}","display":"{name}"}}"#))
        .collect();
    operations(&format!(r#"{{"op":"add","path":"members","value":[{}]}}"#, members.join(",")))
}

fn operations(operations: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{operations}]}}"#
    )
}

/// The id in a resource, found without reading all of it.
pub(crate) fn id(resource: &[u8]) -> anyhow::Result<String> {
    let text = std::str::from_utf8(resource)?;
    let (_, rest) = text.split_once(r#""id":""#).context("a resource without an id")?;
    rest.split_once('"').map(|(id, _)| id.to_owned()).context("an id without an end")
}
