//! One run that is being stopped: asked, waited for, and told about.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use stopctl::control::{Asker, Request};
use stopctl::duration::{Limit, in_words};
use stopctl::ladder::Rung;
use stopctl::moment::Moment;
use stopctl::outcome::Outcome;
use stopctl::owner::{self, OwnerSeen};
use stopctl::process;
use stopctl::reason::Reason;
use stopctl::record::{Phase, WorkerState};

use crate::runs::{Run, State};
use crate::show::{counted, numbers};
use crate::summary;
use crate::voice::{Voice, Weight};

/// The kernel wakes one waiter only when an owner dies: look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How long a supervisor may leave its requests unread before that is said.
const UNREAD: Duration = Duration::from_secs(5);

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
pub(super) struct Target {
    pub(super) run: Run,
    /// `None` if it cannot be verified, or has ended.
    supervisor: Option<OwnedFd>,
    /// The workers that were asked.
    pub(super) asked: Vec<u32>,
    /// Why it cannot be stopped.
    pub(super) problem: Option<String>,
}

impl Target {
    /// Asks a run to stop.
    pub(super) fn ask(run: Run, demand: &Demand, voice: &mut Voice) -> Self {
        let asked = if demand.workers.is_empty() {
            (0..run.seen.run.workers).collect()
        } else {
            demand.workers.iter().copied().collect()
        };
        let supervisor = match owner::see(run.dir.as_fd()) {
            OwnerSeen::Alive(owner) => process::find(&owner),
            OwnerSeen::Died(_) | OwnerSeen::Unreadable => None,
        };
        let state = run.state();
        let mut target = Self {
            run,
            supervisor,
            asked,
            problem: None,
        };
        match state {
            State::Over => {
                voice.say(
                    Weight::Notice,
                    &format!("{} is over already", target.run.name),
                );
            }
            State::OwnerDied => target.problem = Some(target.orphaned()),
            State::Running | State::Stopping | State::Unverifiable => match target.send(demand) {
                Ok(()) => voice.say(Weight::Notice, &target.announced(demand)),
                Err(problem) => target.problem = Some(problem),
            },
        }
        target
    }

    fn send(&self, demand: &Demand) -> Result<(), String> {
        let failed = |error: io::Error| format!("{} cannot be asked: {error}", self.run.name);
        let mut asker = match Asker::open(self.run.dir.as_fd()) {
            Ok(asker) => asker,
            // Ended between two looks: what became of it stands in its record.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENXIO)) => {
                return Ok(());
            }
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
            while !asker.send(&request).map_err(failed)? {
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

    /// A run whose supervisor is dead cannot be asked.
    fn orphaned(&self) -> String {
        let workers = &self.run.seen.workers;
        let there = workers
            .iter()
            .filter(|worker| worker.state != WorkerState::Ended);
        let pids: Vec<String> = there.filter_map(|one| Some(one.pid?.to_string())).collect();
        let (name, pid, directory) = (&self.run.name, self.run.seen.run.pid, &self.run.directory);
        format!(
            "the supervisor of {name} (pid {pid}) died, and its workers may still run (pids: {}); \
             end them, then remove {directory}",
            pids.join(", ")
        )
    }

    fn announced(&self, demand: &Demand) -> String {
        let run = &self.run.seen.run;
        let there = self
            .asked
            .iter()
            .filter(|&&worker| !self.has_ended(worker))
            .count();
        let own = run
            .grace_ms
            .map(Duration::from_millis)
            .map_or(Limit::Never, Limit::After);
        let next = match (demand.rung, demand.grace.unwrap_or(own)) {
            (Rung::Kill, _) => "SIGKILL now".to_owned(),
            (Rung::Term, _) => "SIGTERM now".to_owned(),
            (Rung::Flag, Limit::After(time)) => {
                format!("SIGTERM in {} at the latest", in_words(time))
            }
            (Rung::Flag, Limit::Never) => "no SIGTERM by itself".to_owned(),
        };
        if self.is_whole() {
            format!(
                "stopping {}: {} asked; {next}",
                run.name,
                counted(there, "worker")
            )
        } else {
            format!(
                "stopping worker {} of {}; {next}",
                numbers(&self.asked),
                run.name
            )
        }
    }

    /// Waits until all that were asked have ended; for a whole run, until its name is free and
    /// its supervisor gone.
    pub(super) fn wait(&mut self, voice: &mut Voice) {
        let mut silence = SILENCE;
        let mut silence_ends = stopctl::now() + silence;
        while self.problem.is_none() {
            // ORDER: the owner before the record: an owner that has ended wrote its last word
            // first.
            let owner = owner::see(self.run.dir.as_fd());
            match self.run.record.read() {
                Ok(seen) => self.run.seen = seen,
                Err(error) => self.problem = Some(format!("{}: {error}", self.run.name)),
            }
            if self.run.seen.run.phase == Phase::Over {
                self.wait_for_supervisor();
                return voice.say(Weight::Notice, &self.told());
            }
            if !self.is_whole() && self.asked.iter().all(|&worker| self.has_ended(worker)) {
                return voice.say(Weight::Notice, &self.told());
            }
            if matches!(owner, OwnerSeen::Died(_)) {
                self.problem = Some(self.orphaned());
            } else if stopctl::now() >= silence_ends {
                silence = (silence * 2).min(LONGEST_SILENCE);
                silence_ends = stopctl::now() + silence;
                voice.say(Weight::Notice, &self.still_there());
            } else {
                let left = silence_ends.since(stopctl::now()).min(LONGEST_SLEEP);
                self.run.record.wait_for_change(&self.run.seen, left);
            }
        }
    }

    /// Who is still there, and when the next rung comes for the first of them.
    fn still_there(&self) -> String {
        let there = |worker: &&u32| !self.has_ended(**worker);
        let there: Vec<u32> = self.asked.iter().filter(there).copied().collect();
        let stopping = there
            .iter()
            .map(|&worker| &self.run.seen.workers[worker as usize]);
        let next = stopping
            .filter_map(|one| Some((one.deadline_ns?, one.level)))
            .min();
        let next = next.map_or_else(String::new, |(deadline, level)| {
            let left = Moment::from_nanos(deadline).since(stopctl::now());
            let signal = if level < 2 { "SIGTERM" } else { "SIGKILL" };
            let what = if level < 3 { signal } else { "given up" };
            format!("; {what} in {}", in_words(left))
        });
        format!("{}: still there: {}{next}", self.run.name, numbers(&there))
    }

    fn wait_for_supervisor(&self) {
        let there = |supervisor: &&OwnedFd| !process::has_ended(supervisor);
        while let Some(supervisor) = self.supervisor.as_ref().filter(there) {
            process::wait_for_end(supervisor, LONGEST_SLEEP);
        }
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

    /// What became of those who were asked.
    fn told(&self) -> String {
        let known = |&worker: &u32| Some((worker, self.outcome(worker)?));
        let outcomes: Vec<(u32, Outcome)> = self.asked.iter().filter_map(known).collect();
        let (name, what) = (&self.run.name, summary::in_words(&outcomes));
        match self.run.seen.run.phase {
            Phase::Over => format!("{name} is over: {what}"),
            Phase::Running | Phase::Stopping => format!("{name}: {what}"),
        }
    }
}
