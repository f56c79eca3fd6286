//! The files of a run that only its owner writes.

use super::Roster;
use crate::contract::control::Control;
use crate::contract::owner::OwnerFile;
use crate::contract::record::{Phase, Record, RunRecord, WorkerRecord};
use crate::enforce::worker::Worker;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// The files of a run that only its owner writes.
pub(crate) struct Files {
    pub(crate) owner: OwnerFile,
    pub(crate) control: Control,
    pub(crate) record: Record,
    /// The header of the record.
    pub(crate) run: RunRecord,
}

impl Files {
    /// Has the record tell that the whole run was asked to stop.
    pub(super) fn stopping(&mut self, reason: &Reason) {
        self.run.phase = Phase::Stopping;
        self.run.reason = Some(reason.to_string());
        self.record.set_run(&self.run);
    }

    /// Has the record tell that nobody is left. `status` is the exit status, if anybody can know it.
    pub(super) fn over(&mut self, status: Option<u8>) {
        self.run.phase = Phase::Over;
        self.run.status = status;
        self.record.set_run(&self.run);
    }

    /// Has the record tell that these workers are not started any more.
    pub(super) fn not_started(&mut self, workers: impl Iterator<Item = WorkerNumber>) {
        for worker in workers {
            self.record.set_worker(worker, &WorkerRecord::not_started());
        }
    }

    /// Has the record tell of something that the kernel refuses.
    pub(super) fn lacks(&mut self, what: &str) {
        self.run.lacks.push(what.to_owned());
        self.record.set_run(&self.run);
    }

    /// Has the record tell that so many workers were `sent` the signal of the request `id`.
    pub(super) fn answer(&mut self, id: u32, sent: u32) {
        self.run.answer(id, sent);
        self.record.set_run(&self.run);
    }

    /// Writes the record again if somebody has cut it and there is something to write. Answers what is
    /// to be reported of that.
    pub(super) fn mend(&mut self, workers: &mut Roster) -> Option<String> {
        let is_due = self.record.is_due() || workers.iter().any(Worker::is_changed);
        if !is_due || !self.record.is_cut(&self.run) {
            return None;
        }
        let workers = workers.iter_mut();
        let born: Vec<_> = workers.map(|one| (one.number(), one.forgotten())).collect();
        let name = &self.run.name;
        Some(match self.record.mend(&self.run, &born) {
            Ok(()) => format!("somebody has cut the record of {name}: it is written again"),
            Err(error) => format!("the record of {name} was cut and cannot be written: {error}"),
        })
    }
}
