//! The one thing that goes upstream without a permit: taking back what was permitted before.

use crate::mcp::session::Era;
use holdshort_wire::mcp::STATELESS;
use holdshort_wire::mcp::{CLIENT_CAPABILITIES, Id, Message, VERSION};
use serde_json::{Value, json};

/// A cancellation of our own. An agent that was isolated gets no permit for it, and what it began must end all the same.
///
/// INVARIANT: it can say nothing else. Two constructors, fixed texts, and ids that the upstream has or gave itself.
/// On record it is the outcome `cancelled` of the call that it takes back.
pub(crate) struct Withdrawal(Message);

impl Withdrawal {
    /// Nobody waits for a call any more. `id`: as the upstream knows it.
    pub(crate) fn of_call(id: &Id) -> Option<Self> {
        let id: Value = serde_json::from_str(id.as_json()).ok()?;
        let params = json!({ "requestId": id, "reason": "cancelled by Holdshort" });
        Message::notification("notifications/cancelled", &params).ok().map(Self)
    }

    /// A task is not wanted any more. `id`: of the message.
    pub(crate) fn of_task(id: &Id, task: &str, era: Era) -> Option<Self> {
        let params = match era {
            Era::Session => json!({ "taskId": task }),
            Era::Stateless => {
                let capabilities = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
                json!({ "taskId": task, "_meta": { VERSION: STATELESS, CLIENT_CAPABILITIES: capabilities } })
            }
        };
        Message::request(id, "tasks/cancel", &params).ok().map(Self)
    }

    pub(super) fn into_message(self) -> Message {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_taken_back_and_nothing_else() {
        let text = |withdrawal: Option<Withdrawal>| withdrawal.unwrap().into_message().text().to_owned();
        assert_eq!(
            text(Withdrawal::of_call(&Id::string("a\"b"))),
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"cancelled by Holdshort","requestId":"a\"b"}}"#
        );
        assert_eq!(
            text(Withdrawal::of_task(&Id::number(7), "t", Era::Session)),
            r#"{"jsonrpc":"2.0","id":7,"method":"tasks/cancel","params":{"taskId":"t"}}"#
        );
        let modern = text(Withdrawal::of_task(&Id::number(7), "t", Era::Stateless));
        assert!(modern.contains(r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#), "{modern}");
    }
}
