//! Secrets: values that are loaded from the configuration and never printed.

use std::{env, fmt, fs};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use zeroize::Zeroizing;

use super::configuration::CONCEALED;

/// The largest file that a secret is read from.
const FILE_BYTES: u64 = 64 * 1024;

/// A value that appears in no log, message or journal, and is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the code that sends or seals it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Resolves `{"env": NAME}`, `{"file": PATH}` or `{"value": TEXT}`.
    ///
    /// The configuration is read by hand, since serde's errors quote unexpected values, which here could
    /// be the secret.
    pub(super) fn load(source: &Value) -> Result<Self> {
        let entry = source.as_object().filter(|object| object.len() == 1);
        let (kind, place) = entry
            .and_then(|object| object.iter().next())
            .and_then(|(kind, place)| Some((kind.as_str(), place.as_str()?)))
            .context(
                r#"a secret is one of {"env": "NAME"}, {"file": "PATH"} and {"value": "TEXT"}"#,
            )?;
        // The admin API shows secrets so; one that is sent back would replace the secret.
        ensure!(place != CONCEALED, "{CONCEALED} stands for a secret: give the secret itself");
        let secret = match kind {
            "env" => Self::from_environment(place)?,
            "file" => Self::from_file(place)?,
            "value" => Self::new(place),
            other => bail!(r#"a secret comes from "env", "file" or "value", not from "{other}""#),
        };
        // An empty variable in a deployment must not become an empty credential.
        ensure!(!secret.expose().is_empty(), r#"the secret from "{kind}" is empty"#);
        Ok(secret)
    }

    fn from_environment(name: &str) -> Result<Self> {
        env::var(name).map(Self::new).with_context(|| {
            format!("the secret comes from the environment variable {name} of the host: start `muster serve` with it")
        })
    }

    fn from_file(path: &str) -> Result<Self> {
        let missing =
            || format!("the secret comes from the file {path}: create it, readable for muster");
        let file = fs::metadata(path).with_context(missing)?;
        // Reading a device or a pipe might never end.
        anyhow::ensure!(
            file.is_file() && file.len() <= FILE_BYTES,
            "the secret comes from the file {path}, which is not a file of at most {FILE_BYTES} bytes"
        );
        let text = fs::read_to_string(path).map(Zeroizing::new).with_context(missing)?;
        // Editors and `echo` end a file with a newline that is not a part of the secret.
        Ok(Self::new(text.trim_end_matches(['\r', '\n'])))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(source: &Value, because: &str) {
        let error = format!("{:#}", Secret::load(source).unwrap_err());
        assert!(error.contains(because), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_secret_comes_from_the_environment_a_file_or_the_configuration() {
        assert_eq!(Secret::load(&json!({"value": "hunter2"})).unwrap().expose(), "hunter2");
        let path = env::var("PATH").unwrap();
        assert_eq!(Secret::load(&json!({"env": "PATH"})).unwrap().expose(), path);
        let file = env::temp_dir().join(format!("muster-secret-{}", std::process::id()));
        fs::write(&file, " hunter2\r\n").unwrap();
        let loaded = Secret::load(&json!({"file": file.to_str().unwrap()}));
        fs::remove_file(&file).unwrap();
        assert_eq!(loaded.unwrap().expose(), " hunter2");
    }

    #[test]
    fn a_secret_that_is_missing_or_empty_is_refused_and_never_quoted() {
        refused(
            &json!({"env": "MUSTER_NOT_SET"}),
            "environment variable MUSTER_NOT_SET of the host",
        );
        refused(&json!({"file": "/nowhere/secret"}), "file /nowhere/secret: create it");
        refused(&json!({"value": ""}), "empty");
        // Neither a device nor a large file is read.
        refused(&json!({"file": "/dev/zero"}), "not a file of at most 65536 bytes");
        let file = tempfile::NamedTempFile::new().unwrap();
        refused(&json!({"file": file.path()}), "empty");
        file.as_file().set_len(FILE_BYTES + 1).unwrap();
        refused(&json!({"file": file.path()}), "not a file of at most 65536 bytes");
        refused(&json!({"vault": "hunter2"}), r#"not from "vault""#);
        refused(&json!("hunter2"), "a secret is one of");
        refused(&json!({"value": "hunter2", "env": "PATH"}), "a secret is one of");
        refused(&json!({"value": ["hunter2"]}), "a secret is one of");
    }

    #[test]
    fn debug_output_hides_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "…");
    }
}
