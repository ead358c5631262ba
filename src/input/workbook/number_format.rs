//! Number formats that show digits which the number itself does not have: `00000000000` and `"0"0` give a phone its
//! leading zero back on the screen, and only there. All other formats are of no interest here.

/// Above this, a double no longer holds every integer, so zeros would decorate a rounded number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A format made of digit places and literal characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DigitFormat {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    /// `0`: a digit, or zero.
    Digit,
    /// `#` and `?`: a digit, or nothing.
    Optional,
    Literal(char),
}

impl DigitFormat {
    /// Understands a format code, if it is of this kind and can show a zero that the number lacks.
    pub(super) fn parse(code: &str) -> Option<DigitFormat> {
        let mut pieces = Vec::new();
        let mut rest = code.chars();
        while let Some(c) = rest.next() {
            match c {
                // Only the part for positive numbers matters.
                ';' => break,
                '0' => pieces.push(Piece::Digit),
                '#' | '?' => pieces.push(Piece::Optional),
                '"' => pieces.extend(rest.by_ref().take_while(|&c| c != '"').map(Piece::Literal)),
                '\\' => pieces.push(Piece::Literal(rest.next()?)),
                // A filler or a space of some width.
                '_' | '*' => {
                    rest.next()?;
                }
                '[' => {
                    let tag: String = rest.by_ref().take_while(|&c| c != ']').collect();
                    // A condition chooses between parts, and h, m, s in brackets are times.
                    if tag.starts_with(['<', '>', '=', 'h', 'H', 'm', 'M', 's', 'S'])
                        && !is_colour(&tag)
                    {
                        return None;
                    }
                }
                ' ' | '-' | '+' | '(' | ')' | ':' => pieces.push(Piece::Literal(c)),
                _ => return None,
            }
        }
        let digits = pieces
            .iter()
            .filter(|&&piece| piece == Piece::Digit)
            .count();
        let adds_zero = digits > 1 || pieces.contains(&Piece::Literal('0'));
        let has_place = pieces
            .iter()
            .any(|piece| !matches!(piece, Piece::Literal(_)));
        (adds_zero && has_place).then_some(DigitFormat { pieces })
    }

    /// The number as the format shows it, when that has digits which the number lacks.
    pub(super) fn with_zeros(&self, number: f64) -> Option<String> {
        if !(0.0..MAX_EXACT).contains(&number) || number.fract() != 0.0 {
            return None;
        }
        let plain = format!("{number}");
        let shown = self.show(&plain);
        let digits = shown.chars().filter(char::is_ascii_digit);
        (!digits.eq(plain.chars())).then_some(shown)
    }

    /// Fills the places from the right; digits without a place go before the first one.
    fn show(&self, plain: &str) -> String {
        let mut left: Vec<char> = plain.chars().collect();
        let mut backwards = Vec::new();
        let first_place = self
            .pieces
            .iter()
            .position(|piece| !matches!(piece, Piece::Literal(_)));
        for (index, piece) in self.pieces.iter().enumerate().rev() {
            match piece {
                Piece::Literal(c) => backwards.push(*c),
                Piece::Digit => backwards.push(left.pop().unwrap_or('0')),
                Piece::Optional => backwards.extend(left.pop()),
            }
            if Some(index) == first_place {
                backwards.extend(left.drain(..).rev());
            }
        }
        let shown: String = backwards.iter().rev().collect();
        shown.trim().to_owned()
    }
}

fn is_colour(tag: &str) -> bool {
    ["magenta"]
        .iter()
        .any(|colour| tag.eq_ignore_ascii_case(colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_a_person_sees_are_kept() {
        for (code, number, shown) in [
            ("00000000000", 1_012_345_678.0, Some("01012345678")),
            ("\"0\"0", 1_012_345_678.0, Some("01012345678")),
            ("\\0#", 1_012_345_678.0, Some("01012345678")),
            ("\"0\"##########", 1_012_345_678.0, Some("01012345678")),
            ("000-0000-0000", 1_012_345_678.0, Some("010-1234-5678")),
            ("[$-409]00000;@", 42.0, Some("00042")),
            ("[Red]000", 7.0, Some("007")),
            ("\"+20\"0", 1_012_345_678.0, Some("+201012345678")),
            // Nothing is added, so the number speaks for itself.
            ("00000", 123_456.0, None),
            ("0", 7.0, None),
            ("General", 7.0, None),
            ("0.00", 7.0, None),
            ("#,##0", 7000.0, None),
            ("000", 1.5, None),
            ("000", -1.0, None),
            ("00000000000000000000", 1e17, None),
            ("[<=9999999]000-0000;(000) 000-0000", 1.0, None),
            ("yyyy\\-mm\\-dd", 45_000.0, None),
            ("[h]:00", 1.0, None),
            ("00%", 1.0, None),
        ] {
            let found = DigitFormat::parse(code).and_then(|format| format.with_zeros(number));
            assert_eq!(found.as_deref(), shown, "{code} {number}");
        }
    }
}
