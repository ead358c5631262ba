//! The one place for sameness: which spellings are one name or one value, which characters nobody sees, which digit a
//! character is, which right name a wrong one resembles, and how headers are shown to strangers. And what the words mean that people
//! write in sheets: `words.toml`, read once.
//!
//! Folded text is for comparing only; it is never sent and never shown.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::Display;
use unicode_normalization::UnicodeNormalization;

use crate::model::{FieldType, mask};

/// Below this likeness a suggestion would be noise.
const LIKE_ENOUGH: f64 = 0.8;

/// A header with so many digits in a row is somebody's phone, id or account.
const LONG_NUMBER: usize = 7;

/// A column's name, a label or a choice without case, spaces, invisible characters, `_`, `-`, Arabic letter variants and
/// foreign digits, `*`: two names that fold alike are the same name, unless one of them matches exactly.
pub fn fold(name: &str) -> String {
    folded(name)
        // A form marks what it requires with a star.
        .filter(|&c| !c.is_whitespace() && !matches!(c, '_' | '*' | '-'))
        .collect()
}

/// A value for comparing: as [`fold`], but what can tell two application numbers apart stays: a dash, `_` and inner spaces
/// (a run of them counts as one).
pub fn fold_value(value: &str) -> String {
    let folded: String = folded(value).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits without the zeros behind a point that say nothing, as `12.50` is `12.5`; any other text as it is. Zeros before digits stay: they
/// may be a code's.
pub fn plain_number(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, fraction)) if is_digits(whole) && is_digits(fraction) => {
            text.trim_end_matches('0').trim_end_matches('.')
        }
        _ => text,
    }
}

/// A request's body for comparing: neither the order of its members nor how its numbers are written makes it another.
pub fn comparable(body: &str) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap_or_default();
    body.sort_all_objects();
    write_numbers_plainly(&mut body);
    serde_json::to_string(&body).unwrap_or_default()
}

fn write_numbers_plainly(value: &mut Value) {
    match value {
        Value::String(text) => text.truncate(plain_number(text).len()),
        Value::Object(members) => members.values_mut().for_each(write_numbers_plainly),
        _ => {}
    }
}

/// A choice, a month or a yes as people write it: as [`fold_value`], without inner spaces; one dash is as good as another.
pub fn fold_choice(text: &str) -> String {
    folded(text).filter(|c| !c.is_whitespace()).collect()
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.nfkc()
        .filter(|&c| !is_invisible(c) && !is_mark(c))
        .flat_map(char::to_lowercase)
        // Programs write any dash in the place of another.
        .map(|c| if is_dash(c) { '-' } else { c })
        .map(|c| western_digit(plain_letter(c)))
}

/// The words of a text, folded: parted by anything that is no letter, by capitals inside, and between letters and digits.
pub fn words(text: &str) -> Vec<String> {
    let text = text
        .replace(['\'', '’'], "")
        .replace("WhatsApp", "Whatsapp");
    let text = ["e-mail", "E-mail", "E-Mail", "E-MAIL"]
        .iter()
        .fold(text, |text, word| text.replace(word, "email"));
    let mut spaced = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if is_mark(c) || is_invisible(c) {
            spaced.push(c);
            continue;
        }
        let begins = (c.is_uppercase() && before.is_lowercase())
            || (c.is_numeric() != before.is_numeric() && before.is_alphanumeric());
        if begins || !c.is_alphanumeric() {
            spaced.push(' ');
        }
        if c.is_alphanumeric() {
            spaced.push(c);
        }
        before = c;
    }
    let words = spaced.split(' ').map(fold);
    words.filter(|word| !word.is_empty()).collect()
}

/// How many words a text has beside those for certain people, if it has one of these: a title such as `بيانات الضامن` has none.
pub(crate) fn words_beside(text: &str, people: &HashSet<String>) -> Option<usize> {
    let is_one = |word: &&String| {
        let bare = word.strip_prefix("ال").unwrap_or(word);
        people.contains(*word) || people.contains(bare)
    };
    let words = words(text);
    let (people, mut rest): (Vec<_>, Vec<_>) = words.iter().partition(is_one);
    rest.retain(|word| !WORDS.noise.contains(*word) && !word.chars().all(char::is_numeric));
    let more = if text.contains(':') {
        usize::MAX
    } else {
        rest.len()
    };
    (!people.is_empty()).then_some(more)
}

/// Whether a text speaks of customers, and of nobody beside them.
pub fn speaks_of_customers(text: &str) -> bool {
    words_beside(text, &PEOPLE).is_none() && words_beside(text, &WORDS.customers).is_some()
}

/// Whether a title above some of the headers speaks of another person: in the first column stands that of the whole sheet, and a longer
/// one may be its, but not beside that of customers.
pub fn is_title_of_others(title: &str, is_inside: bool, is_beside_customers: bool) -> bool {
    let says = |people, most| words_beside(title, people).is_some_and(|more| more <= most);
    let is_beside = is_beside_customers && (says(&WORDS.guarantors, 3) || says(&PEOPLE, 1));
    is_beside || is_inside && says(&WORDS.guarantors, 0)
}

/// Whether a header speaks of nobody beside the customer, nor of what no form asks for.
pub fn may_be_customers(header: &str) -> bool {
    let is_it = |other: &String| fold(other) == fold(header);
    words_beside(header, &PEOPLE).is_none() && !WORDS.other_columns.iter().any(is_it)
}

/// Whether a text says what a number beside it is, no customer's: `Tel:`, `مسئول الفرع`.
pub fn labels_a_number(text: &str) -> bool {
    let is_label = |word: &String| WORDS.other_people.contains(word) || WORDS.reach.contains(word);
    text.trim_end().ends_with(':') || words(text).iter().any(is_label)
}

/// A header without the characters that nobody sees, for use as a key: a mark that a keyboard left behind must not go out.
pub fn visible(name: &str) -> String {
    let seen: String = name.chars().filter(|&c| !is_invisible(c)).collect();
    seen.trim().to_owned()
}

/// Characters without a glyph or a width of their own, controls included; line breaks and tabs are white space instead.
pub fn is_invisible(c: char) -> bool {
    match c {
        '\t'..='\r' | ' '..='~' | '\u{85}' => false,
        '\0'..='\u{9F}' => true,
        _ => matches!(
            c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
                | '\u{2800}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFC}'
                | '\u{E0000}'..='\u{E007F}'
        ),
    }
}

/// What stands on or between letters and is none: tashkeel, Quranic marks, the tatweel, variation selectors.
pub fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{610}'..='\u{61A}' | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{6D6}'..='\u{6DC}'
        | '\u{6DF}'..='\u{6E8}' | '\u{6EA}'..='\u{6ED}' | '\u{FE00}'..='\u{FE0F}')
}

/// Whether a character joins as a dash does, in any of the dashes that sheets hold.
pub fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{640}' | '\u{2010}'
            ..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
    )
}

/// Whether a word is what a text becomes that is read by another encoding than its own: Latin letters beside Arabic ones, as in
/// `Josژ`, or a sign among letters, as in `مں§é` and `£ukasz`. An Arabic article before a Latin word is none (`الVIP`).
pub fn is_mixed_up(word: &str) -> bool {
    let is_arabic = |c: char| matches!(c, '\u{621}'..='\u{63A}' | '\u{641}'..='\u{64A}' | '\u{671}'..='\u{6D3}');
    let is_latin = |c: char| matches!(c, 'A'..='z' | 'À'..='\u{24F}') && c.is_alphabetic();
    let is_sign = |c: char| matches!(c, '¢' | '£' | '¤' | '¥' | '¦' | '§' | '¬' | '±' | '¶');
    let body = ["ال", "لل"].iter().find_map(|article| {
        let body = word.strip_prefix(article)?.trim_start_matches('\u{640}');
        body.starts_with(is_latin).then_some(body)
    });
    let is_letter = |c: char| is_arabic(c) || is_latin(c);
    let are_mixed =
        |(one, other)| is_arabic(one) && is_latin(other) || is_latin(one) && is_arabic(other);
    let is_parted = |((one, sign), other)| is_letter(one) && is_sign(sign) && is_letter(other);
    let begins_oddly = |((sign, one), other): ((char, char), char)| {
        is_sign(sign) && one.is_lowercase() && other.is_lowercase()
    };
    let letters = body.unwrap_or(word).chars();
    let mut pairs = letters.clone().zip(letters.clone().skip(1));
    let mut threes = pairs.clone().zip(letters.skip(2));
    pairs.any(are_mixed) || threes.clone().any(is_parted) || threes.next().is_some_and(begins_oddly)
}

/// The text with Arabic, Persian and full-width digits as Western ones. Borrowed when there are none.
pub fn western_digits(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| western_digit(c) == c) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(western_digit).collect())
    }
}

fn western_digit(c: char) -> char {
    let is_foreign = matches!(c, '٠'..='٩' | '۰'..='۹' | '０'..='９');
    // In each of them zero is a multiple of sixteen.
    let digit = char::from_digit(u32::from(c) % 16, 10);
    digit.filter(|_| is_foreign).unwrap_or(c)
}

/// Letters that Arabic and Persian keyboards write differently for one sound.
fn plain_letter(c: char) -> char {
    match c {
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ة' => 'ه',
        'ى' | 'ی' => 'ي',
        'ک' => 'ك',
        other => other,
    }
}

/// What all of several say, where they say the same.
pub fn agreed<T: PartialEq>(mut all: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first))
        .then_some(first)
}

/// Names side by side, the first `most` of them: a sheet can have thousands of columns, and a screen cannot.
pub fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>, most: usize) -> String {
    let mut names = names.into_iter();
    let first = names.by_ref().take(most);
    let shown: Vec<String> = first.map(|name| name.as_ref().to_owned()).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{}, … (+{more})", shown.join(", ")),
    }
}

pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    // Words that begin alike count as alike, which all do that have the article.
    let bare = |name: &str| fold(name.trim_start().trim_start_matches("ال"));
    let wanted = bare(name);
    let likeness = |candidate: &str| {
        let candidate = bare(candidate);
        strsim::jaro_winkler(&wanted, &candidate)
            .max(strsim::normalized_damerau_levenshtein(&wanted, &candidate))
    };
    let all = candidates.into_iter();
    let all = all.map(|candidate| (likeness(candidate), candidate));
    let near = all.filter(|(likeness, _)| *likeness >= LIKE_ENOUGH && !wanted.is_empty());
    let (_, found) = near.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!("did you mean `{found}`?"))
}

/// How the headers of one sheet are shown on a terminal or in a log. Where one of them looks like a value, the header row
/// is really somebody's data, and all of them are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeaderMask {
    pub is_masked: bool,
}

impl HeaderMask {
    pub fn of<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        HeaderMask {
            is_masked: headers.into_iter().any(looks_like_a_value),
        }
    }

    pub fn header<'h>(&self, header: &'h str) -> Cow<'h, str> {
        if self.is_masked {
            Cow::Owned(mask(header))
        } else {
            Cow::Borrowed(header)
        }
    }
}

/// Whether a text is one person's: an e-mail, or a number as long as a phone's or an id's and nothing else.
pub fn is_personal(text: &str) -> bool {
    let text: String = western_digits(&visible(text)).nfkc().collect();
    let is_long = text.chars().filter(char::is_ascii_digit).count() >= LONG_NUMBER;
    let is_other = |c: char| c.is_alphabetic() || c == ',';
    is_email(&text) || (is_long && !text.contains(is_other) && !is_date(&text))
}

/// Whether a header is what a customer's cell would hold: a phone, an id, an e-mail, a date or another long number. Four digits alone
/// are a year.
fn looks_like_a_value(header: &str) -> bool {
    let text: String = western_digits(&visible(header)).nfkc().collect();
    let mut runs = text.split(|c: char| !c.is_ascii_digit());
    let is_number = text.chars().filter(char::is_ascii_digit).count() > 4
        && !text.contains(char::is_alphabetic);
    is_number || runs.any(|run| run.len() >= LONG_NUMBER) || is_email(&text) || is_date(&text)
}

fn is_email(text: &str) -> bool {
    let at = text.rsplit_once('@');
    at.is_some_and(|(user, domain)| !user.is_empty() && domain.contains('.'))
}

/// `1990-01-31`, `1/1/90`, `12 Jan 1990`, with or without a time behind it; or years, as in `2023/2024`.
fn is_date(text: &str) -> bool {
    let parted: Vec<&str> = text
        .split(|c: char| {
            c.is_whitespace() || matches!(c, '/' | '.' | ',' | '(' | ')') || is_dash(c)
        })
        .filter(|part| !part.is_empty())
        .collect();
    let are_digits = |part: &str, most: usize| part.len() <= most && is_digits(part);
    let is_year =
        |part: &str| are_digits(part, 4) && (1900..2100).contains(&part.parse().unwrap_or(0));
    match parted[..] {
        [first, last] => is_year(first) && is_year(last),
        [first, middle, last, ..] if parted.len() <= 5 => {
            let last = last.split(['T', 't']).next().unwrap_or(last);
            let is_month = are_digits(middle, 2) || middle.chars().all(char::is_alphabetic);
            are_digits(first, 4) && is_month && are_digits(last, 4) && last.len() > 1
        }
        _ => false,
    }
}

pub(crate) static WORDS: LazyLock<Words> = LazyLock::new(|| {
    toml::from_str(include_str!("words.toml"))
        .expect("words.toml belongs to the program and a test reads it")
});

/// People beside the customer who may have phones of their own.
pub(crate) static PEOPLE: LazyLock<HashSet<String>> =
    LazyLock::new(|| &WORDS.other_people - &WORDS.phoneless);

/// What each list is for stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub roles: HashMap<Role, Vec<String>>,
    pub follow: Follow,
    pub secrets: Vec<String>,
    pub nothing: HashSet<String>,
    pub yes: HashSet<String>,
    pub no: HashSet<String>,
    pub example_person: Vec<[String; 2]>,
    pub example_others: Vec<[String; 2]>,
    pub months: Vec<Vec<String>>,
    pub currencies: Vec<Vec<HashSet<String>>>,
    pub totals: Vec<String>,
    pub sections: Vec<String>,
    pub ends: Vec<String>,
    pub signatures: Vec<String>,
    /// Folded, within a folded name.
    pub births: Vec<String>,
    pub scales: HashSet<String>,
    pub noise: HashSet<String>,
    pub preferred: HashSet<String>,
    pub newer: HashSet<String>,
    pub stages: HashSet<String>,
    pub customers: HashSet<String>,
    pub beneficiaries: HashSet<String>,
    pub bare_numbers: HashSet<String>,
    pub reach: HashSet<String>,
    pub other_people: HashSet<String>,
    pub guarantors: HashSet<String>,
    pub phoneless: HashSet<String>,
    pub employees: HashSet<String>,
    pub companies: HashSet<String>,
    pub products: HashSet<String>,
    pub product_names: Vec<String>,
    pub mobiles: Vec<String>,
    pub number_kinds: HashSet<String>,
    pub digits_that_are_text: HashSet<String>,
    pub alternatives: HashSet<String>,
    pub bare_names: HashSet<String>,
    pub nicknames: HashSet<String>,
    pub titles: HashSet<String>,
    pub name_parts: Vec<Vec<String>>,
    pub address_parts: Vec<String>,
    pub other_columns: Vec<String>,
    pub choices: Vec<Vec<String>>,
    pub abbreviations: HashMap<String, String>,
    pub concepts: Vec<Concept>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[strum(to_string = "the recipient's phone")]
    Phone,
    #[strum(to_string = "the recipient's e-mail")]
    Email,
    #[strum(to_string = "the contract type")]
    ContractType,
}

impl Role {
    /// The headers of the role's column; the first is the API's own and wins over the others.
    pub(crate) fn names(self) -> &'static [String] {
        &WORDS.roles[&self]
    }
}

/// Of a file that tells how far contracts are: headers, the telling ones first, and words for a signed contract.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Follow {
    pub stage: Vec<String>,
    pub at: Vec<String>,
    pub signed: Vec<String>,
}

/// One thing that a column may be about: what each member is stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Concept {
    /// Sent when no form says otherwise.
    pub key: String,
    #[serde(default, rename = "type")]
    pub field_type: FieldType,
    #[serde(default)]
    pub is_words: bool,
    #[serde(default)]
    pub shown: bool,
    pub names: Vec<String>,
    #[serde(default)]
    pub weak: Vec<String>,
}

impl Words {
    pub fn concept(&self, key: &str) -> Option<&Concept> {
        self.concepts.iter().find(|concept| concept.key == key)
    }
}

pub(crate) fn names_a_birth_date(name: &str) -> bool {
    let folded = fold(name);
    let mut words = WORDS.births.iter();
    matches!(&*folded, "dob" | "d.o.b" | "d.o.b.") || words.any(|word| folded.contains(word))
}

/// The kind of money that a word names, as a bit from the second on; of a word that says whose it is (`KWD`), one more behind those.
pub(crate) fn currency_of(text: &str) -> Option<u64> {
    let word = fold_choice(text);
    let kinds = WORDS.currencies.iter().enumerate();
    let of_kind = |(kind, names): (usize, &'static Vec<_>)| names.iter().map(move |it| (kind, it));
    let mut all = kinds.flat_map(of_kind).enumerate();
    let is_named = |words: &HashSet<String>| !word.is_empty() && words.contains(&word);
    let (at, (kind, words)) = all.find(|(_, (_, words))| is_named(words))?;
    let is_bare = WORDS.currencies[kind].first() == Some(words);
    let owner = if is_bare {
        0
    } else {
        2 << WORDS.currencies.len() << at
    };
    Some(2 << kind | owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    #[test]
    fn spellings_of_one_name_fold_alike_and_different_names_stay_different() {
        for (how, alike, one, other) in rows::<(&str, bool, &str, &str)>("names.folded") {
            let fold = match how {
                "name" => fold,
                "value" => fold_value,
                _ => fold_choice,
            };
            let is_alike = fold(one) == fold(other);
            assert_eq!(is_alike, alike, "{how}: {one} and {other}");
        }
    }

    #[test]
    fn a_key_loses_what_nobody_sees_and_nothing_else() {
        assert_eq!(visible("\u{200f}full_Name\u{feff}\u{a0}"), "full_Name");
        assert_eq!(visible("الاسم الأول"), "الاسم الأول");
    }

    #[test]
    fn the_nearest_name_is_found_and_strangers_are_not() {
        let names = ["Customer name", "Mobile", "الاسم الأول", "E-mail", "المبلغ"];
        for (wrong, right) in rows::<(&str, &str)>("names.nearest") {
            let right = Some(right).filter(|right| *right != "none");
            let right = right.map(|right| format!("did you mean `{right}`?"));
            assert_eq!(did_you_mean(wrong, names), right, "{wrong}");
        }
    }

    #[test]
    fn headers_that_look_like_values_are_known() {
        for (is_value, headers) in rows::<(bool, &str)>("names.values") {
            for header in headers.split('|') {
                assert_eq!(looks_like_a_value(header), is_value, "{header}");
            }
        }
    }
}
