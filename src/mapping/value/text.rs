//! Text as it stands in a sheet: what surrounds it, what cannot be seen in it, whether it was damaged before it came here. What
//! it *means* is left to the types of fields; of lists of choices, it is here as well: people write a label, the text of the choice goes out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::LazyLock;

use encoding_rs::{Encoding, WINDOWS_1252, WINDOWS_1256};
use jiff::civil;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::mapping::names::{
    WORDS, agreed, fold, fold_choice, fold_value, is_digits, is_invisible, is_mixed_up, listed,
};
use crate::model::{self, Fault};

const LONGEST_CHARS: usize = 10_000;
/// The most labels that a message lists: the governorates of Egypt, and a few.
const LISTED: usize = 30;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The text that goes out; the cell's or the kind's own where nothing had to be changed.
    pub text: Cow<'a, str>,
    /// Whether it was mended, beyond doubt but worth telling: a lost zero, Arabic digits, invisible characters
    /// inside. Surrounding white space and ordinary separators do not count.
    pub repaired: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(text: impl Into<Cow<'a, str>>, repaired: bool) -> Self {
        Reading {
            text: text.into(),
            repaired,
        }
    }

    pub(super) fn into_owned(self) -> Reading<'static> {
        Reading::new(self.text.into_owned(), self.repaired)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// As [`clean`] gives it.
    Text(&'a str),
    /// Always finite.
    Number(f64),
    Boolean(bool),
    Date(civil::DateTime),
}

pub(super) fn trim(raw: &str) -> &str {
    raw.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// A trimmed text without invisible characters and presentation forms, in normal form C; refused when it is damaged or too long to be
/// meant.
pub(super) fn clean(trimmed: &str) -> Result<Reading<'_>, Fault> {
    if trimmed.len() > LONGEST_CHARS && trimmed.chars().count() > LONGEST_CHARS {
        return Err(Fault::of("too_long", &[&LONGEST_CHARS]));
    }
    refuse_damage(trimmed)?;
    let clean = mended(trimmed);
    // Hidden characters may have parted what gives the damage away.
    if clean.text != trimmed {
        refuse_damage(&clean.text)?;
    }
    Ok(clean)
}

fn mended(trimmed: &str) -> Reading<'_> {
    let inner = formula_text(trimmed).map(trim);
    let text = inner.unwrap_or(trimmed);
    let is_odd = |c| is_invisible(c) || is_presentation_form(c);
    if text.is_ascii() {
        Reading::new(text, inner.is_some())
    } else if text.chars().any(is_odd) {
        Reading::new(rewritten(text), true)
    } else if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Reading::new(text, inner.is_some())
    } else {
        // Canonically equal texts are the same text by Unicode's own word: no repair.
        Reading::new(text.nfc().collect::<String>(), inner.is_some())
    }
}

/// The text inside `="…"`, the trick by which exports keep Excel from taking digits for a number.
fn formula_text(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("=\"")?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

fn rewritten(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| !is_invisible(c)) {
        if is_presentation_form(c) {
            // The isolated vowel signs decompose into a space that carries them; the letter before does that here.
            plain.extend(std::iter::once(c).nfkc().skip_while(|&part| part == ' '));
        } else {
            plain.push(c);
        }
    }
    plain.nfc().collect()
}

/// Letters frozen into the shape of one place in a word, as old programs and PDF files leave them behind.
fn is_presentation_form(c: char) -> bool {
    matches!(c, '\u{FB00}'..='\u{FB06}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
        && !std::iter::once(c).nfkc().eq([c])
}

/// Whether a clean text is a word that people and programs write for nothing at all.
pub(super) fn is_word_for_nothing(clean: &str) -> bool {
    // Looked at in every cell: by its first letter nearly every text is none of them.
    let initial = clean.chars().next().and_then(|c| c.to_lowercase().next());
    let begins = |word: &String| word.chars().next() == initial;
    let words = &WORDS.nothing;
    clean.len() <= 32 && words.iter().any(begins) && words.contains(&fold_value(clean))
}

/// Refuses text that was damaged before it was saved, and never mends it: what it said would be a guess. A single odd
/// character is not proof, so names such as `Øyvind` or `MÃE` pass.
fn refuse_damage(text: &str) -> Result<(), Fault> {
    if is_error_word(text) {
        return Err(Fault::of("error_word", &[]));
    }
    if text.len() >= 3 && text.bytes().all(|b| b == b'#') {
        return Err(Fault::of("only_hashes", &[]));
    }
    if has_lost_letters(text) || (!text.is_ascii() && is_misread(text)) {
        return Err(Fault::of("garbled", &[]));
    }
    Ok(())
}

/// The words of spreadsheets, with or without a text behind them (as a refused cell is given back), LibreOffice's `Err:502`, and
/// what Google shows until a result is there.
fn is_error_word(text: &str) -> bool {
    let number = text.strip_prefix("Err:").unwrap_or_default();
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_awaited = matches!(text, "Loading..." | "Loading…");
    number.len() == 3 && is_digits(number) || is_awaited || model::is_error_word(first)
}

/// Letters replaced by U+FFFD, or whole words by question marks.
fn has_lost_letters(text: &str) -> bool {
    let is_lost = |word: &str, least: usize| word.len() >= least && word.bytes().all(|b| b == b'?');
    let mut words = text.split_whitespace();
    let is_whole = || text.contains("??") && words.clone().all(|word| is_lost(word, 1));
    text.contains('\u{FFFD}')
        || (text.contains('?') && (is_whole() || words.any(|word| is_lost(word, 3))))
}

/// Whether a text, or a word of it, is UTF-8 that was read as a Windows encoding (`Ù…Ù†Ù‰`, `JosÃ©`), or Windows-1256 that was read
/// as Windows-1252 (`ãäì ÚÇÏá`).
fn is_misread(text: &str) -> bool {
    if text.split_whitespace().any(is_mixed_up) {
        return true;
    }
    // Arabic letters alone are nothing that bytes look like when they are misread, and most text is that.
    let is_plain = |c: char| c.is_ascii() || matches!(c, '\u{621}'..='\u{652}');
    if text.chars().all(is_plain) {
        return false;
    }
    let words = || text.split_whitespace().chain([text]);
    let is_accented = |c: char| matches!(c, 'À'..='ÿ');
    // No language writes such words of accented letters only: three letters in all, or four in one word beside others.
    let is_only_accented = |part: &str, least: usize| {
        part.chars().filter(|&c| is_accented(c)).count() >= least
            && !part.chars().any(|c| c.is_alphabetic() && !is_accented(c))
    };
    words().any(is_misread_utf8)
        || is_only_accented(text, 3)
        || words().any(|word| is_only_accented(word, 4))
}

fn is_misread_utf8(word: &str) -> bool {
    let utf8 = |encoding: &'static Encoding| {
        let (bytes, _, is_foreign) = encoding.encode(word);
        (!is_foreign).then(|| String::from_utf8(bytes.into_owned()).ok())?
    };
    let foreign = |text: &str| text.chars().filter(|c| !c.is_ascii()).count();
    // One pair in Arabic may be a coincidence, an accented Latin letter or a quote is none.
    let is_telling = |c| matches!(c, '\u{A0}'..='\u{FF}' | '\u{2010}'..='\u{203A}');
    let is_meant = |meant: String| foreign(&meant) >= 2 || meant.contains(is_telling);
    utf8(WINDOWS_1252).is_some_and(is_meant)
        || utf8(WINDOWS_1256).is_some_and(|meant| foreign(&meant) >= 2)
}

#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// As people write them, in the mapping's order.
    labels: Vec<String>,
    /// What goes out for a label, or a sent text, in exactly this spelling.
    exact: HashMap<String, String>,
    /// The same in any spelling; nothing where two choices fold alike.
    folded: HashMap<String, Option<String>>,
    /// What goes out for the words of a group that mean the same; nothing where two choices are of one.
    groups: HashMap<usize, Option<String>>,
}

impl Choices {
    /// Choices as pairs of the label that people write and the text to send. The text to send is understood as well;
    /// where it is also the label of another choice, the label wins.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Choices {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let labels = pairs.iter().map(|(label, sent)| (label, sent));
        let sent_texts = pairs.iter().map(|(_, sent)| (sent, sent));
        let said = labels.clone().chain(sent_texts.clone());
        let mut exact = HashMap::new();
        for (text, sent) in said.clone() {
            exact.entry(spelling(text)).or_insert(sent.clone());
        }
        // One letter or digit is a code, of whatever the form means by it: `M` may be married.
        let words = said.filter(|(text, _)| text.chars().count() > 1);
        let groups = words.filter_map(|(text, sent)| Some((group_of(text)?, sent)));
        let fold = |(text, sent): (&String, _)| (fold_choice(text), sent);
        let mut folded = meanings(sent_texts.map(fold));
        folded.extend(meanings(labels.map(fold)));
        Choices {
            exact,
            folded,
            groups: meanings(groups),
            labels: pairs.into_iter().map(|(label, _)| label).collect(),
        }
    }

    pub(crate) fn read(&self, written: &str) -> Result<Reading<'_>, Fault> {
        if let Some(sent) = self.exact.get(written) {
            return Ok(Reading::new(sent, false));
        }
        let sent = match self.folded.get(&fold_choice(written)) {
            Some(sent) => sent.as_deref().ok_or(Fault::of("choice_several", &[]))?,
            None => (self.translated(written)).ok_or_else(|| self.unknown())?,
        };
        Ok(Reading::new(sent, false))
    }

    /// The choice that a known translation means, or both languages that stand in one cell, each of which must mean it.
    fn translated(&self, written: &str) -> Option<&str> {
        let meaning = |text: &str| match self.folded.get(&fold_choice(text)) {
            Some(sent) => sent.as_deref(),
            None => self.groups.get(&group_of(text)?)?.as_deref(),
        };
        // What stands alone beside a dash is a sign's: `A-` is not `A`.
        let are_several = parts_of(written).nth(1).is_some();
        let agreed = || agreed(parts_of(written).map(meaning)).filter(|_| are_several);
        meaning(written).or_else(agreed)
    }

    fn unknown(&self) -> Fault {
        Fault::of("choice_unlisted", &[&listed(&self.labels, LISTED)])
    }
}

/// The groups of words that mean the same, by each of their words, folded.
static GROUPS: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let mut groups = HashMap::new();
    for (at, group) in WORDS.choices.iter().enumerate() {
        for word in group {
            groups.entry(fold(word)).or_insert(at);
        }
    }
    groups
});

/// The group of words that mean the same as this one, or as all of several that stand in one cell (`Single / أعزب`).
pub(crate) fn group_of(value: &str) -> Option<usize> {
    let of_word = |word: &str| GROUPS.get(&fold(word)).copied();
    of_word(value).or_else(|| agreed(parts_of(value).map(of_word)))
}

/// What stands in one cell, or one choice, in two languages.
pub(crate) fn parts_of(value: &str) -> impl Iterator<Item = &str> {
    let parts = value.split(['/', '|', '\\', '-', '(', ')', '\n', '،']);
    parts.filter(|part| !part.trim().is_empty())
}

/// What goes out for each; nothing where two choices share it.
fn meanings<'a, K: Eq + Hash>(
    pairs: impl Iterator<Item = (K, &'a String)>,
) -> HashMap<K, Option<String>> {
    let mut meanings = HashMap::new();
    for (key, sent) in pairs {
        let meant = meanings.entry(key).or_insert_with(|| Some(sent.clone()));
        if meant.as_ref() != Some(sent) {
            *meant = None;
        }
    }
    meanings
}

/// What goes out for a yes or a no, in English, Arabic or digits.
pub(super) fn yes_or_no(shown: &str) -> Option<&'static str> {
    let answer = fold_choice(shown);
    let no = || WORDS.no.contains(&answer).then_some("false");
    WORDS.yes.contains(&answer).then_some("true").or_else(no)
}

/// A label in the spelling that cells arrive in.
fn spelling(label: &str) -> String {
    let trimmed = trim(label);
    clean(trimmed).map_or_else(|_| trimmed.to_owned(), |clean| clean.text.into_owned())
}
