//! How a process ended: with an exit status of its own, or killed by a signal.
//!
//! The statuses of `wait(2)` are turned into these two cases once, where a process is reaped; no
//! other code works with raw statuses.

use std::fmt;

use crate::words::signal_name::signal_name;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It exited by itself, with this status.
    Exited(u8),
    /// A signal of this number killed it.
    Signalled(i32),
}

impl Ended {
    /// Whether it exited with status 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Ended::Exited(0)
    }

    /// The status that a shell shows in `$?`: the exit status, or 128 plus the number of the
    /// signal, at most 255.
    #[must_use]
    pub fn shell_status(self) -> u8 {
        match self {
            Ended::Exited(status) => status,
            Ended::Signalled(signal) => {
                128_u8.saturating_add(u8::try_from(signal.max(0)).unwrap_or(u8::MAX))
            }
        }
    }
}

/// `exit status 3`, `killed by SIGKILL`.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Ended::Exited(status) => write!(f, "exit status {status}"),
            Ended::Signalled(signal) => write!(f, "killed by {}", signal_name(signal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ended;

    #[test]
    fn every_exit_status_is_its_own_shell_status() {
        for status in 0..=u8::MAX {
            let ended = Ended::Exited(status);
            assert_eq!(ended.shell_status(), status);
            assert_eq!(ended.is_success(), status == 0);
            assert_eq!(ended.to_string(), format!("exit status {status}"));
        }
    }

    #[test]
    fn every_signal_is_128_more_and_never_a_success() {
        for signal in 1..=64_u8 {
            let ended = Ended::Signalled(signal.into());
            assert_eq!(ended.shell_status(), 128 + signal);
            assert!(!ended.is_success());
        }
        assert_eq!(Ended::Signalled(15).to_string(), "killed by SIGTERM");
        assert_eq!(Ended::Signalled(37).to_string(), "killed by SIGRTMIN+3");
    }

    #[test]
    fn a_signal_that_cannot_be_saturates() {
        assert_eq!(Ended::Signalled(i32::MAX).shell_status(), 255);
        assert_eq!(Ended::Signalled(127).shell_status(), 255);
        assert_eq!(Ended::Signalled(128).shell_status(), 255);
        assert_eq!(Ended::Signalled(i32::MIN).shell_status(), 128);
    }
}
