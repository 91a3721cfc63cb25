//! Connectors in OCI registries, in the format of the WebAssembly ecosystem, which `wkg oci` and others
//! also push and pull.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use data_encoding::HEXLOWER;
use docker_credential::DockerCredential;
use futures_util::TryStreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::clock::{Clock, rfc3339};
use crate::connector::{self, Limits};

/// The prefix of an address in a registry.
pub(super) const SCHEME: &str = "oci://";
const LAYER: &str = "application/wasm";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// An address in a registry, such as `oci://registry.example.com/acme/newsletter:1.2.0`.
#[derive(Clone, Debug)]
pub(super) struct RegistryReference(Reference);

impl FromStr for RegistryReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "oci://registry.example.com/acme/newsletter:1.2.0";
        let rest = text.strip_prefix(SCHEME);
        let rest = rest.ok_or_else(|| format!("a registry's address looks like {example}"))?;
        let reference = Reference::try_from(rest);
        reference.map(Self).map_err(|error| format!("{error}; an address looks like {example}"))
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl RegistryReference {
    /// The last part of the repository's name.
    pub(super) fn name(&self) -> &str {
        self.0.repository().rsplit('/').next().unwrap_or_default()
    }

    /// The same address with the digest of the current content.
    fn pinned(&self, digest: String) -> Self {
        Self(self.0.clone_with_digest(digest))
    }

    /// Whether the registry is on this machine. Such a registry is reached by plain HTTP, any other by
    /// TLS.
    fn is_local(&self) -> bool {
        let host = self.0.resolve_registry();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        host == "localhost" || address.is_some_and(|it| it.is_loopback())
    }

    fn client(&self) -> Client {
        // It fails if the process has a provider already, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let protocol = if self.is_local() { ClientProtocol::Http } else { ClientProtocol::Https };
        let user_agent = concat!("muster/", env!("CARGO_PKG_VERSION"));
        Client::new(ClientConfig { protocol, user_agent, ..ClientConfig::default() })
    }

    /// The credentials of `docker login`, which other tools use as well.
    fn credentials(&self) -> RegistryAuth {
        match docker_credential::get_credential(self.0.resolve_registry()) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                RegistryAuth::Basic(user, password)
            }
            Ok(DockerCredential::IdentityToken(token)) => RegistryAuth::Bearer(token),
            Err(_) => RegistryAuth::Anonymous,
        }
    }
}

/// Pushes a file to a registry. Returns its address by digest.
pub(super) async fn push(
    wasm: Vec<u8>,
    place: &RegistryReference,
) -> anyhow::Result<RegistryReference> {
    let config = describe(&wasm)?;
    let layer = ImageLayer { data: wasm.into(), media_type: LAYER.to_owned(), annotations: None };
    let layers = [layer];
    let manifest = OciImageManifest::build(&layers, &config, Some(BTreeMap::new()));
    let (client, who) = (place.client(), place.credentials());
    client
        .push(&place.0, &layers, config, &who, Some(manifest))
        .await
        .with_context(|| format!("could not push to {place}"))?;
    let digest = client.fetch_manifest_digest(&place.0, &who).await;
    Ok(place.pinned(digest.with_context(|| format!("could not read the digest of {place}"))?))
}

/// Fetches a file from a registry. Returns it with its address by digest.
pub(super) async fn pull(
    place: &RegistryReference,
) -> anyhow::Result<(Vec<u8>, RegistryReference)> {
    let could_not = || format!("could not pull {place}");
    let (client, who) = (place.client(), place.credentials());
    let (manifest, digest) =
        client.pull_image_manifest(&place.0, &who).await.with_context(could_not)?;
    let layer = only_layer(&manifest).with_context(could_not)?;
    let mut blob = client.pull_blob_stream(&place.0, layer).await.with_context(could_not)?;
    let (mut wasm, limit) = (Vec::new(), Limits::default().file);
    while let Some(part) = blob.try_next().await.with_context(could_not)? {
        ensure!(wasm.len() + part.len() <= limit, "{place} holds more than {limit} bytes");
        wasm.extend_from_slice(&part);
    }
    // The registry is not trusted to return the layer that its manifest names.
    ensure!(sha256(&wasm) == layer.digest, "{place} does not match the digest in its manifest");
    Ok((wasm, place.pinned(digest)))
}

fn only_layer(manifest: &OciImageManifest) -> anyhow::Result<&OciDescriptor> {
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == LAYER => Ok(layer),
        [layer] => bail!("it holds {}, not WebAssembly", layer.media_type),
        layers => bail!("it has {} layers; a connector has one", layers.len()),
    }
}

/// The description of a file that registries and other tools show before they fetch it.
fn describe(wasm: &[u8]) -> anyhow::Result<Config> {
    let (os, component) = match connector::interfaces(wasm)? {
        // Names that container tools know. The connector uses no WASI.
        Some(interfaces) => ("wasip2", json!(interfaces)),
        None => ("wasip1", json!(null)),
    };
    let config = json!({
        "created": rfc3339(Clock::system().now()),
        "author": null,
        "architecture": "wasm",
        "os": os,
        "layerDigests": [sha256(wasm)],
        "component": component,
    });
    let data = config.to_string().into_bytes().into();
    Ok(Config { data, media_type: CONFIG.to_owned(), annotations: None })
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("sha256:{}", HEXLOWER.encode(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, bool), &str>) {
        match (text.parse::<RegistryReference>(), expected) {
            (Ok(place), Ok((name, here))) => {
                assert_eq!((place.name(), place.is_local()), (name, here), "{text}");
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
            (place, _) => panic!("{text}: {place:?}"),
        }
    }

    #[test]
    fn an_address_names_a_registry() {
        check("oci://ghcr.io/acme/newsletter:1.2.0", Ok(("newsletter", false)));
        check("oci://127.0.0.1:5000/newsletter", Ok(("newsletter", true)));
        check("oci://localhost:5000/acme/newsletter:1", Ok(("newsletter", true)));
        check("oci://localhost.example.com/newsletter:1", Ok(("newsletter", false)));
        check("ghcr.io/acme/newsletter:1.2.0", Err("looks like oci://"));
        check("oci://", Err("looks like oci://"));
        check("oci://ghcr.io/Acme/Newsletter", Err("looks like oci://"));
    }
}
