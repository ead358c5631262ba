//! The command line, who does what it asks for, and the few commands that need nothing of the others.

mod account;
mod check;
mod contract_types;
mod doctor;
mod follow;
mod inbox;
mod init;
mod ledger;
mod register;
mod results;
mod run;

use std::path::{Path, PathBuf};
use std::pin::Pin;

use clap::{CommandFactory, Parser, Subcommand};
use serde_json::json;

use crate::cli::args::{
    AccountArgs, CheckArgs, ContractTypesArgs, ExportArgs, FollowArgs, Global, InboxArgs, InitArgs,
    LangArg, PurgeArgs, RegisterArgs, RetryArgs, RunArgs, SendArgs, SettleArgs, TemplateArgs,
};
use crate::cli::files::refuse_output;
use crate::cli::output::Output;
use crate::cli::settings::Settings;
use crate::cli::system::watch_signals;
use crate::error::{Ended, Error, Kind};
use crate::model::RunId;
use crate::report::texts;
use crate::sandbox::{API_KEY, PASSWORD, Sandbox, SandboxOptions, TENANCY_NAME, USERNAME};

/// Create Vlens invitations for a whole sheet of customers: each once, whatever is killed and whenever.
#[derive(Debug, Parser)]
#[command(
    name = "vlens-batch",
    version,
    mut_subcommands(with_examples),
    after_help = include_str!("../help/examples.txt"),
    after_long_help = concat!(
        include_str!("../help/examples.txt"), "\n\n", include_str!("../help/environment.txt"), "\n\n", include_str!("../help/exit_codes.txt")
    )
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

/// Each command's examples stand under its name in one file; the commands of a command have the same.
fn with_examples(command: clap::Command) -> clap::Command {
    let heading = format!("== {}\n", command.get_name());
    let (_, examples) = EXAMPLES.split_once(&heading).unwrap_or_default();
    let examples = examples.split("\n\n== ").next().unwrap_or_default();
    command
        .after_help(examples)
        .mut_subcommands(|command| command.after_help(examples))
}

const EXAMPLES: &str = include_str!("../help/commands.txt");

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at FILE's headers and rows and write a vlens-batch.toml that maps them
    Init(InitArgs),
    /// Read, map and validate every row; send nothing
    Check(CheckArgs),
    /// The main job: validate, record and send what is due; run again, it goes on where it stopped
    Run(RunArgs),
    /// Go on with what is due from the ledger alone; the file may be gone
    Resume {
        /// The run [default: the newest]
        run: Option<RunId>,
        #[command(flatten)]
        send: SendArgs,
    },
    /// Make rows due again and send them
    Retry(RetryArgs),
    /// Say what became of uncertain rows; send nothing
    Settle(SettleArgs),
    /// Where a run stands; without RUN the newest
    Status {
        /// The run [default: the newest]
        run: Option<RunId>,
        /// Show this row's whole history
        #[arg(long, value_name = "N")]
        row: Option<u32>,
    },
    /// All runs of the ledger, newest first
    Runs,
    /// Results as CSV, XLSX or JSONL
    Export(ExportArgs),
    /// One self-contained HTML page with plots
    Report {
        /// The run [default: the newest]
        run: Option<RunId>,
        /// Where to write; `-` is standard output
        #[arg(long, value_name = "FILE", default_value = "-")]
        output: PathBuf,
        #[command(flatten)]
        lang: LangArg,
    },
    /// Take in how far each customer's contract is, as FILE says: from the vendor's portal, a webhook log, or a system of your own
    Follow(FollowArgs),
    /// Check and send every complete sheet in a folder once, and put its results beside it
    Inbox(InboxArgs),
    /// List the tenant's contract types, or store their forms for `init`, `check`, `run` and `template`
    ContractTypes(ContractTypesArgs),
    /// Write an XLSX for people to fill in, made from a contract type's form
    Template(TemplateArgs),
    /// Ask at a terminal for what it takes to be let in, try it, and keep it for this user
    Account(AccountArgs),
    /// The memory and the rate that several computers share, in PostgreSQL
    Register(RegisterArgs),
    /// Check config, credentials, API and ledger; say what to do about each failure
    Doctor {
        /// Allow plain http to a host that is not this machine
        #[arg(long)]
        allow_insecure_http: bool,
    },
    /// Serve a local stand-in for the Vlens API on loopback, for rehearsals and tests
    Sandbox(SandboxOptions),
    /// Copy the whole ledger, while it is in use
    Backup {
        /// Where to write the copy; an older backup of the same ledger is replaced
        file: PathBuf,
    },
    /// Delete personal data and tokens of finished rows from the ledger
    Purge(PurgeArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

pub fn execute(cli: Cli) -> Ended {
    let global = &cli.global;
    let output = global.output;
    let find = |file: Option<&Path>| Settings::find(global, file);
    match cli.command {
        Command::Init(args) => init::init(&args, global.clone(), output),
        Command::Check(args) => check::check(&args, &find(Some(&args.file))?),
        Command::Run(args) => block_on(run::run(&args, &find(Some(&args.file))?)),
        Command::Resume { run, send } => block_on(run::resume(run, &send, &find(None)?)),
        Command::Retry(args) => block_on(run::retry(&args, &find(None)?)),
        Command::Settle(args) => block_on(register::settle(&args, &find(None)?)),
        Command::Status { run, row } => ledger::status(run, row, &find(None)?),
        Command::Runs => ledger::runs(&find(None)?),
        Command::Export(args) => results::export(&args, &find(None)?),
        Command::Report { run, output, lang } => results::report(run, &output, lang, &find(None)?),
        Command::Inbox(args) => block_on(inbox::inbox(&args, global)),
        Command::Follow(args) => follow::follow(&args, &find(Some(&args.file))?),
        Command::ContractTypes(args) => {
            block_on(contract_types::contract_types(&args, &find(None)?))
        }
        Command::Template(args) => contract_types::template(&args, &find(None)?),
        Command::Account(args) => block_on(account::account(&args, find(None), output)),
        Command::Register(args) => block_on(register::register(&args, &find(None)?)),
        Command::Doctor {
            allow_insecure_http,
        } => block_on(doctor::doctor(allow_insecure_http, find(None), global)),
        Command::Sandbox(args) => block_on(sandbox(args, output)),
        Command::Backup { file } => ledger::backup(&file, &find(None)?),
        Command::Purge(args) => ledger::purge(&args, &find(None)?),
        Command::Completions { shell } => output.print_text(&completions(shell)),
        Command::Man => output.print_text(&man_page()),
    }
}

/// One thread carries all requests, which is plenty and wakes nobody in vain; the ledger writes on one of its own.
fn block_on(work: impl Future<Output = Ended>) -> Ended {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Error::of("no_runtime", &[&error]))?;
    // Of one type, else the runtime waits for each command by code of its own.
    let work: Pin<Box<dyn Future<Output = Ended> + '_>> = Box::pin(work);
    let ended = runtime.block_on(work);
    // Nothing that is still going on may hold the process up.
    runtime.shutdown_background();
    ended
}

/// Serves a local stand-in for the Vlens API until it is interrupted.
async fn sandbox(options: SandboxOptions, output: Output) -> Ended {
    for path in options.log.iter().chain(&options.portal) {
        refuse_output(path)?;
    }
    let sandbox = Sandbox::start(options).await?;
    let stop = watch_signals(output, None);
    // Nobody's secrets, the same each time.
    let variables = json!({
        "VLENS_BASE_URL": sandbox.base_url,
        "VLENS_API_KEY": API_KEY,
        "VLENS_TENANCY_NAME": TENANCY_NAME,
        "VLENS_USERNAME": USERNAME,
        "VLENS_PASSWORD": PASSWORD,
    });
    let set = if cfg!(windows) { "set" } else { "export" };
    output.show(&variables, texts::SANDBOX, json!({ "set": set }))?;
    if !output.json {
        output.say("Serving a stand-in for the Vlens API; end it with Ctrl-C.");
    }
    stop.stopped().await;
    Ok(Kind::Nobody)
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vlens-batch", &mut script);
    // Of a name with a hyphen, clap_complete's bash script looks for each command under one name and holds it under another.
    String::from_utf8_lossy(&script).replace("vlens__subcmd__batch", "vlens__batch")
}

/// One page for everything: what help says, each command in a section of its own.
fn man_page() -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let (version, about) = (env!("CARGO_PKG_VERSION"), command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let head = format!(".TH VLENS-BATCH 1 \"\" \"vlens-batch {version}\"\n.SH NAME\n");
    format!(
        "{head}vlens\\-batch \\- {about}\n{}",
        man_page_of("vlens-batch", &command)
    )
}

/// Of a command and of its own commands; what every command has is told once, above. Lines stand as they are, and none is a request.
fn man_page_of(name: &str, command: &clap::Command) -> String {
    let help = command.clone().bin_name(name).render_long_help();
    let help = help.to_string().replace('\\', "\\e").replace('-', "\\-");
    let help = help.trim_end().replace('\n', "\n\\&");
    let heading = name.to_uppercase();
    let below = command.get_subcommands();
    let below = below
        .filter(|below| below.get_name() != "help")
        .map(|below| {
            let shown = below.clone().mut_args(|arg| {
                let is_told_above = arg.is_global_set() || arg.get_id() == "help";
                arg.hide(is_told_above)
            });
            man_page_of(&format!("{name} {}", below.get_name()), &shown)
        });
    format!(".SH \"{heading}\"\n.nf\n\\&{help}\n.fi\n") + &below.collect::<String>()
}
