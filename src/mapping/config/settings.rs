//! The sections that say how the job runs: where to, how fast, from which sheet, and what becomes of results. What a row
//! becomes is in `rules`.

use toml::de::DeTable;

use super::reader::Reader;

/// `[api]`: where the API is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where the API is; the default is the caller's.
    pub base_url: Option<String>,
    /// The tenant.
    pub tenancy_name: Option<String>,
    /// Where the pre-filled fields sit in the body.
    pub request_fields: RequestFields,
}

/// Where `RequestFieldsValues` sits in the body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RequestFields {
    /// Inside `SessionInput`, as documented.
    #[default]
    Inside,
    /// Beside `SessionInput`.
    TopLevel,
}

/// `[limits]`: how fast, and how often again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Requests in any second.
    pub per_second: Option<u32>,
    /// Requests in any minute.
    pub per_minute: Option<u32>,
    /// Requests on their way at once.
    pub concurrency: Option<u32>,
    /// How long one exchange may take.
    pub timeout_seconds: Option<u64>,
    /// Attempts for one row.
    pub max_attempts: Option<u32>,
    /// Failures in a row that stop the run.
    pub max_consecutive_failures: Option<u32>,
}

/// `[source]`: how to read the sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceConfig {
    /// The sheet's name.
    pub sheet: Option<String>,
    /// The header's row, as a spreadsheet numbers it.
    pub header_row: Option<u32>,
    /// What separates the cells of a CSV file; an ASCII character.
    pub delimiter: Option<char>,
    /// The encoding's name, not yet checked.
    pub encoding: Option<String>,
    /// What to do with hidden rows.
    pub hidden: Option<Hidden>,
}

/// What to do with rows that are hidden or filtered away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// Leave them out.
    Skip,
    /// Treat them as any other row.
    Send,
}

/// `[result]`: what exports add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultConfig {
    /// The template of the link column.
    pub link: Option<String>,
}

/// `[retry]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryConfig {
    /// What to do with uncertain rows.
    pub on_uncertain: OnUncertain,
}

/// What to do with uncertain rows on the next run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUncertain {
    /// Hold them until a person decides.
    #[default]
    Hold,
    /// Send them again.
    Resend,
}

impl ApiConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Self {
        let known = ["base_url", "tenancy_name", "request_fields"];
        let Some(table) = reader.section(root, "api", &known) else {
            return ApiConfig::default();
        };
        let base_url = reader.filled_string(table, "base_url");
        if let Some(url) = &base_url
            && !["https://", "http://"]
                .iter()
                .any(|scheme| url.value.starts_with(scheme))
        {
            reader.complain(
                &url.span,
                "`base_url` must begin with https://",
                "for example \"https://api.vlenseg.com\"".to_owned(),
            );
        }
        let words = [
            ("inside", RequestFields::Inside),
            ("top_level", RequestFields::TopLevel),
        ];
        ApiConfig {
            base_url: base_url.map(|url| url.value),
            tenancy_name: reader
                .filled_string(table, "tenancy_name")
                .map(|name| name.value),
            request_fields: reader
                .one_of(table, "request_fields", &words)
                .unwrap_or_default(),
        }
    }
}

impl LimitsConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Self {
        let known = [
            "per_second",
            "per_minute",
            "concurrency",
            "timeout_seconds",
            "max_attempts",
            "max_consecutive_failures",
        ];
        let Some(table) = reader.section(root, "limits", &known) else {
            return LimitsConfig::default();
        };
        LimitsConfig {
            per_second: reader.positive(table, "per_second"),
            per_minute: reader.positive(table, "per_minute"),
            concurrency: reader.positive(table, "concurrency"),
            timeout_seconds: reader.positive(table, "timeout_seconds").map(u64::from),
            max_attempts: reader.positive(table, "max_attempts"),
            max_consecutive_failures: reader.positive(table, "max_consecutive_failures"),
        }
    }
}

impl SourceConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Self {
        let known = ["sheet", "header_row", "delimiter", "encoding", "hidden"];
        let Some(table) = reader.section(root, "source", &known) else {
            return SourceConfig::default();
        };
        SourceConfig {
            sheet: reader.filled_string(table, "sheet").map(|name| name.value),
            header_row: reader.positive(table, "header_row"),
            delimiter: read_delimiter(table, reader),
            encoding: reader
                .filled_string(table, "encoding")
                .map(|name| name.value),
            hidden: reader.one_of(
                table,
                "hidden",
                &[("skip", Hidden::Skip), ("send", Hidden::Send)],
            ),
        }
    }
}

fn read_delimiter(table: &DeTable<'_>, reader: &mut Reader) -> Option<char> {
    let text = reader.string(table, "delimiter")?;
    let mut chars = text.value.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) if one.is_ascii() && !matches!(one, '"' | '\n' | '\r') => Some(one),
        _ => {
            reader.complain(
                &text.span,
                "`delimiter` must be one character",
                "such as \",\", \";\", \"|\" or \"\\t\" for a tab".to_owned(),
            );
            None
        }
    }
}

impl ResultConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Self {
        let Some(table) = reader.section(root, "result", &["link"]) else {
            return ResultConfig::default();
        };
        let link = reader.filled_string(table, "link");
        if let Some(link) = &link
            && let Err(error) = minijinja::Environment::empty().template_from_str(&link.value)
        {
            let reason = error.detail().unwrap_or("it cannot be read").to_owned();
            reader.complain(
                &link.span,
                format!("`link` is no valid template: {reason}"),
                None,
            );
        }
        ResultConfig {
            link: link.map(|link| link.value),
        }
    }
}

impl RetryConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Self {
        let Some(table) = reader.section(root, "retry", &["on_uncertain"]) else {
            return RetryConfig::default();
        };
        let words = [("hold", OnUncertain::Hold), ("resend", OnUncertain::Resend)];
        RetryConfig {
            on_uncertain: reader
                .one_of(table, "on_uncertain", &words)
                .unwrap_or_default(),
        }
    }
}
