//! What may come in: a file that is WebAssembly, and a connector of an interface that we speak.
//!
//! It reads what strangers wrote, with a library that trusts lengths in it: a file of 13 bytes
//! makes it allocate 4 GiB. So it runs in the compiler's process alone, which may die of it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use wit_component::{ComponentEncoder, DecodedWasm};

use super::sections::sections;

use super::wasi;

/// The interface's name without its version.
const LIFECYCLE: &str = "muster:connector/lifecycle";
/// What a connector may import beside WASI; `types` holds words and no function.
const IMPORTS: [&str; 2] = ["muster:connector/log", "muster:connector/types"];
/// The interface versions spoken here: any `0.1.x`.
const SPOKEN: &str = "0.1";

/// Why a file is no connector for this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unfit {
    /// It does not begin as WebAssembly does.
    NoWasm,
    /// It begins so, and does not go on so.
    Broken(String),
    /// A module that does not say what it is, or says what it does not keep.
    NoComponent(String),
    /// A component of something else; its exports.
    NoConnector(Vec<String>),
    /// A connector for another version of the interface.
    OtherVersion(String),
    /// A connector that wants more than a connector may have; what else it imports.
    ForeignImports(Vec<String>),
}

/// The component in a file, made of a module where it is one. An error says why it is none.
///
/// Outside of the compiler's process it is for an author's own file.
pub fn component(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Unfit> {
    // Behind the magic number, a module has version 1 and layer 0, a component layer 1.
    let [b'\0', b'a', b's', b'm', _, _, layer @ (0 | 1), 0, ..] = wasm else {
        return Err(Unfit::NoWasm);
    };
    if sections(wasm).is_none() {
        return Err(Unfit::Broken("its sections do not end where it ends".to_owned()));
    }
    let component = if *layer == 0 { Cow::Owned(componentise(wasm)?) } else { Cow::Borrowed(wasm) };
    check(&component)?;
    Ok(component)
}

fn componentise(module: &[u8]) -> Result<Vec<u8>, Unfit> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| Unfit::NoComponent(format!("{error:#}")))
}

fn check(component: &[u8]) -> Result<(), Unfit> {
    let Interfaces { exports, imports } = decoded(component)?;
    check_exports(exports)?;
    let offered = |import: &String| is_ours(import) || wasi::offers(import);
    let foreign: Vec<_> = imports.into_iter().filter(|import| !offered(import)).collect();
    if foreign.is_empty() { Ok(()) } else { Err(Unfit::ForeignImports(foreign)) }
}

fn decoded(component: &[u8]) -> Result<Interfaces, Unfit> {
    let decoded = wit_component::decode(component);
    let (resolve, world) = match decoded.map_err(|error| Unfit::Broken(format!("{error:#}")))? {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => return Err(Unfit::NoConnector(Vec::new())),
    };
    let world = &resolve.worlds[world];
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    Ok(Interfaces { exports, imports })
}

/// What a component exports and imports, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interfaces {
    /// What it exports.
    pub exports: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
}

/// The interfaces of an author's own file: none where it is a module, which has no names for them.
pub fn interfaces(wasm: &[u8]) -> Result<Option<Interfaces>, Unfit> {
    match wasm {
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => Ok(None),
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] if sections(wasm).is_some() => {
            decoded(wasm).map(Some)
        }
        _ => Err(Unfit::NoWasm),
    }
}

fn check_exports(exports: Vec<String>) -> Result<(), Unfit> {
    let versions = || exports.iter().filter_map(|name| name.split_once('@'));
    let found = versions().filter(|(name, _)| *name == LIFECYCLE).map(|(_, version)| version);
    let found: Vec<_> = found.collect();
    if found.iter().any(|version| is_spoken(version)) {
        return Ok(());
    }
    match found.first() {
        Some(version) => Err(Unfit::OtherVersion((*version).to_owned())),
        None => Err(Unfit::NoConnector(exports)),
    }
}

fn is_ours(import: &str) -> bool {
    import
        .split_once('@')
        .is_some_and(|(name, version)| IMPORTS.contains(&name) && is_spoken(version))
}

fn is_spoken(version: &str) -> bool {
    version.strip_prefix(SPOKEN).is_some_and(|patch| patch.starts_with('.'))
}

impl std::error::Error for Unfit {}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoWasm => f.write_str(
                "the file is no WebAssembly; upload the .wasm that `cargo build --target \
                 wasm32-unknown-unknown` leaves",
            ),
            Self::Broken(why) => write!(f, "the file is damaged WebAssembly: {why}"),
            Self::NoComponent(why) => write!(
                f,
                "the module cannot be made a connector, which is built with the SDK and imports \
                 nothing but the log: {why}"
            ),
            Self::NoConnector(exports) => write!(
                f,
                "the component is no connector: it exports {}, and not `{LIFECYCLE}@{SPOKEN}.0`",
                listed(exports)
            ),
            Self::OtherVersion(version) => write!(
                f,
                "built for interface {version}, this host speaks {SPOKEN}; build it with the SDK \
                 of this host's version"
            ),
            Self::ForeignImports(imports) => write!(
                f,
                "the connector imports {}; a connector may import nothing but the log and what \
                 toolchains link of WASI 0.2, so leave out what calls others: requests to the app \
                 are returned from `decide`",
                listed(imports)
            ),
        }
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "nothing".to_owned() } else { quoted.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(exports: &[&str], said: &Result<(), Unfit>) {
        let exports = exports.iter().map(|export| (*export).to_owned()).collect();
        assert_eq!(check_exports(exports), *said);
    }

    #[test]
    fn the_interface_is_found_by_name_and_version() {
        let other = |version: &str| Err(Unfit::OtherVersion(version.to_owned()));
        check(&["muster:connector/lifecycle@0.1.0"], &Ok(()));
        check(&["init", "muster:connector/lifecycle@0.1.7"], &Ok(()));
        check(&["muster:connector/lifecycle@0.10.0"], &other("0.10.0"));
        check(&["muster:connector/lifecycle@0.3.0"], &other("0.3.0"));
        let both = ["muster:connector/lifecycle@0.3.0", "muster:connector/lifecycle@0.1.0"];
        check(&both, &Ok(()));
        let run = "wasi:cli/run@0.2.0";
        check(&[run], &Err(Unfit::NoConnector(vec![run.to_owned()])));
    }

    #[test]
    fn the_version_spoken_is_the_one_written_in_wit() {
        let wit = include_str!("../../../wit/world.wit");
        assert!(wit.contains(&format!("package muster:connector@{SPOKEN}.")));
    }

    #[test]
    fn only_our_own_interfaces_may_be_imported() {
        assert!(is_ours("muster:connector/log@0.1.0"));
        assert!(is_ours("muster:connector/types@0.1.3"));
        for foreign in ["muster:connector/log@0.2.0", "log", "wasi:io/poll@0.2.0"] {
            assert!(!is_ours(foreign), "{foreign}");
        }
    }
}
