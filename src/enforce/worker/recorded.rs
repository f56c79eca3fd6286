//! What the record of a run says of a worker.

use std::time::Duration;

use super::beginning::Beginning;
use super::body::Body;
use super::heard::Heard;
use super::stop::Stop;
use crate::contract::record::{WorkerRecord, WorkerState};
use crate::decide::ladder::Rung;
use crate::words::ended::Ended;
use crate::words::moment::Moment;

/// What the record says of a worker that is made of these parts.
pub(super) fn record(
    beginning: &Beginning,
    (stop, body, heard): (&Stop, &Body, &Heard),
) -> WorkerRecord {
    let last = body.last();
    let ended = match (last, body.main_end()) {
        (Some(last), _) => last.ended,
        (None, main_end) => main_end.and_then(|(ended, _)| ended),
    };
    let (exit_code, signal) = match ended {
        Some(Ended::Exited(code)) => (Some(code), None),
        Some(Ended::Signalled(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    let rest = body.main_end().map(|_| body.tree().identities());
    let deadline = stop.deadline().filter(|_| last.is_none());
    WorkerRecord {
        state: state(beginning, stop, body),
        pid: Some(body.main().pid()),
        start: body.main().start(),
        flag: Some(stop.flag().name().to_owned()),
        started_ns: Some(beginning.at().nanos()),
        raised_ns: stop.asked_at().map(Moment::nanos),
        level: stop.rung().map_or(0, Rung::level),
        looked: heard.looked(),
        deadline_ns: deadline.map(Moment::nanos),
        outcome: last.map(|last| last.outcome.word().to_owned()),
        exit_code,
        signal,
        failed: last.map(|last| last.failed),
        flag_to_end_ms: last.and_then(|last| last.flag_to_end).map(milliseconds),
        ready: heard.is_ready(),
        status_text: heard.status().map(ToOwned::to_owned),
        acknowledged_ms: heard.acknowledged().map(milliseconds),
        extensions: stop.extensions(),
        stragglers: body.stragglers(),
        rest: rest.unwrap_or_default(),
    }
}

fn state(beginning: &Beginning, stop: &Stop, body: &Body) -> WorkerState {
    if body.last().is_some() {
        WorkerState::Ended
    } else if stop.is_asked() {
        WorkerState::Stopping
    } else if body.has_main() && !beginning.has_program() {
        WorkerState::Starting
    } else {
        WorkerState::Running
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::{
        Beginning, Body, Duration, Ended, Heard, Moment, Rung, Stop, WorkerRecord, WorkerState,
        record,
    };
    use crate::contract::flag::writer::FlagFile;
    use crate::decide::ladder::{Input, Ladder};
    use crate::decide::outcome::{Final, Outcome};
    use crate::decide::times::Times;
    use crate::enforce::worker::main_process::MainProcess;
    use crate::words::duration::Limit;
    use crate::words::pid::Pid;
    use crate::words::reason::Reason;
    use crate::words::worker_number::WorkerNumber;

    const BEGAN: Moment = Moment::from_nanos(1_000_000_000);
    const ASKED: Moment = Moment::from_nanos(3_000_000_000);
    const CRASHED: Ended = Ended::Signalled(libc::SIGSEGV);

    /// A worker in parts, that was forked a moment ago.
    struct Parts {
        beginning: Beginning,
        stop: Stop,
        body: Body,
        heard: Heard,
    }

    impl Parts {
        fn new() -> Self {
            let number = WorkerNumber::FIRST;
            let dir = tempfile::tempdir().unwrap();
            let opened = File::open(dir.path()).unwrap();
            let flag = FlagFile::create(opened, dir.path(), number).unwrap();
            let main = MainProcess::child(Pid::NOBODYS);
            let second = Limit::After(Duration::from_secs(1));
            let times = Times::plain(second, second, Duration::ZERO);
            Self {
                beginning: Beginning::new(BEGAN),
                body: Body::new(number, main, flag.path().to_owned(), None),
                stop: Stop::new(number, flag, Ladder::new(times, BEGAN)),
                heard: Heard::nothing(number),
            }
        }

        fn asked(mut self) -> Self {
            let _ = self
                .stop
                .ask(Input::AtLeast(Rung::Term), &Reason::USER, ASKED);
            self
        }

        fn record(&self) -> WorkerRecord {
            record(&self.beginning, (&self.stop, &self.body, &self.heard))
        }
    }

    #[test]
    fn a_worker_is_starting_until_its_program_runs() {
        let mut parts = Parts::new();
        assert_eq!(parts.record().state, WorkerState::Starting);
        parts.beginning.runs();
        let record = parts.record();
        assert_eq!(record.state, WorkerState::Running);
        assert_eq!(record.pid, Some(Pid::NOBODYS));
        assert_eq!(record.flag.as_deref(), Some(parts.stop.flag().name()));
        assert_eq!(record.started_ns, Some(BEGAN.nanos()));
        assert_eq!((record.level, record.raised_ns), (0, None));
        assert_eq!((record.deadline_ns, record.looked), (None, Some(false)));
        assert_eq!((record.ended(), record.outcome), (None, None));
    }

    #[test]
    fn a_worker_that_was_asked_is_stopping_even_before_its_program_runs() {
        let record = Parts::new().asked().record();
        assert_eq!(record.state, WorkerState::Stopping);
        assert_eq!((record.level, record.raised_ns), (2, Some(ASKED.nanos())));
        let next = ASKED + Duration::from_secs(1);
        assert_eq!(record.deadline_ns, Some(next.nanos()));
    }

    #[test]
    fn what_a_main_process_left_behind_is_the_worker_and_tells_how_that_ended() {
        for (ended, exit_code, signal) in [
            (Some(Ended::Exited(7)), Some(7), None),
            (Some(CRASHED), None, Some(libc::SIGSEGV)),
            (None, None, None),
        ] {
            // Its program may have ended before we saw that it ran.
            let mut parts = Parts::new();
            parts.body.main_ended(ended, ASKED);
            let record = parts.record();
            assert_eq!(record.state, WorkerState::Running);
            assert_eq!((record.exit_code, record.signal), (exit_code, signal));
            assert_eq!((record.outcome, record.failed), (None, None));
        }
    }

    #[test]
    fn the_end_of_a_worker_is_its_final_record_and_no_rung_comes_after_it() {
        let mut parts = Parts::new().asked();
        parts.body.end(Final {
            worker: WorkerNumber::FIRST,
            pid: Pid::NOBODYS,
            ended: Some(CRASHED),
            outcome: Outcome::Term,
            failed: true,
            flag_to_end: Some(Duration::from_millis(1500)),
            looked: Some(false),
            extensions: 0,
            stragglers: 0,
        });
        let record = parts.record();
        assert_eq!(record.state, WorkerState::Ended);
        assert_eq!(record.outcome.as_deref(), Some(Outcome::Term.word()));
        assert_eq!((record.ended(), record.failed), (Some(CRASHED), Some(true)));
        assert_eq!(record.flag_to_end_ms, Some(1500));
        assert_eq!(record.deadline_ns, None);
    }
}
