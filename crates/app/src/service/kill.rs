//! The kill switch by file: `kill` in the data directory isolates whom it names, when nothing else answers.
//!
//! One scope a line: `all`, `agent ID`, `class NAME`; empty lines and those that begin with `#` say nothing. INVARIANT:
//! in doubt it means everybody. Whatever cannot be read or understood, is not a plain file of ours, or is empty, isolates
//! all. Removing the file gives nothing back; while it is there, each start isolates again.

use crate::failure::{Failure, io_failure};
use holdshort_model::Scope;
use holdshort_server::Service;
use rustix::fs::OFlags;
use std::fs::{Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the file is looked at. A look is one `stat`.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest file that is read, in bytes: two thousand long names.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Longest name of an agent or class, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Who contained, in records.
const BY: &str = "kill-file";

/// Looks at the file on a thread of its own, so that nothing that hangs elsewhere keeps it from looking.
pub(crate) struct KillSwitch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl KillSwitch {
    /// Obeys the file as it is now, before this returns, and from then on.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(path: PathBuf, service: Arc<Service>) -> Result<Self, Failure> {
        let mut watch = Watch { path, known: None, empty: false };
        obey(&service, watch.at_start());
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("kill-file".into());
        let thread = thread.spawn(move || watch.run(&service, &stopped));
        let thread = thread.map_err(|error| Failure::internal(format!("cannot watch the kill file: {error}")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for KillSwitch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A look that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

/// Device, inode, size, and the times of the last changes.
type Fingerprint = (u64, u64, u64, i64, i64, i64, i64);

struct Watch {
    path: PathBuf,
    known: Option<Fingerprint>,
    /// It was empty at the last look: perhaps somebody is just writing it.
    empty: bool,
}

impl Watch {
    fn run(&mut self, service: &Service, stopped: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK_EVERY) {
            obey(service, self.look());
        }
    }

    fn at_start(&mut self) -> Vec<Scope> {
        let found = self.look();
        if self.empty { self.look() } else { found }
    }

    /// Whom the file names, when it is there and changed.
    fn look(&mut self) -> Vec<Scope> {
        let found = match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (self.known, self.empty) = (None, false);
                return Vec::new();
            }
            Err(_) => None,
            Ok(metadata) => Some(metadata),
        };
        let fingerprint = found.as_ref().map_or((0, 0, 0, 0, 0, 0, 0), fingerprint);
        if self.known == Some(fingerprint) && !self.empty {
            return Vec::new();
        }
        let text = found.filter(is_ours).and_then(|_| read(&self.path));
        let is_empty = text.as_ref().is_some_and(|text| text.trim().is_empty());
        if is_empty && !self.empty {
            self.empty = true;
            return Vec::new();
        }
        (self.known, self.empty) = (Some(fingerprint), false);
        text.and_then(|text| parse(&text)).unwrap_or_else(|| vec![Scope::All])
    }
}

fn obey(service: &Service, scopes: Vec<Scope>) {
    for scope in scopes {
        service.kill(scope, BY, "named in the file `kill` of the data directory");
    }
}

fn fingerprint(found: &Metadata) -> Fingerprint {
    let (changed, status) = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
    (found.dev(), found.ino(), found.len(), changed.0, changed.1, status.0, status.1)
}

/// A plain file of ours or of root that nobody else may write to. What others could have changed names nobody reliably.
fn is_ours(found: &Metadata) -> bool {
    let owner = found.uid() == rustix::process::geteuid().as_raw() || found.uid() == 0;
    found.is_file() && owner && found.permissions().mode() & 0o022 == 0 && found.len() <= FILE_BYTES_MAX
}

fn read(path: &Path) -> Option<String> {
    // Neither followed nor waited for, if it became something else meanwhile.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).ok()?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= FILE_BYTES_MAX).then_some(text)
}

/// The scopes; `None` when a line is not understood, or none says anything.
fn parse(text: &str) -> Option<Vec<Scope>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let scopes: Option<Vec<Scope>> = lines.map(scope).collect();
    scopes.filter(|scopes| !scopes.is_empty())
}

fn scope(line: &str) -> Option<Scope> {
    if line == "all" {
        return Some(Scope::All);
    }
    let (kind, name) = line.split_once(char::is_whitespace)?;
    let name = name.trim();
    let plain = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    match kind {
        "agent" if plain => Some(Scope::Agent { agent: name.into() }),
        "class" if plain => Some(Scope::Class { class: name.to_owned() }),
        _ => None,
    }
}

/// Adds a scope to the file, which is made when it is not there: `contain --offline`.
///
/// # Errors
/// When the scope cannot stand in the file, or the file cannot be written.
pub(crate) fn write(path: &Path, whom: &Scope) -> Result<(), Failure> {
    let line = match whom {
        Scope::All => "all".to_owned(),
        Scope::Agent { agent } => format!("agent {agent}"),
        Scope::Class { class } => format!("class {class}"),
        Scope::Session { .. } => {
            return Err(Failure::usage("the kill file names agents, classes or everybody, and no single session"));
        }
    };
    if scope(&line).as_ref() != Some(whom) {
        return Err(Failure::usage("this name cannot stand in the kill file").hint("isolate everybody with `--all`"));
    }
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(Failure::internal)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(flags);
    // In one write, so that whoever reads meanwhile sees the line or nothing. A line of somebody else may have no end.
    let text = format!("\n{line}\n");
    let written =
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(io_failure("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str) -> Scope {
        Scope::Agent { agent: id.into() }
    }

    #[test]
    fn lines_name_scopes_and_garbage_names_nobody_in_particular() {
        let check = |text: &str, expected: Option<Vec<Scope>>| assert_eq!(parse(text), expected, "{text:?}");
        check("all", Some(vec![Scope::All]));
        check("\n# why\nagent tidy\n class  crm \n", Some(vec![agent("tidy"), Scope::Class { class: "crm".into() }]));
        check("agent stdio:my agent\r\n", Some(vec![agent("stdio:my agent")]));
        for garbage in ["", "# nothing", "everybody", "agent", "agent ", "tidy", "agent a\nwhat", "ALL", "agent a\u{7}"]
        {
            check(garbage, None);
        }
        check(&format!("agent {}", "x".repeat(257)), None);
    }

    /// What the looks after each other say.
    fn looks(path: &Path, count: usize) -> Vec<Vec<Scope>> {
        let mut watch = Watch { path: path.to_owned(), known: None, empty: false };
        (0..count).map(|_| watch.look()).collect()
    }

    #[test]
    fn whatever_is_not_a_plain_file_of_ours_means_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kill");
        let everybody = vec![Scope::All];
        assert_eq!(looks(&path, 1), [vec![]], "there is none");
        std::fs::create_dir(&path).unwrap();
        assert_eq!(looks(&path, 2), [everybody.clone(), vec![]], "a folder");
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert_eq!(looks(&path, 1), std::slice::from_ref(&everybody), "a link");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "agent a").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o666);
        assert_eq!(looks(&path, 1), std::slice::from_ref(&everybody), "others may write to it");
        mode(0o600);
        assert_eq!(looks(&path, 2), [vec![agent("a")], vec![]], "once");
        for garbage in [b"\xff\xfe".to_vec(), vec![b'x'; 300 * 1024], b"agent a\n\0".to_vec()] {
            std::fs::write(&path, garbage).unwrap();
            assert_eq!(looks(&path, 1), std::slice::from_ref(&everybody));
        }
    }

    #[test]
    fn an_empty_file_is_given_one_look_to_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kill");
        std::fs::write(&path, "").unwrap();
        assert_eq!(looks(&path, 3), [vec![], vec![Scope::All], vec![]]);
        let mut watch = Watch { path: path.clone(), known: None, empty: false };
        assert_eq!(watch.look(), []);
        std::fs::write(&path, "agent a\n").unwrap();
        assert_eq!(watch.look(), [agent("a")]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(watch.look(), [], "removing it says nothing");
        std::fs::write(&path, "").unwrap();
        let mut watch = Watch { path, known: None, empty: false };
        assert_eq!(watch.at_start(), [Scope::All], "at the start nobody is just writing it");
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kill");
        std::fs::write(&path, "agent a").unwrap();
        let all = [agent("b"), Scope::Class { class: "c".into() }, Scope::All];
        all.iter().for_each(|scope| write(&path, scope).unwrap());
        assert_eq!(parse(&read(&path).unwrap()).unwrap(), [&[agent("a")], all.as_slice()].concat());
        for wrong in ["", "a\nb", " a", "x\u{1b}"] {
            assert!(write(&path, &agent(wrong)).is_err(), "{wrong:?}");
        }
        assert!(write(&path, &Scope::Session { agent: "a".into(), session: "s".into() }).is_err());
    }
}
