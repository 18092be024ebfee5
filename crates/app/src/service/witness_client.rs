//! One submission to one witness (C2SP tlog-witness): with the consistency proof from the size that it knows, and a check of
//! what it answers. A witness is not trusted with anything but its own signature.

use crate::clock;
use bytes::Bytes;
use holdshort_ledger::{
    AddCheckpoint, Checkpoint, ConsistencyProof, Hash, Note, NoteSignature, PolicyWitness, VerifierKey, origin_digest,
    parse_cosignatures, parse_size_answer, tree_root,
};
use holdshort_notify::{Answer, Poster};
use holdshort_store::log::{DirectoryTiles, Log};
use http::request::Builder;
use http::{Method, Request};
use http_body_util::Full;
use std::sync::Arc;
use std::time::Duration;

/// A cosignature may be so far ahead of our clock, in seconds: clocks differ. Further ahead it would make a log that stays
/// behind look as if it had been seen just now.
const AHEAD_MAX_S: u64 = 600;
/// Sizes that a witness may name in one submission before it is given up for now.
const SIZES_MAX: usize = 4;

/// What is submitted.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As the log signed it.
    pub(crate) note: Note,
    /// What it says.
    pub(crate) checkpoint: Checkpoint,
}

/// How a submission ended.
#[derive(Clone, Debug)]
pub(crate) enum Submitted {
    /// The witness cosigned; the signature was checked.
    Cosigned(NoteSignature),
    /// It knows a newer checkpoint of ours, which somebody else showed it.
    Ahead(u64),
    /// It did not, for a reason that says nothing about the log.
    Failed(String),
    /// It holds another history of this log.
    Conflict(Conflict),
}

/// What a witness says that contradicts our log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// Size that it cosigned last.
    pub(crate) theirs: u64,
    /// Size of our checkpoint.
    pub(crate) ours: u64,
    /// The checkpoint that it holds, where it is signed with our key and contradicts our tree: proof.
    pub(crate) evidence: Option<String>,
    /// First record that is another one in the copy that a mirror holds; a witness holds none.
    pub(crate) differs_from: Option<u64>,
}

/// Why an offer was not taken.
enum Refusal {
    /// There is nothing else to ask.
    Ended(Submitted),
    /// The witness speaks of another history: it is asked for what it holds.
    Contradicts { theirs: u64, ours: u64 },
}

impl Refusal {
    fn failed(why: impl Into<String>) -> Self {
        Self::Ended(Submitted::Failed(why.into()))
    }
}

/// The way to one witness.
#[derive(Clone)]
pub(crate) struct Courier {
    pub(crate) witness: PolicyWitness,
    pub(crate) url: String,
    /// Whether it is a mirror, which cosigns what was uploaded to it.
    pub(crate) is_mirror: bool,
    pub(crate) poster: Arc<Poster>,
    pub(crate) log: Log,
    pub(crate) log_key: VerifierKey,
    pub(crate) timeout: Duration,
}

impl Courier {
    /// Which witness it is, over restarts: its key and its address.
    pub(crate) fn id(&self) -> String {
        let key = &self.witness.key;
        format!("{}+{:08x} {}", key.name(), key.id(), self.url)
    }

    /// Submits a checkpoint to a witness that is taken to know `known` records of the log.
    pub(crate) async fn submit(&self, target: &Target, known: u64) -> Submitted {
        match self.offer(target, known).await {
            Ok(_) if self.is_mirror => self.upload(target).await,
            Ok(answer) => self.cosigned(target, &answer),
            Err(submitted) => submitted,
        }
    }

    /// Offers a checkpoint until it is taken, and gives the answer.
    ///
    /// INVARIANT: that a witness contradicts us is not lost because it, or its copy, is slow to show what it holds: that has
    /// time of its own.
    async fn offer(&self, target: &Target, known: u64) -> Result<Bytes, Submitted> {
        match tokio::time::timeout(self.timeout, self.exchange(target, known)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Refusal::Ended(submitted))) => Err(submitted),
            Ok(Err(Refusal::Contradicts { theirs, ours })) => Err(self.conflict(theirs, ours).await),
            Err(_) => Err(Submitted::Failed(format!("did not answer within {} ms", self.timeout.as_millis()))),
        }
    }

    async fn exchange(&self, target: &Target, mut known: u64) -> Result<Bytes, Refusal> {
        let size = target.checkpoint.size;
        for _ in 0..SIZES_MAX {
            let (request, ours) = self.request(target, known).await.map_err(Refusal::failed)?;
            let answer = self.post(request).await.map_err(Refusal::failed)?;
            let named = parse_size_answer(&answer.body);
            match (answer.status, named) {
                (200, _) => return Ok(answer.body),
                // It may have seen a checkpoint that we signed meanwhile: what counts is what we have signed by now.
                (409, Some(theirs)) if theirs > size => {
                    let ours = self.local_size();
                    return Err(match theirs > ours {
                        true => Refusal::Contradicts { theirs, ours },
                        false => Refusal::Ended(Submitted::Ahead(theirs)),
                    });
                }
                (409, Some(theirs)) if theirs != known => known = theirs,
                (409, None) => return Err(Refusal::failed("answered with status 409, and without a size")),
                // Who has seen nothing cannot have seen something else.
                (409 | 422, _) if known == 0 => {
                    return Err(Refusal::failed("refuses a first checkpoint, and has seen none"));
                }
                // 422, or 409 about the size that we named (version 1.0.0): another root. Our proof was checked before.
                (409 | 422, _) => {
                    tracing::debug!(witness = self.witness.name, known, root = %ours, "refused");
                    return Err(Refusal::Contradicts { theirs: known, ours: size });
                }
                (404, _) => return Err(Refusal::failed("does not know this log: give it the log's `log.pub`")),
                (403, _) => return Err(Refusal::failed("does not know the key of this log")),
                (status, _) => return Err(Refusal::failed(format!("answered with status {status}"))),
            }
        }
        Err(Refusal::failed("names another size each time"))
    }

    /// The request, once the proof in it was checked against our own tree.
    async fn request(&self, target: &Target, known: u64) -> Result<(String, Hash), String> {
        let (mut tiles, note, new) = (self.log.tiles(), target.note.clone(), target.checkpoint.clone());
        let make = move || {
            let proof = ConsistencyProof::make(known, new.size, &mut tiles).map_err(|error| error.to_string())?;
            let old_root = root_at(known, new.size, &mut tiles)?;
            proof.verify(&old_root, &new.root).map_err(|error| format!("our own tiles are damaged: {error}"))?;
            Ok((AddCheckpoint { old_size: known, proof: proof.hashes, note }.to_string(), old_root))
        };
        tokio::task::spawn_blocking(make).await.map_err(|error| error.to_string())?
    }

    async fn post(&self, body: String) -> Result<Answer, String> {
        self.send(Method::POST, "add-checkpoint", body).await
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<Answer, String> {
        let request = Request::builder().method(method).uri(format!("{}/{path}", self.url));
        self.exchange_bytes(request, body.into()).await
    }

    /// Sends one request with any body.
    pub(super) async fn exchange_bytes(&self, request: Builder, body: Bytes) -> Result<Answer, String> {
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        self.poster.send(request).await.map_err(|error| error.to_string())
    }

    /// Picks the witness's own cosignature out of its answer, and checks it.
    pub(super) fn cosigned(&self, target: &Target, answer: &[u8]) -> Submitted {
        let key = &self.witness.key;
        let lines = match parse_cosignatures(answer) {
            Ok(lines) => lines,
            Err(error) => return Submitted::Failed(format!("answered with what is no cosignature: {error}")),
        };
        let bare = target.note.retaining(|_| false);
        for line in lines.into_iter().filter(|line| line.name == key.name() && line.id == key.id()) {
            let mut note = bare.clone();
            let time_s = note.add(line.clone()).and_then(|()| key.verify(&note)).unwrap_or_default();
            if time_s > (clock::now_ms() / 1_000).saturating_add(AHEAD_MAX_S) {
                return Submitted::Failed("cosigned with a time in the future: its clock or ours is wrong".into());
            }
            if time_s > 0 {
                return Submitted::Cosigned(line);
            }
        }
        Submitted::Failed("answered without a good cosignature by its key".into())
    }

    /// Asks for what the witness holds: signed with our key, it is proof and no claim.
    async fn conflict(&self, theirs: u64, ours: u64) -> Submitted {
        let path = format!("{}/checkpoint", origin_digest(self.log.origin()));
        let asked = tokio::time::timeout(self.timeout, self.send(Method::GET, &path, String::new())).await;
        let answer = asked.ok().and_then(Result::ok).filter(|answer| answer.status == 200);
        let held = answer.and_then(|answer| Some((Checkpoint::open(&answer.body, &self.log_key).ok()?, answer.body)));
        let Some((found, body)) = held else {
            return Submitted::Conflict(Conflict { theirs, ours, evidence: None, differs_from: None });
        };
        let (mut tiles, size) = (self.log.tiles(), self.local_size());
        let compare = tokio::task::spawn_blocking(move || {
            found.size > size || root_at(found.size, size, &mut tiles).is_ok_and(|root| root != found.root)
        });
        let proved = compare.await.unwrap_or(false);
        let evidence = String::from_utf8(body.to_vec()).ok().filter(|_| proved);
        let differs_from = if proved && self.is_mirror { self.parting().await } else { None };
        Submitted::Conflict(Conflict { theirs, ours, evidence, differs_from })
    }

    /// Records that our latest signed checkpoint covers.
    fn local_size(&self) -> u64 {
        let note = self.log.checkpoint();
        Checkpoint::open(note.as_bytes(), &self.log_key).map_or(0, |checkpoint| checkpoint.size)
    }
}

/// The root of the first `count` records, by the tiles of a tree of `size`.
fn root_at(count: u64, size: u64, tiles: &mut DirectoryTiles) -> Result<Hash, String> {
    if count == 0 {
        return Ok(Hash::empty());
    }
    tree_root(count, size, tiles).map_err(|error| error.to_string())
}
