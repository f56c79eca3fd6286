//! Who looks at its flag, and what else becomes of the files of a run.
//!
//! A watch tells of it at once, but to end one takes the kernel longer than a short command does
//! (inotify(7): it waits until no other processor can use the watch, two ticks of its clock). So a
//! run is watched once it has shown that it stays; until then the time of the last read, which the
//! kernel keeps with the file, tells whether its one worker has looked.

use std::os::fd::BorrowedFd;

use super::Supervisor;
use crate::base::Storage;
use crate::flag::writer::FlagFile;
use crate::ladder::Unaware;
use crate::launch::lacks::INOTIFY;
use crate::moment::Moment;
use crate::outer::Outer;
use crate::watch::{Seen, Watch};
use crate::worker::Worker;

/// How looks are seen.
pub(super) enum Looks {
    /// By the time of the last read, when that matters, if the kernel keeps it.
    Noted { kept: bool },
    /// At once.
    Watched(Watch),
    /// Not at all: this user has too many watches.
    Unseen,
}

impl Looks {
    /// What is enough for a run that ends at once.
    pub(super) const fn by_reads(storage: Storage) -> Self {
        Self::Noted {
            kept: storage.notes_reads,
        }
    }

    pub(super) fn watch(&mut self) -> Option<&mut Watch> {
        match self {
            Self::Watched(watch) => Some(watch),
            Self::Noted { .. } | Self::Unseen => None,
        }
    }

    /// What to poll for reading.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Watched(watch) => Some(watch.as_fd()),
            Self::Noted { .. } | Self::Unseen => None,
        }
    }
}

impl Supervisor<'_> {
    /// Sees to it that the looks at a new flag will be seen; answers whether they can be.
    pub(super) fn will_see(&mut self, flag: &mut FlagFile, worker: u32, now: Moment) -> bool {
        if let Looks::Noted { kept } = self.looks {
            // Where a stop depends on it, an open is a look, before anything is read.
            let may_be_late = self.plan.times.unaware == Unaware::Same;
            if may_be_late && kept && flag.note_reads() {
                return true;
            }
            self.watch(now);
        }
        let watch = self.looks.watch();
        watch.is_some_and(|watch| watch.flag(flag.path(), worker).is_ok())
    }

    /// Watches from now on, if it does not yet.
    pub(super) fn watch(&mut self, now: Moment) {
        if !matches!(self.looks, Looks::Noted { .. }) {
            return;
        }
        let Ok(mut watch) = Watch::new() else {
            self.looks = Looks::Unseen;
            self.run.lacks(INOTIFY);
            return self
                .run
                .warn("no inotify instance left: who looked at its flag cannot be told");
        };
        // Should it not be watched, nobody can put back what is deleted.
        let _ = watch.directory(self.dir.path());
        if let Some(path) = self.outer.as_ref().and_then(Outer::path) {
            // Should it not be watched, the outer run's SIGTERM asks us the same, later.
            let _ = watch.outer(path);
        }
        for index in 0..self.run.workers().len() {
            self.run.on_index(index, now, |worker, hands| {
                if watch.flag(worker.flag().path(), worker.number()).is_err() {
                    worker.cannot_be_watched(hands);
                }
            });
        }
        self.looks = Looks::Watched(watch);
        if !self.run.workers().is_empty() {
            let numbers: Vec<u32> = self.run.workers().iter().map(Worker::number).collect();
            for worker in numbers {
                self.flag_changed(worker, now);
            }
            self.missed(now);
        }
    }

    pub(super) fn see_looks(&mut self, now: Moment) {
        // Of several workers only the first was started without a watch. It may have opened its flag
        // before there was one, and read it after.
        self.run.on_index(0, now, Worker::see_read);
        let seen = self.looks.watch().map(Watch::drain);
        for seen in seen.unwrap_or_default() {
            match seen {
                Seen::Look(worker) => {
                    self.run.on_worker(worker, now, Worker::first_look);
                }
                Seen::Changed(worker) => self.flag_changed(worker, now),
                Seen::Gone => self.missed(now),
                // The outer flag is looked at in each turn.
                Seen::Outer => {}
            }
        }
    }
}
