//! Which program started this wrapper: the client of a stdio server, as the kernel tells it.

use holdshort_model::{Digest, SessionId};
use rustix::process::{Pid, getppid, getuid};
use std::fs;
use std::path::Path;

/// Longest agent id that is derived from a program's name, in characters.
const NAME_CHARS_MAX: usize = 64;

/// The process that started this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Path of its executable, where the kernel tells it.
    pub(crate) program: Option<String>,
    /// Name of the program, fit for an agent id.
    pub(crate) name: String,
    /// One session for each client process: several wrappers that it starts share it.
    pub(crate) session: SessionId,
    /// Name of the operating system's user.
    pub(crate) user: String,
}

impl Client {
    /// Asks the kernel about the parent process.
    pub(crate) fn of_parent() -> Self {
        let parent = Pid::as_raw(getppid());
        let proc = format!("/proc/{parent}");
        let program = fs::read_link(format!("{proc}/exe")).ok().map(|path| path.to_string_lossy().into_owned());
        // A deleted or replaced executable carries this suffix; the name is meant.
        let path = program.as_deref().map(|path| path.trim_end_matches(" (deleted)"));
        let file = path.and_then(|path| Path::new(path).file_name()).map(|name| name.to_string_lossy().into_owned());
        let started = fs::read_to_string(format!("{proc}/stat")).ok().and_then(|stat| start_time(&stat));
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let uid = getuid().as_raw();
        Self {
            name: plain(file.as_deref().unwrap_or("unknown")),
            program,
            session: session(&boot, uid, parent, started.unwrap_or(0)),
            user: user_name(uid, &fs::read_to_string("/etc/passwd").unwrap_or_default()),
        }
    }
}

/// Field 22 of `/proc/PID/stat` (proc_pid_stat(5)): when the process started, in ticks since boot. The second field,
/// the program's name, may contain anything, so reading begins after its last parenthesis.
fn start_time(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// A pid is used again, so its start time belongs to it, and ticks begin anew with each boot.
fn session(boot: &str, uid: u32, pid: i32, started: u64) -> SessionId {
    let (uid, number, started) = (uid.to_be_bytes(), pid.to_be_bytes(), started.to_be_bytes());
    let digest = Digest::of_parts([boot.trim().as_bytes(), &uid, &number, &started]).to_string();
    let short: String = digest.trim_start_matches("sha256:").chars().take(16).collect();
    SessionId::from(format!("stdio-{pid}-{short}"))
}

fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.chars().take(NAME_CHARS_MAX).map(keep).collect()
}

fn user_name(uid: u32, passwd: &str) -> String {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find_map(|fields| match fields.as_slice() {
        [name, _, id, ..] if id.parse() == Ok(uid) => Some((*name).to_owned()),
        _ => None,
    });
    found.unwrap_or_else(|| format!("uid:{uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_program_name() {
        let fields: Vec<String> = (3..=30).map(|field| field.to_string()).collect();
        for name in ["cat", "a b", "a) S 1 (b", ")"] {
            assert_eq!(start_time(&format!("7 ({name}) {}", fields.join(" "))), Some(22), "{name}");
        }
        assert_eq!(start_time("7 (cat) S 1"), None);
    }

    #[test]
    fn every_part_makes_another_session() {
        let one = session("boot", 1, 2, 3);
        assert_eq!(one, session("boot\n", 1, 2, 3));
        for other in
            [session("b", 1, 2, 3), session("boot", 2, 2, 3), session("boot", 1, 3, 3), session("boot", 1, 2, 4)]
        {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn users_are_named_or_numbered() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(user_name(1000, passwd), "ann");
        assert_eq!(user_name(7, passwd), "uid:7");
    }

    #[test]
    fn the_parent_of_this_test_is_known() {
        let client = Client::of_parent();
        assert_eq!(client, Client::of_parent());
        assert!(client.program.is_some_and(|program| program.starts_with('/')));
    }
}
