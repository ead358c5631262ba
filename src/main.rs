//! `vlens-batch`: see the library for everything.

fn main() -> std::process::ExitCode {
    vlens_batch::cli::main()
}
