//! Templates of nothing but text and columns, as nearly all are: put together without running anything.

use std::borrow::Cow;

/// More pieces than anybody writes; far fewer than the engine's limits could stop.
const MOST_PIECES: usize = 1_000;

/// A template's text and columns, one after the other.
#[derive(Debug)]
pub(crate) struct PlainTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// The place of a column among the template's own.
    Column(usize),
}

impl PlainTemplate {
    /// Takes a template apart; `None` unless it is made of text and `{{ row['Column'] }}` alone.
    pub fn of(source: &str, columns: &[String]) -> Option<Self> {
        // Line breaks at the end are the engine's business, as is what is escaped in strings.
        if source.contains(|c: char| c.is_control() || c == '\\') {
            return None;
        }
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once("{{") {
            push_text(&mut pieces, text)?;
            let (code, after) = after.split_once("}}")?;
            let name = column_in(code)?;
            let place = columns.iter().position(|column| column == name)?;
            pieces.push(Piece::Column(place));
            rest = after;
        }
        push_text(&mut pieces, rest)?;
        (pieces.len() <= MOST_PIECES).then_some(PlainTemplate { pieces })
    }

    /// The text over the values of the template's columns.
    pub fn fill(&self, values: &[Cow<'_, str>]) -> String {
        let parts = || {
            self.pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Column(place) => values.get(*place).map_or("", |value| value),
            })
        };
        let mut filled = String::with_capacity(parts().map(str::len).sum());
        filled.extend(parts());
        filled
    }
}

/// Text outside of marks; none of it may be part of one.
fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Option<()> {
    if text.contains(['{', '}']) {
        return None;
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
    Some(())
}

/// The column's name in `row['…']` or `row["…"]`.
fn column_in(code: &str) -> Option<&str> {
    let quoted = code
        .trim_matches(' ')
        .strip_prefix("row[")?
        .strip_suffix(']')?;
    let unquoted = |quote: char| quoted.strip_prefix(quote)?.strip_suffix(quote);
    let name = unquoted('\'').or_else(|| unquoted('"'))?;
    (!name.contains(['\'', '"'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Template, Templates, columns_of};
    use super::*;

    /// Sources of pieces that are plain, of pieces that are not, and of marks torn apart.
    fn source() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(vec![
            "{{ row['A'] }}",
            "{{row[\"المدينة\"]}}",
            "{{ row['A b'] }}",
            "{{ row['A'] }}",
            ", ",
            " ",
            "شارع",
            "<b> & \"q\" 'x'",
            "{{- row['A'] -}}",
            "{{ row['A']|upper }}",
            "{{ row.A }}",
            "{{ row['A'] ~ row['B'] }}",
            "{{ row['\\u0041'] }}",
            "{% if row['A'] %}",
            "{% endif %}",
            "{# row['C'] #}",
            "\n",
            "\r\n",
            "\\",
            "{",
            "}",
            "{{",
            "}}",
            "row['A']",
        ]);
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_plain_template_gives_what_the_engine_gives(source in source(), values in proptest::collection::vec("[ -~ء-ي\n]{0,4}", 4)) {
            let Ok(columns) = columns_of(&source) else {
                prop_assert!(PlainTemplate::of(&source, &["A".to_owned()]).is_none(), "{}", source);
                return Ok(());
            };
            let values: Vec<Cow<'_, str>> = values.iter().take(columns.len()).map(Cow::from).collect();
            if let Some(plain) = PlainTemplate::of(&source, &columns) {
                let mut templates = Templates::new();
                let compiled = templates.compile(&source, &columns).expect("a valid template");
                let rendered = templates.render(&compiled, &values);
                prop_assert_eq!(Ok(plain.fill(&values)), rendered, "{}", source);
            }
        }
    }

    #[test]
    fn text_and_columns_are_plain_and_anything_else_is_not() {
        let columns = ["A".to_owned(), "المدينة".to_owned()];
        let is_plain = |source| PlainTemplate::of(source, &columns).is_some();
        for source in [
            "{{ row['A'] }}, {{ row[\"المدينة\"] }}",
            "{{row['A']}}{{row['A']}}",
            "text",
        ] {
            assert!(is_plain(source), "{source}");
            let template = Templates::new().add(source, &columns);
            assert!(matches!(template, Some(Template::Plain(_))), "{source}");
        }
        for source in [
            "{{ row['B'] }}",
            "{{ row['A']|upper }}",
            "{{- row['A'] }}",
            "{{ row['A'] ~ row['A'] }}",
            "{% if row['A'] %}x{% endif %}",
            "{{ row['A'] }}\n",
            "{{{ row['A'] }}}",
            "{# note #}{{ row['A'] }}",
        ] {
            assert!(!is_plain(source), "{source}");
        }
    }
}
