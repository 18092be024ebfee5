//! `config`: check and print.

use crate::cli::ConfigCommand;
use crate::failure::{Failure, Outcome};
use crate::{config, out, service, snapshot};
use holdshort_inventory::Pins;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(command: ConfigCommand) -> Outcome {
    match command {
        ConfigCommand::Check { place, output } => {
            let loaded = place.load()?;
            // What goes out, and the policy of witnesses, are looked at as the service does it before it starts.
            service::export::check(&loaded)?;
            service::witness::policy(&loaded)?;
            // Policies, grants and declarations are part of what has to be right.
            let pins = Arc::new(Pins::new(loaded.config.pins.first_use, []));
            let data = place.data(&loaded).ok();
            snapshot::build(&loaded, data.as_ref(), Arc::default(), pins)?;
            if output.json {
                out::json(&loaded.config)?;
            } else {
                let source =
                    loaded.file.as_deref().map_or("the profile alone".into(), |file| file.display().to_string());
                out::line(format_args!("# effective configuration from {source}"))?;
                let text = toml::to_string(&loaded.config);
                out::raw(
                    &text.map_err(|error| Failure::internal(format!("cannot print the configuration: {error}")))?,
                )?;
            }
        }
        ConfigCommand::Reference => out::raw(&config::reference())?,
    }
    Ok(ExitCode::SUCCESS)
}
