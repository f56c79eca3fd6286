//! The file `owner`: who enforces the ladder of a run, and whether that thread still lives.
//!
//! Its first word is a robust futex: the kernel itself marks it when the owner dies. So there is
//! no heartbeat, no lock file and no guessing by pid. It must never be used to signal anybody:
//! what it tells of a pid has to be verified first.

/// The file's name in the run's directory.
pub const FILE: &str = "owner";

/// Whether this owner word says that its thread has died (`get_robust_list(2)`, `FUTEX_OWNER_DIED`).
#[must_use]
pub const fn has_died(word: u32) -> bool {
    word & libc::FUTEX_OWNER_DIED != 0
}

#[cfg(feature = "cli")]
pub use file::{Identity, OwnerFile, OwnerSeen, parse, see};

#[cfg(feature = "cli")]
mod file {
    use std::fmt;
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;
    use std::sync::Arc;

    use nix::fcntl::OFlag;
    use nix::sys::stat::Mode;
    use nix::unistd::gettid;

    use super::{FILE, has_died};
    use crate::files;
    use crate::sys::RobustWord;

    /// The length of the file.
    const LEN: usize = 256;
    /// Where its line of text begins.
    const TEXT: usize = 64;
    /// The version of that line.
    const VERSION: &str = "1";

    /// What tells one process from every other that has or had its pid, on any boot and in any
    /// pid namespace.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Identity {
        /// The process id, as its own pid namespace counts.
        pub pid: i32,
        /// Clock ticks from boot to its start (`proc_pid_stat(5)`, field 22).
        pub start: u64,
        /// `/proc/sys/kernel/random/boot_id`; `-` where that cannot be read.
        pub boot_id: String,
        /// The inode of the pid namespace (`pid_namespaces(7)`); 0 where it cannot be read.
        pub pid_namespace: u64,
    }

    impl fmt::Display for Identity {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Self {
                pid,
                start,
                boot_id,
                pid_namespace,
            } = self;
            write!(f, "{VERSION} {pid} {start} {boot_id} {pid_namespace}")
        }
    }

    impl Identity {
        fn parse(line: &str) -> Option<Self> {
            let mut words = line.split(' ');
            if words.next() != Some(VERSION) {
                return None;
            }
            Some(Self {
                pid: words.next()?.parse().ok()?,
                start: words.next()?.parse().ok()?,
                boot_id: words.next()?.to_owned(),
                pid_namespace: words.next()?.parse().ok()?,
            })
        }
    }

    /// The owner's own end of the file: as long as this lives, the word names its thread.
    #[derive(Debug)]
    pub struct OwnerFile {
        file: Arc<File>,
        _word: RobustWord,
    }

    impl OwnerFile {
        /// Makes the file in `dir` and registers the calling thread as the owner.
        ///
        /// # Errors
        ///
        /// As open(2), `posix_fallocate(3)` and `set_robust_list(2)`.
        pub fn create(dir: impl AsFd, identity: &Identity) -> io::Result<Self> {
            let mode = Mode::S_IRUSR | Mode::S_IRGRP | Mode::S_IROTH;
            let file = files::make(dir, FILE, mode, LEN as u64)?;
            let mut bytes = [b'\n'; LEN];
            bytes[..TEXT].fill(0);
            let line = identity.to_string();
            bytes[TEXT..TEXT + line.len()].copy_from_slice(line.as_bytes());
            file.write_all_at(&bytes, 0)?;
            let word = RobustWord::register(&file, gettid().as_raw().cast_unsigned())?;
            Ok(Self {
                file: Arc::new(file),
                _word: word,
            })
        }

        /// The open file, for a worker's own look before its program runs.
        #[must_use]
        pub fn file(&self) -> Arc<File> {
            Arc::clone(&self.file)
        }
    }

    /// What a look at the file tells.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum OwnerSeen {
        /// The thread in the word lives.
        Alive(Identity),
        /// It died, and nobody has taken over.
        Died(Identity),
        /// The file is missing, or of a version that this program does not know.
        Unreadable,
    }

    /// Looks at the owner of the run in `dir`.
    #[must_use]
    pub fn see(dir: impl AsFd) -> OwnerSeen {
        let mut bytes = [0; LEN];
        match files::open(dir, FILE, OFlag::O_RDONLY)
            .and_then(|file| file.read_exact_at(&mut bytes, 0))
        {
            Ok(()) => parse(&bytes),
            Err(_) => OwnerSeen::Unreadable,
        }
    }

    /// Reads the file's bytes. What follows the part that this program knows is ignored.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> OwnerSeen {
        let Some(bytes) = bytes.first_chunk::<LEN>() else {
            return OwnerSeen::Unreadable;
        };
        let line = bytes[TEXT..]
            .split(|&b| b == b'\n')
            .next()
            .unwrap_or_default();
        let Some(identity) = std::str::from_utf8(line).ok().and_then(Identity::parse) else {
            return OwnerSeen::Unreadable;
        };
        let word = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if word == 0 || has_died(word) {
            OwnerSeen::Died(identity)
        } else {
            OwnerSeen::Alive(identity)
        }
    }
}
