//! Where to send: Vlens, or the built-in stand-in.

use crate::cli::args::SendArgs;
use crate::cli::secrets;
use crate::cli::settings::{Place, Sending};
use crate::error::Error;
use crate::ledger::Binding;
use crate::model::Secret;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::send::Credentials;
use crate::vlens::{BaseUrl, Client, ClientOptions};

/// What `base_url` is called for a rehearsal: the stand-in's port is another one each time, its ledger stays.
pub const SANDBOX_NAME: &str = "sandbox";

/// A place to send to, and what it takes to be let in.
pub struct Target {
    /// The client.
    pub client: Client,
    /// What the ledger is bound to.
    pub binding: Binding,
    /// For the login; none when only sessions without a login are created.
    pub credentials: Option<Credentials>,
    /// Kept alive as long as it is sent to.
    pub sandbox: Option<Sandbox>,
}

impl Target {
    /// Prepares to send. `needs_login`: invitations are sent, which take an admin's token.
    pub async fn prepare(
        place: &Place,
        sending: &Sending,
        args: &SendArgs,
        needs_login: bool,
    ) -> Result<Target, Error> {
        if args.sandbox {
            return Target::sandbox(sending, needs_login).await;
        }
        let base_url = place.base_url(args.allow_insecure_http)?;
        let account = secrets::account(place.tenancy_name()?, needs_login)?;
        let binding = Binding {
            base_url: base_url.as_str().to_owned(),
            tenancy_name: account.tenancy_name.clone(),
        };
        let client = client(
            base_url,
            account.api_key,
            account.tenancy_name,
            place.ca_pem()?,
            sending,
        )?;
        Ok(Target {
            client,
            binding,
            credentials: account.credentials,
            sandbox: None,
        })
    }

    async fn sandbox(sending: &Sending, needs_login: bool) -> Result<Target, Error> {
        let sandbox = Sandbox::start(SandboxOptions {
            any_form: true,
            ..SandboxOptions::default()
        })
        .await?;
        let credentials = sandbox.credentials();
        let base_url = BaseUrl::parse(&sandbox.base_url(), false)?;
        let binding = Binding {
            base_url: SANDBOX_NAME.to_owned(),
            tenancy_name: credentials.tenancy_name.clone(),
        };
        let client = client(
            base_url,
            credentials.api_key.clone(),
            credentials.tenancy_name.clone(),
            None,
            sending,
        )?;
        Ok(Target {
            client,
            binding,
            credentials: needs_login.then(|| Credentials {
                username: credentials.username.clone(),
                password: credentials.password.clone(),
            }),
            sandbox: Some(sandbox),
        })
    }
}

/// A client for this address.
pub fn client(
    base_url: BaseUrl,
    api_key: Secret,
    tenancy_name: String,
    ca_pem: Option<Vec<u8>>,
    sending: &Sending,
) -> Result<Client, Error> {
    Client::new(ClientOptions {
        base_url,
        api_key,
        tenancy_name,
        timeout: sending.timeout,
        ca_pem,
        concurrency: sending.concurrency,
        user_agent: concat!("vlens-batch/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}
