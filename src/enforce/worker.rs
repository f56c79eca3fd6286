//! One worker on its ladder. The supervisor uses every rung through it, and so does whoever takes
//! over from one.
//!
//! A worker is made of parts that know nothing of each other: how it began, what was asked of it, what
//! the kernel has of it, and what is heard from it. Here they are brought together.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::contract::flag::writer::FlagFile;
use crate::contract::notify::Message;
use crate::contract::record::{Born, Stragglers, WorkerRecord};
use crate::decide::ladder::{Action, Input, Ladder, Rung};
use crate::decide::outcome::{Final, Outcome};
use crate::enforce::event::{Event, Why};
use crate::enforce::turn::{Rules, Turn};
use crate::failpoint;
use crate::linux::cgroup::Cgroup;
use crate::linux::sys;
use crate::tree::Tree;
use crate::words::duration::Limit;
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

use beginning::Beginning;
use body::Body;
use care::Care;
use heard::Heard;
use main_process::MainProcess;
use stop::{Gain, Stop};

pub use adopted::{Heritage, adopt};
pub use stranger::Stranger;

mod adopted;
mod beginning;
mod body;
mod care;
mod end;
mod halt;
mod heard;
mod main_process;
mod recorded;
mod rungs;
mod stop;
mod stranger;

/// A worker that was started.
#[derive(Debug)]
pub struct Worker {
    number: WorkerNumber,
    beginning: Beginning,
    stop: Stop,
    body: Body,
    heard: Heard,
    /// Whether another run has care of what it left behind.
    care: Care,
    /// Whether its slot in the record is out of date.
    changed: bool,
}

impl Worker {
    /// A worker that was forked as `pid` at `began`, in the control group `cgroup` if it has one. Its
    /// slot in the record is written when its program runs, or when there is something to say before.
    pub(crate) fn new(
        number: WorkerNumber,
        pid: Pid,
        flag: FlagFile,
        cgroup: Option<Cgroup>,
        (began, ladder): (Moment, Ladder),
    ) -> Self {
        let main = MainProcess::child(pid);
        let body = Body::new(number, main, flag.path().to_owned(), cgroup);
        let stop = Stop::new(number, flag, ladder);
        let parts = (stop, body, Heard::nothing(number));
        let mut worker = Self::of(number, Beginning::new(began), parts);
        worker.changed = false;
        worker
    }

    /// A worker that is made of these parts, and of which the record is to tell.
    fn of(number: WorkerNumber, beginning: Beginning, parts: (Stop, Body, Heard)) -> Self {
        let (stop, body, heard) = parts;
        Self {
            number,
            beginning,
            stop,
            body,
            heard,
            care: Care::default(),
            changed: true,
        }
    }

    fn parts(&self) -> (&Stop, &Body, &Heard) {
        (&self.stop, &self.body, &self.heard)
    }

    /// Its program runs, in a process that began at `start`.
    pub(crate) fn runs(&mut self, start: Option<u64>, turn: &mut Turn<'_>) {
        self.beginning.runs();
        self.body.set_start(start);
        self.changed = true;
        if !self.stop.is_asked() {
            // It could not look at its flag on the way to its program, so that time does not count.
            let way = turn.now.since(self.beginning.at());
            let _ = self.stop.step(Input::Suspended(way), turn.now);
            self.beginning.postpone(way);
        }
        self.tell_start(turn);
    }

    /// Its program cannot be run. The main process ends without being asked.
    pub(crate) fn cannot_run(&mut self) {
        self.beginning.cannot_run();
    }

    /// Whether it can be asked to stop: it was not asked before, and is not over.
    pub(crate) fn can_be_asked(&self) -> bool {
        !self.beginning.is_impossible() && !self.is_asked() && !self.is_over()
    }

    /// Reports that it was started, once: when its program runs, or when it is about to be asked to
    /// stop before that.
    pub(crate) fn tell_start(&mut self, turn: &mut Turn<'_>) {
        let flag = self.stop.flag().path();
        self.beginning
            .tell(self.number, self.body.main().pid(), flag, turn);
    }

    /// Its program has not run for so long that people should see that it is starting.
    pub(crate) fn is_slow(&mut self) {
        self.changed = true;
    }

    /// Its number.
    pub(crate) fn number(&self) -> WorkerNumber {
        self.number
    }

    /// Its main process.
    pub(crate) fn pid(&self) -> Pid {
        self.body.main().pid()
    }

    /// Its flag.
    pub(crate) fn flag(&self) -> &FlagFile {
        self.stop.flag()
    }

    /// What is known of its tree, besides the main process.
    pub(crate) fn tree(&self) -> &Tree {
        self.body.tree()
    }

    /// Makes its flag again in `dir` if its name is gone. Answers whether it was.
    ///
    /// # Errors
    ///
    /// As [`FlagFile::put_back`].
    pub(crate) fn put_back_flag(&mut self, dir: impl AsFd) -> io::Result<bool> {
        self.stop.put_back_flag(dir)
    }

    /// Whether it was asked to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.stop.is_asked()
    }

    /// Its final record, once it has one.
    pub(crate) fn last(&self) -> Option<&Final> {
        self.body.last()
    }

    /// Whether it has its final record.
    pub(crate) fn is_over(&self) -> bool {
        self.last().is_some()
    }

    /// The next moment at which [`Worker::tick`] does something.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let due = self.stop.due_at().into_iter().chain(self.care.look_at());
        due.min().filter(|_| !self.is_over())
    }

    /// Whether a turn has to look at it though nothing has happened to it: the record is to tell of it,
    /// it was asked to stop, something of it is waited for, or something is left of it. A worker that
    /// runs is quiet, and so is one that is over.
    pub(crate) fn is_astir(&self) -> bool {
        let is_due = self.is_asked() || self.is_to_settle() || self.ends_unseen();
        let is_at_work = is_due || self.deadline().is_some() || self.fds().next().is_some();
        self.changed || !self.tree().rest().is_empty() || !self.is_over() && is_at_work
    }

    /// The highest rung that was used on it.
    pub(crate) fn rung(&self) -> Option<Rung> {
        self.stop.rung()
    }

    /// How long what is left of its ladder can take; `None` if it was not asked, or is over.
    pub(crate) fn time_left(&self, now: Moment) -> Option<Limit> {
        self.stop.time_left(now).filter(|_| !self.is_over())
    }

    /// What to poll for reading besides the end of a main process that is our child.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.body.fds()
    }

    /// Whether something of it ends unseen because there is no descriptor to poll: then it has to be
    /// looked at now and then.
    pub(crate) fn ends_unseen(&self) -> bool {
        self.body.ends_unseen()
    }

    /// Whether its main process has ended, and it has no final record yet.
    pub(crate) fn is_to_settle(&self) -> bool {
        self.body.main_end().is_some()
    }

    /// Whether its main process has ended and what that left behind has not.
    pub(crate) fn leaves_others(&self) -> bool {
        self.is_to_settle() && !self.tree().rest().is_empty()
    }

    /// Whether it ever looked at its flag; `None` if that cannot be known.
    pub(crate) fn has_looked(&self) -> Option<bool> {
        self.heard.looked()
    }

    /// Whether it has more time once it looks.
    pub(crate) fn gains_by_look(&self) -> bool {
        self.has_looked() == Some(false) && self.stop.gains_by_look()
    }

    /// Whether it has said that what it had to set up is there.
    pub(crate) fn is_ready(&self) -> bool {
        self.heard.is_ready()
    }

    /// Whether it was given more time than it had.
    pub(crate) fn is_extended(&self) -> bool {
        self.stop.extensions() > 0
    }

    /// What it says that it does; `None` once it is over.
    pub(crate) fn status_text(&self) -> Option<&str> {
        self.heard.status().filter(|_| !self.is_over())
    }

    /// Its looks cannot be seen: then it has the time of a worker that looks.
    pub(crate) fn cannot_be_watched(&mut self, turn: &mut Turn<'_>) {
        self.heard.lose_sight();
        self.gain(Gain::LOOK, turn);
    }

    /// Takes note if its flag was read, when the news of that may have been lost.
    pub(crate) fn see_any_read(&mut self, turn: &mut Turn<'_>) {
        self.see_read(turn);
        if self.has_looked() == Some(false) && !self.flag().notes_reads() {
            self.cannot_be_watched(turn);
        }
    }

    /// Takes note if its flag was read since this was last asked.
    pub(crate) fn see_read(&mut self, turn: &mut Turn<'_>) {
        if self.stop.take_read() {
            self.first_look(turn);
        }
    }

    /// Its flag was opened. If it had been asked already, the first look gives it back the whole grace,
    /// counted from the moment at which the flag was raised.
    pub(crate) fn first_look(&mut self, turn: &mut Turn<'_>) {
        if self.heard.look(turn) {
            self.changed = true;
            self.gain(Gain::LOOK, turn);
        }
    }

    /// Takes in what it said.
    pub(crate) fn hear(&mut self, message: &Message, turn: &mut Turn<'_>) {
        self.changed |= self.heard.hear(message, self.stop.asked_at(), turn);
        if let Some(time) = message.extend {
            self.extend(Limit::After(time), Why::Said, turn);
        }
    }

    /// Gives it this much time from now to SIGTERM, if that is more than it has and SIGTERM was not
    /// sent: no later than the longest grace there is after the flag.
    pub(crate) fn extend(&mut self, time: Limit, why: Why, turn: &mut Turn<'_>) {
        let longest = turn.rules.max_grace;
        if let Some(gain) = self.stop.extension(time, longest, why, turn.now) {
            self.gain(gain, turn);
        }
    }

    fn gain(&mut self, gain: Gain, turn: &mut Turn<'_>) {
        if self.is_on_ladder() {
            self.changed |= self.stop.gain(gain, turn);
        }
    }

    /// Asks it to stop. The reason counts if it was not asked before.
    pub(crate) fn ask(&mut self, input: Input, reason: &Reason, turn: &mut Turn<'_>) {
        if self.is_on_ladder() {
            let action = self.stop.ask(input, reason, turn.now);
            self.act(action, turn);
        }
    }

    fn step(&mut self, input: Input, turn: &mut Turn<'_>) {
        if self.is_on_ladder() {
            let action = self.stop.step(input, turn.now);
            self.act(action, turn);
        }
    }

    fn is_on_ladder(&self) -> bool {
        !self.is_over() && !self.beginning.is_impossible()
    }

    fn act(&mut self, action: Action, turn: &mut Turn<'_>) {
        match action {
            Action::Nothing => {}
            Action::Climb(rung) => {
                // ORDER: the flag before any signal: a worker that gets SIGTERM finds its flag raised.
                self.write_flag(turn);
                failpoint::pass("flag written");
                rungs::use_rung(rung, &mut self.stop, &mut self.body, turn);
                failpoint::pass("rung used");
            }
            Action::Retime => self.write_flag(turn),
            Action::GiveUp => self.give_up(turn),
        }
    }

    fn write_flag(&mut self, turn: &mut Turn<'_>) {
        self.changed = true;
        self.stop.write_flag(turn);
    }

    /// Looks at what can be seen of its processes now and perhaps not later.
    ///
    /// ORDER: before it is asked to stop. A worker that leaves at once leaves nothing to go by.
    pub(crate) fn remember(&mut self, turn: &mut Turn<'_>) {
        self.body.remember(self.stop.is_asked(), turn.search);
    }

    /// Does what is due at this moment.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) {
        if self.gains_by_look() && self.stop.deadline().is_some_and(|at| at <= turn.now) {
            self.see_read(turn);
        }
        self.step(Input::Tick, turn);
        if self.care.is_due(turn.now) {
            self.ask_stragglers(turn);
        }
        if self.stop.take_turn_of_rest(turn.now) && self.body.has_main() {
            self.body.look(turn.search);
            self.body.signal_rest(turn.rules.stop_signal, turn);
        }
    }

    /// Passes a signal on to its main process; answers whether it was sent.
    pub(crate) fn forward(&self, signal: i32, turn: &mut Turn<'_>) -> bool {
        // Before its program runs, it cannot have a handler.
        self.body.has_main() && self.beginning.has_program() && self.body.forward(signal, turn)
    }

    /// Climbs to SIGTERM at once, for a supervisor that panics and cannot come back for the next rung.
    /// The flag says when that would come: whoever takes over goes on from there.
    pub(crate) fn abandon(&mut self, rules: &Rules) {
        let now = sys::now();
        let term = Input::AtLeast(Rung::Term);
        let climbs = self.stop.ask(term, &Reason::LOST, now) != Action::Nothing;
        if climbs && self.body.has_main() {
            self.stop.write_flag_in_silence(now);
            self.body.abandon(rules);
        }
    }

    /// Its main process was stopped, or continued, no matter by whom. The news of a stop may come after
    /// its flag was raised.
    pub(crate) fn set_stopped(&mut self, stopped: bool, turn: &mut Turn<'_>) {
        self.body.set_stopped(stopped);
        if self.rung() == Some(Rung::Flag) {
            self.body.let_it_look(turn);
        }
    }

    /// Stops it, with everything it started, for the time of a suspension.
    pub(crate) fn suspend(&mut self, turn: &mut Turn<'_>) {
        self.body.suspend(turn);
    }

    /// The terminal has stopped it, and us with it: that is the suspension.
    pub(crate) fn stopped_by_terminal(&mut self) {
        self.body.stopped_by_terminal();
    }

    /// The suspension is over, after so long: its times go on from where they stood, and so does it.
    pub(crate) fn resume(&mut self, suspended: Duration, turn: &mut Turn<'_>) {
        self.stop.postpone(suspended);
        // ORDER: the flag before the worker goes on: what it reads is true.
        self.step(Input::Suspended(suspended), turn);
        self.body.resume(turn);
    }

    /// Its main process has ended, and is a zombie if it is our child: reaps it. What it left behind is
    /// looked for by the next [`Worker::settle`]. Answers how it ended, if that was not lost.
    pub(crate) fn main_ended(&mut self, turn: &mut Turn<'_>) -> Option<Ended> {
        self.see_read(turn);
        let ended = self.body.reap(turn.search);
        if !self.beginning.is_impossible() {
            turn.tell(&Event::MainEnded {
                worker: self.number,
                ended,
                asked: self.is_asked(),
            });
        }
        self.changed = true;
        self.stop.spare_nobody();
        self.body.main_ended(ended, turn.now);
        ended
    }

    /// Takes note of the end of a main process that is not our child, and lets go of what has ended
    /// of its tree. Before [`Worker::settle`], for all workers.
    pub(crate) fn forget_ended(&mut self, turn: &mut Turn<'_>) {
        if self.body.has_main() && self.body.main().has_ended_elsewhere() {
            self.main_ended(turn);
        }
        self.changed |= self.body.forget_ended(turn);
    }

    /// Looks who is left of what it left behind. When nobody is left, it has its final record.
    pub(crate) fn settle(&mut self, turn: &mut Turn<'_>) {
        let Some((ended, at)) = self.body.main_end() else {
            return;
        };
        self.body.look(turn.search);
        match turn.rules.stragglers {
            Stragglers::Stop | Stragglers::Wait => {
                if self.body.greet_newcomers(self.rung(), turn) {
                    self.changed = true;
                    self.ask_stragglers(turn);
                }
            }
            Stragglers::Leave => self.body.leave_alone(turn),
        }
        if self.tree().rest().is_empty() {
            let outcome = end::outcome(ended, turn.rules, self.parts());
            // A ladder whose tree is empty asks for nothing.
            let _ = self.stop.step(Input::TreeEnded, turn.now);
            self.finish(ended, outcome, end::moment(at, turn), turn);
        }
    }

    /// Asks what its main process left behind to stop, if the worker was not asked itself and nobody
    /// else has care of what is left.
    fn ask_stragglers(&mut self, turn: &mut Turn<'_>) {
        let Some((_, at)) = self.body.main_end() else {
            return;
        };
        let (left, own) = (self.body.tree().rest(), self.stop.flag().path());
        let other = if self.is_asked() {
            None
        } else {
            care::of_others(left, own, turn.now.since(at))
        };
        self.care.note(self.number, other.as_deref(), turn);
        self.see_read(turn);
        let is_waited_for = other.is_some() || turn.rules.stragglers == Stragglers::Wait;
        let times = care::times(self.has_looked(), turn.rules.kill_wait);
        let stragglers = (!is_waited_for).then_some(times);
        // If its ladder was climbed already, this freezes the outcome, and does no more.
        self.ask(Input::MainEnded { stragglers }, &Reason::SIBLING, turn);
    }

    /// Its main process, our child, has ended, and another owner does what is left to do. If it ended
    /// `just_now`, the flag says what that owner used on it. Otherwise nobody knows what came first, and
    /// nothing is guessed.
    pub(crate) fn write_off(&mut self, ended: Option<Ended>, just_now: bool, turn: &mut Turn<'_>) {
        let (ended, rung) = match self.body.main_end() {
            // It ended while the ladder was ours.
            Some((ended, _)) => (ended, self.stop.rung_of_main()),
            None if just_now => (ended, self.stop.rung_in_flag().max(self.rung())),
            None => return self.finish(ended, Outcome::Unobserved, turn.now, turn),
        };
        let outcome = end::outcome_from_afar(ended, rung, turn.rules, (&self.body, &self.heard));
        self.finish(ended, outcome, turn.now, turn);
    }

    fn give_up(&mut self, turn: &mut Turn<'_>) {
        if self.is_to_settle() {
            // The last of it may have ended a moment ago, after the look of this turn: that comes before
            // the tick, so that no test can have it end in between.
            self.forget_ended(turn);
            turn.search.discard();
            self.settle(turn);
        }
        if self.is_over() {
            return;
        }
        turn.tell(&Event::NotEnded {
            worker: self.number,
            pids: &self.body.pids(),
        });
        let ended = self.body.main_end().and_then(|(ended, _)| ended);
        self.finish(ended, Outcome::NotEnded, turn.now, turn);
    }

    fn finish(&mut self, ended: Option<Ended>, outcome: Outcome, at: Moment, turn: &mut Turn<'_>) {
        let last = end::last(
            (self.number, at),
            (ended, outcome),
            turn.rules,
            self.parts(),
        );
        // If it could not be started, that was reported.
        if self.beginning.is_told() {
            turn.tell(&Event::WorkerEnded(&last));
        }
        self.body.end(last);
        self.changed = true;
    }

    /// What the record says of it, if that has changed since the last call.
    pub(crate) fn take_changes(&mut self) -> Option<WorkerRecord> {
        if !self.changed {
            // Nothing is written here: the first write to a page after a fork is a fault, and a thousand
            // workers have many pages.
            return None;
        }
        self.changed = false;
        Some(recorded::record(&self.beginning, self.parts()))
    }

    /// Whether its slot in the record is out of date.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Its slot in the record is out of date: somebody else has changed it.
    pub(crate) fn forget(&mut self) {
        self.changed = true;
    }

    /// Who it is.
    pub(crate) fn born(&self) -> Born {
        self.body.born()
    }
}
