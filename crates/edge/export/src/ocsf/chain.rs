//! The profile `record_integrity`: where a record stands in the log, and what stands before it.
//!
//! The chain is the log. The record before is the one with the index before, whatever of it was exported; where it was
//! not seen (the first one, one that the log dropped) there is no reference. A fingerprint is the hash of a leaf. It is
//! over the record, and not over the event, so that no fingerprint covers a reference: what holds the order is the tree,
//! whose signed checkpoints cover every leaf at its place. No signature is over one event, so none is given.

use super::class::object;
use crate::event::{Event, hex};
use serde_json::{Value, json};

/// What a fingerprint is of: this is not one of the serializations that OCSF numbers.
const SERIALIZATION: &str = "holdshort/record/v1: leaf of the log (RFC 6962) over a salted commitment to the record";

/// The records that were seen last: the one before the mark, and those since.
#[derive(Debug, Default)]
pub(super) struct Chain {
    links: Vec<Link>,
    marked: bool,
}

#[derive(Clone, Debug)]
struct Link {
    index: u64,
    uid: String,
    type_uid: Option<u64>,
    leaf: [u8; 32],
}

impl Chain {
    pub(super) fn mark(&mut self) {
        self.marked = true;
        self.links.drain(..self.links.len().saturating_sub(1));
    }

    /// Records from `index` on come again.
    pub(super) fn rewind(&mut self, index: u64) {
        self.links.retain(|link| link.index < index);
    }

    /// The attestation of the next record: known by `uid`, an event of this type.
    pub(super) fn attestation(&mut self, event: &Event, uid: &str, type_uid: Option<u64>) -> Value {
        let link = Link { index: event.index, uid: uid.to_owned(), type_uid, leaf: event.leaf };
        let before = self.links.last().filter(|last| last.index.checked_add(1) == Some(event.index)).map(|last| {
            object([
                ("uid", json!(last.uid)),
                ("type_uid", json!(last.type_uid)),
                ("fingerprint", fingerprint(&last.leaf)),
            ])
        });
        if !self.marked {
            self.links.clear();
        }
        self.links.push(link);
        object([
            ("uid", json!(event.uid())),
            ("chain_uid", json!(&*event.log)),
            ("authority_uid", json!(&*event.log)),
            ("fingerprint", fingerprint(&event.leaf)),
            ("prev_event", json!(before)),
        ])
    }
}

fn fingerprint(leaf: &[u8; 32]) -> Value {
    json!({
        "algorithm_id": 3,
        "algorithm": "SHA-256",
        "value": hex(leaf),
        "encoding_id": 1,
        "encoding": "Hex",
        "serialization_id": 99,
        "serialization": SERIALIZATION,
    })
}
