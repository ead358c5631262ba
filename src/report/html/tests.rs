//! The page as a whole: complete, self-contained, without personal data, in both languages.

use super::*;
use crate::model::{ProblemCode, RunRecord, Stop, Timestamp};
use crate::report::summary::tests::a_summary;

fn data() -> ReportData {
    let mut summary = a_summary();
    summary.counts.pending = 100;
    summary.stopped = Some(Stop::Limit);
    let start = summary.started_at.0;
    ReportData {
        made_at: Timestamp(start + 3_600_000),
        limits: Limits {
            per_second: Some(10),
            per_minute: Some(60),
        },
        minutes: (0..200)
            .map(|minute| Minute {
                at: Timestamp(start + minute * 60_000),
                requests: if minute == 199 {
                    23
                } else {
                    60 - u64::try_from(minute).unwrap() % 7
                },
                busiest_second: 10 - u64::try_from(minute).unwrap() % 3,
            })
            .collect(),
        latency: Some(LatencyMs {
            p50: 212,
            p90: 431,
            p95: 655,
            p99: 1_804,
            max: 12_345,
        }),
        problems: vec![Problems {
            column: Some("<Mobile> & Co".to_owned()),
            code: ProblemCode::PhoneInvalid,
            count: 12,
        }],
        rejections: vec![Rejections {
            code: "1034".to_owned(),
            message: "The customer +201012345678 has a pending request".to_owned(),
            count: 4,
        }],
        runs: (1..=3)
            .rev()
            .map(|run| {
                let mut summary = summary.clone();
                summary.run = crate::model::RunId(run);
                RunRecord {
                    summary,
                    in_progress: false,
                }
            })
            .collect(),
        summary,
    }
}

fn page(data: &ReportData, language: Language) -> String {
    let mut out = Vec::new();
    write_html(&mut out, data, language).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    for language in [Language::English, Language::Arabic] {
        let page = page(&data(), language);
        for foreign in [
            "<script", "src=", "href=", "url(", "@import", "<link", "<img", "<iframe",
        ] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.len() < 200_000, "{}", page.len());
    }
}

#[test]
fn every_plot_has_a_title_a_description_and_a_table() {
    let page = page(&data(), Language::English);
    assert_eq!(page.matches("role=\"img\"").count(), 5);
    assert_eq!(page.matches("<desc id=").count(), 5);
    assert_eq!(page.matches("<table").count(), 7);
}

#[test]
fn values_are_escaped_and_personal_ones_masked() {
    let page = page(&data(), Language::English);
    assert!(
        page.contains("&lt;Mobile&gt; &amp; Co"),
        "the header is escaped"
    );
    assert!(!page.contains("201012345678"));
    assert!(page.contains("+2010****5678"));
}

#[test]
fn arabic_runs_from_right_to_left_and_leaves_no_english_sentence() {
    let page = page(&data(), Language::Arabic);
    assert!(page.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(page.contains("لم يكتمل: ما زالت هناك صفوف لم تُرسل."));
    assert!(!page.contains("The phone number"));
}

#[test]
fn uncertain_rows_come_with_the_command_that_settles_them() {
    let mut data = data();
    assert!(
        page(&data, Language::English).contains("vlens-batch settle 3 --row N --as not-created")
    );
    data.summary.counts.uncertain = 0;
    assert!(!page(&data, Language::English).contains("settle"));
}

#[test]
fn a_run_that_sent_nothing_still_has_a_page() {
    let mut data = data();
    data.summary.counts = crate::model::Counts::default();
    data.minutes.clear();
    data.latency = None;
    data.problems.clear();
    data.rejections.clear();
    data.runs.clear();
    assert_eq!(
        page(&data, Language::English)
            .matches("role=\"img\"")
            .count(),
        1
    );
}

#[test]
fn a_dark_page_finds_every_colour_that_it_swaps() {
    let page = page(&data(), Language::English);
    let (style, body) = page.split_once("</style>").unwrap();
    let swapped: Vec<&str> = style
        .split("svg [")
        .skip(1)
        .filter_map(|rule| rule.split(']').next())
        .collect();
    assert_eq!(swapped.len(), 10);
    for attribute in swapped {
        assert!(body.contains(attribute), "no plot has {attribute}");
    }
}

#[test]
fn minutes_far_apart_do_not_fill_the_page() {
    let mut data = data();
    data.minutes[199].at = Timestamp(i64::MAX);
    assert!(page(&data, Language::English).len() < 200_000);
}
