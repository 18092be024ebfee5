//! When people are told of witnesses and publications, and what.
//!
//! INVARIANT: nothing that a witness says again and again becomes more than one message: it is trusted with nothing, and so
//! not with people's attention either.

use super::witness_client::Conflict;
use crate::clock;
use holdshort_ledger::{Checkpoint, Note};
use holdshort_model::Level;
use holdshort_server::Alarm;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// A claim without proof, by a witness that has cosigned since, is told again after this time and not before.
const CLAIM_AGAIN: Duration = Duration::from_secs(86_400);
/// Witnesses whose trouble stands in one message.
const LISTED_MAX: usize = 8;
/// The event of a witness that holds another history of the log.
pub(crate) const CONFLICT: &str = "witness-conflict";
/// The event of a witnessed checkpoint that stays behind.
pub(crate) const LATE: &str = "witnesses-late";
/// The event of checkpoints that are not published.
pub(crate) const UNPUBLISHED: &str = "publish-failing";

/// What was told of one witness's contradictions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The tree that the log signed beside ours, where it was proved: origin, size and root.
    proof: Option<String>,
    /// When, in milliseconds since 1970.
    at_ms: u64,
    cosigned_since: bool,
}

impl Told {
    pub(crate) fn now(conflict: &Conflict) -> Self {
        let proof = conflict.evidence.as_deref().and_then(tree);
        Self { proof, at_ms: clock::now_ms(), cosigned_since: false }
    }

    /// The witness cosigned ours meanwhile: what contradicts us after that is another matter.
    pub(crate) fn cosigned(&mut self) {
        self.cosigned_since = true;
    }

    /// Whether this says more than what was told. Another history that goes on growing does not, and neither does a claim
    /// with another number in it.
    pub(crate) fn lacks(&self, conflict: &Conflict) -> bool {
        match conflict.evidence.as_deref().and_then(tree) {
            Some(_) if self.proof.is_none() => true,
            Some(tree) => self.cosigned_since && self.proof.as_ref() != Some(&tree),
            None => {
                let since = Duration::from_millis(clock::now_ms().saturating_sub(self.at_ms));
                self.cosigned_since && since >= CLAIM_AGAIN
            }
        }
    }
}

/// What a checkpoint says of its log, without the signatures, which may change.
pub(crate) fn tree(note: &str) -> Option<String> {
    let note = Note::parse(note.as_bytes()).ok()?;
    let Checkpoint { origin, size, root } = Checkpoint::parse_text(note.text()).ok()?;
    Some(format!("{origin} {size} {root}"))
}

/// A witness holds another history of the log. `kept`: the file with what proves it.
pub(crate) fn conflict(
    (name, url): (&str, &str),
    conflict: &Conflict,
    same: u64,
    kept: Option<&Path>,
    index: Option<u64>,
) -> Alarm {
    let proved = conflict.evidence.is_some();
    let title = match proved {
        true => format!("the witness `{name}` has proof of another history of this log"),
        false => format!("the witness `{name}` says that it holds another history of this log"),
    };
    let what_to_do = match proved {
        true => {
            "the log's key is used elsewhere, or the log was put back from a copy: keep the data directory and the evidence as \
             they are, ask the witness and the mirrors what they hold, and find out who has the key"
        }
        false => {
            "ask whoever runs the witness for the checkpoint that it holds; without one that the log's key signed it is a claim"
        }
    };
    let mut facts = vec![
        ("witness", format!("{name} at {url}")),
        ("records that it cosigned", conflict.theirs.to_string()),
        ("records that this log has signed", conflict.ours.to_string()),
        ("the same in both", format!("the first {same} at least")),
    ];
    if let Some(from) = conflict.differs_from {
        facts.push(("first record that differs, by its copy", from.to_string()));
    }
    match (kept, proved) {
        (Some(path), _) => facts.push(("evidence", path.display().to_string())),
        (None, true) => facts.push(("evidence", "could not be stored; it stands in the record".into())),
        (None, false) => {}
    }
    facts.push(("what to do", what_to_do.into()));
    Alarm {
        event: CONFLICT,
        about: format!("{url} {proved}"),
        level: if proved { Level::Critical } else { Level::High },
        title,
        facts,
        commands: vec![
            ("look at the record", "holdshort log search --text witness-conflict --json".into()),
            ("find the first record that differs", "holdshort log audit LOG --copy MIRROR --key log.pub".into()),
        ],
        index,
    }
}

/// The witnessed checkpoint stays behind. `troubles`: who did not cosign, and why.
pub(crate) fn late(
    (witnessed, size): (u64, u64),
    since: Duration,
    troubles: &[(String, String)],
    index: Option<u64>,
) -> Alarm {
    let mut facts = vec![
        ("records that witnesses vouch for", witnessed.to_string()),
        ("records of the log", size.to_string()),
        ("for", whole(since)),
    ];
    facts.extend(troubles.iter().take(LISTED_MAX).map(|(name, trouble)| ("witness", format!("{name}: {trouble}"))));
    facts.push((
        "what to do",
        "ask whoever runs the witnesses; the log goes on, and nothing that is newer is witnessed".into(),
    ));
    Alarm {
        event: LATE,
        about: String::new(),
        level: Level::High,
        title: "the witnesses' quorum is not met: the witnessed checkpoint stays behind".into(),
        facts,
        commands: vec![("look at the log's witnesses", "holdshort log search --text witnesses-late --json".into())],
        index,
    }
}

/// The quorum is met again.
pub(crate) fn caught_up(witnessed: u64) -> Alarm {
    Alarm {
        event: LATE,
        about: "over".into(),
        level: Level::Low,
        title: "the witnesses' quorum is met again".into(),
        facts: vec![("records that witnesses vouch for", witnessed.to_string())],
        commands: Vec::new(),
        index: None,
    }
}

/// Checkpoints are not published at a place. `why`: how the latest attempt failed.
pub(crate) fn unpublished(place: &str, since: Duration, why: &str, index: Option<u64>) -> Alarm {
    Alarm {
        event: UNPUBLISHED,
        about: place.to_owned(),
        level: Level::High,
        title: format!("checkpoints are not published any more: {place}"),
        facts: vec![
            ("place", place.to_owned()),
            ("for", whole(since)),
            ("why", why.to_owned()),
            (
                "what to do",
                "look at this place; what was not published meanwhile is covered by the next checkpoint".into(),
            ),
        ],
        commands: Vec::new(),
        index,
    }
}

/// They are published again.
pub(crate) fn published_again(place: &str) -> Alarm {
    Alarm {
        event: UNPUBLISHED,
        about: format!("over {place}"),
        level: Level::Low,
        title: format!("checkpoints are published again: {place}"),
        facts: vec![("place", place.to_owned())],
        commands: Vec::new(),
        index: None,
    }
}

/// A time that people read.
fn whole(since: Duration) -> String {
    let since = if since.as_secs() == 0 { since } else { Duration::from_secs(since.as_secs()) };
    humantime::format_duration(Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))).to_string()
}

/// Something that goes on for too long is told once, and once more when it is over.
#[derive(Debug)]
pub(crate) struct Patience {
    longest: Duration,
    since: Option<Instant>,
    /// How long it had been going on before that.
    before: Duration,
    told: bool,
}

/// What is to be told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It goes on for so long.
    Begun(Duration),
    /// It is over.
    Over,
}

impl Patience {
    pub(crate) fn new(longest: Duration) -> Self {
        Self { longest, since: None, before: Duration::ZERO, told: false }
    }

    /// As it was in an earlier run: `before` is how long it has been going on, and `told` whether that was told.
    pub(crate) fn resume(longest: Duration, before: Duration, told: bool) -> Self {
        Self { longest, since: None, before, told }
    }

    /// Whether its beginning was told, and its end was not.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// Something came forward: whatever goes on began after this.
    pub(crate) fn progress(&mut self) {
        (self.since, self.before) = (None, Duration::ZERO);
    }

    /// Looks at it `now`. `wrong`: whether it goes on.
    pub(crate) fn look(&mut self, wrong: bool, now: Instant) -> Option<News> {
        if !wrong {
            self.progress();
            return std::mem::take(&mut self.told).then_some(News::Over);
        }
        let since = now.saturating_duration_since(*self.since.get_or_insert(now));
        let lasts = since.saturating_add(self.before);
        if lasts < self.longest || std::mem::replace(&mut self.told, true) {
            return None;
        }
        Some(News::Begun(lasts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_ledger::{Hash, SigningKey};

    fn signed(size: u64) -> String {
        let key = SigningKey::from_seed("example.com/log", &[7; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size, root: Hash::leaf(b"x") };
        checkpoint.sign(&key).unwrap().to_string()
    }

    fn told(theirs: u64, evidence: Option<String>) -> Conflict {
        Conflict { theirs, ours: 3, evidence, differs_from: None }
    }

    #[test]
    fn a_witness_that_says_it_again_in_other_words_is_not_heard_twice() {
        let mut claim = Told::now(&told(9, None));
        assert!(!claim.lacks(&told(9, None)) && !claim.lacks(&told(10, None)), "another number");
        assert!(claim.lacks(&told(10, Some(signed(10)))), "now it is proved");
        claim.cosigned();
        assert!(!claim.lacks(&told(11, None)), "cosigning and claiming in turn");
        let text = serde_json::to_string(&claim).unwrap();
        claim = serde_json::from_str(&text).unwrap();
        assert!(!claim.lacks(&told(11, None)), "also after a restart");
        claim.at_ms -= 86_400_000;
        assert!(claim.lacks(&told(11, None)));
        let mut proof = Told::now(&told(10, Some(signed(10))));
        assert!(!proof.lacks(&told(11, Some(signed(11)))), "the other history goes on");
        assert!(!proof.lacks(&told(11, None)));
        proof.cosigned();
        assert!(!proof.lacks(&told(10, Some(signed(10)))), "the same once more");
        assert!(proof.lacks(&told(12, Some(signed(12)))), "it cosigned ours, and then came another one");
    }

    #[test]
    fn what_lasts_is_told_once_and_its_end_once() {
        let (mut patience, start) = (Patience::new(Duration::from_secs(10)), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(patience.look(true, at(0)), None);
        assert_eq!(patience.look(true, at(9)), None);
        assert_eq!(patience.look(true, at(11)), Some(News::Begun(Duration::from_secs(11))));
        assert_eq!(patience.look(true, at(99)), None);
        assert_eq!(patience.look(false, at(100)), Some(News::Over));
        assert_eq!(patience.look(false, at(101)), None);
        assert_eq!(patience.look(true, at(200)), None, "from the beginning");
        // A log that grows while its witnesses follow is always a little behind.
        patience.progress();
        assert_eq!(patience.look(true, at(211)), None);
        assert_eq!(patience.look(true, at(221)), Some(News::Begun(Duration::from_secs(10))));
        patience.progress();
        assert_eq!(patience.look(true, at(222)), None, "still behind, and coming forward");
    }

    #[test]
    fn what_began_before_a_restart_is_told_in_its_time_and_not_twice() {
        let (longest, start) = (Duration::from_secs(10), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut patience = Patience::resume(longest, Duration::from_secs(8), false);
        assert_eq!(patience.look(true, at(0)), None);
        assert_eq!(patience.look(true, at(2)), Some(News::Begun(longest)));
        assert!(patience.is_told());
        let mut again = Patience::resume(longest, Duration::from_secs(99), true);
        assert_eq!(again.look(true, at(3)), None);
        assert_eq!(again.look(false, at(4)), Some(News::Over));
        assert!(!again.is_told());
        assert_eq!(again.look(true, at(5)), None, "what was before counts no more");
    }
}
