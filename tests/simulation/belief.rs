//! What the identity providers know: for each fact, the values that it may have, by the answers
//! that they got.

use std::collections::{BTreeMap, BTreeSet};

use super::schedule::{Group, Person};

/// Something that a tenant's directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    Exists(Person),
    Active(Person),
    Title(Person),
    GroupExists(Group),
    Member(Group, Person),
}

/// A fact and the value that a request gives it.
pub(crate) type Write = (Fact, String);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was acknowledged.
    Acknowledged,
    /// It was refused for good.
    Refused,
    /// It may be carried out, or not.
    Unknown,
}

#[derive(Debug, Default)]
struct Register {
    possible: BTreeSet<String>,
    /// Requests that are not answered.
    writing: u32,
    /// Requests overlapped since there was none.
    contended: bool,
    /// A creation beside a resource of the name may be carried out at any time.
    second: bool,
}

/// The facts that were written to.
#[derive(Debug, Default)]
pub(crate) struct Beliefs {
    registers: BTreeMap<Fact, Register>,
    under_way: BTreeMap<u64, Vec<Write>>,
    /// Of those, the creations of a name that the directory has.
    seconds: BTreeSet<u64>,
    count: u64,
    /// How many requests ended in each way.
    pub(crate) ended: [u64; 3],
}

impl Beliefs {
    /// A request is sent. `second` is whether it creates what the directory has already.
    pub(crate) fn begin(&mut self, writes: Vec<Write>, second: bool) -> u64 {
        for (fact, _) in &writes {
            let register = self.register(*fact);
            register.writing += 1;
            register.contended |= register.writing > 1;
        }
        self.count += 1;
        if second {
            self.seconds.insert(self.count);
        }
        self.under_way.insert(self.count, writes);
        self.count
    }

    /// A request was answered, or given up.
    pub(crate) fn end(&mut self, number: u64, ended: Ended) {
        let Some(writes) = self.under_way.remove(&number) else { return };
        self.ended[ended as usize] += 1;
        // It may be carried out whatever becomes of the resource that has the name.
        let second = self.seconds.remove(&number) && ended == Ended::Unknown;
        for (fact, value) in writes {
            let certain = self.certain(fact);
            let register = self.register(fact);
            register.second |= second;
            // Two creations of a name at once may both be recorded before the app is asked.
            register.second |= matches!(fact, Fact::GroupExists(_)) && register.contended;
            register.writing -= 1;
            match ended {
                Ended::Acknowledged if !register.contended && !register.second && certain => {
                    register.possible = BTreeSet::from([value]);
                }
                Ended::Acknowledged | Ended::Unknown => {
                    register.possible.insert(value);
                }
                Ended::Refused => {}
            }
            register.contended &= register.writing > 0;
        }
    }

    /// The host died: no request that is under way will be answered.
    pub(crate) fn host_died(&mut self) {
        while let Some(number) = self.under_way.keys().next().copied() {
            self.end(number, Ended::Unknown);
        }
    }

    /// Whether the directory may say this.
    pub(crate) fn allows(&self, fact: Fact, value: &str) -> bool {
        match self.registers.get(&fact) {
            Some(register) => register.possible.contains(value),
            None => value == initial(fact),
        }
    }

    /// The values that a fact may have.
    pub(crate) fn possible(&self, fact: Fact) -> Vec<String> {
        let register = self.registers.get(&fact);
        register.map_or_else(
            || vec![initial(fact).to_owned()],
            |it| it.possible.iter().cloned().collect(),
        )
    }

    fn register(&mut self, fact: Fact) -> &mut Register {
        self.registers.entry(fact).or_insert_with(|| Register {
            possible: BTreeSet::from([initial(fact).to_owned()]),
            writing: 0,
            contended: false,
            second: false,
        })
    }

    /// Whether nothing else may change the fact later: a deletion that was not acknowledged takes
    /// memberships with it, and what is written of a person who may be deleted may be lost.
    fn certain(&self, fact: Fact) -> bool {
        let owners = match fact {
            Fact::Member(group, person) => {
                vec![Fact::GroupExists(group), Fact::Exists(person)]
            }
            Fact::Active(person) | Fact::Title(person) => vec![Fact::Exists(person)],
            Fact::Exists(_) | Fact::GroupExists(_) => Vec::new(),
        };
        owners.into_iter().all(|owner| match self.registers.get(&owner) {
            Some(register) => register.writing == 0 && register.possible.len() == 1,
            None => true,
        })
    }
}

fn initial(fact: Fact) -> &'static str {
    match fact {
        Fact::Exists(_) | Fact::GroupExists(_) | Fact::Member(..) => "false",
        Fact::Active(_) | Fact::Title(_) => "none",
    }
}
