//! What one config leaves open, taken from another as TOML, before it has a type: so that no key of it can be forgotten.

use toml::de::{DeTable, DeValue};

/// Tables that are taken as a whole: their keys are other people's words.
const WHOLE: [&str; 1] = ["fields"];
/// Keys that answer one question: where one of them stands, it leaves none of the others open.
const TOGETHER: [(&str, &[&str]); 2] = [
    ("recipient", &["phone", "email"]),
    ("contract", &["types", "column", "values"]),
];
/// Keys of `[api]` that make an account. Whoever needs it looks it up as one, and only for the address and the tenant that it is kept
/// for.
pub(crate) const ACCOUNT: [&str; 5] = [
    "base_url",
    "tenancy_name",
    "username",
    "api_key_file",
    "password_file",
];

/// Takes what `here` leaves open from the user's own config, key by key.
pub(crate) fn take_what_is_open<'t>(here: &mut DeTable<'t>, own: DeTable<'t>) {
    for (table, mut theirs) in own {
        let name = table.get_ref().to_string();
        if let ("api", DeValue::Table(api)) = (&*name, theirs.get_mut()) {
            for key in ACCOUNT {
                api.remove(key);
            }
        }
        let Some(ours) = here.get_mut(&*name) else {
            here.insert(table, theirs);
            continue;
        };
        if WHOLE.contains(&&*name) {
            continue;
        }
        let (DeValue::Table(ours), DeValue::Table(theirs)) = (ours.get_mut(), theirs.into_inner())
        else {
            continue;
        };
        let is_open = |key: &str| {
            let alike = TOGETHER
                .iter()
                .find(|(of, keys)| *of == name && keys.contains(&key));
            let alike = alike.map_or(&[][..], |(_, keys)| keys);
            !ours.contains_key(key) && !alike.iter().any(|key| ours.contains_key(*key))
        };
        let theirs = theirs.into_iter();
        let open = theirs.filter(|(key, _)| is_open(key.get_ref()));
        let open: Vec<_> = open.collect();
        ours.extend(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Config;

    /// One of these is fit for any key.
    const VALUES: &[&str] = &[
        "\"x\"",
        "7",
        "true",
        "false",
        "\";\"",
        "\"SA\"",
        "\"send\"",
        "\"auth\"",
        "\"resend\"",
        "\"top_level\"",
        "\"https://x.example\"",
        "\"postgres://x/x\"",
        "\"{{ token }}\"",
        "{ a = 7 }\ncolumn = \"x\"",
    ];

    fn over(here: &str, own: &str) -> Config {
        let own = Config::parse(own, "own").expect("a config");
        let mut config = Config::parse_over(here, "here", Some(&own)).expect("a config");
        config.origin = crate::mapping::diagnostics::Origin::default();
        config
    }

    /// The keys that are known in a table, as a key tells that is not.
    fn known(table: &str) -> Vec<String> {
        let error = Config::parse(&format!("{table}\nqqqqqqqq = 1\n"), "x").unwrap_err();
        let hint = error.hint.unwrap_or_default();
        let names = hint.strip_prefix("known here: ").expect("the known keys");
        names.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn every_key_that_is_left_open_is_taken_from_the_users_own_config() {
        let mut keys = 0;
        for table in known("").iter().filter(|table| *table != "fields") {
            for key in known(&format!("[{table}]")) {
                keys += 1;
                let own = |value: &&str| format!("[{table}]\n{key} = {value}\n");
                let own: Vec<String> = VALUES.iter().map(own).collect();
                let mut own = own.iter().filter(|own| Config::parse(own, "own").is_ok());
                let is_account = table == "api" && ACCOUNT.contains(&key.as_str());
                let taken = own.find(|own| is_account || over("", own) != Config::default());
                let own = taken.unwrap_or_else(|| panic!("[{table}] {key} is not looked up"));
                let there_already = over(&format!("[{table}]\n"), own);
                assert_eq!(there_already, over("", own), "[{table}] {key}");
                assert_eq!(is_account, over("", own) == Config::default(), "{key}");
                let here = over(own, own);
                assert_eq!(here, over(own, ""), "[{table}] {key} is said here");
            }
        }
        assert!(keys > 30, "{keys}");
        let fields = "[fields.414]\na = \"A\"\n";
        assert_ne!(over("", fields), Config::default());
    }

    #[test]
    fn what_answers_one_question_is_taken_from_one_config() {
        for (here, own) in [
            ("[recipient]\nphone = \"A\"", "[recipient]\nemail = \"B\""),
            ("[contract]\ncolumn = \"A\"", "[contract]\ntypes = 414"),
            ("[fields.414]\na = \"A\"", "[fields.415]\nb = \"B\""),
        ] {
            assert_eq!(over(here, own), over(here, ""), "{here}");
        }
        let (here, own) = ("[recipient]\nphone = \"A\"\n", "country = \"SA\"\n");
        let both = over(here, &format!("[recipient]\n{own}"));
        assert_eq!(both, over(&format!("{here}{own}"), ""));
    }
}
