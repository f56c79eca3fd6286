//! Reads the command line, with the rules that its declaration cannot express.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::error::{Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use crate::cli::run::RunTimes;
use crate::cli::{Cli, Command};

/// Reads what was typed.
pub(crate) fn read(words: &[OsString]) -> Result<Cli, Error> {
    // Never dropped: freeing the declaration takes a thirtieth of a short run.
    let mut declared = ManuallyDrop::new(Cli::command());
    let mut matches = declared.try_get_matches_from_mut(words)?;
    let times = matches.subcommand_matches("run").map(TypedTimes::of);
    let mut cli = Cli::from_arg_matches_mut(&mut matches)?;
    if let (Command::Run(args), Some(times)) = (&mut cli.command, times) {
        times.decide(&mut args.0.times)?;
    }
    Ok(cli)
}

/// Which times of the ladder were typed, and do not come from the environment.
struct TypedTimes {
    whole: bool,
    parts: bool,
}

impl TypedTimes {
    fn of(run: &ArgMatches) -> Self {
        let typed = |id| run.value_source(id) == Some(ValueSource::CommandLine);
        Self {
            whole: typed("stop_within"),
            parts: typed("grace") || typed("kill_after"),
        }
    }

    /// A whole ladder and its parts exclude each other. What was typed wins over the environment.
    fn decide(&self, times: &mut RunTimes) -> Result<(), Error> {
        if self.whole && self.parts {
            let text = "--stop-within is the whole ladder: it cannot be used with --grace or \
                        --kill-after";
            return Err(Cli::command().error(ErrorKind::ArgumentConflict, text));
        }
        if self.parts {
            times.stop_within = None;
        } else if times.stop_within.is_some() {
            (times.grace, times.kill_after) = (None, None);
        }
        Ok(())
    }
}
