//! Reading a command line, with the rules that a declaration cannot say.

use std::ffi::OsString;

use clap::error::{Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use crate::cli::run::RunTimes;
use crate::cli::{Cli, Command};

/// Reads what was typed.
pub(crate) fn read(words: &[OsString]) -> Result<Cli, Error> {
    let matches = Cli::command().try_get_matches_from(words)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if let (Command::Run(args), Some(("run", typed))) = (&mut cli.command, matches.subcommand()) {
        decide(&mut args.0.times, typed)?;
    }
    Ok(cli)
}

/// A whole ladder and its parts exclude each other; what was typed wins over what the environment
/// says.
fn decide(times: &mut RunTimes, typed: &ArgMatches) -> Result<(), Error> {
    let by_hand = |id| typed.value_source(id) == Some(ValueSource::CommandLine);
    let parts = by_hand("grace") || by_hand("kill_after");
    if by_hand("stop_within") && parts {
        let text = "--stop-within is the whole ladder: it cannot be used with --grace or \
                    --kill-after";
        return Err(Cli::command().error(ErrorKind::ArgumentConflict, text));
    }
    if parts {
        times.stop_within = None;
    } else if times.stop_within.is_some() {
        (times.grace, times.kill_after) = (None, None);
    }
    Ok(())
}
