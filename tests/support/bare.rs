//! wasmtime with the settings of muster's sandbox and nothing else, as a baseline for benchmarks.

use muster::decision::{self, Context, Event, EventKind, Subject};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wit_component::ComponentEncoder;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "connector",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use bindings::muster::connector::log;
pub(crate) use bindings::muster::connector::types;

/// A connector without limits, checks and threads.
pub(crate) struct Bare {
    engine: Engine,
    connector: bindings::ConnectorPre<Silent>,
}

/// A host that ignores the log.
struct Silent;

impl types::Host for Silent {}

impl log::Host for Silent {
    fn log(&mut self, _level: log::Level, _message: String) {}
}

impl Bare {
    /// Compiles a module in this process.
    pub(crate) fn new(module: &[u8]) -> anyhow::Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(72)
            .max_memory_size(32 << 20)
            .pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(256 << 10)
            .table_keep_resident(256 << 10);
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .max_wasm_stack(512 << 10)
            .memory_reservation(64 << 20)
            .memory_guard_size(0)
            .signals_based_traps(false)
            .cranelift_nan_canonicalization(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = ComponentEncoder::default().module(module)?.encode()?;
        let component = Component::from_binary(&engine, &component)?;
        let mut linker = Linker::new(&engine);
        bindings::Connector::add_to_linker::<_, HasSelf<Silent>>(&mut linker, |host| host)?;
        let connector = linker.instantiate_pre(&component)?;
        Ok(Self { engine, connector: bindings::ConnectorPre::new(connector)? })
    }

    /// The first step of an operation, in a fresh instance. A refusal is an error.
    pub(crate) fn decide(&self, context: &Context, event: &Event) -> anyhow::Result<types::Step> {
        let mut store = Store::new(&self.engine, Silent);
        store.set_epoch_deadline(1);
        let connector = self.connector.instantiate(&mut store)?;
        let changes: Vec<_> = event.changes.iter().map(String::as_str).collect();
        let joined: Vec<_> = event.joined.iter().map(member).collect();
        let event = types::Event {
            kind: kind(event.kind),
            subject: match &event.subject {
                Subject::User(user) => types::Subject::User(types::User {
                    id: &user.id,
                    user_name: &user.user_name,
                    external_id: user.external_id.as_deref(),
                    display_name: user.display_name.as_deref(),
                    given_name: user.given_name.as_deref(),
                    family_name: user.family_name.as_deref(),
                    email: user.email.as_deref(),
                    active: user.active,
                }),
                Subject::Group(group) => types::Subject::Group(types::Group {
                    id: &group.id,
                    display_name: &group.display_name,
                    external_id: group.external_id.as_deref(),
                }),
            },
            resource: &event.resource,
            changes: &changes,
            password: None,
            joined: &joined,
            left: &[],
        };
        let lifecycle = connector.muster_connector_lifecycle();
        let step = lifecycle.call_decide(&mut store, asked(context), event, &[])?;
        step.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
    }
}

fn asked(context: &Context) -> types::Context<'_> {
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

fn member(member: &decision::Member) -> types::Member<'_> {
    let decision::Member { id, name, account: its } = member;
    types::Member { id, name, account: its.as_ref().map(account) }
}

fn account(account: &decision::Account) -> types::AccountParam<'_> {
    let decision::Account { id, membership, data } = account;
    let membership = match membership {
        decision::Membership::Active => types::Membership::Active,
        decision::Membership::Suspended => types::Membership::Suspended,
        decision::Membership::Absent => types::Membership::Absent,
    };
    types::AccountParam { id, membership, data }
}

/// The kind of an event. Only the events of benchmarks are supported.
fn kind(kind: EventKind) -> types::EventKind {
    match kind {
        EventKind::Create => types::EventKind::Create,
        EventKind::Activate => types::EventKind::Activate,
        EventKind::Deactivate => types::EventKind::Deactivate,
        EventKind::GroupUpdate => types::EventKind::GroupUpdate,
        other => panic!("no benchmark has the event {}", other.name()),
    }
}
