//! The operations that are measured, with the requests of real identity providers.

use std::fmt;

use anyhow::{Context, ensure};

use crate::connection::{Request, Response, encoded};
use crate::directory::{Directory, user_name};

/// Resources on a page.
const PAGE: usize = 100;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Reads a random user by id.
    Get,
    /// Finds a random user by `userName`, with the query that Okta sends.
    Filter,
    /// Lists a page of 100 users; each connection goes from the first page to the last.
    List,
    /// Lists a page of 100 users at a random `startIndex`.
    Random,
    /// Sets `active` with Okta's `replace` without a path: false for each user, then true.
    Patch,
    /// Creates a user with Okta's request body.
    Post,
    /// Adds a member to one group, a different user each time.
    Group,
}

/// The state of one connection between its requests.
#[derive(Debug)]
pub(crate) struct ClientState {
    random: u64,
    /// `startIndex` of the next page.
    next: usize,
}

/// A request that is ready to be sent.
pub(crate) struct PreparedRequest {
    pub(crate) request: Request,
    /// The number of the user that it creates, if it creates one.
    creates: Option<usize>,
}

impl Operation {
    pub(crate) const ALL: [Self; 7] =
        [Self::Get, Self::Filter, Self::List, Self::Random, Self::Patch, Self::Post, Self::Group];

    /// The operations with these names; all operations if there are no names.
    pub(crate) fn named(names: &[String]) -> anyhow::Result<Vec<Self>> {
        let find = |name: &String| {
            let found = Self::ALL.into_iter().find(|operation| operation.to_string() == *name);
            found.with_context(|| format!("there is no operation {name}"))
        };
        if names.is_empty() { Ok(Self::ALL.into()) } else { names.iter().map(find).collect() }
    }

    /// The ratio of muster to the limit that is the goal.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Self::Get => 0.55,
            Self::Filter => 0.5,
            Self::List => 0.45,
            Self::Patch => 0.42,
            Self::Post => 0.4,
            Self::Random => 0.3,
            Self::Group => 0.25,
        }
    }

    /// Whether the operation leaves the number of users and groups unchanged.
    pub(crate) fn keeps_population(self) -> bool {
        !matches!(self, Self::Post | Self::Group)
    }

    /// Whether the operation changes data, so that a connector decides about it.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Patch | Self::Post | Self::Group)
    }

    fn expected_status(self) -> u16 {
        match self {
            Self::Get | Self::Filter | Self::List | Self::Random | Self::Patch => 200,
            Self::Post => 201,
            Self::Group => 204,
        }
    }

    /// The next request; `None` if no user is left for it.
    pub(crate) fn prepare(
        self,
        directory: &Directory,
        client: &mut ClientState,
    ) -> Option<PreparedRequest> {
        let mut creates = None;
        let request = match self {
            Self::Get => {
                Request::get(format!("/Users/{}", directory.random_person(client.random()).id))
            }
            Self::Filter => {
                let name = directory.random_person(client.random()).name();
                let filter = encoded(&format!("userName eq \"{name}\""));
                Request::get(format!("/Users?filter={filter}&startIndex=1&count={PAGE}"))
            }
            Self::List => {
                let start = client.page(directory.population());
                Request::get(format!("/Users?startIndex={start}&count={PAGE}"))
            }
            Self::Random => {
                let start = client.random_page(directory.population());
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
                creates = Some(n);
                Request { method: "POST", path: "/Users".to_owned(), body: user(n) }
            }
            Self::Group => {
                let (group, person) = directory.next_to_join()?;
                Request {
                    method: "PATCH",
                    path: format!("/Groups/{group}"),
                    body: add_members(&[person]),
                }
            }
        };
        Some(PreparedRequest { request, creates })
    }

    /// Records a created user. A response with another status than expected is an error.
    pub(crate) fn record(
        self,
        directory: &Directory,
        prepared: &PreparedRequest,
        response: Response<'_>,
    ) -> anyhow::Result<()> {
        let response = response.expect(self.expected_status())?;
        if let Some(n) = prepared.creates {
            directory.add(n, resource_id(response.body)?);
        }
        Ok(())
    }

    /// Parses a response and checks its contents. Too expensive to do for every response.
    pub(crate) fn check(
        self,
        directory: &Directory,
        response: &Response<'_>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Get | Self::Patch | Self::Post => {
                let user = response.json()?;
                ensure!(user["active"].is_boolean() && user["userName"].is_string(), "{user}");
            }
            Self::Filter | Self::List | Self::Random => {
                let list = response.json()?;
                let expected = if self == Self::Filter { 1 } else { directory.population() };
                let found = list["Resources"].as_array().map_or(0, Vec::len);
                ensure!(
                    list["totalResults"] == expected,
                    "totalResults is {}, not {expected}",
                    list["totalResults"]
                );
                ensure!(found == expected.min(PAGE), "a page of {found} resources");
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
            Self::Random => "random",
            Self::Patch => "patch",
            Self::Post => "post",
            Self::Group => "group",
        })
    }
}

impl ClientState {
    pub(crate) fn new(number: usize) -> Self {
        Self { random: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1), next: 1 }
    }

    /// A pseudo-random number (xorshift), the same sequence in every run.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// The `startIndex` of the next whole page, from the first again after the last.
    fn page(&mut self, population: usize) -> usize {
        let start = if self.next + PAGE > population + 1 { 1 } else { self.next };
        self.next = start + PAGE;
        start
    }

    /// The `startIndex` of any whole page.
    fn random_page(&mut self, population: usize) -> usize {
        let starts = population.saturating_sub(PAGE) + 1;
        (self.random() % starts as u64) as usize + 1
    }
}

/// The body of Okta's create request, from its recorded conversation, with other names.
fn user(n: usize) -> String {
    let name = user_name(n);
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"{name}","name":{{"givenName":"Person","familyName":"Number {n}"}},"emails":[{{"primary":true,"value":"{name}","type":"work"}}],"displayName":"Person Number {n}","locale":"en-US","externalId":"00u{n:017}","groups":[],"password":"1mz050nq","active":true}}"#
    )
}

/// The body of a PATCH that adds members to a group; each is an id and a display name.
pub(crate) fn add_members(people: &[(String, String)]) -> String {
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

/// The id of a resource, found without parsing the whole document.
pub(crate) fn resource_id(resource: &[u8]) -> anyhow::Result<String> {
    let text = std::str::from_utf8(resource)?;
    let (_, rest) = text.split_once(r#""id":""#).context("the resource has no id")?;
    rest.split_once('"').map(|(id, _)| id.to_owned()).context("the id of the resource is cut off")
}
