//! Everything that is wrong with a config, each with its place, and how a person gets to see it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::secrets;
use crate::error::{Error, Excerpt};

/// The TOML as it was read: its name and its text, kept to show lines of it. Does not print the text by accident, since a
/// secret may stand in it against the rules.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    pub file_name: Arc<str>,
    pub text: Arc<str>,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file_name)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, as a byte range of the TOML; none when the fault is in no line (a file without headers, say).
    pub span: Option<Range<usize>>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the line holds a secret, so that it is named by its number and never shown.
    pub is_secret: bool,
}

impl ConfigProblem {
    /// A problem at a place.
    pub(crate) fn at(span: &Range<usize>, message: impl Into<String>) -> Self {
        ConfigProblem {
            span: Some(span.clone()),
            ..ConfigProblem::nowhere(message)
        }
    }

    /// A problem that no line is to blame for.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        ConfigProblem {
            message: message.into(),
            span: None,
            hint: None,
            is_secret: false,
        }
    }

    /// The same with advice.
    pub(crate) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same, its line kept from sight.
    pub(crate) fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }
}

/// Why a config cannot be used: every problem of it, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// All of them; never empty.
    pub problems: Vec<ConfigProblem>,
    origin: Origin,
}

impl ConfigErrors {
    pub(crate) fn new(mut problems: Vec<ConfigProblem>, origin: Origin) -> Self {
        problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
        ConfigErrors { problems, origin }
    }

    /// All problems as text: each line of the TOML shown with a pointer below it, lines with secrets named only.
    pub fn render(&self, styled: bool) -> String {
        let renderer = renderer(styled);
        let texts: Vec<String> = self
            .problems
            .iter()
            .map(|problem| self.render_one(problem, &renderer))
            .collect();
        texts.join("\n\n")
    }

    fn error(&self, problem: &ConfigProblem) -> Error {
        Error {
            hint: problem.hint.clone(),
            excerpt: Some(Box::new(Excerpt {
                plain: self.render_one(problem, &renderer(false)),
                styled: self.render_one(problem, &renderer(true)),
            })),
            ..Error::unusable("config_invalid", problem.message.clone())
        }
    }

    fn render_one(&self, problem: &ConfigProblem, renderer: &Renderer) -> String {
        let text = &*self.origin.text;
        let place = problem.span.as_ref().map(|span| on_one_line(text, span));
        let shown = place
            .as_ref()
            .filter(|span| !problem.is_secret && !secrets::line_may_hold_one(text, span.start));
        let title = match (&place, shown) {
            (Some(span), None) => format!(
                "{}, line {}: {}",
                self.origin.file_name,
                line_number(text, span.start),
                problem.message
            ),
            _ => problem.message.clone(),
        };
        let mut group = match shown {
            Some(span) => Group::with_title(Level::ERROR.primary_title(title.as_str())).element(
                Snippet::source(text)
                    .path(&*self.origin.file_name)
                    .annotation(AnnotationKind::Primary.span(span.clone())),
            ),
            None => Group::with_title(Level::ERROR.primary_title(title.as_str())),
        };
        if let Some(hint) = &problem.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        renderer.render(&[group])
    }
}

fn renderer(styled: bool) -> Renderer {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.decor_style(DecorStyle::Ascii)
}

/// A span cut to its first line, so that no neighbouring line is drawn into the picture; never empty at a line's start
/// alone, and always on character boundaries.
fn on_one_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor_boundary(text, span.start.min(text.len()));
    let line_end = text[start..]
        .find(['\n', '\r'])
        .map_or(text.len(), |at| start + at);
    let end = floor_boundary(text, span.end.clamp(start, line_end));
    start..end
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_number(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigErrors> for Error {
    fn from(errors: ConfigErrors) -> Error {
        let mut all = errors.problems.iter().map(|problem| errors.error(problem));
        let first = all
            .next()
            .unwrap_or_else(|| Error::unusable("config_invalid", "The config cannot be used."));
        Error {
            others: all.collect(),
            ..first
        }
    }
}
