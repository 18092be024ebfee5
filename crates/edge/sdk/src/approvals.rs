//! Questions to people, their answers, and the people: one method a route.

use crate::client::{Client, body, escape};
use crate::error::ClientError;
use holdshort_api::{
    AnswerGiven, ApprovalQuery, ApprovalView, ApprovalsPage, ApprovalsQuery, ApprovalsWhich, ExceptionsPage,
    IssuedPersonToken, NewAnswer, NewPerson, NewToken, PeoplePage, PersonSummary,
};
use holdshort_model::{Digest, Exception, RecordId};
use http::Method;
use std::fmt::Display;

impl Client {
    /// Approvals, the newest first; with `seen` and `wait` after something changed. The client's own time has to be longer
    /// than the wait.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approvals(&self, query: &ApprovalsQuery) -> Result<ApprovalsPage, ClientError> {
        let ApprovalsQuery { which, agent, limit, seen, wait } = query;
        let which = match which {
            ApprovalsWhich::Open => "open",
            ApprovalsWhich::All => "all",
        };
        let agent = agent.as_ref().map(|agent| escape(agent.as_str()));
        let pairs = [
            pair("which", Some(which)),
            pair("agent", agent),
            pair("limit", *limit),
            pair("seen", *seen),
            pair("wait", *wait),
        ];
        self.get(&format!("/v1/approvals?{}", joined(pairs))).await
    }

    /// One approval; with `wait` after it changed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approval(&self, id: RecordId, query: &ApprovalQuery) -> Result<ApprovalView, ClientError> {
        let agent = query.agent.as_ref().map(|agent| escape(agent.as_str()));
        self.get(&format!("/v1/approvals/{id}?{}", joined([pair("wait", query.wait), pair("agent", agent)]))).await
    }

    /// Answers as the person whose token the client has, or as whoever runs the service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn answer(&self, id: RecordId, answer: &NewAnswer) -> Result<AnswerGiven, ClientError> {
        self.post(&format!("/v1/approvals/{id}/answer"), answer).await
    }

    /// Remembered answers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn exceptions(&self) -> Result<ExceptionsPage, ClientError> {
        self.get("/v1/exceptions").await
    }

    /// Revokes a remembered answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_exception(&self, id: RecordId, reason: &str) -> Result<Exception, ClientError> {
        let path = format!("/v1/exceptions/{id}?reason={}", escape(reason));
        self.parse(&self.ask(Method::DELETE, &path, None).await?)
    }

    /// Registered people.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn people(&self) -> Result<PeoplePage, ClientError> {
        self.get("/v1/people").await
    }

    /// Registers a person.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn add_person(&self, new: &NewPerson) -> Result<PersonSummary, ClientError> {
        self.post("/v1/people", new).await
    }

    /// Removes a person with their tokens.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_person(&self, name: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, &format!("/v1/people/{}", escape(name)), None).await.map(drop)
    }

    /// Makes a token for a person. The answer is the only place where it stands in clear text.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn issue_person_token(&self, name: &str, new: &NewToken) -> Result<IssuedPersonToken, ClientError> {
        let path = format!("/v1/people/{}/tokens", escape(name));
        self.parse(&self.ask(Method::POST, &path, Some(body(new)?)).await?)
    }

    /// Revokes a token of a person.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_person_token(&self, name: &str, hash: &Digest) -> Result<(), ClientError> {
        let path = format!("/v1/people/{}/tokens/{hash}", escape(name));
        self.ask(Method::DELETE, &path, None).await.map(drop)
    }
}

fn pair(name: &str, value: Option<impl Display>) -> Option<String> {
    value.map(|value| format!("{name}={value}"))
}

fn joined<const N: usize>(pairs: [Option<String>; N]) -> String {
    pairs.into_iter().flatten().collect::<Vec<_>>().join("&")
}
