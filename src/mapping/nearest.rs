//! The right name that a wrong one most resembles.

use super::fold::fold;

/// Below this likeness a suggestion would be noise.
const LIKE_ENOUGH: f64 = 0.8;

/// The candidate that looks most like `name`, if one looks like it at all.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (likeness(&wanted, &fold(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// How much two folded names are alike, from 0 to 1.
pub(crate) fn likeness(wanted: &str, candidate: &str) -> f64 {
    if wanted.is_empty() || candidate.is_empty() {
        return 0.0;
    }
    strsim::jaro_winkler(wanted, candidate)
        .max(strsim::normalized_damerau_levenshtein(wanted, candidate))
}

/// A hint that offers the nearest name, else nothing.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, candidates).map(|found| format!("did you mean `{found}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_strangers_are_not() {
        let names = ["Customer name", "Mobile", "الاسم الأول", "E-mail"];
        for (wrong, right) in [
            ("Custmer name", Some("Customer name")),
            ("Moblie", Some("Mobile")),
            ("الاسم الاولى", Some("الاسم الأول")),
            ("email address", Some("E-mail")),
            ("Branch", None),
        ] {
            assert_eq!(nearest(wrong, names), right, "{wrong}");
        }
    }
}
