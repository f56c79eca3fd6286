//! The supervisor: one thread, one blocking call, and always the same order after it.
//!
//! drain signals and requests → reap everything that ended → apply what was asked for → tick.
//! So a worker that ended before a request was read ended by itself, and a rung is used on nobody
//! who has left. While nothing happens there is no wake-up at all.

use std::collections::HashMap;

use crate::contract::owner;
use crate::decide::ladder::Rung;
use crate::decide::verdict::{Ending, Verdict};
use crate::enforce::event::{Event, Witness};
use crate::enforce::run::{Files, How, Run, Unstarted};
use crate::enforce::turn::Rules;
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::{self, Target};
use crate::linux::signals::{Meaning, Signals};
use crate::linux::sys;
use crate::outside::outer::{self, Outer};
use crate::run::launch::Launched;
use crate::run::plan::Plan;
use crate::run::spawn::{Recipe, SpawnError};
use crate::words::moment::Moment;
use crate::words::reason::Reason;

mod deletion;
mod foreground;
mod guard_keeper;
mod looks;
mod manager;
mod newborns;
mod notified;
mod phase;
mod presses;
mod reap;
mod start;
mod timeout;
mod upkeep;

use crate::words::worker_number::WorkerNumber;
use foreground::Foreground;
use guard_keeper::GuardKeeper;
use looks::Looks;
use manager::Manager;
use newborns::Newborns;
use notified::Hearing;
use presses::{Press, Presses};
use reap::MainEnded;
use timeout::Timeout;
use upkeep::{PutBack, Upkeep};

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
    upkeep: Upkeep,
    run: Run<'a>,
    signals: Signals,
    looks: Looks,
    recipe: Recipe,
    foreground: Foreground,
    /// The control group in which each worker has one of its own.
    cgroup: Option<Cgroup>,
    /// The run that we are a worker of, if there is one.
    outer: Option<Outer>,
    /// The service manager that started us, if it wants to be told.
    manager: Option<Manager>,
    /// Where workers are heard, if they are.
    hearing: Option<Hearing>,
    by_pid: HashMap<i32, WorkerNumber>,
    /// Workers whose main processes have ended, while it is not decided what that means for the
    /// others.
    ended: Vec<MainEnded>,
    timeout: Timeout,
    presses: Presses,
    culprit: Option<WorkerNumber>,
    /// Workers whose programs may not run yet.
    newborns: Newborns,
    /// Why the first worker that could not be started could not.
    refusal: Option<SpawnError>,
    /// A worker could not be started when others were running.
    failed: bool,
    guard: GuardKeeper,
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
        let mut run = Run::new(files, rules, parts.search, witness);
        run.unstarted = Unstarted::all(plan.workers);
        let outer_path = outer.as_ref().and_then(Outer::path);
        Self {
            plan,
            upkeep: Upkeep::new(parts.dir),
            signals: parts.signals,
            looks: Looks::new(run.files.run.notes_reads, plan.tells_looks, outer_path),
            recipe: parts.recipe,
            foreground: Foreground::new(parts.terminal),
            cgroup: parts.cgroup,
            manager: Manager::from_env(run.begun),
            hearing: parts.inbox.map(Hearing::new),
            by_pid: HashMap::new(),
            ended: Vec::new(),
            timeout: Timeout::new(plan.timeout, run.begun),
            presses: Presses::default(),
            culprit: None,
            newborns: Newborns::new(parts.on_the_way),
            refusal: None,
            failed: false,
            guard: GuardKeeper::new(plan.guard.then_some(plan.times.grace)),
            outer,
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
        self.looks.take(&mut self.run, now);
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
        let has_news = self.signals.children().has_news() || self.signals.has_request();
        let at_once = has_news.then(|| Moment::from_nanos(0));
        let manager = self.manager.as_ref().and_then(Manager::deadline);
        let own = [
            self.timeout.deadline(),
            self.guard.deadline(),
            self.upkeep.deadline(),
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
        if self.timeout.is_up(now) && self.run.stopping().is_none() {
            self.run.stop_all(&Reason::TIMEOUT, How::OWN_TIMES, now);
        }
        self.run.tick(now);
        self.looks.watch_if_gained(&mut self.run, now);
        if self.guard.is_due(now) {
            self.stay(now);
        }
        if self.upkeep.deadline().is_some_and(|at| at <= now) {
            self.put_back(now);
        }
    }

    /// Gets what a run that ends at once is spared: watches, news of deletions, and a guard.
    fn stay(&mut self, now: Moment) {
        self.looks.watch_if_told(&mut self.run, now);
        self.upkeep.listen_once(&mut self.run, now);
        self.start_guard(now);
    }

    fn start_guard(&mut self, now: Moment) {
        // Whoever speaks to a dead supervisor is to be refused, not to wait for a reader; and a
        // watch ends with its last descriptor, which is to be ours.
        let heard = self.hearing.iter().flat_map(Hearing::fds);
        let ours = heard.chain(self.looks.fd()).chain(self.newborns.fds());
        self.guard
            .start(self.upkeep.dir(), ours, &mut self.run, now);
    }

    /// Takes note of what the kernel has told of our directory.
    fn see_notices(&mut self) {
        if self.upkeep.is_told() && self.signals.take_notice() {
            self.upkeep.is_touched(sys::now());
        }
    }

    /// Puts back what was deleted, and has everybody follow who had the old files.
    fn put_back(&mut self, now: Moment) {
        let PutBack { is_news, complaint } =
            self.upkeep
                .put_back(&mut self.run, self.hearing.as_mut(), now);
        if is_news {
            self.looks.watch_again(self.run.workers());
            self.upkeep.listen(&mut self.run, now);
            // The guard knows the old files only.
            if self.guard.end(&mut self.run) {
                self.start_guard(now);
            }
        }
        if let Some(complaint) = complaint {
            self.upkeep.complain(&complaint, &mut self.run, now);
        }
    }

    fn apply_ask(&mut self, ask: Meaning, now: Moment) {
        if let Meaning::Forward(signal) = ask {
            return self.pass_on(signal, now);
        }
        if self.is_rung_of_outer() {
            self.presses.accept(now);
            return self.run.hurry(now);
        }
        let run = &mut self.run;
        let is_stopping = run.stopping().is_some();
        match self.presses.press(ask, is_stopping, now) {
            Press::Repeats => {
                let signal = ask.signal();
                run.witness.see(now, &Event::Repeated { signal });
            }
            Press::Hurries => run.hurry(now),
            Press::Stops(reason, how) => run.stop_all(&reason, how, now),
            Press::StopsUnnamed(signal) => {
                run.witness.see(now, &Event::Signalled { signal });
                run.stop_all(&Reason::TERM, How::OWN_TIMES, now);
            }
        }
    }

    /// Passes a signal on to the workers.
    fn pass_on(&mut self, signal: i32, now: Moment) {
        if signal == libc::SIGHUP {
            self.reloading(now);
        }
        self.run.on_each(now, |worker, turn| {
            worker.forward(signal, turn);
        });
    }

    /// Whether a signal comes from the run that we are a worker of: that one writes each rung into
    /// our flag before it uses it on us. Its next rung is SIGKILL, so our workers are hurried.
    fn is_rung_of_outer(&mut self) -> bool {
        let obeys = self.run.stopping() == Some(&Reason::PARENT);
        obeys && self.outer.as_mut().is_some_and(Outer::has_climbed)
    }

    /// Obeys the run that we are a worker of.
    fn obey_outer(&mut self, now: Moment) {
        let Some(request) = self.outer.as_mut().and_then(Outer::take) else {
            return;
        };
        // An engine that asks the outer run may signal every process it finds, us too.
        self.presses.accept(now);
        let how = if request.level == b'1' {
            How::Ask(outer::fitted(&request, &self.plan.times, now))
        } else {
            How::AtLeast(Rung::Term)
        };
        self.run.stop_all(&Reason::PARENT, how, now);
    }

    /// Suspends the run if that was asked for, until somebody continues us: the workers are in
    /// sessions of their own and do not hear of a Ctrl-Z, so they are stopped and continued with us,
    /// and the clocks stand still meanwhile.
    ///
    /// A SIGSTOP to us alone is no Ctrl-Z: nobody can tell how long we were meant to be away, and
    /// rungs come late then.
    fn suspend_if_asked(&mut self) {
        if !self.signals.suspend().is_pending() {
            return;
        }
        let began = sys::now();
        self.run.on_each(began, Worker::suspend);
        // ORDER: the worker is stopped by then, so it is not stopped for using a terminal that it
        // has no more.
        self.foreground.take_back_for_a_while();
        self.run.witness.see(began, &Event::Suspended);
        // What is known by now is written while we can.
        self.run.publish();
        if let Some(signal) = self.signals.suspend_mut().take_for_group() {
            let _ = process::signal(Target::OwnGroup, signal);
        }
        self.signals.suspend().obey();
        // ORDER: the worker has the terminal before it goes on.
        if let Some(&worker) = self.by_pid.keys().next() {
            self.foreground.lend(worker);
        }
        let now = sys::now();
        let suspended = now.since(began);
        self.timeout.postpone(suspended);
        self.run
            .on_each(now, |worker, turn| worker.resume(suspended, turn));
        self.run.witness.see(now, &Event::Resumed { suspended });
    }

    /// What a supervisor does that was silent for so long that somebody took over: it reaps its
    /// children and nothing else. Whoever took over asks them, signals them, and removes the names.
    fn only_reap(&mut self, now: Moment) {
        self.newborns.let_go();
        self.timeout.cancel();
        self.guard.give_up();
        // Whoever speaks to us is given no more time, nor does it matter who looks, or what an
        // outer run asks. Anything that is left unread would wake us again and again.
        self.hearing = None;
        self.looks.let_go();
        self.upkeep.let_go();
        self.outer = None;
        self.presses.note_late(&self.signals.take());
        let _ = self.signals.children().take();
        // The workers are another's, so we are suspended alone.
        self.signals.suspend().obey();
        // A worker that ended while we were silent may have done so before it was asked, or after:
        // nobody was there to see, so what is told of it now is not known.
        let was_silent = self.run.depose();
        if was_silent {
            self.run.witness.see(now, &Event::Deposed);
        }
        while let Some(pid) = process::peek_dead_child() {
            let ended = process::reap(pid);
            if let Some(number) = self.by_pid.remove(&pid) {
                self.foreground.take_back(ended);
                self.run.write_off(number, ended, !was_silent, now);
            } else if !self.guard.has_ended(pid, &mut self.run, now) {
                self.run.witness.see(now, &Event::ForeignReaped { pid });
            }
            self.guard.give_up();
        }
        // What those left that were reaped before is for the other owner, too.
        let there = self.run.workers().there();
        let reaped = there.filter(|one| !self.by_pid.contains_key(&one.pid()));
        let reaped: Vec<WorkerNumber> = reaped.map(Worker::number).collect();
        for number in reaped {
            self.run.write_off(number, None, false, now);
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
        self.to_start() == 0 && self.run.workers().all_over()
    }

    /// Writes the last word, and gives up the name.
    fn close(mut self) -> Result<Verdict, SpawnError> {
        for (pid, program) in self.run.search.unowned() {
            let program = program.as_str();
            let nobodys = Event::Nobodys { pid, program };
            self.run.witness.see(sys::now(), &nobodys);
        }
        self.presses.note_late(&self.signals.take());
        let ending = Ending {
            finals: self.run.workers().finals(),
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
            let status = match &end {
                Ok(verdict) => verdict.shell_status(),
                Err(refusal) => refusal.why().status(),
            };
            self.run.finish(Some(status));
        }
        self.cgroup.iter().for_each(Cgroup::remove);
        if self.run.leaves_something() {
            self.upkeep.keep_dir();
        }
        // ORDER: all watches at once, before the files that are watched. One after the other they
        // keep the kernel waiting (inotify(7)) for ten milliseconds and more.
        self.looks.let_go();
        // ORDER: we are not told of what we remove ourselves.
        self.upkeep.let_go();
        let _ = self.signals.take_notice();
        // ORDER: the last word, then the guard, then the names: whoever dies in between leaves
        // nobody unguarded.
        failpoint::pass("last word written");
        self.guard.end(&mut self.run);
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
            self.upkeep.keep_dir();
        }
        if self.run.workers().all_over() {
            return;
        }
        self.upkeep.keep_dir();
        if !self.guard.leave_workers_to_it() {
            self.run.abandon();
        }
    }
}
