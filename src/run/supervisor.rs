//! The supervisor: one thread, one blocking call, and always the same order after it.
//!
//! drain signals and requests → reap everything that ended → apply what was asked for → tick.
//! So a worker that ended before a request was read has ended by itself, and no rung is used on a
//! worker that has left. While nothing happens there is no wake-up at all.

use crate::contract::owner;
use crate::contract::record::Stragglers;
use crate::decide::verdict::{Ending, Verdict};
use crate::enforce::event::{Event, Witness};
use crate::enforce::run::{Files, How, Run};
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::process::{self, Target};
use crate::linux::signals::Signals;
use crate::linux::sys;
use crate::outside::outer::Outer;
use crate::run::launch::Launched;
use crate::run::plan::Plan;
use crate::run::spawn::SpawnError;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

mod asks;
mod children;
mod deletion;
mod foreground;
mod guard_keeper;
mod hearing;
mod herald;
mod looks;
mod mains;
mod manager;
mod newborns;
mod opening;
mod phase;
mod presses;
mod reaper;
#[cfg(test)]
mod rehearsal;
mod siblings;
mod starter;
mod timeout;
mod upkeep;

use asks::Asks;
use children::Children;
use foreground::Foreground;
use guard_keeper::GuardKeeper;
use hearing::Hearing;
use herald::Herald;
use looks::Looks;
use manager::Manager;
use newborns::Newborns;
use reaper::{Next, Reaper};
use siblings::Siblings;
use starter::Starter;
use timeout::Timeout;
use upkeep::{PutBack, Upkeep};

/// How often the start of a worker is tried whose flag cannot be made, as somebody deletes the directory
/// again and again.
const ATTEMPTS: u8 = 5;

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
    // From here on nothing may return early, because there are workers. A stop that came before
    // this is seen before the first worker is started.
    while !supervisor.is_over() {
        supervisor.turn();
        supervisor.start_more();
    }
    let verdict = supervisor.close();
    // ORDER: after the last worker and the names are gone. Whoever waits for that does not have to
    // wait for a reader of what we write.
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
    children: Children,
    herald: Herald<'a>,
    asks: Asks,
    /// Where workers are heard, if they are.
    hearing: Option<Hearing>,
    timeout: Timeout,
    guard: GuardKeeper,
}

impl<'a> Supervisor<'a> {
    fn new(
        plan: &'a Plan,
        parts: Launched,
        outer: Option<Outer>,
        witness: &'a mut dyn Witness,
    ) -> Self {
        let files = Files::new(parts.owner, parts.control, parts.record, parts.run);
        let mut run = Run::new(files, plan.rules(), parts.search, witness);
        run.set_unstarted(plan.workers);
        let outer_path = outer.as_ref().and_then(Outer::path);
        let starter = Starter::new(parts.recipe, plan.times, parts.cgroup, plan.cgroup);
        let newborns = Newborns::new(parts.on_the_way);
        let siblings = Siblings::new(plan.when_one_ends, plan.stragglers == Stragglers::Wait);
        let foreground = Foreground::new(parts.terminal);
        Self {
            plan,
            upkeep: Upkeep::new(parts.dir),
            signals: parts.signals,
            looks: Looks::new(
                run.files().header().notes_reads,
                plan.tells_looks,
                outer_path,
            ),
            children: Children::new(starter, newborns, siblings, foreground),
            herald: Herald::new(plan, Manager::from_env(run.begun())),
            asks: Asks::new(outer, plan.times),
            hearing: parts.inbox.map(Hearing::new),
            timeout: Timeout::new(plan.timeout, run.begun()),
            guard: GuardKeeper::new(plan.guard.then_some(plan.times.grace)),
            run,
        }
    }

    /// Tells that the run has begun, and what it has to do without.
    fn open(&mut self) {
        opening::tell(&mut self.run, self.upkeep.dir(), self.plan.workers);
    }

    /// One wake-up, in the order that never changes.
    fn turn(&mut self) {
        self.run.publish();
        self.see_notices();
        self.herald
            .tell(&self.run, || self.children.is_starting(&self.run));
        self.wait();
        let now = sys::now();
        if !self.run.is_ours() {
            return self.only_reap(now);
        }
        let meanings = self.signals.take();
        let lines = self.run.read_requests();
        self.children
            .see_births(&mut self.run, &mut self.herald, now);
        self.see_looks_and_hear(now);
        self.reap(now);
        self.asks.obey_outer(&mut self.run, now);
        for meaning in meanings {
            self.asks
                .apply(meaning, &mut self.run, &mut self.herald, now);
        }
        self.run.obey(lines, now);
        self.tick(now);
        self.suspend_if_asked();
    }

    fn wait(&self) {
        let has_news = self.signals.children().has_news() || self.signals.has_request();
        let at_once = has_news.then(|| Moment::from_nanos(0));
        let own = [
            self.timeout.deadline(),
            self.guard.deadline(),
            self.upkeep.deadline(),
            at_once,
            self.children.start_at(&self.run),
            self.children.slow_at(),
            self.herald.deadline(),
        ];
        let at = own.into_iter().flatten();
        let others = self.signals.fds().chain(self.looks.fd());
        let others = others.chain(self.asks.fds());
        let others = others.chain(self.hearing.iter().flat_map(Hearing::fds));
        let others = others.chain(self.children.fds());
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

    /// Starts what a run that ends at once does without: watches, news of deletions, and a guard.
    fn stay(&mut self, now: Moment) {
        self.looks.watch_if_told(&mut self.run, now);
        self.upkeep.listen_once(&mut self.run, now);
        self.start_guard(now);
    }

    fn start_guard(&mut self, now: Moment) {
        // Whoever speaks to a dead supervisor is to be refused, not to wait for a reader; and a
        // watch ends with its last descriptor, which is to be ours.
        let heard = self.hearing.iter().flat_map(Hearing::fds);
        let ours = heard.chain(self.looks.fd()).chain(self.children.fds());
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
        self.children.take_terminal_for_a_while();
        self.run.tell(began, &Event::Suspended);
        // What is known by now is written while we can.
        self.run.publish();
        if let Some(signal) = self.signals.suspend_mut().take_for_group() {
            let _ = process::signal(Target::OwnGroup, signal);
        }
        self.signals.suspend().obey();
        // ORDER: the worker has the terminal before it goes on.
        self.children.lend_terminal();
        let now = sys::now();
        let suspended = now.since(began);
        self.timeout.postpone(suspended);
        self.run
            .on_each(now, |worker, turn| worker.resume(suspended, turn));
        self.run.tell(now, &Event::Resumed { suspended });
    }

    /// Starts the next worker, if one is to be started: one in a turn, so that a stop which comes
    /// while a thousand are being started is seen between two of them.
    fn start_more(&mut self) {
        let now = sys::now();
        let is_time = self
            .children
            .start_at(&self.run)
            .is_some_and(|at| at <= now);
        if let Some(number) = is_time.then(|| self.run.take_unstarted()).flatten() {
            if self.run.workers().count() > 0 {
                self.stay(now);
            }
            let (mut started, mut others) = (self.start(number), 1..ATTEMPTS);
            // The directory was deleted after the look at it: nobody was started.
            while started.is_err() && !self.upkeep.dir().is_there() && others.next().is_some() {
                started = self.start(number);
            }
            if let Err(error) = started {
                self.children
                    .could_not_start(number, error, &mut self.run, now);
            }
        }
        let are_all = starter::to_start(&self.run) == 0;
        self.guard.hand_over(self.run.workers(), are_all);
    }

    fn start(&mut self, number: WorkerNumber) -> Result<(), SpawnError> {
        if !self.upkeep.dir().is_there() {
            // Somebody has just deleted it, and no worker is to be told of a flag that is not there.
            self.put_back(sys::now());
            if !self.run.is_ours() {
                // The owner file that a child looks at may be new, and know of no takeover.
                return Err(starter::without_dir(self.upkeep.dir()));
            }
        }
        let (dir, run, looks) = (self.upkeep.dir(), &mut self.run, &mut self.looks);
        let started = self.children.start(number, dir, run, looks);
        started.map(|at| self.guard.worker_started(at))
    }

    fn see_looks_and_hear(&mut self, now: Moment) {
        self.looks.take(&mut self.run, now);
        if let Some(hearing) = &mut self.hearing {
            hearing.take(self.children.mains(), &mut self.run, now);
        }
    }

    /// Reaps everything that has ended, before anything is asked of anybody.
    fn reap(&mut self, now: Moment) {
        let remains = self.run.workers().astir().any(Worker::leaves_others);
        if !self.signals.children().take() && !remains {
            return;
        }
        self.children
            .see_halts(&mut self.signals, &mut self.run, &mut self.herald, now);
        let last = self.reap_children(now);
        if let Some(last) = last.filter(|_| self.children.mains().any().is_none()) {
            // Nobody can tell whose an orphan is that shows no sign, but nobody needs it any more.
            self.run.search().set_adopter(last);
        }
        self.run.settle(now);
        self.children.stop_others(&mut self.run, now);
    }

    /// Reaps the children that have ended; answers which worker's main process was the last of them.
    fn reap_children(&mut self, now: Moment) -> Option<WorkerNumber> {
        let mut reaper = Reaper::new(sys::now());
        let mut last = None;
        loop {
            let pid = match reaper.next() {
                Next::One(pid) => pid,
                Next::Nothing => break,
                Next::Later => {
                    self.signals.children().keep();
                    break;
                }
            };
            // ORDER: that it looked, and what it said, is told before its end.
            self.see_looks_and_hear(now);
            let main = self
                .children
                .main_ended(pid, &mut self.run, &mut self.herald, now);
            if main.is_some() {
                last = main;
                continue;
            }
            // A straggler that we adopted, the guard, or a child from before we were exec'ed.
            let _ = process::reap(pid);
            self.run.search().forget(pid);
            failpoint::pass("orphan reaped");
            if !self.guard.has_ended(pid, &mut self.run, now) {
                self.run.tell(now, &Event::ForeignReaped { pid });
            }
        }
        if reaper.has_found_one() {
            return last;
        }
        self.children
            .lost_ended(&mut self.run, &mut self.herald, now)
    }

    /// What a supervisor does that was silent for so long that somebody took over: it reaps its
    /// children and nothing else. Whoever took over asks them, signals them, and removes the names.
    fn only_reap(&mut self, now: Moment) {
        self.timeout.cancel();
        self.guard.give_up();
        // Whoever speaks to us is given no more time, nor does it matter who looks, or what an
        // outer run asks. Anything that is left unread would wake us again and again.
        self.hearing = None;
        self.looks.let_go();
        self.upkeep.let_go();
        self.asks.let_go_of_outer();
        self.asks.note_late(&self.signals.take());
        let _ = self.signals.children().take();
        // The workers are another's, so we are suspended alone.
        self.signals.suspend().obey();
        // A worker that ended while we were silent may have done so before it was asked, or after:
        // nobody was there to see it, so we do not tell which.
        let was_silent = self.run.depose();
        if was_silent {
            self.run.tell(now, &Event::Deposed);
        }
        self.children.tell_starts(&mut self.run, now);
        while let Some(pid) = process::peek_dead_child() {
            let ended = process::reap(pid);
            let is_main = self
                .children
                .write_off(pid, ended, !was_silent, &mut self.run, now);
            if !is_main && !self.guard.has_ended(pid, &mut self.run, now) {
                self.run.tell(now, &Event::ForeignReaped { pid });
            }
            self.guard.give_up();
        }
        self.children.write_off_reaped(&mut self.run, now);
    }

    fn is_over(&self) -> bool {
        starter::to_start(&self.run) == 0 && self.run.workers().all_over()
    }

    /// Writes the last word, and gives up the name.
    fn close(mut self) -> Result<Verdict, SpawnError> {
        for (pid, program) in self.run.search().unowned() {
            let program = program.as_str();
            let nobodys = Event::Nobodys { pid, program };
            self.run.tell(sys::now(), &nobodys);
        }
        self.asks.note_late(&self.signals.take());
        let ending = Ending {
            finals: self.run.workers().finals(),
            reason: self.run.stopping(),
            interrupted: self.asks.interrupted(),
            culprit: self.children.culprit(),
            failed: self.children.has_failed(),
        };
        let end = match self.children.take_refusal() {
            Some(refusal) => Err(refusal),
            None => Ok(ending.verdict(self.plan.policy)),
        };
        if self.run.is_ours() {
            let status = match &end {
                Ok(verdict) => verdict.shell_status(),
                Err(refusal) => refusal.why().status(),
            };
            self.run.finish(Some(status));
        }
        self.children.remove_cgroup();
        if self.run.leaves_something() {
            self.upkeep.keep_dir();
        }
        // ORDER: all watches at once, before the files that are watched. One after the other they
        // keep the kernel waiting (inotify(7)) for ten milliseconds and more.
        self.looks.let_go();
        // ORDER: we are not told of what we remove ourselves.
        self.upkeep.let_go();
        let _ = self.signals.take_notice();
        // ORDER: the last word, then the guard, then the names: if we die in between, nobody is left
        // unguarded.
        failpoint::pass("last word written");
        self.guard.end(&mut self.run);
        failpoint::pass("guard ended");
        let in_order = self.run.is_ours() && !self.run.leaves_something();
        drop(self);
        if in_order {
            owner::resign();
        }
        end
    }
}

impl Drop for Supervisor<'_> {
    /// A supervisor that panics leaves its workers to the guard. Without a guard it asks them to stop
    /// as well as it still can.
    fn drop(&mut self) {
        if !self.run.is_ours() {
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
