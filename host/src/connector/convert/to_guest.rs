//! The arguments of `decide`. They borrow from the host's types. The bindings take lists as slices,
//! so the caller holds the lists ([`Lists`]).

use crate::connector::bindings::types;
use crate::decision::{
    Account, Context, Event, EventKind, Exchange, Group, Member, Membership, Request, Response,
    Subject, Unreachable, User,
};

type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// The lists of names and values in an exchange.
pub(super) struct Lists<'a> {
    query: Pairs<'a>,
    headers: Pairs<'a>,
    response_headers: Pairs<'a>,
}

impl<'a> Lists<'a> {
    pub(super) fn of(exchange: &'a Exchange) -> Self {
        let Exchange { request, response } = exchange;
        Self {
            query: pairs(&request.query),
            headers: pairs(&request.headers),
            response_headers: response.as_ref().map_or_else(|_| Vec::new(), |r| pairs(&r.headers)),
        }
    }

    pub(super) fn exchange(&'a self, exchange: &'a Exchange) -> types::Exchange<'a> {
        let Exchange { request, response } = exchange;
        types::Exchange {
            request: self.request(request),
            response: match response {
                Ok(response) => Ok(self.response(response)),
                Err(reason) => Err(unreachable(*reason)),
            },
        }
    }

    fn request(&'a self, request: &'a Request) -> types::RequestParam<'a> {
        types::RequestParam {
            endpoint: &request.endpoint,
            method: &request.method,
            path: &request.path,
            query: &self.query,
            headers: &self.headers,
            body: request.body.as_deref(),
        }
    }

    fn response(&'a self, response: &'a Response) -> types::Response<'a> {
        let headers = &self.response_headers;
        types::Response { status: response.status, headers, body: &response.body }
    }
}

fn pairs(pairs: &[(String, String)]) -> Pairs<'_> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn unreachable(reason: Unreachable) -> types::Unreachable {
    match reason {
        Unreachable::Timeout => types::Unreachable::Timeout,
        Unreachable::Connection => types::Unreachable::Connection,
        Unreachable::TooLarge => types::Unreachable::TooLarge,
        Unreachable::CircuitOpen => types::Unreachable::CircuitOpen,
    }
}

pub(super) fn context(context: &Context) -> types::Context<'_> {
    types::Context {
        operation: &context.operation,
        tenant: &context.tenant,
        now: &context.now,
        seed: context.seed,
        settings: &context.settings,
        before: context.before.as_deref(),
        account: context.account.as_ref().map(account),
        elsewhere: context.elsewhere,
    }
}

pub(super) fn event<'a>(
    event: &'a Event,
    changes: &'a [&'a str],
    joined: &'a [types::Member<'a>],
    left: &'a [types::Member<'a>],
) -> types::Event<'a> {
    types::Event {
        kind: kind(event.kind),
        subject: match &event.subject {
            Subject::User(it) => types::Subject::User(user(it)),
            Subject::Group(it) => types::Subject::Group(group(it)),
        },
        resource: &event.resource,
        changes,
        password: event.password.as_deref(),
        joined,
        left,
    }
}

fn kind(kind: EventKind) -> types::EventKind {
    match kind {
        EventKind::Create => types::EventKind::Create,
        EventKind::Update => types::EventKind::Update,
        EventKind::Activate => types::EventKind::Activate,
        EventKind::Deactivate => types::EventKind::Deactivate,
        EventKind::Delete => types::EventKind::Delete,
        EventKind::Release => types::EventKind::Release,
        EventKind::Password => types::EventKind::Password,
        EventKind::GroupCreate => types::EventKind::GroupCreate,
        EventKind::GroupUpdate => types::EventKind::GroupUpdate,
        EventKind::GroupDelete => types::EventKind::GroupDelete,
    }
}

fn user(user: &User) -> types::User<'_> {
    types::User {
        id: &user.id,
        user_name: &user.user_name,
        external_id: user.external_id.as_deref(),
        display_name: user.display_name.as_deref(),
        given_name: user.given_name.as_deref(),
        family_name: user.family_name.as_deref(),
        email: user.email.as_deref(),
        active: user.active,
    }
}

fn group(group: &Group) -> types::Group<'_> {
    types::Group {
        id: &group.id,
        display_name: &group.display_name,
        external_id: group.external_id.as_deref(),
    }
}

pub(super) fn member(member: &Member) -> types::Member<'_> {
    let Member { id, name, account: its } = member;
    types::Member { id, name, account: its.as_ref().map(account) }
}

fn account(account: &Account) -> types::AccountParam<'_> {
    let Account { id, membership, data } = account;
    let membership = match membership {
        Membership::Active => types::Membership::Active,
        Membership::Suspended => types::Membership::Suspended,
        Membership::Absent => types::Membership::Absent,
    };
    types::AccountParam { id, membership, data }
}
