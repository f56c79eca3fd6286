//! Who opens a flag: the supervisor's way to know whether a worker looks, without asking it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// Something that was watched has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The flag of this worker was opened, for the first time.
    Look(u32),
    /// The flag of the run that we are a worker of was written or deleted.
    Outer,
}

/// The watches (inotify(7)).
#[derive(Debug)]
pub struct Watch {
    inotify: Inotify,
    flags: HashMap<WatchDescriptor, u32>,
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
        })
    }

    /// Watches for the first look of `worker` at its flag.
    ///
    /// # Errors
    ///
    /// As `inotify_add_watch(2)`: this user may have too many.
    pub fn flag(&mut self, path: &Path, worker: u32) -> io::Result<()> {
        let what = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_ONESHOT;
        self.flags
            .insert(self.inotify.add_watch(path, what)?, worker);
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

    /// Takes what has happened, without waiting.
    pub fn drain(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            match self.inotify.read_events() {
                Ok(events) => {
                    for event in events {
                        if !event.mask.contains(AddWatchFlags::IN_IGNORED) {
                            let look = self.flags.remove(&event.wd).map(Seen::Look);
                            seen.push(look.unwrap_or(Seen::Outer));
                        }
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => return seen,
            }
        }
    }
}
