//! How a worker begins: its main process is forked, and some time later its program runs.

use std::path::Path;
use std::time::Duration;

use crate::enforce::event::Event;
use crate::enforce::turn::Turn;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// How far a worker is on the way to its program.
#[derive(Debug)]
pub(super) struct Beginning {
    at: Moment,
    program: Program,
    /// Whether its start was reported.
    told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    /// The main process has not executed it yet.
    Awaited,
    Runs,
    /// It cannot be run. That was reported, and the main process only has to end.
    Impossible,
}

impl Beginning {
    /// Of a worker that was forked at this moment.
    pub(super) const fn new(at: Moment) -> Self {
        Self {
            at,
            program: Program::Awaited,
            told: false,
        }
    }

    /// Of a worker that another owner forked at this moment, and whose start it has reported if it was
    /// `told`. We take it that its program runs.
    pub(super) const fn recorded(at: Moment, told: bool) -> Self {
        Self {
            at,
            program: Program::Runs,
            told,
        }
    }

    /// Its program runs.
    pub(super) fn runs(&mut self) {
        self.program = Program::Runs;
    }

    /// Its program cannot be run.
    pub(super) fn cannot_run(&mut self) {
        self.program = Program::Impossible;
    }

    /// Counts its time from so much later on.
    pub(super) fn postpone(&mut self, time: Duration) {
        self.at = self.at + time;
    }

    /// From when its time counts.
    pub(super) fn at(&self) -> Moment {
        self.at
    }

    /// Whether its program runs.
    pub(super) fn has_program(&self) -> bool {
        self.program == Program::Runs
    }

    /// Whether its program cannot be run.
    pub(super) fn is_impossible(&self) -> bool {
        self.program == Program::Impossible
    }

    /// Whether its start was reported.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    /// Reports that `worker` was started, as the process `pid` with this flag: once, and never if its
    /// program cannot be run.
    pub(super) fn tell(
        &mut self,
        worker: WorkerNumber,
        pid: Pid,
        flag: &Path,
        turn: &mut Turn<'_>,
    ) {
        if !self.is_impossible() && !std::mem::replace(&mut self.told, true) {
            turn.tell(&Event::WorkerStarted { worker, pid, flag });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Beginning, Duration, Moment, Path, Pid, WorkerNumber};
    use crate::enforce::turn::tests::Told;

    const NOW: Moment = Moment::from_nanos(5_000_000_000);

    /// Whether its start is reported now.
    fn is_news(beginning: &mut Beginning) -> bool {
        let mut told = Told::default();
        let flag = Path::new("/flag");
        beginning.tell(WorkerNumber::FIRST, Pid::NOBODYS, flag, &mut told.turn(NOW));
        told.count("WorkerStarted") == 1
    }

    #[test]
    fn a_start_is_reported_once() {
        let mut beginning = Beginning::new(NOW);
        assert!(!beginning.is_told());
        assert!(is_news(&mut beginning));
        assert!(beginning.is_told());
        assert!(!is_news(&mut beginning));
        assert!(!is_news(&mut Beginning::recorded(NOW, true)));
        assert!(is_news(&mut Beginning::recorded(NOW, false)));
    }

    #[test]
    fn a_program_that_cannot_be_run_is_no_start() {
        let mut beginning = Beginning::new(NOW);
        beginning.cannot_run();
        assert!(beginning.is_impossible() && !beginning.has_program());
        assert!(!is_news(&mut beginning));
        assert!(!beginning.is_told());
    }

    #[test]
    fn the_time_on_the_way_is_not_counted() {
        let mut beginning = Beginning::new(NOW);
        assert!(!beginning.has_program());
        beginning.runs();
        beginning.postpone(Duration::from_secs(2));
        assert!(beginning.has_program());
        assert_eq!(beginning.at(), NOW + Duration::from_secs(2));
    }
}
