//! `inbox`: one sweep of a folder for people who never open a terminal. Each complete sheet is run as `run` would, and its results are
//! put beside it; the sheet itself is never touched. What was dealt with is remembered in the ledger.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::check::{input, mark, may_be_replaced};
use super::results::Rewritten;
use super::run::{Ran, open_ledger, send_file};
use super::world;
use crate::cli::args::{CheckArgs, Global, InboxArgs, LangArg, RunArgs, SendArgs};
use crate::cli::files::is_in_use;
use crate::cli::output::{Output, is_our_error, write_error};
use crate::cli::settings::Settings;
use crate::cli::system::watch_signals;
use crate::error::{Ended, Error, Kind};
use crate::input::{Options, Source};
use crate::ledger::{InboxFile, Lock, Reader};
use crate::model::{RunSummary, printable};
use crate::send::StopSignal;

/// What people call their sheets, other workbooks included: those are answered with how to save them.
const ENDINGS: [&str; 11] = [
    "csv", "tsv", "tab", "txt", "xlsx", "xlsm", "xls", "xlsb", "ods", "fods", "numbers",
];
/// What this tool puts beside a sheet.
const RESULTS: &str = "results";
const MARKED: &str = "marked";
const ERROR: &str = "error";
const CONFIG_ERROR: &str = "vlens-batch.error.txt";
/// So many names are tried for results that somebody has open.
const NAMES: u32 = 20;
/// What file systems take, in bytes, and what is put behind a sheet's name.
const LONGEST_NAME: usize = 255;
const LONGEST_ENDING: usize = ".results-20.xlsx".len();

pub async fn inbox(args: &InboxArgs, global: &Global, output: Output) -> Ended {
    let sweep = Sweep::begin(args, global, output)?;
    let mut files: Vec<Swept> = Vec::new();
    let mut faults: Vec<Error> = sweep.config_fault.iter().cloned().collect();
    for found in sweep.settled().await? {
        if sweep.stop.is_stopping() {
            break;
        }
        let swept = match Box::pin(sweep.file(&found)).await {
            Ok(None) => continue,
            Ok(Some(swept)) => swept,
            // Somebody else is at work, and will see to the others too.
            Err(error) if error.kind == Kind::Busy => break,
            // No fault of the file's: the others would fare no better.
            Err(error) => {
                faults.push(error);
                break;
            }
        };
        if !output.json {
            output.print(&swept.in_words())?;
        }
        let stops = swept.stops;
        files.push(swept);
        if stops {
            break;
        }
    }
    if output.json {
        output.print_json(&serde_json::json!({ "inbox": args.dir, "files": files }))?;
    }
    faults.extend(files.into_iter().filter_map(|swept| swept.fault));
    if sweep.stop.is_stopping() {
        let message = "Interrupted; the next sweep goes on.";
        faults.push(Error::stopped("interrupted", message));
    }
    let gravest = faults.into_iter().min_by_key(|fault| fault.kind);
    gravest.map_or(Ok(None), Err)
}

/// What became of a file.
#[derive(serde::Serialize)]
struct Swept {
    file: String,
    exit_code: u8,
    results: Option<PathBuf>,
    marked: Option<PathBuf>,
    error: Option<PathBuf>,
    run: Option<RunSummary>,
    /// Why it did not end well.
    #[serde(skip)]
    fault: Option<Error>,
    /// Whether the others would fare no better.
    #[serde(skip)]
    stops: bool,
}

impl Swept {
    fn of(found: &Found, fault: Option<Error>) -> Swept {
        Swept {
            file: found.name.clone(),
            exit_code: fault.as_ref().map_or(0, |fault| fault.kind.exit_code()),
            results: None,
            marked: None,
            error: None,
            run: None,
            fault: fault.map(|fault| fault.about(&found.path.to_string_lossy())),
            stops: false,
        }
    }

    fn in_words(&self) -> String {
        let words = match &self.run {
            Some(RunSummary { counts, .. }) => format!(
                "{}: invitations created {}, created before {}, rows that need a person {}, still to send {}.",
                printable(&self.file),
                counts.created,
                counts.already_created,
                counts.needing_a_person(),
                counts.pending,
            ),
            None => format!("{}: nothing was sent.", printable(&self.file)),
        };
        let places = [&self.results, &self.marked, &self.error].into_iter();
        let places = places.flatten();
        let see = places.map(|place| format!("See {}.", printable(&place.to_string_lossy())));
        let words: Vec<String> = std::iter::once(words).chain(see).collect();
        words.join(" ")
    }
}

/// A sheet in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    path: PathBuf,
    file: InboxFile,
    /// What its results are called by: its name without the ending, unless another sheet's would be called the same.
    stem: String,
    /// Of its name, for where the name itself does not do.
    tag: String,
    is_in_use: bool,
}

/// Calls no two sheets' results the same, none by more than a name may be long, and none by what is no text.
fn call_apart(sheets: &mut [Found]) {
    loop {
        let mut alike: HashMap<String, u32> = HashMap::new();
        for found in &*sheets {
            *alike.entry(found.stem.to_lowercase()).or_default() += 1;
        }
        let is_alike =
            |found: &&mut Found| found.stem != found.name && alike[&found.stem.to_lowercase()] > 1;
        let alike: Vec<_> = sheets.iter_mut().filter(is_alike).collect();
        if alike.is_empty() {
            break;
        }
        for found in alike {
            found.stem.clone_from(&found.name);
        }
    }
    for found in sheets {
        let most = LONGEST_NAME - LONGEST_ENDING;
        if found.stem.len() > most || found.path.to_str().is_none() {
            let most = found.stem.floor_char_boundary(most - 1 - found.tag.len());
            found.stem.truncate(most);
            found.stem = format!("{}-{}", found.stem, found.tag);
        }
    }
}

impl Found {
    /// Where something is put beside the sheet, and where else if that is taken.
    fn beside(&self, what: &str, ending: &str) -> Vec<PathBuf> {
        let name = |nth: u32| match nth {
            1 => format!("{}.{what}.{ending}", self.stem),
            nth => format!("{}.{what}-{nth}.{ending}", self.stem),
        };
        (1..=NAMES)
            .map(|nth| self.path.with_file_name(name(nth)))
            .collect()
    }

    /// Writes why the file cannot be used, where nobody's own file is.
    fn refused(&self, lang: LangArg, error: Error) -> Swept {
        let headers = input(&self.path).and_then(|input| Source::open(&input, &Options::default()));
        let headers = headers.map_or_else(
            |_| vec![self.stem.clone()],
            |source| {
                source
                    .columns
                    .into_iter()
                    .map(|column| column.name)
                    .collect()
            },
        );
        Swept {
            error: write_error(self.beside(ERROR, "txt"), lang.or_of(&headers), &error),
            ..Swept::of(self, Some(error))
        }
    }
}

struct Sweep<'a> {
    args: &'a InboxArgs,
    send: SendArgs,
    global: &'a Global,
    output: Output,
    stop: Arc<StopSignal>,
    /// Of the sheets that have no config of their own.
    config_fault: Option<Error>,
}

impl<'a> Sweep<'a> {
    /// Refuses a folder that is not there or takes no results.
    fn begin(args: &'a InboxArgs, global: &'a Global, output: Output) -> Result<Self, Error> {
        std::fs::read_dir(&args.dir)
            .map_err(|error| unusable(&args.dir, "cannot be read", &error))?;
        tempfile::tempfile_in(&args.dir)
            .map_err(|error| unusable(&args.dir, "cannot be written to", &error))?;
        let config_fault = Settings::find(global, Some(&args.dir.join(RESULTS))).err();
        let place = args.dir.join(CONFIG_ERROR);
        match &config_fault {
            Some(error) => drop(write_error(vec![place], args.lang.or_of(&[]), error)),
            None if is_our_error(&place) => drop(std::fs::remove_file(place)),
            None => {}
        }
        Ok(Sweep {
            config_fault,
            send: SendArgs {
                rate: args.rate.clone(),
                sandbox: args.sandbox,
                metrics_file: args.metrics_file.clone(),
                yes: true,
                ..SendArgs::default()
            },
            args,
            global,
            output,
            stop: watch_signals(output, None),
        })
    }

    /// The sheets that are new and complete, oldest first. Everything else is left alone without a word.
    async fn settled(&self) -> Result<Vec<Found>, Error> {
        let mut new = self.sheets()?;
        new.retain(|found| !self.has_swept(found).unwrap_or(false));
        let Some(first) = new.first() else {
            return Ok(new);
        };
        let ledger = self
            .settings(first)
            .and_then(|settings| settings.ledger(self.send.sandbox));
        if ledger.is_ok_and(|ledger| Lock::is_held(&ledger)) {
            return Ok(Vec::new());
        }
        let rest = tokio::time::sleep(self.args.settled);
        if self.stop.or_stop(rest).await.is_err() {
            return Ok(Vec::new());
        }
        let now = self.sheets()?;
        new.retain(|found| now.contains(found));
        new.sort_by(|a, b| (a.file.modified_ms, &a.name).cmp(&(b.file.modified_ms, &b.name)));
        Ok(new)
    }

    /// What has the name of a sheet, and is not in use.
    fn sheets(&self) -> Result<Vec<Found>, Error> {
        let unreadable = |error: std::io::Error| unusable(&self.args.dir, "cannot be read", &error);
        let folder = self.args.dir.canonicalize().map_err(unreadable)?;
        let mut found = Vec::new();
        let entries = std::fs::read_dir(&self.args.dir).map_err(unreadable)?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let tag = Sha256::digest(name.as_encoded_bytes());
            let tag = format!(
                "{:08x}",
                u32::from_be_bytes([tag[0], tag[1], tag[2], tag[3]])
            );
            // What is no text is told apart by its bytes.
            let key = match name.to_str() {
                Some(name) => name.to_owned(),
                None => format!("{}-{tag}", name.to_string_lossy()),
            };
            let name = name.to_string_lossy().into_owned();
            let path = entry.path();
            let Some(stem) = stem_of_sheet(&name) else {
                continue;
            };
            // It may be gone by now.
            let metadata = std::fs::metadata(&path).ok();
            let Some(metadata) = metadata.filter(std::fs::Metadata::is_file) else {
                continue;
            };
            let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
            let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            found.push(Found {
                is_in_use: is_in_use(&path),
                stem: stem.to_owned(),
                tag,
                file: InboxFile {
                    path: folder.join(&key).to_string_lossy().into_owned(),
                    size: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
                    modified_ms: i64::try_from(modified.as_millis()).unwrap_or(i64::MAX),
                },
                path,
                name,
            });
        }
        call_apart(&mut found);
        found.retain(|found| !found.is_in_use);
        Ok(found)
    }

    fn settings(&self, found: &Found) -> Result<Settings, Error> {
        Settings::find(self.global, Some(&found.path))
    }

    /// Without a config that can be read, nothing is known of it; that is told once for all.
    fn has_swept(&self, found: &Found) -> Result<bool, Error> {
        let settings = match self.settings(found) {
            Err(error) if self.config_fault.as_ref() == Some(&error) => return Ok(true),
            settings => settings?,
        };
        let reader = Reader::open(&settings.ledger(self.send.sandbox)?)?;
        let config = config_bytes(&settings);
        reader.map_or(Ok(false), |reader| reader.has_swept(&found.file, &config))
    }

    /// Runs a file and puts its results beside it. None: its bytes were dealt with before.
    async fn file(&self, found: &Found) -> Result<Option<Swept>, Error> {
        // A program may keep a file to itself while it works on it.
        if let Err(error) = std::fs::File::open(&found.path)
            && error.kind() != std::io::ErrorKind::PermissionDenied
        {
            return Ok(None);
        }
        let looked = self.settings(found).and_then(|settings| {
            let bytes = input(&found.path)?.fingerprint()?;
            Ok((Arc::new(settings), bytes))
        });
        let (settings, bytes) = match looked {
            Ok(looked) => looked,
            Err(error) => return Ok(Some(found.refused(self.args.lang, error))),
        };
        let path = settings.ledger(self.send.sandbox)?;
        let config = config_bytes(&settings);
        let mut ledger = open_ledger(&self.send, &settings).await?;
        let reader = Reader::open(&path)?;
        if reader.map_or(Ok(false), |reader| reader.has_swept_bytes(&bytes, &config))? {
            ledger.note_swept(&found.file, &bytes, None)?;
            ledger.finish()?;
            return Ok(None);
        }
        ledger.finish()?;
        let places = found.beside(RESULTS, "xlsx");
        let results = Rewritten::new(places, path.clone(), Arc::clone(&settings), self.args.lang)?;
        let (running, over) = oneshot::channel();
        let writing = tokio::spawn(results.write_until(over));
        let run = RunArgs {
            file: found.path.clone(),
            send: self.send.clone(),
            ..RunArgs::default()
        };
        let ran = Box::pin(send_file(&run, &settings)).await;
        drop(running);
        let results = writing.await.map_err(|error| {
            let message = format!("The results cannot be written: {error}.");
            Error::unexpected("output_not_written", message)
        })?;
        // With one that stopped early the next sweep goes on.
        let is_over = match &ran {
            Ok((_, Some(fault))) => fault.kind == Kind::NeedsPerson,
            Ok((_, None)) => true,
            Err(error) => error.kind == Kind::Unusable,
        };
        let mut swept = self.told(found, &settings, results, ran)?;
        swept.stops = !is_over;
        if is_over && swept.exit_code != Kind::Unexpected.exit_code() {
            let unless = swept.error.is_some().then_some(&config);
            let mut ledger = world::open_ledger(&path, &settings, "inbox", None, None)?;
            ledger.note_swept(&found.file, &bytes, unless)?;
            ledger.finish()?;
        }
        Ok(Some(swept))
    }

    /// Writes what a file came to; why, if it cannot be used or its results cannot be written: no other file waits for that.
    fn told(
        &self,
        found: &Found,
        settings: &Settings,
        results: Rewritten,
        ran: Ran,
    ) -> Result<Swept, Error> {
        let refused = |error| found.refused(self.args.lang, error);
        let (run, fault) = match ran {
            Err(error) if error.kind == Kind::Unusable => return Ok(refused(error)),
            ran => ran?,
        };
        let sent = self.sent(found, settings, results, run.clone(), fault);
        Ok(sent.unwrap_or_else(|error| Swept {
            run: Some(run),
            ..refused(error)
        }))
    }

    fn sent(
        &self,
        found: &Found,
        settings: &Settings,
        mut results: Rewritten,
        run: RunSummary,
        fault: Option<Error>,
    ) -> Result<Swept, Error> {
        let place = results.write(run.run)?;
        let usual = &found.beside(RESULTS, "xlsx")[0];
        if place != *usual {
            let [usual, place] = [usual, &place].map(|path| path.to_string_lossy());
            let (usual, place) = (printable(&usual), printable(&place));
            self.output.say(&format!(
                "{usual} is open in another program, or somebody's own; the results are in {place}."
            ));
        }
        let mut marked = found.beside(MARKED, "xlsx").into_iter();
        let marked = if run.counts.invalid > 0 {
            let args = CheckArgs {
                file: found.path.clone(),
                annotate: marked.find(|place| may_be_replaced(place)),
                lang: self.args.lang,
                ..CheckArgs::default()
            };
            mark(&args, settings)?;
            args.annotate
        } else {
            let earlier = marked.filter(|place| place.exists() && may_be_replaced(place));
            earlier.for_each(|place| drop(std::fs::remove_file(place)));
            None
        };
        // What an earlier state of the sheet was refused for. It is nearly always not there.
        let errors = found.beside(ERROR, "txt").into_iter();
        errors
            .filter(|place| is_our_error(place))
            .for_each(|place| drop(std::fs::remove_file(place)));
        Ok(Swept {
            results: Some(place),
            marked,
            run: Some(run),
            ..Swept::of(found, fault)
        })
    }
}

fn unusable(folder: &Path, what: &str, error: &std::io::Error) -> Error {
    let message = format!("The folder {} {what}: {error}.", folder.display());
    Error::unusable("inbox_unusable", message)
        .hint("Check the name of the folder, and the rights of whoever this runs as.")
}

/// The name of a sheet without its ending; none for what is something else, or is put here by this tool.
fn stem_of_sheet(name: &str) -> Option<&str> {
    if name.starts_with("~$") || name.starts_with('.') {
        return None;
    }
    let (stem, ending) = name.rsplit_once('.')?;
    let ending = ending.to_lowercase();
    let is_ours = |what: &str| {
        let last = stem.rsplit_once('.').map(|(_, last)| last.to_lowercase());
        let nth = last.as_deref().and_then(|last| last.strip_prefix(what));
        nth.is_some_and(|nth| nth.is_empty() || nth.starts_with('-'))
    };
    let is_result = match ending.as_str() {
        "xlsx" => is_ours(RESULTS) || is_ours(MARKED),
        "txt" => is_ours(ERROR),
        _ => false,
    };
    (ENDINGS.contains(&ending.as_str()) && !is_result).then_some(stem)
}

/// The SHA-256 of the configs that hold for a file.
fn config_bytes(settings: &Settings) -> [u8; 32] {
    let own = settings.own.as_ref().map(|(_, path)| path);
    let texts = settings.config_path.iter().chain(own).map(std::fs::read);
    let texts: Vec<Vec<u8>> = texts.map(Result::unwrap_or_default).collect();
    Sha256::digest(texts.concat()).into()
}
