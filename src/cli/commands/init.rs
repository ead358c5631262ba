//! `init`: looks at a sheet, proposes a mapping, asks where somebody can answer, writes `vlens-batch.toml`, and checks.

use std::path::{Path, PathBuf};

use super::check::{check_input, forms, input};
use crate::cli::args::{CheckArgs, Global, InitArgs};
use crate::cli::files::{Readers, folder_of, tidy, write_bytes};
use crate::cli::further::Typed;
use crate::cli::output::Output;
use crate::cli::settings::{CONFIG_NAME, Settings, contract_types};
use crate::error::{Ended, Error};
use crate::input::{Hidden, Input, Source};
use crate::mapping::config::DEFAULT_COUNTRY;
use crate::mapping::guess::{
    Certainty, Known, Proposal, Sample, SourceSettings, Target, header_names,
};
use crate::mapping::names::Shown;
use crate::model::{ContractTypeId, RowNumber, printable};
use crate::report::{GuessLine, quoted, write_guesses};

pub fn init(args: &InitArgs, global: &Global, output: Output) -> Ended {
    let config = config_path(args, global);
    refuse_to_overwrite(&config, args.force)?;
    let input = input(&args.file)?;
    let (mut proposal, header_row) = propose(args, &config, &input)?;
    if output.can_ask() && !args.yes {
        ask(&mut proposal)?;
    } else {
        show(&proposal, output);
    }
    let text = proposal.to_toml(&source_settings(args, header_row));
    write_bytes(&config, Readers::Everyone, text.as_bytes())?;
    if let Some(column) = proposal.open_column() {
        let column = shown(&proposal).header(&column.name).into_owned();
        return Err(contract_open(&config, &column, &proposal));
    }
    let settings = Settings::find(global, Some(&args.file))?;
    output.say(&said(&config, &proposal, &args.file, &settings));
    let check_args = CheckArgs {
        file: args.file.clone(),
        show: None,
        annotate: None,
        read: args.read.clone(),
    };
    check_input(&check_args, &settings, &input, output)
}

/// Beside FILE, unless `--config` says otherwise.
fn config_path(args: &InitArgs, global: &Global) -> PathBuf {
    let usual = || tidy(folder_of(&args.file).join(CONFIG_NAME));
    global.config.clone().unwrap_or_else(usual)
}

fn refuse_to_overwrite(config: &Path, is_forced: bool) -> Result<(), Error> {
    if is_forced || !config.exists() {
        return Ok(());
    }
    let config = config.display();
    let message = format!("{config} is there already, and is left as it is.");
    let error = Error::usage("config_exists", message);
    Err(error.hint("Add --force to replace it, or move it away first."))
}

fn propose(args: &InitArgs, config: &Path, input: &Input) -> Result<(Proposal, RowNumber), Error> {
    let settings = Settings::without_config(folder_of(config));
    let forms = forms(&settings)?;
    let mut options = settings.source_options(&args.read);
    options.known_names = header_names(&forms);
    let mut source = Source::open(input, &options)?;
    let mut sample = Sample::new(source.columns());
    while let Some(row) = source.next_row()? {
        if !sample.see(&row) {
            break;
        }
    }
    let types = contract_types(&args.read);
    let known = Known {
        types: &types,
        forms: &forms,
        country: DEFAULT_COUNTRY,
    };
    Ok((Proposal::of(&sample, known), source.header_row()))
}

/// What was given by hand will be needed again; the header below title lines as well.
fn source_settings(args: &InitArgs, header_row: RowNumber) -> SourceSettings {
    SourceSettings {
        sheet: args.read.sheet.clone(),
        header_row: (header_row.0 > 1 || args.read.header_row.is_some()).then_some(header_row.0),
        delimiter: args.read.delimiter,
        encoding: args.read.encoding.clone(),
        hidden: args.read.hidden.map(|hidden| match hidden {
            Hidden::Skip => "skip",
            Hidden::Send => "send",
        }),
    }
}

/// How headers are shown: masked where one of them is somebody's data.
fn shown(proposal: &Proposal) -> Shown {
    let headers = proposal.columns.iter();
    Shown::of(headers.map(|column| column.column.name.as_str()))
}

/// Each column with its guess, on stderr: stdout belongs to the check that follows.
fn show(proposal: &Proposal, output: Output) {
    let shown = shown(proposal);
    let lines = proposal.columns.iter().map(|column| GuessLine {
        column: shown.header(&column.column.name).into_owned(),
        sample: column.sample.clone(),
        target: column.target.as_ref().map(ToString::to_string),
        candidates: column.candidates.iter().map(ToString::to_string).collect(),
    });
    let lines: Vec<GuessLine> = lines.collect();
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = write_guesses(&mut text, &lines, output.look());
    output.say(String::from_utf8_lossy(&text).trim_end());
}

/// Goes through the columns with the person who sits there; Enter takes the guess.
fn ask(proposal: &mut Proposal) -> Result<(), Error> {
    let asked = ask_types(proposal).and_then(|()| {
        let all = proposal.choices();
        (0..proposal.columns.len()).try_for_each(|at| ask_column(proposal, at, &all))
    });
    asked.map_err(|_| {
        let message = "No mapping was written: the questions were not answered.";
        Error::stopped("interrupted", message)
    })
}

fn ask_types(proposal: &mut Proposal) -> std::io::Result<()> {
    if proposal.knows_types() {
        return Ok(());
    }
    for value in proposal.open_values() {
        let question = format!("Which contract type does \"{value}\" mean (its number)?");
        proposal.choose_type_of(&value, ask_type(&question)?);
    }
    if !proposal.knows_types() {
        let question = "To which contract type are these customers invited (its number)?";
        proposal.choose_types(vec![ask_type(question)?]);
    }
    Ok(())
}

fn ask_type(question: &str) -> std::io::Result<ContractTypeId> {
    let mut prompt = cliclack::input(printable(question)).placeholder("414");
    prompt.interact().map(ContractTypeId)
}

fn ask_column(proposal: &mut Proposal, at: usize, all: &[(Target, String)]) -> std::io::Result<()> {
    let column = &proposal.columns[at];
    let sure = match column.certainty {
        Certainty::Open => "not sure",
        Certainty::Sure => "sure",
        Certainty::Chosen => "chosen",
    };
    let sample = match column.sample.as_str() {
        "" => "(empty)",
        sample => sample,
    };
    let letters = column.column.letters();
    let header = shown(proposal).header(&column.column.name).into_owned();
    let question = format!("{letters} \"{header}\", such as {sample}");
    let guess = column.target.clone();
    let label = |target: &Target| {
        let found = all.iter().find(|(known, _)| known == target);
        found.map_or_else(|| target.to_string(), |(_, label)| label.clone())
    };
    // Candidates stand right below the guess, everything else behind them.
    let mut offered: Vec<Option<Target>> = vec![guess.clone()];
    offered.extend(column.candidates.iter().cloned().map(Some));
    offered.push(None);
    offered.extend(all.iter().map(|(target, _)| Some(target.clone())));
    let mut items: Vec<Option<Target>> = Vec::new();
    let mut select = cliclack::select(printable(&question)).max_rows(10);
    for target in offered {
        if items.contains(&target) {
            continue;
        }
        let text = target.as_ref().map_or("(leave it out)".to_owned(), label);
        let hint = if target == guess { sure } else { "" };
        select = select.item(items.len(), text, hint);
        items.push(target);
    }
    let chosen = select.initial_value(0).interact()?;
    let chosen = items.into_iter().nth(chosen).flatten();
    if chosen != guess {
        proposal.choose(at, chosen);
    }
    Ok(())
}

/// A column tells the contract type, and what its values mean was neither known nor asked.
fn contract_open(config: &Path, column: &str, proposal: &Proposal) -> Error {
    let message = format!(
        "The column \"{column}\" tells the contract type, and nothing says which number each of its values means."
    );
    let hint = format!(
        "Write the numbers into {}, where these lines stand as remarks (`vlens-batch contract-types` lists them), or give --contract-type ID for all rows:\n\n{}",
        config.display(),
        proposal.contract_lines().trim_end()
    );
    Error::unusable("contract_type_open", message).hint(hint)
}

fn said(config: &Path, proposal: &Proposal, file: &Path, settings: &Settings) -> String {
    let file = quoted(&file.to_string_lossy());
    let check = format!(
        "check {file} {}",
        settings.further(false, &Typed::default()).checking
    );
    let columns = proposal.columns.iter();
    let mapped = columns.filter(|column| column.target.is_some()).count();
    let mut said = format!(
        "Wrote {}: {mapped} of {} columns are used. Look at it, then: vlens-batch {}",
        config.display(),
        proposal.columns.len(),
        check.trim_end()
    );
    if !proposal.knows_recipient() {
        said.push_str("\nNo column is surely a phone or an e-mail: write it under [recipient].");
    }
    if !proposal.knows_types() {
        said.push_str("\nNothing tells the contract type: write it under [contract], or give --contract-type ID.");
    }
    said
}
