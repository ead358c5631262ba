//! Reduces a header to the words that say what the column is about, and holds it against the names that things have.

use std::sync::LazyLock;

use crate::mapping::header::parts;
use crate::mapping::names::{fold, words};
use crate::mapping::words::WORDS;

/// A header that says it by a name of the table or the form.
pub(super) const BY_NAME: f64 = 0.88;
/// A name that needs the values' word.
pub(super) const BY_WEAK_NAME: f64 = 0.6;
/// A name spelled nearly so; up to a fifth more when it is very near.
pub(super) const BY_LIKENESS: f64 = 0.38;
/// Below this likeness of spelling two names are two things.
const LIKE_ENOUGH: f64 = 0.8;
/// Beyond that, this much more is a slip of the pen.
pub(super) const VERY_NEAR: f64 = 0.05;
/// Shorter names are alike by chance.
const FUZZY_MIN_CHARS: usize = 5;

static KNOWN_WORDS: LazyLock<Vec<Words>> =
    LazyLock::new(|| all(WORDS.concepts.iter().flat_map(|concept| &concept.names)));
static OTHER_WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| all(&WORDS.other_columns));

/// A header in a form for comparing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words {
    /// In order, abbreviations written out, noise gone.
    pub joined: String,
    /// The same in the order of the alphabet: `name full` is `full name`.
    pub sorted: String,
    /// As it stood, folded.
    pub folded: String,
}

impl Words {
    pub fn of(text: &str) -> Words {
        let mut words: Vec<String> = words(text).iter().flat_map(written_out).collect();
        // A header of nothing but noise says just that: whose column it is.
        if words.iter().any(|word| !WORDS.noise.contains(word)) {
            words.retain(|word| !WORDS.noise.contains(word));
        }
        let joined = words.concat();
        words.sort_unstable();
        Words {
            joined,
            sorted: words.join(" "),
            folded: fold(text),
        }
    }

    /// They speak of somebody beside the customer, whose phone looks like any other.
    pub fn speak_of_another_person(&self) -> bool {
        self.has_one_of(&WORDS.other_people)
    }

    pub fn has_one_of(&self, known: &[String]) -> bool {
        let mut words = self.sorted.split(' ');
        words.any(|word| known.iter().any(|known| known == word))
    }

    /// Without numbers and words such as `other`; none where there are none of them.
    pub fn of_the_first(&self) -> Option<Words> {
        let is_own = |word: &&str| {
            let is_alternative = WORDS.alternatives.iter().any(|other| other == word);
            !is_alternative && !word.chars().all(char::is_numeric)
        };
        let (own, further): (Vec<&str>, Vec<&str>) = self.sorted.split(' ').partition(is_own);
        (!further.is_empty()).then(|| Words::of(&own.join(" ")))
    }
}

fn written_out(piece: &String) -> impl Iterator<Item = String> {
    let whole = WORDS.abbreviations.get(piece).unwrap_or(piece);
    whole.split(' ').map(bare)
}

/// Without the Arabic article, which people set or leave.
fn bare(word: &str) -> String {
    let is_long = word.chars().count() > 4;
    let without = word
        .strip_prefix("ال")
        .or_else(|| word.strip_prefix("وال"))
        .or_else(|| word.strip_prefix("بال"));
    match without {
        Some(rest) if is_long => rest.to_owned(),
        _ => word.to_owned(),
    }
}

/// Reduced, without those that nothing is left of.
pub(super) fn all<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Vec<Words> {
    let words = names.into_iter().map(|name| Words::of(name.as_ref()));
    words.filter(|words| !words.folded.is_empty()).collect()
}

/// A header taken apart once, to be held against many goals.
pub(super) struct HeaderWords {
    whole: Words,
    parts: Vec<Words>,
    /// Without a number at its end (`Mobile 2`), and that number.
    numbered: Option<(Words, u32)>,
    /// How well it names something that no goal is about.
    other: f64,
    /// It is a name that the table knows, or speaks of somebody beside the customer.
    pub says_something_else: bool,
}

impl HeaderWords {
    pub fn of(header: &str) -> HeaderWords {
        let whole = Words::of(header);
        let parts = all(parts(header).flat_map(by_script));
        let other = best(&whole, &OTHER_WORDS);
        let trimmed = header.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = header[trimmed.len()..].parse().ok();
        let number = number.filter(|_| !trimmed.trim().is_empty());
        HeaderWords {
            says_something_else: other >= BY_NAME
                || best(&whole, &KNOWN_WORDS) >= BY_NAME
                || whole.speak_of_another_person(),
            parts: if parts.len() > 1 { parts } else { Vec::new() },
            numbered: number.map(|number| (Words::of(trimmed), number)),
            whole,
            other,
        }
    }

    /// It names what customer sheets have beside and no form field is meant by.
    pub fn says_other(&self) -> bool {
        self.other >= BY_NAME
    }

    pub fn says_mobile(&self) -> bool {
        let mut words = WORDS.mobiles.iter();
        words.any(|word| self.whole.joined.contains(word))
    }

    /// How well the header says one of these names, or one of the weak ones, from 0 to 1.
    pub fn score(&self, names: &[Words], weak: &[Words]) -> f64 {
        let by_name = best(&self.whole, names);
        if by_name >= BY_NAME {
            return by_name;
        }
        if self.parts.iter().any(|part| best(part, names) >= BY_NAME) {
            return 0.9;
        }
        if let Some((words, number)) = &self.numbered
            && best(words, names) >= BY_NAME
        {
            // `Mobile 1` is the first choice, `Mobile 2` is none.
            return if *number <= 1 { BY_NAME } else { 0.3 };
        }
        let is_weak = |words: &Words| weak.iter().any(|weak| is_same(words, weak));
        if is_weak(&self.whole) || self.parts.iter().any(is_weak) {
            return BY_WEAK_NAME;
        }
        // What is spelled at least as much like something else is nothing of ours.
        if by_name > self.other { by_name } else { 0.0 }
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

/// How well words match the best of some names: same, or nearly so spelled.
pub(super) fn best(words: &Words, names: &[Words]) -> f64 {
    names
        .iter()
        .map(|name| likeness(words, name))
        .fold(0.0, f64::max)
}

fn likeness(words: &Words, name: &Words) -> f64 {
    if words.folded == name.folded {
        return 1.0;
    }
    if words.joined == name.joined {
        return 0.95;
    }
    if words.sorted == name.sorted {
        return 0.92;
    }
    if words.joined.chars().count() < FUZZY_MIN_CHARS
        || name.joined.chars().count() < FUZZY_MIN_CHARS
    {
        return 0.0;
    }
    let near = strsim::normalized_damerau_levenshtein(&words.joined, &name.joined);
    if near >= LIKE_ENOUGH {
        BY_LIKENESS + near - LIKE_ENOUGH
    } else {
        0.0
    }
}

pub(super) fn is_same(words: &Words, name: &Words) -> bool {
    words.folded == name.folded || words.joined == name.joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_mean_the_same_have_the_same_words() {
        for (one, other) in [
            ("Customer Full Name", "full name"),
            ("Cust. Mobile No.", "Mobile Number"),
            ("MobileNumber", "mobile_number"),
            ("Client's E-mail", "email"),
            ("رقم موبايل العميل", "رقم الموبايل"),
            ("الرقـم القَومي", "رقم قومى"),
            ("DOB", "Date of Birth"),
            ("EGP Monthly Income", "monthly income"),
        ] {
            assert_eq!(Words::of(one).joined, Words::of(other).joined, "{one}");
        }
        assert_eq!(
            Words::of("Name, full").sorted,
            Words::of("full name").sorted
        );
        assert_ne!(Words::of("Customer").joined, "", "noise alone stays");
    }
}
