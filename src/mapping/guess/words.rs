//! Reduces a header to the words that say what the column is about.

use crate::mapping::names::{self, fold};

/// Abbreviations, and what they stand for.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("no", "number"),
    ("nr", "number"),
    ("num", "number"),
    ("nbr", "number"),
    ("mob", "mobile"),
    ("mobil", "mobile"),
    ("tel", "telephone"),
    ("telno", "telephone number"),
    ("ph", "phone"),
    ("phn", "phone"),
    ("addr", "address"),
    ("add", "address"),
    ("adr", "address"),
    ("nat", "national"),
    ("natl", "national"),
    ("nid", "national id"),
    ("cust", "customer"),
    ("cus", "customer"),
    ("cst", "customer"),
    ("clt", "client"),
    ("app", "applicant"),
    ("appl", "applicant"),
    ("fname", "first name"),
    ("lname", "last name"),
    ("fullname", "full name"),
    ("nm", "name"),
    ("dob", "date of birth"),
    ("bdate", "birth date"),
    ("birthdate", "birth date"),
    ("bday", "birth date"),
    ("dt", "date"),
    ("sal", "salary"),
    ("inc", "income"),
    ("mth", "monthly"),
    ("mthly", "monthly"),
    ("mon", "monthly"),
    ("mo", "monthly"),
    ("emp", "employer"),
    ("empl", "employer"),
    ("co", "company"),
    ("comp", "company"),
    ("mar", "marital"),
    ("mrtl", "marital"),
    ("stat", "status"),
    ("sts", "status"),
    ("amt", "amount"),
    ("curr", "currency"),
    ("cur", "currency"),
    ("ccy", "currency"),
    ("cty", "city"),
    ("eml", "email"),
    ("gndr", "gender"),
    ("nme", "name"),
    ("govt", "governorate"),
    ("ref", "reference"),
    ("acct", "account"),
    ("acc", "account"),
];

/// Words that say whose column it is, or nothing at all.
const NOISE: &[&str] = &[
    "customer",
    "customers",
    "custmer",
    "costumer",
    "client",
    "clients",
    "applicant",
    "borrower",
    "lessee",
    "subscriber",
    "beneficiary",
    "contact",
    "lead",
    "primary",
    "main",
    "the",
    "of",
    "s",
    "your",
    "his",
    "her",
    "their",
    "please",
    "enter",
    "egp",
    "le",
    "عميل",
    "مقدم",
    "طلب",
    "مقترض",
    "مستاجر",
    "مستفيد",
    "خاص",
    "ب",
    "برجاء",
    "ادخال",
    "ادخل",
    "جنيه",
    "بالجنيه",
    "للعميل",
    "بالعميل",
];

/// A header in a form for comparing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words {
    /// In order, abbreviations written out, noise gone.
    pub joined: String,
    /// The same in the order of the alphabet: `name full` is `full name`.
    pub sorted: String,
    /// As it stood, folded.
    pub folded: String,
}

impl Words {
    pub fn of(text: &str) -> Words {
        let all: Vec<String> = pieces(text)
            .iter()
            .flat_map(|piece| written_out(piece))
            .collect();
        let telling: Vec<String> = all
            .iter()
            .filter(|word| !NOISE.contains(&word.as_str()))
            .cloned()
            .collect();
        // A header of nothing but noise says just that: whose column it is.
        let mut words = if telling.is_empty() { all } else { telling };
        let joined = words.concat();
        words.sort_unstable();
        Words {
            joined,
            sorted: words.join(" "),
            folded: fold(text),
        }
    }
}

fn written_out(piece: &str) -> Vec<String> {
    let expanded = ABBREVIATIONS
        .iter()
        .find(|(short, _)| *short == piece)
        .map_or(piece, |(_, long)| long);
    expanded.split(' ').map(bare).collect()
}

/// Without the Arabic article, which people set or leave.
fn bare(word: &str) -> String {
    let is_long = word.chars().count() > 4;
    let without = word
        .strip_prefix("ال")
        .or_else(|| word.strip_prefix("وال"))
        .or_else(|| word.strip_prefix("بال"));
    match without {
        Some(rest) if is_long => rest.to_owned(),
        _ => word.to_owned(),
    }
}

/// The words of a text, folded: parted by anything that is no letter, by capitals inside, and between letters and digits.
fn pieces(text: &str) -> Vec<String> {
    let text = text
        .replace(['\'', '’'], "")
        .replace("e-mail", "email")
        .replace("E-mail", "email");
    let text = text.replace("E-Mail", "email").replace("E-MAIL", "email");
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut before = ' ';
    for c in text.chars() {
        let ends = !c.is_alphanumeric() && !is_mark(c)
            || (c.is_uppercase() && before.is_lowercase())
            || (c.is_numeric() != before.is_numeric() && before.is_alphanumeric());
        if ends && !piece.is_empty() {
            pieces.push(fold(&piece));
            piece.clear();
        }
        if c.is_alphanumeric() || is_mark(c) {
            piece.push(c);
        }
        if !is_mark(c) {
            before = c;
        }
    }
    if !piece.is_empty() {
        pieces.push(fold(&piece));
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// What stands inside words and is no letter.
fn is_mark(c: char) -> bool {
    names::is_mark(c) || names::is_invisible(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_mean_the_same_have_the_same_words() {
        for (one, other) in [
            ("Customer Full Name", "full name"),
            ("Cust. Mobile No.", "Mobile Number"),
            ("MobileNumber", "mobile_number"),
            ("Client's E-mail", "email"),
            ("رقم موبايل العميل", "رقم الموبايل"),
            ("الرقـم القَومي", "رقم قومى"),
            ("DOB", "Date of Birth"),
            ("EGP Monthly Income", "monthly income"),
        ] {
            assert_eq!(Words::of(one).joined, Words::of(other).joined, "{one}");
        }
        assert_eq!(
            Words::of("Name, full").sorted,
            Words::of("full name").sorted
        );
        assert_ne!(Words::of("Customer").joined, "", "noise alone stays");
    }
}
