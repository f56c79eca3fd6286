//! Who opens a flag: the supervisor's way to know whether a worker looks, without asking it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// What becomes of a flag besides looks. A deleted file that somebody has open only changes its
/// number of links.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_MODIFY.union(AddWatchFlags::IN_ATTRIB);

/// How often is read at one wake-up, about a hundred events at a time: a worker that touches its flag
/// without end must not hold up the ladder.
const READS: usize = 16;

/// Something that was watched has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The flag of this worker was opened, perhaps for the first time.
    Look(u32),
    /// The flag of this worker was written.
    Changed(u32),
    /// A file of the run may have been deleted, or the directory.
    Gone,
    /// The flag of the run that we are a worker of was written or deleted.
    Outer,
}

/// The watches (inotify(7)).
#[derive(Debug)]
pub struct Watch {
    inotify: Inotify,
    flags: HashMap<WatchDescriptor, (u32, PathBuf)>,
    directory: Option<WatchDescriptor>,
}

impl Watch {
    /// Makes it, without any watch.
    ///
    /// # Errors
    ///
    /// As `inotify_init1(2)`: this user may have too many.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Self {
            inotify,
            flags: HashMap::new(),
            directory: None,
        })
    }

    /// Watches for the first look of `worker` at its flag, and for whatever becomes of the file.
    ///
    /// # Errors
    ///
    /// As `inotify_add_watch(2)`: this user may have too many.
    pub fn flag(&mut self, path: &Path, worker: u32) -> io::Result<()> {
        let watch = self
            .inotify
            .add_watch(path, CHANGES | AddWatchFlags::IN_OPEN)?;
        self.flags.insert(watch, (worker, path.to_owned()));
        Ok(())
    }

    /// Watches for files of the run that are deleted or replaced.
    ///
    /// # Errors
    ///
    /// As `inotify_add_watch(2)`.
    pub fn directory(&mut self, path: &Path) -> io::Result<()> {
        let gone = AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
        let moved = AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_DELETE_SELF;
        self.directory = Some(self.inotify.add_watch(path, gone | moved)?);
        Ok(())
    }

    /// Watches the flag of the run that we are a worker of.
    ///
    /// # Errors
    ///
    /// As `inotify_add_watch(2)`.
    pub fn outer(&mut self, path: &Path) -> io::Result<()> {
        let what = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_DELETE_SELF;
        self.inotify.add_watch(path, what)?;
        Ok(())
    }

    /// What to poll for reading.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Takes what has happened, without waiting; the same twice is once.
    pub fn drain(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for _ in 0..READS {
            match self.inotify.read_events() {
                Ok(events) => seen.extend(events.iter().filter_map(|event| self.seen(event))),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
            seen.dedup();
        }
        seen
    }

    fn seen(&mut self, event: &InotifyEvent) -> Option<Seen> {
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.flags.remove(&event.wd);
            return None;
        }
        if self.directory == Some(event.wd) {
            return Some(Seen::Gone);
        }
        let Some((worker, path)) = self.flags.get(&event.wd) else {
            return Some(Seen::Outer);
        };
        if event.mask.contains(AddWatchFlags::IN_OPEN) {
            // A shell opens it at each look: from now on that is no news. If the name is gone, so
            // is the watch, soon.
            let _ = self.inotify.add_watch(path, CHANGES);
            return Some(Seen::Look(*worker));
        }
        if event.mask.contains(AddWatchFlags::IN_ATTRIB) {
            return Some(Seen::Gone);
        }
        Some(Seen::Changed(*worker))
    }
}
