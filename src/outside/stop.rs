//! Stopping a run that somebody else owns: asking its owner, and seeing to it that it has one.
//!
//! Each look at the run decides on one step, by what stands on record and what was done so far:
//! `step` for the run as a whole, `Errand` for what its owner was asked, `Rousing` for an owner that
//! is stopped. None of them needs a process; what is here carries the steps out, and tells.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::contract::control::{self, Extension, Sender};
use crate::contract::record::{Phase, WorkerState};
use crate::contract::standing::Standing;
use crate::linux::sys;
use crate::outside::fate::Fate;
use crate::outside::follow::LONGEST_SLEEP;
use crate::outside::found::Run;
use crate::outside::rescue::Care;
use crate::outside::state::State;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

use errand::{Errand, Fifo, Look};
use letters::Letters;
use ownership::Ownership;
use rousing::GLANCE;
use step::{Sight, Stands, Step, step};

pub use demand::Demand;
pub use errand::PATIENCE;
pub use news::{Failure, Hear, News, Problem, Silence};

mod demand;
mod errand;
mod letters;
mod news;
mod ownership;
mod rousing;
mod step;

/// How long whoever takes over needs to sign; nobody is woken by that.
const SIGNING: Duration = Duration::from_millis(10);

/// A run that is being stopped.
#[derive(Debug)]
pub struct Stop<'a> {
    run: Run,
    /// `None` is to wait only: whoever took over asks by itself.
    demand: Option<&'a Demand>,
    /// The workers that were asked.
    asked: Vec<WorkerNumber>,
    errand: Errand,
    letters: Letters,
    /// How often each worker's grace had been made longer when it was asked.
    extensions: BTreeMap<WorkerNumber, u32>,
    /// Whether we have told that the run was asked.
    is_announced: bool,
    owner: Ownership,
    /// Whether there is nothing to wait for: it is gone.
    is_gone: bool,
    problem: Option<Problem>,
}

/// How a run goes on after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// There is nothing to wait for.
    Over,
    /// Something was done, and somebody has to look again.
    Again,
    /// It is the owner's turn.
    GoesOn,
}

impl<'a> Stop<'a> {
    /// Asks a run to stop.
    pub fn ask(run: Run, demand: &'a Demand, hear: &mut Hear<'_>) -> Self {
        let asked = if demand.workers.is_empty() {
            WorkerNumber::all_of(run.seen().run.workers).collect()
        } else {
            demand.workers.iter().copied().collect()
        };
        let state = State::of(&run);
        let mut stop = Self::new(run, Some(demand), asked);
        if state == State::Over && !stop.run.leaves_something() {
            hear(&stop.run, News::WasOver);
            return stop;
        }
        if !state.may_have_an_owner() {
            // What could not be ended then may be ended now.
            stop.take_over(hear);
        }
        stop.look(hear);
        stop
    }

    /// Sees to it that somebody owns a run whose owner died; whoever takes over asks its workers.
    pub fn tend(run: Run, hear: &mut Hear<'_>) -> Self {
        let mut stop = Self::of(run);
        stop.take_over(hear);
        stop
    }

    /// Sees to it that somebody else owns a run whose owner lives and has missed a deadline, unless
    /// that one gives a sign of life: then the answer is `None`. This takes as long as an owner may
    /// take to answer.
    pub fn of_silent(run: Run, hear: &mut Hear<'_>) -> Option<Self> {
        if State::of(&run) == State::Suspended {
            return None;
        }
        let mut stop = Self::of(run);
        loop {
            let course = stop.look(hear);
            if stop.owner.was_taken_over() || stop.problem.is_some() {
                return Some(stop);
            }
            let is_open = stop.errand.is_open() && !stop.errand.is_answered();
            if course == Course::Over || !is_open {
                return None;
            }
            stop.run.wait_for_change(stop.longest_sleep());
        }
    }

    /// Waits for a run that somebody else has taken over.
    #[must_use]
    pub fn of(run: Run) -> Self {
        let asked = WorkerNumber::all_of(run.seen().run.workers).collect();
        Self::new(run, None, asked)
    }

    fn new(run: Run, demand: Option<&'a Demand>, asked: Vec<WorkerNumber>) -> Self {
        Self {
            run,
            demand,
            asked,
            errand: Errand::default(),
            letters: Letters::default(),
            extensions: BTreeMap::new(),
            is_announced: false,
            owner: Ownership::default(),
            is_gone: false,
            problem: None,
        }
    }

    /// The run, as the last look has shown it.
    #[must_use]
    pub const fn run(&self) -> &Run {
        &self.run
    }

    /// The same, when there is nothing left to do.
    #[must_use]
    pub fn into_run(self) -> Run {
        self.run
    }

    /// The workers that were asked.
    #[must_use]
    pub fn asked(&self) -> &[WorkerNumber] {
        &self.asked
    }

    /// Why it cannot be stopped.
    #[must_use]
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Whether a worker has ended.
    #[must_use]
    pub fn has_ended(&self, worker: WorkerNumber) -> bool {
        self.run.seen()[worker].state == WorkerState::Ended
    }

    /// Those of the asked who have not ended.
    #[must_use]
    pub fn there(&self) -> Vec<WorkerNumber> {
        let there = self.asked.iter().filter(|&&one| !self.has_ended(one));
        there.copied().collect()
    }

    /// Those of the asked who were never started.
    #[must_use]
    pub fn not_started(&self) -> Vec<WorkerNumber> {
        let seen = self.run.seen();
        let was_not = |&&one: &&WorkerNumber| seen[one].was_not_started();
        self.asked.iter().filter(was_not).copied().collect()
    }

    /// What became of those of these workers of whom that is known.
    #[must_use]
    pub fn fates_of(&self, workers: &[WorkerNumber]) -> Vec<Fate> {
        let seen = self.run.seen();
        let known = |&worker: &WorkerNumber| Fate::recorded(worker, &seen[worker]);
        workers.iter().filter_map(known).collect()
    }

    /// What became of those who were asked, as far as it is known.
    #[must_use]
    pub fn fates(&self) -> Vec<Fate> {
        self.fates_of(&self.asked)
    }

    /// Whether anybody can tell how it ended, or how far it is.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.problem.is_none() && (!self.is_gone || self.is_over())
    }

    /// Whether something of it could not be ended.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        !self.is_gone && self.run.leaves_something()
    }

    fn is_whole(&self) -> bool {
        self.asked.len() == self.run.seen().workers.len()
    }

    fn is_over(&self) -> bool {
        self.run.seen().run.phase == Phase::Over
    }

    /// Looks, and does what has to be done.
    pub fn look(&mut self, hear: &mut Hear<'_>) -> Course {
        if self.problem.is_some() || self.is_gone {
            return Course::Over;
        }
        // ORDER: the owner before the record: an owner that has ended wrote its last word first.
        let standing = self.run.standing();
        self.read();
        let sight = self.sight(standing);
        match step(&sight) {
            Step::Finish => return Course::Over,
            Step::ReadLastWord => {
                self.read();
                return Course::Over;
            }
            Step::Vanish => {
                self.is_gone = true;
                return Course::Over;
            }
            Step::GiveUp(why) => {
                self.problem = Some(Problem::OutOfReach(why));
                return Course::Over;
            }
            Step::TakeOver => self.take_over(hear),
            Step::Remove => self.remove(),
            Step::LookAgain => self.run.wait_for_change(SIGNING),
            Step::Ask(word) => {
                self.rouse(hear);
                self.pursue(word, hear);
                return Course::GoesOn;
            }
        }
        Course::Again
    }

    /// Sleeps until it may have changed since the last look, or until `due`.
    pub fn sleep(&self, due: Moment) {
        let longest = self.longest_sleep();
        // Of a run that is over, the owner has nothing to do but to end.
        if !(self.is_over() && self.owner.wait_for_end(longest)) {
            let left = due.since(sys::now()).min(longest);
            self.run.wait_for_change(left);
        }
    }

    fn longest_sleep(&self) -> Duration {
        let soon = self.owner.soon().into_iter().chain(self.errand.soon());
        soon.min().unwrap_or(LONGEST_SLEEP)
    }

    fn read(&mut self) {
        if let Err(error) = self.run.refresh() {
            self.problem = Some(Problem::Record(error));
        }
    }

    fn sight(&mut self, standing: Standing) -> Sight {
        let stands = match standing {
            Standing::Owned(owned) => {
                let word = owned.word;
                self.owner.follow(owned);
                Stands::Owned(word)
            }
            Standing::Changing => Stands::Changing,
            Standing::Orphaned(_) => Stands::Orphaned,
            Standing::Unverifiable(unknown) => Stands::Unverifiable {
                why: unknown.why,
                died: self.run.owner_died(),
            },
            Standing::Unreadable => Stands::Unreadable {
                is_there: self.run.dir().is_there(),
                is_unsigned: self.run.is_unsigned(),
            },
        };
        Sight {
            stands,
            is_over: self.is_over(),
            // Whoever owns it lives, so nobody has to be asked.
            owner_lives: matches!(stands, Stands::Owned(_)) || self.owner.lives(),
            some_ended: !self.is_whole() && self.there().is_empty(),
            leaves_something: self.run.leaves_something(),
        }
    }

    /// The owner is dead: whoever takes over is asked the same.
    fn take_over(&mut self, hear: &mut Hear<'_>) {
        match self.owner.care_for(self.run.dir()) {
            Ok(Care::Owned(warnings)) => {
                let is_demanded = self.demand.is_some();
                hear(&self.run, News::TakenOver { is_demanded });
                self.warn(warnings, hear);
            }
            // It was asked, and has read that: so it has looked.
            Ok(Care::Mended) => {}
            Ok(Care::Removed) => {
                self.is_gone = true;
                hear(&self.run, News::Removed);
            }
            Ok(Care::Gone) => self.is_gone = true,
            Ok(Care::Unverifiable(why)) => self.problem = Some(Problem::OutOfReach(why)),
            Ok(Care::Failed(why)) => {
                self.problem = Some(Problem::NotTakenOver(Failure::Told(why)));
            }
            Err(failure) => self.problem = Some(Problem::NotTakenOver(failure)),
        }
    }

    fn warn(&self, warnings: Vec<String>, hear: &mut Hear<'_>) {
        for warning in warnings {
            hear(&self.run, News::Warning(warning));
        }
    }

    /// The owner died after the last word: somebody gives up the name in its place.
    fn remove(&mut self) {
        if !self.run.dir().is_there() {
            self.is_gone = true;
            return;
        }
        match self.owner.care_for(self.run.dir()) {
            Ok(Care::Owned(_) | Care::Mended) => {}
            Ok(Care::Removed | Care::Gone | Care::Unverifiable(_)) => self.is_gone = true,
            Ok(Care::Failed(why)) => {
                self.problem = Some(Problem::NotRemoved(Failure::Told(why)));
            }
            Err(failure) => self.problem = Some(Problem::NotRemoved(failure)),
        }
    }

    /// Continues an owner that is stopped; if that does not help (a debugger holds it), somebody
    /// else takes over.
    fn rouse(&mut self, hear: &mut Hear<'_>) {
        let rouse = self.owner.rouse(sys::now());
        if let (true, Some(pid)) = (rouse.continues, self.owner.pid()) {
            hear(&self.run, News::Continuing(pid));
            self.owner.resume();
        }
        if rouse.deposes {
            self.depose(Silence::Stopped, hear);
        }
    }

    /// Takes over from an owner that lives. The new one is asked the same.
    fn depose(&mut self, why: Silence, hear: &mut Hear<'_>) {
        let Some(pid) = self.owner.pid() else {
            self.problem = Some(Problem::Unverified(why));
            return;
        };
        hear(&self.run, News::Deposing(pid, why));
        match self.owner.depose(self.run.dir()) {
            Ok(Care::Owned(warnings)) => self.warn(warnings, hear),
            Ok(Care::Mended | Care::Removed | Care::Gone) => {}
            Ok(Care::Unverifiable(why)) => {
                self.problem = Some(Problem::NotTakenOverFromHere(why));
            }
            Ok(Care::Failed(why)) => {
                self.problem = Some(Problem::NotTakenOver(Failure::Told(why)));
            }
            Err(failure) => self.problem = Some(Problem::NotTakenOver(failure)),
        }
    }

    /// Sees to it that the owner, which is this one as far as anybody can tell, has what is asked of
    /// it; or that another one has it.
    fn pursue(&mut self, owner: Option<u32>, hear: &mut Hear<'_>) {
        let now = sys::now();
        let look = Look {
            owner,
            is_wanted: self.demand.is_some(),
            is_taken: self.is_taken(),
            is_late: self.run.seen().is_late(now),
        };
        if !self.errand.concerns(&look) {
            self.letters.clear();
            return;
        }
        let mut sender = Sender::open(self.run.dir().as_fd());
        let fifo = match sender.as_ref().map(Sender::unread) {
            Ok(Ok(0)) if self.letters.is_empty() => Fifo::Empty,
            Ok(Ok(_)) => Fifo::Unread,
            Ok(Err(_)) | Err(_) => Fifo::Missing,
        };
        match self.errand.next(&look, fifo, now) {
            errand::Step::Wait => {}
            errand::Step::Ask(times) => self.write_letters(times),
            errand::Step::Depose => {
                let silence = match fifo {
                    Fifo::Missing => Silence::NoFifo,
                    Fifo::Empty | Fifo::Unread => Silence::Unread,
                };
                return self.depose(silence, hear);
            }
            errand::Step::Refused => {
                let fifo = self.run.dir().path().join(control::FILE);
                self.problem = Some(Problem::NotHeeded(fifo));
                return;
            }
        }
        if let Ok(sender) = &mut sender {
            self.letters.send(sender);
        }
        self.announce(hear);
    }

    /// What is to be asked of an owner, for this time.
    fn write_letters(&mut self, times: u32) {
        let seen = self.run.seen().numbered();
        self.extensions = seen.map(|(worker, one)| (worker, one.extensions)).collect();
        let Some(demand) = self.demand else {
            return self.letters.write([Extension::NOTHING.to_string()], times);
        };
        let some = if self.is_whole() { &[] } else { &*self.asked };
        let requests = demand.requests(some);
        let lines = requests.iter().map(ToString::to_string);
        self.letters.write(lines, times);
    }

    /// Tells once that the run was asked, as soon as all requests are written.
    fn announce(&mut self, hear: &mut Hear<'_>) {
        let demand = self.demand.filter(|_| self.letters.is_empty());
        let is_asked = self.errand.asked_at().is_some() && !self.is_announced;
        if let (Some(demand), true) = (demand, is_asked) {
            self.is_announced = true;
            let asked = News::Asked {
                rung: demand.rung,
                grace: demand
                    .times
                    .grace
                    .unwrap_or(self.run.seen().run.times().grace),
                workers: &self.there(),
                all: self.is_whole(),
            };
            hear(&self.run, asked);
        }
    }

    /// Whether the record shows all that is wanted.
    fn is_taken(&self) -> bool {
        let seen = self.run.seen();
        let phase = seen.run.phase;
        let Some(demand) = self.demand.filter(|_| phase != Phase::Over) else {
            return true;
        };
        let is_latched = !self.is_whole() || phase == Phase::Stopping;
        let asked_at = self.errand.asked_at();
        let is_taken_by = |one: &WorkerNumber| {
            let before = self.extensions.get(one).copied();
            demand.is_taken_by(&seen[*one], phase, asked_at, before)
        };
        is_latched && self.asked.iter().all(is_taken_by)
    }
}

/// Waits until all of these runs have taken what they are asked for, and no longer.
pub fn hand_over(stops: &mut [Stop<'_>], hear: &mut Hear<'_>) {
    let mut is_open = true;
    while is_open {
        is_open = false;
        for stop in stops.iter_mut() {
            let is_there = stop.look(hear) != Course::Over;
            if is_there && !stop.is_taken() {
                is_open = true;
                stop.run.wait_for_change(GLANCE);
            }
        }
    }
}
