//! stub
use crate::cli::args::{Global, InitArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
pub fn init(_args: &InitArgs, _global: &Global, _output: Output) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
