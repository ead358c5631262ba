//! Reads a yes or a no, in English, Arabic or digits.

use super::{Fault, Given, Reading};
use crate::mapping::names::fold_choice;
use crate::model::ProblemCode;

/// Reads a cell as `true` or `false`.
pub(super) fn read(given: Given<'_>) -> Result<Reading<'static>, Fault> {
    let answer = match given {
        Given::Boolean(boolean) => Some(boolean),
        Given::Text(text) => answer(&fold_choice(text)),
        Given::Number(1.0) => Some(true),
        Given::Number(0.0) => Some(false),
        Given::Number(_) | Given::Date(_) => None,
    };
    match answer {
        Some(yes) => Ok(Reading::new(if yes { "true" } else { "false" }, false)),
        None => Err(Fault::new(
            ProblemCode::BooleanInvalid,
            "The cell is neither a yes nor a no; write true or false, yes or no, 1 or 0, نعم or لا.",
        )),
    }
}

fn answer(folded: &str) -> Option<bool> {
    match folded {
        "true" | "yes" | "1" | "نعم" => Some(true),
        "false" | "no" | "0" | "لا" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promised_word_is_understood() {
        let yes = ["true", "TRUE", "Yes", "yEs", "1", "نعم", "نَعَم", "١"];
        let no = ["false", "False", "NO", "0", "لا", "\u{FEFB}", "۰"];
        for (words, text) in [(&yes[..], "true"), (&no[..], "false")] {
            for word in words {
                assert_eq!(
                    read(Given::Text(word)).expect("readable").text,
                    text,
                    "{word}"
                );
            }
        }
        assert_eq!(read(Given::Boolean(true)).expect("readable").text, "true");
        assert_eq!(read(Given::Number(0.0)).expect("readable").text, "false");
        assert_eq!(read(Given::Number(-0.0)).expect("readable").text, "false");
    }

    #[test]
    fn anything_else_is_refused() {
        for word in ["maybe", "y", "2", "10", "yes no", "-"] {
            let fault = read(Given::Text(word)).expect_err("refused");
            assert_eq!(fault.code, ProblemCode::BooleanInvalid, "{word}");
        }
        assert!(read(Given::Number(2.0)).is_err());
        assert!(read(Given::Number(0.5)).is_err());
    }
}
