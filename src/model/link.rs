//! How a row's session token becomes a link.

use std::fmt::Write as _;

use serde::Deserialize;

use super::RowNumber;

/// `[result] link`: the tenant's own address, made from a row's session token. It knows `{{ token }}` (percent-encoded) and
/// `{{ row }}`, and nothing else, so that a link is never much longer than its template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LinkTemplate(String);

impl TryFrom<String> for LinkTemplate {
    type Error = String;

    /// Takes a template such as `https://onboard.example/start?session={{ token }}`.
    fn try_from(text: String) -> Result<Self, String> {
        let mut has_token = false;
        for gap in text.split("{{").skip(1) {
            match gap.split_once("}}").map(|(name, _)| name.trim()) {
                Some("token") => has_token = true,
                Some("row") => {}
                Some(other) => {
                    return Err(invalid(&format!("uses {other:?}, which is not known here")));
                }
                None => return Err(invalid("has a {{ that is not closed by }}")),
            }
        }
        if has_token {
            return Ok(LinkTemplate(text));
        }
        Err(invalid(
            "does not use {{ token }}, so every link would be the same",
        ))
    }
}

impl LinkTemplate {
    pub fn render(&self, token: &str, row: RowNumber) -> String {
        let mut pieces = self.0.split("{{");
        let mut link = pieces.next().unwrap_or_default().to_owned();
        for (name, text) in pieces.filter_map(|piece| piece.split_once("}}")) {
            match name.trim() {
                "token" => link.push_str(&percent_encoded(token)),
                _ => link.push_str(&row.to_string()),
            }
            link.push_str(text);
        }
        link
    }
}

/// What is wrong, and advice.
fn invalid(why: &str) -> String {
    let advice = "write it like \"https://onboard.example/start?session={{ token }}\"; {{ row }} is known as well";
    format!("{why}\n{advice}")
}

/// RFC 3986: everything but the unreserved characters is escaped, so that a token fits in a path and in a query.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(template: &str) -> Result<LinkTemplate, String> {
        LinkTemplate::try_from(template.to_owned())
    }

    #[test]
    fn a_link_has_its_token_escaped_and_a_template_that_cannot_work_is_refused() {
        let link = parsed("https://x.example/{{ row }}/{{ token }}#").unwrap();
        let rendered = link.render("a-1._~+/=&?#", RowNumber(7));
        assert_eq!(rendered, "https://x.example/7/a-1._~%2B%2F%3D%26%3F%23#");
        for (template, part) in [
            ("https://x.example/{{ tokn }}", "\"tokn\""),
            ("https://x.example/", "every link would be the same"),
            ("https://x.example/{{ token", "not closed"),
            ("{{ token|upper }}", "\"token|upper\""),
            ("", "every link would be the same"),
        ] {
            let error = parsed(template).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
