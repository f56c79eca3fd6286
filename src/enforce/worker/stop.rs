//! The stop of one worker: what was asked for and when, and when its next rung comes.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::contract::flag::format::Request;
use crate::contract::flag::writer::{FlagFile, unix_in};
use crate::decide::ladder::{Action, Input, Ladder, Rung};
use crate::enforce::event::{Event, Why};
use crate::enforce::turn::Turn;
use crate::linux::plain::plain;
use crate::words::duration::Limit;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// Where a worker stands on its ladder, and the flag that says so.
#[derive(Debug)]
pub(super) struct Stop {
    worker: WorkerNumber,
    ladder: Ladder,
    flag: FlagFile,
    asked: Option<Asked>,
    /// How often SIGTERM was deferred.
    extensions: u32,
    /// When the rest of the tree gets the stop signal too, if the main process has not ended by
    /// then.
    rest_at: Option<Moment>,
}

/// The first request to stop.
#[derive(Clone, Debug)]
struct Asked {
    reason: Reason,
    at: Moment,
}

/// What may defer SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gain {
    input: Input,
    why: Why,
    /// Whether more was asked for than the longest grace there is.
    is_capped: bool,
}

impl Gain {
    /// That the worker looked at its flag, or that nobody can see whether it does.
    pub(super) const LOOK: Self = Self {
        input: Input::Looked,
        why: Why::Looked,
        is_capped: false,
    };
}

impl Stop {
    /// Of a worker that nobody has asked to stop.
    pub(super) const fn new(worker: WorkerNumber, flag: FlagFile, ladder: Ladder) -> Self {
        Self {
            worker,
            ladder,
            flag,
            asked: None,
            extensions: 0,
            rest_at: None,
        }
    }

    /// Goes on with a stop that an earlier owner began, for this reason and at this moment. The worker
    /// is on `rung` until `until`.
    pub(super) fn go_on(
        &mut self,
        rung: Rung,
        (reason, at): (Reason, Moment),
        until: Option<Moment>,
        now: Moment,
    ) {
        self.asked = Some(Asked { reason, at });
        self.ladder = self.ladder.clone().resumed(rung, at, until, now);
    }

    /// Has the extensions count that an earlier owner gave.
    pub(super) fn set_extensions(&mut self, extensions: u32) {
        self.extensions = extensions;
    }

    /// Takes in that the worker is asked to stop; answers what to do. The reason and the moment of the
    /// first request are those of the stop.
    pub(super) fn ask(&mut self, input: Input, reason: &Reason, now: Moment) -> Action {
        let action = self.ladder.step(input, now);
        if self.asked.is_none() && self.ladder.rung().is_some() {
            self.asked = Some(Asked {
                reason: reason.clone(),
                at: now,
            });
        }
        action
    }

    /// Takes in what else happened; answers what to do.
    pub(super) fn step(&mut self, input: Input, now: Moment) -> Action {
        self.ladder.step(input, now)
    }

    /// Takes in what may defer SIGTERM, and reports it if it does. Answers whether the flag was
    /// written.
    pub(super) fn gain(&mut self, gain: Gain, turn: &mut Turn<'_>) -> bool {
        let before = self.ladder.deadline();
        let is_retimed = self.ladder.step(gain.input, turn.now) == Action::Retime;
        if is_retimed {
            self.write_flag(turn);
        }
        let deadline = self.ladder.deadline();
        if deadline != before {
            self.extensions += 1;
            turn.tell(&Event::Extended {
                worker: self.worker,
                why: gain.why,
                deadline: deadline.map(|until| until.since(turn.now)),
                times: self.extensions,
                is_capped: gain.is_capped,
            });
        }
        is_retimed
    }

    /// What SIGTERM is deferred by if the worker is to have this much time from now on; `None` if it
    /// was not asked to stop. The time ends no later than `longest` after the flag.
    pub(super) fn extension(
        &self,
        time: Limit,
        longest: Limit,
        why: Why,
        now: Moment,
    ) -> Option<Gain> {
        let asked = self.asked.as_ref()?;
        let end = |from: Moment, limit| match limit {
            Limit::After(time) => Some(from + time),
            Limit::Never => None,
        };
        let (wanted, last) = (end(now, time), end(asked.at, longest));
        let is_capped = last.is_some_and(|last| wanted.is_none_or(|wanted| last < wanted));
        Some(Gain {
            input: Input::Extend(if is_capped { last } else { wanted }),
            why,
            is_capped,
        })
    }

    /// The run was suspended for so long: the times of the stop go on from where they stood. The
    /// ladder is to be told by [`Stop::step`].
    pub(super) fn postpone(&mut self, suspended: Duration) {
        self.rest_at = self.rest_at.map(|at| at + suspended);
        if let Some(asked) = &mut self.asked {
            asked.at = asked.at + suspended;
        }
    }

    /// Gives the rest of the tree the stop signal only when half of kill-after is over: the main
    /// process may need it for an orderly end.
    pub(super) fn spare_the_rest(&mut self, now: Moment) {
        let end = self.ladder.deadline();
        self.rest_at = end.map(|end| now + end.since(now) / 2);
    }

    /// Spares the rest of the tree no longer.
    pub(super) fn spare_nobody(&mut self) {
        self.rest_at = None;
    }

    /// Whether the rest of the tree gets the stop signal now. That is so once.
    pub(super) fn take_turn_of_rest(&mut self, now: Moment) -> bool {
        self.rest_at.take_if(|at| *at <= now).is_some()
    }

    /// Writes to the flag where the worker stands, and reports it.
    pub(super) fn write_flag(&mut self, turn: &mut Turn<'_>) {
        let (Some(asked), Some(request)) = (&self.asked, self.request(turn.now)) else {
            return;
        };
        if let Err(error) = self.flag.raise(&request) {
            let what = format!(
                "the flag of worker {} cannot be written: {}",
                self.worker,
                plain(&error)
            );
            turn.tell(&Event::Warning(&what));
        }
        turn.tell(&Event::FlagRaised {
            worker: self.worker,
            reason: &asked.reason,
            level: request.level - b'0',
            deadline: request.deadline.map(|deadline| deadline.since(turn.now)),
        });
    }

    /// The same for an owner that cannot report anything any more.
    pub(super) fn write_flag_in_silence(&mut self, now: Moment) {
        if let Some(request) = self.request(now) {
            let _ = self.flag.raise(&request);
        }
    }

    /// What the flag is to say.
    fn request(&self, now: Moment) -> Option<Request> {
        let rung = self.ladder.rung()?;
        let deadline = self.ladder.deadline();
        Some(Request {
            level: b'0' + rung.level(),
            reason: self.asked.as_ref().map(|asked| asked.reason.clone()),
            deadline,
            deadline_unix: deadline.map(|deadline| unix_in(deadline.since(now))),
        })
    }

    /// The rung that the flag shows, perhaps because another owner has written it.
    pub(super) fn rung_in_flag(&mut self) -> Option<Rung> {
        // If it cannot be read, it says what we wrote.
        let _ = self.flag.reload();
        Rung::of_level(self.flag.request()?.level)
    }

    /// Whether the flag was read since this was last asked.
    pub(super) fn take_read(&mut self) -> bool {
        self.flag.take_read()
    }

    /// Makes the flag again in `dir` if its name is gone; see [`FlagFile::put_back`].
    pub(super) fn put_back_flag(&mut self, dir: impl AsFd) -> io::Result<bool> {
        self.flag.put_back(dir)
    }

    pub(super) fn flag(&self) -> &FlagFile {
        &self.flag
    }

    /// Whether the worker was asked to stop.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// When it was asked to stop.
    pub(super) fn asked_at(&self) -> Option<Moment> {
        self.asked.as_ref().map(|asked| asked.at)
    }

    /// The highest rung that was used.
    pub(super) fn rung(&self) -> Option<Rung> {
        self.ladder.rung()
    }

    /// The highest rung that was used before the main process ended.
    pub(super) fn rung_of_main(&self) -> Option<Rung> {
        self.ladder.outcome_rung()
    }

    /// When the next rung comes by itself.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.ladder.deadline()
    }

    /// When there is something to do: for the next rung, or for the rest of the tree.
    pub(super) fn due_at(&self) -> Option<Moment> {
        self.ladder.deadline().into_iter().chain(self.rest_at).min()
    }

    /// How long what is left of the ladder can take.
    pub(super) fn time_left(&self, now: Moment) -> Option<Limit> {
        self.ladder.rest(now)
    }

    /// Whether a look would defer SIGTERM.
    pub(super) fn gains_by_look(&self) -> bool {
        self.ladder.gains_by_look()
    }

    /// How often SIGTERM was deferred.
    pub(super) fn extensions(&self) -> u32 {
        self.extensions
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::{Action, Gain, Input, Limit, Moment, Reason, Rung, Stop, Why};
    use crate::contract::flag::writer::FlagFile;
    use crate::decide::ladder::Ladder;
    use crate::decide::times::{Times, Wanted};
    use crate::enforce::turn::tests::Told;
    use crate::words::worker_number::WorkerNumber;

    const BEGAN: Moment = Moment::from_nanos(1_000_000_000);
    const STOP: Input = Input::Stop(Wanted::NOTHING);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// A stop with a grace of 10 s and a kill-after of 4 s.
    fn stop() -> Stop {
        let dir = tempfile::tempdir().unwrap();
        let worker = WorkerNumber::FIRST;
        let flag = FlagFile::create(File::open(dir.path()).unwrap(), dir.path(), worker).unwrap();
        let (grace, kill_after) = (Limit::After(seconds(10)), Limit::After(seconds(4)));
        let times = Times::plain(grace, kill_after, seconds(1));
        Stop::new(worker, flag, Ladder::new(times, BEGAN))
    }

    #[test]
    fn the_first_reason_and_the_first_moment_are_those_of_the_stop() {
        let mut stop = stop();
        assert!(!stop.is_asked());
        assert_eq!(
            stop.ask(STOP, &Reason::TIMEOUT, BEGAN),
            Action::Climb(Rung::Flag)
        );
        let later = BEGAN + seconds(1);
        let again = stop.ask(Input::AtLeast(Rung::Term), &Reason::USER, later);
        assert_eq!(again, Action::Climb(Rung::Term));
        assert_eq!(stop.asked_at(), Some(BEGAN));
        let mut told = Told::default();
        stop.write_flag(&mut told.turn(later));
        assert_eq!(stop.flag().request().unwrap().reason, Some(Reason::TIMEOUT));
        assert_eq!(stop.rung_in_flag(), Some(Rung::Term));
        assert_eq!(told.count("FlagRaised"), 1);
    }

    #[test]
    fn nothing_is_written_to_the_flag_of_a_worker_that_was_not_asked() {
        let mut stop = stop();
        let mut told = Told::default();
        assert_eq!(stop.step(Input::Tick, BEGAN), Action::Nothing);
        stop.write_flag(&mut told.turn(BEGAN));
        stop.write_flag_in_silence(BEGAN);
        assert_eq!(stop.rung_in_flag(), None);
        assert_eq!(told.count(""), 0);
    }

    #[test]
    fn an_extension_ends_no_later_than_the_longest_grace_after_the_flag() {
        let mut stop = stop();
        let minute = Limit::After(seconds(60));
        let said = Why::Said;
        assert!(stop.extension(minute, Limit::Never, said, BEGAN).is_none());
        let _ = stop.ask(STOP, &Reason::USER, BEGAN);
        let now = BEGAN + seconds(5);
        let (short, last) = (Limit::After(seconds(20)), Some(BEGAN + seconds(20)));
        for (time, longest, until, is_capped) in [
            (minute, Limit::Never, Some(now + seconds(60)), false),
            (minute, short, last, true),
            (Limit::After(seconds(15)), short, last, false),
            (Limit::Never, short, last, true),
            (Limit::Never, Limit::Never, None, false),
        ] {
            let gain = stop.extension(time, longest, said, now);
            let gain = gain.map(|gain| (gain.input, gain.is_capped));
            assert_eq!(gain, Some((Input::Extend(until), is_capped)));
        }
    }

    #[test]
    fn only_what_defers_the_next_rung_counts_as_an_extension() {
        let mut stop = stop();
        let _ = stop.ask(STOP, &Reason::USER, BEGAN);
        let mut told = Told::default();
        let mut turn = told.turn(BEGAN);
        let until = BEGAN + seconds(30);
        for to in [BEGAN + seconds(1), until, until] {
            let gain = Gain {
                input: Input::Extend(Some(to)),
                why: Why::Said,
                is_capped: false,
            };
            stop.gain(gain, &mut turn);
        }
        assert_eq!(stop.extensions(), 1);
        assert_eq!(stop.deadline(), Some(until));
        assert_eq!(told.count("Extended"), 1);
        assert_eq!(told.count("FlagRaised"), 1);
    }

    #[test]
    fn the_rest_is_spared_for_half_of_kill_after() {
        let mut stop = stop();
        let _ = stop.ask(Input::AtLeast(Rung::Term), &Reason::USER, BEGAN);
        assert_eq!(stop.due_at(), Some(BEGAN + seconds(4)));
        stop.spare_the_rest(BEGAN);
        let half = BEGAN + seconds(2);
        assert_eq!(stop.due_at(), Some(half));
        assert!(!stop.take_turn_of_rest(BEGAN + seconds(1)));
        assert!(stop.take_turn_of_rest(half));
        assert!(!stop.take_turn_of_rest(half));
        stop.spare_the_rest(BEGAN);
        stop.spare_nobody();
        assert_eq!(stop.due_at(), Some(BEGAN + seconds(4)));
    }

    #[test]
    fn a_suspension_is_no_part_of_the_times_of_a_stop() {
        let mut stop = stop();
        let _ = stop.ask(Input::AtLeast(Rung::Term), &Reason::USER, BEGAN);
        stop.spare_the_rest(BEGAN);
        stop.postpone(seconds(7));
        assert_eq!(stop.asked_at(), Some(BEGAN + seconds(7)));
        assert!(!stop.take_turn_of_rest(BEGAN + seconds(8)));
        assert!(stop.take_turn_of_rest(BEGAN + seconds(9)));
    }

    #[test]
    fn a_stop_that_an_earlier_owner_began_goes_on_where_it_stands() {
        let mut stop = stop();
        let (now, until) = (BEGAN + seconds(6), BEGAN + seconds(8));
        stop.go_on(Rung::Flag, (Reason::LOST, BEGAN), Some(until), now);
        assert_eq!(stop.rung(), Some(Rung::Flag));
        assert_eq!(stop.deadline(), Some(until));
        assert_eq!(stop.asked_at(), Some(BEGAN));
        assert_eq!(stop.step(Input::Tick, until), Action::Climb(Rung::Term));
    }
}
