//! Reads an e-mail address: one address that a mail server could take, judged pragmatically and not by the whole
//! grammar of the standards.

use super::text::{Given, Reading};
use crate::model::Fault;

/// The longest address and the longest part before the @ that mail servers take, in bytes.
const LONGEST_BYTES: usize = 254;
const LONGEST_NAME_BYTES: usize = 64;
const LONGEST_LABEL_BYTES: usize = 63;

/// Reads a cell as an e-mail address; only its domain is lower-cased.
pub(super) fn read(given: Given<'_>) -> Result<Reading<'static>, Fault> {
    let Given::Text(text) = given else {
        return Err(Fault::EmailNotText);
    };
    let address = unwrapped(text);
    let (name, domain) = address.split_once('@').ok_or(Fault::EmailWithoutAt)?;
    // As it goes out: some letters are two in lower case.
    let lower = domain.to_lowercase();
    let wrong = [
        (domain.contains('@'), Fault::EmailSeveral),
        (address.contains(char::is_whitespace), Fault::EmailSpace),
        (!is_name(name), Fault::EmailName),
        (lower.contains([',', '،', ';']), Fault::EmailComma),
        (!is_domain(&lower), Fault::EmailDomain),
        (address.len() > LONGEST_BYTES, Fault::EmailTooLong),
    ];
    match wrong.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, fault)) => Err(fault),
        None => Ok(Reading::new(
            format!("{name}@{lower}"),
            address.len() != text.len(),
        )),
    }
}

/// The address without a link's `mailto:` and a list's trailing separator.
fn unwrapped(text: &str) -> &str {
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &text[7..],
        _ => text,
    };
    text.trim_end_matches([';', ',', '،', '؛']).trim()
}

fn is_name(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let has_stray_dot = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    (1..=LONGEST_NAME_BYTES).contains(&name.len()) && !has_stray_dot && name.bytes().all(is_allowed)
}

fn is_domain(domain: &str) -> bool {
    let last = domain.rsplit_once('.').map_or("", |(_, last)| last);
    let ends_in_word = last.chars().count() >= 2 && last.chars().any(|c| !c.is_ascii_digit());
    ends_in_word && domain.split('.').all(is_label)
}

/// Whether a part of a domain is one, international ones included.
fn is_label(label: &str) -> bool {
    let is_allowed =
        |c: char| c == '-' || c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric());
    (1..=LONGEST_LABEL_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(is_allowed)
}
