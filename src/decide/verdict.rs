//! The verdict on a run: its exit status, one pure function of what became of its workers.

use crate::decide::outcome::{Final, Outcome};
use crate::words::ended::Ended;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// How `stopctl run` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With this exit status.
    Exit(u8),
    /// By this signal, so that whoever waits for it sees the truth. As PID 1: with the status 128
    /// plus the number of the signal.
    DieOf(i32),
}

impl Verdict {
    /// A process could not be ended.
    pub const NOT_ENDED: u8 = 120;
    /// `--timeout` ran out.
    pub const TIMED_OUT: u8 = 124;
    /// stopctl itself failed.
    pub const FAILED: u8 = 125;

    /// The status that a shell shows.
    #[must_use]
    pub fn shell_status(self) -> u8 {
        match self {
            Self::Exit(code) => code,
            Self::DieOf(signal) => Ended::Signalled(signal).shell_status(),
        }
    }
}

/// Why the first worker of a run could not be started: the run never began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// Its program was not found.
    NotFound,
    /// Its program was found and cannot be run.
    NotRunnable,
    /// Something that every worker needs could not be had.
    Lacks,
}

impl NotStarted {
    /// The exit status, as shells and env(1) have it.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::NotFound => 127,
            Self::NotRunnable => 126,
            Self::Lacks => Verdict::FAILED,
        }
    }
}

/// The options that the user chose for the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `--stopped-status`.
    pub stopped_status: Option<u8>,
    /// `--preserve-status`.
    pub preserve_status: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The final records, in the order in which the workers ended.
    pub finals: &'a [Final],
    /// Why all workers were asked to stop, if they were.
    pub reason: Option<&'a Reason>,
    /// Whether Ctrl-C was pressed: as the reason of the stop, or after it began.
    pub interrupted: bool,
    /// The worker because of which the others were stopped.
    pub culprit: Option<WorkerNumber>,
    /// Whether stopctl itself failed: for example, a worker could not be started.
    pub failed: bool,
}

impl Ending<'_> {
    /// The verdict. If several apply, the first of these: 125, 120, SIGINT, 124, the status of a
    /// worker.
    #[must_use]
    pub fn verdict(&self, policy: Policy) -> Verdict {
        let any = |outcome| self.finals.iter().any(|last| last.outcome == outcome);
        if self.failed {
            return Verdict::Exit(Verdict::FAILED);
        }
        if any(Outcome::NotEnded) {
            return Verdict::Exit(Verdict::NOT_ENDED);
        }
        // After Ctrl-C a shell ends its loop or script only if we die of SIGINT too.
        if self.interrupted && !policy.preserve_status {
            return Verdict::DieOf(libc::SIGINT);
        }
        if self.reason == Some(&Reason::TIMEOUT) && !policy.preserve_status {
            return Verdict::Exit(Verdict::TIMED_OUT);
        }
        let counts = self.counts();
        let asked = self.reason.is_some_and(|reason| *reason != Reason::SIBLING);
        match policy.stopped_status {
            Some(status) if asked && !any(Outcome::Kill) && counts.is_none_or(is_only_the_stop) => {
                Verdict::Exit(status)
            }
            Some(_) | None => counts.map_or(Verdict::Exit(0), status_of),
        }
    }

    /// The worker whose status counts: the one because of which the others were stopped; else the
    /// first, in the order in which they ended, that failed unasked; else the first that failed when
    /// it was asked; else the first that needed a signal. `None` if all is well.
    fn counts(&self) -> Option<&Final> {
        let culprit = |last: &&Final| Some(last.worker) == self.culprit;
        let unasked = |last: &&Final| matches!(last.outcome, Outcome::ByItself | Outcome::ByOthers);
        let bad = || self.finals.iter().filter(|last| !is_well(last));
        let culprit = self.finals.iter().find(culprit);
        culprit
            .or_else(|| bad().find(unasked))
            .or_else(|| bad().find(|last| last.failed))
            .or_else(|| bad().next())
    }
}

/// Whether it ended as it should: with status 0, or in its own way after its flag asked it to.
fn is_well(last: &Final) -> bool {
    let left = last.outcome == Outcome::Flag && !last.failed;
    left || last.ended.is_none_or(Ended::is_success)
}

/// Whether its end shows only that it was stopped: it ended as it should, or our SIGTERM ended it.
fn is_only_the_stop(last: &Final) -> bool {
    is_well(last) || (last.outcome == Outcome::Term && !last.failed)
}

fn status_of(last: &Final) -> Verdict {
    match last.ended {
        Some(_) if is_well(last) => Verdict::Exit(0),
        None => Verdict::Exit(0),
        Some(Ended::Exited(code)) => Verdict::Exit(code),
        Some(ended @ Ended::Signalled(libc::SIGKILL)) => Verdict::Exit(ended.shell_status()),
        Some(Ended::Signalled(signal)) => Verdict::DieOf(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, NotStarted, Policy, Verdict};
    use crate::decide::outcome::{Final, Outcome};
    use crate::words::ended::Ended;
    use crate::words::pid::Pid;
    use crate::words::reason::Reason;
    use crate::words::worker_number::WorkerNumber;

    fn last(worker: u32, ended: Ended, outcome: Outcome) -> Final {
        let (flag_to_end, looked, extensions, stragglers) = (None, Some(true), 0, 0);
        Final {
            worker: WorkerNumber::new(worker),
            pid: Pid::NOBODYS,
            ended: Some(ended),
            outcome,
            failed: outcome.is_failure(ended, libc::SIGTERM),
            flag_to_end,
            looked,
            extensions,
            stragglers,
        }
    }

    fn verdict(finals: &[Final], reason: Option<&Reason>, policy: Policy) -> Verdict {
        Ending {
            finals,
            reason,
            interrupted: reason == Some(&Reason::INTERRUPT),
            culprit: None,
            failed: false,
        }
        .verdict(policy)
    }

    #[test]
    fn every_exit_code_and_every_death_comes_through() {
        for code in 0..=255 {
            let one = [last(0, Ended::Exited(code), Outcome::ByItself)];
            assert_eq!(verdict(&one, None, Policy::default()), Verdict::Exit(code));
        }
        for signal in 1..=64 {
            let one = [last(0, Ended::Signalled(signal), Outcome::ByItself)];
            let expected = if signal == 9 {
                Verdict::Exit(137)
            } else {
                Verdict::DieOf(signal)
            };
            assert_eq!(verdict(&one, None, Policy::default()), expected);
        }
    }

    #[test]
    fn the_first_failure_counts_and_unasked_ones_come_first() {
        let finals = [
            last(0, Ended::Exited(0), Outcome::ByItself),
            last(1, Ended::Exited(3), Outcome::Flag),
            last(2, Ended::Exited(4), Outcome::ByItself),
        ];
        assert_eq!(
            verdict(&finals, Some(&Reason::USER), Policy::default()),
            Verdict::Exit(4)
        );
        assert_eq!(
            verdict(&finals[..2], Some(&Reason::USER), Policy::default()),
            Verdict::Exit(3)
        );
    }

    #[test]
    fn the_worker_that_made_us_stop_counts_even_if_it_succeeded() {
        let finals = [
            last(0, Ended::Exited(0), Outcome::ByItself),
            last(1, Ended::Signalled(15), Outcome::Term),
        ];
        let ending = Ending {
            finals: &finals,
            reason: Some(&Reason::SIBLING),
            interrupted: false,
            culprit: Some(WorkerNumber::FIRST),
            failed: false,
        };
        assert_eq!(ending.verdict(Policy::default()), Verdict::Exit(0));
    }

    #[test]
    fn the_order_is_125_then_120_then_interrupt_then_124_then_the_workers() {
        let stuck = [last(0, Ended::Exited(7), Outcome::NotEnded)];
        let polite = [last(0, Ended::Exited(7), Outcome::Flag)];
        let killed = [last(0, Ended::Signalled(9), Outcome::Kill)];
        let (interrupt, timeout) = (Some(&Reason::INTERRUPT), Some(&Reason::TIMEOUT));
        let keep = Policy {
            preserve_status: true,
            ..Policy::default()
        };
        let failed = Ending {
            finals: &stuck,
            reason: interrupt,
            interrupted: true,
            culprit: None,
            failed: true,
        };
        let usual = Policy::default();
        assert_eq!(failed.verdict(usual), Verdict::Exit(125));
        assert_eq!(verdict(&stuck, interrupt, usual), Verdict::Exit(120));
        for finals in [&polite, &killed] {
            assert_eq!(verdict(finals, interrupt, usual), Verdict::DieOf(2));
            assert_eq!(verdict(finals, timeout, usual), Verdict::Exit(124));
        }
        assert_eq!(verdict(&polite, interrupt, keep), Verdict::Exit(7));
        assert_eq!(verdict(&killed, interrupt, keep), Verdict::Exit(137));
        assert_eq!(verdict(&polite, timeout, keep), Verdict::Exit(7));
    }

    #[test]
    fn ctrl_c_counts_whatever_was_the_reason_before_it() {
        let finals = [last(0, Ended::Exited(7), Outcome::Flag)];
        for reason in [None, Some(&Reason::USER), Some(&Reason::TIMEOUT)] {
            let ending = Ending {
                finals: &finals,
                reason,
                interrupted: true,
                culprit: None,
                failed: false,
            };
            let policy = Policy {
                stopped_status: Some(99),
                ..Policy::default()
            };
            assert_eq!(ending.verdict(policy), Verdict::DieOf(2));
        }
    }

    #[test]
    fn a_worker_that_left_by_raising_a_signal_it_handles_has_done_well() {
        let left = [last(0, Ended::Signalled(15), Outcome::Flag)];
        let user = Some(&Reason::USER);
        assert_eq!(verdict(&left, user, Policy::default()), Verdict::Exit(0));
        let first = Ending {
            finals: &left,
            reason: Some(&Reason::SIBLING),
            interrupted: false,
            culprit: Some(WorkerNumber::FIRST),
            failed: false,
        };
        assert_eq!(first.verdict(Policy::default()), Verdict::Exit(0));
        let needed = [last(0, Ended::Signalled(15), Outcome::Term)];
        assert_eq!(
            verdict(&needed, user, Policy::default()),
            Verdict::DieOf(15)
        );
    }

    #[test]
    fn a_failure_is_not_hidden_by_an_end_that_we_have_made() {
        let policy = Policy {
            stopped_status: Some(99),
            ..Policy::default()
        };
        let finals = [
            last(0, Ended::Signalled(15), Outcome::Term),
            last(1, Ended::Exited(5), Outcome::Flag),
        ];
        let user = Some(&Reason::USER);
        for policy in [policy, Policy::default()] {
            assert_eq!(verdict(&finals, user, policy), Verdict::Exit(5));
        }
    }

    #[test]
    fn the_stopped_status_replaces_only_what_the_stop_itself_explains() {
        let policy = Policy {
            stopped_status: Some(99),
            ..Policy::default()
        };
        let user = Some(&Reason::USER);
        let cases = [
            (last(0, Ended::Exited(0), Outcome::Flag), user, 99),
            (last(0, Ended::Signalled(15), Outcome::Term), user, 99),
            (last(0, Ended::Exited(143), Outcome::Term), user, 99),
            (last(0, Ended::Signalled(15), Outcome::Flag), user, 99),
            (last(0, Ended::Exited(143), Outcome::Flag), user, 143),
            (last(0, Ended::Exited(143), Outcome::ByItself), user, 143),
            (last(0, Ended::Exited(130), Outcome::Term), user, 130),
            (last(0, Ended::Signalled(11), Outcome::Term), user, 139),
            (last(0, Ended::Exited(5), Outcome::Term), user, 5),
            (last(0, Ended::Exited(5), Outcome::Flag), user, 5),
            (last(0, Ended::Signalled(9), Outcome::Kill), user, 137),
            (last(0, Ended::Exited(0), Outcome::ByItself), None, 0),
            (
                last(0, Ended::Exited(0), Outcome::Flag),
                Some(&Reason::SIBLING),
                0,
            ),
        ];
        for (one, reason, expected) in cases {
            assert_eq!(verdict(&[one], reason, policy).shell_status(), expected);
        }
    }

    #[test]
    fn a_run_that_never_began_says_why_by_its_status() {
        let all = [
            NotStarted::NotFound,
            NotStarted::NotRunnable,
            NotStarted::Lacks,
        ];
        assert_eq!(all.map(NotStarted::status), [127, 126, 125]);
    }
}
