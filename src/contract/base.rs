//! The base directory: where the runs of one user are, verified each time.
//!
//! It answers for what is a safe place. It must never look into the files of a run.

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

/// How a directory of ours is opened.
pub(crate) const DIRECTORY: OFlag = OFlag::O_DIRECTORY;

/// How often something is made again that another run, ending, removed under us.
pub(crate) const TRIES: usize = 100;

/// 0755: names in it are public, and nobody else may make any.
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
    /// Whether it is memory; on a disk everything works, more slowly.
    pub in_memory: bool,
    /// Whether it is on a disk that no other machine has at the same time.
    pub on_disk: bool,
    /// Whether the kernel keeps with each file when it was read: in memory it does, unless it was told
    /// not to (mount(8), noatime).
    pub notes_reads: bool,
}

/// File systems that one kernel has at a time. A container's overlay lies on one of them.
const DISKS: [FsType; 5] = [
    BTRFS_SUPER_MAGIC,
    EXT4_SUPER_MAGIC,
    F2FS_SUPER_MAGIC,
    OVERLAYFS_SUPER_MAGIC,
    XFS_SUPER_MAGIC,
];

impl Storage {
    /// What the directory `dir` is on.
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
    /// If it is not a directory of ours into which nobody else may write, or cannot be opened.
    pub fn find() -> Result<Option<Self>, BaseError> {
        let (path, origin) = locate_or_say()?;
        match files::open(AT_FDCWD, &path, DIRECTORY) {
            Ok(dir) => Self { path, dir, origin }.verified().map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(BaseError::new(&path, error)),
        }
    }

    /// The base directory, made if it is missing; of its path only the last component is.
    ///
    /// # Errors
    ///
    /// As [`Base::find`], or if it cannot be made.
    pub fn find_or_make() -> Result<Self, BaseError> {
        let (path, origin) = locate_or_say()?;
        let mut tries = 0..TRIES;
        let dir = loop {
            let made = match mkdir(&path, MODE) {
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
                // Another run ended between the two, and removed it.
                Err(error) if is_missing(&error) && tries.next().is_some() => {}
                Err(error) => return Err(BaseError::new(&path, error)),
            }
        };
        failpoint::pass("base directory found");
        Self { path, dir, origin }.verified()
    }

    /// Another end of the same directory.
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

    /// The base directory at `path`: that of a run which was found by the flag of a worker.
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
        .verified()
    }

    fn verified(self) -> Result<Self, BaseError> {
        let problem = match self.dir.metadata() {
            Err(error) => Problem::Io(error),
            Ok(data) if data.uid() != Uid::effective().as_raw() => Problem::Foreign(data.uid()),
            Ok(_) if is_unmapped(Uid::effective()) => Problem::Unmapped,
            Ok(data) if data.mode() & 0o022 != 0 => Problem::Writable(data.mode()),
            Ok(_) => return Ok(self),
        };
        Err(BaseError {
            path: self.path,
            problem,
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

    /// What it is on.
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
        // What is not a name is a run being built or removed, or nobody's.
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

    /// Opens the directory of a run; `None` if there is none of this name.
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

    /// Removes it if it is the default one and no run is in it.
    pub fn remove_if_empty(&self) {
        if self.origin == Origin::Default {
            // Another run in it, or another who removed it first: both are right.
            let _ = unlinkat(AT_FDCWD, &self.path, UnlinkatFlags::RemoveDir);
        }
    }
}

fn locate_or_say() -> Result<(PathBuf, Origin), BaseError> {
    place::locate().map_err(|error| BaseError {
        path: VARIABLE.into(),
        problem: Problem::Io(error),
    })
}

/// Whether this uid only stands for all those that have no number in our user namespace
/// (`user_namespaces(7)`): then the files of every stranger seem to be ours.
fn is_unmapped(uid: Uid) -> bool {
    /// What `/proc/sys/kernel/overflowuid` says nearly everywhere.
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
