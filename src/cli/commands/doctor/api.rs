//! Vlens itself: a real login, the two clocks against each other, and whether contract types may be seen.

use std::sync::Arc;
use std::time::Duration;

use super::Chart;
use super::ledger::Standing;
use super::settings::Ready;
use crate::cli::args::SendArgs;
use crate::cli::clock::SystemClock;
use crate::cli::commands::contract_types::counted;
use crate::cli::commands::target::client;
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::cli::signals;
use crate::error::{Error, Kind};
use crate::ledger::{Lock, Writer};
use crate::mapping::Config;
use crate::model::Timestamp;
use crate::send::{Api, ApiError, Clock, Credentials, Limiter, StopSignal};
use crate::vlens::ContractTypeEntry;

/// Clocks further apart than this confuse whoever compares times, and tokens whose life is short.
const SKEW_MS: i64 = 60_000;
/// A limit's window may have to pass first; a person should know why nothing happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks Vlens, unless a run is in progress.
pub async fn examine(
    place: &Place,
    ready: Ready,
    standing: Standing,
    output: Output,
    chart: &mut Chart,
) {
    let Some(credentials) = ready.credentials.clone() else {
        return chart.warning(
            "login",
            "Not tried: sessions of kind \"auth\" need none, and creating one would invite somebody",
            "Send one row first: vlens-batch run FILE --limit 1",
        );
    };
    match standing {
        Standing::Apart | Standing::Free => {}
        Standing::Busy => {
            return chart.warning(
                "login",
                "Not tried: a run is in progress, and the limits are its own",
                "Run `vlens-batch doctor` again when it has ended.",
            );
        }
        Standing::Unusable => {
            return chart.warning(
                "login",
                "Not tried: the request could not be noted in the ledger",
                "See to the ledger first.",
            );
        }
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    match api(place, ready, credentials, standing, &clock) {
        Ok((api, lock)) => {
            Box::pin(ask(api, &place.config, &*clock, output, chart)).await;
            drop(lock);
        }
        Err(error) if error.kind == Kind::Busy => chart.warning(
            "login",
            "Not tried: a run has just begun",
            "Run `vlens-batch doctor` again when it has ended.",
        ),
        Err(error) => chart.failure("login", error),
    }
}

fn api(
    place: &Place,
    ready: Ready,
    credentials: Credentials,
    standing: Standing,
    clock: &Arc<dyn Clock>,
) -> Result<(Api, Option<Lock>), Error> {
    let sending = place.sending(&SendArgs::default());
    let Ready {
        base_url,
        binding,
        api_key,
        ca_pem,
        ..
    } = ready;
    let tenancy_name = binding.tenancy_name.clone();
    let client = client(base_url, api_key, tenancy_name, ca_pem, &sending)?;
    let counted = match standing {
        Standing::Free => counted(place, &binding, sending.limits, &**clock, "doctor")?,
        _ => None,
    };
    let (limiter, writer, lock): (Limiter, Option<Writer>, Option<Lock>) = match counted {
        Some((limiter, writer, lock)) => (limiter, Some(writer), Some(lock)),
        None => (Limiter::new(sending.limits), None, None),
    };
    let stop = Arc::new(StopSignal::default());
    signals::watch(Arc::clone(&stop));
    let api = Api::new(
        client,
        Some(credentials),
        limiter,
        writer,
        Arc::clone(clock),
        stop,
    );
    Ok((api, lock))
}

async fn ask(api: Api, config: &Config, clock: &dyn Clock, output: Output, chart: &mut Chart) {
    let (login, server_date) = {
        let login = api.log_in_once();
        tokio::pin!(login);
        tokio::select! {
            answer = &mut login => answer,
            () = tokio::time::sleep(PATIENCE) => {
                output.say("Waiting for Vlens, or for a free place within the limits …");
                login.await
            }
        }
    };
    if let Some(server_date) = server_date {
        skew(server_date, clock.wall(), chart);
    }
    match login {
        Ok(()) => {
            chart.ok("login", "Vlens accepts the credentials");
            let types = api.contract_types().await;
            contract_types(types, config, chart);
        }
        Err(error) => chart.failure("login", error.into()),
    }
    if let Some(writer) = api.into_ledger()
        && let Err(complaint) = writer.stop().await
    {
        chart.failure("ledger", complaint);
    }
}

fn skew(server: Timestamp, here: Timestamp, chart: &mut Chart) {
    let skew_ms = here.ms_since(server);
    let seconds = skew_ms.abs() / 1000;
    if skew_ms.abs() <= SKEW_MS {
        return chart.ok("clock", "Within a minute of the server's");
    }
    let direction = if skew_ms > 0 { "ahead of" } else { "behind" };
    chart.warning(
        "clock",
        format!("This machine's clock is {seconds} s {direction} the server's"),
        "Let the system set its clock (NTP). Limits are kept all the same; times in results are off.",
    );
}

fn contract_types(
    answer: Result<Vec<ContractTypeEntry>, ApiError>,
    config: &Config,
    chart: &mut Chart,
) {
    let entries = match answer {
        Ok(entries) => entries,
        // Sending does not need them, so this is no failure.
        Err(error) => {
            let complaint = Error::from(error);
            return chart.warning(
                "contract_types",
                complaint.message,
                complaint.hint.unwrap_or_default(),
            );
        }
    };
    let unknown: Vec<String> = config
        .contract_types()
        .into_iter()
        .filter(|id| !entries.iter().any(|entry| entry.id == *id))
        .map(|id| id.to_string())
        .collect();
    if unknown.is_empty() {
        return chart.ok("contract_types", format!("{} may be seen", entries.len()));
    }
    chart.warning(
        "contract_types",
        format!(
            "The config names contract types that the tenant does not list: {}",
            unknown.join(", ")
        ),
        "`vlens-batch contract-types` lists those that there are.",
    );
}
