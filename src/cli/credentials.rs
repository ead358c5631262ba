//! Who we are at Vlens: user and secrets from the environment, from files that it or the config names, and from what `account` kept for
//! this user. Secrets stand in no flag and in no config. And where requests go with them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use super::files::{folder_of, read_text};
use super::settings::{DEFAULT_BASE_URL, Pace, SANDBOX_NAME, Settings};
use super::system::{path_variable, variable};
use crate::error::{Error, Result};
use crate::mapping::Config;
use crate::mapping::names::visible;
use crate::model::{Binding, Secret};
use crate::register::RegisterAddress;
use crate::sandbox::{self, Sandbox, SandboxOptions};
use crate::send::Credentials;
use crate::vlens::{BaseUrl, Client, Way};

const REGISTER: &str = "VLENS_REGISTER";
const REGISTER_PASSWORD_FILE: &str = "VLENS_REGISTER_PASSWORD_FILE";
pub const REGISTER_KEY_FILE: &str = "VLENS_REGISTER_KEY_FILE";

/// What it takes to be let in: the tenant, empty when none is needed; the API key; none to log in with when there is no login.
pub type Account = (String, Secret, Option<Credentials>);

/// What an account is made of, called as its variable in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum AccountPart {
    #[strum(to_string = "VLENS_TENANCY_NAME")]
    Tenant,
    #[strum(to_string = "VLENS_USERNAME")]
    Username,
    #[strum(to_string = "VLENS_API_KEY")]
    ApiKey,
    #[strum(to_string = "VLENS_PASSWORD")]
    Password,
}

/// A part of the account itself, or the file that holds it.
pub enum SecretPlace {
    Here(Secret),
    File(PathBuf),
}

impl Settings {
    /// Everything that is missing is told at once. Where no login is needed, one is there if it can be.
    pub fn account(&self, needs_login: bool) -> Result<Account> {
        let (api_key, tenancy_name) = (self.secret(AccountPart::ApiKey)?, self.tenancy_name()?);
        let mut username = self.named(AccountPart::Username);
        let mut password = self.secret(AccountPart::Password);
        if !needs_login {
            (username, password) = (username.or(Ok(None)), password.or(Ok(None)));
        }
        let (username, password) = (username?, password?);
        let parts = [
            (AccountPart::ApiKey, api_key.is_some()),
            (AccountPart::Username, !needs_login || username.is_some()),
            (AccountPart::Password, !needs_login || password.is_some()),
            (AccountPart::Tenant, !needs_login || tenancy_name.is_some()),
        ];
        let unset = parts.into_iter().filter(|(_, is_there)| !is_there);
        let unset: Vec<AccountPart> = unset.map(|(part, _)| part).collect();
        let login = username.zip(password);
        let login = login.map(|(username, password)| Credentials { username, password });
        let api_key = api_key.filter(|_| unset.is_empty());
        let api_key = api_key.ok_or_else(|| self.missing(&unset))?;
        Ok((tenancy_name.unwrap_or_default(), api_key, login))
    }

    /// A part of the account, and in words where it is; none where nothing tells.
    pub fn find_part(&self, part: AccountPart) -> Result<Option<(SecretPlace, String)>> {
        if let Some(text) = variable(&part.to_string())? {
            let place = format!("the environment ({part})");
            return Ok(Some((SecretPlace::Here(Secret::new(text)), place)));
        }
        let member = match part {
            AccountPart::Tenant | AccountPart::Username => None,
            AccountPart::ApiKey => Some("api_key_file"),
            AccountPart::Password => Some("password_file"),
        };
        let file = format!("{part}_FILE");
        if let Some(path) = path_variable(&file).filter(|_| member.is_some()) {
            let place = named_by(&path, &file);
            return Ok(Some((SecretPlace::File(path), place)));
        }
        let here = self.config_path.as_ref().map(|path| (&self.config, path));
        // No file beside a sheet can have this user's secrets sent elsewhere by naming another address, nor to another tenant.
        let of = self.kept_and_meant()?;
        let own = self.own.as_ref().map(|(config, path)| (config, path));
        let own = own.filter(|_| of.is_some_and(|[kept, meant]| kept == meant));
        let mut told = here.into_iter().chain(own).filter_map(|(config, path)| {
            let text = match part {
                AccountPart::Tenant => &config.api.tenancy_name,
                AccountPart::Username => &config.api.username,
                AccountPart::ApiKey => &config.api.api_key_file,
                AccountPart::Password => &config.api.password_file,
            };
            let text = text.as_deref()?;
            // Whoever names the files of the account that is kept, they are for the one that it is kept for.
            let is_kept = member.is_some() && self.keeps(&folder_of(path).join(text));
            (own.is_some() || !is_kept).then_some((text, path))
        });
        Ok(told.next().map(|(text, config)| {
            let shown = config.display();
            let Some(member) = member else {
                return (SecretPlace::Here(Secret::new(text)), shown.to_string());
            };
            let path = folder_of(config).join(text);
            let place = named_by(&path, &format!("{member} in {shown}"));
            (SecretPlace::File(path), place)
        }))
    }

    /// Whether this file holds a secret of the user's own account.
    pub fn keeps(&self, file: &Path) -> bool {
        let Some(((own, path), file)) = self.own.as_ref().zip(file.canonicalize().ok()) else {
            return false;
        };
        let kept = [&own.api.api_key_file, &own.api.password_file];
        let mut kept = kept.into_iter().filter_map(|kept| kept.as_deref());
        kept.any(|kept| folder_of(path).join(kept).canonicalize().ok().as_ref() == Some(&file))
    }

    /// For whom the user's own config holds an account, and who is meant.
    fn kept_and_meant(&self) -> Result<Option<[Binding; 2]>> {
        let Some((own, _)) = &self.own else {
            return Ok(None);
        };
        let kept_at = own.api.base_url.as_deref();
        let kept_at = BaseUrl::parse(kept_at.map_or(DEFAULT_BASE_URL, |url| url), true)?;
        let name = |config: &Config| config.api.tenancy_name.as_deref().cloned();
        let kept = name(own).unwrap_or_default();
        let meant = variable(&AccountPart::Tenant.to_string())?.or_else(|| name(&self.config));
        let meant = meant.unwrap_or_else(|| kept.clone());
        let at = |url: &BaseUrl, name: &str| Binding {
            base_url: url.as_str().to_owned(),
            tenancy_name: visible(name),
        };
        let meant = at(&self.base_url(true)?, &meant);
        Ok(Some([at(&kept_at, &kept), meant]))
    }

    /// That an account is kept, and for whom, where that is not who is meant.
    pub fn kept_for_another(&self) -> Option<String> {
        let (own, path) = self.own.as_ref()?;
        own.api.api_key_file.as_ref()?;
        let [kept, meant] = self.kept_and_meant().ok()??;
        let path = path.display();
        let said = || format!("the account kept in {path} is for {kept}, and not for {meant}");
        (kept != meant).then(said)
    }

    /// These parts are not there; `--sandbox` needs none of them.
    pub fn missing(&self, parts: &[AccountPart]) -> Error {
        let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
        let names = match names.split_last() {
            Some((last, before @ [_, ..])) => format!("{} and {last} are", before.join(", ")),
            _ => format!("{} is", names.concat()),
        };
        match self.kept_for_another() {
            None => Error::of("credentials_missing", &[&names]),
            Some(why) => Error::of("credentials_missing.kept", &[&names, &why]),
        }
    }

    /// Without the marks that a page in Arabic leaves at a name that is copied from it.
    pub fn tenancy_name(&self) -> Result<Option<String>> {
        let name = self.named(AccountPart::Tenant)?;
        Ok(name.map(|name| visible(&name)))
    }

    /// A part that is no secret.
    pub fn named(&self, part: AccountPart) -> Result<Option<String>> {
        let name = self.secret(part)?;
        Ok(name.map(|name| name.expose().to_owned()))
    }

    /// A part of the account itself, or the content of its file.
    pub fn secret(&self, part: AccountPart) -> Result<Option<Secret>> {
        let read = |(held, place): (SecretPlace, String)| match held {
            SecretPlace::Here(secret) => Ok(secret),
            SecretPlace::File(path) => read_secret(&path, &place),
        };
        self.find_part(part)?.map(read).transpose()
    }

    /// The team's register, if there is one, and the file that its key is in.
    pub fn team(&self, patience: Duration) -> Result<Option<(RegisterAddress, Option<PathBuf>)>> {
        let url = variable(REGISTER)?.or_else(|| self.config.team.register.clone());
        let Some(url) = url else {
            return Ok(None);
        };
        let password = path_variable(REGISTER_PASSWORD_FILE)
            .map(|path| read_secret(&path, &named_by(&path, REGISTER_PASSWORD_FILE)));
        let place = RegisterAddress {
            url,
            password: password.transpose()?,
            authorities: self.authorities()?,
            patience,
        };
        Ok(Some((place, path_variable(REGISTER_KEY_FILE))))
    }
}

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
        let login = Credentials {
            username: sandbox::USERNAME.to_owned(),
            password: Secret::new(sandbox::PASSWORD),
        };
        let tenant = sandbox::TENANCY_NAME.to_owned();
        let account = (tenant, Secret::new(sandbox::API_KEY), Some(login));
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
        let (tenant, key, credentials) = account;
        let (timeout, concurrency) = (sending.timeout, sending.options.concurrency);
        Ok(Destination {
            binding: Binding {
                base_url: url.as_str().to_owned(),
                tenancy_name: tenant.clone(),
            },
            client: Client::new(url, way, &key, tenant, timeout, concurrency)?,
            credentials,
            sandbox: None,
        })
    }
}

/// A file that is to hold a secret, for people; not shown where it is not there: somebody may have written the secret itself.
pub fn named_by(path: &Path, what: &str) -> String {
    let shown = path.exists().then(|| path.display().to_string());
    let shown = shown.as_deref().unwrap_or("The file");
    format!("{shown} (named by {what})")
}

/// The content of a file that holds nothing but a secret; `named` says for people which.
pub fn read_secret(path: &Path, named: &str) -> Result<Secret> {
    let text = read_text(path);
    let text = text.map_err(|error| Error::of("secret_file_unreadable", &[&named, &error]))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::of("secret_file_empty", &[&named])),
        secret => Ok(Secret::new(secret)),
    }
}
