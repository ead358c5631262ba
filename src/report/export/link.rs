//! `[result] link`: the tenant's own address, made from a row's session token.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::error::Error;
use crate::model::RowNumber;

/// A link template, compiled once. It knows `token` (percent-encoded) and `row`, and nothing else.
pub struct LinkTemplate {
    environment: Environment<'static>,
}

const NAME: &str = "link";
const KNOWN: [&str; 2] = ["token", "row"];
/// Ample for a link; an endless loop ends.
const FUEL: u64 = 10_000;

impl LinkTemplate {
    /// Reads a template such as `https://onboard.example/start?session={{ token }}`.
    pub fn parse(text: &str) -> Result<LinkTemplate, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment
            .add_template_owned(NAME, text.to_owned())
            .map_err(|error| refused(&error))?;
        let template = environment
            .get_template(NAME)
            .map_err(|error| refused(&error))?;
        let used = template.undeclared_variables(false);
        if let Some(unknown) = used.iter().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(invalid(&format!(
                "it uses {unknown:?}, which is not known here"
            )));
        }
        if !used.contains("token") {
            return Err(invalid(
                "it does not use {{ token }}, so every link would be the same",
            ));
        }
        let link = LinkTemplate { environment };
        link.render("token", RowNumber(2))?;
        Ok(link)
    }

    pub(super) fn render(&self, token: &str, row: RowNumber) -> Result<String, Error> {
        self.environment
            .get_template(NAME)
            .and_then(|template| {
                template.render(context! { token => percent_encoded(token), row => row.0 })
            })
            .map_err(|error| refused(&error))
    }
}

impl std::fmt::Debug for LinkTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkTemplate")
    }
}

/// Only the kind of the error: its detail may quote values.
fn refused(error: &minijinja::Error) -> Error {
    let kind = error.kind();
    match error.line() {
        Some(line) if line > 1 => invalid(&format!("{kind} in its line {line}")),
        _ => invalid(&kind.to_string()),
    }
}

fn invalid(why: &str) -> Error {
    Error::unusable("link_template_invalid", format!("[result] link cannot be used: {why}."))
        .hint("Write it like \"https://onboard.example/start?session={{ token }}\"; {{ row }} is known as well.")
}

/// RFC 3986: everything but the unreserved characters is escaped, so that a token fits in a path and in a query.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_escaped_for_the_address() {
        for (template, token, link) in [
            (
                "https://x.example/s?session={{ token }}",
                "abc-1._~",
                "https://x.example/s?session=abc-1._~",
            ),
            (
                "https://x.example/{{token}}",
                "a+b/c=&?#",
                "https://x.example/a%2Bb%2Fc%3D%26%3F%23",
            ),
            (
                "https://x.example/{{ row }}/{{ token }}",
                "م",
                "https://x.example/7/%D9%85",
            ),
        ] {
            assert_eq!(
                LinkTemplate::parse(template)
                    .unwrap()
                    .render(token, RowNumber(7))
                    .unwrap(),
                link
            );
        }
    }

    #[test]
    fn a_template_that_cannot_work_is_refused_when_it_is_read() {
        for (template, part) in [
            ("https://x.example/{{ tokn }}", "\"tokn\""),
            ("https://x.example/{{ token }}/{{ phone }}", "\"phone\""),
            ("https://x.example/", "every link would be the same"),
            ("https://x.example/{{ token", "syntax error"),
            ("{{ token|nosuch }}", "unknown filter"),
            (
                "{{ token }}{% for i in range(9) %}{% endfor %}",
                "\"range\"",
            ),
        ] {
            let complaint = LinkTemplate::parse(template).unwrap_err();
            assert_eq!(complaint.code, "link_template_invalid");
            assert!(complaint.message.contains(part), "{}", complaint.message);
        }
    }
}
