//! Arguments of the commands about the tenant, its forms, and the stand-in for it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Lang;
use crate::cli::examples;
use crate::cli::values::Span;

/// `contract-types`
#[derive(Debug, Args)]
pub struct ContractTypesArgs {
    /// Without it, the tenant's contract types are listed.
    #[command(subcommand)]
    pub action: Option<ContractTypesAction>,
    /// Allow plain http to a host that is not this machine
    #[arg(long, global = true)]
    pub allow_insecure_http: bool,
}

/// What to do with contract types.
#[derive(Debug, Subcommand)]
pub enum ContractTypesAction {
    /// Store the forms of these contract types in contract-types/ID.json, beside the config
    #[command(after_help = examples::PULL)]
    Pull {
        /// The contract types
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
}

/// `template`
#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The contract type, pulled before by `contract-types pull`
    pub id: i64,
    /// Where to write the workbook
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// The labels' language [default: both]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Allow plain http to a host that is not this machine
    #[arg(long)]
    pub allow_insecure_http: bool,
}

/// `sandbox`
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// The port [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Milliseconds each way: N, or FROM..TO
    #[arg(long, value_name = "MS", default_value = "0")]
    pub latency: String,
    /// Requests allowed in any second; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub per_second: u32,
    /// Requests allowed in any minute; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub per_minute: u32,
    /// How long an admin token lives
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub token_life: Span,
    /// Write every request and what became of it to this file (JSONL)
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Answer at random with these faults: NAME=SHARE,…
    #[arg(long, value_name = "FAULTS")]
    pub fault: Option<String>,
    /// Seed of the faults and latencies
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}
