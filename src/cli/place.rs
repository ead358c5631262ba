//! Where ledgers are unless a person names another place.

use std::path::PathBuf;

use etcetera::BaseStrategy;

use crate::error::Error;
use crate::model::quoted;

/// Where this user's programs keep their data; none without a home folder. What the system's list of users says of it is not asked:
/// a job that was given no home must not write into one.
pub fn data_folder() -> Option<PathBuf> {
    of_home("XDG_DATA_HOME", |dirs| {
        // On Windows the library calls cache what is not copied from one machine of a company to the next.
        if cfg!(windows) {
            dirs.cache_dir()
        } else {
            dirs.data_dir()
        }
    })
}

/// The user's own config, if there is a home for it.
pub fn own_config() -> Option<PathBuf> {
    let folder = of_home("XDG_CONFIG_HOME", |dirs| dirs.config_dir())?;
    Some(folder.join("config.toml"))
}

fn of_home(variable: &str, folder: impl FnOnce(&dyn BaseStrategy) -> PathBuf) -> Option<PathBuf> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !(cfg!(windows) || is_set("HOME") || is_set(variable)) {
        return None;
    }
    let dirs = etcetera::choose_base_strategy().ok()?;
    Some(folder(&dirs).join("vlens-batch"))
}

/// What a tenant's ledger is called: the tenant, and the host where that is not the vendor's own, as far as every system takes it in a
/// file's name. Should two tenants come to one name, the ledger's binding tells them apart.
fn ledger_name(tenant: &str, host: Option<&str>) -> String {
    match (fit_for_a_file(tenant).as_str(), host.map(fit_for_a_file)) {
        ("", None) => "default.db".to_owned(),
        (name, None) => format!("{name}.db"),
        (name, Some(host)) => format!("{name}@{host}.db"),
    }
}

fn fit_for_a_file(name: &str) -> String {
    const LONGEST: usize = 60;
    let is_fit = |c: char| c.is_alphanumeric() || "._".contains(c);
    let name = name.trim().to_lowercase();
    let name: String = name.chars().take(LONGEST).collect();
    let name = name.replace(|c| !is_fit(c), "-");
    name.trim_matches('.').to_owned()
}

/// Where a tenant's ledger is. Without a tenant, the one ledger that is there; `host`: the API's, where it is not the vendor's own.
pub fn tenants_ledger(tenant: Option<&str>, host: Option<&str>) -> Result<PathBuf, Error> {
    let folder = data_folder().ok_or_else(|| {
        let message =
            "There is no home folder (HOME is not set), and the ledger has its place there.";
        Error::unusable("ledger_place_unknown", message)
            .hint("Set VLENS_LEDGER to the ledger's path, on a disk of this machine.")
    })?;
    if let Some(tenant) = tenant {
        return Ok(folder.join(ledger_name(tenant, host)));
    }
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut ledgers: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    ledgers.retain(|path| path.extension().is_some_and(|extension| extension == "db"));
    ledgers.sort();
    match ledgers.as_slice() {
        [] => Ok(folder.join(ledger_name("", host))),
        [one] => Ok(one.clone()),
        [first, ..] => {
            let shown = ledgers.iter().map(|path| path.to_string_lossy());
            let shown = shown.collect::<Vec<_>>().join(", ");
            let message =
                format!("There are several ledgers, and nothing says whose is meant: {shown}.");
            Err(Error::unusable("ledger_unclear", message).hint(format!(
                "Name one, as in `--ledger {}`, or the tenant: VLENS_TENANCY_NAME, or tenancy_name under [api].",
                quoted(&first.to_string_lossy())
            )))
        }
    }
}
