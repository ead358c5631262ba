//! Reads and writes dates in the plain forms that nearly every sheet has: `%d`, `%m` and `%Y`, each with all its digits.
//!
//! Only what strptime and strftime would do just so; whatever is less plain, and every refusal, is theirs.

use jiff::civil;

/// The date in a text that has the form's marks and digits exactly; `None` says nothing about the text.
pub fn plain_date(text: &str, format: &str) -> Option<civil::Date> {
    let (mut year, mut month, mut day) = (None, None, None);
    let mut rest = text.as_bytes();
    let mut marks = format.bytes();
    while let Some(mark) = marks.next() {
        if mark != b'%' {
            rest = rest.strip_prefix(&[mark])?;
            continue;
        }
        let (part, width) = match marks.next()? {
            b'Y' => (&mut year, 4),
            b'm' => (&mut month, 2),
            b'd' => (&mut day, 2),
            _ => return None,
        };
        let (digits, after) = rest.split_at_checked(width)?;
        if part.replace(number(digits)?).is_some() {
            return None;
        }
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let (month, day) = (i8::try_from(month?).ok()?, i8::try_from(day?).ok()?);
    civil::Date::new(year?, month, day).ok()
}

/// The date in a form of plain parts; `None` when the form has others.
pub(super) fn written(date: civil::Date, format: &str) -> Option<String> {
    let century = u8::try_from(date.year() / 100).ok()?;
    let year = u8::try_from(date.year() % 100).ok()?;
    let mut text = String::with_capacity(format.len() + 2);
    let mut marks = format.chars();
    while let Some(mark) = marks.next() {
        if mark != '%' {
            text.push(mark);
            continue;
        }
        match marks.next()? {
            'Y' => {
                push_pair(&mut text, century);
                push_pair(&mut text, year);
            }
            'm' => push_pair(&mut text, date.month().unsigned_abs()),
            'd' => push_pair(&mut text, date.day().unsigned_abs()),
            _ => return None,
        }
    }
    Some(text)
}

fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i16::from(digit - b'0'))?;
        Some(number * 10 + digit)
    })
}

/// Two digits of a number below a hundred.
fn push_pair(text: &mut String, number: u8) {
    text.push(char::from(b'0' + number / 10));
    text.push(char::from(b'0' + number % 10));
}

#[cfg(test)]
mod tests {
    use jiff::fmt::strtime;
    use proptest::prelude::*;

    use super::*;

    /// What strptime makes of a text.
    fn by_strptime(text: &str, format: &str) -> Option<civil::Date> {
        strtime::parse(format, text).ok()?.to_date().ok()
    }

    fn date() -> impl Strategy<Value = civil::Date> {
        (-9999i16..=9999, 1i8..=12, 1i8..=31)
            .prop_filter_map("no such day", |(year, month, day)| {
                civil::Date::new(year, month, day).ok()
            })
    }

    /// Forms of plain parts, of others, and of things that are no parts.
    fn form() -> impl Strategy<Value = String> {
        let plain = "%d[/. -]?%m[/. -]?%Y|%Y[/.-]?%m[/.-]?%d|%m/%d/%Y[ م]{0,2}";
        let any = "((%[dmYyeFBbjHM%]|%[-_0^][dmY]|%3Y|%)[/. م-]?){0,5}";
        prop_oneof![plain, any]
    }

    #[test]
    fn every_day_of_two_centuries_reads_and_writes_as_itself() {
        let first = civil::date(1900, 1, 1);
        for day in first.series(jiff::ToSpan::days(1)).take(73_414) {
            let text = written(day, "%d/%m/%Y").expect("a plain form");
            assert_eq!(plain_date(&text, "%d/%m/%Y"), Some(day));
            let iso = written(day, "%Y-%m-%d").expect("a plain form");
            assert_eq!(iso, day.to_string());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_what_strftime_writes(date in date(), form in form()) {
            if let Some(text) = written(date, &form) {
                prop_assert_eq!(Some(text), strtime::format(&form, date).ok());
            }
        }

        #[test]
        fn what_is_read_is_what_strptime_reads(date in date(), form in form(), text in "[0-9]{1,2}[/. -]{0,2}[0-9]{1,2}[/. -]{0,2}[+-]?[0-9]{1,5} ?|[0-9]{8}") {
            let written = strtime::format(&form, date).unwrap_or_default();
            for text in [&text, &written] {
                if let Some(read) = plain_date(text, &form) {
                    prop_assert_eq!(Some(read), by_strptime(text, &form), "{} {}", text, form);
                }
            }
        }
    }

    #[test]
    fn what_is_less_plain_is_left_to_strptime() {
        for (text, form) in [
            ("1/2/2024", "%d/%m/%Y"),
            ("01/02/2024 ", "%d/%m/%Y"),
            ("01/02/24", "%d/%m/%y"),
            ("31/02/2024", "%d/%m/%Y"),
            ("01/01/02/2024", "%d/%d/%m/%Y"),
            ("02/2024", "%m/%Y"),
        ] {
            assert_eq!(plain_date(text, form), None, "{text} {form}");
        }
    }
}
