//! Reads an e-mail address: one address that a mail server could take, judged pragmatically and not by the whole
//! grammar of the standards.

use super::text::{Fault, Given, Reading};
use crate::model::ProblemCode;

/// The longest address and the longest part before the @ that mail servers take, in bytes.
const LONGEST_BYTES: usize = 254;
const LONGEST_LOCAL_BYTES: usize = 64;
const LONGEST_LABEL_BYTES: usize = 63;

/// Reads a cell as an e-mail address; only its domain is lower-cased.
pub(super) fn read(given: Given<'_>) -> Result<Reading<'_>, Fault> {
    let Given::Text(text) = given else {
        return Err(invalid(
            "The cell holds no e-mail address; type it as text.",
        ));
    };
    from_text(text)
}

fn from_text(text: &str) -> Result<Reading<'static>, Fault> {
    let address = unwrapped(text);
    let (local, domain) = parts(address)?;
    check_local(local)?;
    // As it goes out: some letters are two in lower case.
    let domain = domain.to_lowercase();
    check_domain(&domain)?;
    if address.len() > LONGEST_BYTES {
        return Err(invalid(
            "The e-mail address is longer than any mail server takes; check it.",
        ));
    }
    Ok(Reading::new(
        format!("{local}@{domain}"),
        address.len() != text.len(),
    ))
}

/// The address without a link's `mailto:` and a list's trailing separator.
fn unwrapped(text: &str) -> &str {
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &text[7..],
        _ => text,
    };
    text.trim_end_matches([';', ',', '،', '؛']).trim()
}

fn parts(address: &str) -> Result<(&str, &str), Fault> {
    let Some((local, domain)) = address.split_once('@') else {
        return Err(invalid(
            "The e-mail address has no @; write it as name@example.com.",
        ));
    };
    if domain.contains('@') {
        return Err(invalid(
            "The cell holds more than one @; leave one e-mail address.",
        ));
    }
    if address.contains(char::is_whitespace) {
        return Err(invalid(
            "The e-mail address has a space in it; remove it, or whatever else stands in the cell.",
        ));
    }
    Ok((local, domain))
}

fn check_local(local: &str) -> Result<(), Fault> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let has_stray_dot = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if local.is_empty()
        || local.len() > LONGEST_LOCAL_BYTES
        || has_stray_dot
        || !local.bytes().all(is_allowed)
    {
        return Err(invalid(
            "The part before the @ is not that of an e-mail address; check it for wrong characters and dots.",
        ));
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), Fault> {
    if domain.contains([',', '،', ';']) {
        return Err(invalid(
            "The part after the @ has a comma in it; a dot belongs there, as in example.com.",
        ));
    }
    let labels = || domain.split('.');
    let ends_in_word = labels()
        .next_back()
        .is_some_and(|last| last.chars().count() >= 2 && last.chars().any(|c| !c.is_ascii_digit()));
    if labels().count() < 2 || !labels().all(is_label) || !ends_in_word {
        return Err(invalid(
            "The part after the @ is not a mail domain; write it as in name@example.com.",
        ));
    }
    Ok(())
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

fn invalid(message: &str) -> Fault {
    Fault::new(ProblemCode::EmailInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_name_and_lower_their_domain() {
        for (text, address, repaired) in [
            ("mona@example.com", "mona@example.com", false),
            ("Mona.Adel+x@EXAMPLE.Com", "Mona.Adel+x@example.com", false),
            ("m@sub.example.co.uk", "m@sub.example.co.uk", false),
            ("m@موقع.مصر", "m@موقع.مصر", false),
            ("m@xn--4gbrim.xn--wgbh1c", "m@xn--4gbrim.xn--wgbh1c", false),
            ("MAILTO:mona@example.com;", "mona@example.com", true),
            ("mona@example.com ,", "mona@example.com", true),
        ] {
            let expected = Reading::new(address, repaired);
            assert_eq!(read(Given::Text(text)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_no_server_takes_is_refused() {
        let long = format!(
            "{}@example.com|m@{}com",
            "x".repeat(65),
            "abcdefgh.".repeat(30)
        );
        let wrong = "mona|mona@|@example.com|mona@example|mona@@example.com|a@b.com;c@d.com|a@b.com c@d.com|mona adel@example.com|\
            mona@exam ple.com|mona@gmail,com|mona@-a.com|mona@a..com|.m@example.com|m.@example.com|m..n@example.com|منى@example.com|\
            Mona <mona@example.com>|mona@1.2.3.4|mona@example.c|mona@exa_mple.com|mona@İa.com|;";
        for text in wrong.split('|').chain(long.split('|')) {
            let fault = read(Given::Text(text)).expect_err(text);
            assert_eq!(fault.code, ProblemCode::EmailInvalid, "{text}");
            assert!(text.len() < 4 || !fault.message.contains(text), "{text}");
        }
        assert!(read(Given::Number(1.0)).is_err());
    }
}
