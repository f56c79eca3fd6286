//! The main processes of the workers, as our children: on the way to their programs, running,
//! stopped, and ended.

use std::os::fd::BorrowedFd;

use libc::SIGCONT;

use super::foreground::{Foreground, Stops};
use super::herald::Herald;
use super::looks::Looks;
use super::mains::Mains;
use super::newborns::Newborns;
use super::reaper::{Halts, Next};
use super::siblings::{MainEnded, Siblings, Since};
use super::starter::{Starter, to_start};
use crate::contract::run_dir::RunDir;
use crate::enforce::run::{How, Run};
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::process::{self, Target};
use crate::linux::signals::Signals;
use crate::run::spawn::SpawnError;
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// The main processes of the workers.
#[derive(Debug)]
pub(super) struct Children {
    starter: Starter,
    /// Those whose programs may not run yet.
    newborns: Newborns,
    /// Those that are not reaped.
    mains: Mains,
    /// What the end of one means for the others.
    siblings: Siblings,
    foreground: Foreground,
}

impl Children {
    pub(super) fn new(
        starter: Starter,
        newborns: Newborns,
        siblings: Siblings,
        foreground: Foreground,
    ) -> Self {
        Self {
            starter,
            newborns,
            mains: Mains::default(),
            siblings,
            foreground,
        }
    }

    /// Those that are not reaped.
    pub(super) fn mains(&self) -> &Mains {
        &self.mains
    }

    /// What to poll for reading.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.newborns.fds()
    }

    /// When the next worker is to be started, if nothing happens before.
    pub(super) fn start_at(&self, run: &Run<'_>) -> Option<Moment> {
        let next = || self.newborns.next_at();
        (to_start(run) > 0).then(next).flatten()
    }

    /// When the next one on the way begins to be slow.
    pub(super) fn slow_at(&self) -> Option<Moment> {
        self.newborns.slow_at()
    }

    /// Whether there are workers whose programs do not run yet.
    pub(super) fn is_starting(&self, run: &Run<'_>) -> bool {
        run.unstarted() > 0 || !self.newborns.is_empty()
    }

    /// Starts a worker; answers when its process was there.
    pub(super) fn start(
        &mut self,
        number: WorkerNumber,
        dir: &RunDir,
        run: &mut Run<'_>,
        looks: &mut Looks,
    ) -> Result<Moment, SpawnError> {
        let foreground = &mut self.foreground;
        let (child, at) = self.starter.start(number, dir, run, looks, foreground)?;
        self.mains.add(child.pid(), number);
        self.newborns.add(number, child, at);
        failpoint::pass("worker noted");
        Ok(at)
    }

    /// Takes in what has become of those on the way to their programs.
    pub(super) fn see_births(&mut self, run: &mut Run<'_>, herald: &mut Herald<'_>, now: Moment) {
        let mut has_run = false;
        for (number, fate) in self.newborns.take_fates() {
            match fate {
                Ok(()) => {
                    has_run = true;
                    let start = run.files().born(number).map(|born| born.start);
                    run.on_worker(number, now, |worker, turn| {
                        worker.runs(start, turn);
                    });
                }
                Err(error) => {
                    run.on_worker(number, now, |worker, _| worker.cannot_run());
                    self.could_not_start(number, error, run, now);
                }
            }
        }
        if has_run {
            // ORDER: that all workers run is told before whatever else has come.
            herald.tell(run, || self.is_starting(run));
        }
        for number in self.newborns.slow(now) {
            run.on_worker(number, now, |worker, _| worker.is_slow());
        }
    }

    /// A worker could not be started, so the run cannot be what it was to be. If it is the first one,
    /// the run never began, and whoever started us is told why, by our status too.
    pub(super) fn could_not_start(
        &mut self,
        number: WorkerNumber,
        error: SpawnError,
        run: &mut Run<'_>,
        now: Moment,
    ) {
        if !run.is_ours() {
            // Somebody has taken over meanwhile: the next turn finds out, and only reaps.
            return;
        }
        let what = format!("worker {number} could not be started: {error}; stopping the others");
        if self.newborns.refuse(error) {
            run.warn(&what);
            run.stop_all(&Reason::SIBLING, How::OWN_TIMES, now);
        }
        run.forget_unstarted();
    }

    /// Takes in which main processes were stopped or continued.
    pub(super) fn see_halts(
        &mut self,
        signals: &mut Signals,
        run: &mut Run<'_>,
        herald: &mut Herald<'_>,
        now: Moment,
    ) {
        let mut halts = Halts::default();
        loop {
            let (pid, stopped) = match halts.next() {
                Next::One(one) => one,
                Next::Nothing => return,
                Next::Later => return signals.children().keep(),
            };
            let Some(number) = self.mains.worker(pid) else {
                continue;
            };
            // ORDER: a program that runs by now is another matter.
            self.see_births(run, herald, now);
            run.on_worker(number, now, |worker, turn| {
                worker.set_stopped(stopped.is_some(), turn);
            });
            match stopped {
                Some(_) if self.newborns.has_to_go_on(pid) => {
                    // Whoever stopped it meant the program.
                    let _ = process::signal(Target::Child(pid), SIGCONT);
                }
                Some(signal) => self.stop_with(number, signal, signals, run, now),
                None => {}
            }
        }
    }

    /// A worker was stopped by `signal`: if it has our terminal, we are stopped with it.
    fn stop_with(
        &mut self,
        number: WorkerNumber,
        signal: i32,
        signals: &mut Signals,
        run: &mut Run<'_>,
        now: Moment,
    ) {
        let Some(worker) = run.workers().get(number) else {
            return;
        };
        let (group, is_asked) = (worker.pid(), worker.is_asked());
        let Some(stops) = self.foreground.stopped(group, signal, is_asked) else {
            return;
        };
        run.on_worker(number, now, |worker, _| worker.stopped_by_terminal());
        match stops {
            Stops::Us(signal) => signals.suspend().raise(signal),
            Stops::Group(signal) => signals.suspend_mut().raise_in_group(signal),
        }
    }

    /// The child `pid` has ended, and is not reaped yet: reaps it if it is a main process. Answers
    /// whose.
    pub(super) fn main_ended(
        &mut self,
        pid: Pid,
        run: &mut Run<'_>,
        herald: &mut Herald<'_>,
        now: Moment,
    ) -> Option<WorkerNumber> {
        let number = self.mains.take(pid)?;
        self.worker_ended(number, pid, run, herald, now);
        Some(number)
    }

    /// There was news of a child, and none has ended: perhaps a library in this process has waited
    /// for one that was not its own. How it ended is lost, but not that it did. Answers whose main
    /// process was the last of these.
    pub(super) fn lost_ended(
        &mut self,
        run: &mut Run<'_>,
        herald: &mut Herald<'_>,
        now: Moment,
    ) -> Option<WorkerNumber> {
        let mut last = None;
        for (pid, number) in self.mains.take_lost() {
            self.worker_ended(number, pid, run, herald, now);
            last = Some(number);
        }
        last
    }

    fn worker_ended(
        &mut self,
        number: WorkerNumber,
        pid: Pid,
        run: &mut Run<'_>,
        herald: &mut Herald<'_>,
        now: Moment,
    ) {
        // ORDER: what became of its program, which is told by a pipe, is known before its end.
        self.see_births(run, herald, now);
        self.newborns.forget(pid);
        let was_asked = run.workers().get(number).is_some_and(Worker::is_asked);
        let mut ended = None;
        run.on_worker(number, now, |worker, turn| {
            ended = worker.main_ended(turn);
        });
        let worker = run.workers().get(number);
        let is_main = worker.is_some_and(|one| !one.is_over());
        if is_main && !run.is_ours() {
            // Somebody has taken over since this wake-up began, and nothing was done to it.
            ended = ended.or_else(|| process::reap(pid));
            run.write_off(number, ended, false, now);
        }
        let rung = run.workers().get(number).and_then(Worker::rung);
        self.foreground.ended(rung, ended);
        self.siblings.add(MainEnded {
            number,
            was_asked,
            is_success: ended.is_some_and(Ended::is_success),
        });
    }

    /// Stops the others if the end of a worker is to do that.
    pub(super) fn stop_others(&mut self, run: &mut Run<'_>, now: Moment) {
        // A worker that could not be started has stopped the others already.
        let is_stopping = run.stopping().is_some() || self.newborns.has_refusal();
        let workers = run.workers();
        let since = |number| Since {
            is_over: workers.get(number).is_none_or(Worker::is_over),
            is_asked: workers.get(number).is_some_and(Worker::is_asked),
        };
        if self.siblings.stop_others(is_stopping, since) {
            run.stop_all(&Reason::SIBLING, How::OWN_TIMES, now);
        }
    }

    /// The child `pid` was reaped when the run was another's. Answers whether it is a main process.
    /// `just_now` is whether it ended while we knew that.
    pub(super) fn write_off(
        &mut self,
        pid: Pid,
        ended: Option<Ended>,
        just_now: bool,
        run: &mut Run<'_>,
        now: Moment,
    ) -> bool {
        let Some(number) = self.mains.take(pid) else {
            return false;
        };
        self.foreground.take_back(ended);
        // ORDER: its pipe tells that its program has run, and its end comes after that.
        self.tell_starts(run, now);
        self.newborns.forget(pid);
        run.write_off(number, ended, just_now, now);
        true
    }

    /// What was left by those that were reaped before the run was another's is for that one, too.
    pub(super) fn write_off_reaped(&self, run: &mut Run<'_>, now: Moment) {
        let there = run.workers().there();
        let reaped = there.filter(|one| self.mains.worker(one.pid()).is_none());
        let reaped: Vec<WorkerNumber> = reaped.map(Worker::number).collect();
        for number in reaped {
            run.write_off(number, None, false, now);
        }
    }

    /// We are about to be stopped: takes the terminal from the worker, which is stopped already.
    pub(super) fn take_terminal_for_a_while(&mut self) {
        self.foreground.take_back_for_a_while();
    }

    /// Lends the terminal to the worker, if there is one that has not ended.
    pub(super) fn lend_terminal(&mut self) {
        if let Some(worker) = self.mains.any() {
            self.foreground.lend(worker);
        }
    }

    /// The run is another's: says which programs have begun, since what is told of an end goes with
    /// what was told of a start, and does nothing else about it.
    pub(super) fn tell_starts(&mut self, run: &mut Run<'_>, now: Moment) {
        for (number, fate) in self.newborns.take_fates() {
            if fate.is_ok() {
                run.tell_start(number, now);
            }
        }
        // Whoever is slow from now on is not told of; it must not wake us again and again.
        let _ = self.newborns.slow(now);
    }

    /// No worker is left: removes the control group of the run.
    pub(super) fn remove_cgroup(&self) {
        self.starter.remove_cgroup();
    }

    /// The worker whose end has stopped the others.
    pub(super) fn culprit(&self) -> Option<WorkerNumber> {
        self.siblings.culprit()
    }

    /// Whether a worker could not be started when there were others.
    pub(super) fn has_failed(&self) -> bool {
        self.newborns.has_failed()
    }

    /// Why the run never began, if no program has run.
    pub(super) fn take_refusal(&mut self) -> Option<SpawnError> {
        self.newborns.take_refusal()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::rehearsal::{NOW, of_run, plan};
    use super::{
        Children, Foreground, How, Newborns, Pid, Reason, Siblings, SpawnError, Starter,
        WorkerNumber,
    };
    use crate::run::plan::Plan;
    use crate::run::spawn::{Environment, Program, Recipe};

    /// The children of a run that has none yet.
    fn children(plan: &Plan) -> Children {
        let recipe = Recipe {
            program: Program::of(&plan.command, None).unwrap(),
            environment: Environment::inherited(&[]),
            run: "rehearsed".to_owned(),
            notify: None,
            workers: plan.workers,
            place: plan.place,
            null: None,
            exposure: plan.exposure,
            stop_signal: plan.stop_signal,
            open_files: (1024, 1024),
        };
        let starter = Starter::new(recipe, plan.times, None, plan.cgroup);
        let siblings = Siblings::new(plan.when_one_ends, false);
        Children::new(starter, Newborns::new(2), siblings, Foreground::new(None))
    }

    fn refusal() -> SpawnError {
        SpawnError::NotFound(io::ErrorKind::NotFound.into())
    }

    #[test]
    fn no_worker_is_started_once_the_run_stops() {
        let plan = plan(2);
        let children = children(&plan);
        of_run(&plan, |run| {
            assert!(children.start_at(run).is_some_and(|at| at <= NOW));
            assert!(children.is_starting(run));
            run.stop_all(&Reason::TERM, How::OWN_TIMES, NOW);
            assert_eq!(children.start_at(run), None);
        });
    }

    #[test]
    fn if_the_first_worker_cannot_be_started_the_run_never_began() {
        let plan = plan(2);
        let mut children = children(&plan);
        let told = of_run(&plan, |run| {
            children.could_not_start(WorkerNumber::FIRST, refusal(), run, NOW);
            assert_eq!(run.unstarted(), 0);
            assert!(run.stopping().is_none());
        });
        assert!(told.is_empty(), "{told:?}");
        assert!(!children.has_failed() && children.take_refusal().is_some());
    }

    #[test]
    fn whoever_is_no_main_process_is_nobodys_end() {
        let plan = plan(1);
        let mut children = children(&plan);
        of_run(&plan, |run| {
            assert!(!children.write_off(Pid::NOBODYS, None, true, run, NOW));
            children.stop_others(run, NOW);
            assert!(run.stopping().is_none());
        });
        assert_eq!(children.culprit(), None);
    }
}
