//! Between the eras: a client of one and an upstream of the other.
//!
//! Each direction rewrites *before* the gate, so that the gate still decides on the bytes that are sent.

mod greet;
mod to_session;
mod to_stateless;

pub(crate) use greet::{greet, initialize, initialize_result, note_hello};
pub(crate) use to_session::{Parked, as_session, discover_result};
pub(crate) use to_stateless::{as_stateless, stamp};

use super::guard::Refused;
use super::session::{Core, Era, Out};
use holdshort_wire::mcp::Message;
use std::sync::Arc;

/// Lists an upstream's tools once, so that their mirrored arguments and pins are known before a first call.
pub(crate) async fn learn_tools(core: &Arc<Core>, params: &serde_json::Value) {
    let (out, _nobody): (Out, _) = tokio::sync::mpsc::channel(64);
    let meta = serde_json::json!({ "_meta": params.get("_meta").cloned().unwrap_or_default() });
    if let Ok(list) = Message::request(&core.fresh_id(), "tools/list", &meta)
        && let Err(refused) = core.call(0, list, &out).await
    {
        tracing::debug!(error = refused.message(), "the upstream's tools could not be listed");
    }
}

impl Core {
    /// Runs one request of the client on one upstream, whatever era that speaks.
    pub(crate) async fn call(self: &Arc<Self>, index: usize, message: Message, out: &Out) -> Result<Message, Refused> {
        if self.era == Era::Stateless || self.route(index)?.learned() == Some(Era::Stateless) {
            greet(self, index).await?;
        }
        match (self.era, self.route(index)?.era()) {
            (Era::Session, Era::Session) | (Era::Stateless, Era::Stateless) => self.relay(index, message, out).await,
            (Era::Session, Era::Stateless) => as_stateless(self, index, message, out).await,
            (Era::Stateless, Era::Session) => as_session(self, index, message, out).await,
        }
    }
}
