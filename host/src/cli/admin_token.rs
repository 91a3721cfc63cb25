//! The file `admin.token`: the admin token that the host makes for itself, so that an operator who can read
//! the data directory always has a way in.
//!
//! A start leaves one such token valid, the one in the file. If the file is missing, or its token is not
//! valid, another one is made; those of before end. A kill in between leaves a file that the next start
//! puts right.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::local_environment::into_anyhow;
use crate::lifecycle::{BOOTSTRAP_TOKEN, Host};
use crate::store::{AuditAuthor, audit};

/// The file of the admin token, which only the operator can read.
pub(super) async fn keep(host: &Host, data: &Path) -> anyhow::Result<PathBuf> {
    let path = data.join(BOOTSTRAP_TOKEN);
    let author = AuditAuthor {
        token: None,
        name: "muster serve".to_owned(),
        request: None,
        action: "start".to_owned(),
    };
    match read(&path) {
        Ok(kept) => audit::scope_of(author, keep_one(host, data, &path, kept.as_deref())).await?,
        Err(error) => {
            let (path, error) = (path.display(), format!("{error:#}"));
            tracing::warn!(
                %path, error,
                "serve: the file of the admin token cannot be read, and its token stays as it is; give \
                 the file to the user that the host runs as, or delete it and restart the host"
            );
        }
    }
    Ok(path)
}

/// The token in the file; none if it is missing or empty.
fn read(path: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn keep_one(host: &Host, data: &Path, path: &Path, kept: Option<&str>) -> anyhow::Result<()> {
    let token = match kept.filter(|kept| host.config.is_admin_token(kept)) {
        Some(kept) => kept.to_owned(),
        None => {
            let token = into_anyhow(host.config.add_bootstrap_token().await)?;
            write(data, path, &token).with_context(|| format!("writing {}", path.display()))?;
            token
        }
    };
    host.config.end_other_bootstrap_tokens(&token).await
}

fn write(data: &Path, path: &Path, token: &str) -> anyhow::Result<()> {
    // A temporary file has mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(data)?;
    writeln!(file, "{token}")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(std::fs::File::open(data)?.sync_all()?)
}
