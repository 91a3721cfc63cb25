//! The data directory of a host, for commands that work on its files: found as `muster serve` finds it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;

use super::config::Config;
use crate::store::{DATABASE, HOST_KEY};

/// Where the data directory is.
#[derive(Args, Debug)]
pub(super) struct DataArgs {
    /// The data directory of the host [default: that of the configuration file, or muster-data].
    #[arg(long, env = "MUSTER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file of the host [default: muster.toml, if it exists].
    #[arg(long, env = "MUSTER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A data directory, which may not exist.
#[derive(Clone, Debug)]
pub(super) struct DataDirectory(pub(super) PathBuf);

impl DataArgs {
    pub(super) fn directory(self) -> anyhow::Result<DataDirectory> {
        let of_config = || anyhow::Ok(Config::read(self.config.as_deref())?.data);
        let data = self.data.map_or_else(of_config, |data| Ok(Some(data)))?;
        Ok(DataDirectory(data.unwrap_or_else(|| "muster-data".into())))
    }
}

impl DataDirectory {
    /// The database, which must exist.
    pub(super) fn database(&self) -> anyhow::Result<PathBuf> {
        let path = self.0.join(DATABASE);
        let exists = path.try_exists().with_context(|| format!("reading {}", path.display()))?;
        ensure!(
            exists,
            "there is no database in {}: give the host's data directory by --data or MUSTER_DATA",
            self.0.display()
        );
        Ok(path)
    }

    /// Whether a file, which may not exist, would lie directly in this directory.
    pub(super) fn has(&self, file: &Path) -> bool {
        matches!((folder_of(file).canonicalize(), self.0.canonicalize()), (Ok(one), Ok(other)) if one == other)
    }

    pub(super) fn host_key(&self) -> PathBuf {
        self.0.join(HOST_KEY)
    }
}

/// The folder that a file is in.
pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
