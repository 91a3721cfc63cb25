//! Validation of connectors' files: WebAssembly, and a connector for a supported interface.
//!
//! The parsing library trusts the lengths in a file: 13 bytes can make it allocate 4 GiB. So
//! uploaded files are validated only in the compiler's process, which has limits.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use wasmtime::wasmparser::{Validator, WasmFeatures};
use wit_component::{ComponentEncoder, DecodedWasm};

use super::engine::ACCEPTED;
use super::sections::sections;
use super::wasi;

/// The interface's name without its version.
const LIFECYCLE: &str = "muster:connector/lifecycle";
/// The interfaces that a connector may import, beside WASI. `types` has no functions.
const IMPORTS: [&str; 2] = ["muster:connector/log", "muster:connector/types"];
/// The supported interface versions: any `0.1.x`.
const SUPPORTED: &str = "0.1";

/// Why a file is not a connector for this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvalidComponent {
    /// It does not begin with WebAssembly's magic number and a known version.
    NotWebAssembly,
    /// It cannot be read past that.
    Malformed(String),
    /// It uses a proposal of WebAssembly that is not accepted.
    UnacceptedProposal(String),
    /// A module that cannot be turned into a component.
    NotAComponent(String),
    /// A component that does not export the interface; its exports.
    NotAConnector(Vec<String>),
    /// A connector for an unsupported version of the interface.
    UnsupportedVersion(String),
    /// A connector with imports beyond the allowed ones; these imports.
    ForbiddenImports(Vec<String>),
}

/// The component in a file; a core module is turned into one. Fails if it is not a connector.
///
/// Outside of the compiler's process it is meant for an author's own file.
pub fn valid_component(wasm: &[u8]) -> Result<Cow<'_, [u8]>, InvalidComponent> {
    // After the magic number, a module has version 1 and layer 0, a component layer 1.
    let [b'\0', b'a', b's', b'm', _, _, layer @ (0 | 1), 0, ..] = wasm else {
        return Err(InvalidComponent::NotWebAssembly);
    };
    if sections(wasm).is_none() {
        let why = "its sections do not end where the file ends";
        return Err(InvalidComponent::Malformed(why.to_owned()));
    }
    check_proposals(wasm)?;
    let component = if *layer == 0 { Cow::Owned(componentise(wasm)?) } else { Cow::Borrowed(wasm) };
    check(&component)?;
    Ok(component)
}

fn check_proposals(wasm: &[u8]) -> Result<(), InvalidComponent> {
    let validated = Validator::new_with_features(ACCEPTED).validate_all(wasm);
    let Err(error) = validated else { return Ok(()) };
    let accepts_all = || Validator::new_with_features(WasmFeatures::all()).validate_all(wasm);
    // Not every error about a proposal says so.
    Err(match error.missing_wasm_feature().is_some() || accepts_all().is_ok() {
        true => InvalidComponent::UnacceptedProposal(error.to_string()),
        false => InvalidComponent::Malformed(error.to_string()),
    })
}

fn componentise(module: &[u8]) -> Result<Vec<u8>, InvalidComponent> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| InvalidComponent::NotAComponent(format!("{error:#}")))
}

fn check(component: &[u8]) -> Result<(), InvalidComponent> {
    let Interfaces { exports, imports } = decoded(component)?;
    check_exports(exports)?;
    let allowed = |import: &String| is_allowed(import) || wasi::offers(import);
    let forbidden: Vec<_> = imports.into_iter().filter(|import| !allowed(import)).collect();
    if forbidden.is_empty() { Ok(()) } else { Err(InvalidComponent::ForbiddenImports(forbidden)) }
}

fn decoded(component: &[u8]) -> Result<Interfaces, InvalidComponent> {
    let decoded = wit_component::decode(component);
    let (resolve, world) =
        match decoded.map_err(|error| InvalidComponent::Malformed(format!("{error:#}")))? {
            DecodedWasm::Component(resolve, world) => (resolve, world),
            DecodedWasm::WitPackage(..) => return Err(InvalidComponent::NotAConnector(Vec::new())),
        };
    let world = &resolve.worlds[world];
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    Ok(Interfaces { exports, imports })
}

/// The names of a component's exports and imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interfaces {
    /// The exports.
    pub exports: Vec<String>,
    /// The imports.
    pub imports: Vec<String>,
}

/// The interfaces of an author's own file; none for a core module, which has no interfaces.
pub fn interfaces(wasm: &[u8]) -> Result<Option<Interfaces>, InvalidComponent> {
    match wasm {
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => Ok(None),
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] if sections(wasm).is_some() => {
            decoded(wasm).map(Some)
        }
        _ => Err(InvalidComponent::NotWebAssembly),
    }
}

fn check_exports(exports: Vec<String>) -> Result<(), InvalidComponent> {
    let versions = || exports.iter().filter_map(|name| name.split_once('@'));
    let found = versions().filter(|(name, _)| *name == LIFECYCLE).map(|(_, version)| version);
    let found: Vec<_> = found.collect();
    if found.iter().any(|version| is_supported(version)) {
        return Ok(());
    }
    match found.first() {
        Some(version) => Err(InvalidComponent::UnsupportedVersion((*version).to_owned())),
        None => Err(InvalidComponent::NotAConnector(exports)),
    }
}

fn is_allowed(import: &str) -> bool {
    import
        .split_once('@')
        .is_some_and(|(name, version)| IMPORTS.contains(&name) && is_supported(version))
}

fn is_supported(version: &str) -> bool {
    version.strip_prefix(SUPPORTED).is_some_and(|patch| patch.starts_with('.'))
}

impl std::error::Error for InvalidComponent {}

impl std::fmt::Display for InvalidComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotWebAssembly => f.write_str(
                "the file is not WebAssembly; upload the .wasm file that `muster connector build` \
                 writes",
            ),
            Self::Malformed(why) => write!(f, "the file is damaged WebAssembly: {why}"),
            Self::UnacceptedProposal(why) => write!(
                f,
                "the file uses a part of WebAssembly that this host does not accept: {why}; build it \
                 for WebAssembly 2.0, without further target features"
            ),
            Self::NotAComponent(why) => write!(
                f,
                "the module cannot be turned into a connector; build it with the SDK, and import \
                 only the log: {why}"
            ),
            Self::NotAConnector(exports) => write!(
                f,
                "the component is not a connector: it exports {} instead of \
                 `{LIFECYCLE}@{SUPPORTED}.0`",
                listed(exports)
            ),
            Self::UnsupportedVersion(version) => write!(
                f,
                "the connector was built for interface {version}, and this host supports \
                 {SUPPORTED}; build it with the SDK of this host's version"
            ),
            Self::ForbiddenImports(imports) => write!(
                f,
                "the connector imports {}; a connector may import only the log and the parts of \
                 WASI 0.2 that toolchains link by themselves. Remove the code that makes calls, \
                 and return requests to the app from `decide`",
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
    fn check(exports: &[&str], expected: &Result<(), InvalidComponent>) {
        let exports = exports.iter().map(|export| (*export).to_owned()).collect();
        assert_eq!(check_exports(exports), *expected);
    }

    #[test]
    fn the_interface_is_found_by_name_and_version() {
        let other = |version: &str| Err(InvalidComponent::UnsupportedVersion(version.to_owned()));
        check(&["muster:connector/lifecycle@0.1.0"], &Ok(()));
        check(&["init", "muster:connector/lifecycle@0.1.7"], &Ok(()));
        check(&["muster:connector/lifecycle@0.10.0"], &other("0.10.0"));
        check(&["muster:connector/lifecycle@0.3.0"], &other("0.3.0"));
        let both = ["muster:connector/lifecycle@0.3.0", "muster:connector/lifecycle@0.1.0"];
        check(&both, &Ok(()));
        let run = "wasi:cli/run@0.2.0";
        check(&[run], &Err(InvalidComponent::NotAConnector(vec![run.to_owned()])));
    }

    #[test]
    fn the_supported_version_is_the_one_in_wit() {
        let wit = include_str!("../../../wit/world.wit");
        assert!(wit.contains(&format!("package muster:connector@{SUPPORTED}.")));
    }

    #[test]
    fn only_the_interfaces_of_wit_are_allowed_imports() {
        assert!(is_allowed("muster:connector/log@0.1.0"));
        assert!(is_allowed("muster:connector/types@0.1.3"));
        for other in ["muster:connector/log@0.2.0", "log", "wasi:io/poll@0.2.0"] {
            assert!(!is_allowed(other), "{other}");
        }
    }
}
