//! `sandbox`: serves a local stand-in for the Vlens API until it is interrupted.

use std::sync::Arc;

use crate::cli::args::SandboxArgs;
use crate::cli::output::Output;
use crate::cli::signals;
use crate::error::{Ended, Error};
use crate::sandbox::{Credentials, Faults, LatencyRange, Sandbox, SandboxOptions};
use crate::send::StopSignal;

/// Runs the command.
pub async fn sandbox(args: &SandboxArgs, output: Output) -> Ended {
    let options = SandboxOptions {
        port: args.port,
        latency: latency(&args.latency)?,
        per_second: (args.per_second > 0).then_some(args.per_second),
        per_minute: (args.per_minute > 0).then_some(args.per_minute),
        token_life: args.token_life.0,
        log: args.log.clone(),
        any_form: false,
        seed: args.seed,
        faults: match &args.fault {
            Some(spec) => Faults::parse(spec)?,
            None => Faults::default(),
        },
    };
    let sandbox = Sandbox::start(options).await?;
    announce(&sandbox, output)?;
    let stop = Arc::new(StopSignal::default());
    signals::watch(Arc::clone(&stop));
    stop.stopped().await;
    sandbox.stop().await;
    Ok(None)
}

/// The address and what it takes to be let in: nobody's secrets, the same each time.
fn announce(sandbox: &Sandbox, output: Output) -> Result<(), Error> {
    let Credentials {
        api_key,
        tenancy_name,
        username,
        password,
    } = sandbox.credentials();
    let variables = [
        ("VLENS_BASE_URL", sandbox.base_url()),
        ("VLENS_API_KEY", api_key.expose().to_owned()),
        ("VLENS_TENANCY_NAME", tenancy_name),
        ("VLENS_USERNAME", username),
        ("VLENS_PASSWORD", password.expose().to_owned()),
    ];
    if output.json {
        let document: serde_json::Map<String, serde_json::Value> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        return output.print_json(&document);
    }
    output.print(|out| {
        variables
            .iter()
            .try_for_each(|(name, value)| writeln!(out, "export {name}={value}"))
    })?;
    output.say("Serving a stand-in for the Vlens API; end it with Ctrl-C.");
    Ok(())
}

fn latency(text: &str) -> Result<LatencyRange, Error> {
    text.parse()
}
