//! A service in another process as the authority of a gate.

use crate::client::Client;
use crate::error::ClientError;
use async_trait::async_trait;
use holdshort_api::{APPROVAL_WAIT_S_MAX, ApprovalQuery, StandingQuestion};
use holdshort_enforce::{Authority, Fault};
use holdshort_model::{
    ApprovalState, FailMode, Outcome, RecordId, Request, Ruling, Seen, SessionId, StandingView, Subject, ToolListing,
    ToolsSeen,
};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as ValueError;
use std::time::Duration;

/// Time for a decision when the caller does not say: the service's own deadline is two seconds.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Time to wait for a change of standing: longer than the service lets anybody wait.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks a remote service. Whatever goes wrong on the way is `decider-late`: the action does not run.
#[derive(Clone)]
pub struct RemoteAuthority {
    client: Client,
}

impl RemoteAuthority {
    /// An authority that asks over this client and waits at most five seconds.
    pub fn new(client: Client) -> Self {
        Self::with_timeout(client, TIMEOUT_DEFAULT)
    }

    /// The same with another time to wait. Longer than the service's own deadline, so that its word comes first.
    pub fn with_timeout(client: Client, timeout: Duration) -> Self {
        Self { client: client.with_timeout(timeout) }
    }
}

#[async_trait]
impl Authority for RemoteAuthority {
    async fn rule(&self, request: Request) -> Result<Ruling, Fault> {
        self.client.decide(&request).await.map_err(fault)
    }

    async fn report(&self, outcome: Outcome, seen: Option<Seen>) -> Result<(), Fault> {
        self.client.report(outcome, seen).await.map_err(fault)
    }

    async fn inspect(&self, seen: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        let answer = self.client.inspect(&seen).await.map_err(fault)?;
        // An answer that belongs to another question must not decide what is listed.
        let same = answer.tools.len() == seen.tools.len()
            && answer.tools.iter().zip(&seen.tools).all(|(listing, tool)| listing.name == tool.name);
        match same {
            true => Ok(answer.tools),
            false => Err(Fault::new(FailMode::DeciderLate, "the service answered for other tools than it was asked")),
        }
    }

    async fn approval(&self, subject: &Subject, id: RecordId, wait: Duration) -> Result<ApprovalState, Fault> {
        let wait = wait.min(Duration::from_secs(APPROVAL_WAIT_S_MAX));
        // The service waits for whole seconds: rounded up, so that whoever has little time left does not ask in a circle.
        let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let query = ApprovalQuery { wait: Some(whole), agent: Some(subject.agent.clone()) };
        let client = self.client.clone().with_timeout(wait + TIMEOUT_DEFAULT);
        client.approval(id, &query).await.map(|found| found.state).map_err(fault)
    }

    async fn standing(&self, subject: &Subject, session: &SessionId) -> Result<StandingView, Fault> {
        let question = StandingQuestion { subject: subject.clone(), session: session.clone() };
        self.client.standing(&question).await.map_err(fault)
    }

    async fn standing_changed(&self, seen: u64) -> Result<u64, Fault> {
        self.client.clone().with_timeout(CHANGE_TIMEOUT).standing_changed(seen).await.map_err(fault)
    }
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        fault(error)
    }
}

fn fault(error: ClientError) -> Fault {
    let mode = match &error {
        ClientError::Refused { error, .. } => fail_mode(&error.code).unwrap_or(FailMode::DeciderLate),
        _ => FailMode::DeciderLate,
    };
    Fault::new(mode, error.to_string())
}

fn fail_mode(code: &str) -> Option<FailMode> {
    let code: serde::de::value::StrDeserializer<'_, ValueError> = code.into_deserializer();
    FailMode::deserialize(code).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_api::ErrorBody;

    #[test]
    fn codes_become_fail_modes_and_everything_else_is_late() {
        let check = |code: &str, expected: FailMode| {
            let error = ErrorBody { code: code.into(), message: "m".into(), hint: Some("h".into()) };
            let fault = fault(ClientError::Refused { status: 500, error });
            assert_eq!((fault.mode, fault.message.as_str()), (expected, "m; h"), "{code}");
        };
        check("recorder-down", FailMode::RecorderDown);
        check("no-policy", FailMode::NoPolicy);
        check("oversize", FailMode::Oversize);
        check("unauthorized", FailMode::DeciderLate);
        let place = "s".to_owned();
        assert_eq!(fault(ClientError::Late { place, timeout_ms: 1 }).mode, FailMode::DeciderLate);
    }
}
