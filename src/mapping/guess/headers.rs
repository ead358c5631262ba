//! Reduces a header to the words that say what the column is about, and holds it against the names that things have.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use crate::mapping::form::names_of;
use crate::mapping::header::parts;
use crate::mapping::names::{PEOPLE, Role, WORDS, fold, words};
use crate::model::{ContractTypeId, Form};

/// A header that says it by a name of the table or the form.
pub(super) const BY_NAME: f64 = 0.88;
/// A name that needs the values' word.
pub(super) const BY_WEAK_NAME: f64 = 0.6;
/// A name spelled nearly so; up to a fifth more when it is very near.
pub(super) const BY_LIKENESS: f64 = 0.38;
/// A name among words that nobody knows, which may say whose it is.
pub(super) const PERHAPS: f64 = 0.3;
/// Below this likeness of spelling two names are two things.
const LIKE_ENOUGH: f64 = 0.8;
/// Beyond that, this much more is a slip of the pen.
pub(super) const VERY_NEAR: f64 = 0.05;
/// Shorter names are alike by chance.
const FUZZY_MIN_CHARS: usize = 5;

static KNOWN_WORDS: LazyLock<Vec<NameWords>> =
    LazyLock::new(|| all(WORDS.concepts.iter().flat_map(|concept| &concept.names)));
static OTHER_WORDS: LazyLock<Vec<NameWords>> = LazyLock::new(|| all(&WORDS.other_columns));
/// Every name by which a header row may be known below title lines, folded.
pub fn header_names(forms: &BTreeMap<ContractTypeId, Form>) -> Vec<String> {
    let concepts = WORDS.concepts.iter().flat_map(|concept| &concept.names);
    // The shortest are no names to find a row by: every table of figures has an "m" or a "no".
    let is_telling = |name: &&String| fold(name).chars().count() > 2;
    let others = WORDS.other_columns.iter().filter(is_telling);
    let roles = [Role::Phone, Role::Email, Role::ContractType];
    let roles = roles.into_iter().flat_map(Role::names);
    let fields = forms.values().flat_map(|form| &form.fields);
    let names = concepts.chain(others).chain(roles).cloned();
    let names = names.chain(fields.flat_map(names_of).map(str::to_owned));
    let folded = names.map(|name| fold(&name));
    folded.filter(|name| !name.is_empty()).collect()
}

/// Whether a header or a key speaks of somebody beside the customer, such as a guarantor.
pub(crate) fn is_of_another_person(name: &str) -> bool {
    NameWords::of(name).speak_of_another_person()
}

/// The key of what a header is about, by a name that means it alone.
pub(crate) fn concept_named(header: &str) -> Option<&'static str> {
    let words = NameWords::of(header);
    let mut concepts = WORDS.concepts.iter();
    let concept = concepts.find(|concept| words.say(&all(&concept.names)));
    concept.map(|concept| concept.key.as_str())
}

#[derive(Debug, Clone)]
pub(super) struct NameWords {
    /// In order, abbreviations written out, noise gone.
    pub joined: String,
    /// The same in the order of the alphabet: `name full` is `full name`.
    pub sorted: String,
    /// As it stood, folded.
    pub folded: String,
    /// Another customer's than the first: the second applicant's, a joint borrower's.
    pub are_of_another: bool,
}

impl NameWords {
    pub fn of(text: &str) -> NameWords {
        let pieces = words(text);
        let written_out = pieces.iter().flat_map(|piece| {
            let whole = WORDS.abbreviations.get(piece).unwrap_or(piece);
            whole.split(' ').map(without_article)
        });
        let mut words: Vec<&str> = written_out.collect();
        // A number before everything else counts the columns.
        if words.len() > 1 && is_number(words[0]) {
            words.remove(0);
        }
        let are_of_another = words.windows(2).any(|pair| is_another(pair[0], pair[1]));
        // A header of nothing but noise says just that: whose column it is.
        if !are_of_another && !words.iter().copied().all(is_noise) {
            let is_bare = |word| is_number(word) || WORDS.bare_numbers.contains(word);
            let are_bare = words.iter().all(|&word| is_noise(word) || is_bare(word));
            let reaches = |word: &str| are_bare && WORDS.reach.contains(word);
            words.retain(|word| !is_noise(word) || reaches(word));
        }
        let joined = words.concat();
        words.sort_unstable();
        NameWords {
            joined,
            sorted: words.join(" "),
            folded: fold(text),
            are_of_another,
        }
    }

    fn each(&self) -> impl Iterator<Item = &str> {
        self.sorted.split(' ')
    }

    /// They speak of somebody beside the customer, whose phone looks like any other.
    pub fn speak_of_another_person(&self) -> bool {
        self.are_of_another || self.has_one_of(&WORDS.other_people)
    }

    /// The words for somebody beside the customer who may have a phone of his own.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        self.each().filter(|word| PEOPLE.contains(*word))
    }

    /// They are a name that the table knows, or speak of somebody beside the customer.
    pub fn say_something_else(&self) -> bool {
        self.say(&OTHER_WORDS) || self.say(&KNOWN_WORDS) || self.speak_of_another_person()
    }

    /// They may say, beside these names, whose it is.
    pub fn are_strange(&self, names: &[NameWords], weak: &[NameWords]) -> bool {
        let is_own = |word| {
            let mut own = names.iter().chain(weak).flat_map(NameWords::each);
            own.any(|own| own == word)
        };
        // `HR`, `RM` and their like are people.
        let is_short = |word: &str| {
            let most = if is_arabic(word) { 2 } else { 1 };
            word.chars().count() <= most || is_number(word)
        };
        let is_known = |word| is_noise(word) || is_short(word) || is_own(word);
        self.speak_of_another_person() || !self.each().all(is_known)
    }

    /// All words of a name are among them.
    pub fn hold(&self, name: &NameWords) -> bool {
        name.each().all(|word| self.has(word))
    }

    pub fn has(&self, word: &str) -> bool {
        self.each().any(|own| own == word)
    }

    pub fn has_one_of(&self, known: &HashSet<String>) -> bool {
        self.each().any(|word| known.contains(word))
    }

    /// Without numbers and words such as `other`, and the number where it is but one; none where there are none of them, or somebody
    /// else is spoken of.
    fn of_the_first(&self) -> Option<(NameWords, Option<usize>)> {
        let further = [&WORDS.alternatives, &WORDS.stages];
        let is_own = |word: &&str| !is_number(word) && !further.iter().any(|it| it.contains(*word));
        let (own, further): (Vec<&str>, Vec<&str>) = self.each().partition(is_own);
        let number = match further[..] {
            [] => return None,
            // More digits tell something else: `National ID 14 digits`.
            [only] if is_number(only) && only.chars().count() > 1 => return None,
            [only] => only.parse().ok(),
            _ => None,
        };
        let is_theirs = self.speak_of_another_person();
        (!is_theirs).then(|| (NameWords::of(&own.join(" ")), number))
    }

    pub fn are(&self, name: &NameWords) -> bool {
        self.folded == name.folded || self.joined == name.joined
    }

    /// How well they match the best of some names: same, or nearly so spelled.
    pub fn match_of(&self, names: &[NameWords]) -> f64 {
        let likeness = |name: &NameWords| {
            let chars = [self, name].map(|words| words.joined.chars().count());
            match name {
                _ if self.folded == name.folded => 1.0,
                _ if self.joined == name.joined => 0.95,
                _ if self.sorted == name.sorted => 0.92,
                // A slip of the pen adds no word: `RM e-mail address` is somebody's.
                _ if self.hold(name) || chars.iter().any(|&count| count < FUZZY_MIN_CHARS) => 0.0,
                _ => match strsim::normalized_damerau_levenshtein(&self.joined, &name.joined) {
                    near if near >= LIKE_ENOUGH => BY_LIKENESS + near - LIKE_ENOUGH,
                    _ => 0.0,
                },
            }
        };
        names.iter().map(likeness).fold(0.0, f64::max)
    }

    pub fn say(&self, names: &[NameWords]) -> bool {
        self.match_of(names) >= BY_NAME
    }
}

fn is_noise(word: &str) -> bool {
    let lists = [
        &WORDS.noise,
        &WORDS.preferred,
        &WORDS.customers,
        &WORDS.reach,
    ];
    lists.iter().any(|list| list.contains(word))
}

/// Whether one of these words stands in a header, noise or not.
pub(super) fn has_word(header: &str, known: &HashSet<String>) -> bool {
    let words = words(header);
    let mut words = words.iter().map(|word| without_article(word));
    words.any(|word| known.contains(word))
}

/// Whether a header says that it is the customer's, by a word that means nobody else.
pub(super) fn is_of_customer(header: &str) -> bool {
    let others = [&WORDS.beneficiaries, &WORDS.reach];
    has_word(header, &WORDS.customers) && !others.iter().any(|it| has_word(header, it))
}

fn of_the_newer(header: &str) -> Option<NameWords> {
    let mut words = words(header);
    let count = words.len();
    words.retain(|word| {
        let word = without_article(word);
        !WORDS.preferred.contains(word) && !WORDS.newer.contains(word)
    });
    (words.len() < count).then(|| NameWords::of(&words.join(" ")))
}

fn is_number(word: &str) -> bool {
    word.chars().all(char::is_numeric)
}

/// Whether two words in this order speak of another customer: `second applicant`, `client 2`, `العميل الثاني`. `Customer's second
/// mobile` is his own.
fn is_another(one: &str, other: &str) -> bool {
    let is_customer = |word| WORDS.customers.contains(word);
    let is_further = |word| WORDS.alternatives.contains(word);
    if is_customer(one) {
        let is_counted = other.parse().is_ok_and(|number: u32| number > 1);
        is_counted || (is_arabic(other) && is_further(other))
    } else {
        let is_person = is_further(one) || WORDS.other_people.contains(one);
        is_person && is_customer(other) && !is_arabic(other)
    }
}

/// Without the Arabic article, which people set or leave.
pub(super) fn without_article(word: &str) -> &str {
    let is_long = word.chars().count() > 4;
    let mut articles = ["ال", "وال", "بال"].into_iter();
    let rest = articles.find_map(|article| word.strip_prefix(article));
    rest.filter(|_| is_long).unwrap_or(word)
}

/// Reduced, without those that nothing is left of.
pub(super) fn all<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Vec<NameWords> {
    let words = names.into_iter().map(|name| NameWords::of(name.as_ref()));
    words.filter(|words| !words.folded.is_empty()).collect()
}

/// A header taken apart once, to be held against many goals.
#[derive(Debug, Clone)]
pub(super) struct HeaderWords {
    pub whole: NameWords,
    pub parts: Vec<NameWords>,
    /// What `Mobile 2` or `Other mobile` is one more of, and the number.
    pub first: Option<(NameWords, Option<usize>)>,
    /// Without what says that it goes before another of that name, if something does: the new mobile.
    pub preferred: Option<NameWords>,
    /// How well it names something that customer sheets have beside and no form field is meant by.
    pub other: f64,
    pub says_something_else: bool,
    /// Amounts below it may be thousands, or dollars.
    pub has_scale: bool,
}

impl HeaderWords {
    pub fn of(header: &str) -> HeaderWords {
        let whole = NameWords::of(header);
        let parts = all(parts(header).flat_map(by_script));
        HeaderWords {
            says_something_else: whole.say_something_else(),
            has_scale: (words(header).iter().map(String::as_str))
                .chain(header.matches(['$', '€', '£']))
                .any(|word| WORDS.scales.contains(word)),
            parts: if parts.len() > 1 { parts } else { Vec::new() },
            first: whole.of_the_first(),
            preferred: of_the_newer(header),
            other: whole.match_of(&OTHER_WORDS),
            whole,
        }
    }

    /// What it is one more of, or itself.
    pub fn own(&self) -> &NameWords {
        let first = self.first.as_ref();
        first.map_or(&self.whole, |(words, _)| words)
    }

    /// How well the header says one of these names, or one of the weak ones, from 0 to 1.
    pub fn score(&self, names: &[NameWords], weak: &[NameWords]) -> f64 {
        let by_name = self.whole.match_of(names);
        let is_weak = |words: &NameWords| weak.iter().any(|weak| words.are(weak));
        let says = |part: &NameWords| part.say(names) || is_weak(part);
        let (ours, others): (Vec<&NameWords>, Vec<&NameWords>) =
            self.parts.iter().partition(|it| says(it));
        let is_in_part = ours.iter().any(|part| part.say(names));
        match &self.first {
            _ if by_name >= BY_NAME => by_name,
            // `National ID (14 digits)`, but not `National ID (seller)`.
            _ if !ours.is_empty() && others.iter().any(|part| part.are_strange(names, weak)) => {
                PERHAPS
            }
            _ if is_in_part => 0.9,
            // `Mobile 1` is the first choice, `Mobile 2` is none.
            Some((words, Some(..=1))) if words.say(names) => BY_NAME,
            Some((words, _)) if words.say(names) => PERHAPS,
            _ if is_weak(&self.whole) || !ours.is_empty() => BY_WEAK_NAME,
            // What is spelled at least as much like something else is nothing of ours.
            _ if by_name > self.other => by_name,
            _ if self.says_something_else || !self.whole.are_strange(names, weak) => 0.0,
            _ if names.iter().any(|name| self.whole.hold(name)) => PERHAPS,
            _ => 0.0,
        }
    }
}

/// `جهة العمل Employer` says it twice: once in each script.
fn by_script(part: &str) -> Vec<String> {
    let words = part.split_whitespace();
    let (arabic, others): (Vec<&str>, Vec<&str>) = words.partition(|word| is_arabic(word));
    let mut texts = vec![arabic.join(" "), others.join(" ")];
    texts.retain(|text| text.chars().any(char::is_alphabetic));
    texts
}

pub(super) fn is_arabic(text: &str) -> bool {
    text.contains(|c| matches!(c, '\u{600}'..='\u{6ff}'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    #[test]
    fn headers_that_mean_the_same_have_the_same_words() {
        for (one, other) in rows::<(&str, &str)>("guess.alike") {
            assert_eq!(
                NameWords::of(one).joined,
                NameWords::of(other).joined,
                "{one}"
            );
        }
        assert_eq!(
            NameWords::of("Name, full").sorted,
            NameWords::of("full name").sorted
        );
        assert_ne!(NameWords::of("Customer").joined, "", "noise alone stays");
    }
}
