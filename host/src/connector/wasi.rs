//! The null WASI: the imports of WASI 0.2, without access to any system.
//!
//! Toolchains link WASI 0.2 whether or not it is used, and their runtimes call it when they start.
//! A connector that imports it has no files, sockets, environment or arguments. Its clock stands
//! still at the start of the operation, its randomness follows the operation's seed, and its output
//! goes into its log. So the same question still has the same answer.

use std::fmt;
use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType};

use super::sandbox::Sandbox;
use crate::decision::Context;

mod clock;
mod random;
mod stdio;
mod unavailable;

use random::Random;
use stdio::{Input, LineBuffer, Output};

/// The available packages of WASI: those that toolchains link by themselves. A connector that
/// imports another one, such as `wasi:http`, was written for something that it cannot do here.
const PACKAGES: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
/// Handles that a connector may hold at once. Each costs the host some memory.
const HANDLES: u32 = 1024;

/// The state of WASI during one call.
pub(super) struct Wasi {
    /// The operation's context; none during `describe`.
    context: Option<Arc<Context>>,
    random: Random,
    stdout: LineBuffer,
    stderr: LineBuffer,
    handles: u32,
}

/// An event to wait for. It is always ready.
struct Pollable;

/// The type of all resources that do not exist here: files, sockets, networks, terminals, errors.
struct Unavailable;

/// A call that ends the connector.
#[derive(Debug)]
pub(super) struct Fatal(String);

/// Whether an import, by its full name, is available.
pub(super) fn offers(import: &str) -> bool {
    interface(import).is_some()
}

/// `cli/stdout` of `wasi:cli/stdout@0.2.6`.
fn interface(import: &str) -> Option<&str> {
    let (interface, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    let (package, _) = interface.split_once('/')?;
    (version.starts_with("0.2.") && PACKAGES.contains(&package)).then_some(interface)
}

/// Links the component's imports of WASI. It follows the component's own types, so that it has the
/// functions of every version of 0.2.
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
                    let is_linked = clock::link(&mut linked, interface, item)?
                        || random::link(&mut linked, interface, item)?
                        || stdio::link(&mut linked, interface, item)?
                        || link_others(&mut linked, interface, item)?;
                    if !is_linked {
                        unavailable::link(&mut linked, interface, item, &function)?;
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
        // All events are ready at once, since no time passes.
        ("io/poll", "poll") => {
            linked.func_wrap(item, |_, (waiting,): (Vec<Resource<Pollable>>,)| {
                Ok(((0..).take(waiting.len()).collect::<Vec<u32>>(),))
            })?;
        }
        ("sockets/instance-network", "instance-network") => {
            linked.func_wrap(item, |store, ()| handle::<Unavailable>(store, 0))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The host's type of a resource. A resource's name is unique in WASI.
fn resource(name: &str) -> ResourceType {
    match name {
        "input-stream" => ResourceType::host::<Input>(),
        "output-stream" => ResourceType::host::<Output>(),
        "pollable" => ResourceType::host::<Pollable>(),
        _ => ResourceType::host::<Unavailable>(),
    }
}

/// A new handle for the connector. `rep` identifies what it refers to.
fn handle<T: 'static>(
    mut store: StoreContextMut<'_, Sandbox>,
    rep: u32,
) -> wasmtime::Result<(Resource<T>,)> {
    let handles = &mut store.data_mut().wasi.handles;
    if *handles == HANDLES {
        return Err(fatal(&format!("it exceeded the limit of {HANDLES} WASI handles")));
    }
    *handles += 1;
    Ok((Resource::new_own(rep),))
}

fn dropped(mut store: StoreContextMut<'_, Sandbox>, _: u32) -> wasmtime::Result<()> {
    let handles = &mut store.data_mut().wasi.handles;
    *handles = handles.saturating_sub(1);
    Ok(())
}

fn fatal(why: &str) -> wasmtime::Error {
    wasmtime::Error::new(Fatal(why.to_owned()))
}

impl Wasi {
    /// The state for a call with this context.
    pub(super) fn of(context: Option<&Arc<Context>>) -> Self {
        Self {
            context: context.cloned(),
            random: Random::seeded(context.map_or(0, |context| context.seed)),
            stdout: LineBuffer::default(),
            stderr: LineBuffer::default(),
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
    fn only_the_packages_that_toolchains_link_are_offered() {
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
