//! The way to the app: delays, cuts, refusals and outages, and the calls that are on their way.
//!
//! Arrivals and answers are entries of a queue, which is worked off up to the present before each
//! look at the app. So a call whose host has stopped waiting, or was killed, arrives all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::app::{Answer, Call, World};
use super::random::Random;

/// A way in which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no connection.
    Down,
    /// The connection breaks, and the call has no effect.
    CutBefore,
    /// The connection breaks after the effect.
    CutAfter,
    /// The connection breaks, and the call arrives later.
    CutLate,
    /// The call takes from seconds to half a minute, longer than the host waits.
    Slow,
    /// The app answers this status, without an effect.
    Status(u16),
    /// There is an effect, and the app, or a gateway before it, answers this status.
    StatusAfter(u16),
    /// The same at first; when the call is repeated, the app refuses it with the second status.
    RefusedAgain(u16, u16),
    /// There is an effect, and the answer cannot be read.
    Garbage,
}

/// Failures of the calls of some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    /// Seconds from now.
    pub(crate) seconds: u64,
    /// One call in so many fails.
    pub(crate) once_in: u64,
    /// The first calls of each operation succeed: only later ones fail.
    pub(crate) later_calls: bool,
}

/// A call that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    pub(crate) call: Call,
    /// Whether it suspends an account that is suspended already.
    pub(crate) idle: bool,
}

#[derive(Clone, Debug)]
enum Due {
    /// A call arrives at the app.
    Arrival(Box<Arrival>),
    /// The answer to a call leaves.
    Departure,
}

#[derive(Clone, Debug)]
struct Arrival {
    number: u64,
    call: Call,
    answered: Answered,
}

/// How a call is answered that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    /// As the app does.
    Well,
    /// With this status, and it is not carried out.
    Instead(u16),
    /// With this status, after it was carried out.
    With(u16),
    /// So that the answer cannot be read.
    Garbled,
}

/// The app and the way to it.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) world: World,
    /// The app as it is after a crash.
    durable: World,
    pub(crate) honours_keys: bool,
    faults: Vec<(u64, Fault)>,
    due: BTreeMap<(u64, u64), Due>,
    answers: BTreeMap<u64, Answer>,
    count: u64,
    random: Random,
    pub(crate) sent: Vec<Sent>,
    /// The keys whose answers the host has had since it started.
    answered: BTreeSet<String>,
    forgetting: bool,
    /// The keys of calls that had an effect and were answered with a failure, to be refused next.
    failed: BTreeSet<String>,
    first: BTreeMap<String, Call>,
    pub(crate) violations: Vec<String>,
}

/// A call that was sent, as its sender sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    /// The number of the call; none if there will be no answer.
    number: Option<u64>,
    /// Milliseconds until the answer is there, or the connection breaks.
    pub(crate) millis: u64,
    /// There is no connection.
    pub(crate) refused: bool,
}

impl Network {
    pub(crate) fn new(seed: u64, honours_keys: bool) -> Self {
        Self {
            world: World::default(),
            durable: World::default(),
            honours_keys,
            faults: Vec::new(),
            due: BTreeMap::new(),
            answers: BTreeMap::new(),
            count: 0,
            random: Random::new(seed),
            sent: Vec::new(),
            answered: BTreeSet::new(),
            forgetting: false,
            failed: BTreeSet::new(),
            first: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    /// Takes a call from the host.
    pub(crate) fn send(&mut self, now: u64, call: Call) -> Ticket {
        self.catch_up(now);
        self.check(&call);
        let idle = self.world.is_suspended_already(&call);
        self.sent.push(Sent { at: now, call: call.clone(), idle });
        self.count += 1;
        let number = self.count;
        let failure = self.failure(now, &call);
        let Call { method, path, query, body, key } = &call;
        tracing::debug!(now, number, method, path, query, %body, key, ?failure, "app: call sent");
        let (there, back) = (1 + self.random.below(20), 1 + self.random.below(20));
        let whole = there + back;
        let lost = Ticket { number: None, millis: whole, refused: false };
        match failure {
            Some(Failure::Down) => return Ticket { refused: true, ..lost },
            Some(Failure::CutBefore) => return lost,
            Some(Failure::CutAfter) => {
                self.arrive(now + there, number, call, Answered::Well);
                return lost;
            }
            Some(Failure::CutLate) => {
                let late = 1000 + self.random.below(30_000);
                self.arrive(now + late, number, call, Answered::Well);
                return lost;
            }
            Some(Failure::Slow) => {
                let slow = 1000 + self.random.below(29_000);
                self.arrive(now + slow, number, call, Answered::Well);
                self.due.insert((now + slow + back, number), Due::Departure);
                return Ticket { number: Some(number), millis: slow + back, ..lost };
            }
            Some(Failure::Status(status)) => {
                self.arrive(now + there, number, call, Answered::Instead(status));
            }
            Some(Failure::StatusAfter(status)) => {
                self.arrive(now + there, number, call, Answered::With(status));
            }
            Some(Failure::RefusedAgain(status, refusal)) => {
                let answered = match self.failed.insert(call.key.clone()) {
                    true => Answered::With(status),
                    false => Answered::Instead(refusal),
                };
                self.arrive(now + there, number, call, answered);
            }
            Some(Failure::Garbage) => {
                self.arrive(now + there, number, call, Answered::Garbled);
            }
            None => self.arrive(now + there, number, call, Answered::Well),
        }
        self.due.insert((now + whole, number), Due::Departure);
        Ticket { number: Some(number), ..lost }
    }

    /// The answer to a call, when its time has come; none if the connection broke.
    pub(crate) fn receive(&mut self, now: u64, ticket: Ticket, call: &Call) -> Option<Answer> {
        self.catch_up(now);
        let answer = self.answers.remove(&ticket.number?)?;
        if answer.is_success() && !call.is_safe() && !answer.is_garbage() && !self.forgetting {
            self.answered.insert(call.key.clone());
        }
        Some(answer)
    }

    /// The host died, or its disk is full from now on: it cannot know what it was answered.
    pub(crate) fn host_forgets(&mut self, from_now_on: bool) {
        self.answered.clear();
        self.forgetting = from_now_on;
    }

    pub(crate) fn add(&mut self, now: u64, fault: Fault) {
        self.faults.push((now + 1000 * fault.seconds, fault));
    }

    pub(crate) fn heal(&mut self) {
        self.faults.clear();
    }

    /// The app is started again: calls on their way are cut, and with `forgets` the effects whose
    /// answers had not left are undone.
    pub(crate) fn restart(&mut self, now: u64, forgets: bool) {
        self.catch_up(now);
        self.due.clear();
        self.answers.clear();
        if forgets {
            self.world = self.durable.clone();
        }
    }

    /// Does what was due until now.
    pub(crate) fn catch_up(&mut self, now: u64) {
        while let Some(entry) = self.due.first_entry() {
            let at = entry.key().0;
            if at > now {
                return;
            }
            match entry.remove() {
                Due::Arrival(arrival) => {
                    let Arrival { number, call, answered } = *arrival;
                    let ordered = |status| Answer { status, body: ORDERED.to_owned() };
                    let mut carried_out = || self.world.handle(&call, self.honours_keys);
                    let answer = match answered {
                        Answered::Well => carried_out(),
                        Answered::Instead(status) => ordered(status),
                        Answered::With(status) => {
                            carried_out();
                            ordered(status)
                        }
                        Answered::Garbled => match carried_out() {
                            answer if answer.is_success() => {
                                Answer { body: GARBAGE.to_owned(), ..answer }
                            }
                            answer => answer,
                        },
                    };
                    let Answer { status, body } = &answer;
                    tracing::debug!(at, number, status, body, "app: call arrived");
                    self.answers.insert(number, answer);
                }
                Due::Departure => self.durable = self.world.clone(),
            }
        }
    }

    fn arrive(&mut self, at: u64, number: u64, call: Call, answered: Answered) {
        let arrival = Arrival { number, call, answered };
        self.due.insert((at, number), Due::Arrival(Box::new(arrival)));
    }

    fn failure(&mut self, now: u64, call: &Call) -> Option<Failure> {
        self.faults.retain(|(until, _)| *until > now);
        let is_first = call.key.ends_with("-0");
        for (_, fault) in &self.faults {
            if (!fault.later_calls || !is_first) && self.random.once_in(fault.once_in) {
                return Some(fault.failure);
            }
        }
        None
    }

    /// The same key always stands for the same request, and a call that was answered is not made
    /// again.
    fn check(&mut self, call: &Call) {
        let first = self.first.entry(call.key.clone()).or_insert_with(|| call.clone());
        if first != call {
            let text = format!("one key: {} is of {first:?} and of {call:?}", call.key);
            self.violations.push(text);
        }
        if self.answered.contains(&call.key) {
            let text = format!("repeated: {} {} was answered before", call.method, call.path);
            self.violations.push(text);
        }
    }
}

const ORDERED: &str = "{\"error\":\"as ordered\"}";
const GARBAGE: &str = "<html>502 Bad Gateway</html>";

impl Answer {
    fn is_garbage(&self) -> bool {
        self.body == GARBAGE
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, seconds, once_in, later_calls } = self;
        let calls = if *later_calls { "later calls" } else { "calls" };
        match once_in {
            1 => write!(f, "for {seconds} s, {calls} end in {failure:?}"),
            n => write!(f, "for {seconds} s, one of {n} {calls} ends in {failure:?}"),
        }
    }
}
