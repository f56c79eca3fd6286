//! Putting back what somebody else deleted or wrote: logind deletes what a user has in shared
//! memory when that user logs out (`RemoveIPC`), and people delete what they do not know.
//!
//! What is mapped or open lives on without a name, so the workers lose nothing by it; but nobody
//! could stop the run by its name any more.

use std::io;
use std::time::Duration;

use super::Supervisor;
use crate::contract::run_dir::{PublishError, RunDir};
use crate::enforce::event::Event;
use crate::linux::files;
use crate::linux::notices::Notices;
use crate::linux::process;
use crate::linux::sys;
use crate::run::launch::{self, lacks::DNOTIFY};
use crate::words::moment::Moment;
use crate::words::name::RunName;

/// Whoever deletes a directory deletes its files one by one: let it finish, which it has when it has
/// deleted nothing for so long.
const SETTLE: Duration = Duration::from_millis(100);

/// But whoever never finishes is not waited for: who looks for a flag that is not there looks again
/// after a second.
const ENOUGH: Duration = Duration::from_millis(500);

/// How long after it did not succeed it is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// How many descriptors the flags may not take: the guard needs some.
const ROOM: usize = 8;

/// What is known of a deletion.
#[derive(Default)]
pub(super) struct Deletion {
    /// What tells of one.
    notices: Option<Notices>,
    /// Whether that was tried.
    pub(super) was_tried: bool,
    /// Since when something may be missing.
    since: Option<Moment>,
    /// When it is put back.
    pub(super) over_at: Option<Moment>,
    /// Whether it was said that it cannot be.
    cannot: bool,
}

/// What was found, and what became of it.
struct Restored {
    /// Whether anything was missing that is there again.
    missing: bool,
    /// Why some flags could not be made.
    flags: io::Result<()>,
}

impl Supervisor<'_> {
    /// Is told of deletions from now on. What was deleted before is found, too.
    pub(super) fn see_deletions(&mut self, now: Moment) {
        let (base, path) = (self.dir.base(), self.dir.base().path());
        match Notices::of(&self.dir, base, path) {
            Ok(notices) => {
                self.deletion.notices = Some(notices);
                self.missed(now);
            }
            // Nearly always nobody deletes anything.
            Err(_) if !self.deletion.was_tried => self.run.lacks(DNOTIFY),
            Err(_) => self.deletion.notices = None,
        }
        self.deletion.was_tried = true;
    }

    /// Takes note of what we were told, by us or by others.
    pub(super) fn see_notices(&mut self) {
        if self.deletion.notices.is_some() && self.signals.take_notice() {
            self.missed(sys::now());
        }
    }

    /// Something may have been deleted or written.
    fn missed(&mut self, now: Moment) {
        let since = *self.deletion.since.get_or_insert(now);
        self.deletion.over_at = Some((now + SETTLE).min(since + ENOUGH));
    }

    /// Makes again what has no name any more, and what is not as we have written it.
    pub(super) fn put_back(&mut self, now: Moment) {
        self.deletion.since = None;
        self.deletion.over_at = None;
        if !self.run.files.owner.is_ours() {
            // Whoever took over has ended the run, and removed its directory.
            return;
        }
        self.run.on_each(now, |worker, hands| {
            if worker.heal().is_ok_and(|healed| healed) {
                let worker = worker.number();
                hands.witness.see(now, &Event::Healed { worker });
            }
        });
        match self.restore() {
            Ok(Restored { missing, flags }) => {
                if missing {
                    let directory = self.dir.path();
                    self.run.witness.see(now, &Event::PutBack { directory });
                    self.watch_again();
                    self.see_deletions(now);
                    // The guard knows the old files only.
                    if self.end_guard() {
                        self.start_guard(now);
                    }
                }
                self.deletion.cannot &= flags.is_err();
                if let Err(error) = flags {
                    let name = self.dir.name();
                    let what = format!(
                        "flags of {name} cannot be put back: {error}; its workers are asked all \
                         the same if they have them open"
                    );
                    self.cannot(&what, now);
                }
            }
            Err(error) => {
                let (name, pid) = (self.dir.name(), self.run.files.run.pid);
                let what = format!(
                    "the directory of {name} was deleted and cannot be put back: {error}; its \
                     workers are stopped by signals to this process (pid {pid})"
                );
                self.cannot(&what, now);
            }
        }
    }

    /// Says it, once, and tries again by and by.
    fn cannot(&mut self, what: &str, now: Moment) {
        if !std::mem::replace(&mut self.deletion.cannot, true) {
            self.run.warn(what);
        }
        self.deletion.over_at = Some(now + AGAIN);
    }

    fn restore(&mut self) -> io::Result<Restored> {
        if self.dir.is_there() {
            return self.fill();
        }
        if self.dir.come_back()? {
            let filled = self.fill()?;
            return Ok(Restored {
                missing: true,
                ..filled
            });
        }
        let name = RunName::parse(self.dir.name().as_ref()).map_err(io::Error::other)?;
        let new = RunDir::build().map_err(io::Error::other)?;
        if new.base().open_run(&name)?.is_some() {
            // Known before anything is made anew that has to be kept for the workers.
            return Err(PublishError::Taken.into());
        }
        let mut old = std::mem::replace(&mut self.dir, new);
        old.keep();
        let filled = self.fill();
        let published = filled.and_then(|filled| {
            self.dir.publish(&name)?;
            Ok(filled)
        });
        match published {
            Ok(filled) => {
                old.abandon();
                Ok(Restored {
                    missing: true,
                    ..filled
                })
            }
            Err(error) => {
                self.dir = old;
                Err(error)
            }
        }
    }

    /// Makes the files again that are missing; of the flags as many as can be.
    fn fill(&mut self) -> io::Result<Restored> {
        let us = process::own_identity();
        files::clear_aside(&self.dir);
        let run = &mut self.run.files;
        let mut missing = run.owner.put_back(&self.dir, &us)?;
        missing |= run.control.put_back(&self.dir)?;
        missing |= run.record.put_back(&self.dir)?;
        if let Some(hearing) = &mut self.hearing {
            missing |= hearing.put_back(&self.dir)?;
        }
        // They are many, and each takes a descriptor more until nobody has the old one open.
        launch::allow_all_descriptors();
        let room: Vec<_> = (0..ROOM)
            .map_while(|_| self.run.files.control.as_fd().try_clone_to_owned().ok())
            .collect();
        let (gone, flags) = self.run.put_back_flags(&self.dir);
        drop(room);
        missing |= gone;
        Ok(Restored { missing, flags })
    }
}
