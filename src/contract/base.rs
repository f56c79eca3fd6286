//! The base directory, which contains the runs of one user. It is verified each time.
//!
//! This file decides what is a safe place. It must never look into the files of a run.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{Mode, fchmod};
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, FsType, OVERLAYFS_SUPER_MAGIC,
    TMPFS_MAGIC, XFS_SUPER_MAGIC, fstatfs,
};
use nix::sys::statvfs::FsFlags;
use nix::unistd::{Uid, UnlinkatFlags, mkdir, unlinkat};

use crate::failpoint;
use crate::linux::files;
use crate::words::name::RunName;

use error::Problem;
use place::Origin;

pub use error::BaseError;

mod error;
mod place;

/// The variable that replaces the default base directory.
pub const VARIABLE: &str = "STOPCTL_DIR";

/// The flags with which we open directories.
pub(crate) const DIRECTORY: OFlag = OFlag::O_DIRECTORY;

/// How often we make a directory again that another run, as it ends, removes at the same time.
pub(crate) const TRIES: usize = 100;

/// 0755: the names in it are public, and nobody else may add any.
pub(crate) const MODE: Mode = Mode::S_IRWXU
    .union(Mode::S_IRGRP)
    .union(Mode::S_IXGRP)
    .union(Mode::S_IROTH)
    .union(Mode::S_IXOTH);

/// The directory that holds the runs of one user.
#[derive(Debug)]
pub struct Base {
    path: PathBuf,
    dir: File,
    origin: Origin,
}

/// The file system of a base directory.
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    /// Whether it is in memory. On a disk everything works too, but more slowly.
    pub in_memory: bool,
    /// Whether it is on a disk that no other machine uses at the same time.
    pub on_disk: bool,
    /// Whether the kernel records when a file was read: in memory it does, unless it was told not to
    /// (mount(8), noatime).
    pub notes_reads: bool,
}

/// File systems that only one kernel uses at a time. The overlay of a container is on one of them.
const DISKS: [FsType; 5] = [
    BTRFS_SUPER_MAGIC,
    EXT4_SUPER_MAGIC,
    F2FS_SUPER_MAGIC,
    OVERLAYFS_SUPER_MAGIC,
    XFS_SUPER_MAGIC,
];

impl Storage {
    /// The storage of the directory `dir`.
    #[must_use]
    pub fn of(dir: impl AsFd) -> Self {
        let system = fstatfs(dir);
        let is_among =
            |kinds: &[FsType]| system.is_ok_and(|system| kinds.contains(&system.filesystem_type()));
        let in_memory = is_among(&[TMPFS_MAGIC]);
        let is_told = system.is_ok_and(|system| system.flags().contains(FsFlags::ST_NOATIME));
        Self {
            in_memory,
            on_disk: is_among(&DISKS),
            notes_reads: in_memory && !is_told,
        }
    }
}

impl Base {
    /// The base directory, if there is one.
    ///
    /// # Errors
    ///
    /// If it is not a directory that belongs to us and that nobody else may write to, or if it cannot
    /// be opened.
    pub fn find() -> Result<Option<Self>, BaseError> {
        let (path, origin) = locate_or_say()?;
        Self::there(path, origin, Uid::effective())
    }

    /// The default base directory of `user`, if there is one, for root to read.
    ///
    /// # Errors
    ///
    /// As [`Base::find`]; it must belong to that user.
    pub fn of(user: Uid) -> Result<Option<Self>, BaseError> {
        let found = Self::there(place::of(user), Origin::Default, user);
        found.map_err(|error| BaseError {
            is_others: user != Uid::effective(),
            ..error
        })
    }

    fn there(path: PathBuf, origin: Origin, user: Uid) -> Result<Option<Self>, BaseError> {
        match files::open(AT_FDCWD, &path, DIRECTORY) {
            Ok(dir) => Self { path, dir, origin }.verified(user).map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(BaseError::new(&path, error)),
        }
    }

    /// The number of the user whose directory `STOPCTL_DIR` names.
    #[must_use]
    pub fn owner_of_named() -> Option<u32> {
        place::owner_of_named()
    }

    /// The users who may have a default base directory, by their numbers.
    ///
    /// # Errors
    ///
    /// As open(2) and readdir(3).
    pub fn owners() -> io::Result<BTreeSet<u32>> {
        place::owners()
    }

    /// The base directory. If it is missing it is made, but not the directories above it.
    ///
    /// # Errors
    ///
    /// As [`Base::find`], or if it cannot be made.
    pub fn find_or_make() -> Result<Self, BaseError> {
        let (path, origin) = locate_or_say()?;
        let mut tries = 0..TRIES;
        let dir = loop {
            let made = match files::under_usual_umask(|| mkdir(&path, MODE)) {
                Ok(()) => {
                    failpoint::pass("base directory made");
                    true
                }
                Err(Errno::EEXIST) => false,
                Err(errno) => return Err(BaseError::new(&path, errno.into())),
            };
            match files::open(AT_FDCWD, &path, DIRECTORY) {
                Ok(dir) if made => {
                    fchmod(&dir, MODE).map_err(|errno| BaseError::new(&path, errno.into()))?;
                    break dir;
                }
                Ok(dir) => break dir,
                // Another run ended in between, and removed it.
                Err(error) if is_missing(&error) && tries.next().is_some() => {}
                Err(error) => return Err(BaseError::new(&path, error)),
            }
        };
        failpoint::pass("base directory found");
        Self { path, dir, origin }.verified(Uid::effective())
    }

    /// A second handle of the same directory.
    ///
    /// # Errors
    ///
    /// As fcntl(2): too many files may be open.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            path: self.path.clone(),
            dir: self.dir.try_clone()?,
            origin: self.origin,
        })
    }

    /// The base directory at `path`, for a run that was found by the flag of a worker.
    ///
    /// # Errors
    ///
    /// As [`Base::find`], or if there is none.
    pub fn at(path: &Path) -> Result<Self, BaseError> {
        let dir = files::open(AT_FDCWD, path, DIRECTORY);
        let dir = dir.map_err(|error| BaseError::new(path, error))?;
        Self {
            path: path.to_owned(),
            dir,
            origin: Origin::of(path),
        }
        .verified(Uid::effective())
    }

    fn verified(self, user: Uid) -> Result<Self, BaseError> {
        let problem = match self.dir.metadata() {
            Err(error) => Problem::Io(error),
            Ok(data) if data.uid() != user.as_raw() => Problem::Foreign(data.uid(), user),
            Ok(_) if is_unmapped(user) => Problem::Unmapped,
            Ok(data) if data.mode() & 0o022 != 0 => Problem::Writable(data.mode()),
            Ok(_) => return Ok(self),
        };
        Err(BaseError {
            path: self.path,
            problem,
            is_others: false,
        })
    }

    /// Its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        files::is_at(AT_FDCWD, &self.path, &self.dir)
    }

    /// Its storage.
    #[must_use]
    pub fn storage(&self) -> Storage {
        Storage::of(&self.dir)
    }

    /// The names of the runs in it, sorted.
    ///
    /// # Errors
    ///
    /// As open(2) and readdir(3).
    pub fn names(&self) -> io::Result<Vec<RunName>> {
        let entries = self.entries()?;
        // An entry that is not a name is a run that is being built or removed, or belongs to no run.
        let names = entries.iter().filter_map(|name| RunName::parse(name).ok());
        Ok(names.collect())
    }

    /// Everything in it, sorted.
    ///
    /// # Errors
    ///
    /// As open(2) and readdir(3).
    pub fn entries(&self) -> io::Result<Vec<OsString>> {
        let mut dir = Dir::from_fd(files::open(&self.dir, ".", DIRECTORY)?.into())?;
        let mut entries = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            let name: &OsStr = OsStrExt::from_bytes(entry.file_name().to_bytes());
            entries.extend((name != "." && name != "..").then(|| name.to_owned()));
        }
        entries.sort();
        Ok(entries)
    }

    /// Opens the directory of a run; `None` if no run has this name.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn open_run(&self, name: &RunName) -> io::Result<Option<File>> {
        match files::open(&self.dir, name.as_str(), DIRECTORY) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes it if it is the default one and contains no run.
    pub fn remove_if_empty(&self) {
        if self.origin == Origin::Default {
            // This fails if it contains another run or was removed already: both are fine.
            let _ = unlinkat(AT_FDCWD, &self.path, UnlinkatFlags::RemoveDir);
        }
    }
}

fn locate_or_say() -> Result<(PathBuf, Origin), BaseError> {
    place::locate().map_err(|error| BaseError {
        path: VARIABLE.into(),
        problem: Problem::Io(error),
        is_others: false,
    })
}

/// Whether this uid stands for all users that have no number in our user namespace
/// (`user_namespaces(7)`): then the files of every stranger seem to be ours.
fn is_unmapped(uid: Uid) -> bool {
    /// The value of `/proc/sys/kernel/overflowuid` on nearly every system.
    const NOBODY: u32 = 65_534;
    let covers = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), Some(Ok(count))) = (numbers.next(), numbers.nth(1)) else {
            return false;
        };
        (first..first + count).contains(&uid.as_raw().into())
    };
    let map = || std::fs::read_to_string("/proc/self/uid_map").ok();
    uid.as_raw() == NOBODY && map().is_some_and(|map| !map.lines().any(covers))
}

impl AsFd for Base {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
