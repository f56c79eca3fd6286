//! Reaping: main processes, orphans that became our children, the guard; and what the end of a worker
//! means for the others.

use libc::SIGCONT;
use std::time::Duration;

use super::Supervisor;
use super::foreground::Stops;
use crate::contract::record::Stragglers;
use crate::enforce::event::Event;
use crate::enforce::run::How;
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::process::{self, Target};
use crate::linux::sys;
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// How many children are reaped in one wake-up, and how long that may take: somebody who forks
/// without end must not keep us from the ladder.
const AT_ONCE: usize = 1000;
const LONGEST: Duration = Duration::from_millis(20);

/// How many stops and continuations are read in one wake-up: the same for who stops and continues a
/// worker without end.
const STOPS: usize = 100;

/// A worker whose main process has ended.
pub(super) struct MainEnded {
    number: WorkerNumber,
    /// Whether it had been asked to.
    asked: bool,
    success: bool,
}

impl Supervisor<'_> {
    /// Reaps everything that has ended, before anything is asked of anybody.
    pub(super) fn reap(&mut self, now: Moment) {
        let remains = self.run.workers().iter().any(Worker::leaves_others);
        if !self.signals.children().take() && !remains {
            return;
        }
        for count in 0.. {
            if count == STOPS {
                self.signals.children().keep();
                break;
            }
            let Some((pid, stopped)) = process::next_stopped_or_continued() else {
                break;
            };
            if let Some(&number) = self.by_pid.get(&pid) {
                // ORDER: a program that runs by now is another matter.
                self.see_births(now);
                self.run.on_worker(number, now, |worker, turn| {
                    worker.set_stopped(stopped.is_some(), turn);
                });
                if let Some(signal) = stopped {
                    if self.newborns.has_to_go_on(pid) {
                        // Whoever that was meant the program.
                        let _ = process::signal(Target::Child(pid), SIGCONT);
                    } else {
                        self.stop_with(number, signal, now);
                    }
                }
            }
        }
        let mut ended = Vec::new();
        let began = sys::now();
        for count in 0.. {
            let Some(pid) = process::peek_dead_child() else {
                if count == 0 {
                    ended = self.reaped_by_others(now);
                }
                break;
            };
            if count == AT_ONCE || (count > 0 && sys::now().since(began) > LONGEST) {
                self.signals.children().keep();
                break;
            }
            // ORDER: what it looked at and what it said before it ended is told by now.
            self.looks.take(&mut self.run, now);
            self.hear(now);
            if let Some(number) = self.by_pid.remove(&pid) {
                ended.push(self.main_ended(number, pid, now));
            } else {
                // A straggler that we adopted, the guard, or a child from before we were exec'ed.
                let _ = process::reap(pid);
                self.run.search.forget(pid);
                failpoint::pass("orphan reaped");
                if !self.guard.has_ended(pid, &mut self.run, now) {
                    self.run.witness.see(now, &Event::ForeignReaped { pid });
                }
            }
        }
        if let Some(last) = ended.last().filter(|_| self.by_pid.is_empty()) {
            // Whose an orphan is that shows no sign cannot be told; but nobody needs it any more.
            self.run.search.set_adopter(last.number);
        }
        self.run.settle(now);
        self.ended.extend(ended);
        for worker in std::mem::take(&mut self.ended) {
            // Where what it started is waited for, a worker is over when that is.
            let ended = self.run.workers().get(worker.number);
            let is_over = ended.is_none_or(|one| one.is_over().is_some());
            if is_over || self.plan.stragglers != Stragglers::Wait {
                self.consider_others(&worker, now);
            } else {
                self.ended.push(worker);
            }
        }
    }

    /// A worker was stopped by `signal`. What we are a job of may have to be stopped with it.
    fn stop_with(&mut self, number: WorkerNumber, signal: i32, now: Moment) {
        let Some(worker) = self.run.workers().get(number) else {
            return;
        };
        let (group, is_asked) = (worker.pid(), worker.is_asked());
        let Some(stops) = self.foreground.stopped(group, signal, is_asked) else {
            return;
        };
        self.run
            .on_worker(number, now, |worker, _| worker.stopped_by_terminal());
        match stops {
            Stops::Us(signal) => self.signals.suspend().raise(signal),
            Stops::Group(signal) => self.signals.suspend_mut().raise_in_group(signal),
        }
    }

    /// News of a child, and none that has ended: perhaps a library in this process has waited for one
    /// that was not its own. How that ended is lost, but not that it did.
    fn reaped_by_others(&mut self, now: Moment) -> Vec<MainEnded> {
        let gone = self.by_pid.keys().copied();
        let gone: Vec<i32> = gone.filter(|&pid| !process::is_child(pid)).collect();
        let main = |pid: i32| Some((self.by_pid.remove(&pid)?, pid));
        let mains: Vec<_> = gone.into_iter().filter_map(main).collect();
        let ended = mains.into_iter();
        ended
            .map(|(number, pid)| self.main_ended(number, pid, now))
            .collect()
    }

    fn main_ended(&mut self, number: WorkerNumber, pid: i32, now: Moment) -> MainEnded {
        // ORDER: what became of its program, which is told by a pipe, is known before its end.
        self.see_births(now);
        self.newborns.forget(pid);
        let left = self.by_pid.len() + self.to_start();
        let asked = self.is_asked(number);
        let mut ended = None;
        self.run.on_worker(number, now, |worker, turn| {
            ended = worker.main_ended(left, turn);
        });
        let worker = self.run.workers().get(number);
        let is_main = worker.is_some_and(|one| one.is_over().is_none());
        if is_main && !self.run.files.owner.is_ours() {
            // Somebody has taken over since this wake-up began, and nothing was done to it.
            ended = ended.or_else(|| process::reap(pid));
            self.run.write_off(number, ended, false, now);
        }
        let rung = self.run.workers().get(number).and_then(Worker::rung);
        self.foreground.share_key(rung, ended);
        self.foreground.take_back(ended);
        MainEnded {
            number,
            asked,
            success: ended.is_some_and(Ended::is_success),
        }
    }

    fn is_asked(&self, number: WorkerNumber) -> bool {
        let worker = self.run.workers().get(number);
        worker.is_some_and(Worker::is_asked)
    }

    /// What the end of a worker means for the others.
    fn consider_others(&mut self, worker: &MainEnded, now: Moment) {
        let asked_later = || {
            let waits = self.plan.stragglers == Stragglers::Wait;
            waits && self.is_asked(worker.number)
        };
        // One that could not be started has stopped the others already.
        let stops = self.run.stopping().is_some() || self.refusal.is_some();
        let asked = worker.asked || stops || asked_later();
        if !asked && self.plan.when_one_ends.stops(worker.success) {
            self.culprit = Some(worker.number);
            self.run.stop_all(&Reason::SIBLING, How::OWN_TIMES, now);
        }
    }
}
