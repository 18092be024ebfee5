//! Publishes checkpoints: to files that grow, syslog collectors and HTTP endpoints, for whoever audits the log against them.

use crate::clock;
use crate::config::{Loaded, Publish, PublishTo, Report, Sensitive};
use crate::failure::{Failure, io_failure};
use crate::service::notify::check_collector;
use crate::service::witness_alarms::{self, News, Patience};
use bytes::Bytes;
use holdshort_ledger::{Checkpoint, Note, append_note};
use holdshort_notify::{Collector, Poster, SIGNATURE, SendError, TIMESTAMP, TargetError, Trust, endpoint, sign};
use holdshort_server::Service;
use holdshort_store::log::Log;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Uri};
use http_body_util::Full;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

/// Longest time for one message.
const SEND_MAX: Duration = Duration::from_secs(15);
/// More than the longest signature line that the log writes, in bytes.
const TAIL_BYTES: u64 = 16 << 10;
/// Version of the payload of webhooks.
const PAYLOAD_VERSION: u32 = 1;
/// Informational, RFC 5424, 6.2.1.
const SEVERITY: u8 = 6;

/// The tasks that publish. End with it.
pub(crate) struct Publishing(Vec<JoinHandle<()>>);

impl Drop for Publishing {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// A place of publication, how often it is told, and what it is called.
pub(crate) struct Planned {
    place: Place,
    every: Duration,
    /// Its key in the configuration, and the file; never an address, which may be a secret.
    label: String,
}

/// A place of publication, ready to be used.
enum Place {
    /// A file, and whose turn it is to write it: one thread at a time.
    File(PathBuf, Arc<Semaphore>),
    /// A collector.
    Syslog(Box<Collector>),
    /// An endpoint, and the secret that messages are signed with.
    Webhook(Box<Poster>, Uri, Option<Vec<u8>>),
}

/// The configured places.
///
/// # Errors
/// When one cannot be right, or an environment variable is not set.
pub(crate) fn places(loaded: &Loaded) -> Result<Vec<Planned>, Failure> {
    let planned = |(index, publish): (usize, &Publish)| {
        let key = format!("witnesses.publish[{index}]");
        let place = place(loaded, publish).map_err(|why| {
            Failure::config(match why {
                Unbuilt::Unset(variable) => format!("`{key}`: the environment variable `{variable}` is not set"),
                Unbuilt::Wrong(what) => format!("`{key}`: {what}"),
            })
        })?;
        let what = match &place {
            Place::File(path, _) => path.display().to_string(),
            Place::Syslog(_) | Place::Webhook(..) => place.name().to_owned(),
        };
        Ok(Planned { place, every: publish.every.0, label: format!("`{key}` ({what})") })
    };
    loaded.config.witnesses.publish.iter().enumerate().map(planned).collect()
}

/// Looks at the places without publishing anything, as [`super::notify::check`] does.
pub(crate) fn check(loaded: &Loaded, report: &mut Report) {
    let mut files: Vec<PathBuf> = Vec::new();
    for (index, publish) in loaded.config.witnesses.publish.iter().enumerate() {
        let key = format!("witnesses.publish[{index}]");
        match place(loaded, publish) {
            Ok(Place::File(path, _)) => {
                report.writable(&format!("{key}.path"), &path);
                if files.contains(&path) {
                    report.problem(
                        &key,
                        format_args!("another entry writes `{}`, too", path.display()),
                        "one file each",
                    );
                }
                files.push(path);
            }
            Ok(_) => {}
            Err(Unbuilt::Unset(variable)) => {
                report.note(&key, format_args!("the environment variable `{variable}` is not set: it is not checked"));
            }
            Err(Unbuilt::Wrong(what)) => report.problem(&key, what, ""),
        }
        let url = publish.url.as_ref().and_then(|url| Sensitive::resolve(url, variable).ok());
        if publish.to == PublishTo::Syslog
            && let Some(url) = url
        {
            check_collector(&key, &url, report);
        }
    }
}

/// Why a place cannot be used.
#[derive(Debug)]
enum Unbuilt {
    /// An environment variable is not set.
    Unset(String),
    /// It cannot be right.
    Wrong(String),
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn place(loaded: &Loaded, publish: &Publish) -> Result<Place, Unbuilt> {
    let url = || match &publish.url {
        Some(url) => Sensitive::resolve(url, variable).map_err(Unbuilt::Unset),
        None => Ok(String::new()),
    };
    let wrong = |error: TargetError| Unbuilt::Wrong(error.to_string());
    Ok(match publish.to {
        PublishTo::File => Place::file(loaded.resolve(publish.path.as_deref().unwrap_or(Path::new("")))),
        PublishTo::Syslog => Place::Syslog(Box::new(Collector::new(&url()?, &Trust::default()).map_err(wrong)?)),
        PublishTo::Webhook => {
            let set = |name: &String| variable(name).ok_or_else(|| Unbuilt::Unset(name.clone()));
            let secret = publish.secret_env.as_ref().map(set).transpose()?.map(String::into_bytes);
            if secret.as_ref().is_some_and(Vec::is_empty) {
                return Err(Unbuilt::Wrong("the secret is empty".into()));
            }
            let poster = Poster::new(&Trust::default(), 0).map_err(wrong)?;
            let url = endpoint(&url()?, false).map_err(|error| match error {
                // There is no such key here.
                TargetError::ClearText => Unbuilt::Wrong("would go to another host in clear text; use https".into()),
                error => wrong(error),
            })?;
            Place::Webhook(Box::new(poster), url, secret)
        }
    })
}

/// Starts publishing. People are told of a place that fails for longer than `tell_after`.
pub(crate) fn start(places: Vec<Planned>, log: &Log, service: &Arc<Service>, tell_after: Duration) -> Publishing {
    let start = |planned| tokio::spawn(run(planned, log.clone(), service.clone(), Patience::new(tell_after)));
    Publishing(places.into_iter().map(start).collect())
}

async fn run(planned: Planned, log: Log, service: Arc<Service>, mut patience: Patience) {
    let Planned { place, every, label } = planned;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut published, mut failing) = (String::new(), String::new());
    loop {
        ticks.tick().await;
        let text = log.checkpoint();
        if text == published {
            continue;
        }
        let Ok(note) = Note::parse(text.as_bytes()) else { continue };
        let sent = place.publish(&note).await;
        let news = patience.look(sent.is_err(), Instant::now());
        match &sent {
            Ok(()) => {
                published = text;
                failing.clear();
            }
            // It was said, and is tried again with the next tick: a newer one says all that this one did.
            Err(error) if *error == failing => {}
            Err(error) => {
                tracing::warn!(place = label, error, "checkpoints are not published; it is tried again");
                failing.clone_from(error);
            }
        }
        if let Some(news) = news {
            tell(&service, &label, news, sent.err().as_deref().unwrap_or_default()).await;
        }
    }
}

async fn tell(service: &Service, label: &str, news: News, why: &str) {
    let event = if news == News::Over { "publish-works" } else { witness_alarms::UNPUBLISHED };
    let written = service.note_in_log(event, json!({ "place": label, "why": why })).await;
    let alarm = match news {
        News::Begun(since) => witness_alarms::unpublished(label, since, why, written.ok()),
        News::Over => witness_alarms::published_again(label),
    };
    service.alarm(&alarm).await;
}

impl Place {
    fn file(path: PathBuf) -> Self {
        Self::File(path, Arc::new(Semaphore::new(1)))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::File(..) => "file",
            Self::Syslog(_) => "syslog",
            Self::Webhook(..) => "webhook",
        }
    }

    async fn publish(&self, note: &Note) -> Result<(), String> {
        let sending = async {
            match self {
                Self::File(path, turn) => {
                    // A disk elsewhere that hangs holds this one thread, and not one more each time.
                    let Ok(turn) = turn.clone().try_acquire_owned() else {
                        return Err("the attempt before has not ended".to_owned());
                    };
                    let (path, note) = (path.clone(), note.clone());
                    let write = move || {
                        let written = append(&path, &note);
                        drop(turn);
                        written
                    };
                    let written = tokio::task::spawn_blocking(write).await;
                    written.map_err(|error| error.to_string())?.map_err(|failure| failure.to_string())
                }
                Self::Syslog(collector) => {
                    let message = syslog_message(collector, note);
                    collector.send(&[message]).await.map_err(|error| error.to_string())
                }
                Self::Webhook(poster, url, secret) => {
                    post(poster, url, secret.as_deref(), note).await.map_err(|error| error.to_string())
                }
            }
        };
        tokio::time::timeout(SEND_MAX, sending).await.unwrap_or_else(|_| Err("took too long".into()))
    }
}

/// Adds a note to a file, durably. Nothing that stands there is touched: the file may be one that only takes more.
fn append(path: &Path, note: &Note) -> Result<(), Failure> {
    let is_new = !path.exists();
    let mut file: File = OpenOptions::new().create(true).append(true).open(path).map_err(io_failure("open", path))?;
    let torn = !is_new && !ends_with_note(path);
    file.write_all(append_note(note, torn).as_bytes()).map_err(io_failure("write", path))?;
    file.sync_all().map_err(io_failure("sync", path))?;
    match path.parent().filter(|_| is_new) {
        Some(folder) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_failure("sync", folder)),
        None => Ok(()),
    }
}

/// Whether the last note was written to its end: a signature line, and the empty line behind it. The empty line above the
/// signatures looks the same without what is before it.
fn ends_with_note(path: &Path) -> bool {
    let end = || {
        let mut file = File::open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut end = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut end)?;
        let last_line = end.strip_suffix(b"\n\n").and_then(|rest| rest.rsplit(|byte| *byte == b'\n').next());
        Ok::<_, std::io::Error>(
            end.is_empty() || last_line.is_some_and(|line| line.starts_with("\u{2014} ".as_bytes())),
        )
    };
    end().unwrap_or(false)
}

/// Small enough for a datagram: the text, and the log's own Ed25519 signature. `note` is them as JSON has them.
fn syslog_message(collector: &Collector, note: &Note) -> String {
    let origin = note.text().split('\n').next().unwrap_or_default();
    // Of the signatures by the log itself, the short one.
    let short = note.retaining(|one| one.name == origin && one.bytes.len() == 64);
    let (size, root) = Checkpoint::parse_text(note.text())
        .map_or((0, String::new()), |checkpoint| (checkpoint.size, checkpoint.root.to_string()));
    let head = collector.header(SEVERITY, clock::now_ms(), "checkpoint");
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
    let origin = escape(origin);
    // 32473 is the number that RFC 5612 sets aside. The mark of UTF-8 comes before the message (RFC 5424, 6.4).
    format!(
        "{head}[checkpoint@32473 origin=\"{origin}\" size=\"{size}\" root=\"{root}\"] \u{feff}{}",
        json!(short.to_string())
    )
}

async fn post(poster: &Poster, url: &Uri, secret: Option<&[u8]>, note: &Note) -> Result<(), SendError> {
    let checkpoint = Checkpoint::parse_text(note.text()).map_err(|_| SendError::Unsendable)?;
    let body = json!({
        "type": "holdshort.checkpoint", "version": PAYLOAD_VERSION, "origin": checkpoint.origin,
        "size": checkpoint.size, "root": checkpoint.root.to_string(), "note": note.to_string(),
    });
    let body = serde_json::to_vec(&body).map_err(|_| SendError::Unsendable)?;
    let now_s = clock::now_ms() / 1_000;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(TIMESTAMP, now_s);
    if let Some(secret) = secret {
        request = request.header(SIGNATURE, sign(secret, now_s, &body));
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|_| SendError::Unsendable)?;
    let answer = poster.send(request).await?;
    if answer.is_success() { Ok(()) } else { Err(SendError::Status(answer.status)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_ledger::{Hash, SigningKey, kept_notes};

    fn note(size: u64) -> Note {
        let key = SigningKey::from_seed("example.com/log", &[7; 32]).unwrap();
        Checkpoint { origin: "example.com/log".into(), size, root: Hash::leaf(b"x") }.sign(&key).unwrap()
    }

    #[test]
    fn a_file_grows_and_a_torn_end_takes_nothing_else_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        append(&path, &note(1)).unwrap();
        append(&path, &note(2)).unwrap();
        assert_eq!(kept_notes(&std::fs::read(&path).unwrap()).notes, [note(1), note(2)]);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            append(&path, &note(3)).unwrap();
            let kept = kept_notes(&std::fs::read(&path).unwrap());
            assert_eq!(kept.notes.last(), Some(&note(3)), "cut at {cut}: {kept:?}");
        }
    }

    /// A pipe that nobody reads is opened for ever, as a share is whose server is gone.
    #[tokio::test]
    async fn a_place_that_hangs_holds_one_thread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let place = Place::file(path.clone());
        let begun = tokio::time::timeout(Duration::ZERO, place.publish(&note(1))).await;
        assert!(begun.is_err(), "{begun:?}");
        for _ in 0..3 {
            assert_eq!(place.publish(&note(2)).await, Err("the attempt before has not ended".to_owned()));
        }
        // Somebody reads: the thread ends, and so does the test's runtime.
        let mut reader = OpenOptions::new().read(true).open(&path).unwrap();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
    }

    #[test]
    fn a_datagram_holds_what_can_be_checked() {
        let mut signed = note(7);
        let own = holdshort_ledger::Cosigner::from_seed(
            holdshort_ledger::CosignerAlgorithm::MlDsa44,
            "example.com/log",
            &[9; 32],
        );
        own.unwrap().cosign(&mut signed, 1).unwrap();
        let collector = Collector::new("udp://127.0.0.1:9", &Trust::default()).unwrap();
        let message = syslog_message(&collector, &signed);
        assert!(message.len() < 600 && !message.contains('\n'), "{message}");
        let (_, text) = message.split_once('\u{feff}').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        assert_eq!(Note::parse(text.as_bytes()).unwrap(), note(7));
    }
}
