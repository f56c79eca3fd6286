//! Who looks at its flag.
//!
//! The kernel keeps with each flag when it was last read, and that is enough to tell whether a worker
//! has looked when somebody wants to know: when a stop begins, before a rung, at its end. Only who is
//! to be told at once needs a watch (inotify(7)), of which a user has 128; and to end one takes the
//! kernel longer than a short command does.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::Supervisor;
use crate::contract::flag::writer::FlagFile;
use crate::enforce::worker::Worker;
use crate::linux::watch::{Seen, Watch};
use crate::outside::outer::Outer;
use crate::run::launch::lacks::INOTIFY;
use crate::words::moment::Moment;

/// How looks are seen.
#[derive(Default)]
pub(super) struct Looks {
    /// Whether the kernel keeps when a flag was read.
    pub(super) noted: bool,
    watch: Option<Watch>,
    /// Whether it was said that there can be no watch.
    warned: bool,
}

impl Looks {
    /// What to poll for reading.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(Watch::as_fd)
    }
}

impl Supervisor<'_> {
    /// Sees to it that the looks at a new flag will be seen; answers whether they can be.
    pub(super) fn will_see(&mut self, flag: &mut FlagFile, worker: u32) -> bool {
        let noted = self.looks.noted && flag.note_reads();
        // A run that ends at once needs no watch.
        let is_told = self.tells_looks() && self.looks.watch.is_some();
        if noted && !is_told {
            return true;
        }
        self.watch_flag(flag.path(), worker) || noted
    }

    /// Whether somebody is to be told at once. An outer run asks us by writing to our flag, too.
    fn tells_looks(&self) -> bool {
        self.plan.tells_looks || self.outer.is_some()
    }

    /// Has looks told at once from now on, if somebody wants to be told.
    pub(super) fn watch_if_told(&mut self, now: Moment) {
        if self.tells_looks() {
            self.watch(now);
        }
    }

    /// The same if a worker gains time by a look, and has to know how much.
    pub(super) fn watch_if_gained(&mut self, now: Moment) {
        let gains = |worker: &Worker| worker.is_over().is_none() && worker.gains_by_look();
        if self.looks.watch.is_none() && self.run.workers().iter().any(gains) {
            self.watch(now);
        }
    }

    fn watch(&mut self, now: Moment) {
        if self.looks.watch.is_some() || self.looks.warned {
            return;
        }
        for index in 0..self.run.workers().len() {
            let worker = &self.run.workers()[index];
            if worker.is_over().is_none() && worker.has_looked() == Some(false) {
                let (path, number) = (worker.flag().path().to_owned(), worker.number());
                self.watch_flag(&path, number);
                // It may have looked before there was a watch.
                self.run.on_index(index, now, Worker::see_read);
            }
        }
    }

    /// Watches a flag; answers whether that can be.
    fn watch_flag(&mut self, path: &Path, worker: u32) -> bool {
        if self.looks.watch.is_none() {
            self.looks.watch = Watch::new().ok();
            let outer = self.outer.as_ref().and_then(Outer::path);
            if let (Some(watch), Some(outer)) = (&mut self.looks.watch, outer) {
                // Should it not be watched, the outer run's SIGTERM asks us the same, later.
                let _ = watch.outer(outer);
            }
        }
        let watched = self.looks.watch.as_mut().map(|one| one.flag(path, worker));
        // One that was deleted is watched when it is put back.
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let is_watched = watched.is_some_and(|watched| watched.as_ref().err().is_none_or(is_gone));
        if !is_watched && !std::mem::replace(&mut self.looks.warned, true) {
            self.run.lacks(INOTIFY);
            self.run.warn(
                "no inotify instance or watch left: looks at a flag cannot be told when they happen",
            );
        }
        is_watched
    }

    /// Watches the flags that were put back.
    pub(super) fn watch_again(&mut self) {
        if let Some(watch) = &mut self.looks.watch {
            for worker in self.run.workers().iter().filter(|w| w.is_over().is_none()) {
                // Where that is not possible any more, it is not: the run goes on.
                let _ = watch.flag(worker.flag().path(), worker.number());
            }
        }
    }

    pub(super) fn see_looks(&mut self, now: Moment) {
        let Some(watch) = &mut self.looks.watch else {
            return;
        };
        let seen = watch.drain();
        // The first worker may have opened its flag before there was a watch, and read it after.
        self.run.on_index(0, now, Worker::see_read);
        for seen in seen {
            match seen {
                Seen::Look(worker) => {
                    self.run.on_worker(worker, now, Worker::first_look);
                }
                Seen::Something => self.run.on_each(now, Worker::see_any_read),
                // The outer flag is looked at in each turn.
                Seen::Outer => {}
            }
        }
    }
}
