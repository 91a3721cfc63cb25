//! Secrets: values that are loaded from the configuration and never printed.

use std::{
    env, fmt,
    fs::File,
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;
use zeroize::Zeroizing;

use super::configuration::CONCEALED;
use super::rules::OutboundRules;

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
    pub(super) fn load(source: &Value, rules: &OutboundRules) -> Result<Self> {
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
            "env" => Self::from_environment(place, rules)?,
            "file" => Self::from_file(place, rules)?,
            "value" => Self::new(place),
            other => bail!(r#"a secret comes from "env", "file" or "value", not from "{other}""#),
        };
        // An empty variable in a deployment must not become an empty credential.
        ensure!(!secret.expose().is_empty(), r#"the secret from "{kind}" is empty"#);
        Ok(secret)
    }

    fn from_environment(name: &str, rules: &OutboundRules) -> Result<Self> {
        ensure!(
            rules.allows_variable(name),
            "the secret comes from the environment variable {name}, which secret_variables in muster.toml does \
             not allow; it allows {}",
            rules.secret_variables.join(", ")
        );
        env::var(name).map(Self::new).with_context(|| {
            format!("the secret comes from the environment variable {name} of the host: start `muster serve` with it")
        })
    }

    fn from_file(path: &str, rules: &OutboundRules) -> Result<Self> {
        let missing =
            || format!("the secret comes from the file {path}: create it, readable for muster");
        let mut file = open_allowed(path, rules, missing)?;
        let metadata = file.metadata().with_context(missing)?;
        // Reading a device or a pipe might never end.
        ensure!(
            metadata.is_file() && metadata.len() <= FILE_BYTES,
            "the secret comes from the file {path}, which is not a file of at most {FILE_BYTES} bytes"
        );
        let mut text = Zeroizing::new(String::new());
        file.by_ref().take(FILE_BYTES).read_to_string(&mut text).with_context(missing)?;
        // Editors and `echo` end a file with a newline that is not a part of the secret.
        Ok(Self::new(text.trim_end_matches(['\r', '\n'])))
    }
}

/// Opens a file in one of the folders that are allowed. Of a file elsewhere the error is the same whether it
/// exists or not.
fn open_allowed(path: &str, rules: &OutboundRules, missing: impl Fn() -> String) -> Result<File> {
    let outside = || {
        let folders: Vec<_> =
            rules.secret_files.iter().map(|it| it.display().to_string()).collect();
        anyhow!(
            "the secret comes from the file {path}, which is in no folder that secret_files in muster.toml \
             allows; it allows {}, beginning at the data directory",
            folders.join(", ")
        )
    };
    let folders: Vec<PathBuf> = rules.secret_files.iter().map(|it| rules.data.join(it)).collect();
    let real_folders: Vec<PathBuf> =
        folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    let is_in = |folders: &[PathBuf], file: &Path| folders.iter().any(|it| file.starts_with(it));
    let whole = rules.data.join(path);
    let climbs = whole.components().any(|part| part == Component::ParentDir);
    ensure!(!climbs && (is_in(&folders, &whole) || is_in(&real_folders, &whole)), outside());
    // A link may lead out of the folder.
    let real = whole.canonicalize().with_context(&missing)?;
    ensure!(is_in(&real_folders, &real), outside());
    // Opening a pipe would wait for its writer.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::RDONLY;
    let file = rustix::fs::open(&real, flags, Mode::empty()).map_err(std::io::Error::from);
    Ok(File::from(file.with_context(missing)?))
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
    use std::{fs, os::unix::fs::symlink};

    use serde_json::json;

    use super::*;

    /// Rules with this data directory, for the variables that a test has.
    fn rules(data: &Path) -> OutboundRules {
        OutboundRules {
            secret_variables: vec!["PATH".to_owned(), "MUSTER_SECRET_*".to_owned()],
            ..OutboundRules::of(data)
        }
    }

    #[track_caller]
    fn refused(source: &Value, because: &str) {
        refused_by(&rules(Path::new("/nowhere")), source, because);
    }

    #[track_caller]
    fn refused_by(rules: &OutboundRules, source: &Value, because: &str) {
        let error = format!("{:#}", Secret::load(source, rules).unwrap_err());
        assert!(error.contains(because), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_secret_comes_from_the_environment_a_file_or_the_configuration() {
        let data = tempfile::tempdir().unwrap();
        let rules = rules(data.path());
        let load = |source: Value| Secret::load(&source, &rules).unwrap();
        assert_eq!(load(json!({"value": "hunter2"})).expose(), "hunter2");
        assert_eq!(load(json!({"env": "PATH"})).expose(), env::var("PATH").unwrap());
        fs::create_dir(data.path().join("secrets")).unwrap();
        let file = data.path().join("secrets/crm");
        fs::write(&file, " hunter2\r\n").unwrap();
        for path in ["secrets/crm", file.to_str().unwrap()] {
            assert_eq!(load(json!({"file": path})).expose(), " hunter2");
        }
    }

    #[test]
    fn a_secret_that_is_missing_or_empty_is_refused_and_never_quoted() {
        refused(&json!({"env": "MUSTER_SECRET_NONE"}), "variable MUSTER_SECRET_NONE of the host");
        refused(&json!({"value": ""}), "empty");
        refused(&json!({"vault": "hunter2"}), r#"not from "vault""#);
        refused(&json!("hunter2"), "a secret is one of");
        refused(&json!({"value": "hunter2", "env": "PATH"}), "a secret is one of");
        refused(&json!({"value": ["hunter2"]}), "a secret is one of");
    }

    #[test]
    fn a_variable_that_the_owner_of_the_host_does_not_allow_is_refused() {
        for name in ["HOME", "MUSTER_ADMIN_TOKEN", "PATH2", "muster_secret_x"] {
            let because = "secret_variables in muster.toml does not allow; it allows PATH, MUSTER";
            refused(&json!({ "env": name }), because);
        }
    }

    #[test]
    fn a_file_outside_of_the_folders_that_are_allowed_is_refused_whether_it_exists_or_not() {
        let data = tempfile::tempdir().unwrap();
        let rules = rules(data.path());
        let secrets = data.path().join("secrets");
        fs::create_dir(&secrets).unwrap();
        fs::write(data.path().join("host.key"), "hunter2").unwrap();
        symlink("../host.key", secrets.join("link")).unwrap();
        symlink("..", secrets.join("up")).unwrap();
        for path in [
            "/etc/passwd",
            "/etc/none",
            "host.key",
            "secrets/../host.key",
            "secrets/link",
            "secrets/up/host.key",
            "secrets2/x",
        ] {
            let because = "in no folder that secret_files in muster.toml allows; it allows secrets";
            refused_by(&rules, &json!({ "file": path }), because);
        }
        refused_by(&rules, &json!({"file": "secrets/none"}), "file secrets/none: create it");
    }

    #[test]
    fn neither_a_pipe_nor_a_folder_nor_a_large_file_is_read() {
        let data = tempfile::tempdir().unwrap();
        let rules = rules(data.path());
        let secrets = data.path().join("secrets");
        fs::create_dir_all(secrets.join("folder")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(secrets.join("pipe")).status();
        assert!(pipe.unwrap().success());
        fs::write(secrets.join("empty"), "\n").unwrap();
        File::create(secrets.join("large")).unwrap().set_len(FILE_BYTES + 1).unwrap();
        for (name, because) in [
            ("pipe", "not a file of at most 65536 bytes"),
            ("folder", "not a file of at most 65536 bytes"),
            ("large", "not a file of at most 65536 bytes"),
            ("empty", "is empty"),
        ] {
            refused_by(&rules, &json!({ "file": format!("secrets/{name}") }), because);
        }
    }

    #[test]
    fn debug_output_hides_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "…");
    }
}
