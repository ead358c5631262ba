//! `vlens-batch`: see the library for everything.

/// Requests and rows are many small pieces, made on one thread and dropped on another: a tenth of the time went into that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    vlens_batch::cli::main()
}
