//! The main process of a worker that somebody else started: not our child, so that nothing but a
//! pidfd, or what is on record of it, tells it from others.

use std::ops::Deref;
use std::os::fd::{AsFd as _, BorrowedFd};

use crate::contract::record::Born;
use crate::linux::process::{self, Found, Sent};
use crate::linux::sys;

/// A main process that is the child of an owner that is no more.
#[derive(Debug)]
pub struct Stranger {
    born: Born,
    /// `None` if it is looked for anew each time: there are more workers than descriptors.
    held: Option<Found>,
}

/// What a look has shown, for as long as it is used.
#[derive(Debug)]
pub(super) enum Look<'a> {
    Held(&'a Found),
    Anew(Found),
}

impl Deref for Look<'_> {
    type Target = Found;

    fn deref(&self) -> &Found {
        match self {
            Self::Held(found) => found,
            Self::Anew(found) => found,
        }
    }
}

impl Stranger {
    /// Looks for the process that is on record, in our own pid namespace.
    #[must_use]
    pub fn find(born: Born) -> Self {
        let mut stranger = Self { born, held: None };
        let found = stranger.search();
        let keeps = match &found {
            Found::Ours(pidfd) => process::may_keep(pidfd),
            // That was said of a process, and is never true of its number again.
            Found::Gone => true,
            // Perhaps for want of a descriptor.
            Found::Unverifiable => false,
        };
        stranger.held = Some(found).filter(|_| keeps);
        stranger
    }

    fn search(&self) -> Found {
        Self::named(self.born)
    }

    /// What became of a process that an owner that is no more has left word of.
    #[must_use]
    pub fn named(born: Born) -> Found {
        let Born { pid, start, inode } = born;
        // Another time namespace has another clock for starts, too.
        let is_comparable = sys::shift().is_none();
        process::find(pid, if is_comparable { start } else { 0 }, inode)
    }

    pub(super) fn look(&self) -> Look<'_> {
        match &self.held {
            Some(found) => Look::Held(found),
            None => Look::Anew(self.search()),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.look().has_ended()
    }

    pub(super) fn signal(&self, signal: i32) -> Sent {
        self.look().signal(signal)
    }

    /// What to poll for reading: its end. `None` if it has to be looked for.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.held {
            Some(Found::Ours(pidfd)) => Some(pidfd.as_fd()),
            Some(Found::Gone | Found::Unverifiable) | None => None,
        }
    }
}
