//! Starting the workers, one in each turn of the loop, and what becomes of them on the way to their
//! programs.

use std::fs::File;
use std::io;

use super::Supervisor;
use crate::contract::flag::writer::FlagFile;
use crate::decide::ladder::Ladder;
use crate::enforce::event::Event;
use crate::enforce::run::{How, Unstarted};
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::cgroup::{Cgroup, Use};
use crate::linux::proc::Proc;
use crate::linux::sys;
use crate::run::spawn::{Outfit, SpawnError};
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

impl Supervisor<'_> {
    /// Says what is to be said before, and starts the first worker.
    pub(super) fn open(&mut self) {
        let (run, directory) = (&self.run.files.run, self.upkeep.dir().path());
        let started = Event::RunStarted { run, directory };
        self.run.witness.see(self.run.begun, &started);
        if !self.upkeep.dir().base().storage().in_memory {
            let path = self.upkeep.dir().base().path().display();
            self.run.warn(&format!(
                "{path} is not in memory (tmpfs): looking at a flag may be slow"
            ));
        }
        match Proc::get() {
            Proc::Ours => {}
            Proc::Foreign => self.run.warn(
                "/proc shows the processes of another pid namespace, so it is not used, and what \
                 workers leave behind cannot be found: mount one (unshare --mount-proc)",
            ),
            Proc::Missing => self
                .run
                .warn("there is no /proc: what workers leave behind cannot be found"),
        }
        if self.plan.workers == 1 {
            self.run.search.set_adopter(WorkerNumber::FIRST);
        }
    }

    /// Starts the next worker, if one is to be started: one in a turn, so that a stop which comes
    /// while a thousand are being started is seen between two of them.
    pub(super) fn start_more(&mut self) {
        let now = sys::now();
        let is_time = self.start_at().is_some_and(|at| at <= now);
        if let Some(number) = is_time.then(|| self.run.unstarted.next()).flatten() {
            if self.run.workers().count() > 0 {
                self.stay(now);
            }
            if let Err(error) = self.start(number) {
                self.could_not_start(number, error, now);
            }
        }
        let are_all = self.to_start() == 0;
        self.guard.hand_over(self.run.workers(), are_all);
    }

    /// When the next worker is to be started, if nothing happens before.
    pub(super) fn start_at(&self) -> Option<Moment> {
        let next = || self.newborns.next_at();
        (self.to_start() > 0).then(next).flatten()
    }

    /// Starts one worker.
    fn start(&mut self, number: WorkerNumber) -> Result<(), SpawnError> {
        if !self.upkeep.dir().is_there() {
            // Somebody has just deleted it: no worker is told of a flag that is not there.
            self.put_back(sys::now());
            if !self.run.files.owner.is_ours() {
                // The owner file that a child looks at may be new, and know of no takeover.
                let error = io::ErrorKind::NotFound.into();
                return Err(SpawnError::Lacks("its flag", error));
            }
        }
        let flag = FlagFile::create(self.upkeep.dir(), self.upkeep.dir().path(), number);
        let mut flag = flag.map_err(|error| SpawnError::Lacks("its flag", error))?;
        let watched = self.looks.follow(&mut flag, number, &mut self.run);
        failpoint::pass("flag watched");
        let (cgroup, entry) = self.cgroup_of(number)?.unzip();
        let outfit = Outfit {
            number,
            flag: &flag,
            birth: self.run.files.record.birth(number),
            owner: self.run.files.owner.file(),
            entry,
            terminal: self.foreground.lend_to_child(),
        };
        let started = self.recipe.start(&outfit);
        if started.is_err() {
            cgroup.iter().for_each(Cgroup::remove);
            self.foreground.take_back(None);
        }
        let child = started?;
        let (pid, now) = (child.pid(), sys::now());
        self.run.search.exclude(pid);
        failpoint::pass("worker started");
        let ladder = Ladder::new(self.plan.times, now);
        let worker = Worker::new(number, pid, flag, cgroup, (now, ladder));
        self.run.add(worker);
        self.by_pid.insert(pid, number);
        if !watched {
            self.run.on_worker(number, now, Worker::cannot_be_watched);
        }
        self.newborns.add(number, child, now);
        failpoint::pass("worker noted");
        self.guard.worker_started(now);
        Ok(())
    }

    /// Takes in what has become of those on the way to their programs.
    pub(super) fn see_births(&mut self, now: Moment) {
        let mut has_run = false;
        for (number, fate) in self.newborns.take_fates() {
            match fate {
                Ok(()) => {
                    has_run = true;
                    let start = self.run.files.record.born(number).map(|born| born.start);
                    self.run.on_worker(number, now, |worker, turn| {
                        worker.runs(start, turn);
                    });
                }
                Err(error) => {
                    self.run
                        .on_worker(number, now, |worker, _| worker.cannot_run());
                    self.could_not_start(number, error, now);
                }
            }
        }
        if has_run {
            // ORDER: that all workers run is told before whatever else has come.
            self.tell_manager();
        }
        for number in self.newborns.slow(now) {
            self.run
                .on_worker(number, now, |worker, _| worker.is_slow());
        }
    }

    /// A worker could not be started: so the run cannot be what it was to be. If it is the first one
    /// the run never began, and whoever started us is told why, by our status too.
    fn could_not_start(&mut self, number: WorkerNumber, error: SpawnError, now: Moment) {
        if !self.run.files.owner.is_ours() {
            // Somebody has taken over meanwhile: the next turn finds out, and only reaps.
            return;
        }
        if self.newborns.has_one_run || !self.newborns.is_empty() {
            self.failed = true;
            self.run.warn(&format!(
                "worker {number} could not be started: {error}; stopping the others"
            ));
            self.run.stop_all(&Reason::SIBLING, How::OWN_TIMES, now);
        }
        self.run.unstarted = Unstarted::default();
        self.refusal.get_or_insert(error);
    }

    /// A control group for worker `number`, and the way into it, if workers have groups.
    fn cgroup_of(&self, number: WorkerNumber) -> Result<Option<(Cgroup, File)>, SpawnError> {
        let Some(group) = self.cgroup.as_ref().map(|run| run.of_worker(number)) else {
            return Ok(None);
        };
        match (group.make().and_then(|()| group.entry()), self.plan.cgroup) {
            (Ok(entry), Use::Auto | Use::Off | Use::Require) => Ok(Some((group, entry))),
            (Err(error), Use::Require) => {
                group.remove();
                Err(SpawnError::Lacks("its control group", error))
            }
            // No room for another one, say: it is found without.
            (Err(_), Use::Auto | Use::Off) => {
                group.remove();
                Ok(None)
            }
        }
    }
}
