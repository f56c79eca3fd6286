//! The supervisor: one thread, one blocking call, and always the same order after it.
//!
//! drain signals and requests → reap everything that ended → apply what was asked for → tick.
//! So a worker that ended before a request was read ended by itself, and a rung is used on nobody
//! who has left. While nothing happens there is no wake-up at all.

use std::collections::HashMap;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::SigSet;
use nix::sys::time::TimeSpec;

use crate::control::Line;
use crate::ended::Ended;
use crate::event::{Event, Witness};
use crate::launch::Launched;
use crate::moment::Moment;
use crate::outcome::{Final, Outcome};
use crate::outer::Outer;
use crate::plan::Plan;
use crate::process;
use crate::reason::Reason;
use crate::record::Phase;
use crate::spawn::SpawnError;
use crate::sys;
use crate::verdict::{Ending, Verdict};
use crate::watch::{Seen, Watch};
use crate::worker::{Hands, Worker};

use asks::How;

mod asks;
mod start;

/// Supervises the run of `plan`, which was launched, until nobody is left; answers how we leave.
///
/// From the first worker on it does not fail: whatever goes wrong is told to `witness`, and the
/// workers are stopped.
///
/// # Errors
///
/// If the first worker could not be started: nothing was supervised, and nothing is left.
pub fn supervise(
    plan: &Plan,
    launched: Launched,
    outer: Option<Outer>,
    witness: &mut dyn Witness,
) -> Result<Verdict, SpawnError> {
    let mut supervisor = Supervisor::new(plan, launched, outer, witness);
    if let Err(error) = supervisor.open() {
        supervisor.finish(error.status());
        return Err(error);
    }
    // From here on nothing may return early: there are workers.
    while !supervisor.is_over() {
        supervisor.turn();
        supervisor.start_more();
    }
    Ok(supervisor.close())
}

struct Supervisor<'a> {
    plan: &'a Plan,
    parts: Launched,
    outer: Option<Outer>,
    witness: &'a mut dyn Witness,
    workers: Vec<Worker>,
    by_pid: HashMap<i32, usize>,
    /// Workers that are still to be started. A stop makes it zero, and nothing raises it.
    unstarted: u32,
    begun: Moment,
    /// When `--timeout` runs out.
    timeout: Option<Moment>,
    /// Why the whole run was asked to stop: a latch.
    stopping: Option<Reason>,
    last_press: Option<Moment>,
    culprit: Option<u32>,
    /// A worker could not be started when others were running.
    failed: bool,
    finals: Vec<Final>,
}

impl<'a> Supervisor<'a> {
    fn new(
        plan: &'a Plan,
        parts: Launched,
        outer: Option<Outer>,
        witness: &'a mut dyn Witness,
    ) -> Self {
        let begun = sys::now();
        Self {
            plan,
            parts,
            outer,
            witness,
            workers: Vec::new(),
            by_pid: HashMap::new(),
            unstarted: plan.workers,
            begun,
            timeout: plan.timeout.map(|time| begun + time),
            stopping: None,
            last_press: None,
            culprit: None,
            failed: false,
            finals: Vec::new(),
        }
    }

    /// One wake-up, in the order that never changes.
    fn turn(&mut self) {
        self.write_record();
        self.witness.tick(sys::now());
        self.wait();
        let now = sys::now();
        let asks = self.parts.signals.take();
        let lines = self.parts.control.drain();
        self.see_looks(now);
        self.reap(now);
        self.obey_outer(now);
        let was_stopping = self.stopping.is_some();
        for ask in asks {
            self.apply_ask(ask, was_stopping, now);
        }
        for line in lines {
            match line {
                Line::Request(request) => self.apply_request(&request, now),
                Line::Junk => self.witness.see(now, &Event::Junk),
            }
        }
        self.tick(now);
    }

    /// The one blocking call. Signals are let through here and nowhere else.
    fn wait(&self) {
        let timeout = if self.unstarted > 0 {
            Some(Duration::ZERO)
        } else {
            let workers = self.workers.iter().filter_map(Worker::deadline);
            let others = self.timeout.into_iter().chain(self.witness.deadline());
            workers
                .chain(others)
                .min()
                .map(|deadline| deadline.since(sys::now()))
        };
        let parts = &self.parts;
        let fds = std::iter::once(parts.control.as_fd())
            .chain(parts.watch.iter().map(Watch::as_fd))
            .chain(self.outer.iter().flat_map(Outer::fds))
            .chain(self.workers.iter().flat_map(Worker::fds));
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        // Any error is a wake-up: EINTR is a signal, and the others are looked at all the same.
        if ppoll(&mut fds, timeout.map(TimeSpec::from), Some(SigSet::empty())).is_ok_and(|n| n > 0)
        {
            // With something to read it returns before any signal is let through (ppoll(2)
            // restores the mask first): a flood of requests would keep a SIGTERM out for ever.
            let _ = ppoll(
                &mut [],
                Some(TimeSpec::from(Duration::ZERO)),
                Some(SigSet::empty()),
            );
        }
    }

    fn see_looks(&mut self, now: Moment) {
        let seen = self.parts.watch.as_mut().map(Watch::drain);
        for seen in seen.unwrap_or_default() {
            match seen {
                Seen::Look(worker) => self.on_index(worker as usize, now, Worker::first_look),
                // The outer flag is looked at in each turn.
                Seen::Outer => {}
            }
        }
    }

    fn reap(&mut self, now: Moment) {
        if !self.parts.signals.take_child() && self.workers.iter().all(|w| w.fds().next().is_none())
        {
            return;
        }
        while let Some((pid, stopped)) = process::next_stopped_or_continued() {
            if let Some(&index) = self.by_pid.get(&pid) {
                self.on_index(index, now, |worker, hands| {
                    worker.set_stopped(stopped, hands);
                });
            }
        }
        while let Some(pid) = process::peek_dead_child() {
            // ORDER: what it looked at before it ended is told by now.
            self.see_looks(now);
            if let Some(index) = self.by_pid.remove(&pid) {
                self.main_ended(index, now);
            } else {
                // A straggler that we adopted, or a child from before we were exec'ed.
                let _ = process::reap(pid);
                self.witness.see(now, &Event::ForeignReaped { pid });
            }
        }
        for index in 0..self.workers.len() {
            self.on_index(index, now, Worker::settle);
        }
    }

    fn main_ended(&mut self, index: usize, now: Moment) {
        let left = self.by_pid.len() + self.unstarted as usize;
        let was_asked = self.workers[index].is_asked();
        let mut success = false;
        self.on_index(index, now, |worker, hands| {
            success = worker
                .main_ended(left, hands)
                .is_some_and(Ended::is_success);
        });
        if !was_asked && self.stopping.is_none() && self.plan.when_one_ends.stops(success) {
            self.culprit = Some(self.workers[index].number());
            self.stop_all(&Reason::SIBLING, How::OWN_TIMES, now);
        }
    }

    /// Does what is due.
    fn tick(&mut self, now: Moment) {
        if self.timeout.is_some_and(|end| end <= now) {
            self.timeout = None;
            if self.stopping.is_none() {
                self.stop_all(&Reason::TIMEOUT, How::OWN_TIMES, now);
            }
        }
        for index in 0..self.workers.len() {
            self.on_index(index, now, Worker::tick);
        }
    }

    /// Does something to a worker, and keeps its final record if that was its end.
    fn on_index(
        &mut self,
        index: usize,
        now: Moment,
        act: impl FnOnce(&mut Worker, &mut Hands<'_>),
    ) {
        let mut hands = Hands {
            witness: self.witness,
            stop_signal: self.plan.stop_signal,
            kill_wait: self.plan.times.kill_wait,
            now,
        };
        // A flag may be opened whose worker could not be started.
        let Some(worker) = self.workers.get_mut(index) else {
            return;
        };
        if worker.is_over().is_none() {
            act(worker, &mut hands);
            self.finals.extend(worker.is_over().cloned());
        }
    }

    fn warn(&mut self, text: &str) {
        self.witness.see(sys::now(), &Event::Warning(text));
    }

    fn write_record(&mut self) {
        for worker in &mut self.workers {
            if let Some(changes) = worker.take_changes() {
                self.parts.record.set_worker(worker.number(), &changes);
            }
        }
        // Its storage is reserved. Should it fail all the same, readers see an older state.
        let _ = self.parts.record.commit();
    }

    fn is_over(&self) -> bool {
        self.unstarted == 0 && self.finals.len() == self.workers.len()
    }

    /// Writes the last word, and gives up the name.
    fn close(mut self) -> Verdict {
        let reason = self.stopping.as_ref();
        let ending = Ending {
            finals: &self.finals,
            reason,
            culprit: self.culprit,
            failed: self.failed,
        };
        let verdict = ending.verdict(self.plan.policy);
        self.finish(verdict.shell_status());
        if self
            .finals
            .iter()
            .any(|last| last.outcome == Outcome::NotEnded)
        {
            self.parts.dir.keep();
        }
        verdict
    }

    fn finish(&mut self, status: u8) {
        let now = sys::now();
        self.parts.run.phase = Phase::Over;
        self.parts.run.status = Some(status);
        self.parts.record.set_run(&self.parts.run);
        self.write_record();
        let (reason, duration) = (self.stopping.as_ref(), now.since(self.begun));
        self.witness.see(
            now,
            &Event::RunEnded {
                status,
                reason,
                duration,
            },
        );
        self.witness.tick(now);
    }
}

impl Drop for Supervisor<'_> {
    /// A supervisor that panics asks everybody to stop as well as it still can.
    fn drop(&mut self) {
        for worker in self
            .workers
            .iter()
            .filter(|worker| worker.is_over().is_none())
        {
            worker.abandon(self.plan.stop_signal);
        }
    }
}
