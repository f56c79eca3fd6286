//! Stopping: one worker or the whole run, from the flag on or from a later rung.

use super::Run;
use crate::contract::control::{Extension, StopRequest};
use crate::contract::record::{Phase, WorkerRecord};
use crate::decide::ladder::{Input, Rung};
use crate::decide::times::Wanted;
use crate::enforce::event::{Event, Why};
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// How workers are to be stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// From the flag on, with these times.
    Ask(Wanted),
    /// On this rung at least.
    AtLeast(Rung),
}

impl How {
    pub(crate) const OWN_TIMES: Self = Self::Ask(Wanted::NOTHING);
}

impl Run<'_> {
    /// Stops the whole run. The first time it is a latch: no worker is started any more.
    pub(crate) fn stop_all(&mut self, reason: &Reason, how: How, now: Moment) {
        if !self.files.owner.is_ours() {
            return;
        }
        // Who has looked until now is told with the stop.
        self.on_each(now, Worker::see_read);
        let all: Vec<WorkerNumber> = self.workers.iter().map(Worker::number).collect();
        if self.stopping.is_none() {
            self.stopping = Some(reason.clone());
            self.files.run.phase = Phase::Stopping;
            self.files.run.reason = Some(reason.to_string());
            self.files.record.set_run(&self.files.run);
            self.announce(reason, &all, now);
        }
        failpoint::pass("stop is latched");
        self.on_each(now, Worker::remember);
        for number in all {
            self.stop_one(number, reason, how, now);
        }
        for number in self.unstarted.numbers() {
            self.files
                .record
                .set_worker(number, &WorkerRecord::not_started());
        }
    }

    /// Climbs one rung with every worker.
    pub(crate) fn hurry(&mut self, now: Moment) {
        // Nothing is hurried that was not asked.
        let Some(reason) = self.stopping.clone() else {
            return;
        };
        self.on_each(now, |worker, turn| {
            worker.ask(Input::Hurry, &reason, turn);
        });
    }

    pub(super) fn apply_request(&mut self, request: &StopRequest, now: Moment) {
        let how = match request.rung {
            Rung::Flag => How::Ask(request.times),
            rung @ (Rung::Term | Rung::Kill) => How::AtLeast(rung),
        };
        let Some(number) = request.worker else {
            return self.stop_all(&request.reason, how, now);
        };
        if !self.files.owner.is_ours() {
            return;
        }
        if self.workers.get(number).is_some() {
            self.on_worker(number, now, Worker::see_read);
            self.announce(&request.reason, &[number], now);
            self.on_worker(number, now, Worker::remember);
            self.stop_one(number, &request.reason, how, now);
        } else if self.unstarted.call_off(number) {
            self.files
                .record
                .set_worker(number, &WorkerRecord::not_started());
            let (worker, reason) = (number, &request.reason);
            self.witness.see(now, &Event::CalledOff { worker, reason });
        }
    }

    /// Gives more time to those that are meant and were asked to stop.
    pub(super) fn give_time(&mut self, extension: Extension, now: Moment) {
        let Extension { worker, time } = extension;
        let is_meant = |one: &Worker| worker.is_none_or(|number| number == one.number());
        self.on_each(now, |one, turn| {
            if is_meant(one) {
                one.extend(time, Why::Given, turn);
            }
        });
    }

    /// Says whom a stop reaches that were not asked before, if there are any.
    fn announce(&mut self, reason: &Reason, numbers: &[WorkerNumber], now: Moment) {
        // ORDER: told of as started before the stop: after it no worker is started any more.
        for &number in numbers {
            self.on_worker(number, now, Worker::tell_start);
        }
        let all = numbers
            .iter()
            .filter_map(|&number| self.workers.get(number));
        let asked: Vec<&Worker> = all.filter(|worker| worker.can_be_asked()).collect();
        let workers: Vec<WorkerNumber> = asked.iter().map(|worker| worker.number()).collect();
        let unaware = asked.iter().filter(|one| one.has_looked() == Some(false));
        let unaware: Vec<WorkerNumber> = unaware.map(|worker| worker.number()).collect();
        if !workers.is_empty() {
            let requested = Event::StopRequested {
                reason,
                workers: &workers,
                unaware: &unaware,
                all: self.stopping.is_some(),
            };
            self.witness.see(now, &requested);
        }
    }

    fn stop_one(&mut self, number: WorkerNumber, reason: &Reason, how: How, now: Moment) {
        let input = match how {
            How::Ask(times) => Input::Stop(times),
            How::AtLeast(rung) => Input::AtLeast(rung),
        };
        self.on_worker(number, now, |worker, turn| {
            worker.ask(input, reason, turn);
        });
    }
}
