//! One run that is being stopped: asked, waited for, and told about.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::control::{Asker, Request};
use stopctl::duration::Limit;
use stopctl::ladder::Rung;
use stopctl::moment::Moment;
use stopctl::outcome::Outcome;
use stopctl::process::{self, Stat};
use stopctl::reason::Reason;
use stopctl::record::{Phase, WorkerState};
use stopctl::standing::{Owned, Standing, has_no_owner};
use stopctl::taker::{self, Care};

use crate::runs::{Run, State};
use crate::voice::{Voice, Weight};

mod words;

/// The kernel wakes one waiter only when an owner dies: look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How long a supervisor may leave its requests unread before that is said.
const UNREAD: Duration = Duration::from_secs(5);

/// How long an owner that was stopped may stay silent after it was continued.
const SILENT: Duration = Duration::from_secs(2);

/// The longest silence while waiting, at first; it doubles with each line.
const SILENCE: Duration = Duration::from_secs(5);

/// The longest silence later on.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// What is asked, of each run alike.
pub(super) struct Demand {
    pub(super) rung: Rung,
    pub(super) grace: Option<Limit>,
    pub(super) kill_after: Option<Limit>,
    pub(super) reason: Reason,
    /// These workers; empty is all of them.
    pub(super) workers: BTreeSet<u32>,
}

/// A run that is being stopped.
pub(super) struct Target<'a> {
    pub(super) run: Run,
    demand: &'a Demand,
    /// Who enforces the ladder; `None` if that cannot be verified, or has ended.
    owner: Option<Owned>,
    /// How long an owner that was found stopped has to answer.
    silent_until: Option<Moment>,
    /// The workers that were asked.
    pub(super) asked: Vec<u32>,
    /// Why it cannot be stopped.
    pub(super) problem: Option<String>,
    /// Nothing is left of it: there is nothing to wait for.
    gone: bool,
}

impl<'a> Target<'a> {
    /// Asks a run to stop.
    pub(super) fn ask(run: Run, demand: &'a Demand, voice: &mut Voice) -> Self {
        let asked = if demand.workers.is_empty() {
            (0..run.seen.run.workers).collect()
        } else {
            demand.workers.iter().copied().collect()
        };
        let state = run.state();
        let mut target = Self {
            run,
            demand,
            owner: None,
            silent_until: None,
            asked,
            problem: None,
            gone: false,
        };
        match state {
            State::Over if !target.run.leaves_something() => {
                let what = format!("{} is over already", target.run.name);
                voice.say(Weight::Notice, &what);
                target.tidy_up();
            }
            // What could not be ended then may be ended now.
            State::Over | State::OwnerDied => target.take_over(voice),
            State::Unverifiable if has_no_owner(&target.run.dir) => target.out_of_reach(),
            State::Running | State::Stopping | State::TakenOver(_) | State::Unverifiable => {
                target.demand_it(voice);
            }
        }
        target
    }

    /// Its owner may have been killed between its last word and the removal of the names.
    fn tidy_up(&mut self) {
        if matches!(Standing::of(&self.run.dir), Standing::Orphaned(_)) {
            let _ = taker::care_for(&self.run.dir);
            self.owner = self.owner_now();
        }
    }

    fn owner_now(&self) -> Option<Owned> {
        match Standing::of(&self.run.dir) {
            Standing::Owned(owned) => Some(owned),
            Standing::Changing
            | Standing::Orphaned(_)
            | Standing::Unverifiable(_)
            | Standing::Unreadable => None,
        }
    }

    /// Asks whoever is the owner.
    fn demand_it(&mut self, voice: &mut Voice) {
        self.owner = self.owner_now();
        match self.send() {
            Ok(()) => voice.say(Weight::Notice, &self.announced()),
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// The owner is dead: whoever takes over is asked the same.
    fn take_over(&mut self, voice: &mut Voice) {
        let (name, pid) = (&self.run.name, self.run.seen.run.pid);
        match taker::care_for(&self.run.dir) {
            Care::Owned => {
                let what = format!("the supervisor of {name} (pid {pid}) died; taking over");
                voice.say(Weight::Notice, &what);
                self.demand_it(voice);
            }
            Care::Removed => {
                let what = format!("nothing is left of {name}: its machine or container restarted");
                voice.say(Weight::Notice, &what);
                self.gone = true;
            }
            Care::Gone => self.gone = true,
            Care::Unverifiable => self.out_of_reach(),
            Care::Failed(why) => {
                self.problem = Some(format!("{name} cannot be taken over: {why}"));
            }
        }
    }

    fn out_of_reach(&mut self) {
        self.problem = Some(format!(
            "{} cannot be stopped from here: it is of another pid namespace, and its supervisor \
             died",
            self.run.name
        ));
    }

    /// A supervisor that was stopped is not dead: it is continued, and if that does not help (a
    /// debugger holds it), somebody else takes over.
    fn rouse(&mut self, voice: &mut Voice) {
        let stopped = |owned: &&Owned| Stat::of(owned.owner.pid).is_some_and(|s| s.is_stopped());
        let Some(owned) = self.owner.as_ref().filter(stopped) else {
            self.silent_until = None;
            return;
        };
        let (name, pid) = (&self.run.name, owned.owner.pid);
        let now = stopctl::now();
        let Some(until) = self.silent_until else {
            self.silent_until = Some(now + SILENT);
            let what = format!("the supervisor of {name} (pid {pid}) is stopped: continuing it");
            voice.say(Weight::Warning, &what);
            let _ = process::signal(process::Target::Pidfd(owned.pidfd.as_fd()), libc::SIGCONT);
            return;
        };
        if now >= until {
            let what = format!(
                "the supervisor of {name} (pid {pid}) stays silent, a debugger may hold it: \
                 taking over"
            );
            voice.say(Weight::Warning, &what);
            self.silent_until = None;
            match taker::depose(&self.run.dir, owned) {
                Care::Failed(why) => {
                    self.problem = Some(format!("{name} cannot be taken over: {why}"));
                }
                Care::Owned | Care::Removed | Care::Gone | Care::Unverifiable => {
                    self.demand_it(voice);
                }
            }
        }
    }

    fn send(&self) -> Result<(), String> {
        let demand = self.demand;
        let failed = |error: io::Error| format!("{} cannot be asked: {error}", self.run.name);
        // Ended between two looks: what became of it stands in its record.
        let has_ended = |error: &io::Error| {
            let gone = [libc::ENOENT, libc::ENXIO, libc::EPIPE].map(Some);
            gone.contains(&error.raw_os_error())
        };
        let mut asker = match Asker::open(self.run.dir.as_fd()) {
            Ok(asker) => asker,
            Err(error) if has_ended(&error) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let each = || self.asked.iter().copied().map(Some).collect();
        let whom: Vec<Option<u32>> = if self.is_whole() { vec![None] } else { each() };
        for worker in whom {
            let (rung, grace, kill_after) = (demand.rung, demand.grace, demand.kill_after);
            let reason = demand.reason.clone();
            let request = Request {
                worker,
                rung,
                grace,
                kill_after,
                reason,
            };
            let patience = stopctl::now() + UNREAD;
            loop {
                match asker.send(&request) {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) if has_ended(&error) => return Ok(()),
                    Err(error) => return Err(failed(error)),
                }
                let left = patience.since(stopctl::now());
                if left.is_zero() {
                    let (name, pid) = (&self.run.name, self.run.seen.run.pid);
                    return Err(format!(
                        "{name} cannot be asked: its supervisor (pid {pid}) does not read its \
                         requests"
                    ));
                }
                asker.wait_until_writable(left);
            }
        }
        Ok(())
    }

    /// Waits until all that were asked have ended; for a whole run, until its name is free and
    /// its supervisor gone.
    pub(super) fn wait(&mut self, voice: &mut Voice) {
        let mut silence = SILENCE;
        let mut silence_ends = stopctl::now() + silence;
        while self.problem.is_none() && !self.gone {
            // ORDER: the owner before the record: an owner that has ended wrote its last word
            // first.
            let standing = Standing::of(&self.run.dir);
            self.read();
            if self.run.seen.run.phase == Phase::Over {
                self.wait_for_owner();
                self.read();
                return voice.say(Weight::Notice, &self.told());
            }
            if !self.is_whole() && self.asked.iter().all(|&worker| self.has_ended(worker)) {
                return voice.say(Weight::Notice, &self.told());
            }
            match standing {
                Standing::Orphaned(_) => {
                    self.take_over(voice);
                    continue;
                }
                Standing::Unverifiable(_) if has_no_owner(&self.run.dir) => {
                    self.out_of_reach();
                    continue;
                }
                // Somebody removed what was left of it, because nothing is.
                Standing::Unreadable if self.owner.is_none() && !self.run.dir.is_there() => return,
                Standing::Owned(owned) if self.is_another(&owned) => {
                    // What its predecessor had not read is lost.
                    self.owner = Some(owned);
                    self.problem = self.send().err();
                }
                Standing::Owned(_)
                | Standing::Changing
                | Standing::Unverifiable(_)
                | Standing::Unreadable => self.rouse(voice),
            }
            if stopctl::now() >= silence_ends {
                silence = (silence * 2).min(LONGEST_SILENCE);
                silence_ends = stopctl::now() + silence;
                voice.say(Weight::Notice, &self.still_there());
            } else {
                let left = silence_ends.since(stopctl::now()).min(LONGEST_SLEEP);
                self.run.record.wait_for_change(&self.run.seen, left);
            }
        }
    }

    fn read(&mut self) {
        match self.run.record.read() {
            Ok(seen) => self.run.seen = seen,
            Err(error) => self.problem = Some(format!("{}: {error}", self.run.name)),
        }
    }

    fn wait_for_owner(&self) {
        let there = |owned: &&Owned| !process::has_ended(&owned.pidfd);
        while let Some(owned) = self.owner.as_ref().filter(there) {
            process::wait_for_end(&owned.pidfd, LONGEST_SLEEP);
        }
    }

    /// Whether this is not the owner who was asked.
    fn is_another(&self, owned: &Owned) -> bool {
        let asked = self.owner.as_ref().map(|asked| &asked.owner);
        asked != Some(&owned.owner)
    }

    fn is_whole(&self) -> bool {
        self.asked.len() == self.run.seen.workers.len()
    }

    fn has_ended(&self, worker: u32) -> bool {
        self.run.seen.workers[worker as usize].state == WorkerState::Ended
    }

    /// What became of a worker, once that is known.
    pub(super) fn outcome(&self, worker: u32) -> Option<Outcome> {
        Outcome::from_word(self.run.seen.workers[worker as usize].outcome.as_deref()?)
    }
}
