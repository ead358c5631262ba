//! What `--help` of each command ends with: examples to copy, the commonest first.

/// `init`
pub const INIT: &str = "\
Examples:
  vlens-batch init customers.xlsx          propose a mapping and ask
  vlens-batch init customers.xlsx --yes    write vlens-batch.toml beside the file without asking";

/// `check`
pub const CHECK: &str = "\
Examples:
  vlens-batch check customers.xlsx                          every problem, by column
  vlens-batch check customers.xlsx --show 1                 the first request, exactly as it would be sent
  vlens-batch check customers.xlsx --annotate marked.xlsx   a copy with each problem marked in its cell
  vlens-batch check customers.csv --json | jq .problems     for scripts";

/// `run`
pub const RUN: &str = "\
Examples:
  vlens-batch run customers.xlsx --sandbox            rehearse, no account needed
  vlens-batch run customers.xlsx --dry-run            what would be sent
  vlens-batch run customers.xlsx --limit 1            one invitation, to look at before the rest
  vlens-batch run customers.xlsx                      all of them; the same again goes on after any interruption
  vlens-batch run customers.csv --yes --max-duration 2h --metrics-file vlens.prom    from cron";

/// `resume`
pub const RESUME: &str = "\
Examples:
  vlens-batch resume                       go on with the newest run
  vlens-batch resume 3 --max-duration 1h   go on with run 3, for an hour";

/// `retry`
pub const RETRY: &str = "\
Examples:
  vlens-batch retry --failed               send once more what certainly was not created
  vlens-batch retry 3 --rejected           after the fault was mended at Vlens
  vlens-batch retry 3 --row 17 --row 20    these rows only";

/// `settle`
pub const SETTLE: &str = "\
Examples:
  vlens-batch settle --row 17 --as created            it exists: it is not sent again
  vlens-batch settle --row 17 --as not-created        it does not: `resume` sends it
  vlens-batch settle 3 --all --as not-created         all uncertain rows of run 3";

/// `status`
pub const STATUS: &str = "\
Examples:
  vlens-batch status               the newest run
  vlens-batch status 3 --row 17    everything that happened to row 17 in run 3
  vlens-batch status --json        for scripts; the exit code is the run's";

/// `runs`
pub const RUNS: &str = "\
Examples:
  vlens-batch runs
  vlens-batch runs --ledger archive/2026.db";

/// `export`
pub const EXPORT: &str = "\
Examples:
  vlens-batch export --output results.xlsx                          who was invited, with which token
  vlens-batch export --only invalid,rejected --output to-mend.csv   what a person must see to
  vlens-batch export --without-tokens --output for-the-team.xlsx    to hand on
  vlens-batch export --format jsonl | jq -r .link                   for scripts";

/// `report`
pub const REPORT: &str = "\
Examples:
  vlens-batch report --output report.html              the newest run
  vlens-batch report 3 --lang ar --output report.html  run 3, in Arabic";

/// `contract-types`
pub const CONTRACT_TYPES: &str = "\
Examples:
  vlens-batch contract-types             which there are
  vlens-batch contract-types pull 414    store the form of 414";

/// `contract-types pull`
pub const PULL: &str = "\
Examples:
  vlens-batch contract-types pull 414 415";

/// `template`
pub const TEMPLATE: &str = "\
Examples:
  vlens-batch template 414 --output loans.xlsx             labels in both languages
  vlens-batch template 414 --lang ar --output loans.xlsx   in Arabic, right to left";

/// `doctor`
pub const DOCTOR: &str = "\
Examples:
  vlens-batch doctor           before the first run, and when something is odd
  vlens-batch doctor --json    for monitoring; exit 0 means ready

Exit codes:
  0  ready, perhaps with warnings      5  settings or credentials are missing or wrong
  1  the ledger is damaged             6  Vlens refuses the login
  4  Vlens is out of reach";

/// `sandbox`
pub const SANDBOX: &str = "\
Examples:
  vlens-batch sandbox                                      serve; prints what to export
  vlens-batch sandbox --fault 429=0.05,500=0.01            with faults
  vlens-batch sandbox --latency 50..400 --log seen.jsonl   slow, and with a witness";

/// `purge`
pub const PURGE: &str = "\
Examples:
  vlens-batch purge --older-than 90d          asks first
  vlens-batch purge --older-than 90d --yes    from cron";

/// `completions`
pub const COMPLETIONS: &str = "\
Examples:
  vlens-batch completions bash > ~/.local/share/bash-completion/completions/vlens-batch
  vlens-batch completions zsh > ~/.zfunc/_vlens-batch
  vlens-batch completions fish > ~/.config/fish/completions/vlens-batch.fish
  vlens-batch completions powershell >> $PROFILE";

/// `man`
pub const MAN: &str = "\
Examples:
  vlens-batch man > ~/.local/share/man/man1/vlens-batch.1
  vlens-batch man | man -l -";
