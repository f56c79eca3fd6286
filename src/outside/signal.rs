//! Having the owner of a run send a signal to its workers that is no rung of a ladder.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::contract::control::{Sender, Signalling};
use crate::contract::record::{RecordError, Snapshot, WorkerState};
use crate::linux::sys;
use crate::outside::follow::{Course, Followed};
use crate::outside::found::Run;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// How long the owner has for it; later it does not carry it out.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Why a signal was not sent, or not to everybody.
#[derive(Debug)]
pub enum Unsent {
    /// The record of the run cannot be read any more.
    Record(RecordError),
    /// The run is over.
    Over,
    /// Its supervisor died, and nobody has taken over.
    Lost,
    /// A version of stopctl started it that sends no signals.
    OtherVersion,
    /// Its owner cannot be asked.
    Unasked(io::Error),
    /// Its owner does not read what it is asked.
    Unread,
    /// All workers that were meant had ended.
    AllEnded,
    /// These workers had ended.
    Ended(Vec<WorkerNumber>),
    /// It ended before its owner answered.
    EndedMeanwhile,
    /// Its supervisor died before it answered, and nobody has taken over.
    LostMeanwhile,
    /// Its owner has not answered in time, and will not send it later.
    Unanswered,
}

impl From<RecordError> for Unsent {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// Asks the owner of a run to send a signal to these workers, or to all if there are none, and waits
/// for its answer.
///
/// # Errors
///
/// If somebody did not get it, or that is not known.
pub fn signal(run: Run, signal: i32, workers: &[WorkerNumber]) -> Result<(), Unsent> {
    let mut followed = Followed::new(run);
    wait_for_owner(&mut followed)?;
    if !followed.run().seen().run.takes_signals {
        return Err(Unsent::OtherVersion);
    }
    let until = sys::now() + PATIENCE;
    let mut whom: Vec<Option<WorkerNumber>> = workers.iter().copied().map(Some).collect();
    if whom.is_empty() {
        whom.push(None);
    }
    let request = |worker| Signalling {
        worker,
        signal,
        id: unique(),
        until,
    };
    let asked: Vec<Signalling> = whom.into_iter().map(request).collect();
    for request in &asked {
        hand_in(followed.run(), request)?;
    }
    wait_for_answers(&mut followed, &asked, until)
}

/// Waits until somebody owns it: whoever takes over from a supervisor that died does so in a moment.
fn wait_for_owner(followed: &mut Followed) -> Result<(), Unsent> {
    loop {
        let now = sys::now();
        match followed.look(now)? {
            Course::GoesOn => return Ok(()),
            Course::Orphaned => followed.sleep(now, None),
            Course::Over => return Err(Unsent::Over),
            Course::Lost => return Err(Unsent::Lost),
        }
    }
}

fn hand_in(run: &Run, request: &Signalling) -> Result<(), Unsent> {
    let mut sender = Sender::open(run.dir().as_fd()).map_err(Unsent::Unasked)?;
    match sender.send_until(request, request.until) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Unsent::Unread),
        Err(error) => Err(Unsent::Unasked(error)),
    }
}

/// A number that no other request has.
fn unique() -> u32 {
    let bits = RandomState::new().build_hasher().finish();
    u32::try_from(bits >> 32).unwrap_or(0)
}

fn wait_for_answers(
    followed: &mut Followed,
    asked: &[Signalling],
    until: Moment,
) -> Result<(), Unsent> {
    loop {
        let now = sys::now();
        let course = followed.look(now)?;
        let seen = followed.run().seen();
        if let Some(answer) = answer(seen, asked) {
            return answer;
        }
        if course == Course::Lost {
            return Err(Unsent::LostMeanwhile);
        }
        if course == Course::Over || have_ended(seen, asked) {
            return Err(Unsent::EndedMeanwhile);
        }
        if until < now {
            return Err(Unsent::Unanswered);
        }
        followed.sleep(now, Some(until + Duration::from_millis(1)));
    }
}

/// What the owner has answered; `None` as long as an answer is missing.
fn answer(seen: &Snapshot, asked: &[Signalling]) -> Option<Result<(), Unsent>> {
    let sent = |one: &Signalling| {
        let answer = seen.run.answers.iter().find(|answer| answer.id == one.id);
        answer.map(|answer| answer.sent)
    };
    if asked.iter().any(|one| sent(one).is_none()) {
        return None;
    }
    if asked.iter().all(|one| sent(one) == Some(0)) {
        return Some(Err(Unsent::AllEnded));
    }
    let missed = asked.iter().filter(|one| sent(one) == Some(0));
    let missed: Vec<WorkerNumber> = missed.filter_map(|one| one.worker).collect();
    Some(if missed.is_empty() {
        Ok(())
    } else {
        Err(Unsent::Ended(missed))
    })
}

/// Whether each request is for a worker that has ended.
fn have_ended(seen: &Snapshot, asked: &[Signalling]) -> bool {
    let has_ended = |one: &Signalling| {
        let worker = one.worker.map(|worker| &seen[worker]);
        worker.is_some_and(|worker| worker.state == WorkerState::Ended)
    };
    asked.iter().all(has_ended)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::{
        Moment, Signalling, Snapshot, Unsent, WorkerNumber, WorkerState, answer, have_ended, unique,
    };
    use crate::contract::record::{Answer, Record, RecordReader, RunRecord};
    use crate::words::pid::Pid;

    /// The record of a run of two workers.
    fn snapshot() -> Snapshot {
        let dir = tempfile::tempdir().unwrap();
        let dir = File::open(dir.path()).unwrap();
        let run = RunRecord::new("train".into(), Pid::FIRST, vec!["true".into()], 2);
        let _record = Record::create(&dir, &run).unwrap();
        RecordReader::open(&dir).unwrap().read().unwrap()
    }

    fn asked(worker: Option<u32>, id: u32) -> Signalling {
        Signalling {
            worker: worker.map(WorkerNumber::new),
            signal: libc::SIGUSR1,
            id,
            until: Moment::from_nanos(0),
        }
    }

    #[test]
    fn an_answer_says_who_had_ended_and_a_missing_one_is_waited_for() {
        let mut seen = snapshot();
        let two = [asked(Some(0), 7), asked(Some(1), 8)];
        let mut answered = |answers: &[(u32, u32)]| {
            let answers = answers.iter().map(|&(id, sent)| Answer { id, sent });
            seen.run.answers = answers.collect();
            answer(&seen, &two)
        };
        assert!(answered(&[]).is_none());
        assert!(
            answered(&[(7, 1), (9, 1)]).is_none(),
            "9 is somebody else's"
        );
        assert!(matches!(answered(&[(8, 1), (7, 1)]), Some(Ok(()))));
        let ended = answered(&[(7, 1), (8, 0)]);
        assert!(matches!(ended, Some(Err(Unsent::Ended(some))) if some == [WorkerNumber::new(1)]));
        let nobody = answered(&[(7, 0), (8, 0)]);
        assert!(matches!(nobody, Some(Err(Unsent::AllEnded))));
    }

    #[test]
    fn nobody_is_waited_for_who_has_ended() {
        let mut seen = snapshot();
        let two = [asked(Some(0), 7), asked(Some(1), 8)];
        seen.workers[0].state = WorkerState::Ended;
        assert!(!have_ended(&seen, &two));
        seen.workers[1].state = WorkerState::Ended;
        assert!(have_ended(&seen, &two));
        // The run itself says when it is over.
        assert!(!have_ended(&seen, &[asked(None, 7)]));
    }

    #[test]
    fn no_two_requests_have_one_number() {
        assert_ne!(unique(), unique());
    }
}
