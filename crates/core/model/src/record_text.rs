//! A record from its JSON text.

use crate::Record;

/// How the text of a decision begins, as it is written here.
const DECISION: &[u8] = b"{\"type\":\"decision\",";

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When the text is not JSON, or no record that this version knows.
    pub fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        // A decision is large and is most of a log. The general way puts all of it aside until it knows the type.
        match text.starts_with(DECISION) {
            true => serde_json::from_slice(text).map(Self::Decision),
            false => serde_json::from_slice(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decision() -> serde_json::Value {
        json!({
            "type": "decision", "version": 1, "sequence": 3, "received_ms": 5, "deciding_ns": 7,
            "request": {
                "subject": {"agent": "a"},
                "action": {"kind": "tool.call", "server": "s", "name": "send", "args": {"n": 0.1, "big": 18446744073709551615u64, "t": "\u{1F600}"}},
                "session": "s1", "context": {"intent": "do it", "enforcement_point": "mcp"},
            },
            "facts": {
                "subject": {"agent": {"id": "a", "class": "coding"}, "session": "s1", "authenticated_by": "token", "standing": "active"},
                "action": {"kind": "tool.call", "server": "s", "name": "send", "effects": [], "args": {"n": 0.1}},
                "context": {"time": 0, "enforcement_point": "mcp"},
            },
            "decision": {
                "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "effect": "deny", "enforced": "deny", "mode": "enforce", "containment": "none",
                "risk": {"score": 0, "level": "low", "parts": []}, "reasons": [], "obligations": [], "approval": null,
                "snapshot": format!("sha256:{}", "0".repeat(64)),
            },
            "build": {"version": "0"},
        })
    }

    #[test]
    fn both_ways_read_the_same_decision() {
        let general: Record = serde_json::from_value(decision()).unwrap();
        let text = serde_json::to_vec(&general).unwrap();
        assert!(text.starts_with(DECISION), "the quick way is the usual one");
        assert_eq!(Record::from_json(&text).unwrap(), general);
        assert_eq!(Record::from_json(decision().to_string().as_bytes()).unwrap(), general);
        let later = String::from_utf8(text).unwrap().replacen("\"version\":1", "\"later\":[{}],\"version\":1", 1);
        assert_eq!(Record::from_json(later.as_bytes()).unwrap(), general);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in
            ["", "{}", "{\"type\":\"decision\",", "{\"type\":\"decision\",\"version\":1}", "{\"type\":\"later\"}"]
        {
            assert!(Record::from_json(text.as_bytes()).is_err(), "{text}");
        }
        let lifecycle = "{\"type\":\"lifecycle\",\"time_ms\":1,\"event\":\"start\"}";
        assert!(matches!(Record::from_json(lifecycle.as_bytes()), Ok(Record::Lifecycle(_))));
    }
}
