//! `inbox`: one sweep of a folder for people who never open a terminal. Each complete sheet is run as `run` would, and its results are
//! put beside it; the sheet itself is never touched. What was dealt with is remembered in the ledger.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::check::{forms, input, mark, user_public_key};
use super::ledger::{self, Opened};
use super::results::{Results, is_of_another};
use super::run::{make_ledger, send_file};
use crate::cli::args::{CheckArgs, Global, InboxArgs, RunArgs, SendArgs};
use crate::cli::files::{
    ERROR, InboxSheet, MARKED, RESULTS, Readers, mark_of, may_be_replaced, read_text, sheets,
    write_bytes,
};
use crate::cli::output::Output;
use crate::cli::settings::{Settings, Typed};
use crate::cli::system::{caught, watch_signals};
use crate::cli::watch::Metrics;
use crate::error::{Ended, Error, Kind, Result, command};
use crate::input::{Options, Source};
use crate::ledger::{Lock, Reader, refuse_loss, true_path};
use crate::mapping::config::{ApiConfig, OnUncertain, TeamConfig};
use crate::model::{RunSummary, meaning, printable, printable_lines};
use crate::report::{Language, counted, rendered, texts};
use crate::send::StopSignal;

const CONFIG_ERROR: &str = "vlens-batch.error.txt";

pub async fn inbox(args: &InboxArgs, global: &Global) -> Ended {
    let (sweep, output) = (Sweep::begin(args, global)?, global.output);
    let mut files: Vec<Swept> = Vec::new();
    let mut faults: Vec<Error> = sweep.settings.as_ref().err().cloned().into_iter().collect();
    let mut stopped = Vec::new();
    for found in sweep.complete_sheets().await? {
        if sweep.stop.is_stopping() {
            break;
        }
        let account = sweep.account(&found);
        if stopped.contains(&account) {
            continue;
        }
        match Box::pin(sweep.file(&found)).await {
            Ok(None) => {}
            Ok(Some(swept)) => {
                if !output.json {
                    output.print(&rendered(texts::SWEPT, &swept))?;
                }
                stopped.extend(swept.stops.then_some(account));
                files.push(swept);
            }
            // No fault of the file's. Whoever else is at work will see to it.
            Err(error) => {
                stopped.push(account);
                faults.extend((error.kind != Kind::Busy).then_some(error));
            }
        }
    }
    if output.json {
        let document = json!({ "inbox": args.dir.to_string_lossy(), "files": files });
        output.print_json(&document)?;
    }
    faults.extend(files.into_iter().filter_map(|swept| swept.fault));
    // What cannot be found out now is told by whoever comes next.
    for (path, settings) in sweep.ledgers() {
        let ledger = Opened::at(&settings, path).ok();
        if let Some(ledger) = ledger.filter(|ledger| !Lock::is_held(&ledger.path)) {
            faults.extend(sweep.renew(&ledger).unwrap_or_default());
            faults.extend(sweep.left_behind(&ledger).unwrap_or_default());
        }
    }
    faults.extend(sweep.left_open().unwrap_or_default());
    if sweep.stop.is_stopping() {
        faults.push(Error::of("interrupted.inbox", &[]));
    }
    let Some(gravest) = faults.into_iter().min_by_key(|fault| fault.kind) else {
        sweep.note_end();
        return Ok(Kind::Nobody);
    };
    Err(gravest)
}

/// What became of a file.
#[derive(Default, serde::Serialize)]
struct Swept {
    file: String,
    exit_code: u8,
    results: Option<String>,
    marked: Option<String>,
    error: Option<String>,
    run: Option<RunSummary>,
    /// Why it did not end well.
    #[serde(skip)]
    fault: Option<Error>,
    /// Whether the others would fare no better.
    #[serde(skip)]
    stops: bool,
}

impl Swept {
    fn of(found: &InboxSheet, fault: Option<Error>) -> Swept {
        Swept {
            file: found.name.clone(),
            exit_code: fault.as_ref().map_or(0, |fault| fault.kind.exit_code()),
            fault,
            ..Swept::default()
        }
    }
}

struct Sweep<'a> {
    args: &'a InboxArgs,
    /// The one path of it, however it was named.
    folder: PathBuf,
    send: SendArgs,
    global: &'a Global,
    stop: Arc<StopSignal>,
    /// Of the sheets that have no config of their own; or why none of these can be sent.
    settings: Result<Settings>,
}

impl<'a> Sweep<'a> {
    /// Refuses a folder that is not there or takes no results.
    fn begin(args: &'a InboxArgs, global: &'a Global) -> Result<Self> {
        let named = &args.dir;
        let folder = std::fs::read_dir(named).and_then(|_| true_path(named));
        let folder = folder.map_err(|error| unusable(named, "cannot be read", &error))?;
        tempfile::tempfile_in(&folder)
            .map_err(|error| unusable(named, "cannot be written to", &error))?;
        let settings = Settings::find(global, Some(&folder.join(RESULTS)));
        let settings = settings.and_then(|found| decided_by(&found).map(|_| found));
        let found = settings.as_ref().ok();
        let timeout = found.map(|found| found.sending(&SendArgs::default()).timeout);
        let place = folder.join(CONFIG_ERROR);
        match &settings {
            Err(error) => drop(write_error(vec![place], args.lang.or_of(&[]), error)),
            Ok(_) => clear([place]),
        }
        Ok(Sweep {
            settings,
            send: SendArgs {
                rate: args.rate.clone(),
                sandbox: args.sandbox,
                metrics_file: args.metrics_file.clone(),
                yes: true,
                ..SendArgs::default()
            },
            args,
            folder,
            global,
            stop: watch_signals(global.output, timeout),
        })
    }

    /// The sheets that are new and complete, oldest first; not of a ledger that is at work. Everything else is left alone without a word.
    async fn complete_sheets(&self) -> Result<Vec<InboxSheet>> {
        let mut new = self.sheets()?;
        new.retain(|found| found.marker.is_none() && !self.has_swept(found).unwrap_or(false));
        new.retain(|found| !self.account(found).is_some_and(|of| Lock::is_held(&of.0)));
        let rest = tokio::time::sleep(self.args.settled);
        if new.is_empty() || self.stop.or_stop(rest).await.is_err() {
            return Ok(Vec::new());
        }
        let now = self.sheets()?;
        new.retain(|found| now.contains(found));
        for found in &new {
            self.refuse_forgotten(found)?;
        }
        new.sort_by(|a, b| (a.file.modified_ms, &a.name).cmp(&(b.file.modified_ms, &b.name)));
        Ok(new)
    }

    fn sheets(&self) -> Result<Vec<InboxSheet>> {
        sheets(&self.folder).map_err(|error| unusable(&self.args.dir, "cannot be read", &error))
    }

    /// Writes results in the folder afresh that tell of a run with which somebody has gone on since.
    fn renew(&self, at_rest: &Opened<'_>) -> Result<Option<Error>> {
        let reader = &at_rest.reader;
        for (run, source) in reader.gone_on_with()? {
            let (source, mark) = (Path::new(&source), reader.mark(run)?);
            let folder = source.parent().filter(|folder| *folder == self.folder);
            let entries = folder.map(std::fs::read_dir).into_iter();
            let entries = entries.flatten().flatten().flatten();
            let mut places: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            places.retain(|book| mark_of(book) == mark && may_be_replaced(book));
            if places.is_empty() {
                continue;
            }
            // Its lock keeps what is written now from being outdated at once.
            let ledger = ledger::open_ledger(&at_rest.path, at_rest.settings, "inbox", None, None)?;
            let own = Settings::find(self.global, Some(source))?;
            let (own, lang) = (Opened::at(&own, at_rest.path.clone())?, self.args.lang);
            let books = places.into_iter().map(|book| vec![book]);
            let mut books = books.map(|places| Results { places, lang });
            if let Err(error) = books.try_for_each(|mut book| book.write(&own, run).map(drop)) {
                return Ok(Some(error));
            }
            ledger.finish(Some(run))?;
        }
        Ok(None)
    }

    /// Sheets of this folder with rows to be sent though no sweep will: gone, or what lies there now is dealt with.
    fn left_behind(&self, at_rest: &Opened<'_>) -> Result<Vec<Error>> {
        let mut unfinished = at_rest.reader.unfinished()?;
        let sheets = self.sheets()?;
        unfinished.retain(|(_, source)| {
            let source = Path::new(source);
            let there = sheets.iter().find(|found| found.path == source);
            let is_dealt_with = there.map(|found| self.has_swept(found).unwrap_or(false));
            source.parent() == Some(&self.folder) && is_dealt_with.unwrap_or(!source.exists())
        });
        let told = unfinished.into_iter().map(|(run, source)| {
            let (counts, further) = (at_rest.summary(run)?.counts, at_rest.further(run)?);
            let resume = command(&format!("resume {run}"), &further.sending);
            let retry = command(&format!("retry {run} --failed"), &further.sending);
            let status = command(&format!("status {run}"), &further.reading);
            let (name, n, next) = match (counts.pending, counts.failed) {
                (n @ 1.., _) => ("inbox_sheet_gone", n, resume),
                (_, n @ 1..) => ("inbox_sheet_failed", n, retry),
                _ => ("inbox_sheet_uncertain", counts.uncertain, status),
            };
            let (rows, source) = (counted(n, "row", "rows"), printable(&source));
            Ok(Error::of(name, &[&source, &rows, &next]))
        });
        told.collect()
    }

    /// Sheets that wait for a program which has most likely crashed.
    fn left_open(&self) -> Result<Vec<Error>> {
        let open = self.sheets()?.into_iter().filter_map(|found| {
            let marker = found.left_open()?;
            let fills: [&dyn Display; 2] = [&found.path.display(), &marker.display()];
            let is_new = !self.has_swept(&found).unwrap_or(true);
            is_new.then(|| Error::of("inbox_sheet_open", &fills))
        });
        Ok(open.collect())
    }

    /// Has the metrics of an earlier end told no longer; those of a process that is at work are its own.
    fn note_end(&self) {
        let (Some(path), Ok(settings)) = (&self.send.metrics_file, &self.settings) else {
            return;
        };
        let ledger = settings.ledger(self.send.sandbox);
        if ledger.is_ok_and(|ledger| !Lock::is_held(&ledger)) {
            let tenant = settings.tenancy_name().ok().flatten();
            Metrics::open(path, tenant.as_deref()).write(None, Some(0));
        }
    }

    /// The ledgers of the folder's config and of each that lies there for one sheet, which may be gone.
    fn ledgers(&self) -> BTreeMap<PathBuf, Settings> {
        let entries = std::fs::read_dir(&self.folder).into_iter();
        let files = entries.flatten().flatten().map(|entry| entry.path());
        let configs = files.filter(|path| path.extension().is_some_and(|it| it == "toml"));
        let configs = configs.chain([self.folder.join(RESULTS)]);
        let settings = configs.flat_map(|path| Settings::find(self.global, Some(&path)));
        let by_ledger = settings.flat_map(|it| Ok::<_, Error>((it.ledger(self.send.sandbox)?, it)));
        by_ledger.collect()
    }

    /// What sheets share that fare alike where one of them stops: the ledger, the account, and the team.
    fn account(&self, found: &InboxSheet) -> Option<(PathBuf, ApiConfig, TeamConfig)> {
        let settings = self.settings_of(found).ok()?;
        let ledger = settings.ledger(self.send.sandbox).ok()?;
        Some((ledger, settings.config.api, settings.config.team))
    }

    /// What holds for a file.
    fn settings_of(&self, found: &InboxSheet) -> Result<Settings> {
        Settings::find(self.global, Some(&found.path))
    }

    /// Nothing is sent where results lie that this ledger has not made: it has lost its memory, or another has sent the sheet. A team's register
    /// knows who was invited. What is wrong with a config is told once its sheet is to be sent.
    fn refuse_forgotten(&self, found: &InboxSheet) -> Result<()> {
        let (Ok(of), Some((ledger, ..))) = (self.settings_of(found), self.account(found)) else {
            return Ok(());
        };
        if self.send.sandbox || !matches!(of.team(std::time::Duration::ZERO), Ok(None)) {
            return Ok(());
        }
        refuse_loss(&ledger, None, &of.again(false))?;
        let reader = Reader::open(&ledger)?;
        for book in found.beside(RESULTS, "xlsx") {
            if is_of_another(&book, reader.as_ref())? {
                let fills: [&dyn Display; 2] = [&book.display(), &ledger.display()];
                return Err(Error::of("inbox_forgotten", &fills));
            }
        }
        Ok(())
    }

    fn has_swept(&self, found: &InboxSheet) -> Result<bool> {
        let settings = self.settings_of(found)?;
        let reader = Reader::open(&settings.ledger(self.send.sandbox)?)?;
        reader.map_or(Ok(false), |reader| {
            let sheet = || self.look(found).map(|(_, _, sheet)| sheet);
            let resends = resends(found, &settings, &reader)?;
            reader.has_swept(&found.file, resends, || decided_by(&settings), sheet)
        })
    }

    /// What holds for a file, what decides what becomes of it, and what it is known by.
    fn look(&self, found: &InboxSheet) -> Result<(Settings, [u8; 32], [u8; 32])> {
        let settings = self.settings_of(found)?;
        let decided_by = decided_by(&settings)?;
        let hash = Sha256::new_with_prefix(input(&found.path)?.fingerprint()?);
        let sheet = hash.chain_update(decided_by).finalize().into();
        Ok((settings, decided_by, sheet))
    }

    /// Runs a file and puts its results beside it. None: it is used already, goes by what was told once for all, or does not rest any more.
    async fn file(&self, found: &InboxSheet) -> Result<Option<Swept>> {
        if !found.is_as_it_was() {
            return Ok(None);
        }
        let (mut settings, decided_by, sheet) = match self.look(found) {
            Ok(looked) => looked,
            Err(error) if self.settings.as_ref().err() == Some(&error) => return Ok(None),
            Err(error) => return Ok(Some(self.refused(found, error))),
        };
        let path = settings.ledger(self.send.sandbox)?;
        make_ledger(&self.send, &settings, &self.stop).await?;
        let reader = Opened::at(&settings, path.clone())?.reader;
        let (resends, at) = (resends(found, &settings, &reader)?, &found.file.path);
        let is_used = reader.has_used(&sheet, Some(at))? && !reader.goes_again(at, resends)?;
        drop(reader);
        settings.config.retry.on_uncertain = resends.then_some(OnUncertain::Resend);
        let note = |unless| {
            let mut ledger = ledger::open_ledger(&path, &settings, "inbox", None, None)?;
            ledger.note_swept(&found.file, &sheet, unless)?;
            ledger.finish(None)
        };
        if is_used {
            clear(found.beside(ERROR, "txt"));
            return note(None).map(|()| None);
        }
        let results = RefCell::new(Results {
            places: found.beside(RESULTS, "xlsx"),
            lang: self.args.lang,
        });
        let mut run = RunArgs::default();
        (run.file, run.send) = (found.path.clone(), self.send.clone());
        let sent = Box::pin(send_file(&run, &settings, &results, &self.stop)).await;
        let (is_over, mut swept) = match sent {
            Ok((run, fault)) => {
                let stops_early = |fault: &Error| fault.kind != Kind::NeedsPerson;
                let stops = fault.as_ref().is_some_and(stops_early);
                let opened = Opened::at(&settings, path.clone())?;
                let results = results.into_inner();
                let sent = caught(|| self.sent(found, &opened, results, run.clone(), fault));
                // No other file waits for results that cannot be written.
                let unwritten = |error| Swept {
                    run: Some(run),
                    ..self.refused(found, error)
                };
                // Else the next sweep goes on.
                (!stops, sent.unwrap_or_else(unwritten))
            }
            Err(error) if is_own(&error, found, &settings) => (true, self.refused(found, error)),
            Err(error) => return Err(error),
        };
        if is_over && swept.exit_code != Kind::Unexpected.exit_code() {
            note(swept.error.is_some().then_some(&decided_by))?;
        }
        swept.stops = !is_over;
        Ok(Some(swept))
    }

    /// Writes why a file cannot be used, where nobody's own file is.
    fn refused(&self, found: &InboxSheet, error: Error) -> Swept {
        let source = input(&found.path).and_then(|it| Source::open(&it, &Options::default()));
        let columns = source.into_iter().flat_map(|source| source.columns);
        let mut headers: Vec<String> = columns.map(|column| column.name).collect();
        if headers.is_empty() {
            headers.push(found.stem.clone());
        }
        let (places, lang) = (found.beside(ERROR, "txt"), self.args.lang.or_of(&headers));
        let error_file = write_error(places, lang, &error);
        Swept {
            error: error_file.map(|place| place.display().to_string()),
            ..Swept::of(found, Some(error))
        }
    }

    fn sent(
        &self,
        found: &InboxSheet,
        opened: &Opened<'_>,
        mut results: Results,
        run: RunSummary,
        fault: Option<Error>,
    ) -> Result<Swept> {
        let place = results.write(opened, run.run)?;
        let usual = &found.beside(RESULTS, "xlsx")[0];
        if place != *usual {
            let (usual, place) = (usual.display(), place.display());
            self.global.output.say(&printable(&format!(
                "{usual} is open in another program, another ledger's, or somebody's own; the results are in {place}."
            )));
        }
        let mut books = found.beside(MARKED, "xlsx");
        books.retain(|place| may_be_replaced(place));
        let args = CheckArgs {
            file: found.path.clone(),
            annotate: books.first().cloned(),
            lang: self.args.lang,
            ..CheckArgs::default()
        };
        // It may have been moved away meanwhile.
        let marked = if found.path.exists() && mark(&args, opened.settings)? {
            args.annotate
        } else {
            // Of an earlier state of the sheet; nearly always there is none.
            for book in books {
                let _ = std::fs::remove_file(book);
            }
            None
        };
        clear(found.beside(ERROR, "txt"));
        Ok(Swept {
            results: Some(place.display().to_string()),
            marked: marked.map(|book| book.display().to_string()),
            run: Some(run),
            ..Swept::of(found, fault)
        })
    }
}

/// Whether a file cannot be used, whatever else a run needs: then a check of it says so too.
fn is_own(error: &Error, found: &InboxSheet, settings: &Settings) -> bool {
    let args = CheckArgs {
        file: found.path.clone(),
        ..CheckArgs::default()
    };
    error.kind == Kind::Unusable && mark(&args, settings).is_err_and(|said| said == *error)
}

/// Deletes what an earlier state of a sheet or a config was refused for.
fn clear(places: impl IntoIterator<Item = PathBuf>) {
    for place in places.into_iter().filter(|place| is_our_error(place)) {
        let _ = std::fs::remove_file(place);
    }
}

fn unusable(folder: &Path, what: &str, error: &io::Error) -> Error {
    Error::of("inbox_unusable", &[&folder.display(), &what, error])
}

/// Whether what is uncertain of a file goes again: once, since each time the customer may be invited anew.
fn resends(found: &InboxSheet, settings: &Settings, reader: &Reader) -> Result<bool> {
    let is_wished = settings.resends_uncertain(&Typed::default());
    Ok(is_wished && !reader.has_gone_again(&found.file.path)?)
}

/// The SHA-256 of everything beside a file that decides what becomes of it.
fn decided_by(settings: &Settings) -> Result<[u8; 32]> {
    let own = settings.own.as_ref().map(|(_, path)| path);
    let texts = settings.config_path.iter().chain(own).map(std::fs::read);
    let texts: Vec<Vec<u8>> = texts.map(Result::unwrap_or_default).collect();
    let beside = (forms(settings)?, user_public_key(settings)?);
    let hash = Sha256::new_with_prefix(texts.concat());
    Ok(hash.chain_update(format!("{beside:?}")).finalize().into())
}

/// Writes what is wrong at the first place where nobody's own file is, and gives it; none if that cannot be written either.
fn write_error(places: Vec<PathBuf>, language: Language, error: &Error) -> Option<PathBuf> {
    let words = Output::default().in_words(error, false);
    let words = printable_lines(&words) + "\n";
    let words = match language {
        Language::English => words.into_owned(),
        Language::Arabic => {
            let why = meaning(error.code, true).unwrap_or_default();
            format!("{IN_ARABIC}\n{why}\n\n{words}")
        }
    };
    let mut places = places.into_iter();
    let place = places.find(|place| !place.exists() || is_our_error(place))?;
    write_bytes(&place, Readers::Folder, words.as_bytes()).ok()?;
    Some(place)
}

/// Stands before the words of an error for whoever reads no English.
const IN_ARABIC: &str =
    "لم يُستخدم هذا الملف كما هو. بعد تصحيحه ضعه هنا من جديد، والتفاصيل بالإنجليزية أدناه.";

/// Whether a file holds what this tool said of a sheet, and not somebody's own words.
fn is_our_error(place: &Path) -> bool {
    read_text(place).is_ok_and(|text| text.starts_with(IN_ARABIC) || text.starts_with("error: "))
}
