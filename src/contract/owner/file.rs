//! The file itself: the supervisor makes it, a new owner takes it over, and everybody reads it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::fcntl::OFlag;
use nix::unistd::gettid;

use super::robust::RobustWord;
use super::{FILE, has_died};
use crate::failpoint;
use crate::linux::files;
use crate::linux::process::Identity;
use crate::linux::sys;
use crate::words::pid::Pid;

/// The length of the file.
const LEN: usize = 256;
/// Where its line of text begins.
const TEXT: usize = 64;
/// How often an owner looks at a file that somebody is overwriting.
const LOOKS: usize = 3;

/// The owner's side of the file. Once it is made, the kernel watches the word until this process
/// ends.
#[derive(Debug)]
pub struct OwnerFile {
    file: Arc<File>,
    word: RobustWord,
    /// The thread that made or took it.
    thread: i32,
    /// The text after the word.
    text: [u8; LEN - TEXT],
    /// The words of earlier files that have lost their names and that others may still have open,
    /// the oldest first. Since they are mapped, they need no descriptor.
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
        let owner = Self::of(file, word, identity);
        owner.begin()?;
        Ok(owner)
    }

    fn of(file: File, word: RobustWord, identity: &Identity) -> Self {
        let mut text = [b'\n'; LEN - TEXT];
        let line = identity.to_string();
        text[..line.len()].copy_from_slice(line.as_bytes());
        Self {
            file: Arc::new(file),
            word,
            thread: own_tid(),
            text,
            before: Vec::new(),
        }
    }

    /// Fills in a new file, which is all zeroes and which nobody else has seen.
    fn begin(&self) -> io::Result<()> {
        self.sign()?;
        failpoint::pass("owner signed");
        self.word.own(0, self.thread);
        failpoint::pass("owner word set");
        Ok(())
    }

    /// Makes the file again in `dir` if its name is gone. Those who have the old one open still see
    /// whether we are alive. Returns whether the name was gone.
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
        let mut new = Self::of(file, word, identity);
        new.begin()?;
        files::publish(dir, FILE)?;
        new.before = std::mem::take(&mut self.before);
        let old = std::mem::replace(self, new);
        self.before.push(old.word);
        Ok(true)
    }

    /// Makes the calling thread the owner of the run in `dir`, if its word is still `word`: if several
    /// try, one of them succeeds. `None` if we were too late.
    ///
    /// Until [`OwnerFile::sign`], the word and the line name different processes, and the word counts.
    ///
    /// # Errors
    ///
    /// As open(2) and mmap(2).
    pub fn take(dir: impl AsFd, word: u32, identity: &Identity) -> io::Result<Option<Self>> {
        let file = files::open_read_only(dir, FILE)?;
        if word_of(&file) != Some(word) {
            return Ok(None);
        }
        let mapped = RobustWord::map(&file)?;
        Ok(Self::of(file, mapped, identity).taken(word))
    }

    /// The same for a file that no longer names anybody: it is missing, or was truncated or
    /// overwritten. It is first made whole. If several try, one of them succeeds.
    ///
    /// # Errors
    ///
    /// As open(2), pwrite(2) and mmap(2).
    pub fn claim(dir: impl AsFd, identity: &Identity) -> io::Result<Option<Self>> {
        let file = match files::make(dir.as_fd(), FILE, files::READ_ONLY, LEN as u64) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                files::open_read_only(dir, FILE)?
            }
            made => made?,
        };
        let mapped = RobustWord::map(&file)?;
        let owner = Self::of(file, mapped, identity);
        let word = match word_of(&owner.file) {
            Some(word) => word,
            None => owner.make_whole()?,
        };
        Ok(owner.taken(word))
    }

    fn taken(self, word: u32) -> Option<Self> {
        let taken = self.word.own(word, self.thread);
        failpoint::pass("word taken");
        // Another process may already have taken over from us because we were silent: then the line
        // is for that one to write.
        (taken && self.is_ours()).then_some(self)
    }

    /// Writes who owns the run, after the word.
    ///
    /// # Errors
    ///
    /// As pwrite(2).
    pub fn sign(&self) -> io::Result<()> {
        files::overwrite(&self.file, &self.text, TEXT as u64)
    }

    /// Whether we are still the owner: another process takes over if we are silent. If somebody has
    /// truncated or overwritten the file, it is made whole.
    ///
    /// The file is read, and not the mapping: a load would raise SIGBUS if the file is truncated.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        // Somebody may overwrite the file at the moment at which it is made whole: that is another slip,
        // and not another owner.
        let is_ours = (0..LOOKS).any(|_| self.is_whole_or_made_whole());
        let says_so = |word: &RobustWord| tid(word.word().load(Ordering::Acquire)) == self.thread;
        // A process that has an older file open may have taken over through that one.
        is_ours && self.before.iter().all(says_so)
    }

    fn is_whole_or_made_whole(&self) -> bool {
        let mut bytes = [0; LEN];
        let length = self.file.read_at(&mut bytes, 0).unwrap_or(0);
        let word = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if tid(word) == self.thread && length == LEN {
            // The word names us, so nobody has taken over. A line that says nothing is written again.
            bytes[TEXT..] == self.text || parse(&bytes) != OwnerSeen::Spoilt || self.sign().is_ok()
        } else {
            // No process that takes over leaves such a word: it is alive, or the kernel has marked its
            // death, or it has signed.
            let is_nobodys = !is_marked(word) && !lives(tid(word));
            let is_signed_by_others = bytes[TEXT..] != self.text && !names_nobody(&bytes[TEXT..]);
            let is_slip = word == 0 || is_nobodys && !is_signed_by_others;
            if length < LEN {
                self.make_whole().is_ok_and(|word| self.mend(word))
            } else {
                is_slip && self.mend(word)
            }
        }
    }

    /// Makes us the owner again; returns whether that succeeded. Another process that found the file
    /// truncated may have claimed it.
    fn mend(&self, word: u32) -> bool {
        self.word.own(word, self.thread) && self.sign().is_ok()
    }

    /// Restores the length of a file that is too short, with a word that names nobody; returns that
    /// word.
    fn make_whole(&self) -> io::Result<u32> {
        if word_of(&self.file).is_none() {
            self.file.write_all_at(&[0; size_of::<u32>()], 0)?;
            self.file.set_len(LEN as u64)?;
        }
        Ok(0)
    }

    /// The open file, for those who check it themselves: a worker before its program runs, and the
    /// guard.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

/// The word, if the file is as long as it should be.
fn word_of(file: &File) -> Option<u32> {
    let mut bytes = [0; LEN];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Ends our ownership in order. Processes that are allowed to outlive the run and have its file open
/// are not told that their supervisor died when this process ends.
pub fn resign() {
    sys::forget_robust_words();
}

fn own_tid() -> i32 {
    gettid().as_raw()
}

/// The thread in an owner word.
#[must_use]
pub const fn tid(word: u32) -> i32 {
    // The two highest bits are those marks: what is left is not negative.
    let tid = word & !(libc::FUTEX_WAITERS | libc::FUTEX_OWNER_DIED);
    i32::from_ne_bytes(tid.to_ne_bytes())
}

/// Whether a thread has this number (kill(2), signal 0); it also exists if we are not allowed to
/// signal it.
fn lives(thread: i32) -> bool {
    let is_there = |error: io::Error| error.raw_os_error() == Some(libc::EPERM);
    Pid::new(thread).is_some_and(|pid| sys::kill(pid, 0).map_or_else(is_there, |()| true))
}

/// Whether the kernel has marked a death: then it leaves no thread in the word.
const fn is_marked(word: u32) -> bool {
    has_died(word) && tid(word) == 0
}

/// The highest number that a thread can have (proc(5), `pid_max`). A word above it is some text.
const HIGHEST: i32 = 1 << 22;

/// What the file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerSeen {
    /// The thread in the word is alive, for certain only if the kernel watches it.
    Alive {
        /// Who it is.
        owner: Identity,
        /// The owner word.
        word: u32,
        /// Whether the kernel marks its death.
        watched: bool,
    },
    /// The owner died, and nobody has taken over.
    Died {
        /// Who it was.
        owner: Identity,
        /// The owner word.
        word: u32,
    },
    /// The word and the line name different threads: the thread in the word has taken over, and has
    /// not signed yet.
    Changing {
        /// The owner before, by the line.
        before: Identity,
        /// The owner word.
        word: u32,
    },
    /// The file has a version that this program does not know, or cannot be read.
    Unreadable,
    /// The file is missing, or was truncated or overwritten: it names nobody.
    Spoilt,
}

/// What an open file tells.
#[must_use]
pub fn see_open(file: &File) -> OwnerSeen {
    let mut bytes = [0; LEN];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => parse(&bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => OwnerSeen::Spoilt,
        Err(_) => OwnerSeen::Unreadable,
    }
}

/// What the bytes of the file tell. Anything after the part that this program knows is ignored.
#[must_use]
pub fn parse(bytes: &[u8]) -> OwnerSeen {
    let Some(bytes) = bytes.first_chunk::<LEN>() else {
        return OwnerSeen::Spoilt;
    };
    let line = line_of(&bytes[TEXT..]);
    let Some(owner) = Identity::parse(line) else {
        return if Identity::is_of_another_version(line) {
            OwnerSeen::Unreadable
        } else {
            OwnerSeen::Spoilt
        };
    };
    let word = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if tid(word) > HIGHEST {
        OwnerSeen::Spoilt
    } else if word == 0 || has_died(word) {
        OwnerSeen::Died { owner, word }
    } else if owner.pid.get() == tid(word) {
        let watched = word & libc::FUTEX_WAITERS != 0;
        OwnerSeen::Alive {
            owner,
            word,
            watched,
        }
    } else {
        let before = owner;
        OwnerSeen::Changing { before, word }
    }
}

/// The line that begins a text; an empty one if that is no text.
fn line_of(text: &[u8]) -> &str {
    let line = text.split(|&b| b == b'\n').next();
    std::str::from_utf8(line.unwrap_or_default()).unwrap_or_default()
}

/// Whether a text is the line of nobody, of no version.
fn names_nobody(text: &[u8]) -> bool {
    let line = line_of(text);
    Identity::parse(line).is_none() && !Identity::is_of_another_version(line)
}

/// What the owner file of the run in `dir` tells.
#[must_use]
pub fn see(dir: impl AsFd) -> OwnerSeen {
    match files::open(dir, FILE, OFlag::O_RDONLY) {
        Ok(file) => see_open(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => OwnerSeen::Spoilt,
        Err(_) => OwnerSeen::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    use super::{FILE, LEN, OwnerFile, OwnerSeen, Pid, TEXT, files, see_open};
    use crate::linux::process::{Identity, own_identity};

    /// Who the thread of this test is: it is the owner.
    fn us() -> Identity {
        Identity {
            pid: Pid::new(super::own_tid()).unwrap(),
            ..own_identity()
        }
    }

    /// An owner file that is ours, and what is found in it once somebody has written it anew.
    fn overwritten(by: impl Fn(&mut [u8; LEN])) -> (bool, OwnerSeen) {
        let place = tempfile::tempdir_in("/dev/shm").unwrap();
        let dir = File::open(place.path()).unwrap();
        let owner = OwnerFile::create(&dir, &us()).unwrap();
        assert!(owner.is_ours());
        let file = files::open_read_only(&dir, FILE).unwrap();
        let mut bytes = [0; LEN];
        file.read_exact_at(&mut bytes, 0).unwrap();
        by(&mut bytes);
        file.write_all_at(&bytes, 0).unwrap();
        (owner.is_ours(), see_open(&file))
    }

    fn is_mine(seen: &OwnerSeen) -> bool {
        matches!(seen, OwnerSeen::Alive { owner, .. } if *owner == us())
    }

    #[test]
    fn an_owner_mends_what_names_nobody() {
        let slips: [fn(&mut [u8; LEN]); 3] = [
            |bytes| bytes[..7].copy_from_slice(b"a slip\n"),
            |bytes| bytes[TEXT..].fill(0),
            // Overwritten at the moment at which it was made whole: the line is not there yet.
            |bytes| {
                bytes[TEXT..].fill(0);
                bytes[..7].copy_from_slice(b"a slip\n");
            },
        ];
        for slip in slips {
            let (is_ours, seen) = overwritten(slip);
            assert!(is_ours && is_mine(&seen), "{seen:?}");
        }
    }

    #[test]
    fn an_owner_leaves_what_others_have_signed() {
        let another = Identity {
            start: us().start + 1,
            ..us()
        };
        let line = another.to_string();
        let (is_ours, seen) = overwritten(|bytes| {
            bytes[TEXT..].fill(b'\n');
            bytes[TEXT..TEXT + line.len()].copy_from_slice(line.as_bytes());
            // No thread has this number.
            bytes[..4].copy_from_slice(&(super::HIGHEST - 1).to_ne_bytes());
        });
        assert!(!is_ours && !is_mine(&seen), "{seen:?}");
    }
}
