//! A worker that an earlier owner started, and whose ladder we go on with.

use super::beginning::Beginning;
use super::body::Body;
use super::heard::Heard;
use super::main_process::MainProcess;
use super::stop::Stop;
use super::{Stranger, Worker, rungs};
use crate::contract::flag::format::Request;
use crate::contract::flag::writer::FlagFile;
use crate::contract::record::{Born, Stragglers, WorkerRecord, WorkerState};
use crate::decide::ladder::{Input, Ladder, Rung};
use crate::decide::times::Times;
use crate::enforce::event::Event;
use crate::enforce::turn::Turn;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::Found;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// What an earlier owner has left of a worker.
#[derive(Debug)]
pub struct Heritage {
    /// The worker's number.
    pub number: WorkerNumber,
    /// Its main process.
    pub born: Born,
    /// That process itself.
    pub main: Stranger,
    /// Its flag.
    pub flag: FlagFile,
    /// Whether the kernel can note who reads the flag.
    pub notes_reads: bool,
    /// What the flag says; `None` while it is down.
    pub request: Option<Request>,
    /// What the record says.
    pub record: WorkerRecord,
    /// What its main process left behind, as far as the record says, and what became of that.
    pub rest: Vec<(Pid, Found)>,
    /// Its control group, if it had one.
    pub cgroup: Option<Cgroup>,
}

/// How far an earlier owner has come with the stop of a worker.
#[derive(Debug)]
struct Stage {
    rung: Rung,
    /// Why the worker was asked to stop.
    reason: Reason,
    /// When it was.
    raised: Moment,
    /// When the next rung comes.
    until: Option<Moment>,
    /// Whether the flag shows the rung.
    is_in_flag: bool,
    /// Whether the record does. It is written after the signal was sent.
    is_on_record: bool,
}

impl Stage {
    /// What flag and record tell; `None` if nobody has asked the worker to stop. The flag is written
    /// before any signal is sent. The record is as new as the flag, or one step older, unless somebody
    /// has cut the flag, or deleted it.
    fn of(request: Option<Request>, record: &WorkerRecord, now: Moment) -> Option<Self> {
        let told = request
            .as_ref()
            .and_then(|there| Rung::of_level(there.level));
        let recorded = Rung::of_level(record.level.saturating_add(b'0'));
        let rung = told.max(recorded)?;
        let request = request.filter(|_| told == Some(rung));
        let (reason, deadline) = request.map_or((Reason::LOST, None), |request| {
            (request.reason.unwrap_or(Reason::USER), request.deadline)
        });
        let noted = record.deadline_ns.filter(|_| recorded == Some(rung));
        Some(Self {
            rung,
            reason,
            raised: record.raised_ns.map_or(now, Moment::from_nanos),
            until: deadline.or(noted.map(Moment::from_nanos)),
            is_in_flag: told == Some(rung),
            is_on_record: record.level >= rung.level(),
        })
    }

    /// Goes on from there.
    fn go_on(self, stop: &mut Stop, body: &mut Body, turn: &mut Turn<'_>) {
        stop.go_on(self.rung, (self.reason, self.raised), self.until, turn.now);
        if !self.is_in_flag {
            stop.write_flag(turn);
        }
        match self.rung {
            Rung::Flag => body.let_it_look(turn),
            Rung::Term if self.is_on_record => rungs::go_on_from_term(stop, body, turn),
            // The owner may have died between the flag and the signal.
            Rung::Term | Rung::Kill => rungs::use_rung(self.rung, stop, body, turn),
        }
    }
}

/// Takes a worker in, and goes on with its ladder where it stands.
#[must_use]
pub fn adopt(heritage: Heritage, times: Times, turn: &mut Turn<'_>) -> Worker {
    let now = turn.now;
    let Heritage {
        number,
        born,
        main,
        mut flag,
        notes_reads,
        request,
        record,
        rest,
        cgroup,
    } = heritage;
    let began = record.started_ns.map_or(now, Moment::from_nanos);
    // Its program may have begun when the owner was dead, or about to die.
    let mut beginning = Beginning::recorded(began, record.state != WorkerState::Starting);
    let looked = match record.looked {
        Some(false) if notes_reads && flag.keep_noting_reads() => Some(flag.take_read()),
        // Nobody would see a late look: it has the time of a worker that looks.
        Some(false) | None => None,
        Some(true) => Some(true),
    };
    let mut ladder = Ladder::new(times, began);
    if looked != Some(false) {
        let _ = ladder.step(Input::Looked, now);
    }
    let main = MainProcess::stranger(born, main);
    let mut body = Body::new(number, main, flag.path().to_owned(), cgroup);
    body.recall(rest, turn.search);
    if let (Stragglers::Wait, Some(ended)) = (turn.rules.stragglers, record.ended()) {
        body.outlived(ended, record.stragglers, now);
    }
    let mut stop = Stop::new(number, flag, ladder);
    stop.set_extensions(record.extensions);
    let heard = Heard::recorded(number, &record, looked);
    beginning.tell(number, born.pid, stop.flag().path(), turn);
    turn.tell(&Event::Adopted {
        worker: number,
        pid: born.pid,
    });
    if let Some(stage) = Stage::of(request, &record, now) {
        stage.go_on(&mut stop, &mut body, turn);
    }
    Worker::of(number, beginning, (stop, body, heard))
}

#[cfg(test)]
mod tests {
    use super::{Moment, Reason, Request, Rung, Stage, WorkerRecord};

    const NOW: Moment = Moment::from_nanos(9_000_000_000);

    /// What a flag that was raised to this level says.
    fn flag(level: u8) -> Request {
        Request {
            level,
            reason: Some(Reason::TIMEOUT),
            deadline: Some(NOW),
            ..Request::LOST
        }
    }

    /// What the record says of a worker on this level.
    fn record(level: u8) -> WorkerRecord {
        WorkerRecord {
            level,
            raised_ns: Some(7),
            deadline_ns: Some(8),
            ..WorkerRecord::default()
        }
    }

    #[test]
    fn a_worker_that_nobody_asked_is_on_no_rung() {
        assert!(Stage::of(None, &record(0), NOW).is_none());
    }

    #[test]
    fn a_flag_that_is_ahead_of_the_record_tells_of_a_signal_that_may_not_have_been_sent() {
        let stage = Stage::of(Some(flag(b'2')), &record(1), NOW).unwrap();
        assert_eq!(stage.rung, Rung::Term);
        assert_eq!((stage.reason, stage.until), (Reason::TIMEOUT, Some(NOW)));
        assert_eq!(stage.raised, Moment::from_nanos(7));
        assert!(stage.is_in_flag && !stage.is_on_record);
    }

    #[test]
    fn where_the_flag_was_cut_or_deleted_the_record_tells() {
        for request in [None, Some(flag(b'1'))] {
            let stage = Stage::of(request, &record(2), NOW).unwrap();
            assert_eq!(stage.rung, Rung::Term);
            assert_eq!(stage.reason, Reason::LOST);
            assert_eq!(stage.until, Some(Moment::from_nanos(8)));
            assert!(!stage.is_in_flag && stage.is_on_record);
        }
    }

    #[test]
    fn both_on_one_rung_tell_of_a_signal_that_was_sent() {
        let stage = Stage::of(Some(flag(b'2')), &record(2), NOW).unwrap();
        assert!(stage.is_in_flag && stage.is_on_record);
        let stage = Stage::of(Some(flag(b'1')), &WorkerRecord::default(), NOW).unwrap();
        assert_eq!((stage.rung, stage.raised), (Rung::Flag, NOW));
    }
}
