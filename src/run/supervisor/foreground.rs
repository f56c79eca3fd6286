//! `--foreground`: the worker has the terminal, its keys and their signals.
//!
//! To the shell that waits for us we are the job, so we are stopped when the worker is, and the
//! worker goes on when we do. Whatever else is in our group belongs to the same job: what a key
//! does to the worker is done to the whole group.

use std::fs::File;
use std::sync::Arc;

use libc::{SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
use nix::sys::signal::Signal;

use crate::decide::ladder::Rung;
use crate::linux::process::{self, Target};
use crate::linux::terminal::{Leaves, Terminal};
use crate::words::ended::Ended;
use crate::words::pid::Pid;

/// The terminal that the worker of the run is lent, if it is.
#[derive(Debug)]
pub(super) struct Foreground {
    terminal: Option<Terminal>,
}

/// Who is to be stopped because the worker was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stops {
    /// We alone, by this signal.
    Us(Signal),
    /// Our whole group, by this signal.
    Group(Signal),
}

impl Foreground {
    pub(super) fn new(terminal: Option<Terminal>) -> Self {
        Self { terminal }
    }

    /// Lends the terminal to a worker that is about to be forked; `None` if there is none to lend.
    pub(super) fn lend_to_child(&mut self) -> Option<Arc<File>> {
        self.terminal.as_mut().and_then(Terminal::lend_to_child)
    }

    /// Lends the terminal to the worker whose main process is `leader`.
    pub(super) fn lend(&mut self, leader: Pid) {
        if let Some(terminal) = &mut self.terminal {
            terminal.lend(leader);
        }
    }

    /// The worker has ended, or could not be started.
    pub(super) fn take_back(&mut self, ended: Option<Ended>) {
        self.take_back_from(match ended {
            Some(Ended::Exited(_)) => Leaves::Exited,
            Some(Ended::Signalled(_)) | None => Leaves::Died,
        });
    }

    /// A worker that had come to `rung` has ended. If a key ended it, the rest of our group gets the
    /// signal of the key, too: the script that we are a line of, and the rest of our pipeline, would
    /// have had it without us.
    pub(super) fn ended(&mut self, rung: Option<Rung>, ended: Option<Ended>) {
        let was_lent = self.terminal.as_ref().is_some_and(Terminal::is_lent);
        // ORDER: the terminal, then the signal. When the script has died of it, the shell that waits
        // for the script takes the terminal; who took it from the shell after that would end it.
        self.take_back(ended);
        if let Some(signal) = key(rung, ended).filter(|_| was_lent) {
            let _ = process::signal(Target::OwnGroup, signal);
        }
    }

    /// The worker has been stopped, and we are about to be.
    pub(super) fn take_back_for_a_while(&mut self) {
        self.take_back_from(Leaves::Stopped);
    }

    fn take_back_from(&mut self, leaves: Leaves) {
        if let Some(terminal) = &mut self.terminal {
            terminal.take_back(leaves);
        }
    }

    /// The worker whose main process is `leader` was stopped by `signal`: by its own Ctrl-Z, because it
    /// used the terminal from the background, or by somebody. Answers who is to be stopped with it.
    pub(super) fn stopped(&mut self, leader: Pid, signal: i32, is_asked: bool) -> Option<Stops> {
        let terminal = self.terminal.as_mut()?;
        // A shell that brings a running job to the foreground tells nobody.
        if is_use(signal) && terminal.lend(leader) {
            let _ = process::signal(Target::GroupOf(leader), SIGCONT);
            return None;
        }
        stops_with(signal, is_asked, terminal.is_lent())
    }
}

/// Whether the terminal sends `signal` to whoever uses it from the background.
fn is_use(signal: i32) -> bool {
    [SIGTTIN, SIGTTOU].contains(&signal)
}

/// Who is stopped with a worker that was stopped by `signal`.
fn stops_with(signal: i32, is_asked: bool, is_lent: bool) -> Option<Stops> {
    let by_terminal = is_use(signal) || signal == SIGTSTP;
    // The ladder knows what to do about a worker that stops itself. But Ctrl-Z is a person's.
    if is_asked && !(by_terminal && is_lent) {
        return None;
    }
    Some(match signal {
        SIGTTIN => Stops::Group(Signal::SIGTTIN),
        SIGTTOU => Stops::Group(Signal::SIGTTOU),
        SIGTSTP => Stops::Group(Signal::SIGTSTP),
        _ => Stops::Us(Signal::SIGTSTP),
    })
}

/// The signal of the key that ended a worker which had come to `rung`, if it was a key: the same
/// signal may have been one of ours.
fn key(rung: Option<Rung>, ended: Option<Ended>) -> Option<i32> {
    match ended {
        Some(Ended::Signalled(signal @ (SIGINT | SIGQUIT))) if rung < Some(Rung::Term) => {
            Some(signal)
        }
        Some(Ended::Signalled(_) | Ended::Exited(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use libc::{SIGINT, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
    use nix::sys::signal::Signal;

    use super::{Foreground, Pid, Stops, key, stops_with};
    use crate::decide::ladder::Rung;
    use crate::words::ended::Ended;

    #[test]
    fn what_the_terminal_does_to_the_worker_is_done_to_the_group() {
        let group = |signal| Some(Stops::Group(signal));
        for is_asked in [false, true] {
            assert_eq!(stops_with(SIGTSTP, is_asked, true), group(Signal::SIGTSTP));
            assert_eq!(stops_with(SIGTTIN, is_asked, true), group(Signal::SIGTTIN));
            assert_eq!(stops_with(SIGTTOU, is_asked, true), group(Signal::SIGTTOU));
        }
    }

    #[test]
    fn what_somebody_does_to_the_worker_stops_us_alone() {
        let us = Some(Stops::Us(Signal::SIGTSTP));
        assert_eq!(stops_with(SIGSTOP, false, true), us);
        assert_eq!(stops_with(SIGSTOP, false, false), us);
    }

    #[test]
    fn a_worker_that_was_asked_is_the_ladders_unless_a_person_pressed_a_key() {
        assert_eq!(stops_with(SIGSTOP, true, true), None);
        for signal in [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU] {
            assert_eq!(stops_with(signal, true, false), None);
        }
    }

    #[test]
    fn only_a_death_of_a_key_before_our_signals_is_shared() {
        let died_of = |signal| Some(Ended::Signalled(signal));
        for signal in [SIGINT, SIGQUIT] {
            assert_eq!(key(None, died_of(signal)), Some(signal));
            assert_eq!(key(Some(Rung::Flag), died_of(signal)), Some(signal));
            assert_eq!(key(Some(Rung::Term), died_of(signal)), None);
            assert_eq!(key(Some(Rung::Kill), died_of(signal)), None);
        }
        assert_eq!(key(None, died_of(SIGTERM)), None);
        assert_eq!(key(None, Some(Ended::Exited(2))), None);
        assert_eq!(key(None, None), None);
    }

    #[test]
    fn without_a_terminal_nobody_is_stopped_with_the_worker() {
        let mut foreground = Foreground::new(None);
        assert!(foreground.lend_to_child().is_none());
        for signal in [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU] {
            assert_eq!(foreground.stopped(Pid::NOBODYS, signal, false), None);
        }
    }
}
