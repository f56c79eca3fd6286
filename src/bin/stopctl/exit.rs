//! How the program ends, and what its exit statuses mean.

use std::ffi::OsString;
use std::fmt::Display;

use clap::error::ErrorKind;
use stopctl::decide::verdict::Verdict;
use stopctl::linux::process;
use stopctl::words::ended::Ended;

use crate::say::{usage, voice};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// With this status.
    With(u8),
    /// By this signal, so that a shell's loop breaks and systemd sees the truth.
    DieOf(i32),
}

impl Leave {
    /// Everything that was asked for is done.
    pub(crate) const OK: Self = Self::With(0);
    /// `stop`: something is still there. `keep-going`, `sleep`: a stop was asked for.
    pub(crate) const ONE: Self = Self::With(1);
    /// Bad usage, for commands that run nothing.
    pub(crate) const USAGE: Self = Self::With(2);
    /// `stop`, `status`: no such run.
    pub(crate) const NO_RUN: Self = Self::With(3);
    /// `stop --strict`: the stop signal was needed.
    pub(crate) const NEEDED_TERM: Self = Self::With(4);
    /// `stop --strict`: SIGKILL was needed.
    pub(crate) const NEEDED_KILL: Self = Self::With(5);
    /// `stop --strict`: a worker failed after it was asked.
    pub(crate) const FAILED_WHEN_ASKED: Self = Self::With(6);
    /// A `--timeout` ran out.
    pub(crate) const TIMED_OUT: Self = Self::With(Verdict::TIMED_OUT);
    /// stopctl itself failed; for commands that pass on the status of a run, bad usage as well.
    pub(crate) const FAILED: Self = Self::With(Verdict::FAILED);
    /// `wait`: no such run.
    pub(crate) const NOTHING_TO_WAIT_FOR: Self = Self::With(127);

    /// Prints what clap has to say: help and version, or what is wrong with what was typed.
    pub(crate) fn from_usage(error: clap::Error, words: &[OsString]) -> Self {
        let is_answer = !error.use_stderr();
        if is_answer || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            // If nobody reads the help any more, nothing has failed.
            let _ = error.print();
            return if is_answer { Self::OK } else { Self::USAGE };
        }
        let command = words.get(1).map(|word| word.to_string_lossy());
        let wrappers = ["run", "wait", "keep-going", "sleep"];
        let wraps = words
            .get(1)
            .is_some_and(|word| wrappers.iter().any(|name| word == name));
        let leave = if wraps { Self::FAILED } else { Self::USAGE };
        leave.mistaken(&command.unwrap_or_default(), &usage::wrong(error))
    }

    /// Says what is wrong with what was typed behind `command`, and how that is used, and ends so.
    pub(crate) fn mistaken(self, command: &str, what: &impl Display) -> Self {
        self.saying(&usage::explained(command, what))
    }

    /// Says what went wrong, and ends so.
    pub(crate) fn saying(self, what: &impl Display) -> Self {
        voice::error(what);
        self
    }

    /// Ends the program, here or with the exit status that it returns.
    pub(crate) fn now(self) -> u8 {
        match self {
            Self::With(status) => status,
            Self::DieOf(signal) => {
                // PID 1 cannot die of a signal: the kernel protects it even from its own.
                if std::process::id() != 1 {
                    process::die_of(signal);
                }
                Ended::Signalled(signal).shell_status()
            }
        }
    }
}

impl From<Verdict> for Leave {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Exit(status) => Self::With(status),
            Verdict::DieOf(signal) => Self::DieOf(signal),
        }
    }
}
