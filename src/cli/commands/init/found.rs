//! The sheet that `init` looks at, and the mapping that it proposes.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::{Global, InitArgs};
use crate::cli::commands::check::forms;
use crate::cli::files::folder_of;
use crate::cli::further::Typed;
use crate::cli::output::Output;
use crate::cli::settings::{Settings, contract_types};
use crate::error::Error;
use crate::input::{Hidden, Input, Source};
use crate::mapping::config::DEFAULT_COUNTRY;
use crate::mapping::guess::{Known, Proposal, Sample, SourceSettings, Target, header_names};
use crate::mapping::names::Shown;
use crate::model::RowNumber;
use crate::report::{GuessLine, command, quoted, write_guesses};

/// A sheet as it was looked at, and the mapping that is proposed for it.
pub(super) struct Found {
    pub(super) proposal: Proposal,
    /// Where the workbook has several that hold data.
    sheet: Option<String>,
    header_row: RowNumber,
    /// The others of them, and whether they have the same columns.
    others: Vec<(String, bool)>,
}

impl Found {
    /// Of several sheets the one that has customers is meant: that of which the most is understood.
    pub(super) fn of(args: &InitArgs, config: &Path, input: &Input) -> Result<Found, Error> {
        let look = |sheet| Found::on(args, config, input, sheet);
        let sheets = match &args.read.layout.sheet {
            None => Source::sheets(input)?,
            Some(_) => Vec::new(),
        };
        if sheets.len() < 2 {
            return look(None);
        }
        let seen = sheets.iter().map(|sheet| look(Some(sheet.clone())));
        let mut seen: Vec<Result<Found, Error>> = seen.collect();
        let headers = seen.iter().map(|found| match found {
            Ok(found) => found.headers(),
            Err(_) => Vec::new(),
        });
        let headers: Vec<Vec<String>> = headers.collect();
        let understood = |at: &usize| seen[*at].as_ref().ok().map(Found::understood);
        // Of several that are alike, the first.
        let best = (0..seen.len()).rev().max_by_key(understood);
        let best = best.filter(|at| understood(at) > Some(0));
        // Where none has customers, the one that cannot be read may be the one that is meant.
        let broken = seen.iter().position(Result::is_err);
        let at = best.or(broken).unwrap_or(0);
        let mut found = seen.swap_remove(at)?;
        let others = sheets.into_iter().zip(&headers).enumerate();
        found.others = others
            .filter(|(other, _)| *other != at)
            .map(|(_, (sheet, names))| (sheet, *names == headers[at]))
            .collect();
        Ok(found)
    }

    fn on(
        args: &InitArgs,
        config: &Path,
        input: &Input,
        sheet: Option<String>,
    ) -> Result<Found, Error> {
        let settings = Settings::without_config(folder_of(config));
        let forms = forms(&settings)?;
        let mut options = settings.source_options(&args.read.layout);
        options.known_names = header_names(&forms);
        options.sheet = sheet.clone().or(options.sheet);
        let mut source = Source::open(input, &options)?;
        let mut sample = Sample::new(&source.columns);
        while let Some(row) = source.next_row()? {
            if !sample.see(&row) {
                break;
            }
        }
        let known = Known {
            types: &contract_types(&args.read),
            forms: &forms,
            country: DEFAULT_COUNTRY,
        };
        Ok(Found {
            proposal: Proposal::of(&sample, known),
            sheet,
            header_row: source.header_row,
            others: Vec::new(),
        })
    }

    /// How many columns are understood, if it is known whom to invite.
    fn understood(&self) -> usize {
        let columns = self.proposal.columns.iter();
        let mapped = columns.filter(|column| column.target.is_some()).count();
        if self.proposal.knows_recipient() {
            mapped
        } else {
            0
        }
    }

    fn headers(&self) -> Vec<String> {
        let columns = self.proposal.columns.iter();
        columns.map(|column| column.column.name.clone()).collect()
    }

    /// How headers are shown: masked where one of them is somebody's data.
    pub(super) fn shown(&self) -> Shown {
        Shown::of(self.headers().iter().map(String::as_str))
    }

    /// What was given by hand will be needed again; the header below title lines and the sheet among others as well.
    pub(super) fn source_settings(&self, args: &InitArgs) -> SourceSettings {
        let row = self.header_row.0;
        SourceSettings {
            sheet: args.read.layout.sheet.clone().or(self.sheet.clone()),
            header_row: (row > 1 || args.read.layout.header_row.is_some()).then_some(row),
            delimiter: args.read.layout.delimiter,
            encoding: args.read.layout.encoding.clone(),
            hidden: args.read.layout.hidden.map(|hidden| match hidden {
                Hidden::Skip => "skip",
                Hidden::Send => "send",
            }),
        }
    }

    /// Each column with its guess, on stderr: stdout belongs to the check that follows.
    pub(super) fn show(&self, output: Output) {
        let shown = self.shown();
        let lines = self.proposal.columns.iter().map(|column| GuessLine {
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
        if let Some(sheet) = &self.sheet {
            output.say(&self.said_of_sheets(sheet));
        }
    }

    fn said_of_sheets(&self, sheet: &str) -> String {
        let names = |is_alike: bool| {
            let others = self.others.iter().filter(|other| other.1 == is_alike);
            let names: Vec<String> = others.map(|other| format!("\"{}\"", other.0)).collect();
            names.join(", ")
        };
        let (alike, different) = (names(true), names(false));
        let mut said = vec![format!("This is the sheet \"{sheet}\".")];
        if !alike.is_empty() {
            said.push(format!(
                "With the same columns: {alike}; send each by --sheet NAME."
            ));
        }
        if !different.is_empty() {
            said.push(format!("Not looked at further: {different}."));
        }
        said.join(" ")
    }

    /// The proposal for scripts.
    pub(super) fn document(&self, config: &Path, args: &InitArgs) -> Value {
        let shown = self.shown();
        let columns = self.proposal.columns.iter().map(|column| {
            json!({
                "column": shown.header(&column.column.name),
                "field": column.target.as_ref().map(Target::field),
                "perhaps": column.candidates.iter().map(Target::field).collect::<Vec<_>>(),
            })
        });
        let others: Vec<&str> = self.others.iter().map(|other| other.0.as_str()).collect();
        json!({
            "source": args.file.display().to_string(),
            "config": config.display().to_string(),
            "sheet": self.sheet,
            "other_sheets": others,
            "header_row": self.header_row,
            "contract_types": self.proposal.types,
            "columns": columns.collect::<Vec<_>>(),
        })
    }

    /// Nothing says to which contract type the customers are invited: the one thing that a sheet need not know.
    pub(super) fn contract_open(&self, args: &InitArgs, global: &Global, config: &Path) -> Error {
        let settings = Settings::without_config(folder_of(config));
        let further = settings.further(false, &settings.typed(&args.file, &args.read));
        let named = global.config.as_deref().map(Path::to_string_lossy);
        let named = named.map_or(String::new(), |path| format!(" --config {}", quoted(&path)));
        let options = format!("{} --contract-type ID --force{named}", further.checking);
        let init = format!("init {}", quoted(&further.file));
        let again = command(&init, options.trim_start());
        let whence = "Their numbers: `vlens-batch contract-types` (after `vlens-batch account`), or the one who set Vlens up knows.";
        let config = config.display();
        let Some(column) = self.proposal.open_column() else {
            let message = format!(
                "Nothing in the sheet says to which contract type its customers are invited. {config} is written and waits for it."
            );
            let hint = format!("{whence} Then, with its number in the place of ID: {again}");
            return Error::unusable("contract_type_open", message).hint(hint);
        };
        let message = format!(
            "The column \"{}\" tells the contract type, and nothing says which number each of its values means.",
            self.shown().header(&column.name)
        );
        let hint = format!(
            "{whence} Write them into {config}, where these lines stand as remarks, or for all rows: {again}\n\n{}",
            self.proposal.contract_lines().trim_end()
        );
        Error::unusable("contract_type_open", message).hint(hint)
    }

    pub(super) fn said(&self, config: &Path, file: &Path, settings: &Settings) -> String {
        let file = quoted(&file.to_string_lossy());
        let check = format!(
            "check {file} {}",
            settings.further(false, &Typed::default()).checking
        );
        let columns = self.proposal.columns.iter();
        let mapped = columns.filter(|column| column.target.is_some()).count();
        let mut said = format!(
            "Wrote {}: {mapped} of {} columns are used. Look at it, then: vlens-batch {}",
            config.display(),
            self.proposal.columns.len(),
            check.trim_end()
        );
        if !self.proposal.knows_recipient() {
            said.push_str(
                "\nNo column is surely a phone or an e-mail: write it under [recipient].",
            );
        }
        said
    }
}
