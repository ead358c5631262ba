//! `check` and `run --dry-run`: read, map and validate every row, and compare it with what was sent before; nothing is sent, and nothing
//! is written to the ledger. And how every command opens FILE.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::is_rehearsal;
use super::register;
use crate::cli::args::{CheckArgs, OnInvalid, ReadArgs, RunArgs, SendArgs};
use crate::cli::credentials::Destination;
use crate::cli::files::{
    Readers, beside, is_untouched, may_be_replaced, read_text, refuse_ending, write_file,
};
use crate::cli::output::Output;
use crate::cli::settings::{Settings, quoted_path};
use crate::error::{Ended, Error, Kind, Result};
use crate::input::Input;
use crate::ledger::{Asked, MetAbove, OnLoss, Reader, refuse_loss};
use crate::mapping::BindOptions;
use crate::mapping::names::HeaderMask;
use crate::model::{
    ContractTypeId, Form, Invitation, Judged, Note, Plan, RowNumber, RunSummary, Stop, Verdict,
    mask, printable, printable_json,
};
use crate::report::{Annotator, CheckTally, Language, SheetShape, counted, texts};
use crate::send::{Sheet, StopSignal, Wishes, plan};
use crate::vlens;

/// Lines of a screen when nobody says how many it has.
const SCREEN: usize = 40;

/// The file named on the command line; `-` is standard input.
pub fn input(file: &Path) -> Result<Input> {
    if file == Path::new("-") {
        return Input::from_stdin(std::io::stdin().lock());
    }
    Input::of(file)
}

/// Opens the sheet with everything that its mapping needs.
pub fn open_sheet(input: &Input, settings: &Settings, args: &ReadArgs) -> Result<Sheet> {
    let bind = BindOptions {
        forms: forms(settings)?,
        contract_types: args.contract_type.clone(),
        file: input.name(),
        user_public_key: user_public_key(settings)?,
        today: Some(jiff::Zoned::now().date()),
    };
    let options = settings.source_options(&args.layout);
    Sheet::open(input, &options, &settings.config, &bind).map_err(|mut error| {
        // Where headers alone were the mapping and do not do, `init` proposes one.
        if let (Some(excerpt), Some(path), None) =
            (&mut error.excerpt, &input.path, &settings.config_path)
        {
            let init = settings.on(false, path, args).on_file("init");
            let way = format!("\n = help: or let init propose a mapping: {init}");
            excerpt.push_str(&way);
        }
        error
    })
}

/// The stored forms: `contract-types/ID.json`.
pub fn forms(settings: &Settings) -> Result<BTreeMap<ContractTypeId, Form>> {
    let mut forms = BTreeMap::new();
    let entries = settings.forms_folders().map(std::fs::read_dir);
    for entry in entries.into_iter().flatten().flatten().flatten() {
        let name = entry.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
        // What is spelled otherwise, such as `0414.json`, is none.
        if let Some(Ok(id)) = stem.map(str::parse)
            && entry.path() == settings.form_path(id)
        {
            forms.insert(id, form(id, settings)?);
        }
    }
    Ok(forms)
}

pub fn form(id: ContractTypeId, settings: &Settings) -> Result<Form> {
    let path = settings.form_path(id);
    let shown = path.display();
    if !path.exists() {
        return Err(Error::of("form_missing", &[&id, &shown]));
    }
    let text = read_text(&path);
    let text = text.map_err(|error| Error::of("form_unreadable.file", &[&shown, &error]))?;
    let unreadable = |error| Error::of("form_unreadable.stored", &[&shown, &error, &id]);
    vlens::read_form(&text).map_err(unreadable)
}

pub fn user_public_key(settings: &Settings) -> Result<Option<String>> {
    let Some(name) = &settings.config.session.user_public_key_file else {
        return Ok(None);
    };
    let path = settings.resolve(name);
    let unreadable = |error| Error::of("public_key_unreadable", &[&path.display(), &error]);
    let text = read_text(&path).map_err(unreadable)?;
    if text.trim().is_empty() || text.contains("PRIVATE KEY-----") || settings.keeps(&path) {
        return Err(Error::of("public_key_missing", &[&path.display()]));
    }
    Ok(Some(text))
}

/// Everything that a `run` does up to the first request, with the ledger only read.
pub fn dry_run(
    args: &RunArgs,
    settings: &Settings,
    (wishes, on_loss): (Wishes, Option<OnLoss>),
    stop: &StopSignal,
    sheet: &mut Sheet,
    target: &Destination,
) -> Ended {
    let path = settings.ledger(args.send.sandbox)?;
    let further = settings.on(args.send.sandbox, &args.file, &args.read);
    refuse_loss(&path, on_loss, &further.run())?;
    let reader = compared_with(&path, sheet)?;
    let require = |reader: &Reader| reader.require(&target.binding);
    reader.as_ref().map_or(Ok(()), require)?;
    if !args.send.sandbox {
        register::team(settings, reader.as_ref(), Duration::ZERO)?;
    }
    let as_checked = CheckArgs {
        file: args.file.clone(),
        read: args.read.clone(),
        ..CheckArgs::default()
    };
    let compared = (reader, wishes);
    let check = Check::compare(&as_checked, settings, sheet, silent(), compared, stop)?;
    let tally = check.tally;
    let (asked_for, created, invalid) = (tally.valid, tally.already_created, tally.invalid);
    let held = match args.assume_sent {
        None | Some(0) => tally.held,
        Some(_) => asked_for - created,
    };
    let (due, needing) = (asked_for - created - held, invalid + held);
    let source = args.file.display();
    let document = json!({
        "dry_run": true,
        "source": source.to_string(),
        "rows": asked_for + invalid + tally.duplicate,
        "would_send": args.send.limit.map_or(due, |limit| due.min(limit)),
        "already_created": created,
        "held": held,
        "invalid": invalid,
        "duplicate": tally.duplicate,
    });
    let more = json!({ "check": further.on_file("check") });
    settings.output.show(&document, texts::DRY_RUN, more)?;
    let why = match args.expect {
        Some(n) if n != asked_for => format!("it asks for {asked_for} invitations, not for {n}"),
        _ if needing > 0 => counted(needing, "row needs", "rows need") + " a person",
        _ => return Ok(Kind::Nobody),
    };
    let name = sheet.input.name();
    Err(Error::of("rows_need_a_person", &[&name, &why]))
}

/// The ledger as it is now, if there is one, which knows by what the rows of this sheet are told apart.
fn compared_with(path: &Path, sheet: &Sheet) -> Result<Option<Reader>> {
    let reader = Reader::open(path)?.map(Reader::hold).transpose()?;
    if let Some(reader) = &reader {
        reader.tell_apart_by(&sheet.mapping.told_by)?;
    }
    Ok(reader)
}

/// Why nothing is to be sent, and what there is to say beyond that.
pub type HeldBack = (Stop, Option<String>);

/// What `--on-invalid stop` and `--expect` say of a file whose rows are recorded.
pub fn held_back(args: &RunArgs, run: &RunSummary) -> Option<HeldBack> {
    if args.on_invalid == OnInvalid::Stop && run.counts.invalid > 0 {
        return Some((Stop::InvalidRows, None));
    }
    let expected = args.expect?;
    // Sent before or not, so that the number stays the same after an interruption.
    let asked_for = run.rows - run.counts.invalid - run.counts.duplicate;
    let why = format!("Expected: {expected}; the file asks for {asked_for}.");
    (asked_for != expected).then_some((Stop::Expectation, Some(why)))
}

pub fn check(args: &CheckArgs, settings: &Settings) -> Ended {
    refuse_to_overwrite(args, settings)?;
    check_input(args, settings, &input(&args.file)?)
}

/// Neither the sheet itself, nor a marked one in which somebody has corrected something.
fn refuse_to_overwrite(args: &CheckArgs, settings: &Settings) -> Result<()> {
    let Some(out) = &args.annotate else {
        return Ok(());
    };
    settings.refuse_output(out, &args.file)?;
    refuse_ending(out, &["xlsx"])?;
    if !out.is_file() || is_untouched(out) == Some(true) {
        return Ok(());
    }
    let [as_it_is, afresh] = [out, &args.file].map(|file| settings.on(false, file, &args.read));
    let as_it_is = as_it_is.on_file("check");
    let other = quoted_path(&free_name(&args.file));
    let afresh = afresh.on_file(&format!("check --annotate {other}"));
    let fills: [&dyn Display; 3] = [&out.display(), &as_it_is, &afresh];
    Err(Error::of("annotate_onto_changed", &fills))
}

/// Beside the sheet, a name for its marked copy that nobody's corrections stand under.
fn free_name(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.split(".marked").next().unwrap_or_default();
    let mut names = beside(file, stem, "marked", "xlsx");
    let free = names.find(|name| name != file && may_be_replaced(name));
    free.unwrap_or_default()
}

/// Writes the marked sheet alone, without a word, if it has anything for a person; gives whether it has.
pub fn mark(args: &CheckArgs, settings: &Settings) -> Result<bool> {
    let mut sheet = open_sheet(&input(&args.file)?, settings, &args.read)?;
    let mut check = Check::look(args, settings, &mut sheet, silent())?;
    let is_in_doubt = sheet.notes().iter().any(Note::is_doubt);
    let is_for_a_person = check.tally.invalid > 0 || is_in_doubt;
    if is_for_a_person {
        check.write_marked(&sheet, Readers::Folder)?;
    }
    Ok(is_for_a_person)
}

fn silent() -> Output {
    Output {
        quiet: true,
        ..Output::default()
    }
}

/// The same for a file that is at hand already.
pub fn check_input(args: &CheckArgs, settings: &Settings, input: &Input) -> Ended {
    let mut sheet = open_sheet(input, settings, &args.read)?;
    let mut check = Check::look(args, settings, &mut sheet, settings.output)?;
    check.write_marked(&sheet, Readers::Owner)?;
    if args.show.is_some() {
        check.show_bodies()?;
    } else {
        check.tell(&sheet, settings)?;
    }
    let invalid = check.tally.invalid;
    if invalid == 0 {
        return Ok(Kind::Nobody);
    }
    let why = counted(invalid, "row is", "rows are") + " not valid";
    Err(Error::of("rows_need_a_person", &[&input.name(), &why]))
}

struct Check<'a> {
    args: &'a CheckArgs,
    output: Output,
    /// What the rows are compared with.
    reader: Option<Reader>,
    wishes: Wishes,
    met: MetAbove,
    tally: CheckTally,
    /// The first, as many as `--show` asks for.
    bodies: Vec<String>,
    headers: HeaderMask,
    annotator: Option<Annotator>,
    forms: BTreeMap<ContractTypeId, Form>,
}

impl<'a> Check<'a> {
    /// Looks at every row. Where it cannot be said which ledger is meant, none is compared with.
    fn look(
        args: &'a CheckArgs,
        settings: &Settings,
        sheet: &mut Sheet,
        output: Output,
    ) -> Result<Self> {
        let reader = match settings.ledger(false) {
            Ok(path) => compared_with(&path, sheet)?,
            Err(error) => {
                output.say(&format!("Not compared with what was sent before: {error}"));
                None
            }
        };
        let wishes = settings.sending(&SendArgs::default()).wishes;
        let (compared, stop) = ((reader, wishes), StopSignal::default());
        Check::compare(args, settings, sheet, output, compared, &stop)
    }

    fn compare(
        args: &'a CheckArgs,
        settings: &Settings,
        sheet: &mut Sheet,
        output: Output,
        (reader, wishes): (Option<Reader>, Wishes),
        stop: &StopSignal,
    ) -> Result<Self> {
        let columns = sheet.columns();
        let is_arabic = Language::of(&columns) == Language::Arabic;
        let headers = HeaderMask::of(columns.iter().map(String::as_str));
        // What is asked of a workbook is found in the one that a text file becomes.
        let asked = settings.source_options(&args.read.layout).sheet;
        let name = sheet.source.sheet.clone().or(asked);
        let shape = SheetShape {
            name: name.unwrap_or_else(|| "Rows".to_owned()),
            header_row: sheet.source.header_row,
            right_to_left: sheet.source.right_to_left || is_arabic,
            layout: sheet.source.layout.clone(),
            language: args.lang.or_of(&columns),
            columns,
        };
        let annotator = args.annotate.as_ref().map(|_| Annotator::new(shape));
        let mut check = Check {
            args,
            output,
            reader,
            wishes,
            met: MetAbove::default(),
            tally: CheckTally::new(sheet.mapping.columns_of_fields(), output.json),
            bodies: Vec::new(),
            headers,
            annotator: annotator.transpose()?,
            forms: forms(settings)?,
        };
        sheet.walk(stop, |judged| check.row(judged))?;
        Ok(check)
    }

    fn row(&mut self, judged: &mut Judged) -> Result<()> {
        let is_changed = self.compare_with_ledger(judged)?;
        if let Verdict::Valid(invitation) = &judged.verdict {
            if self.tally.filled.is_none() {
                self.tally.filled = Some(self.form_of(judged.row.number, invitation));
            }
            if (self.bodies.len() as u64) < self.args.show.unwrap_or(0) {
                let body = printable_json(&invitation.body);
                self.bodies.push(body.into_owned());
            }
        }
        self.tally.see(judged)?;
        match &mut self.annotator {
            Some(annotator) => annotator.row(judged, is_changed),
            None => Ok(()),
        }
    }

    /// Notes what a `run` would make of a valid row. That only the ledger knows whom a row above has met too is found here. Gives
    /// whether an earlier run created this invitation with other content, which stays.
    fn compare_with_ledger(&mut self, judged: &mut Judged) -> Result<bool> {
        let (Verdict::Valid(invitation), Some(reader)) = (&judged.verdict, &self.reader) else {
            return Ok(false);
        };
        let row = judged.row.number;
        match self.met.look(reader, row, &reader.kept(invitation))? {
            Asked::New => {}
            Asked::Repeated(first, _) => judged.verdict = Verdict::Duplicate(first),
            Asked::Unsure(problem) => judged.verdict = Verdict::Invalid(vec![problem]),
            Asked::Known(met) => match plan(Some(met.standing), self.wishes) {
                Plan::Skip => {
                    let is_same = met.standing.same_content;
                    let earlier = || reader.created_in(met.invitation);
                    self.tally.see_already_created(row, is_same, earlier)?;
                    return Ok(!is_same);
                }
                planned => self.tally.held += u64::from(planned == Plan::Hold),
            },
        }
        Ok(false)
    }

    /// What goes out for a row, under the labels of its forms. Only to the person who has the sheet are its values shown whole.
    fn form_of(&self, row: RowNumber, invitation: &Invitation) -> Value {
        let is_screen = std::io::stdout().is_terminal();
        let shown = |value: &str| {
            if is_screen {
                value.to_owned()
            } else {
                mask(value)
            }
        };
        let types = invitation.contract_types.iter().map(ToString::to_string);
        let types = types.collect::<Vec<_>>().join(", ");
        let mut fields = vec![("Contract type".to_owned(), types)];
        let body: Value = serde_json::from_str(&invitation.body).unwrap_or_default();
        let parts = [&body["SessionInput"], &body];
        for (label, name) in [("Phone", "phoneNumber"), ("E-mail", "email")] {
            let value = parts.iter().find_map(|part| part[name].as_str());
            fields.extend(value.map(|value| (label.to_owned(), shown(value))));
        }
        let values = parts.map(|part| part["RequestFieldsValues"].as_object());
        for (id, values) in values.into_iter().flatten().flatten() {
            let form = self.forms.iter().find(|(of, _)| of.to_string() == *id);
            let form = form.map_or(&[][..], |(_, form)| &form.fields);
            for (key, value) in values.as_object().into_iter().flatten() {
                let field = form.iter().find(|field| field.key == *key);
                let labels = field.map(|field| [&field.label, &field.label_ar]);
                let label = labels.into_iter().flatten().find(|label| !label.is_empty());
                let label = label.map_or_else(|| self.headers.header(key), Into::into);
                let value = shown(value.as_str().unwrap_or_default());
                fields.push((label.into_owned(), value));
            }
        }
        json!({ "row": row, "fields": fields })
    }

    /// Writes the marked workbook, whose file has the time that it names itself.
    fn write_marked(&mut self, sheet: &Sheet, readers: Readers) -> Result<()> {
        let (Some(annotator), Some(path)) = (self.annotator.take(), &self.args.annotate) else {
            return Ok(());
        };
        let notes = sheet
            .notes()
            .iter()
            .map(Note::to_string)
            .collect::<Vec<_>>();
        let write = |file: &File| annotator.finish(&self.tally, &notes, file);
        write_file(path, readers, write)?;
        let path = path.display();
        let told = format!("The sheet with every problem marked is in {path}.");
        self.output.say(&printable(&told));
        Ok(())
    }

    /// The first bodies exactly as they would be sent, one a line.
    fn show_bodies(&self) -> Ended {
        self.output.print_with(|out| {
            if self.output.json {
                return writeln!(out, "{{\"bodies\":[{}]}}", self.bodies.join(","));
            }
            let mut bodies = self.bodies.iter();
            bodies.try_for_each(|body| writeln!(out, "{body}"))
        })
    }

    fn tell(&mut self, sheet: &Sheet, settings: &Settings) -> Ended {
        let (args, output) = (self.args, self.output);
        let notes = sheet
            .notes()
            .iter()
            .map(Note::to_string)
            .collect::<Vec<_>>();
        let source = args.file.display().to_string();
        if output.json {
            return output.print_with(|out| self.tally.write_json(out, &source, &notes));
        }
        let marked = args.annotate.clone();
        let marked = marked.unwrap_or_else(|| free_name(&args.file));
        let is_sandbox = self.reader.as_ref().is_some_and(is_rehearsal);
        let [of_file, of_marked] =
            [&args.file, &marked].map(|file| settings.on(is_sandbox, file, &args.read));
        let mark = format!("check --annotate {}", quoted_path(&marked));
        // Headers, which are the keys where no config says otherwise, may be spelled as no form's are.
        let is_key = |key: &str| {
            let is_of_key = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
            key.starts_with(|c: char| c.is_ascii_lowercase()) && key.chars().all(is_of_key)
        };
        let fields = sheet.mapping.columns_of_fields();
        let are_keys = fields.iter().all(|(key, _)| is_key(key));
        let more = json!({
            "source": source,
            "notes": notes,
            "init": of_file.on_file("init"),
            "mark": of_file.on_file(&mark),
            "run": of_file.run(),
            "check_marked": of_marked.on_file("check"),
            "is_marked": args.annotate.is_some(),
            "is_unmapped": settings.config_path.is_none() && !are_keys,
        });
        let screen = console::Term::stdout().size_checked();
        let lines = screen.map_or(SCREEN, |(rows, _)| rows.into());
        let lines = lines.clamp(24, SCREEN);
        output.print(&self.tally.text(&more, &self.headers, lines, output.look()))
    }
}
