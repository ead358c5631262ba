//! `init`: looks at a sheet, proposes a mapping, asks where somebody can answer, writes it beside the sheet, and checks.

use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use serde_json::{Value, json};

use super::check::{check_input, forms, input};
use crate::cli::args::{CheckArgs, Global, InitArgs};
use crate::cli::files::{Readers, folder_of, read_text, tidy, write_bytes};
use crate::cli::output::Output;
use crate::cli::settings::{CONFIG_NAME, NO_CONFIG, Settings, configs_of_sheet, is_there};
use crate::error::{Ended, Error, Kind};
use crate::input::{Input, Source};
use crate::mapping::config::{Columns, Text};
use crate::mapping::guess::{
    ColumnGuess, Proposal, SAMPLED_ROWS, Target, header_names, is_of_another_person,
};
use crate::mapping::names::{HeaderMask, fold, speaks_of_customers, western_digits};
use crate::mapping::value::DateOrder;
use crate::model::{ContractTypeId, RowNumber, printable};
use crate::report::texts;

/// What `[source]` and `[recipient]` say of one sheet alone.
const OF_ONE_SHEET: &str = "sheet header_row delimiter encoding phone email";

pub fn init(args: &InitArgs, mut global: Global, output: Output) -> Ended {
    // There is one in a moment.
    global.config.take_if(|path| path == Path::new(NO_CONFIG));
    let global = &global;
    let config = config_path(args, global)?;
    let input = input(&args.file)?;
    let mut bare = Settings {
        config_path: Some(config.clone()),
        is_config_named: global.config.is_some(),
        ledger: global.ledger.clone(),
        ..Settings::default()
    };
    // As far as what holds so far can be read: it may be what is to be replaced, and wait for a word that is missing.
    let holds = Settings::find(global, Some(&args.file)).unwrap_or_default();
    let replaced = replaced(args, global);
    let country = replaced.get("recipient").and_then(|it| it.get("country"));
    let country = country.and_then(|it| it.clone().try_into().ok());
    bare.config.recipient.country = country.unwrap_or(holds.config.recipient.country);
    let mut found = Draft::of(args, &bare, &input)?;
    found.refuse_headers_twice()?;
    if output.can_ask() && !args.yes {
        // Escape leaves everything as it was.
        if !found.is_agreed(output).unwrap_or(false) {
            let nothing = "No mapping was written";
            return Err(Error::of("interrupted.questions", &[&nothing]));
        }
        found.refuse_headers_twice()?;
    } else if !output.json {
        found.show(output);
    }
    let text = found.to_toml(replaced);
    write_bytes(&config, Readers::Everyone, text.as_bytes())?;
    if !found.proposal.knows_types() {
        return Err(found.contract_open(&config));
    }
    if output.json {
        output.print_json(&found.document(&config))?;
        let is_whole = found.proposal.knows_recipient();
        let open = || Error::of("config_invalid.no_recipient", &[]);
        return is_whole.then_some(Kind::Nobody).ok_or_else(open);
    }
    let settings = Settings::find(global, Some(&args.file));
    let settings = settings.inspect_err(|_| output.say(&found.said(&config, &bare)))?;
    output.say(&found.said(&config, &settings));
    let check_args = CheckArgs {
        file: args.file.clone(),
        read: args.read.clone(),
        ..CheckArgs::default()
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
        (None, Some(own)) if is_there(&own) || (is_there(&usual) && !args.force) => own,
        (None, _) => usual,
    };
    if args.force || !is_there(&path) {
        return Ok(path);
    }
    Err(Error::of("config_exists", &[&path.display()]))
}

/// The config that holds for FILE so far, and that a new one takes the place of.
fn replaced(args: &InitArgs, global: &Global) -> toml::Table {
    let usual = tidy(folder_of(&args.file).join(CONFIG_NAME));
    let known = configs_of_sheet(&args.file).chain([usual]);
    let mut known = global.config.clone().into_iter().chain(known);
    let text = known.find(|path| path.exists());
    let text = text.and_then(|path| read_text(&path).ok());
    toml::from_str(&text.unwrap_or_default()).unwrap_or_default()
}

/// A sheet as it was looked at, and the mapping that is proposed for it.
struct Draft<'a> {
    args: &'a InitArgs,
    /// As they are without a config.
    settings: &'a Settings,
    proposal: Proposal,
    /// How headers are shown: masked where one of them is somebody's data.
    shown: HeaderMask,
    /// Where the workbook has several that hold data.
    sheet: Option<String>,
    header_row: RowNumber,
    /// Whether a run finds it by itself.
    is_first: bool,
    /// The others of them, and whether they have the same columns.
    others: Vec<(String, bool)>,
}

impl<'a> Draft<'a> {
    /// Of several sheets the one that has customers is meant: that of which the most is understood.
    fn of(args: &'a InitArgs, settings: &'a Settings, input: &Input) -> Result<Self, Error> {
        let mut sheets = match &args.read.layout.sheet {
            None => Source::sheets(input)?,
            Some(_) => Vec::new(),
        };
        if sheets.len() < 2 {
            return Draft::on(args, settings, input, None);
        }
        let seen = sheets.iter();
        let seen = seen.map(|sheet| Draft::on(args, settings, input, Some(sheet.clone())));
        let mut seen: Vec<Result<Self, Error>> = seen.collect();
        let understood = |at: &usize| seen[*at].as_ref().ok()?.understood();
        let best = (0..seen.len()).rev().max_by_key(understood);
        // Of several that have the same columns, the first that is filled and speaks of nobody else, or of customers.
        let columns = |at: usize| Some(seen[at].as_ref().ok()?.headers().collect::<Vec<_>>());
        let is_own = |at: &usize| understood(at).map(|(is_own, _)| is_own);
        let is_alike = |at: &usize, best| {
            is_own(at).is_some() && is_own(at) == is_own(&best) && columns(*at) == columns(best)
        };
        let is_unnamed = |at: &usize| !speaks_of_customers(&sheets[*at]);
        let best = best.and_then(|best| {
            let alike = (0..seen.len()).filter(|at| is_alike(at, best));
            alike.min_by_key(is_unnamed)
        });
        // Where none has customers, the one that cannot be read may be the one that is meant.
        let broken = seen.iter().position(Result::is_err);
        let at = best.or(broken).unwrap_or(0);
        sheets.remove(at);
        let found = seen.remove(at)?;
        let is_own = |draft: &Draft| draft.understood().map(|(is_own, _)| is_own);
        let is_alike =
            |other: &Draft| is_own(other) != Some(false) && other.headers().eq(found.headers());
        let are_alike = seen.iter().map(|other| other.as_ref().is_ok_and(is_alike));
        Ok(Draft {
            others: sheets.into_iter().zip(are_alike).collect(),
            is_first: at == 0,
            ..found
        })
    }

    fn on(
        args: &'a InitArgs,
        settings: &'a Settings,
        input: &Input,
        sheet: Option<String>,
    ) -> Result<Self, Error> {
        let forms = forms(settings)?;
        let mut options = settings.source_options(&args.read.layout);
        options.known_names = header_names(&forms);
        options.sheet = sheet.clone().or(options.sheet);
        let mut source = Source::open(input, &options)?;
        let mut rows = Vec::new();
        while rows.len() < SAMPLED_ROWS
            && let Some(row) = source.next_row()?
        {
            rows.push(row);
        }
        let country = settings.config.recipient.country;
        let (columns, types) = (&source.columns, &args.read.contract_type);
        let proposal = Proposal::of(columns, &rows, types, forms, country);
        let columns = proposal.columns.iter();
        Ok(Draft {
            args,
            settings,
            shown: HeaderMask::of(columns.map(|column| column.column.name.as_str())),
            proposal,
            sheet,
            header_row: source.header_row,
            is_first: true,
            others: Vec::new(),
        })
    }

    fn refuse_headers_twice(&self) -> Result<(), Error> {
        self.proposal.refuse_headers_twice().map_err(|mut error| {
            let again = self.settings.on(false, &self.args.file, &self.args.read);
            let then = format!(", then: {}", again.on_file("init"));
            error.hint.get_or_insert_default().push_str(&then);
            error
        })
    }

    fn headers(&self) -> impl Iterator<Item = &str> {
        let columns = self.proposal.columns.iter();
        columns.map(|column| column.column.name.as_str())
    }

    fn used(&self) -> impl Iterator<Item = &ColumnGuess> {
        let columns = self.proposal.columns.iter();
        columns.filter(|column| column.target.is_some())
    }

    /// How many cells are understood, if it is known whom to invite; before it, whether the sheet's name speaks of nobody else.
    fn understood(&self) -> Option<(bool, usize)> {
        let cells = self.used().map(|column| column.profile.count).sum();
        let is_others = self.sheet.as_deref().is_some_and(is_of_another_person);
        (self.proposal.knows_recipient() && cells > 0).then_some((!is_others, cells))
    }

    /// The config. Of how FILE is read it has the sheet alone, where that was chosen: every sheet of the folder is read by it, so that
    /// what a run finds by itself stays unsaid, and what was typed for FILE goes on with the next commands.
    fn to_toml(&self, replaced: toml::Table) -> String {
        let mut kept = self.kept(replaced);
        let [mut source, recipient] = ["source", "recipient"].map(|name| {
            let table = kept.remove(name).and_then(|table| table.try_into().ok());
            let mut table: toml::Table = table.unwrap_or_default();
            table.retain(|key, _| OF_ONE_SHEET.split(' ').all(|own| own != key));
            table
        });
        let found = self.sheet.clone().filter(|_| !self.is_first);
        let sheet = self.args.read.layout.sheet.clone().or(found);
        source.extend(sheet.map(|sheet| ("sheet".to_owned(), sheet.into())));
        let [source, recipient, kept] =
            [source, recipient, kept].map(|table| toml::to_string(&table).unwrap_or_default());
        self.proposal.to_toml(&source, &recipient, &kept)
    }

    /// What a config says that holds for this sheet as well; which columns tell customers apart, if it has them all.
    fn kept(&self, mut config: toml::Table) -> toml::Table {
        let told_by = config.get("identity").and_then(|it| it.get("columns"));
        let told_by = told_by.and_then(|columns| columns.clone().try_into::<Columns>().ok());
        let is_here = |name: &Text| self.headers().any(|header| fold(header) == fold(name));
        let is_told = told_by.is_some_and(|columns| columns.0.iter().all(is_here));
        config.retain(|key, _| {
            key != "fields" && key != "contract" && (is_told || key != "identity")
        });
        config
    }

    /// Each column with its guess, on stderr: stdout belongs to the check that follows.
    fn show(&self, output: Output) {
        let guesses = self.proposal.columns.iter().map(|column| {
            let candidates = column.candidates.iter().map(ToString::to_string);
            json!({
                "column": self.shown.header(&column.column.name),
                "sample": column.profile.sample(),
                "target": column.target.as_ref().map(ToString::to_string),
                "behind": column.target.as_ref().map(|target| self.behind(column, target)),
                "candidates": candidates.collect::<Vec<_>>(),
            })
        });
        let guesses = json!({
            "guesses": guesses.collect::<Vec<_>>(),
            "sheet": self.sheet,
            "others": self.others,
        });
        output.say(&output.look().text(texts::GUESSES, &guesses));
    }

    /// What goes before a column in feeding a target, and what that means; nothing where it is the first.
    fn behind(&self, column: &ColumnGuess, target: &Target) -> String {
        let feeding = self.proposal.columns_of(target).into_iter();
        let before = feeding.take_while(|it| it.column != column.column);
        let before = before.map(|it| self.shown.header(&it.column.name));
        match &*before.collect::<Vec<_>>().join(", ") {
            "" => String::new(),
            others if self.proposal.is_one_text(target) => format!("together with {others}"),
            others => format!("where nothing stands under {others}"),
        }
    }

    fn document(&self, config: &Path) -> Value {
        let columns = self.proposal.columns.iter().map(|column| {
            json!({
                "column": self.shown.header(&column.column.name),
                "field": column.target,
                "perhaps": column.candidates,
            })
        });
        let others: Vec<&str> = self.others.iter().map(|other| other.0.as_str()).collect();
        json!({
            "source": self.args.file.display().to_string(),
            "config": config.display().to_string(),
            "sheet": self.sheet,
            "other_sheets": others,
            "header_row": self.header_row,
            "contract_types": self.proposal.contract.types,
            "columns": columns.collect::<Vec<_>>(),
        })
    }

    /// Nothing says to which contract type the customers are invited: the one thing that a sheet need not know.
    fn contract_open(&self, config: &Path) -> Error {
        let further = self.settings.on(false, &self.args.file, &self.args.read);
        let again = further.on_file("init") + " --contract-type ID --force";
        let config = config.display();
        let Some(column) = self.proposal.open_column() else {
            return Error::of("contract_type_open.sheet", &[&config, &again]);
        };
        let column = self.shown.header(&column.column.name);
        Error::of("contract_type_open.column", &[&column, &config, &again])
    }

    fn said(&self, config: &Path, settings: &Settings) -> String {
        let mut read = self.args.read.clone();
        (read.layout.sheet, read.contract_type) = (None, Vec::new());
        let further = settings.on(false, &self.args.file, &read);
        let (config, all) = (config.display(), self.headers().count());
        let (used, check) = (self.used().count(), further.on_file("check"));
        let mut said =
            format!("Wrote {config}: {used} of {all} columns are used. Look at it, then: {check}");
        if !self.proposal.knows_recipient() {
            said += "\nNo column is surely a phone or an e-mail: write it under [recipient].";
        }
        said
    }
}

/// The questions at a terminal: what the sheet does not tell, then everything at a glance with a way back.
impl Draft<'_> {
    fn is_agreed(&mut self, output: Output) -> io::Result<bool> {
        self.ask_types()?;
        for at in self.proposal.open_places() {
            self.ask_column(at)?;
        }
        for at in self.proposal.open_dates() {
            let title = self.title(at);
            let question =
                format!("{title}: is 01/02/1990 the first of February or the second of January?");
            let (first, second) = (DateOrder::DayMonth, DateOrder::MonthDay);
            let order = cliclack::select(question)
                .item(first, "The first of February: the day comes first", "")
                .item(second, "The second of January: the month comes first", "")
                .interact()?;
            self.proposal.columns[at].profile.order = Some(order);
        }
        loop {
            self.show(output);
            let choice = cliclack::select("Write this down?")
                .item(Some(true), "Yes", "")
                .item(None, "Change a column", "")
                .item(Some(false), "No, stop", "")
                .interact()?;
            if let Some(is_content) = choice {
                return Ok(is_content);
            }
            let mut select = cliclack::select("Which column?").max_rows(10);
            for at in 0..self.proposal.columns.len() {
                select = select.item(at, self.title(at), "");
            }
            let at = select.interact()?;
            self.ask_column(at)?;
        }
    }

    fn ask_types(&mut self) -> io::Result<()> {
        let words = self.proposal.contract.words.iter_mut();
        for (value, id) in words.filter(|(_, id)| id.is_none()) {
            let question = format!("Which contract type does \"{value}\" mean (its number)?");
            *id = ask_type(&question)?;
        }
        if self.proposal.knows_types() || self.proposal.open_column().is_some() {
            return Ok(());
        }
        let mut chosen = None;
        if !self.proposal.forms.is_empty() {
            let question = "To which contract type are these customers invited?";
            let mut select = cliclack::select(question);
            for (id, form) in &self.proposal.forms {
                select = select.item(Some(*id), format!("{} ({id})", form.name), "");
            }
            chosen = select.item(None, "Another", "").interact()?;
        }
        if chosen.is_none() {
            let question = "To which contract type are these customers invited (its number; Enter if you do not know)?";
            chosen = ask_type(question)?;
        }
        self.proposal.contract.types = chosen.into_iter().collect();
        Ok(())
    }

    fn title(&self, at: usize) -> String {
        let guess = &self.proposal.columns[at];
        let letters = guess.column.letters();
        let header = self.shown.header(&guess.column.name);
        let title = match guess.profile.sample().as_str() {
            "" => format!("{letters} \"{header}\" (empty)"),
            sample => format!("{letters} \"{header}\", such as {sample}"),
        };
        printable(&title).into_owned()
    }

    fn ask_column(&mut self, at: usize) -> io::Result<()> {
        let column = &self.proposal.columns[at];
        // Candidates stand right below the guess, everything else behind them.
        let candidates = column.candidates.iter().map(Some);
        let offered = [column.target.as_ref()].into_iter().chain(candidates);
        let all = self.proposal.targets().map(Some);
        let items: IndexSet<Option<&Target>> = offered.chain([None]).chain(all).collect();
        let question = format!("{}: what is it?", self.title(at));
        let mut select = cliclack::select(question).max_rows(10);
        for item in items {
            let Some(target) = item else {
                select = select.item(None, "(leave it out)", "");
                continue;
            };
            let hint = printable(&self.behind(column, target)).into_owned();
            select = select.item(Some(target.clone()), self.proposal.label(target), hint);
        }
        let chosen = select.interact()?;
        self.proposal.choose(at, chosen);
        Ok(())
    }
}

/// None: she does not know.
fn ask_type(question: &str) -> io::Result<Option<ContractTypeId>> {
    let number = |text: &str| western_digits(text.trim()).parse::<ContractTypeId>();
    let is_answer = move |text: &String| match text.trim() {
        "" => Ok(()),
        _ => number(text).map(drop),
    };
    let mut prompt = cliclack::input(printable(question))
        .required(false)
        .validate(is_answer);
    let answer: String = prompt.interact()?;
    Ok(number(&answer).ok())
}
