//! The directory of one run: it is built under another name, and published and removed by renaming.
//!
//! This file decides which run has a name. It must never look into the files of a run.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::NixPath;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat, renameat2};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::contract::base::{Base, BaseError, DIRECTORY, TRIES};
use crate::failpoint;
use crate::linux::files;
use crate::linux::sys;
use crate::words::name::RunName;

/// 0711: only those who were told the name of a flag, part of which is random, can open it. So a look
/// of somebody else is not mistaken for one of the worker.
const MODE: Mode = Mode::S_IRWXU.union(Mode::S_IXGRP).union(Mode::S_IXOTH);

/// How the name of a directory begins while it is being built.
pub(crate) const NEW: &str = ".new-";

/// How the name of a directory begins while it is being removed.
pub(crate) const GONE: &str = ".gone-";

/// Renames a directory. A directory that is not empty is never replaced, and that of a run never is
/// empty.
fn rename<P: NixPath + ?Sized>(
    from: impl AsFd,
    old: &P,
    to: impl AsFd,
    new: &str,
) -> nix::Result<()> {
    let (from, to, only) = (from.as_fd(), to.as_fd(), RenameFlags::RENAME_NOREPLACE);
    let renamed = match renameat2(from, old, to, new, only) {
        // Before Linux 3.15, in some sandboxes, and on file systems without this flag. Then an empty
        // directory would be replaced (rename(2)).
        Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => renameat(from, old, to, new),
        renamed => renamed,
    };
    let taken = [Err(Errno::ENOTEMPTY), Err(Errno::ENOTDIR)];
    if taken.contains(&renamed) {
        Err(Errno::EEXIST)
    } else {
        renamed
    }
}

/// The directory of one run of ours. When this is dropped, the directory is removed with everything
/// in it.
///
/// # Limitations
///
/// A supervisor that is killed cannot drop anything: its directory stays until somebody stops or
/// cleans what it left.
#[derive(Debug)]
#[must_use = "dropping it removes the run's directory"]
pub struct RunDir {
    base: Base,
    dir: File,
    kept: bool,
    /// Its present name in the base directory.
    entry: String,
    path: PathBuf,
}

/// The error if a run cannot be published.
#[derive(Debug)]
pub enum PublishError {
    /// Another run has this name.
    Taken,
    /// Renaming failed.
    Io(io::Error),
}

impl From<PublishError> for io::Error {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Taken => Self::other("another run has its name now"),
            PublishError::Io(error) => error,
        }
    }
}

impl RunDir {
    /// Makes a directory in the base directory, under a name that no run can have.
    ///
    /// # Errors
    ///
    /// If the base directory cannot be used, or as mkdir(2).
    pub fn build() -> Result<Self, BaseError> {
        let mut base = Base::find_or_make()?;
        let mut tries = 0..TRIES;
        loop {
            match Self::build_in(&base) {
                Ok((entry, dir)) => {
                    return Ok(Self {
                        path: base.path().to_owned(),
                        base,
                        dir,
                        kept: false,
                        entry,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries.next().is_some() => {
                    base = Base::find_or_make()?;
                }
                Err(error) => {
                    base.remove_if_empty();
                    return Err(BaseError::new(base.path(), error));
                }
            }
        }
    }

    fn build_in(base: &Base) -> io::Result<(String, File)> {
        let entry = format!("{NEW}{:016x}", sys::random()?);
        files::under_usual_umask(|| mkdirat(base, entry.as_str(), MODE))?;
        failpoint::pass("directory made");
        let dir = files::open(base, entry.as_str(), DIRECTORY)?;
        fchmod(&dir, MODE)?;
        failpoint::pass("directory built");
        Ok((entry, dir))
    }

    /// The directory of a run that somebody else made; `None` if no run has this name. It stays when
    /// this is dropped, until [`RunDir::remove`].
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn open(base: &Base, name: &RunName) -> io::Result<Option<Self>> {
        let Some(dir) = base.open_run(name)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            path: base.path().join(name.as_str()),
            base: base.try_clone()?,
            dir,
            kept: true,
            entry: name.to_string(),
        }))
    }

    /// A directory without the name of a run: it is being built or removed, or was left in that state.
    /// `None` if no directory has this name. It stays when this is dropped, until
    /// [`RunDir::discard`].
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn open_unnamed(base: &Base, entry: &str) -> io::Result<Option<Self>> {
        let dir = match files::open(base, entry, DIRECTORY) {
            Ok(dir) => dir,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Self {
            path: base.path().join(entry),
            base: base.try_clone()?,
            dir,
            kept: true,
            entry: entry.to_owned(),
        }))
    }

    /// A second handle of the same directory, which does not remove it when it is dropped.
    ///
    /// # Errors
    ///
    /// As fcntl(2): too many files may be open.
    pub fn twin(&self) -> io::Result<Self> {
        Ok(Self {
            base: self.base.try_clone()?,
            dir: self.dir.try_clone()?,
            kept: true,
            entry: self.entry.clone(),
            path: self.path.clone(),
        })
    }

    /// Removes it, no matter who made it.
    pub fn remove(mut self) {
        self.kept = false;
    }

    /// Removes it if its name still leads to it. If it was published in the meantime, it is left
    /// alone, because its maker is alive.
    ///
    /// # Errors
    ///
    /// If something in it cannot be removed.
    pub fn discard(mut self) -> io::Result<()> {
        if self.step_aside() {
            self.empty();
            let removed = unlinkat(&self.base, self.entry.as_str(), UnlinkatFlags::RemoveDir);
            // Another process that cleans may have been faster.
            match removed {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        self.base.remove_if_empty();
        Ok(())
    }

    /// Gives up the name, so that no reader finds half a run and the name is free at once. `false` if
    /// the name does not lead here any more: whatever has it now belongs to somebody else.
    fn step_aside(&mut self) -> bool {
        let gone = format!("{GONE}{:016x}", sys::random().unwrap_or_default());
        let (base, entry) = (&self.base, self.entry.as_str());
        let aside = self.has_its_name() && rename(base, entry, base, gone.as_str()).is_ok();
        if aside {
            self.entry = gone;
        }
        aside
    }

    /// Removes the files in it, through the descriptor.
    fn empty(&self) {
        // Try again if a signal interrupts it: nobody would remove later what is left here.
        let listed = (0..TRIES).find_map(|_| files::open(&self.dir, ".", DIRECTORY).ok());
        if let Some(dir) = listed {
            let _ = each_name(&dir, |name| {
                // Somebody may have made a directory in it.
                if unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir) == Err(Errno::EISDIR) {
                    let _ = unlinkat(&self.dir, name, UnlinkatFlags::RemoveDir);
                }
                failpoint::pass("file removed");
            });
        }
    }

    /// The names of the files in it.
    ///
    /// # Errors
    ///
    /// As open(2) and readdir(3).
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut dir = Dir::from_fd(files::open(&self.dir, ".", DIRECTORY)?.into())?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            names.extend(entry.file_name().to_str().ok().map(ToOwned::to_owned));
        }
        Ok(names)
    }

    /// Gives the directory the name of the run. If two try the same name, one of them succeeds.
    ///
    /// # Errors
    ///
    /// If another run has that name, or as rename(2). Then the directory keeps the name it had.
    pub fn publish(&mut self, name: &RunName) -> Result<(), PublishError> {
        let dir = &self.base;
        let (from, to) = (self.entry.as_str(), name.as_str());
        match rename(dir, from, dir, to) {
            Ok(()) => {
                failpoint::pass("renamed to its name");
                name.as_str().clone_into(&mut self.entry);
                self.path = self.base.path().join(name.as_str());
                Ok(())
            }
            Err(Errno::EEXIST) => Err(PublishError::Taken),
            Err(errno) => Err(PublishError::Io(errno.into())),
        }
    }

    /// Keeps the directory when this is dropped: a process could not be ended, and `list` has to show
    /// the run until somebody has finished it.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// The name of the run.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.entry
    }

    /// How long ago a file was made in it or removed from it, by the wall clock.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let changed = self.dir.metadata().and_then(|data| data.modified()).ok()?;
        changed.elapsed().ok()
    }

    /// Whether its path still leads to it: neither it nor the base directory was deleted or moved.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.base.is_there() && self.has_its_name()
    }

    /// Whether its name still leads to it, no matter where the base directory is now.
    fn has_its_name(&self) -> bool {
        files::is_at(&self.base, self.entry.as_str(), &self.dir)
    }

    /// Whether it was deleted, so that nothing can be made in it any more.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.dir.metadata().is_ok_and(|data| data.nlink() == 0)
    }

    /// Moves it back to its path if somebody has moved it or the base directory. `false` if it was
    /// deleted or cannot be moved back.
    ///
    /// # Errors
    ///
    /// If another run has its name by now, or if the base directory cannot be made again.
    pub fn come_back(&mut self) -> Result<bool, PublishError> {
        let Some(there) = files::path_of(&self.dir) else {
            return Ok(false);
        };
        let base =
            Base::find_or_make().map_err(|error| PublishError::Io(io::Error::other(error)))?;
        let name = self.entry.as_str();
        match rename(AT_FDCWD, &there, &base, name) {
            Ok(()) => {
                self.path = base.path().join(name);
                self.base = base;
                Ok(true)
            }
            Err(Errno::EEXIST) => Err(PublishError::Taken),
            // It is on another mount, or in a directory of somebody else.
            Err(_) => Ok(false),
        }
    }

    /// Gives it up and empties it, because another directory replaces it: if it was only moved, nobody
    /// finds a run in it.
    pub fn abandon(mut self) {
        self.kept = true;
        self.empty();
    }

    /// The absolute path that workers get.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The base directory it is in.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.base
    }
}

impl AsFd for RunDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        failpoint::pass("removal");
        // If the name is already gone (logout), the files are still removed; if the directory cannot be
        // renamed, it is removed under its own name.
        let ours = self.step_aside() || self.has_its_name();
        failpoint::pass("renamed away");
        self.empty();
        if ours {
            let _ = unlinkat(&self.base, self.entry.as_str(), UnlinkatFlags::RemoveDir);
        }
        failpoint::pass("directory removed");
        self.base.remove_if_empty();
        failpoint::pass("removed");
    }
}

/// Calls `act` with the name of each file in the directory `dir`, from the present position of `dir`.
/// It allocates nothing: a process that runs out of memory must be able to remove what it has made.
fn each_name(dir: &File, mut act: impl FnMut(&CStr)) -> io::Result<()> {
    /// Where an entry has its length, and where its name begins.
    const LENGTH: Range<usize> = 16..18;
    const NAME: usize = 19;
    let mut part = [0; 4096];
    loop {
        let mut entries = match sys::directory_entries(dir.as_fd(), &mut part)? {
            0 => return Ok(()),
            length => &part[..length],
        };
        while let Some(length) = entries.get(LENGTH).and_then(|two| two.first_chunk()) {
            let (entry, rest) = entries.split_at(u16::from_ne_bytes(*length).into());
            entries = rest;
            match CStr::from_bytes_until_nul(&entry[NAME..]) {
                Ok(name) if name != c"." && name != c".." => act(name),
                Ok(_) | Err(_) => {}
            }
        }
    }
}
