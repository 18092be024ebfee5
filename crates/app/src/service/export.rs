//! The configured exports: built, and each set on its way on a thread of its own.

use crate::config::{Export, ExportArguments, Loaded, NotifyLevel, Sensitive};
use crate::failure::{Failure, io_failure};
use crate::out;
use crate::place::DataDir;
use crate::service::export_source::LogSource;
use holdshort_export::{
    Arguments, Batching, Cursor, Encoder, Exporter, Filter, Listener, Meter, Rotation, Sink, SinkTarget,
};
use holdshort_model::Level;
use holdshort_notify::Trust;
use holdshort_store::log::LogError;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How nice the threads are to everybody else (`nice(2)`): they take what is left.
const NICENESS: i32 = 10;
/// A file is put aside at this size, in bytes.
const ROTATE_BYTES: u64 = 100 << 20;
/// So many are kept aside.
const FILES_KEPT: u32 = 9;
/// How long the end of the service waits for theirs.
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

/// An export that may begin.
pub(crate) struct Prepared {
    export: Export,
    sink: Sink,
}

/// The threads. They end with it.
pub(crate) struct Exporting {
    ending: watch::Sender<bool>,
    threads: Vec<Exit>,
    meters: Vec<Arc<Meter>>,
    /// How long the end waits for all of them together.
    patience: Duration,
}

/// A thread; the channel closes with its last act.
struct Exit {
    name: String,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl Exporting {
    /// What they count, for whoever asks while they run.
    pub(crate) fn meters(&self) -> Vec<Arc<Meter>> {
        self.meters.clone()
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        // They may be gone already. What they are sending is given up, and sent again after the next start.
        let _ = self.ending.send(true);
        let until = Instant::now() + self.patience;
        for Exit { name, thread, ended } in self.threads.drain(..) {
            // A disk that hangs holds a thread for ever, and with it nobody else.
            match ended.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => tracing::warn!(export = name, "an export does not end, and is left"),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => drop(thread.join()),
            }
        }
    }
}

/// Builds what the configuration says; opens nothing.
///
/// # Errors
/// When a target cannot be right, or a variable or file is missing.
pub(crate) fn prepare(loaded: &Loaded) -> Result<Vec<Prepared>, Failure> {
    loaded.config.export.iter().map(|export| build(loaded, export)).collect()
}

fn build(loaded: &Loaded, export: &Export) -> Result<Prepared, Failure> {
    let target = target(loaded, export)?;
    let sink = Sink::new(export.format.format(), target);
    let sink = sink.map_err(|error| Failure::config(format!("export `{}`: {error}", export.name)))?;
    Ok(Prepared { export: export.clone(), sink })
}

/// The same for whoever only wants to know, where secrets may be elsewhere: an export whose variables are not set here is
/// left out, and said.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn check(loaded: &Loaded) -> Result<(), Failure> {
    for export in &loaded.config.export {
        let set = |variable: &str| std::env::var(variable).ok();
        let token = export.token_env.as_ref().filter(|variable| set(variable).is_none());
        let unset = Sensitive::resolve(&export.to, set).err().or_else(|| token.cloned());
        match unset {
            Some(variable) => {
                let name = &export.name;
                out::note(format_args!(
                    "the environment variable `{variable}` is not set: export `{name}` is not checked"
                ));
            }
            None => drop(build(loaded, export)?),
        }
    }
    Ok(())
}

/// Lets them begin. Nothing waits for them from here on.
///
/// # Errors
/// When a thread cannot be made.
pub(crate) fn start(
    prepared: Vec<Prepared>,
    data: &DataDir,
    source: impl Fn() -> Result<LogSource, LogError>,
    listener: Listener,
) -> Result<Exporting, Failure> {
    let (ending, ended) = watch::channel(false);
    let mut exporting = Exporting { ending, threads: Vec::new(), meters: Vec::new(), patience: LEAVE_MAX };
    for Prepared { export, sink } in prepared {
        let exporter =
            exporter(&export, sink, source().map_err(Failure::internal)?, (&data.exports(), listener.clone()));
        exporting.meters.push(exporter.meter.clone());
        let ended = ended.clone();
        let (left, gone) = channel::<()>();
        let thread = std::thread::Builder::new().name(format!("export-{}", export.name));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        let running = move || {
            // Where the system does not allow it, it is as everybody else.
            let _ = rustix::process::nice(NICENESS);
            let state = runtime.block_on(exporter.run(ended));
            tracing::debug!(next = state.next, sent = state.sent, "export ended");
            // A name that is looked up now is looked up in vain.
            runtime.shutdown_background();
            drop(left);
        };
        let thread = thread.spawn(running).map_err(Failure::internal)?;
        exporting.threads.push(Exit { name: export.name, thread, ended: gone });
    }
    Ok(exporting)
}

fn exporter(
    export: &Export,
    sink: Sink,
    source: LogSource,
    (directory, listener): (&Path, Listener),
) -> Exporter<LogSource> {
    let encoder = Encoder::new(export.format.format(), arguments(export.arguments), sink.line_bytes_max());
    Exporter {
        name: export.name.clone(),
        source,
        encoder,
        sink,
        filter: Filter { kinds: export.types.clone(), level: level(export.min_level) },
        batching: Batching {
            records_max: export.batch_records as usize,
            bytes_max: usize::try_from(export.batch_bytes).unwrap_or(usize::MAX),
            every: Duration::from_millis(export.batch_ms),
            pause_first: Duration::from_millis(export.pause_first_ms),
            pause_max: Duration::from_secs(export.pause_max_s),
            late_after: Duration::from_secs(export.late_after_s),
        },
        // What is none was refused when the configuration was read.
        from: export.from().unwrap_or(holdshort_export::From::Start),
        cursor: Cursor::new(directory, &export.name),
        meter: Meter::new(&export.name),
        listener,
    }
}

fn target(loaded: &Loaded, export: &Export) -> Result<SinkTarget, Failure> {
    let wrong = |what: String| Failure::config(format!("export `{}`: {what}", export.name));
    let unset = |variable: String| wrong(format!("the environment variable `{variable}` is not set"));
    let to = Sensitive::resolve(&export.to, |variable| std::env::var(variable).ok()).map_err(unset)?;
    let trust = match &export.ca {
        Some(file) => Trust::file(&loaded.resolve(file)).map_err(|error| wrong(error.to_string()))?,
        None => Trust::default(),
    };
    let token = match (&export.token_env, &export.token_file) {
        (Some(variable), _) => Some(std::env::var(variable).map_err(|_| unset(variable.clone()))?),
        (None, Some(file)) => Some(token(&loaded.resolve(file))?),
        (None, None) => None,
    };
    let insecure = export.insecure;
    Ok(match to.split_once("://").map(|(scheme, _)| scheme) {
        None => SinkTarget::File {
            path: loaded.resolve(Path::new(&to)),
            rotation: Rotation {
                bytes_max: export.rotate_bytes.unwrap_or(ROTATE_BYTES),
                files_kept: export.files_kept.unwrap_or(FILES_KEPT),
            },
        },
        Some("http" | "https") => SinkTarget::Http { url: to, token, trust, insecure, gzip: export.gzip },
        Some("udp" | "tcp" | "tls" | "unix") => SinkTarget::Syslog { place: to, trust, insecure },
        Some(_) => {
            let known = "`https://`, `http://`, `tls://`, `tcp://`, `udp://` or `unix://`";
            return Err(wrong(format!("`to` is neither a file nor begins with {known}")));
        }
    })
}

fn token(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(io_failure("read the token in", path))?;
    let token = text.trim();
    let sound =
        !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| token.to_owned()).ok_or_else(|| Failure::config(format!("`{}` holds no token", path.display())))
}

/// Whether arguments go along.
pub(crate) fn arguments(arguments: ExportArguments) -> Arguments {
    match arguments {
        ExportArguments::Digest => Arguments::Digest,
        ExportArguments::Full => Arguments::Full,
    }
}

fn level(level: NotifyLevel) -> Level {
    match level {
        NotifyLevel::Low => Level::Low,
        NotifyLevel::Medium => Level::Medium,
        NotifyLevel::High => Level::High,
        NotifyLevel::Critical => Level::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    /// A pipe that nobody reads, a share whose server is gone: such a write ends when it wants to.
    #[test]
    fn a_thread_that_hangs_does_not_hold_the_end() {
        let ((hanging, hung), (left, ended)) = (channel::<()>(), channel());
        let thread = std::thread::spawn(move || {
            let _ = hung.recv();
            drop(left);
        });
        let threads = vec![Exit { name: "siem".into(), thread, ended }];
        let (ending, seen) = watch::channel(false);
        drop(Exporting { ending, threads, meters: Vec::new(), patience: Duration::from_millis(1) });
        assert!(*seen.borrow(), "it was told");
        // Only now: the end did not wait for it.
        drop(hanging);
    }

    #[test]
    fn what_cannot_be_right_is_named_before_anything_begins() {
        let check = |more: &str, expected: &str| {
            let config = parse(&format!("[[export]]\nname = \"siem\"\n{more}"), "f").unwrap();
            let loaded = Loaded { config, file: None };
            let said = prepare(&loaded).err().unwrap().to_string();
            assert!(said.contains("export `siem`") && said.contains(expected), "{said}");
        };
        check("format = \"cef\"\nto = \"https://h.example/\"", "`cef` goes to a file or a syslog collector");
        check("format = \"ocsf\"\nto = \"tls://h.example:6514\"", "`ocsf` goes to a file or an HTTP endpoint");
        check("format = \"ocsf\"\nto = \"ftp://h.example/x\"", "`to` is neither a file nor begins with `https://`");
        check("format = \"hec\"\nto = \"http://h.example/\"", "clear text");
        check("format = \"cef\"\nto = \"tcp://h.example:514\"", "clear text");
        check("format = \"otlp\"\nto = \"https://h.example\"\ntoken_env = \"HOLDSHORT_NOT_SET\"", "is not set");
        check("format = \"ocsf\"\nto = { from = \"HOLDSHORT_NOT_SET\" }", "is not set");
        check("format = \"cef\"\nto = \"tls://h.example:6514\"\nca = \"/nowhere.pem\"", "nowhere.pem");
    }
}
