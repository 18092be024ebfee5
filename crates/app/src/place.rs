//! Where things are: the configuration file and the data directory.

use crate::config::Loaded;
use crate::failure::{Failure, io_failure};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// `--config` and `--data`, which most commands take.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Place {
    /// Configuration file; default: `holdshort/config.toml` in the user's configuration directory, else the quickstart profile
    #[arg(long, value_name = "FILE", env = "HOLDSHORT_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Data directory; default: `data` of the configuration, else `holdshort` in the user's data directory
    #[arg(long, value_name = "DIR", env = "HOLDSHORT_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
}

impl Place {
    /// Finds, reads and checks the configuration.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        match &self.config {
            Some(file) => Loaded::read(Some(file)),
            None => Loaded::read(
                user_directory("XDG_CONFIG_HOME", ".config")
                    .map(|directory| directory.join("holdshort/config.toml"))
                    .filter(|file| file.exists())
                    .as_deref(),
            ),
        }
    }

    /// The data directory, not yet made.
    pub(crate) fn data(&self, loaded: &Loaded) -> Result<DataDir, Failure> {
        let configured = || loaded.config.data.as_deref().map(|path| loaded.resolve(path));
        let usual = || user_directory("XDG_DATA_HOME", ".local/share").map(|directory| directory.join("holdshort"));
        let path = self.data.clone().or_else(configured).or_else(usual).ok_or_else(|| {
            Failure::config("there is no place for data: neither HOME nor XDG_DATA_HOME is set")
                .hint("name a directory with `--data` or HOLDSHORT_DATA")
        })?;
        let root = std::path::absolute(&path).map_err(io_failure("resolve", &path))?;
        Ok(DataDir { root })
    }
}

fn user_directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}

/// Longest path of a unix socket: `sun_path` has 108 bytes with the final NUL.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The data directory and the names in it.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Makes the directory for its owner alone, or checks that nobody else may write to it.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        let socket = self.socket();
        if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(Failure::config(format!("`{}` is too long for a unix socket", socket.display()))
                .hint("choose a data directory with a shorter path: `--data` or HOLDSHORT_DATA"));
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .map_err(io_failure("make the data directory", &self.root))?;
        let metadata = fs::metadata(&self.root).map_err(io_failure("look at", &self.root))?;
        let strangers = metadata.permissions().mode() & 0o022 != 0;
        if strangers || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(Failure::config(format!("others may write to the data directory `{}`", self.root.display()))
                .hint("it must belong to you: `chmod go-w` it, or choose another with `--data`"));
        }
        Ok(())
    }

    /// The directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The ledger's directory.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join(holdshort_store::sqlite::STATE_FILE)
    }

    /// The index of the ledger, which can be thrown away.
    pub(crate) fn index(&self) -> PathBuf {
        self.root.join(holdshort_store::index::INDEX_FILE)
    }

    /// The keys of sealed records. Not beside them in a backup: see `docs/guides/erasure.md`.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join(holdshort_store::keys::KEYS_FILE)
    }

    /// How far each export got.
    pub(crate) fn exports(&self) -> PathBuf {
        self.root.join("export")
    }

    /// What people were told about witnesses.
    pub(crate) fn witness_memory(&self) -> PathBuf {
        self.root.join("witnesses.json")
    }

    /// The ledger's private key, beside the ledger so that the ledger's directory can be copied and served.
    pub(crate) fn log_key(&self) -> PathBuf {
        self.root.join("log.key")
    }

    /// The administrator's token, readable by its owner alone.
    pub(crate) fn admin_token(&self) -> PathBuf {
        self.root.join("admin.token")
    }

    /// The key of the fingerprints of secrets, readable by its owner alone.
    pub(crate) fn fingerprint_key(&self) -> PathBuf {
        self.root.join("fingerprint.key")
    }

    /// The unix socket of the running service.
    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("service.sock")
    }

    /// Where the running service listens, as JSON.
    pub(crate) fn service_file(&self) -> PathBuf {
        self.root.join("service.json")
    }

    /// Locked by the running service.
    pub(crate) fn service_lock(&self) -> PathBuf {
        self.root.join("service.lock")
    }

    /// Locked by whoever is starting a service in the background.
    pub(crate) fn start_lock(&self) -> PathBuf {
        self.root.join("start.lock")
    }

    /// The kill switch: whoever it names is isolated, see [`crate::service::kill`].
    pub(crate) fn kill_file(&self) -> PathBuf {
        self.root.join("kill")
    }

    /// Messages of a service in the background.
    pub(crate) fn service_log(&self) -> PathBuf {
        self.root.join("service.log")
    }
}
