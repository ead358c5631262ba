//! Where requests go and what it takes to be let in; and the way there for calls that belong to no run.

use std::time::Duration;

use clap::Parser;

use super::ledger::{SANDBOX_NAME, open_ledger};
use super::register::{PATIENCE, join};
use crate::cli::args::SendArgs;
use crate::cli::credentials::Account;
use crate::cli::settings::{Pace, Settings};
use crate::cli::system::watch_signals;
use crate::clock;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, Reader, Writer};
use crate::model::{Binding, Secret};
use crate::sandbox::{self, Sandbox, SandboxOptions};
use crate::send::{Api, Credentials, Limiter, Limits};
use crate::vlens::{BaseUrl, Client, Way};

/// A place to send to, and what it takes to be let in.
pub struct Destination {
    pub client: Client,
    /// What the ledger is bound to.
    pub binding: Binding,
    /// For the login; none when only sessions without a login are created.
    pub credentials: Option<Credentials>,
    /// The built-in stand-in, as long as it is sent to.
    pub sandbox: Option<Sandbox>,
}

impl Destination {
    pub async fn sandbox(sending: &Pace) -> Result<Destination> {
        // With the vendor's own limits, as `sandbox` has them.
        let mut options = SandboxOptions::parse_from([SANDBOX_NAME]);
        options.any_form = true;
        let served = Sandbox::start(options).await?;
        let base_url = BaseUrl::parse(&served.base_url, false)?;
        let account = Account {
            tenancy_name: sandbox::TENANCY_NAME.to_owned(),
            api_key: Secret::new(sandbox::API_KEY),
            credentials: Some(Credentials {
                username: sandbox::USERNAME.to_owned(),
                password: Secret::new(sandbox::PASSWORD),
            }),
        };
        let mut target = Destination::new(&Way::default(), sending, base_url, account)?;
        SANDBOX_NAME.clone_into(&mut target.binding.base_url);
        target.sandbox = Some(served);
        Ok(target)
    }

    pub fn of(
        settings: &Settings,
        sending: &Pace,
        allow_insecure_http: bool,
        needs_login: bool,
    ) -> Result<Destination> {
        let base_url = settings.base_url(allow_insecure_http)?;
        let account = settings.account(needs_login)?;
        Destination::new(&settings.way()?, sending, base_url, account)
    }

    pub fn new(way: &Way, sending: &Pace, url: BaseUrl, account: Account) -> Result<Destination> {
        let (key, tenant) = (&account.api_key, account.tenancy_name);
        let (timeout, concurrency) = (sending.timeout, sending.options.concurrency);
        Ok(Destination {
            binding: Binding {
                base_url: url.as_str().to_owned(),
                tenancy_name: tenant.clone(),
            },
            client: Client::new(url, way, key, tenant, timeout, concurrency)?,
            credentials: account.credentials,
            sandbox: None,
        })
    }
}

/// Calls that belong to no run, noted in the ledger where there is one for this address and tenant.
pub async fn open_api(
    settings: &Settings,
    target: Destination,
    command: &'static str,
    wait: bool,
) -> Result<Api> {
    let sending = settings.sending(&SendArgs::default());
    let path = settings.ledger(false)?;
    let stop = watch_signals(settings.output, Some(sending.timeout));
    let binding = &target.binding;
    let mut ledger = None;
    if Reader::open(&path)?.is_some_and(|reader| reader.binding == *binding) {
        let wait = wait.then_some(&*stop);
        ledger = Some(open_ledger(&path, settings, command, wait, Some(binding))?);
    }
    let limiter = limiter(ledger.as_ref(), sending.limits)?;
    let joining = join(settings, binding, ledger.as_mut(), PATIENCE);
    let joined = stop.or_stop(joining).await;
    let register = joined.map_err(|_| Error::of("interrupted", &[]))??;
    let ledger = ledger.map(Writer::start).transpose()?;
    let (client, login) = (target.client, target.credentials);
    Ok(Api::new(client, login, limiter, ledger, register, stop))
}

/// The limiter, with what this and other processes have sent in the last minute, and the pause that Vlens asked them for. A request
/// that nobody saw answered counts as answered just now.
pub fn limiter(ledger: Option<&Ledger>, limits: Limits) -> Result<Limiter> {
    /// A little more than the longest window of the limits.
    const RECENT_MS: i64 = 61_000;
    let mut limiter = Limiter::new(limits);
    let Some(ledger) = ledger else {
        return Ok(limiter);
    };
    let most = limits.per_minute.or(limits.per_second);
    let most = most.map_or(0, |n| n.get() as usize).saturating_mul(2);
    let newest_first = ledger.recent_answers(RECENT_MS, most, &clock::moment())?;
    for ago_ms in newest_first.into_iter().rev() {
        limiter.seed(clock::steady().saturating_sub(Duration::from_millis(ago_ms)));
    }
    limiter.pause(clock::steady(), ledger.pause_left(&clock::moment())?);
    Ok(limiter)
}
