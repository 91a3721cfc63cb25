//! Schedules: what identity providers, operators, the app and the machine do, and when.

use std::collections::BTreeSet;
use std::fmt;

use super::network::{Failure, Fault};
use super::random::Random;

/// The tenants, which share the app.
pub(crate) const TENANTS: [&str; 2] = ["acme", "beta"];
const PEOPLE: [&str; 5] = ["ada", "bob", "cyd", "dan", "eve"];
const GROUPS: [&str; 2] = ["red", "blue"];
/// The fail points at which a host dies.
pub(crate) const POINTS: [&str; 4] = ["journal", "journal-done", "call", "call-done"];

/// What a schedule is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) three_state: bool,
    pub(crate) when_recorded: bool,
    pub(crate) honours_keys: bool,
}

/// One step, some milliseconds after the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at: u64,
    pub(crate) action: Action,
}

/// A person of a tenant's identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Person {
    pub(crate) tenant: usize,
    pub(crate) name: &'static str,
}

/// A group of a tenant's identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    pub(crate) tenant: usize,
    pub(crate) name: &'static str,
}

/// A change that an identity provider wants.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create {
        person: Person,
        active: bool,
        title: u32,
    },
    Activate {
        person: Person,
        title: Option<u32>,
    },
    Deactivate(Person),
    Title {
        person: Person,
        title: u32,
    },
    /// The whole person is sent, without a state.
    Replace {
        person: Person,
        title: u32,
    },
    Delete(Person),
    /// With `again`, although the directory has a group of this name.
    CreateGroup {
        group: Group,
        members: Vec<Person>,
        again: bool,
    },
    Add {
        group: Group,
        members: Vec<Person>,
    },
    Remove {
        group: Group,
        member: Person,
    },
    /// The whole group is sent.
    ReplaceGroup {
        group: Group,
        members: Vec<Person>,
    },
    DeleteGroup(Group),
    /// Creates and deactivations in one request.
    Bulk(Vec<Self>),
}

/// How an identity provider asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// How often it asks again when it was told to.
    pub(crate) repeats: u32,
    /// Milliseconds after which it hangs up.
    pub(crate) patience: Option<u64>,
}

/// What an operator does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operator {
    Pause(usize),
    Connect(usize),
    Disconnect { tenant: usize, people: &'static str },
    Retry { tenant: usize, nth: usize },
    Drop { tenant: usize, nth: usize },
    Protect { person: Person, protected: bool },
    Promote,
    RollBack,
}

/// What happens in a step.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Ask(Change, Manner),
    Operate(Operator),
    Fail(Fault),
    Heal,
    AppRestarts {
        forgets: bool,
    },
    /// The host dies, at a fail point if one is named, at its nth passage.
    Die(Option<(&'static str, u32)>),
    DiskFull {
        seconds: u64,
    },
    Clock {
        minutes: i64,
    },
}

impl Person {
    /// The address: some people are in both organisations.
    pub(crate) fn email(self) -> String {
        match self.name {
            "ada" | "bob" => format!("{}@example.com", self.name),
            name => format!("{name}@{}.example", TENANTS[self.tenant]),
        }
    }

    /// All people of a tenant.
    pub(crate) fn all(tenant: usize) -> impl Iterator<Item = Self> {
        PEOPLE.into_iter().map(move |name| Self { tenant, name })
    }
}

impl Group {
    /// All groups of a tenant.
    pub(crate) fn all(tenant: usize) -> impl Iterator<Item = Self> {
        GROUPS.into_iter().map(move |name| Self { tenant, name })
    }
}

/// Kinds of steps that are left out of schedules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Without(pub(crate) Vec<String>);

impl Without {
    fn has(&self, kind: &str) -> bool {
        self.0.iter().any(|it| it == kind)
    }
}

/// The schedule of a seed.
pub(crate) fn generate(seed: u64, without: &Without) -> (Setup, Vec<Step>) {
    let mut random = Random::new(seed);
    let setup = Setup {
        seed,
        three_state: random.once_in(2),
        when_recorded: random.once_in(3),
        honours_keys: !random.once_in(4),
    };
    let (mut steps, mut at) = (Vec::new(), 0);
    // Most schedules are about few people, so that their changes meet.
    let crowd = if random.once_in(3) { 5 } else { 2 };
    // A directory that is empty has little to change.
    let settled = Manner { repeats: 3, patience: None };
    for _ in 0..1 + random.below(crowd) {
        let person = one_of(&mut random, 0, crowd);
        let create = Change::Create { person, active: !random.once_in(4), title: 0 };
        steps.push(Step { at: random.below(50), action: Action::Ask(create, settled) });
    }
    if random.once_in(2) {
        let (group, members) = (Group { tenant: 0, name: GROUPS[0] }, Vec::new());
        let create = Change::CreateGroup { group, members, again: false };
        steps.push(Step { at: 60, action: Action::Ask(create, settled) });
        at = 60;
    }
    steps.sort_by_key(|step| step.at);
    for _ in 0..6 + random.below(18) {
        at += match random.below(4) {
            0 => random.below(20),
            1 => random.below(400),
            2 => random.below(4000),
            _ => random.below(15_000),
        };
        let action = judgeable(action(&mut random, crowd, without), setup);
        steps.push(Step { at, action });
    }
    if steps.iter().any(|step| step.action.makes_calls_late()) {
        steps.iter_mut().for_each(|step| step.action.keep_the_clock_from_going_forward());
    }
    (setup, steps)
}

/// The action without what the host cannot make right by itself: a second group of a name that was
/// acknowledged before the app was asked takes no team, and waits for an operator.
fn judgeable(action: Action, setup: Setup) -> Action {
    let once = |change: Change| match change {
        Change::CreateGroup { group, members, .. } if setup.when_recorded => {
            Change::CreateGroup { group, members, again: false }
        }
        other => other,
    };
    match action {
        Action::Ask(Change::Bulk(mut changes), manner) => {
            let mut created = BTreeSet::new();
            changes.retain(|change| match change {
                Change::CreateGroup { group, .. } if setup.when_recorded => created.insert(*group),
                _ => true,
            });
            Action::Ask(Change::Bulk(changes.into_iter().map(once).collect()), manner)
        }
        Action::Ask(change, manner) => Action::Ask(once(change), manner),
        other => other,
    }
}

impl Action {
    /// Whether calls may arrive at the app after the host has given them up.
    fn makes_calls_late(&self) -> bool {
        matches!(self, Self::Fail(fault) if matches!(fault.failure, Failure::CutLate | Failure::Slow))
    }

    /// A clock that is set forward ends the time in which a late call is expected: the host cannot make
    /// right what such a call does.
    fn keep_the_clock_from_going_forward(&mut self) {
        if let Self::Clock { minutes } = self {
            *minutes = (*minutes).min(0);
        }
    }
}

fn action(random: &mut Random, crowd: u64, without: &Without) -> Action {
    loop {
        let (kind, action) = match random.below(100) {
            0..=59 => ("ask", Action::Ask(change(random, crowd), manner(random))),
            60..=69 => operate(random, crowd),
            70..=87 => ("fail", Action::Fail(fault(random))),
            88..=90 => ("heal", Action::Heal),
            91..=92 => ("restart", Action::AppRestarts { forgets: random.once_in(2) }),
            93..=96 => {
                let nth = 1 + u32::try_from(random.below(4)).expect("it is small");
                let point = (!random.once_in(4)).then(|| (random.pick(&POINTS), nth));
                ("die", Action::Die(point))
            }
            97 => ("disk", Action::DiskFull { seconds: 1 + random.below(20) }),
            _ => {
                let minutes = i64::try_from(random.below(120)).expect("it is small") - 30;
                ("clock", Action::Clock { minutes })
            }
        };
        if !without.has(kind) {
            return action;
        }
    }
}

fn manner(random: &mut Random) -> Manner {
    Manner {
        repeats: u32::try_from(random.below(4)).expect("it is small"),
        patience: random.once_in(6).then(|| 1 + random.below(4000)),
    }
}

fn change(random: &mut Random, crowd: u64) -> Change {
    if random.once_in(14) {
        let tenant = tenant(random);
        let one = |random: &mut Random| one_change(random, tenant, crowd);
        return Change::Bulk((0..2 + random.below(2)).map(|_| one(random)).collect());
    }
    let tenant = tenant(random);
    one_change(random, tenant, crowd)
}

fn tenant(random: &mut Random) -> usize {
    usize::from(random.once_in(3))
}

/// A person of the crowd: if it is small, one who is in both organisations, and one who is not.
fn one_of(random: &mut Random, tenant: usize, crowd: u64) -> Person {
    let of_small = if random.once_in(2) { PEOPLE[0] } else { PEOPLE[2] };
    let name = if crowd < 5 { of_small } else { random.pick(&PEOPLE) };
    Person { tenant, name }
}

fn one_change(random: &mut Random, tenant: usize, crowd: u64) -> Change {
    let person = one_of(random, tenant, crowd);
    let group = Group { tenant, name: random.pick(&GROUPS) };
    let title = u32::try_from(random.below(9)).expect("it is small");
    let some = |random: &mut Random| {
        let mut members: Vec<Person> =
            Person::all(tenant).filter(|_| random.once_in(3)).chain([person]).collect();
        members.sort_unstable();
        members.dedup();
        members
    };
    match random.below(21) {
        0..=4 => Change::Create { person, active: !random.once_in(4), title },
        5..=7 => Change::Activate { person, title: random.once_in(2).then_some(title) },
        8..=10 => Change::Deactivate(person),
        11 => Change::Title { person, title },
        12 => Change::Replace { person, title },
        13..=14 => Change::Delete(person),
        15..=16 => Change::CreateGroup { group, members: some(random), again: random.once_in(6) },
        17 => Change::Add { group, members: some(random) },
        18 => Change::Remove { group, member: person },
        19 => {
            let members = if random.once_in(2) { Vec::new() } else { some(random) };
            Change::ReplaceGroup { group, members }
        }
        _ => Change::DeleteGroup(group),
    }
}

fn operate(random: &mut Random, crowd: u64) -> (&'static str, Action) {
    let tenant = tenant(random);
    let nth = usize::try_from(random.below(3)).expect("it is small");
    let person = one_of(random, tenant, crowd);
    let (kind, operator) = match random.below(20) {
        0..=4 => ("pause", Operator::Pause(tenant)),
        5..=9 => ("connect", Operator::Connect(tenant)),
        10..=11 => {
            let people = random.pick(&["release", "deactivate", "remove"]);
            ("disconnect", Operator::Disconnect { tenant, people })
        }
        12..=14 => ("retry", Operator::Retry { tenant, nth }),
        15 => ("drop", Operator::Drop { tenant, nth }),
        16 => ("protect", Operator::Protect { person, protected: !random.once_in(3) }),
        17..=18 => ("promote", Operator::Promote),
        _ => ("promote", Operator::RollBack),
    };
    (kind, Action::Operate(operator))
}

fn fault(random: &mut Random) -> Fault {
    const STATUSES: [u16; 10] = [400, 401, 402, 403, 409, 422, 429, 500, 502, 503];
    const FAILURES: [u16; 4] = [500, 502, 503, 504];
    let failure = match random.below(11) {
        8 => Failure::Down,
        9 => Failure::StatusAfter(random.pick(&FAILURES)),
        10 => Failure::RefusedAgain(random.pick(&FAILURES), random.pick(&[400, 402, 409, 422])),
        0 => Failure::CutBefore,
        1 => Failure::CutAfter,
        2 => Failure::CutLate,
        3 => Failure::Slow,
        4 => Failure::Garbage,
        _ => Failure::Status(random.pick(&STATUSES)),
    };
    Fault {
        failure,
        seconds: random.pick(&[1, 5, 20, 60, 300]),
        once_in: random.pick(&[1, 1, 2, 4]),
        later_calls: random.once_in(3),
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, three_state, when_recorded, honours_keys } = self;
        let connector = if *three_state { "three-state" } else { "two-state" };
        let reply = if *when_recorded { "when-recorded" } else { "when-done" };
        let keys = if *honours_keys { "honours" } else { "ignores" };
        write!(f, "seed {seed}: {connector}, {reply}, the app {keys} idempotency keys")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = format!("{}.{:03}", self.at / 1000, self.at % 1000);
        write!(f, "{seconds:>8} s  {}", self.action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(change, Manner { repeats, patience }) => {
                write!(f, "{change}, repeated {repeats} times")?;
                patience.map_or(Ok(()), |millis| write!(f, ", hangs up after {millis} ms"))
            }
            Self::Operate(operator) => write!(f, "operator: {operator}"),
            Self::Fail(fault) => write!(f, "app: {fault}"),
            Self::Heal => f.write_str("app: no faults any more"),
            Self::AppRestarts { forgets: true } => {
                f.write_str("app: restarts without its unanswered writes")
            }
            Self::AppRestarts { forgets: false } => f.write_str("app: restarts"),
            Self::Die(None) => f.write_str("host: dies"),
            Self::Die(Some((point, nth))) => write!(f, "host: dies at {point}, passage {nth}"),
            Self::DiskFull { seconds } => write!(f, "host: disk full for {seconds} s"),
            Self::Clock { minutes } => write!(f, "host: clock set by {minutes} minutes"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { person, active, title } => {
                write!(f, "{person}: create, active {active}, title {title}")
            }
            Self::Activate { person, title: Some(title) } => {
                write!(f, "{person}: activate, title {title}")
            }
            Self::Activate { person, title: None } => write!(f, "{person}: activate"),
            Self::Deactivate(person) => write!(f, "{person}: deactivate"),
            Self::Title { person, title } => write!(f, "{person}: title {title}"),
            Self::Replace { person, title } => write!(f, "{person}: PUT, title {title}"),
            Self::Delete(person) => write!(f, "{person}: delete"),
            Self::CreateGroup { group, members, again } => {
                write!(f, "{group}: create")?;
                members.iter().try_for_each(|member| write!(f, " {member}"))?;
                f.write_str(if *again { ", even if it exists" } else { "" })
            }
            Self::Add { group, members } => {
                write!(f, "{group}: add")?;
                members.iter().try_for_each(|member| write!(f, " {member}"))
            }
            Self::Remove { group, member } => write!(f, "{group}: remove {member}"),
            Self::ReplaceGroup { group, members } => {
                write!(f, "{group}: PUT")?;
                members.iter().try_for_each(|member| write!(f, " {member}"))
            }
            Self::DeleteGroup(group) => write!(f, "{group}: delete"),
            Self::Bulk(changes) => {
                f.write_str("bulk")?;
                changes.iter().try_for_each(|change| write!(f, " [{change}]"))
            }
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", TENANTS[self.tenant], self.name)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", TENANTS[self.tenant], self.name)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause(tenant) => write!(f, "pause {}", TENANTS[*tenant]),
            Self::Connect(tenant) => write!(f, "connect {}", TENANTS[*tenant]),
            Self::Disconnect { tenant, people } => {
                write!(f, "disconnect {}, {people}", TENANTS[*tenant])
            }
            Self::Retry { tenant, nth } => {
                write!(f, "retry undone operation {nth} of {}", TENANTS[*tenant])
            }
            Self::Drop { tenant, nth } => {
                write!(f, "drop undone operation {nth} of {}", TENANTS[*tenant])
            }
            Self::Protect { person, protected } => write!(f, "protect {person}: {protected}"),
            Self::Promote => f.write_str("promote the next version"),
            Self::RollBack => f.write_str("roll back"),
        }
    }
}
