//! Starting the workers: the first one before the loop, one in each turn after it.

use std::fs::File;

use super::Supervisor;
use super::guarded::SHORT;
use super::looks::Looks;
use crate::cgroup::{Cgroup, Use};
use crate::enforcement::How;
use crate::event::Event;
use crate::failpoint;
use crate::flag::writer::FlagFile;
use crate::ladder::Ladder;
use crate::reason::Reason;
use crate::spawn::{Outfit, SpawnError};
use crate::sys;
use crate::terminal::Terminal;
use crate::worker::Worker;

impl Supervisor<'_> {
    /// Says what is to be said before, and starts the first worker.
    pub(super) fn open(&mut self) -> Result<(), SpawnError> {
        let (run, directory) = (&self.run.files.run, self.dir.path());
        let started = Event::RunStarted { run, directory };
        self.run.witness.see(self.run.begun, &started);
        let storage = self.dir.base().storage();
        self.looks = Looks::by_reads(storage);
        if !storage.in_memory {
            let path = self.dir.base().path().display();
            self.run.warn(&format!(
                "{path} is not in memory (tmpfs): looking at a flag may be slow"
            ));
        }
        if self.plan.workers == 1 {
            self.run.search.give_to(0);
        }
        // A stop that came while all this was made: no worker is started then.
        self.turn();
        if self.to_start() > 0 {
            self.start_next()
        } else {
            Ok(())
        }
    }

    /// Starts one worker.
    fn start_next(&mut self) -> Result<(), SpawnError> {
        let number = self.plan.workers - self.unstarted;
        self.unstarted -= 1;
        let flag = FlagFile::create(&self.dir, self.dir.path(), number);
        let mut flag = flag.map_err(SpawnError::NoProcess)?;
        let watched = self.will_see(&mut flag, number, sys::now());
        failpoint::pass("flag watched");
        let (cgroup, entry) = self.cgroup_of(number)?.unzip();
        let outfit = Outfit {
            number,
            flag: &flag,
            birth: self.run.files.record.birth(number),
            owner: self.run.files.owner.file(),
            entry,
            terminal: self.terminal.as_mut().and_then(Terminal::lend_to_child),
        };
        let started = self.recipe.start(outfit, self.signals.children());
        if started.is_err() {
            cgroup.iter().for_each(Cgroup::remove);
            self.take_terminal_back(None);
        }
        let pid = started?;
        self.run.search.know(pid);
        failpoint::pass("worker started");
        let now = sys::now();
        let started = Event::WorkerStarted {
            worker: number,
            pid,
            flag: flag.path(),
        };
        self.run.witness.see(now, &started);
        let start = self.run.files.record.born(number).map(|born| born.start);
        let ladder = Ladder::new(self.plan.times, now);
        let worker = Worker::new(number, (pid, start), flag, cgroup, (now, ladder));
        let index = self.run.add(worker);
        self.by_pid.insert(pid, index);
        if !watched {
            self.run.on_index(index, now, Worker::cannot_be_watched);
        }
        failpoint::pass("worker noted");
        if self.guard.is_none() && self.guard_at.is_none() {
            self.guard_at = Some(now + SHORT);
        }
        Ok(())
    }

    /// A control group for worker `number`, and the way into it, if workers have groups.
    fn cgroup_of(&self, number: u32) -> Result<Option<(Cgroup, File)>, SpawnError> {
        let Some(group) = self.cgroup.as_ref().map(|run| run.of_worker(number)) else {
            return Ok(None);
        };
        match (group.make().and_then(|()| group.entry()), self.plan.cgroup) {
            (Ok(entry), Use::Auto | Use::Off | Use::Require) => Ok(Some((group, entry))),
            (Err(error), Use::Require) => {
                group.remove();
                Err(SpawnError::NoProcess(error))
            }
            // No room for another one, say: it is found without.
            (Err(_), Use::Auto | Use::Off) => {
                group.remove();
                Ok(None)
            }
        }
    }

    /// Starts the next worker, if one is to be started: one in a turn, so that a stop which comes
    /// while a thousand are being started is seen between two of them.
    pub(super) fn start_more(&mut self) {
        if self.to_start() > 0 {
            self.stay(sys::now());
            if let Err(error) = self.start_next() {
                self.failed = true;
                let number = self.run.workers().len();
                self.run.warn(&format!(
                    "worker {number} could not be started: {error}; stopping the others"
                ));
                self.run
                    .stop_all(&Reason::SIBLING, How::OWN_TIMES, sys::now());
            }
        }
        self.tell_guard();
    }
}
