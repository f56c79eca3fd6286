//! How it is seen that workers look at their flags.
//!
//! The kernel keeps with each flag when it was last read, and that is enough to tell whether a
//! worker has looked at the moments when it matters: when a stop begins, before a rung, at its end.
//! Only somebody who is to be told at once needs a watch (inotify(7)). A user has 128 of those, and
//! to end one takes the kernel longer than a short command takes.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use crate::contract::flag::writer::FlagFile;
use crate::enforce::run::{Roster, Run};
use crate::enforce::worker::Worker;
use crate::linux::watch::{Seen, Watch};
use crate::run::launch::lacks::INOTIFY;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// How looks are seen.
#[derive(Debug)]
pub(super) struct Looks {
    /// Whether the kernel keeps when a flag was read.
    noted: bool,
    /// Whether somebody is to be told of a look at once.
    told_at_once: bool,
    /// The flag of the run that we are a worker of: it is watched with those of our workers.
    outer: Option<PathBuf>,
    watch: Option<Watch>,
    /// Whether it was said that there can be no watch.
    warned: bool,
}

impl Looks {
    /// `noted` is whether the kernel keeps when a flag was read, `told` whether somebody wants to
    /// be told of a look at once. An outer run asks us by writing to our flag, which `outer` is the
    /// path of: that is to be seen at once, too.
    pub(super) fn new(noted: bool, told: bool, outer: Option<&Path>) -> Self {
        Self {
            noted,
            told_at_once: told || outer.is_some(),
            outer: outer.map(Path::to_owned),
            watch: None,
            warned: false,
        }
    }

    /// What to poll for reading.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(Watch::as_fd)
    }

    /// Sees to it that looks at the new flag of `worker` will be seen; answers whether they can be.
    pub(super) fn follow(
        &mut self,
        flag: &mut FlagFile,
        worker: WorkerNumber,
        run: &mut Run<'_>,
    ) -> bool {
        let noted = self.noted && flag.note_reads();
        // Without a watch by now, the run may be one that ends at once, and needs none.
        let is_told = self.told_at_once && self.watch.is_some();
        if noted && !is_told {
            return true;
        }
        self.watch_flag(flag.path(), worker, run) || noted
    }

    /// Sees every look at once from now on, if somebody wants to be told.
    pub(super) fn watch_if_told(&mut self, run: &mut Run<'_>, now: Moment) {
        if self.told_at_once {
            self.watch(run, now);
        }
    }

    /// Sees every look at once from now on, if a worker gains time by one: its ladder has to know
    /// when.
    pub(super) fn watch_if_gained(&mut self, run: &mut Run<'_>, now: Moment) {
        let gains = |one: &Worker| !one.is_over() && one.gains_by_look();
        if self.watch.is_none() && run.workers().astir().any(gains) {
            self.watch(run, now);
        }
    }

    fn watch(&mut self, run: &mut Run<'_>, now: Moment) {
        if self.watch.is_some() || self.warned {
            return;
        }
        // ORDER: before anything is watched. A flag that was read has no news, and whoever watches it
        // to the end waits for the kernel then.
        run.on_each(now, Worker::see_read);
        if !self.begin() {
            return self.warn_once(run);
        }
        let there = run.workers().there();
        let unaware = there.filter(|worker| worker.has_looked() == Some(false));
        let flags = unaware.map(|worker| (worker.number(), worker.flag().path().to_owned()));
        let flags: Vec<_> = flags.collect();
        for (number, path) in flags {
            self.watch_flag(&path, number, run);
            // It may have looked just before there was a watch.
            run.on_worker(number, now, Worker::see_read);
        }
    }

    /// Watches the flag of the outer run from now on; answers whether anything can be watched.
    fn begin(&mut self) -> bool {
        if self.watch.is_none() {
            self.watch = Watch::new().ok();
            if let (Some(watch), Some(outer)) = (&mut self.watch, &self.outer) {
                // If it cannot be watched, the outer run's SIGTERM asks us the same, later.
                let _ = watch.outer(outer);
            }
        }
        self.watch.is_some()
    }

    /// Watches a flag; answers whether that can be done, and says once that it cannot.
    fn watch_flag(&mut self, path: &Path, worker: WorkerNumber, run: &mut Run<'_>) -> bool {
        let is_watched = self.try_to_watch(path, worker);
        if !is_watched {
            self.warn_once(run);
        }
        is_watched
    }

    fn warn_once(&mut self, run: &mut Run<'_>) {
        if !std::mem::replace(&mut self.warned, true) {
            run.lacks(INOTIFY);
            run.warn(
                "no inotify instance or watch left: looks at a flag cannot be told when they happen",
            );
        }
    }

    fn try_to_watch(&mut self, path: &Path, worker: WorkerNumber) -> bool {
        self.begin();
        let watched = self.watch.as_mut().map(|watch| watch.flag(path, worker));
        // A flag that was deleted is watched when it is put back.
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        watched.is_some_and(|watched| watched.as_ref().err().is_none_or(is_gone))
    }

    /// Watches the flags that were put back.
    pub(super) fn watch_again(&mut self, workers: &Roster) {
        if let Some(watch) = &mut self.watch {
            for worker in workers.there() {
                // If that is not possible any more, the run goes on without.
                let _ = watch.flag(worker.flag().path(), worker.number());
            }
        }
    }

    /// Takes in the looks that the watch has seen.
    pub(super) fn take(&mut self, run: &mut Run<'_>, now: Moment) {
        let Some(watch) = &mut self.watch else {
            return;
        };
        let seen = watch.drain();
        // The first worker may have opened its flag before there was a watch, and read it after.
        let first = run.workers().iter().next().map(Worker::number);
        if let Some(first) = first {
            run.on_worker(first, now, Worker::see_read);
        }
        for seen in seen {
            match seen {
                Seen::Look(worker) => {
                    run.on_worker(worker, now, Worker::first_look);
                }
                Seen::Something => run.on_each(now, Worker::see_any_read),
                // The outer flag is read in each turn.
                Seen::Outer => {}
            }
        }
    }

    /// Ends all watches.
    pub(super) fn let_go(&mut self) {
        self.watch = None;
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsRawFd as _;

    use super::super::rehearsal::{NOW, of_run, plan};
    use super::{FlagFile, Looks, Seen, Worker, WorkerNumber};
    use crate::decide::ladder::Ladder;
    use crate::words::pid::Pid;

    /// How many flags are watched.
    fn watched(looks: &Looks) -> usize {
        let fd = looks.fd().unwrap().as_raw_fd();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
        info.matches("inotify wd:").count()
    }

    #[test]
    fn k19i_a_flag_that_was_read_by_then_is_not_watched() {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let told = of_run(&plan(2), |run| {
            let mut looks = Looks::new(true, true, None);
            for number in [0, 1].map(WorkerNumber::new) {
                let opened = File::open(dir.path()).unwrap();
                let mut flag = FlagFile::create(opened, dir.path(), number).unwrap();
                assert!(looks.follow(&mut flag, number, run));
                let ladder = Ladder::new(plan(2).times, NOW);
                run.add(Worker::new(number, Pid::NOBODYS, flag, None, (NOW, ladder)));
            }
            let second = run.workers().get(WorkerNumber::new(1)).unwrap();
            fs::read(second.flag().path()).unwrap();
            looks.watch_if_told(run, NOW);
            assert_eq!(watched(&looks), 1);
        });
        assert_eq!(told, ["FirstLook { worker: WorkerNumber(1) }"]);
    }

    #[test]
    fn an_outer_run_is_somebody_who_is_told_at_once() {
        let path = "/flag".as_ref();
        assert!(!Looks::new(true, false, None).told_at_once);
        assert!(Looks::new(true, true, None).told_at_once);
        assert!(Looks::new(true, false, Some(path)).told_at_once);
    }

    #[test]
    fn the_flag_of_the_outer_run_is_watched_with_that_of_a_worker() {
        let dir = tempfile::tempdir().unwrap();
        let (outer, flag) = (dir.path().join("outer"), dir.path().join("flag"));
        fs::write(&outer, "0").unwrap();
        fs::write(&flag, "0").unwrap();
        let mut looks = Looks::new(true, false, Some(&outer));
        assert!(looks.fd().is_none());
        assert!(looks.try_to_watch(&flag, WorkerNumber::new(7)));
        assert!(looks.fd().is_some());
        File::open(&flag).unwrap();
        fs::write(&outer, "1").unwrap();
        let seen = looks.watch.as_mut().unwrap().drain();
        assert_eq!(seen.first(), Some(&Seen::Look(WorkerNumber::new(7))));
        assert!(seen.contains(&Seen::Outer));
        looks.let_go();
        assert!(looks.fd().is_none());
    }

    #[test]
    fn a_flag_that_was_deleted_is_no_lack_of_watches() {
        let dir = tempfile::tempdir().unwrap();
        let mut looks = Looks::new(true, true, None);
        assert!(looks.try_to_watch(&dir.path().join("gone"), WorkerNumber::FIRST));
        // A path that leads through a file cannot be watched, now or later.
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(!looks.try_to_watch(&dir.path().join("file/flag"), WorkerNumber::FIRST));
    }
}
