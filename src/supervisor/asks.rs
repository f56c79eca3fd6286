//! What people, engines and outer runs ask of a supervisor, applied to its workers.

use std::time::Duration;

use super::Supervisor;
use crate::control::Request;
use crate::duration::Limit;
use crate::event::Event;
use crate::ladder::{Input, Rung};
use crate::moment::Moment;
use crate::outer::{self, Outer};
use crate::reason::Reason;
use crate::record::Phase;
use crate::signals::Ask;
use crate::worker::Worker;

/// Two presses of Ctrl-C within this time are one: a finger that trembled must not climb a rung.
const DOUBLE_TAP: Duration = Duration::from_millis(500);

/// How workers are to be stopped.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// From the flag on: with this grace and this kill-after, or the run's own.
    Ask(Option<Limit>, Option<Limit>),
    /// On this rung at least.
    AtLeast(Rung),
}

impl How {
    pub(super) const OWN_TIMES: Self = Self::Ask(None, None);
}

impl Supervisor<'_> {
    /// `was_stopping` is what held before this wake-up: two signals that came together are one
    /// stop, not a stop and a hurry.
    pub(super) fn apply_ask(&mut self, ask: Ask, was_stopping: bool, now: Moment) {
        match ask {
            Ask::Forward(signal) => {
                for index in 0..self.workers.len() {
                    self.on_index(index, now, |worker, hands| worker.forward(signal, hands));
                }
            }
            Ask::Interrupt if was_stopping => self.press(now),
            Ask::Interrupt => {
                self.last_press = Some(now);
                self.stop_all(&Reason::INTERRUPT, How::OWN_TIMES, now);
            }
            Ask::Term if was_stopping && self.stopping == Some(Reason::PARENT) => self.hurry(now),
            Ask::Term if was_stopping => {
                self.stop_all(&Reason::TERM, How::AtLeast(Rung::Term), now);
            }
            Ask::Quit if was_stopping => {
                self.stop_all(&Reason::TERM, How::AtLeast(Rung::Kill), now);
            }
            Ask::Term => self.stop_all(&Reason::TERM, How::OWN_TIMES, now),
            Ask::Quit => self.stop_by(libc::SIGQUIT, now),
            Ask::Other(signal) => self.stop_by(signal, now),
            Ask::Hangup => self.stop_all(&Reason::HANGUP, How::OWN_TIMES, now),
        }
    }

    /// A signal that has no reason of its own asks like SIGTERM, and is told by its name.
    fn stop_by(&mut self, signal: i32, now: Moment) {
        self.witness.see(now, &Event::Signalled { signal });
        self.stop_all(&Reason::TERM, How::OWN_TIMES, now);
    }

    /// Ctrl-C again.
    fn press(&mut self, now: Moment) {
        if self
            .last_press
            .is_some_and(|last| now.since(last) < DOUBLE_TAP)
        {
            self.witness.see(now, &Event::DoubleTap);
            return;
        }
        self.last_press = Some(now);
        self.hurry(now);
    }

    fn hurry(&mut self, now: Moment) {
        let reason = self.stopping.clone().unwrap_or(Reason::INTERRUPT);
        for index in 0..self.workers.len() {
            self.on_index(index, now, |worker, hands| {
                worker.input(Input::Hurry, &reason, hands);
            });
        }
    }

    pub(super) fn apply_request(&mut self, request: &Request, now: Moment) {
        let how = match request.rung {
            Rung::Flag => How::Ask(request.grace, request.kill_after),
            rung @ (Rung::Term | Rung::Kill) => How::AtLeast(rung),
        };
        match request.worker {
            None => self.stop_all(&request.reason, how, now),
            Some(number) => {
                let index = number as usize;
                if index < self.workers.len() {
                    self.announce(&request.reason, &[index], now);
                    self.stop_one(index, &request.reason, how, now);
                }
            }
        }
    }

    /// Obeys the run that we are a worker of.
    pub(super) fn obey_outer(&mut self, now: Moment) {
        let Some(request) = self.outer.as_mut().and_then(Outer::take) else {
            return;
        };
        let how = if request.level == b'1' {
            let (grace, kill_after) = outer::fitted(&request, &self.plan.times, now);
            How::Ask(grace, kill_after)
        } else {
            How::AtLeast(Rung::Term)
        };
        self.stop_all(&Reason::PARENT, how, now);
    }

    /// Stops the whole run. The first time it is a latch: no worker is started any more.
    pub(super) fn stop_all(&mut self, reason: &Reason, how: How, now: Moment) {
        let all: Vec<usize> = (0..self.workers.len()).collect();
        if self.stopping.is_none() {
            self.stopping = Some(reason.clone());
            self.unstarted = 0;
            self.parts.run.phase = Phase::Stopping;
            self.parts.run.reason = Some(reason.to_string());
            self.parts.record.set_run(&self.parts.run);
            self.announce(reason, &all, now);
        }
        for index in all {
            self.stop_one(index, reason, how, now);
        }
    }

    /// Says whom a stop reaches that were not asked before, if there are any.
    fn announce(&mut self, reason: &Reason, indexes: &[usize], now: Moment) {
        let running = |worker: &&Worker| !worker.is_asked() && worker.is_over().is_none();
        let asked = indexes
            .iter()
            .map(|&index| &self.workers[index])
            .filter(running);
        let workers: Vec<u32> = asked.map(Worker::number).collect();
        if !workers.is_empty() {
            let all = self.stopping.is_some();
            self.witness.see(
                now,
                &Event::StopRequested {
                    reason,
                    workers: &workers,
                    all,
                },
            );
        }
    }

    fn stop_one(&mut self, index: usize, reason: &Reason, how: How, now: Moment) {
        let unaware = self.plan.unaware_grace;
        self.on_index(index, now, |worker, hands| match how {
            How::Ask(grace, kill_after) => worker.stop((grace, kill_after), unaware, reason, hands),
            How::AtLeast(rung) => worker.input(Input::AtLeast(rung), reason, hands),
        });
    }
}
