//! The one way out of the program, and what its statuses mean.

use std::ffi::OsString;
use std::process::ExitCode;

use stopctl::decide::verdict::Verdict;
use stopctl::linux::process;
use stopctl::words::ended::Ended;

use crate::say::voice;

/// How the program leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// With this status.
    With(u8),
    /// By this signal, so that a shell's loop breaks and systemd sees the truth.
    DieOf(i32),
}

impl Leave {
    /// Everything is as it was asked for.
    pub(crate) const OK: Self = Self::With(0);
    /// `stop`: something is still there. `keep-going`, `sleep`: a stop was asked for.
    pub(crate) const ONE: Self = Self::With(1);
    /// Bad usage, for commands that run nothing.
    pub(crate) const USAGE: Self = Self::With(2);
    /// `stop`, `status`: no such run.
    pub(crate) const NO_RUN: Self = Self::With(3);
    /// `stop --strict`: SIGTERM was needed.
    pub(crate) const NEEDED_TERM: Self = Self::With(4);
    /// `stop --strict`: SIGKILL was needed.
    pub(crate) const NEEDED_KILL: Self = Self::With(5);
    /// `stop --strict`: somebody failed after being asked.
    pub(crate) const FAILED_WHEN_ASKED: Self = Self::With(6);
    /// A `--timeout` ran out.
    pub(crate) const TIMED_OUT: Self = Self::With(Verdict::TIMED_OUT);
    /// stopctl itself failed; for commands whose statuses are those of a run, bad usage, too.
    pub(crate) const FAILED: Self = Self::With(Verdict::FAILED);
    /// `wait`: no such run.
    pub(crate) const NOTHING_TO_WAIT_FOR: Self = Self::With(127);

    /// Prints what clap has to say: help and version, or what is wrong with what was typed.
    pub(crate) fn from_usage(error: &clap::Error, words: &[OsString]) -> Self {
        if !error.use_stderr() {
            // Help into a closed pipe is nobody's error.
            let _ = error.print();
            return Self::OK;
        }
        let _ = error.print();
        let wrappers = ["run", "wait", "keep-going", "sleep"];
        let wraps = words
            .get(1)
            .is_some_and(|word| wrappers.iter().any(|name| word == name));
        if wraps { Self::FAILED } else { Self::USAGE }
    }

    /// Says what went wrong, and leaves with this.
    pub(crate) fn saying(self, what: &impl std::fmt::Display) -> Self {
        voice::error(what);
        self
    }

    /// Leaves.
    pub(crate) fn now(self) -> ExitCode {
        match self {
            Self::With(status) => ExitCode::from(status),
            Self::DieOf(signal) => {
                // PID 1 cannot die of a signal: the kernel protects it from its own, too.
                if std::process::id() != 1 {
                    process::die_of(signal);
                }
                ExitCode::from(Ended::Signalled(signal).shell_status())
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
