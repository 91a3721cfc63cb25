//! The null WASI: what a connector finds that was built for a system, where there is none.
//!
//! Toolchains link WASI 0.2 whether or not it is used, and their runtimes ask it things as they
//! start. A connector that imports it gets no files, no sockets, no environment and no arguments;
//! a clock that stands where its operation began, and randomness that follows the operation's
//! seed, so that the same question is still answered alike; and what it prints goes into its log.

use std::fmt;
use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType};

use super::sandbox::Sandbox;
use crate::decision::Context;

mod clock;
mod nothing;
mod random;
mod stdio;

use random::Random;
use stdio::{Input, Lines, Output};

/// The packages of WASI that are there. Those that toolchains link by themselves; a connector that
/// imports others, such as `wasi:http`, was written to do what it cannot do here.
const PACKAGES: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
/// Handles that a connector may hold at once. Each costs the host some memory.
const HANDLES: u32 = 1024;

/// What one call finds of a system.
pub(super) struct Wasi {
    /// The question's, and none where the connector describes itself.
    context: Option<Arc<Context>>,
    random: Random,
    stdout: Lines,
    stderr: Lines,
    handles: u32,
}

/// Something to wait for. It has always happened already.
struct Pollable;

/// What there is nothing of: a file, a socket, a network, a terminal, an error of theirs.
struct Nothing;

/// What a connector asked of its system that ends it.
#[derive(Debug)]
pub(super) struct Fatal(String);

/// Whether an import is one that this finds something for, by its full name.
pub(super) fn offers(import: &str) -> bool {
    interface(import).is_some()
}

/// `cli/stdout` of `wasi:cli/stdout@0.2.6`.
fn interface(import: &str) -> Option<&str> {
    let (interface, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    let (package, _) = interface.split_once('/')?;
    (version.starts_with("0.2.") && PACKAGES.contains(&package)).then_some(interface)
}

/// Gives a component what it imports of WASI. It is told by the component's own types, so that
/// every version of 0.2 finds all its functions.
pub(super) fn link(linker: &mut Linker<Sandbox>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for (name, import) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        let Some(interface) = interface(name) else { continue };
        let mut linked = linker.instance(name)?;
        for (item, export) in instance.exports(&engine) {
            match export.ty {
                ComponentItem::Resource(_) => linked.resource(item, resource(item), dropped)?,
                ComponentItem::ComponentFunc(function) => {
                    let given = clock::link(&mut linked, interface, item)?
                        || random::link(&mut linked, interface, item)?
                        || stdio::link(&mut linked, interface, item)?
                        || link_others(&mut linked, interface, item)?;
                    if !given {
                        nothing::link(&mut linked, interface, item, &function)?;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn link_others(
    linked: &mut LinkerInstance<'_, Sandbox>,
    interface: &str,
    item: &str,
) -> wasmtime::Result<bool> {
    match (interface, item) {
        ("cli/exit", _) => linked.func_new(item, |_, _, _, _| Err(fatal("it called `exit`")))?,
        ("io/poll", "[method]pollable.ready") => {
            linked.func_wrap(item, |_, (_,): (Resource<Pollable>,)| Ok((true,)))?;
        }
        // Whoever waits goes on at once: no time passes here.
        ("io/poll", "poll") => {
            linked.func_wrap(item, |_, (waiting,): (Vec<Resource<Pollable>>,)| {
                Ok(((0..).take(waiting.len()).collect::<Vec<u32>>(),))
            })?;
        }
        ("sockets/instance-network", "instance-network") => {
            linked.func_wrap(item, |store, ()| handle::<Nothing>(store, 0))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The same name means the same thing in all of WASI.
fn resource(name: &str) -> ResourceType {
    match name {
        "input-stream" => ResourceType::host::<Input>(),
        "output-stream" => ResourceType::host::<Output>(),
        "pollable" => ResourceType::host::<Pollable>(),
        _ => ResourceType::host::<Nothing>(),
    }
}

/// A handle for the connector, with what it stands for.
fn handle<T: 'static>(
    mut store: StoreContextMut<'_, Sandbox>,
    meaning: u32,
) -> wasmtime::Result<(Resource<T>,)> {
    let handles = &mut store.data_mut().wasi.handles;
    if *handles == HANDLES {
        return Err(fatal(&format!(
            "it held {HANDLES} handles of its system, and wanted one more"
        )));
    }
    *handles += 1;
    Ok((Resource::new_own(meaning),))
}

fn dropped(mut store: StoreContextMut<'_, Sandbox>, _: u32) -> wasmtime::Result<()> {
    let handles = &mut store.data_mut().wasi.handles;
    *handles = handles.saturating_sub(1);
    Ok(())
}

fn fatal(what: &str) -> wasmtime::Error {
    wasmtime::Error::new(Fatal(what.to_owned()))
}

impl Wasi {
    /// What a call finds that is asked in this context.
    pub(super) fn of(context: Option<&Arc<Context>>) -> Self {
        Self {
            context: context.cloned(),
            random: Random::seeded(context.map_or(0, |context| context.seed)),
            stdout: Lines::default(),
            stderr: Lines::default(),
            handles: 0,
        }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fatal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(import: &str, found: Option<&str>) {
        assert_eq!(interface(import), found);
    }

    #[test]
    fn what_toolchains_link_is_offered_and_nothing_beside() {
        check("wasi:cli/stdout@0.2.0", Some("cli/stdout"));
        check("wasi:filesystem/types@0.2.12", Some("filesystem/types"));
        check("wasi:sockets/tcp@0.2.6", Some("sockets/tcp"));
        check("wasi:cli/stdout@0.3.0", None);
        check("wasi:cli/stdout", None);
        check("wasi:http/outgoing-handler@0.2.0", None);
        check("wasi:keyvalue/store@0.2.0", None);
        check("other:cli/stdout@0.2.0", None);
    }
}
