//! One run that is being stopped: asked, waited for, and told about.

use std::collections::BTreeSet;
use std::time::Duration;

use stopctl::contract::record::{Phase, WorkerState};
use stopctl::contract::standing::{Doubt, Owned};
use stopctl::decide::ladder::Rung;
use stopctl::decide::times::Wanted;
use stopctl::outside::rescue::{self, Care};
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;
use stopctl::words::reason::Reason;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::fate::{self, Fate};
use crate::runs::{Run, State};
use crate::say::rung::coming;
use crate::say::stopping::{self, Asked};
use crate::summary;
use crate::voice::{Voice, Weight};

use asking::Letters;
use errand::Errand;

mod asking;
mod errand;
mod telling;
mod wait;

pub(crate) use wait::{Waited, hand_over, watch};

use wait::Course;

/// How often a run is taken over by us whose takers die: something kills them.
const TAKEOVERS: u32 = 10;

/// What is asked, of each run alike.
pub(crate) struct Demand {
    pub(crate) rung: Rung,
    pub(crate) times: Wanted,
    pub(crate) reason: Reason,
    /// These workers; empty is all of them.
    pub(crate) workers: BTreeSet<WorkerNumber>,
}

/// A run that is being stopped.
pub(crate) struct Target<'a> {
    pub(crate) run: Run,
    /// `None` is to wait only: whoever took over asks by itself.
    demand: Option<&'a Demand>,
    errand: Errand,
    letters: Letters,
    /// Who enforces the ladder; `None` if that cannot be verified, or has ended.
    owner: Option<Owned>,
    takeovers: u32,
    /// Whether there is nothing to wait for: it is gone.
    is_gone: bool,
    /// Since when the owner is stopped, as far as we looked, and whether it was continued.
    stopped_since: Option<Moment>,
    is_roused: bool,
    /// The workers that were asked.
    pub(crate) asked: Vec<WorkerNumber>,
    /// Why it cannot be stopped.
    pub(crate) problem: Option<String>,
}

impl<'a> Target<'a> {
    /// Asks a run to stop.
    pub(crate) fn ask(run: Run, demand: &'a Demand, voice: &mut Voice) -> Self {
        let asked = if demand.workers.is_empty() {
            WorkerNumber::all_of(run.seen.run.workers).collect()
        } else {
            demand.workers.iter().copied().collect()
        };
        let state = run.state();
        let mut target = Self::new(run, Some(demand), asked);
        match state {
            State::Over if !target.run.leaves_something() => {
                let what = format!("{} is over already", target.run.name);
                voice.say(Weight::Notice, &what);
                return target;
            }
            // What could not be ended then may be ended now.
            State::Over | State::OwnerDied => target.take_over(voice),
            State::Running
            | State::Stopping
            | State::Suspended
            | State::TakenOver(_)
            | State::Unverifiable(_)
            | State::Unsigned => {}
        }
        target.attend(voice);
        target
    }

    /// Sees to it that somebody owns a run whose owner died; who takes over asks its workers.
    pub(crate) fn tend(run: Run, voice: &mut Voice) -> Self {
        let mut target = Self::of(run);
        target.take_over(voice);
        target
    }

    /// Sees to it that another one owns a run whose owner lives, and that has missed a deadline, if it
    /// gives no sign of life; `None` if it does. That takes as long as an owner may take to answer.
    pub(crate) fn of_silent(run: Run, voice: &mut Voice) -> Option<Self> {
        if run.state() == State::Suspended {
            return None;
        }
        let mut target = Self::of(run);
        loop {
            let course = target.attend(voice);
            if target.takeovers > 0 || target.problem.is_some() {
                return Some(target);
            }
            let is_open = target.errand.is_open() && !target.errand.is_answered();
            if matches!(course, Course::Over) || !is_open {
                return None;
            }
            target
                .run
                .record
                .wait_for_change(&target.run.seen, target.longest_sleep());
        }
    }

    /// Waits for a run that somebody else has taken over.
    pub(crate) fn of(run: Run) -> Self {
        let asked = WorkerNumber::all_of(run.seen.run.workers).collect();
        Self::new(run, None, asked)
    }

    fn new(run: Run, demand: Option<&'a Demand>, asked: Vec<WorkerNumber>) -> Self {
        Self {
            run,
            demand,
            errand: Errand::default(),
            letters: Letters::default(),
            owner: None,
            takeovers: 0,
            is_gone: false,
            stopped_since: None,
            is_roused: false,
            asked,
            problem: None,
        }
    }

    fn care(&mut self) -> Care {
        self.takeovers += 1;
        if self.takeovers > TAKEOVERS {
            Care::Failed("whoever does so is ended".to_owned())
        } else {
            rescue::care_for(&self.run.dir)
        }
    }

    /// The owner died after the last word: somebody gives up the name in its place.
    fn tidy(&mut self) {
        if !self.run.dir.is_there() {
            self.is_gone = true;
            return;
        }
        match self.care() {
            Care::Owned(_) | Care::Mended => {}
            Care::Removed | Care::Gone | Care::Unverifiable(_) => self.is_gone = true,
            Care::Failed(why) => {
                self.problem = Some(format!("{} cannot be removed: {why}", self.run.name));
            }
        }
    }

    /// The owner is dead: whoever takes over is asked the same.
    fn take_over(&mut self, voice: &mut Voice) {
        let care = self.care();
        let (name, pid) = (&self.run.name, self.run.seen.run.pid);
        match care {
            Care::Owned(warnings) => {
                let what = format!("the supervisor of {name} (pid {pid}) died; taking over");
                let weight = self.demand.map_or(Weight::Detail, |_| Weight::Notice);
                voice.say(weight, &what);
                for warning in warnings {
                    voice.say(Weight::Warning, &format!("{name}: {warning}"));
                }
            }
            // It was asked, and has read that: so it has looked.
            Care::Mended => {}
            Care::Removed => {
                self.is_gone = true;
                let what =
                    format!("nothing is left of {name}: its machine or container was restarted");
                voice.say(Weight::Notice, &what);
            }
            Care::Gone => self.is_gone = true,
            Care::Unverifiable(why) => self.out_of_reach(why),
            Care::Failed(why) => {
                self.problem = Some(format!("{name} cannot be taken over: {why}"));
            }
        }
    }

    fn out_of_reach(&mut self, why: Doubt) {
        self.problem = Some(format!(
            "{} cannot be stopped from here: its supervisor died, and {why}",
            self.run.name
        ));
    }

    fn announced(&self, demand: &Demand) -> String {
        let run = &self.run.seen.run;
        let there = self
            .asked
            .iter()
            .filter(|&&worker| !self.has_ended(worker))
            .count();
        let own = run.times().grace;
        let signal = self.stop_signal();
        let next = match (demand.rung, demand.times.grace.unwrap_or(own)) {
            (Rung::Kill, _) => coming("SIGKILL", Some(Duration::ZERO)),
            (Rung::Term, _) | (Rung::Flag, Limit::After(Duration::ZERO)) => {
                coming(&signal, Some(Duration::ZERO))
            }
            (Rung::Flag, Limit::After(time)) => coming(&signal, Some(time)) + " at the latest",
            (Rung::Flag, Limit::Never) => coming(&signal, None),
        };
        let whom = if self.is_whole() {
            Asked::All(there)
        } else {
            Asked::Some(&self.asked)
        };
        stopping::asked(&run.name, None, &whom, &next)
    }

    fn is_whole(&self) -> bool {
        self.asked.len() == self.run.seen.workers.len()
    }

    fn has_ended(&self, worker: WorkerNumber) -> bool {
        self.run.seen[worker].state == WorkerState::Ended
    }

    /// What became of those of these workers of whom that is known.
    fn fates_of(&self, workers: &[WorkerNumber]) -> Vec<Fate> {
        let known = |&worker: &WorkerNumber| Fate::recorded(worker, &self.run.seen[worker]);
        workers.iter().filter_map(known).collect()
    }

    /// What became of those who were asked, as far as it is known.
    pub(crate) fn fates(&self) -> Vec<Fate> {
        self.fates_of(&self.asked)
    }

    /// The same in words.
    pub(crate) fn fates_in_words(&self) -> String {
        let was_not = |&&worker: &&WorkerNumber| self.run.seen[worker].was_not_started();
        let not_started: Vec<WorkerNumber> = self.asked.iter().filter(was_not).copied().collect();
        summary::with_unstarted(&self.fates(), &not_started, &self.stop_signal())
    }

    /// A line for all those who failed in the same way after they were asked.
    pub(crate) fn failures(&self) -> Vec<String> {
        let lines = fate::failures(&self.fates(), &self.stop_signal()).into_iter();
        lines
            .map(|line| format!("{}: {line}", self.run.name))
            .collect()
    }

    fn stop_signal(&self) -> String {
        signal_name(self.run.seen.run.stop_signal)
    }

    /// How it ended; `None` if it did not, or there is nothing to tell.
    pub(crate) fn told(&self) -> Option<String> {
        let (name, what) = (&self.run.name, self.fates_in_words());
        let told = match self.run.seen.run.phase {
            Phase::Over => format!("{name} is over: {what}"),
            Phase::Running | Phase::Stopping => format!("{name}: {what}"),
        };
        let is_known = !self.is_gone || self.run.seen.run.phase == Phase::Over;
        (self.problem.is_none() && is_known).then_some(told)
    }

    /// Whether something of it could not be ended.
    pub(crate) fn leaves_something(&self) -> bool {
        !self.is_gone && self.run.leaves_something()
    }
}
