//! `init`: looks at a sheet, proposes a mapping, asks where somebody can answer, writes it beside the sheet, and checks.

use std::path::{Path, PathBuf};

use self::found::Found;
use super::check::{check_input, input};
use crate::cli::args::{CheckArgs, Global, InitArgs, LangArg};
use crate::cli::files::{Readers, folder_of, read_text, tidy, write_bytes};
use crate::cli::output::Output;
use crate::cli::settings::{CONFIG_NAME, Settings, configs_of_sheet};
use crate::error::{Ended, Error};

mod ask;
mod found;

/// What the config of a whole folder says of the company, not of a sheet.
const OF_THE_COMPANY: [&str; 5] = ["api", "limits", "retry", "team", "notify"];

pub fn init(args: &InitArgs, global: &Global, output: Output) -> Ended {
    let config = config_path(args, global)?;
    let input = input(&args.file)?;
    let mut found = Found::of(args, &config, &input)?;
    if output.can_ask() && !args.yes {
        ask::ask(&mut found, output)?;
    } else if !output.json {
        found.show(output);
    }
    let source = found.source_settings(args);
    let text = found.proposal.to_toml(&source, &company_settings(args));
    write_bytes(&config, Readers::Everyone, text.as_bytes())?;
    if !found.proposal.knows_types() {
        return Err(found.contract_open(args, global, &config));
    }
    if output.json {
        return output.show(&found.document(&config, args), |_| Ok(()));
    }
    let settings = Settings::find(global, Some(&args.file))?;
    output.say(&found.said(&config, &args.file, &settings));
    let check_args = CheckArgs {
        file: args.file.clone(),
        show: None,
        annotate: None,
        lang: LangArg::default(),
        read: args.read.clone(),
    };
    check_input(&check_args, &settings, &input)
}

/// As `--config` says; else `vlens-batch.toml` beside FILE, or where there is one already, one for FILE alone. What is there is
/// replaced by `--force` only.
fn config_path(args: &InitArgs, global: &Global) -> Result<PathBuf, Error> {
    let usual = tidy(folder_of(&args.file).join(CONFIG_NAME));
    let own = configs_of_sheet(&args.file).next();
    let own = own.filter(|_| args.file != Path::new("-"));
    let path = match (&global.config, own) {
        (Some(named), _) => named.clone(),
        (None, Some(own)) if own.exists() || (usual.exists() && !args.force) => own,
        (None, _) => usual,
    };
    if args.force || !path.exists() {
        return Ok(path);
    }
    let shown = path.display();
    let message = format!("{shown} is there already, and is left as it is.");
    let error = Error::usage("config_exists", message);
    Err(error.hint("Add --force to replace it, or move it away first."))
}

/// The settings of the company in a config that a new one takes the place of.
fn company_settings(args: &InitArgs) -> String {
    let usual = tidy(folder_of(&args.file).join(CONFIG_NAME));
    let text = read_text(&usual).unwrap_or_default();
    let mut table: toml::Table = toml::from_str(&text).unwrap_or_default();
    table.retain(|key, _| OF_THE_COMPANY.contains(&key));
    toml::to_string(&table).unwrap_or_default()
}
