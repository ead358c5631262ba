//! How well one column fits one goal: what its header says, and what its values say to that.

use std::sync::LazyLock;

use super::concepts::{CONCEPTS, OTHERS, Shape};
use super::profile::Profile;
use super::targets::{Goal, all};
use super::translate;
use super::words::Words;
use crate::mapping::header::parts;

/// A header that says it by a name of the table or the form.
const BY_NAME: f64 = 0.88;
/// A name that needs the values' word.
const BY_WEAK_NAME: f64 = 0.6;
/// A name spelled nearly so; up to a fifth more when it is very near.
const BY_LIKENESS: f64 = 0.38;
/// Below this likeness of spelling two names are two things.
const LIKE_ENOUGH: f64 = 0.8;
/// Beyond that, this much more is a slip of the pen.
const VERY_NEAR: f64 = 0.05;
/// Shorter names are alike by chance.
const FUZZY_MIN_CHARS: usize = 5;

/// People in customer sheets who are not the customer, as [`Words`] has them.
const ANOTHER_PERSON: &[&str] = &[
    "guarantor",
    "spouse",
    "husband",
    "wife",
    "manager",
    "agent",
    "officer",
    "sales",
    "rep",
    "employee",
    "mother",
    "father",
    "parent",
    "brother",
    "sister",
    "son",
    "relative",
    "reference",
    "referral",
    "referee",
    "emergency",
    "branch",
    "owner",
    "supervisor",
    "dealer",
    "broker",
    "partner",
    "employer",
    "company",
    "work",
    "office",
    "business",
    "next",
    "kin",
    "friend",
    "ضامن",
    "كفيل",
    "زوج",
    "زوجه",
    "مندوب",
    "مدير",
    "موظف",
    "فرع",
    "ام",
    "اب",
    "والد",
    "والده",
    "اخ",
    "قريب",
    "طوارئ",
    "مسؤول",
    "مسئول",
    "وكيل",
    "تاجر",
    "عمل",
    "شركه",
    "مشرف",
    "وسيط",
    "مرجع",
    "صديق",
];

static KNOWN_WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let names = CONCEPTS.iter().flat_map(|concept| concept.names.iter());
    all(names.copied())
});
static OTHER_WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| all(OTHERS.iter().copied()));

/// A header taken apart once, to be held against many goals.
pub(super) struct HeaderWords {
    whole: Words,
    parts: Vec<Words>,
    /// Without a number at its end (`Mobile 2`), and that number.
    numbered: Option<(Words, u32)>,
    /// How well it names something that no goal is about.
    other: f64,
    /// It speaks of somebody beside the customer, whose phone looks like any other.
    is_of_another_person: bool,
    /// It is a name that the table knows.
    is_known: bool,
}

/// What the values say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Supports,
    Silent,
    Contradicts,
}

/// How well a column fits a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// For ranking; higher is better.
    pub rank: f64,
    /// Good enough to be used unseen.
    pub is_sure: bool,
}

impl HeaderWords {
    pub fn of(header: &str) -> HeaderWords {
        let whole = Words::of(header);
        let pieces = parts(header).flat_map(by_script).collect::<Vec<_>>();
        let pieces: Vec<Words> = pieces.iter().map(|piece| Words::of(piece)).collect();
        let other = best(&whole, &OTHER_WORDS);
        let trimmed = header.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = header[trimmed.len()..].parse().ok();
        let numbered = number
            .filter(|_| !trimmed.trim().is_empty())
            .map(|number| (Words::of(trimmed), number));
        HeaderWords {
            is_known: best(&whole, &KNOWN_WORDS) >= BY_NAME,
            is_of_another_person: whole
                .sorted
                .split(' ')
                .any(|word| ANOTHER_PERSON.contains(&word)),
            parts: if pieces.len() > 1 { pieces } else { Vec::new() },
            whole,
            numbered,
            other,
        }
    }

    fn score(&self, goal: &Goal) -> f64 {
        let by_name = best(&self.whole, &goal.names);
        if by_name >= BY_NAME {
            return by_name;
        }
        let by_part = self.parts.iter().map(|part| best(part, &goal.names));
        if by_part.fold(0.0, f64::max) >= BY_NAME {
            return 0.9;
        }
        if let Some((words, number)) = &self.numbered
            && best(words, &goal.names) >= BY_NAME
        {
            // `Mobile 1` is the first choice, `Mobile 2` is none.
            return if *number <= 1 { BY_NAME } else { 0.3 };
        }
        let is_weak = |words: &Words| goal.weak.iter().any(|weak| is_same(words, weak));
        if is_weak(&self.whole) || self.parts.iter().any(is_weak) {
            return BY_WEAK_NAME;
        }
        // What is spelled at least as much like something else is nothing of ours.
        if by_name > self.other { by_name } else { 0.0 }
    }
}

/// `جهة العمل Employer` says it twice: once in each script.
fn by_script(part: &str) -> Vec<String> {
    let is_arabic = |word: &&str| word.chars().any(|c| matches!(c, '\u{600}'..='\u{6ff}'));
    let (arabic, others): (Vec<&str>, Vec<&str>) = part.split_whitespace().partition(is_arabic);
    let mut texts = vec![arabic.join(" "), others.join(" ")];
    texts.retain(|text| text.chars().any(char::is_alphabetic));
    texts
}

/// How well a header and its values fit a goal; none when they do not.
pub(super) fn fit(header: &HeaderWords, profile: &Profile, goal: &Goal) -> Option<Fit> {
    let score = header.score(goal);
    let evidence = evidence(profile, goal);
    let supported = evidence == Evidence::Supports;
    let open = |rank: f64| {
        Some(Fit {
            rank,
            is_sure: false,
        })
    };
    let sure = |rank: f64| {
        Some(Fit {
            rank,
            is_sure: goal.is_certain,
        })
    };
    match evidence {
        Evidence::Contradicts if score >= BY_NAME => open(0.2),
        Evidence::Contradicts => None,
        _ if score >= BY_NAME => sure(if supported { score + 0.05 } else { score }),
        _ if score >= BY_WEAK_NAME => {
            let is_told = supported && values_tell(profile, goal);
            if is_told { sure(0.7) } else { open(0.4) }
        }
        _ if score >= BY_LIKENESS => {
            let is_very_near = score >= BY_LIKENESS + VERY_NEAR;
            let is_free_text = goal.shape == Shape::Any
                && goal.field.as_ref().is_none_or(|f| f.options.is_empty());
            if (supported && values_tell(profile, goal))
                || (is_very_near && (supported || is_free_text))
            {
                sure(score + 0.1)
            } else {
                open(score - 0.1)
            }
        }
        _ if score > 0.0 => open(score),
        // A header that says something else is not overruled.
        _ if supported && values_speak_alone(profile, goal) => {
            if header.other < BY_NAME && !header.is_known && !header.is_of_another_person {
                sure(0.3)
            } else {
                open(0.25)
            }
        }
        _ => None,
    }
}

/// How well words match the best of some names: same, or nearly so spelled.
fn best(words: &Words, names: &[Words]) -> f64 {
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

fn is_same(words: &Words, name: &Words) -> bool {
    words.folded == name.folded || words.joined == name.joined
}

fn evidence(profile: &Profile, goal: &Goal) -> Evidence {
    if profile.count == 0 {
        return Evidence::Silent;
    }
    let judge = |share: f64, enough: f64, least: f64| {
        if share >= enough {
            Evidence::Supports
        } else if share < least {
            Evidence::Contradicts
        } else {
            Evidence::Silent
        }
    };
    if let Some(field) = goal
        .field
        .as_ref()
        .filter(|field| !field.options.is_empty())
    {
        return judge(profile.choices_of(field), 0.6, 0.3);
    }
    if goal.concept == Some("maritalStatus") {
        return judge(translate::marital_share(&profile.distinct), 0.6, 0.3);
    }
    match goal.shape {
        Shape::Phone => judge(profile.phone, 0.8, 0.5),
        Shape::Email => judge(profile.email, 0.8, 0.5),
        Shape::NationalId => judge(profile.national_id, 0.8, 0.5),
        Shape::Date => judge(profile.date, 0.8, 0.5),
        Shape::Number if profile.national_id >= 0.5 || profile.plain_phone >= 0.5 => {
            Evidence::Contradicts
        }
        Shape::Number => judge(profile.number, 0.8, 0.3),
        Shape::Words => judge(profile.words, 0.8, 0.3),
        Shape::Any if profile.email >= 0.8 || profile.national_id >= 0.8 => Evidence::Contradicts,
        Shape::Any => Evidence::Silent,
    }
}

/// Whether supporting values leave no doubt by themselves what they are.
fn values_tell(profile: &Profile, goal: &Goal) -> bool {
    if let Some(field) = goal
        .field
        .as_ref()
        .filter(|field| !field.options.is_empty())
    {
        return profile.choices_of(field) >= 0.9 && profile.distinct.len() >= 2;
    }
    if goal.concept == Some("maritalStatus") {
        return translate::marital_share(&profile.distinct) >= 0.9;
    }
    match goal.shape {
        Shape::Phone => profile.plain_phone >= 0.8,
        Shape::Email | Shape::NationalId => true,
        Shape::Words => goal.concept == Some("fullName") && profile.several_words >= 0.8,
        Shape::Date | Shape::Number | Shape::Any => false,
    }
}

/// Whether values tell what they are though the header says nothing that is known.
fn values_speak_alone(profile: &Profile, goal: &Goal) -> bool {
    let is_told = matches!(goal.shape, Shape::Phone | Shape::Email | Shape::NationalId);
    is_told && values_tell(profile, goal)
}
