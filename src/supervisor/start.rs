//! Starting the workers: the first one before the loop, one in each turn after it.

use super::Supervisor;
use super::asks::How;
use crate::event::Event;
use crate::flag::writer::FlagFile;
use crate::reason::Reason;
use crate::spawn::SpawnError;
use crate::sys;
use crate::worker::Worker;

impl Supervisor<'_> {
    /// Says what is to be said before, and starts the first worker.
    pub(super) fn open(&mut self) -> Result<(), SpawnError> {
        let (run, directory) = (&self.parts.run, self.parts.dir.path());
        self.witness
            .see(self.begun, &Event::RunStarted { run, directory });
        if !self.parts.dir.base().is_in_memory() {
            let path = self.parts.dir.base().path().display();
            self.warn(&format!(
                "{path} is not in memory (tmpfs): looking at a flag may be slow"
            ));
        }
        if self.parts.watch.is_none() {
            self.warn("no inotify instance left: who looked at its flag cannot be told");
        }
        let path = self
            .outer
            .as_ref()
            .and_then(|outer| outer.path().map(ToOwned::to_owned));
        if let (Some(watch), Some(path)) = (&mut self.parts.watch, path) {
            // Should it not be watched, the outer run's SIGTERM asks us the same, later.
            let _ = watch.outer(&path);
        }
        // A stop that came while all this was made: no worker is started then.
        self.turn();
        if self.unstarted > 0 {
            self.start_next()
        } else {
            Ok(())
        }
    }

    /// Starts one worker.
    fn start_next(&mut self) -> Result<(), SpawnError> {
        let number = self.plan.workers - self.unstarted;
        self.unstarted -= 1;
        let flag = FlagFile::create(&self.parts.dir, self.parts.dir.path(), number);
        let flag = flag.map_err(SpawnError::NoProcess)?;
        let watch = self.parts.watch.as_mut();
        let watched = watch.is_some_and(|watch| watch.flag(flag.path(), number).is_ok());
        let birth = self.parts.record.birth(number);
        let pid = self
            .parts
            .recipe
            .start(number, &flag, birth, self.parts.owner.file())?;
        let now = sys::now();
        let started = Event::WorkerStarted {
            worker: number,
            pid,
            flag: flag.path(),
        };
        self.witness.see(now, &started);
        let start = self.parts.record.start_of(number);
        let mut worker = Worker::new(number, pid, start, flag, self.plan.times);
        if !watched {
            worker.cannot_be_watched();
        }
        self.by_pid.insert(pid, self.workers.len());
        self.workers.push(worker);
        Ok(())
    }

    /// Starts the next worker, if one is to be started: one in a turn, so that a stop which comes
    /// while a thousand are being started is seen between two of them.
    pub(super) fn start_more(&mut self) {
        if self.unstarted == 0 {
            return;
        }
        if let Err(error) = self.start_next() {
            self.failed = true;
            let number = self.workers.len();
            self.warn(&format!(
                "worker {number} could not be started: {error}; stopping the others"
            ));
            self.stop_all(&Reason::SIBLING, How::OWN_TIMES, sys::now());
        }
    }
}
