//! The commands that come after: with all that they must be given to mean the same file, reading, config and ledger.

use std::path::{Path, PathBuf};

use super::args::{ReadArgs, RunArgs};
use super::files::tidy;
use super::settings::{CONFIG_NAME, SANDBOX_LEDGER_NAME, Settings};
use crate::model::quoted;
use crate::report::{Further, command};

impl Settings {
    /// How FILE was named and read, as it can be typed again from any folder.
    pub fn typed(&self, file: &Path, read: &ReadArgs) -> Typed {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let config = self.config_path.as_deref();
        Typed {
            file: absolute(file),
            config: config.filter(|_| self.is_config_named).map(absolute),
            reading: as_typed(read),
        }
    }

    /// What the next commands must be given to mean the same file, reading and ledger; `typed` is how FILE was read.
    pub fn further(&self, is_sandbox: bool, typed: &Typed) -> Further {
        let option = |name: &str, path: &Path| format!("{name} {}", quoted(&nearest(path)));
        let ledger = self.ledger.as_deref().map(|path| option("--ledger", path));
        let rehearsed = tidy(self.file_folder.join(SANDBOX_LEDGER_NAME));
        let rehearsed = Some(rehearsed).filter(|_| is_sandbox && ledger.is_none());
        let read_from = rehearsed.as_deref().map(|path| option("--ledger", path));
        // A command that names no FILE looks in the working folder alone.
        let elsewhere = rehearsed.filter(|path| path != Path::new(SANDBOX_LEDGER_NAME));
        let sent_from = elsewhere.map(|path| option("--ledger", &path));
        let config = self.config_path.as_deref();
        let config = config.filter(|path| self.is_config_named || *path != Path::new(CONFIG_NAME));
        let config = config.map(|path| option("--config", path));
        let named_config = typed.config.as_deref().map(|path| option("--config", path));
        let sandbox = is_sandbox.then(|| "--sandbox".to_owned());
        let reading = Some(typed.reading.clone()).filter(|reading| !reading.is_empty());
        let join = |parts: &[&Option<String>]| {
            let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
            parts.join(" ")
        };
        Further {
            file: nearest(&typed.file),
            reading: join(&[&config, &ledger, &read_from]),
            sending: join(&[&config, &sandbox, &ledger, &sent_from]),
            checking: join(&[&named_config, &ledger, &read_from, &reading]),
            running: join(&[&named_config, &sandbox, &ledger, &reading]),
        }
    }

    /// The `run` by which a person goes on, of this file or of one that he knows.
    pub fn again(&self, is_sandbox: bool, run: Option<&RunArgs>) -> String {
        let typed = match run {
            Some(args) => self.typed(&args.file, &args.read),
            None => self.typed(Path::new("FILE"), &ReadArgs::default()),
        };
        let further = self.further(is_sandbox, &typed);
        command(&format!("run {}", quoted(&further.file)), &further.running)
    }

    /// A command that reads, with what it must be given to meet this config and ledger.
    pub fn command(&self, words: &str) -> String {
        command(words, &self.further(false, &Typed::default()).reading)
    }
}

/// How a run's FILE was named and read; the ledger keeps it for the commands that come after.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Typed {
    file: PathBuf,
    config: Option<PathBuf>,
    reading: String,
}

/// A path as it is named from here, and taken for no option.
fn nearest(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(here).unwrap_or(path).to_str() {
        Some(near) if near.starts_with('-') => format!("./{near}"),
        Some(near) => near.to_owned(),
        // No command may mean another file.
        None => "FILE".to_owned(),
    }
}

/// How FILE is read, as it would be typed again.
fn as_typed(args: &ReadArgs) -> String {
    let options = serde_json::to_value(args).unwrap_or_default();
    let mut typed: Vec<String> = Vec::new();
    for (name, value) in options.as_object().into_iter().flatten() {
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values.iter().filter(|value| !value.is_null()) {
            let word = match value.as_str() {
                Some("\t") => "tab".to_owned(),
                Some(word) => quoted(word),
                None => value.to_string(),
            };
            typed.push(format!("--{name} {word}"));
        }
    }
    typed.join(" ")
}
