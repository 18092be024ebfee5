//! Who gives a command to which service: the user who runs it, or a person with a token of their own.

use crate::cli::PersonArgs;
use crate::failure::{Failure, io_failure};
use crate::place::DataDir;
use crate::service::assemble::Assembled;
use crate::service::start::is_running;
use holdshort_inventory::Role;
use holdshort_sdk::{Client, Endpoint};

/// Environment variable with a person's token.
const TOKEN_VARIABLE: &str = "HOLDSHORT_TOKEN";
/// Whoever runs the command line on the data directory itself.
pub(super) const OPERATOR: &str = "operator";

/// The token of the person, if the command names one.
pub(super) fn token(person: &PersonArgs) -> Result<Option<String>, Failure> {
    match &person.token_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(io_failure("read", path))?;
            Ok(Some(text.trim().to_owned()))
        }
        None => Ok(std::env::var(TOKEN_VARIABLE).ok().filter(|text| !text.is_empty())),
    }
}

/// The service that answers: the one at `--service`, else the one of the data directory if it runs.
pub(super) fn service(person: &PersonArgs, token: Option<&str>, data: &DataDir) -> Result<Option<Client>, Failure> {
    let endpoint = match &person.service {
        Some(url) if token.is_none() => {
            return Err(Failure::usage(format!("`{url}` needs to know who you are"))
                .hint("set HOLDSHORT_TOKEN to your token, see `holdshort people add`"));
        }
        Some(url) => Endpoint::http(url).map_err(Failure::usage)?,
        None if is_running(data) => Endpoint::Unix(data.socket()),
        None => return Ok(None),
    };
    Client::new(endpoint, token).map(Some).map_err(Failure::usage)
}

/// Who changes something in a data directory that no service runs on.
pub(super) fn by(assembled: &Assembled, token: Option<&str>, role: Role) -> Result<String, Failure> {
    let Some(token) = token else { return Ok(OPERATOR.to_owned()) };
    let person = assembled.service.authenticate_person(token);
    let person = person.map_err(|_| Failure::refused("the token is not good"))?;
    match person.may(role) {
        true => Ok(person.name),
        false => Err(Failure::refused(format!("`{}` does not have the role for this", person.name))
            .hint("`holdshort people list` shows who has it")),
    }
}
