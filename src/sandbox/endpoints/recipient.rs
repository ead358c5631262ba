//! The forms that a recipient must have: E.164 and an e-mail address. Whether anybody answers there is not asked.

/// A plus, then 8 to 15 digits of which the first is no zero.
pub(super) fn is_e164(phone: &str) -> bool {
    phone.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// One `@`, something before it, a domain with a dot behind it, no white space.
pub(super) fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else {
        return false;
    };
    let has_dot = domain
        .split_once('.')
        .is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty() && !rest.ends_with('.'));
    !local.is_empty()
        && has_dot
        && !domain.contains('@')
        && email.len() <= 254
        && !email
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_e164_or_refused() {
        for phone in ["+201012345678", "+12025550123", "+12345678"] {
            assert!(is_e164(phone), "{phone}");
        }
        for phone in [
            "",
            "+",
            "201012345678",
            "01012345678",
            "+0201012345",
            "+2010 1234567",
            "+٢٠١٠١٢٣٤٥٦٧",
            "+1234567",
            "+1234567890123456",
        ] {
            assert!(!is_e164(phone), "{phone}");
        }
    }

    #[test]
    fn addresses_have_their_form_or_are_refused() {
        for email in ["mona@example.com", "a.b+c@d.co.uk", "منى@مثال.مصر"] {
            assert!(is_email(email), "{email}");
        }
        for email in [
            "",
            "mona",
            "mona@",
            "@example.com",
            "mona@example",
            "mona@example.",
            "a@b@c.d",
            "mo na@example.com",
        ] {
            assert!(!is_email(email), "{email}");
        }
    }
}
