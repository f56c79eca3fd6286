//! What is told of a worker at its end: its outcome, and its final record.

use super::body::Body;
use super::heard::Heard;
use super::stop::Stop;
use crate::contract::record::Stragglers;
use crate::decide::ladder::Rung;
use crate::decide::outcome::{Before, Final, Outcome};
use crate::enforce::turn::{Rules, Turn};
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// The rung that the outcome tells of: the highest that was used before the main process ended; or, if
/// what that left behind is waited for as for the worker itself, the highest of all.
fn rung(stop: &Stop, rules: &Rules) -> Option<Rung> {
    match rules.stragglers {
        Stragglers::Stop | Stragglers::Leave => stop.rung_of_main(),
        Stragglers::Wait => stop.rung(),
    }
}

/// The outcome of a worker of which nothing is left.
pub(super) fn outcome(
    ended: Option<Ended>,
    rules: &Rules,
    (stop, body, heard): (&Stop, &Body, &Heard),
) -> Outcome {
    let rung = rung(stop, rules);
    Outcome::of(ended, before(ended, rung, rules, (body, heard)))
}

/// The outcome of a worker whose ladder another owner enforces, which has used this rung. That owner
/// sees it if the worker looks late.
pub(super) fn outcome_from_afar(
    ended: Option<Ended>,
    rung: Option<Rung>,
    rules: &Rules,
    parts: (&Body, &Heard),
) -> Outcome {
    let mut before = before(ended, rung, rules, parts);
    before.looked = before.looked.filter(|&looked| looked);
    Outcome::of(ended, before)
}

/// When a worker was over of which nothing is left now, and whose main process ended at this moment.
pub(super) fn moment(main_ended: Moment, turn: &Turn<'_>) -> Moment {
    match turn.rules.stragglers {
        Stragglers::Stop | Stragglers::Leave => main_ended,
        Stragglers::Wait => turn.now,
    }
}

/// What is known of the time before the main process `ended`.
fn before(
    ended: Option<Ended>,
    rung: Option<Rung>,
    rules: &Rules,
    (body, heard): (&Body, &Heard),
) -> Before {
    Before {
        rung,
        looked: heard.has_seen_flag(),
        handled: body.has_handled(ended),
        stop_signal: rules.stop_signal,
    }
}

/// The final record of a worker that was over at this moment.
pub(super) fn last(
    (worker, at): (WorkerNumber, Moment),
    (ended, outcome): (Option<Ended>, Outcome),
    rules: &Rules,
    (stop, body, heard): (&Stop, &Body, &Heard),
) -> Final {
    let asked_at = stop.asked_at().filter(|_| rung(stop, rules).is_some());
    Final {
        worker,
        pid: body.main().pid(),
        ended,
        outcome,
        failed: ended.is_some_and(|ended| outcome.is_failure(ended, rules.stop_signal)),
        flag_to_end: asked_at.map(|asked_at| at.since(asked_at)),
        looked: heard.looked(),
        extensions: stop.extensions(),
        stragglers: body.stragglers(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::{
        Body, Ended, Heard, Moment, Outcome, Rung, Stop, Stragglers, WorkerNumber, last, moment,
        outcome, outcome_from_afar, rung,
    };
    use crate::contract::flag::writer::FlagFile;
    use crate::decide::ladder::{Input, Ladder};
    use crate::decide::times::Times;
    use crate::enforce::turn::tests::Told;
    use crate::enforce::worker::main_process::MainProcess;
    use crate::words::duration::Limit;
    use crate::words::pid::Pid;
    use crate::words::reason::Reason;

    const BEGAN: Moment = Moment::from_nanos(1_000_000_000);
    const CLEAN: Option<Ended> = Some(Ended::Exited(0));

    /// The parts of a worker on which SIGTERM was used, and then, after its main process had ended,
    /// SIGKILL.
    fn parts() -> (Stop, Body, Heard) {
        let dir = tempfile::tempdir().unwrap();
        let worker = WorkerNumber::FIRST;
        let flag = FlagFile::create(File::open(dir.path()).unwrap(), dir.path(), worker).unwrap();
        let path = flag.path().to_owned();
        let times = Times::plain(Limit::Never, Limit::Never, Duration::ZERO);
        let mut stop = Stop::new(worker, flag, Ladder::new(times, BEGAN));
        for input in [
            Input::AtLeast(Rung::Term),
            Input::MainEnded { stragglers: None },
            Input::AtLeast(Rung::Kill),
        ] {
            let _ = stop.ask(input, &Reason::USER, BEGAN);
        }
        let body = Body::new(worker, MainProcess::child(Pid::NOBODYS), path, None);
        (stop, body, Heard::nothing(worker))
    }

    #[test]
    fn what_was_used_on_the_rest_counts_where_that_is_the_worker() {
        let (stop, body, heard) = parts();
        let mut told = Told::default();
        for (stragglers, used, expected) in [
            (Stragglers::Stop, Rung::Term, Outcome::Term),
            (Stragglers::Wait, Rung::Kill, Outcome::Kill),
        ] {
            told.rules.stragglers = stragglers;
            assert_eq!(rung(&stop, &told.rules), Some(used));
            let outcome = outcome(CLEAN, &told.rules, (&stop, &body, &heard));
            assert_eq!(outcome, expected);
        }
    }

    #[test]
    fn a_worker_is_over_when_the_rest_is_where_that_is_the_worker() {
        let mut told = Told::default();
        let now = BEGAN + Duration::from_secs(1);
        assert_eq!(moment(BEGAN, &told.turn(now)), BEGAN);
        told.rules.stragglers = Stragglers::Wait;
        assert_eq!(moment(BEGAN, &told.turn(now)), now);
    }

    #[test]
    fn whether_a_worker_of_another_owner_has_looked_is_not_known() {
        let (_, body, mut heard) = parts();
        let mut told = Told::default();
        let flag = Some(Rung::Flag);
        let of = |heard: &Heard, told: &Told| {
            outcome_from_afar(CLEAN, flag, &told.rules, (&body, heard))
        };
        assert_eq!(of(&heard, &told), Outcome::Flag);
        let _ = heard.look(&mut told.turn(BEGAN));
        assert_eq!(of(&heard, &told), Outcome::Flag);
    }

    #[test]
    fn the_final_record_counts_from_the_flag() {
        let (stop, body, heard) = parts();
        let told = Told::default();
        let at = BEGAN + Duration::from_secs(3);
        let worker = (WorkerNumber::FIRST, at);
        let end = (CLEAN, Outcome::Term);
        let last = last(worker, end, &told.rules, (&stop, &body, &heard));
        assert_eq!(last.flag_to_end, Some(Duration::from_secs(3)));
        assert_eq!((last.pid, last.failed), (Pid::NOBODYS, false));
    }
}
