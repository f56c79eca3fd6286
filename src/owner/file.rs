//! The file itself: made by the supervisor, taken over by whoever follows it, read by everybody.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::fcntl::OFlag;
use nix::unistd::gettid;

use super::{FILE, Identity, has_died};
use crate::files;
use crate::sys::RobustWord;

/// The length of the file.
const LEN: usize = 256;
/// Where its line of text begins.
const TEXT: usize = 64;

/// The owner's own end of the file: as long as this lives, the kernel watches the word for us.
#[derive(Debug)]
pub struct OwnerFile {
    file: Arc<File>,
    word: RobustWord,
}

impl OwnerFile {
    /// Makes the file in `dir`, with the calling thread as the owner. A file `before` it, whose
    /// name is gone, goes on saying the same.
    ///
    /// # Errors
    ///
    /// As open(2), `posix_fallocate(3)` and mmap(2).
    pub fn create(
        dir: impl AsFd,
        name: &str,
        identity: &Identity,
        before: Option<&Self>,
    ) -> io::Result<Self> {
        let file = files::make(dir, name, files::READ_ONLY, LEN as u64)?;
        let owner = Self {
            word: RobustWord::map(&file, before.map(|file| &file.word))?,
            file: Arc::new(file),
        };
        owner.sign(identity)?;
        // A new file is all zeroes, and nobody else has seen it.
        owner.word.own(0, own_tid());
        Ok(owner)
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
            word: RobustWord::map(&file, None)?,
            file: Arc::new(file),
        };
        if !owner.word.own(word, own_tid()) {
            return Ok(None);
        }
        // Until this is written, the word and the line name two processes: who reads them knows
        // that the run is being taken over.
        owner.sign(identity)?;
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
        tid(self.word.word().load(Ordering::Acquire)) == own_tid()
    }

    /// The open file, for a worker's own look before its program runs.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

impl Drop for OwnerFile {
    /// An owner may end and leave its run behind, with something in it that could not be ended. The
    /// kernel does not mark what was given back in time.
    fn drop(&mut self) {
        if self.is_ours() {
            let died = libc::FUTEX_OWNER_DIED;
            self.word.word().store(died, Ordering::Release);
        }
    }
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

impl OwnerSeen {
    /// What the bytes of the file tell.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let Some((head, text)) = bytes.split_at_checked(TEXT) else {
            return Self::Unreadable;
        };
        let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
        let owner = std::str::from_utf8(line).ok().and_then(Identity::parse);
        let (Some(owner), &[a, b, c, d, ..]) = (owner, head) else {
            return Self::Unreadable;
        };
        let word = u32::from_ne_bytes([a, b, c, d]);
        if word == 0 || has_died(word) {
            Self::Died { owner, word }
        } else if owner.pid.cast_unsigned() == tid(word) {
            let watched = word & libc::FUTEX_WAITERS != 0;
            Self::Alive {
                owner,
                word,
                watched,
            }
        } else {
            Self::Changing
        }
    }
}

/// Looks at the owner of the run in `dir`.
#[must_use]
pub fn see(dir: impl AsFd) -> OwnerSeen {
    let mut bytes = [0; LEN];
    let read =
        files::open(dir, FILE, OFlag::O_RDONLY).and_then(|file| file.read_exact_at(&mut bytes, 0));
    match read {
        Ok(()) => OwnerSeen::read(&bytes),
        Err(_) => OwnerSeen::Unreadable,
    }
}
