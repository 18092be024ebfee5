//! `config`: check and print.

use crate::cli::ConfigCommand;
use crate::failure::{Failure, Outcome};
use crate::place::DataDir;
use crate::{config, out, service, snapshot};
use holdshort_inventory::Pins;
use holdshort_store::log::PUBLIC_KEY_FILE;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(command: ConfigCommand) -> Outcome {
    match command {
        ConfigCommand::Check { place, output } => {
            let loaded = place.load()?;
            let data = place.data(&loaded).ok();
            reach_out(&loaded, data.as_ref())?;
            // Policies, grants and declarations are part of what has to be right.
            let pins = Arc::new(Pins::new(loaded.config.pins.first_use, []));
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

/// Looks at whatever the service sends to, asks or writes outside of its data directory, and asks and sends nothing.
fn reach_out(loaded: &config::Loaded, data: Option<&DataDir>) -> Result<(), Failure> {
    let mut report = config::Report::default();
    service::notify::check(loaded, &mut report);
    service::witness::check(loaded, data.map(|data| data.log().join(PUBLIC_KEY_FILE)).as_deref(), &mut report);
    service::witness_publish::check(loaded, &mut report);
    if let Err(failure) = service::export::check(loaded) {
        report.problem("export", failure.message(), failure.advice());
    }
    for (index, export) in loaded.config.export.iter().enumerate() {
        if let Ok(to) = config::Sensitive::resolve(&export.to, |name| std::env::var(name).ok())
            && !to.contains("://")
        {
            report.writable(&format!("export[{index}].to"), &loaded.resolve(Path::new(&to)));
        }
    }
    report.notes().iter().for_each(out::note);
    let file = loaded.file.as_deref().map_or("configuration".into(), |file| file.display().to_string());
    report.finish(&file)
}
