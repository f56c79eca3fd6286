//! Reads what was typed, with the rules that the declaration of the command line cannot express.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use anyhow::Context as _;
use clap::error::{Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use stopctl::words::worker_number::WorkerNumber;

use crate::cli::run::RunTimes;
use crate::cli::{Cli, Command};
use crate::say::workers::missing;

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

/// The workers of a run that were typed by their numbers, in ascending order and each once.
pub(crate) fn workers(
    typed: &[String],
    run: &str,
    count: u32,
) -> anyhow::Result<Vec<WorkerNumber>> {
    let one = |typed: &String| {
        let number = typed.parse().ok();
        let number = number.filter(|number: &WorkerNumber| number.get() < count);
        number.with_context(|| missing(run, typed, count))
    };
    let mut workers: Vec<WorkerNumber> = typed.iter().map(one).collect::<anyhow::Result<_>>()?;
    workers.sort_unstable();
    workers.dedup();
    Ok(workers)
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

#[cfg(test)]
mod tests {
    use super::{WorkerNumber, workers};

    fn read(typed: &[&str]) -> Result<Vec<u32>, String> {
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        let read = workers(&typed, "train", 3);
        read.map(|all| all.into_iter().map(WorkerNumber::get).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn workers_are_named_by_numbers_that_the_run_has() {
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(read(&["2", "0", "2"]), Ok(vec![0, 2]));
        for typed in ["3", "x", "-1", ""] {
            let refused = read(&["0", typed]).unwrap_err();
            assert_eq!(
                refused,
                format!("train has no worker {typed}: it has only workers 0-2")
            );
        }
    }
}
