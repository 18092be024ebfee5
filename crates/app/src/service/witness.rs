//! Has the log's checkpoints cosigned by witnesses of others, and keeps the newest one that met the quorum.
//!
//! INVARIANT: nothing waits for this. It reads checkpoints that are durable already, and a witness that is down, slow, or
//! answers nonsense costs its own turn. What a witness says against the log is put on record, and nothing else follows from it.

use super::witness_alarms::{self, News, Patience, Told};
use super::witness_client::{Conflict, Courier, Submitted, Target};
use super::witness_memory::{Memory, MemoryFile};
use crate::clock;
use crate::config::{Loaded, Report};
use crate::failure::{Failure, io_failure};
use crate::place::DataDir;
use crate::service::assemble::Assembled;
use holdshort_api::{WitnessSummary, WitnessesPage};
use holdshort_ledger::{Checkpoint, Note, NoteSignature, VerifierKey, WitnessPolicy};
use holdshort_notify::{Poster, Trust, endpoint};
use holdshort_server::Service;
use holdshort_store::log::{self, DirectorySource, Log, PUBLIC_KEY_FILE, fetch_witnessed, store_witnessed};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

/// Longest pause before a witness that fails is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// A target whose quorum is not met gives way to a newer one after so many periods, or time limits, although somebody still
/// works on it: a mirror that never comes to an end would hold the others up.
const TARGET_ROUNDS: u32 = 10;

/// The task that submits. Ends with it.
pub(crate) struct Witnessing(JoinHandle<()>);

impl Drop for Witnessing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The configured policy; `None` when nobody is asked.
///
/// # Errors
/// When it cannot be read or has no witness to ask.
pub(crate) fn policy(loaded: &Loaded) -> Result<Option<WitnessPolicy>, Failure> {
    let config = &loaded.config.witnesses;
    let Some(path) = config.policy.as_ref().map(|path| loaded.resolve(path)) else {
        return config.own_policy().map_err(Failure::config);
    };
    let bytes = fs::read(&path).map_err(io_failure("read", &path))?;
    let policy = WitnessPolicy::parse(&bytes)
        .map_err(|error| Failure::config(format!("the witness policy `{}`: {error}", path.display())))?;
    if policy.witnesses().iter().all(|witness| witness.url.is_none()) {
        return Err(Failure::config(format!("no witness in `{}` has a URL to submit to", path.display()))
            .hint("`witness NAME VKEY URL`"));
    }
    config.check_mirrors(&policy).map_err(Failure::config)?;
    Ok(Some(policy))
}

/// Looks at the policy and the witnesses in it without asking any of them. `own_key`: the log's, where it is there already.
pub(crate) fn check(loaded: &Loaded, own_key: Option<&Path>, report: &mut Report) {
    let place = if loaded.config.witnesses.policy.is_some() { "witnesses.policy" } else { "witnesses" };
    let policy = match policy(loaded) {
        Ok(Some(policy)) => policy,
        Ok(None) => return,
        Err(failure) => return report.problem(place, failure.message(), failure.advice()),
    };
    if policy.asks_for_none() {
        report.note(place, "the quorum is `none`: a checkpoint counts as witnessed whoever cosigned it");
    }
    let asked: Vec<&str> = policy.witnesses().iter().filter_map(|witness| witness.url.as_deref()).collect();
    for (at, url) in asked.iter().enumerate() {
        if url.starts_with("http://") && endpoint(url, false).is_err() {
            report
                .note(place, format_args!("`{url}` is asked in clear text: somebody in between can hold answers back"));
        }
        if asked.iter().take(at).any(|before| before == url) {
            report.note(place, format_args!("two witnesses are asked at `{url}`: are they one?"));
        }
    }
    let Some(text) = own_key.and_then(|file| fs::read_to_string(file).ok()) else { return };
    match VerifierKey::parse(text.trim()).map(|key| fits(&policy, &key)) {
        Ok(Err(failure)) => report.problem(place, failure.message(), failure.advice()),
        Ok(Ok(())) => {}
        Err(_) => report.note(place, "the log's own key cannot be read: that the policy is for it is not checked"),
    }
}

/// Whether the policy is one for the log of this key.
fn fits(policy: &WitnessPolicy, log_key: &VerifierKey) -> Result<(), Failure> {
    if !policy.logs().is_empty() && !policy.logs().contains(log_key) {
        return Err(Failure::config(format!("the witness policy knows other logs than `{}`", log_key.name()))
            .hint("add `log` and the line of `log.pub`, or no log at all"));
    }
    let own = policy.witnesses().iter().find(|witness| witness.key.is_of(log_key));
    match own {
        Some(witness) => {
            Err(Failure::config(format!("`{}` is the log itself, which is no witness of its own", witness.name))
                .hint("a witness is run by somebody else, with a key of its own"))
        }
        None => Ok(()),
    }
}

/// Starts submitting, when somebody is to be asked.
///
/// # Errors
/// When the log's own key cannot be read, or TLS cannot be set up.
pub(crate) fn start(
    loaded: &Loaded,
    policy: Option<WitnessPolicy>,
    data: &DataDir,
    assembled: &Assembled,
) -> Result<Option<Witnessing>, Failure> {
    let Some(policy) = policy else { return Ok(None) };
    let (config, directory) = (&loaded.config.witnesses, data.log());
    let key_file = directory.join(PUBLIC_KEY_FILE);
    let text = fs::read_to_string(&key_file).map_err(io_failure("read", &key_file))?;
    let log_key = VerifierKey::parse(text.trim()).map_err(Failure::internal)?;
    fits(&policy, &log_key)?;
    let memory = MemoryFile::open(data.witness_memory());
    let poster = Arc::new(Poster::new(&Trust::default(), 1).map_err(Failure::internal)?);
    let witnesses = policy.witnesses().iter().filter_map(|witness| {
        let courier = Courier {
            witness: witness.clone(),
            url: witness.url.clone()?,
            is_mirror: config.is_mirror(witness.key.name()),
            poster: poster.clone(),
            log: assembled.log.clone(),
            log_key: log_key.clone(),
            timeout: config.timeout.0,
        };
        let told = memory.memory().told.get(&courier.id()).cloned();
        Some(Asked {
            courier,
            known: 0,
            cosigned_ms: None,
            trouble: None,
            failures: 0,
            next: Instant::now(),
            busy: false,
            tried: false,
            contradicts: false,
            told,
            owed: None,
        })
    });
    let witnesses = witnesses.collect();
    let (state, watching) = watch::channel(WitnessesPage::default());
    let mut round = Round {
        witnesses,
        policy,
        log: assembled.log.clone(),
        log_key,
        directory,
        every: config.every.0,
        service: assembled.service.clone(),
        target: None,
        chosen: Instant::now(),
        target_max: config.every.0.max(config.timeout.0).saturating_mul(TARGET_ROUNDS),
        collected: Vec::new(),
        witnessed: 0,
        started: Instant::now(),
        tell_after: config.tell_after.0,
        late: Patience::new(config.tell_after.0),
        asked_ms: 0,
        memory,
        kept: None,
        state,
    };
    assembled.service.witnessed_by(watching);
    Ok(Some(Witnessing(tokio::spawn(async move { round.run().await }))))
}

/// One witness, and how it went.
struct Asked {
    courier: Courier,
    /// Size that it is taken to have cosigned last.
    known: u64,
    cosigned_ms: Option<u64>,
    trouble: Option<String>,
    failures: u32,
    next: Instant,
    busy: bool,
    /// Whether one submission has ended since the start.
    tried: bool,
    /// Whether it has spoken of another history since the start.
    contradicts: bool,
    /// What people were told of its contradictions.
    told: Option<Told>,
    /// The contradiction that is not on record yet.
    owed: Option<Value>,
}

struct Round {
    witnesses: Vec<Asked>,
    policy: WitnessPolicy,
    log: Log,
    log_key: VerifierKey,
    directory: PathBuf,
    every: Duration,
    service: Arc<Service>,
    /// What is submitted now. It stays until its quorum is met, or nobody is asked any more: a slow witness and a busy log
    /// would never meet otherwise.
    target: Option<Target>,
    /// When it was chosen.
    chosen: Instant,
    /// How long it is waited for at most.
    target_max: Duration,
    /// Cosignatures of the target.
    collected: Vec<(usize, NoteSignature)>,
    /// Size of the checkpoint that met the quorum last.
    witnessed: u64,
    started: Instant,
    tell_after: Duration,
    /// How long the quorum is not met already.
    late: Patience,
    /// Since when witnesses are asked, in milliseconds since 1970, while none of our checkpoints has met the quorum.
    asked_ms: u64,
    memory: MemoryFile,
    /// The contradicting tree that was kept as evidence, and told of, before the service was started.
    kept: Option<String>,
    state: watch::Sender<WitnessesPage>,
}

impl Round {
    async fn run(&mut self) {
        let known = fetch_witnessed(&mut DirectorySource::new(&self.directory), &self.log_key);
        let mut seen_ms = None;
        match known {
            Ok(Some((note, checkpoint))) => {
                let cosigned = self.policy.check(&note);
                if cosigned.met {
                    self.witnessed = checkpoint.size;
                    seen_ms = cosigned.present.iter().map(|(_, time_s)| time_s.saturating_mul(1_000)).max();
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the witnessed checkpoint cannot be read"),
        }
        self.resume(seen_ms, clock::now_ms());
        let kept = fs::read_to_string(self.directory.join(log::CONTRADICTION_FILE));
        self.kept = kept.ok().as_deref().and_then(witness_alarms::tree);
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut submitting: JoinSet<(usize, u64, Submitted)> = JoinSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => self.submit(&mut submitting),
                Some(ended) = submitting.join_next() => {
                    if let Ok((at, size, submitted)) = ended {
                        self.settle(at, size, submitted).await;
                    }
                }
            }
            self.publish_state();
            self.look_at_the_clock().await;
            self.memory.keep(self.remembered()).await;
        }
    }

    /// Takes up how long the quorum has not been met: since the latest witnessed checkpoint, or since witnesses were first
    /// asked. A service that is started again and again would never tell anybody otherwise.
    fn resume(&mut self, seen_ms: Option<u64>, now_ms: u64) {
        let memory = self.memory.memory();
        self.asked_ms = memory.asked_ms.unwrap_or(now_ms);
        let before = Duration::from_millis(now_ms.saturating_sub(seen_ms.unwrap_or(self.asked_ms)));
        self.late = Patience::resume(self.tell_after, before, memory.late);
    }

    fn remembered(&self) -> Memory {
        let told = |asked: &Asked| Some((asked.courier.id(), asked.told.clone()?));
        Memory {
            asked_ms: Some(self.asked_ms).filter(|_| self.witnessed == 0),
            late: self.late.is_told(),
            told: self.witnesses.iter().filter_map(told).collect(),
        }
    }

    /// Tells people when the quorum is not met for too long, and when it is again.
    async fn look_at_the_clock(&mut self) {
        let size = self.local_size();
        // The service may have been off for long: whoever is asked now gets the time to answer.
        let answered = self.witnesses.iter().all(|asked| asked.tried);
        if self.witnessed < size && !answered && self.started.elapsed() < self.tell_after {
            return;
        }
        let (event, alarm) = match self.late.look(self.witnessed < size, Instant::now()) {
            None => return,
            Some(News::Over) => ("witnesses-caught-up", None),
            Some(News::Begun(since)) => (witness_alarms::LATE, Some(since)),
        };
        let detail = json!({ "witnessed": self.witnessed, "size": size });
        let index = self.service.note_in_log(event, detail).await.ok();
        let alarm = match alarm {
            None => witness_alarms::caught_up(self.witnessed),
            Some(since) => {
                let trouble = |asked: &Asked| {
                    let trouble = asked.trouble.clone()?;
                    Some((asked.courier.witness.key.name().to_owned(), trouble))
                };
                let troubles: Vec<_> = self.witnesses.iter().filter_map(trouble).collect();
                witness_alarms::late((self.witnessed, size), since, &troubles, index)
            }
        };
        self.service.alarm(&alarm).await;
    }

    fn submit(&mut self, submitting: &mut JoinSet<(usize, u64, Submitted)>) {
        self.choose();
        let Some(target) = self.target.clone() else { return };
        for (at, asked) in self.witnesses.iter_mut().enumerate() {
            let done = self.collected.iter().any(|(known, _)| *known == at);
            if done || asked.busy || asked.next > Instant::now() {
                continue;
            }
            asked.busy = true;
            let (courier, target, known) =
                (asked.courier.clone(), target.clone(), asked.known.min(target.checkpoint.size));
            submitting.spawn(async move {
                let submitted = courier.submit(&target, known).await;
                (at, target.checkpoint.size, submitted)
            });
        }
    }

    /// Takes the newest checkpoint as the next target, once the last one is done with.
    fn choose(&mut self) {
        let met = self.target.as_ref().is_some_and(|target| target.checkpoint.size == self.witnessed);
        let waiting = self.witnesses.iter().any(|asked| asked.busy);
        if self.target.is_some() && !met && waiting && self.chosen.elapsed() < self.target_max {
            return;
        }
        let text = self.log.checkpoint();
        let Some(note) = Note::parse(text.as_bytes()).ok() else { return };
        let Ok(checkpoint) = Checkpoint::of_note(&note, &self.log_key) else { return };
        if self.target.as_ref().is_none_or(|target| target.checkpoint.size < checkpoint.size) {
            (self.target, self.chosen) = (Some(Target { note, checkpoint }), Instant::now());
            self.collected.clear();
        }
    }

    async fn settle(&mut self, at: usize, size: u64, submitted: Submitted) {
        let current = self.target.as_ref().is_some_and(|target| target.checkpoint.size == size);
        let Some(asked) = self.witnesses.get_mut(at) else { return };
        (asked.busy, asked.tried) = (false, true);
        let failed = match submitted {
            Submitted::Cosigned(signature) => {
                (asked.known, asked.trouble, asked.failures) = (size, None, 0);
                asked.cosigned_ms = Some(clock::now_ms());
                if let Some(told) = &mut asked.told {
                    told.cosigned();
                }
                if current {
                    self.collected.push((at, signature));
                    self.keep().await;
                }
                return;
            }
            Submitted::Ahead(known) => {
                asked.known = known;
                format!("has seen {known} records of ours already")
            }
            Submitted::Failed(why) => why,
            Submitted::Conflict(conflict) => {
                let word = if conflict.evidence.is_some() { "holds" } else { "says, without proof, that it holds" };
                let why = format!("{word} another history of this log: {} records", conflict.theirs);
                self.alarm(at, conflict).await;
                why
            }
        };
        let Some(asked) = self.witnesses.get_mut(at) else { return };
        asked.failures = asked.failures.saturating_add(1);
        let doubled = 1u32.checked_shl(asked.failures.min(16).saturating_sub(1)).unwrap_or(u32::MAX);
        asked.next = Instant::now() + self.every.saturating_mul(doubled).min(PAUSE_MAX);
        if asked.trouble.as_ref() != Some(&failed) {
            tracing::warn!(
                witness = asked.courier.witness.key.name(),
                url = asked.courier.url,
                failed,
                "a witness did not cosign"
            );
        }
        asked.trouble = Some(failed);
    }

    /// Stores the target with what was collected, once that is enough.
    async fn keep(&mut self) {
        let Some(target) = &self.target else { return };
        let (mut note, size) = (target.note.clone(), target.checkpoint.size);
        if self.collected.iter().any(|(_, signature)| note.add(signature.clone()).is_err())
            || !self.policy.check(&note).met
        {
            return;
        }
        let directory = self.directory.clone();
        let stored = tokio::task::spawn_blocking(move || store_witnessed(&directory, &note)).await;
        match stored.map_err(|error| error.to_string()).and_then(|stored| stored.map_err(|error| error.to_string())) {
            Ok(()) => {
                if self.witnessed != size {
                    tracing::info!(
                        size,
                        local = self.local_size(),
                        cosignatures = self.collected.len(),
                        "checkpoint witnessed"
                    );
                }
                self.witnessed = size;
                self.late.progress();
            }
            Err(error) => tracing::error!(error, "the witnessed checkpoint cannot be stored"),
        }
    }

    /// Somebody else's history was cosigned under our key, or ours went back: on record, and told to people, once for each.
    async fn alarm(&mut self, at: usize, conflict: Conflict) {
        let Some(asked) = self.witnesses.get_mut(at) else { return };
        asked.contradicts = true;
        if asked.told.as_ref().is_some_and(|told| !told.lacks(&conflict)) {
            // A log that did not take the record may take it now.
            if let Some(detail) = asked.owed.take()
                && let Err(fault) = self.service.note_in_log(witness_alarms::CONFLICT, detail.clone()).await
            {
                tracing::error!(%fault, "the contradiction is not on record yet");
                asked.owed = Some(detail);
            }
            return;
        }
        asked.told = Some(Told::now(&conflict));
        let found = conflict.evidence.as_deref().and_then(witness_alarms::tree);
        if found.is_some() && found == self.kept {
            // Told before the service was started again.
            return;
        }
        let (name, url) = (asked.courier.witness.key.name().to_owned(), asked.courier.url.clone());
        // Up to here the witnesses saw what we have.
        let same = self.witnessed.min(conflict.theirs).min(conflict.ours);
        let (theirs, ours, proved) = (conflict.theirs, conflict.ours, conflict.evidence.is_some());
        tracing::error!(
            witness = name,
            url,
            theirs,
            ours,
            same,
            proved,
            "a witness speaks of another history of this log; where that is proved, the log's key is used elsewhere, or the log went back"
        );
        // The file holds the first one; the record holds each. If we crash before the file is there, people are told again.
        let detail = json!({
            "witness": name, "url": url, "theirs": theirs, "ours": ours, "same_before": same, "proved": proved,
            "evidence": conflict.evidence.as_deref().and_then(|note| own_words(note, &self.log_key)),
            "differs_from": conflict.differs_from,
        });
        let index = match self.service.note_in_log(witness_alarms::CONFLICT, detail.clone()).await {
            Ok(index) => Some(index),
            Err(fault) => {
                tracing::error!(%fault, "the contradiction is not on record yet");
                asked.owed = Some(detail);
                None
            }
        };
        let path = self.directory.join(log::CONTRADICTION_FILE);
        let is_kept = match &conflict.evidence {
            None => false,
            Some(_) if path.exists() => {
                fs::read_to_string(&path).ok().as_deref().and_then(witness_alarms::tree) == found
            }
            Some(evidence) => log::keep_contradiction(&self.directory, evidence)
                .inspect_err(|error| tracing::error!(%error, "evidence cannot be stored"))
                .is_ok(),
        };
        let kept = is_kept.then_some(path.as_path());
        self.service.alarm(&witness_alarms::conflict((&name, &url), &conflict, same, kept, index)).await;
    }

    fn local_size(&self) -> u64 {
        let note = self.log.checkpoint();
        Checkpoint::open(note.as_bytes(), &self.log_key).map_or(0, |checkpoint| checkpoint.size)
    }

    fn publish_state(&self) {
        let summary = |asked: &Asked| WitnessSummary {
            name: asked.courier.witness.key.name().to_owned(),
            url: asked.courier.url.clone(),
            size: asked.known,
            cosigned_ms: asked.cosigned_ms,
            trouble: asked.trouble.clone(),
            conflict: asked.contradicts,
        };
        self.state.send_replace(WitnessesPage {
            quorum: Some(self.policy.quorum()),
            size: self.local_size(),
            witnessed: self.witnessed,
            witnesses: self.witnesses.iter().map(summary).collect(),
        });
    }
}

/// A checkpoint with the signature of the log alone: what others wrote beside it proves nothing, and may be long.
fn own_words(note: &str, key: &VerifierKey) -> Option<String> {
    let mut taken = false;
    let note = Note::parse(note.as_bytes()).ok()?;
    let own =
        note.retaining(|one| one.name == key.name() && one.id == key.id() && !std::mem::replace(&mut taken, true));
    Some(own.to_string())
}
