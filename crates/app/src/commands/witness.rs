//! `witness`: cosigns the checkpoints of logs, each only when it continues what was cosigned before.

use super::listen::{Listening, told_to_end};
use super::log::read_key;
use super::witness_http::serve;
use crate::cli::WitnessArgs;
use crate::failure::{Failure, Outcome};
use crate::out;
use holdshort_ledger::CosignerKey;
use holdshort_store::log::{LogError, WITNESS_PUBLIC_KEY_FILE, Witness};
use serde_json::json;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(arguments: &WitnessArgs) -> Outcome {
    let logs: Result<Vec<_>, Failure> = arguments.log.iter().map(|file| read_key(file)).collect();
    let (logs, name) = (logs?, name(arguments)?);
    let of_itself = || {
        Failure::usage(format!("`{name}` is a log that is cosigned here, and can be no witness of its own"))
            .hint("another `--name`, and a key that no log signs with")
    };
    if logs.iter().any(|log| log.name() == name) {
        return Err(of_itself());
    }
    let witness = Witness::open(&arguments.state, &arguments.key, &name, &logs).map_err(own)?;
    if logs.iter().any(|log| witness.keys().iter().any(|key| key.is_of(log))) {
        return Err(of_itself());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start threads: {error}")))?;
    runtime.block_on(async {
        let listening = Listening::open(arguments.listen, &arguments.listening).await?;
        let end = told_to_end()?;
        announce(arguments, &witness, &listening)?;
        serve(listening, Arc::new(witness), end).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// The name that was given, or the one that the witness was made with.
fn name(arguments: &WitnessArgs) -> Result<String, Failure> {
    if let Some(name) = &arguments.name {
        return Ok(name.clone());
    }
    let text = fs::read_to_string(arguments.state.join(WITNESS_PUBLIC_KEY_FILE)).unwrap_or_default();
    CosignerKey::parse(text.trim()).map(|key| key.name().to_owned()).map_err(|_| {
        Failure::usage("a new witness needs a name").hint("`--name witness.example.com/w1`, a URL without its scheme")
    })
}

fn announce(arguments: &WitnessArgs, witness: &Witness, listening: &Listening) -> Result<(), Failure> {
    let keys: Vec<String> = witness.keys().iter().map(ToString::to_string).collect();
    if arguments.output.json {
        let logs: Vec<_> =
            witness.logs().iter().map(|(origin, size)| json!({ "origin": origin, "size": size })).collect();
        return out::json(&json!({ "url": listening.url(), "keys": keys, "logs": logs }));
    }
    out::line(format_args!("witness on {}/add-checkpoint", listening.url()))?;
    for key in keys {
        out::line(format_args!("    key  {key}"))?;
    }
    for (origin, size) in witness.logs() {
        out::line(format_args!("    log  `{origin}`, {size} records cosigned"))?;
    }
    Ok(())
}

fn own(error: LogError) -> Failure {
    match error {
        LogError::Damaged(damage) => Failure::refused(format!("what the witness remembers is damaged: {damage}"))
            .hint("keep it as it is; a witness that cannot say what it cosigned has to begin with a new key"),
        LogError::Key { .. } | LogError::Locked { .. } => Failure::usage(error),
        other => Failure::internal(other),
    }
}
