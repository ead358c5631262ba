//! An error for the person who reads it: what is wrong, where, and what to do; its kind says who has to act, its code is for scripts.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::io;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;

/// Who has to act, the gravest first. Every decision about an error, the exit code first of all, is made by this and never by its code
/// or words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that should not happen: a full disk, a damaged ledger, a mistake of ours.
    Unexpected,
    /// Vlens refuses every request.
    Refused,
    /// The file, the mapping, the config or the ledger cannot be used as it is.
    Unusable,
    /// The command line asks for what cannot be done.
    Usage,
    /// Stopped early, by a signal or a person; the same command goes on.
    Stopped,
    /// Finished, but rows need a person.
    NeedsPerson,
    /// Another process is running on this ledger.
    Busy,
    /// All went as it should.
    Nobody,
}

impl Kind {
    /// What a cron job can rely on.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Nobody => 0,
            Kind::Unexpected => 1,
            Kind::Usage => 2,
            Kind::NeedsPerson => 3,
            Kind::Stopped => 4,
            Kind::Unusable => 5,
            Kind::Refused => 6,
            Kind::Busy => 7,
        }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a command ends: its result is printed, and who has to act knows it; or an error is to be told.
pub type Ended = Result<Kind, Error>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    /// A stable word for scripts (`error.code` of the `--json` document); nothing in this program compares it.
    pub code: &'static str,
    /// What is wrong, and where. One sentence or two.
    pub message: String,
    /// What to do about it, with the whole next command where there is one.
    pub hint: Option<String>,
    /// For a screen, in its colours: message and hint around the drawn line of the file that they are about.
    pub excerpt: Option<String>,
    /// What else is wrong at once, such as the other lines of a config.
    pub others: Vec<Error>,
}

/// By name.
static ERRORS: LazyLock<HashMap<String, Told>> = LazyLock::new(|| {
    toml::from_str(include_str!("errors.toml"))
        .expect("errors.toml belongs to the program and a test reads it")
});

/// With `{…}` where something is filled in.
#[derive(Deserialize)]
struct Told {
    /// Where it is not said, that of its code.
    kind: Option<Kind>,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// The one that stands under this name in `errors.toml`, as a test holds, with its gaps filled. Its code is the name, up to a dot.
    pub fn of(name: &'static str, fills: &[&dyn Display]) -> Self {
        let code = name.split('.').next().unwrap_or(name);
        let told = ERRORS.get(name);
        let kind = told.and_then(|told| told.kind.or_else(|| ERRORS.get(code)?.kind));
        let hint = told.and_then(|told| told.hint.as_deref());
        Error {
            kind: kind.unwrap_or(Kind::Unexpected),
            code,
            message: filled(told.map_or(name, |told| &told.message), fills),
            hint: hint.map(|hint| filled(hint, fills)),
            excerpt: None,
            others: Vec::new(),
        }
    }

    /// What is kept aside while a command works has no place.
    pub fn temporary(error: &io::Error) -> Self {
        let folder = std::env::temp_dir();
        Error::of("temporary_folder_unusable", &[&folder.display(), error])
    }

    pub fn unwritten(why: &dyn Display) -> Self {
        Error::of("result_not_written", &[why])
    }
}

/// What a command that names no file must be given to mean the config and ledger at hand: `--ledger b.db`, say.
static AT_HAND: Mutex<String> = Mutex::new(String::new());

/// The door says so, as soon as it knows.
pub fn commands_need(options: String) {
    *AT_HAND.lock().unwrap_or_else(PoisonError::into_inner) = options;
}

/// A command that can be typed as it stands, given these options.
pub fn command(words: &str, options: &str) -> String {
    let command = format!("vlens-batch {words} {options}");
    command.trim_end().to_owned()
}

/// One that means the config and ledger at hand.
pub fn command_at_hand(words: &str) -> String {
    command(
        words,
        &AT_HAND.lock().unwrap_or_else(PoisonError::into_inner),
    )
}

/// A sentence with `{1}`, `{2}` filled in, and `{vlens-batch doctor}` as the command that can be typed as it stands.
pub fn filled(sentence: &str, fills: &[impl Display]) -> String {
    let pieces = sentence.split(['{', '}']).enumerate();
    let told = pieces.map(|(at, piece)| {
        let mut numbered = (1..).zip(fills);
        let fill = numbered.find(|(number, _)| at % 2 == 1 && piece == number.to_string());
        match fill {
            Some((_, fill)) => fill.to_string(),
            None if at % 2 == 0 => piece.to_owned(),
            None => piece
                .strip_prefix("vlens-batch ")
                .map_or_else(|| format!("{{{piece}}}"), command_at_hand),
        }
    });
    told.collect()
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What a library says, without the link to its manual that TLS adds, and without all names that a certificate has.
pub fn without_link(text: &str) -> &str {
    let text = text.split_once(": http").map_or(text, |(words, _)| words);
    let names = "; certificate is only valid for";
    text.split_once(names).map_or(text, |(words, _)| words)
}

/// Whether Windows refuses a file because another program, Excel most often, holds it open: a sharing or a lock violation.
pub fn is_open_elsewhere(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33))
}
