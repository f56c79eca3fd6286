//! The files of a run that only its owner writes.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::Roster;
use crate::contract::control::{Control, Line};
use crate::contract::owner::OwnerFile;
use crate::contract::record::{Birth, Born, Phase, Record, RunRecord, WorkerRecord};
use crate::enforce::worker::Worker;
use crate::linux::plain::plain;
use crate::linux::process;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// The files of a run that only its owner writes.
pub(crate) struct Files {
    owner: OwnerFile,
    control: Control,
    record: Record,
    header: RunRecord,
}

impl Files {
    /// The files of a run whose record has this header.
    pub(crate) fn new(
        owner: OwnerFile,
        control: Control,
        record: Record,
        header: RunRecord,
    ) -> Self {
        Self {
            owner,
            control,
            record,
            header,
        }
    }

    /// Whether we are still the owner; see [`OwnerFile::is_ours`].
    pub(crate) fn is_ours(&self) -> bool {
        self.owner.is_ours()
    }

    /// The file `owner`, for those who check it themselves.
    pub(crate) fn owner(&self) -> Arc<File> {
        self.owner.file()
    }

    /// The file `record`, for those who need it when its name is gone.
    pub(crate) fn record(&self) -> Arc<File> {
        self.record.file()
    }

    /// What the record says of the run.
    pub(crate) fn header(&self) -> &RunRecord {
        &self.header
    }

    /// Who the main process of a worker is, by its own word.
    pub(crate) fn born(&self, worker: WorkerNumber) -> Option<Born> {
        self.record.born(worker)
    }

    /// Where a worker writes that.
    pub(crate) fn birth(&self, worker: WorkerNumber) -> Birth {
        self.record.birth(worker)
    }

    /// What to poll for reading: it becomes readable when somebody requests something.
    pub(crate) fn requests(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// Reads what was requested.
    pub(super) fn read_requests(&mut self) -> Vec<Line> {
        self.control.drain()
    }

    /// Makes the files again in `dir` whose names are gone. Answers whether there were any.
    pub(super) fn put_back(&mut self, dir: impl AsFd + Copy) -> io::Result<bool> {
        let mut missing = self.owner.put_back(dir, &process::own_identity())?;
        missing |= self.control.put_back(dir)?;
        missing |= self.record.put_back(dir)?;
        Ok(missing)
    }

    /// Has the record tell that the whole run was asked to stop.
    pub(super) fn stopping(&mut self, reason: &Reason) {
        self.header.phase = Phase::Stopping;
        self.header.reason = Some(reason.to_string());
        self.record.set_run(&self.header);
    }

    /// Has the record tell that nobody is left. `status` is the exit status, if anybody can know it.
    pub(super) fn over(&mut self, status: Option<u8>) {
        self.header.phase = Phase::Over;
        self.header.status = status;
        self.record.set_run(&self.header);
    }

    /// Has the record tell that these workers are not started any more.
    pub(super) fn not_started(&mut self, workers: impl Iterator<Item = WorkerNumber>) {
        for worker in workers {
            self.record.set_worker(worker, &WorkerRecord::not_started());
        }
    }

    /// Has the record tell of something that the kernel refuses.
    pub(super) fn lacks(&mut self, what: &str) {
        self.header.lacks.push(what.to_owned());
        self.record.set_run(&self.header);
    }

    /// Has the record tell that so many workers were `sent` the signal of the request `id`.
    pub(super) fn answer(&mut self, id: u32, sent: u32) {
        self.header.answer(id, sent);
        self.record.set_run(&self.header);
    }

    /// Has the record tell what has changed of the workers, and writes it.
    pub(super) fn write(&mut self, workers: &mut Roster) {
        workers.on_astir(|worker| {
            if let Some(changes) = worker.take_changes() {
                self.record.set_worker(worker.number(), &changes);
            }
        });
        // Its storage is reserved. If writing fails all the same, readers see an older state.
        let _ = self.record.commit();
    }

    /// Writes the record again if somebody has cut it and there is something to write, or if an owner
    /// that was deposed has written into it. Answers what is to be reported of that.
    pub(super) fn mend(&mut self, workers: &mut Roster) -> Option<String> {
        let is_overwritten = self.record.is_overwritten();
        let is_due =
            is_overwritten || self.record.is_due() || workers.astir().any(Worker::is_changed);
        if !is_due || !self.record.is_cut(&self.header) {
            if is_overwritten {
                // It has written what was true when it was held up, and will not write again.
                self.record.set_run(&self.header);
                workers.on_all(Worker::forget);
            }
            return None;
        }
        workers.on_all(Worker::forget);
        let born = workers.iter().map(|one| (one.number(), one.born()));
        let born: Vec<_> = born.collect();
        let name = &self.header.name;
        Some(match self.record.mend(&self.header, &born) {
            Ok(()) => format!("somebody has cut the record of {name}: it is written again"),
            Err(error) => format!(
                "the record of {name} was cut and cannot be written: {}",
                plain(&error)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::{Control, Files, OwnerFile, Phase, Reason, Record, Roster, RunRecord, process};
    use crate::contract::record::{Answer, RecordReader, Snapshot, WorkerState};
    use crate::words::pid::Pid;
    use crate::words::worker_number::WorkerNumber;

    /// The files of a run of two workers, and where they are.
    fn made() -> (Files, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let open = || File::open(dir.path()).unwrap();
        let header = RunRecord::new("train".into(), Pid::FIRST, vec!["true".into()], 2);
        let owner = OwnerFile::create(open(), &process::own_identity()).unwrap();
        let control = Control::create(open()).unwrap();
        let record = Record::create(open(), &header).unwrap();
        (Files::new(owner, control, record, header), dir)
    }

    fn read(dir: &tempfile::TempDir) -> Snapshot {
        let dir = File::open(dir.path()).unwrap();
        RecordReader::open(dir).unwrap().read().unwrap()
    }

    #[test]
    fn what_happens_to_the_run_is_on_record_once_it_is_written() {
        let (mut files, dir) = made();
        files.lacks("inotify");
        files.stopping(&Reason::TIMEOUT);
        files.answer(7, 1);
        files.not_started([WorkerNumber::new(1)].into_iter());
        assert_eq!(read(&dir).run.phase, Phase::Running, "not yet");
        files.write(&mut Roster::default());
        let Snapshot { run, workers, .. } = read(&dir);
        assert_eq!(run.phase, Phase::Stopping);
        assert_eq!(run.reason, Some(Reason::TIMEOUT.to_string()));
        assert_eq!(run.lacks, ["inotify"]);
        assert_eq!(run.answers, [Answer { id: 7, sent: 1 }]);
        assert_eq!(&run, files.header());
        assert_eq!(workers[0].state, WorkerState::Starting);
        assert!(workers[1].was_not_started());
        files.over(Some(124));
        files.write(&mut Roster::default());
        let run = read(&dir).run;
        assert_eq!((run.phase, run.status), (Phase::Over, Some(124)));
    }

    #[test]
    fn what_was_deleted_is_made_again_and_is_still_ours() {
        let (mut files, dir) = made();
        let opened = File::open(dir.path()).unwrap();
        assert!(!files.put_back(&opened).unwrap());
        for name in ["owner", "control", "record"] {
            fs::remove_file(dir.path().join(name)).unwrap();
            assert!(files.put_back(&opened).unwrap(), "{name}");
            assert!(!files.put_back(&opened).unwrap(), "{name}");
        }
        assert!(files.is_ours());
        assert_eq!(&read(&dir).run, files.header());
    }

    #[test]
    fn a_record_that_was_cut_is_written_again_when_there_is_something_to_write() {
        let (mut files, dir) = made();
        let record = File::options().write(true).open(dir.path().join("record"));
        record.unwrap().set_len(100).unwrap();
        assert_eq!(files.mend(&mut Roster::default()), None, "nothing to write");
        files.lacks("inotify");
        let told = files.mend(&mut Roster::default()).unwrap();
        assert_eq!(
            told,
            "somebody has cut the record of train: it is written again"
        );
        files.write(&mut Roster::default());
        assert_eq!(read(&dir).run.lacks, ["inotify"]);
    }

    #[test]
    fn what_a_deposed_owner_has_written_all_the_same_is_written_over() {
        let (mut deposed, dir) = made();
        let elsewhere = tempfile::tempdir().unwrap();
        let open = || File::open(dir.path()).unwrap();
        // Whose the run is does not matter here: the other one was asked that before.
        let owner = File::open(elsewhere.path()).unwrap();
        let owner = OwnerFile::create(owner, &process::own_identity()).unwrap();
        let control = Control::adopt(open()).unwrap();
        let record = Record::open(open()).unwrap();
        let mut files = Files::new(owner, control, record, deposed.header().clone());
        let none = &mut Roster::default();
        // As often as the other one: the generations are not the same for that.
        for reason in [Reason::LOST, Reason::TIMEOUT] {
            files.stopping(&reason);
            assert_eq!(files.mend(none), None);
            files.write(none);
            deposed.lacks("inotify");
            deposed.write(none);
            assert_eq!(read(&dir).run.phase, Phase::Running, "overwritten");
            assert_eq!(files.mend(none), None, "there is nothing to say");
            files.write(none);
            let run = read(&dir).run;
            assert_eq!((run.reason, run.lacks), (Some(reason.to_string()), vec![]));
        }
    }
}
