//! `people`: who may answer the questions of agents.

use super::control::{Control, refused, unchanged, with};
use crate::cli::{Output, PeopleCommand};
use crate::failure::{Failure, Outcome};
use crate::{out, render};
use holdshort_api::{IssuedPersonToken, NewPerson, NewToken, PersonSummary};
use holdshort_model::Digest;
use serde_json::json;

/// Label of the token that comes with a new person.
const FIRST_LABEL: &str = "first";

pub(super) fn run(command: PeopleCommand) -> Outcome {
    match command {
        PeopleCommand::Add { place, output, name, roles } => with(&place, async |control| {
            let new = NewPerson { name, roles: roles.iter().map(|role| role.as_str().to_owned()).collect() };
            let added = control.add_person(&new).await?;
            let issued = control.issue_person(&added.name, FIRST_LABEL).await?;
            if !output.json {
                out::line(format_args!("registered {} with {}", added.name, added.roles.join(", ")))?;
            }
            print_issued(&issued, output)
        }),
        PeopleCommand::List { place, output } => with(&place, async |control| print(&control.people().await?, output)),
        PeopleCommand::Token { place, output, name, label } => {
            with(&place, async |control| print_issued(&control.issue_person(&name, &label).await?, output))
        }
        PeopleCommand::Revoke { place, output, name, token } => with(&place, async |control| {
            let hash: Digest = token.parse().map_err(|error| Failure::usage(error).hint("copy it from the list"))?;
            control.revoke_person(&name, &hash).await?;
            match output.json {
                true => out::json(&json!({ "person": name, "revoked": token })),
                false => out::line(format_args!("revoked {token} of {name}")),
            }
        }),
        PeopleCommand::Remove { place, output, name } => with(&place, async |control| {
            control.remove_person(&name).await?;
            match output.json {
                true => out::json(&json!({ "removed": name })),
                false => out::line(format_args!("removed {name}; what they approved stays approved")),
            }
        }),
    }
}

impl Control {
    async fn people(&self) -> Result<Vec<PersonSummary>, Failure> {
        match self {
            Self::Remote(client) => client.people().await.map(|page| page.people).map_err(refused),
            Self::Local(local) => Ok(local.service.people()),
        }
    }

    async fn add_person(&self, new: &NewPerson) -> Result<PersonSummary, Failure> {
        match self {
            Self::Remote(client) => client.add_person(new).await.map_err(refused),
            Self::Local(local) => local.service.add_person(new.clone()).await.map_err(unchanged),
        }
    }

    async fn issue_person(&self, name: &str, label: &str) -> Result<IssuedPersonToken, Failure> {
        let new = NewToken { label: label.to_owned(), expires_ms: None };
        match self {
            Self::Remote(client) => client.issue_person_token(name, &new).await.map_err(refused),
            Self::Local(local) => local.service.issue_person_token(name.to_owned(), new).await.map_err(unchanged),
        }
    }

    async fn revoke_person(&self, name: &str, hash: &Digest) -> Result<(), Failure> {
        match self {
            Self::Remote(client) => client.revoke_person_token(name, hash).await.map_err(refused),
            Self::Local(local) => local.service.revoke_person_token(name.to_owned(), *hash).await.map_err(unchanged),
        }
    }

    async fn remove_person(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::Remote(client) => client.remove_person(name).await.map_err(refused),
            Self::Local(local) => local.service.remove_person(name.to_owned()).await.map_err(unchanged),
        }
    }
}

fn print_issued(issued: &IssuedPersonToken, output: Output) -> Result<(), Failure> {
    if output.json {
        return out::json(&json!({ "person": issued.person, "hash": issued.hash, "token": issued.token }));
    }
    out::line(format_args!("token of {}: {}", issued.person, issued.token))?;
    out::line("it is shown this once, and does what the roles say and nothing else; keep it where no agent can read it")
}

fn print(people: &[PersonSummary], output: Output) -> Result<(), Failure> {
    if output.json {
        return people.iter().try_for_each(out::json);
    }
    let mut rows = Vec::new();
    for person in people {
        let row = |label: &str, state: &str, hash: String| {
            let since = render::time(person.created_ms);
            vec![person.name.clone(), person.roles.join(", "), since, label.to_owned(), state.to_owned(), hash]
        };
        for token in &person.tokens {
            let state = if token.revoked { "revoked" } else { "good" };
            let label: String = token.label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            rows.push(row(&label, state, token.hash.to_string()));
        }
        if person.tokens.is_empty() {
            rows.push(row("-", "none", "-".into()));
        }
    }
    out::table(&["PERSON", "ROLES", "REGISTERED", "TOKEN", "STATE", "HASH"], &rows)
}
