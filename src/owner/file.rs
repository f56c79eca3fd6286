//! The file itself: made by the supervisor, taken over by whoever follows it, read by everybody.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::fcntl::OFlag;
use nix::unistd::gettid;

use super::robust::RobustWord;
use super::{FILE, Identity, has_died};
use crate::failpoint;
use crate::files;
use crate::sys;

/// The length of the file.
const LEN: usize = 256;
/// Where its line of text begins.
const TEXT: usize = 64;

/// The owner's own end of the file. Once made, the kernel watches the word until this process ends.
#[derive(Debug)]
pub struct OwnerFile {
    file: Arc<File>,
    word: RobustWord,
    /// The thread that made or took it.
    thread: u32,
    /// The words of those whose names are gone, and that some may still have open; the oldest
    /// first. Mapped, they need no descriptor.
    before: Vec<RobustWord>,
}

impl OwnerFile {
    /// Makes the file in `dir`, with the calling thread as the owner.
    ///
    /// # Errors
    ///
    /// As open(2), `posix_fallocate(3)` and mmap(2).
    pub fn create(dir: impl AsFd, identity: &Identity) -> io::Result<Self> {
        let file = files::make(dir, FILE, files::READ_ONLY, LEN as u64)?;
        let word = RobustWord::map(&file)?;
        failpoint::pass("owner file made");
        let owner = Self {
            word,
            file: Arc::new(file),
            thread: own_tid(),
            before: Vec::new(),
        };
        owner.begin(identity)?;
        Ok(owner)
    }

    /// Fills in a new file, which is all zeroes, and which nobody else has seen.
    fn begin(&self, identity: &Identity) -> io::Result<()> {
        self.sign(identity)?;
        failpoint::pass("owner signed");
        self.word.own(0, self.thread);
        failpoint::pass("owner word set");
        Ok(())
    }

    /// Makes the file again in `dir` if its name is gone. Who has the old one open goes on seeing
    /// whether we live. Answers whether it was gone.
    ///
    /// # Errors
    ///
    /// As [`OwnerFile::create`] and rename(2).
    pub fn put_back(&mut self, dir: impl AsFd, identity: &Identity) -> io::Result<bool> {
        if files::is_at(dir.as_fd(), FILE, &*self.file) {
            return Ok(false);
        }
        let file = files::make(dir.as_fd(), files::ASIDE, files::READ_ONLY, LEN as u64)?;
        let first = self.before.first().unwrap_or(&self.word);
        let word = first.map_another(&file)?;
        let mut new = Self {
            word,
            file: Arc::new(file),
            thread: self.thread,
            before: Vec::new(),
        };
        new.begin(identity)?;
        files::publish(dir, FILE)?;
        new.before = std::mem::take(&mut self.before);
        let old = std::mem::replace(self, new);
        self.before.push(old.word);
        Ok(true)
    }

    /// Makes the calling thread the owner of the run in `dir`, if its word still is `word`: of
    /// several who try, one wins. `None` is who was too late.
    ///
    /// # Errors
    ///
    /// As open(2), mmap(2) and pwrite(2).
    pub fn take(dir: impl AsFd, word: u32, identity: &Identity) -> io::Result<Option<Self>> {
        let file = files::open_read_only(dir, FILE)?;
        let owner = Self {
            word: RobustWord::map(&file)?,
            file: Arc::new(file),
            thread: own_tid(),
            before: Vec::new(),
        };
        if !owner.word.own(word, owner.thread) {
            return Ok(None);
        }
        failpoint::pass("word taken");
        // Until this is written, the word and the line name two processes: who reads them knows
        // that the run is being taken over.
        owner.sign(identity)?;
        failpoint::pass("line signed");
        Ok(Some(owner))
    }

    fn sign(&self, identity: &Identity) -> io::Result<()> {
        let mut bytes = [b'\n'; LEN - TEXT];
        let line = identity.to_string();
        bytes[..line.len()].copy_from_slice(line.as_bytes());
        self.file.write_all_at(&bytes, TEXT as u64)
    }

    /// Whether we still are the owner: somebody takes over who finds us silent.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let says_so = |word: &RobustWord| tid(word.word().load(Ordering::Acquire)) == self.thread;
        // Whoever has an older file open may have taken over by that.
        says_so(&self.word) && self.before.iter().all(says_so)
    }

    /// The open file, for a worker's own look before its program runs.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

/// What we owned is over: whoever has its file open, and lives on by leave, is not told that its
/// supervisor died when this process ends.
pub fn let_go() {
    sys::forget_robust_words();
}

fn own_tid() -> u32 {
    gettid().as_raw().cast_unsigned()
}

/// The thread in an owner word.
const fn tid(word: u32) -> u32 {
    word & !(libc::FUTEX_WAITERS | libc::FUTEX_OWNER_DIED)
}

/// What a look at the file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerSeen {
    /// The thread in the word lives, as far as the kernel watches it: then `watched` is true.
    Alive {
        /// Who it is.
        owner: Identity,
        /// What stands in the word.
        word: u32,
        /// Whether the kernel marks its death.
        watched: bool,
    },
    /// It died, and nobody has taken over.
    Died {
        /// Who it was.
        owner: Identity,
        /// What stands in the word.
        word: u32,
    },
    /// Somebody is taking over at this moment, and has not signed yet.
    Changing,
    /// The file is missing, or of a version that this program does not know.
    Unreadable,
}

/// What an open file tells.
#[must_use]
pub fn see_open(file: &File) -> OwnerSeen {
    let mut bytes = [0; LEN];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => parse(&bytes),
        Err(_) => OwnerSeen::Unreadable,
    }
}

/// What the bytes of the file tell. What follows the part that this program knows is ignored.
#[must_use]
pub fn parse(bytes: &[u8]) -> OwnerSeen {
    let Some(bytes) = bytes.first_chunk::<LEN>() else {
        return OwnerSeen::Unreadable;
    };
    let line = bytes[TEXT..].split(|&b| b == b'\n').next();
    let line = std::str::from_utf8(line.unwrap_or_default()).ok();
    let Some(owner) = line.and_then(Identity::parse) else {
        return OwnerSeen::Unreadable;
    };
    let word = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if word == 0 || has_died(word) {
        OwnerSeen::Died { owner, word }
    } else if owner.pid.cast_unsigned() == tid(word) {
        let watched = word & libc::FUTEX_WAITERS != 0;
        OwnerSeen::Alive {
            owner,
            word,
            watched,
        }
    } else {
        OwnerSeen::Changing
    }
}

/// Looks at the owner of the run in `dir`.
#[must_use]
pub fn see(dir: impl AsFd) -> OwnerSeen {
    files::open(dir, FILE, OFlag::O_RDONLY).map_or(OwnerSeen::Unreadable, |file| see_open(&file))
}
