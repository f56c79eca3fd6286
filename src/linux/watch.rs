//! Watches of flags: how the supervisor knows that a worker looks without asking it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::words::worker_number::WorkerNumber;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// How often events are read at one wake-up, about a hundred each time, so that a worker that touches
/// its flag without end cannot hold up the ladder.
const READS: usize = 16;

/// What a watch has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// The flag of this worker was opened.
    Look(WorkerNumber),
    /// So much happened that the kernel has dropped events.
    Something,
    /// Our own flag, as a worker of an outer run, was written or deleted.
    Outer,
}

/// The watches of a supervisor (inotify(7)).
#[derive(Debug)]
pub struct Watch {
    inotify: Inotify,
    flags: HashMap<WatchDescriptor, WorkerNumber>,
}

impl Watch {
    /// Begins without any watch.
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

    /// Watches for the first look of `worker` at its flag. A shell opens the flag at each look; only
    /// the first look is news.
    ///
    /// # Errors
    ///
    /// As `inotify_add_watch(2)`: this user may have too many.
    pub fn flag(&mut self, path: &Path, worker: WorkerNumber) -> io::Result<()> {
        let what = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_ONESHOT;
        self.flags
            .insert(self.inotify.add_watch(path, what)?, worker);
        Ok(())
    }

    /// Watches our own flag, as a worker of an outer run.
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

    /// Returns what has happened, without waiting; repetitions in a row count once.
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
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return Some(Seen::Something);
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.flags.remove(&event.wd);
            return None;
        }
        let worker = self.flags.get(&event.wd).copied();
        Some(worker.map_or(Seen::Outer, Seen::Look))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs::{self, File};

    use super::{Seen, Watch};
    use crate::words::worker_number::WorkerNumber;

    #[test]
    fn k19g_what_does_not_fit_into_the_queue_is_no_news_of_the_outer_flag() {
        let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        // Each first look is an event, and so is the end of its watch.
        let flags: u32 = limit.trim().parse::<u32>().unwrap() / 2 + 1;
        let dir = tempfile::tempdir().unwrap();
        let path = |flag: u32| dir.path().join(flag.to_string());
        let mut watch = Watch::new().unwrap();
        for flag in 0..flags {
            fs::write(path(flag), "0").unwrap();
            watch.flag(&path(flag), WorkerNumber::new(flag)).unwrap();
        }
        for flag in 0..flags {
            File::open(path(flag)).unwrap();
        }
        let parts = std::iter::from_fn(|| Some(watch.drain()).filter(|part| !part.is_empty()));
        let seen: Vec<Seen> = parts.flatten().collect();
        let looks = seen.iter().filter(|one| matches!(one, Seen::Look(_)));
        assert!(looks.count() < flags as usize);
        assert!(seen.contains(&Seen::Something));
        assert!(!seen.contains(&Seen::Outer));
        // A second look at a flag is not news.
        File::open(path(0)).unwrap();
        assert_eq!(watch.drain(), []);
        let numbers: HashSet<&Seen> = seen.iter().collect();
        assert_eq!(numbers.len(), seen.len(), "none twice");
    }
}
