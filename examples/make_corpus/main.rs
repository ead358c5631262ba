//! Makes the corpus of `tests/corpus`: small sheets as people have them, each with one line on why it is there.
//!
//! `cargo run --example make_corpus` writes `files/NAME`, beside it `NAME.toml` (the config) and `NAME.args` (more arguments)
//! where a case has them, and the list of all in `README.md`. What is to come of each file is not decided here: that is in
//! `expected/`, which `tests/it/corpus.rs` compares and, with `UPDATE_CORPUS=1`, writes.

mod books;
mod broken;
mod build;
mod by_hand;
mod phones;
mod text;
mod values;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One file of the corpus.
struct Case {
    name: &'static str,
    /// Why it is there, for the list.
    why: &'static str,
    bytes: Vec<u8>,
    config: Option<String>,
    args: &'static [&'static str],
}

impl Case {
    fn new(name: &'static str, why: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
        Case {
            name,
            why,
            bytes: bytes.into(),
            config: None,
            args: &[],
        }
    }

    /// With a `vlens-batch.toml`.
    fn config(mut self, toml: impl Into<String>) -> Case {
        self.config = Some(toml.into());
        self
    }

    /// With more arguments.
    fn args(mut self, args: &'static [&'static str]) -> Case {
        self.args = args;
        self
    }
}

/// The chapters of the list.
type Chapter = (&'static str, fn() -> Vec<Case>);

const CHAPTERS: [Chapter; 5] = [
    ("Encodings", text::encodings),
    ("The shape of CSV", text::shapes),
    ("Workbooks", books::workbooks),
    ("Files that are something else, or broken", broken::files),
    ("Values", values::values),
];

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = corpus.join("files");
    if files.exists() {
        fs::remove_dir_all(&files)?;
    }
    fs::create_dir_all(&files)?;
    let mut list = String::from(INTRODUCTION);
    for (title, cases) in CHAPTERS {
        let cases = cases();
        let _ = write!(
            list,
            "\n## {title} ({})\n\n| file | why |\n| --- | --- |\n",
            cases.len()
        );
        for case in cases {
            let _ = writeln!(
                list,
                "| `{}` | {} |",
                case.name,
                case.why.replace('|', "\\|")
            );
            write(&files, &case)?;
        }
    }
    fs::create_dir_all(corpus.join("libreoffice"))?;
    fs::write(
        corpus.join("libreoffice/made.xlsx"),
        books::for_libreoffice(),
    )?;
    fs::write(corpus.join("README.md"), list)
}

fn write(files: &Path, case: &Case) -> std::io::Result<()> {
    let path = files.join(case.name);
    assert!(!path.exists(), "two cases are named {}", case.name);
    fs::write(path, &case.bytes)?;
    if let Some(config) = &case.config {
        fs::write(files.join(format!("{}.toml", case.name)), config)?;
    }
    if !case.args.is_empty() {
        let args = case.args.join("\n") + "\n";
        fs::write(files.join(format!("{}.args", case.name)), args)?;
    }
    Ok(())
}

const INTRODUCTION: &str = "# The corpus

Sheets as people have them, each with the expected outcome of `check` in `expected/`. Made by `cargo run --example make_corpus`;
edit `examples/make_corpus`, not the files. `NAME.toml` is the config of a file, `NAME.args` more arguments, one a line; a
file without a config is checked with `--contract-type 414`. All people in here are invented.

`UPDATE_CORPUS=1 cargo test --test it corpus` writes the expected outcomes anew; read the difference before you commit it.

`libreoffice/` holds one sheet, `made.xlsx`, saved by LibreOffice in six formats (`save.sh`), which must give the same requests.
";
