//! Putting back what somebody else deleted or wrote: logind deletes what a user has in shared
//! memory when that user logs out (`RemoveIPC`), and people delete what they do not know.
//!
//! What is mapped or open lives on without a name, so the workers lose nothing by it; but nobody
//! could stop the run by its name any more.

use std::io;
use std::time::Duration;

use super::Supervisor;
use crate::event::Event;
use crate::files;
use crate::moment::Moment;
use crate::name::RunName;
use crate::process;
use crate::run_dir::{PublishError, RunDir};

/// Whoever deletes a directory deletes its files one by one: let it finish, which it has when it has
/// deleted nothing for so long.
const SETTLE: Duration = Duration::from_millis(100);

/// But whoever never finishes is not waited for: who looks for a flag that is not there looks again
/// after a second.
const ENOUGH: Duration = Duration::from_millis(500);

/// How long after it did not succeed it is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// What is known of a deletion.
#[derive(Default)]
pub(super) struct Deletion {
    /// Since when something may be missing.
    since: Option<Moment>,
    /// When it is put back.
    pub(super) over_at: Option<Moment>,
    /// Whether it was said that it cannot be.
    cannot: bool,
}

impl Supervisor<'_> {
    /// Something may have been deleted.
    pub(super) fn missed(&mut self, now: Moment) {
        let since = *self.deletion.since.get_or_insert(now);
        self.deletion.over_at = Some((now + SETTLE).min(since + ENOUGH));
    }

    /// The flag of a worker was written, by us or by somebody else.
    pub(super) fn flag_changed(&mut self, index: usize, now: Moment) {
        self.run.on_index(index, now, |worker, hands| {
            if worker.heal().is_ok_and(|healed| healed) {
                let worker = worker.number();
                hands.witness.see(now, &Event::Healed { worker });
            }
        });
    }

    /// Makes again what has no name any more.
    pub(super) fn put_back(&mut self, now: Moment) {
        self.deletion.since = None;
        self.deletion.over_at = None;
        match self.restore() {
            Ok(false) => {}
            Ok(true) => {
                let directory = self.dir.path();
                self.run.witness.see(now, &Event::PutBack { directory });
                // The guard knows the old directory only.
                if let Some(guard) = self.guard.take() {
                    guard.end();
                    self.start_guard(now);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.deletion.cannot, true) {
                    let name = self.dir.name();
                    let what = format!(
                        "the directory of {name} was deleted and cannot be put back: {error}; its \
                         workers are stopped by signals to this process (pid {})",
                        self.run.files.run.pid
                    );
                    self.run.warn(&what);
                }
                self.deletion.over_at = Some(now + AGAIN);
            }
        }
    }

    /// Answers whether anything was missing.
    fn restore(&mut self) -> io::Result<bool> {
        if self.dir.is_there() {
            return self.fill();
        }
        let name = RunName::parse(self.dir.name().as_ref()).map_err(io::Error::other)?;
        let new = RunDir::build().map_err(io::Error::other)?;
        if new.base().open_run(&name)?.is_some() {
            // Known before anything is made anew that has to be kept for the workers.
            return Err(io::Error::other("another run has its name now"));
        }
        let mut old = std::mem::replace(&mut self.dir, new);
        old.keep();
        let filled = self.fill();
        let published = filled.and_then(|_| {
            self.dir.publish(&name).map_err(|error| match error {
                PublishError::Taken => io::Error::other("another run has its name now"),
                PublishError::Io(error) => error,
            })
        });
        if let Err(error) = published {
            self.dir = old;
            return Err(error);
        }
        self.watch_again();
        Ok(true)
    }

    fn fill(&mut self) -> io::Result<bool> {
        let us = process::own_identity();
        files::clear_aside(&self.dir);
        let run = &mut self.run.files;
        let mut missing = run.owner.put_back(&self.dir, &us)?;
        missing |= run.control.put_back(&self.dir)?;
        missing |= run.record.put_back(&self.dir)?;
        missing |= self.run.put_back_flags(&self.dir)?;
        if let Some(hearing) = &mut self.hearing {
            missing |= hearing.put_back(&self.dir)?;
        }
        if missing {
            self.watch_again();
        }
        Ok(missing)
    }

    fn watch_again(&mut self) {
        let Some(watch) = self.looks.watch() else {
            return;
        };
        // Where that is not possible any more, it is not: the run goes on.
        let _ = watch.directory(self.dir.path());
        for (index, worker) in (0..).zip(self.run.workers()) {
            if worker.is_over().is_none() {
                let _ = watch.flag(worker.flag().path(), index);
            }
        }
    }
}
