//! The supervisor: one thread, one blocking call, and always the same order after it.
//!
//! drain signals and requests → reap everything that ended → apply what was asked for → tick.
//! So a worker that ended before a request was read ended by itself, and a rung is used on nobody
//! who has left. While nothing happens there is no wake-up at all.

use std::collections::HashMap;
use std::time::Duration;

use crate::contract::owner;
use crate::contract::run_dir::RunDir;
use crate::decide::verdict::{Ending, Verdict};
use crate::enforce::enforcement::{Enforcement, Files, How, Rules, Unstarted};
use crate::enforce::event::{Event, Witness};
use crate::enforce::guard::Guard;
use crate::failpoint;
use crate::linux::cgroup::Cgroup;
use crate::linux::signals::Signals;
use crate::linux::sys;
use crate::linux::terminal::Terminal;
use crate::outside::outer::Outer;
use crate::run::launch::Launched;
use crate::run::plan::Plan;
use crate::run::spawn::{Recipe, SpawnError};
use crate::words::moment::Moment;
use crate::words::reason::Reason;

use looks::Looks;

mod asks;
mod deposed;
mod foreground;
mod guarded;
mod looks;
mod manager;
mod newborns;
mod notified;
mod phase;
mod presses;
mod put_back;
mod reap;
mod start;
mod suspend;

use manager::Manager;
use newborns::Newborns;
use notified::Hearing;
use presses::Presses;
use put_back::Deletion;
use reap::MainEnded;

/// Supervises the run of `plan`, which was launched, until nobody is left; answers how we leave.
///
/// From the first worker on it does not fail: whatever goes wrong is told to `witness`, and the
/// workers are stopped.
///
/// # Errors
///
/// If no worker could be started: why the first one could not. Nothing is left.
pub fn supervise(
    plan: &Plan,
    launched: Launched,
    outer: Option<Outer>,
    witness: &mut dyn Witness,
) -> Result<Verdict, SpawnError> {
    let mut supervisor = Supervisor::new(plan, launched, outer, witness);
    supervisor.open();
    // From here on nothing may return early: there are workers. A stop that came while all this
    // was made is seen before the first one.
    while !supervisor.is_over() {
        supervisor.turn();
        supervisor.start_more();
    }
    let verdict = supervisor.close();
    // ORDER: nobody is left and the names are gone: whoever waits for that does not wait for a
    // reader of what we write.
    witness.end();
    verdict
}

struct Supervisor<'a> {
    plan: &'a Plan,
    /// Dropped before what follows: the names go while we still are the owner.
    dir: RunDir,
    run: Enforcement<'a>,
    signals: Signals,
    looks: Looks,
    recipe: Recipe,
    terminal: Option<Terminal>,
    /// In which each worker has a control group of its own.
    cgroup: Option<Cgroup>,
    outer: Option<Outer>,
    /// The service manager that started us, if it wants to be told.
    manager: Option<Manager>,
    /// Where workers are heard, if they are.
    hearing: Option<Hearing>,
    by_pid: HashMap<i32, usize>,
    /// Workers whose main processes have ended, and what that means for the others is not decided.
    ended: Vec<MainEnded>,
    /// When `--timeout` runs out.
    timeout: Option<Moment>,
    presses: Presses,
    culprit: Option<u32>,
    /// Workers whose programs may not run yet.
    newborns: Newborns,
    /// Why the first worker that could not be started could not.
    refusal: Option<SpawnError>,
    /// A worker could not be started when others were running.
    failed: bool,
    guard: Option<Guard>,
    /// When a guard is to be started, and how long after that another one if it dies.
    guard_at: Option<Moment>,
    guard_pause: Duration,
    /// How many workers there were when it was told last.
    guard_knows: usize,
    deletion: Deletion,
}

impl<'a> Supervisor<'a> {
    fn new(
        plan: &'a Plan,
        parts: Launched,
        outer: Option<Outer>,
        witness: &'a mut dyn Witness,
    ) -> Self {
        let files = Files {
            owner: parts.owner,
            control: parts.control,
            record: parts.record,
            run: parts.run,
        };
        let rules = Rules {
            stop_signal: plan.stop_signal,
            signal_to: plan.signal_to,
            kill_wait: plan.times.kill_wait,
            max_grace: plan.max_grace,
            stragglers: plan.stragglers,
        };
        let mut run = Enforcement::new(files, rules, parts.search, witness);
        run.unstarted = Unstarted::all(plan.workers);
        Self {
            plan,
            dir: parts.dir,
            signals: parts.signals,
            looks: Looks::default(),
            recipe: parts.recipe,
            terminal: parts.terminal,
            cgroup: parts.cgroup,
            outer,
            manager: Manager::from_env(run.begun),
            hearing: parts.inbox.map(Hearing::new),
            by_pid: HashMap::new(),
            ended: Vec::new(),
            timeout: plan.timeout.map(|time| run.begun + time),
            presses: Presses::default(),
            culprit: None,
            newborns: Newborns::new(parts.on_the_way),
            refusal: None,
            failed: false,
            guard: None,
            guard_at: None,
            guard_pause: Duration::ZERO,
            guard_knows: 0,
            deletion: Deletion::default(),
            run,
        }
    }

    /// One wake-up, in the order that never changes.
    fn turn(&mut self) {
        self.run.publish();
        self.see_notices();
        self.tell_manager();
        self.wait();
        let now = sys::now();
        if !self.run.files.owner.is_ours() {
            return self.only_reap(now);
        }
        let asks = self.signals.take();
        let lines = self.run.files.control.drain();
        self.see_births(now);
        self.see_looks(now);
        self.hear(now);
        self.reap(now);
        self.obey_outer(now);
        for ask in asks {
            self.apply_ask(ask, now);
        }
        self.run.obey(lines, now);
        self.tick(now);
        self.suspend_if_asked();
    }

    fn wait(&self) {
        let has_news = self.signals.children().has_news() || self.signals.has_ask();
        let at_once = has_news.then(|| Moment::from_nanos(0));
        let manager = self.manager.as_ref().and_then(Manager::deadline);
        let own = [
            self.timeout,
            self.guard_at,
            self.deletion.over_at,
            at_once,
            self.start_at(),
            self.newborns.slow_at(),
            manager,
        ];
        let at = own.into_iter().flatten();
        let others = self.signals.fds().chain(self.looks.fd());
        let others = others.chain(self.outer.iter().flat_map(Outer::fds));
        let others = others.chain(self.hearing.iter().flat_map(Hearing::fds));
        let others = others.chain(self.newborns.fds());
        self.run.wait(others, at.min(), self.signals.blocked());
    }

    /// Does what is due.
    fn tick(&mut self, now: Moment) {
        if self.timeout.is_some_and(|end| end <= now) {
            self.timeout = None;
            if self.run.stopping().is_none() {
                self.run.stop_all(&Reason::TIMEOUT, How::OWN_TIMES, now);
            }
        }
        self.run.tick(now);
        self.watch_if_gained(now);
        if self.guard_at.is_some_and(|at| at <= now) {
            self.stay(now);
        }
        if self.deletion.over_at.is_some_and(|at| at <= now) {
            self.put_back(now);
        }
    }

    /// How many workers are still to be started: none once a stop has begun.
    fn to_start(&self) -> usize {
        if self.run.stopping().is_some() {
            0
        } else {
            self.run.unstarted.count()
        }
    }

    fn is_over(&self) -> bool {
        self.to_start() == 0 && self.run.all_over()
    }

    /// Writes the last word, and gives up the name.
    fn close(mut self) -> Result<Verdict, SpawnError> {
        for (pid, program) in self.run.search.nobodys() {
            let program = program.as_str();
            let nobodys = Event::Nobodys { pid, program };
            self.run.witness.see(sys::now(), &nobodys);
        }
        self.presses.note_late(&self.signals.take());
        let ending = Ending {
            finals: self.run.finals(),
            reason: self.run.stopping(),
            interrupted: self.presses.interrupted(),
            culprit: self.culprit,
            failed: self.failed,
        };
        let refusal = self.refusal.take();
        let end = match refusal.filter(|_| !self.newborns.has_one_run) {
            Some(refusal) => Err(refusal),
            None => Ok(ending.verdict(self.plan.policy)),
        };
        if self.run.files.owner.is_ours() {
            let verdict = end.as_ref().copied().map(Verdict::shell_status);
            self.run
                .finish(Some(verdict.unwrap_or_else(SpawnError::status)));
        }
        self.cgroup.iter().for_each(Cgroup::remove);
        if self.run.leaves_something() {
            self.dir.keep();
        }
        // ORDER: all watches at once, before the files that are watched. One after the other they
        // keep the kernel waiting (inotify(7)) for ten milliseconds and more.
        self.looks = Looks::default();
        // ORDER: nobody is told of what we remove ourselves.
        self.deletion = Deletion::default();
        let _ = self.signals.take_notice();
        // ORDER: the last word, then the guard, then the names: whoever dies in between leaves
        // nobody unguarded.
        failpoint::pass("last word written");
        self.end_guard();
        failpoint::pass("guard ended");
        let in_order = self.run.files.owner.is_ours() && !self.run.leaves_something();
        drop(self);
        if in_order {
            owner::let_go();
        }
        end
    }
}

impl Drop for Supervisor<'_> {
    /// A supervisor that panics leaves its workers to the guard; without one it asks everybody to
    /// stop as well as it still can.
    fn drop(&mut self) {
        if !self.run.files.owner.is_ours() {
            // The names are another's to remove.
            self.dir.keep();
        }
        if self.run.all_over() {
            return;
        }
        self.dir.keep();
        match self.guard.take() {
            // It waits for the end of this process, not of this value.
            Some(guard) => std::mem::forget(guard),
            None => self.run.abandon(),
        }
    }
}
