//! The directory of one run: built aside, published and removed by renaming.
//!
//! It answers for whose name a run has. It must never look into the files of a run.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{RenameFlags, renameat2};
use nix::sys::stat::{fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::base::{Base, BaseError, DIRECTORY, MODE, TRIES};
use crate::files;
use crate::name::RunName;
use crate::sys;

/// The directory of one run of ours. Dropped, it is removed with everything in it.
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
    /// The name it has in the base directory now.
    entry: String,
    path: PathBuf,
}

/// Publishing a run failed.
#[derive(Debug)]
pub enum PublishError {
    /// There is a run of this name.
    Taken,
    /// Renaming failed.
    Io(io::Error),
}

impl RunDir {
    /// Makes a directory beside the others under a name that is no run's.
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
        let entry = format!(".new-{:016x}", sys::random()?);
        mkdirat(base, entry.as_str(), MODE)?;
        let dir = files::open(base, entry.as_str(), DIRECTORY)?;
        fchmod(&dir, MODE)?;
        Ok((entry, dir))
    }

    /// The directory of a run that somebody else made; `None` if there is none of this name. It
    /// stays when this is dropped, until [`RunDir::remove`].
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

    /// Another end of the same directory, which does not remove it when it is dropped.
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

    /// Removes it, whoever made it.
    pub fn remove(mut self) {
        self.kept = false;
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

    /// Gives the directory the name of the run. Of two with one name, one wins.
    ///
    /// # Errors
    ///
    /// If a run has that name, or as renameat2(2). The directory keeps the name it had.
    pub fn publish(&mut self, name: &RunName) -> Result<(), PublishError> {
        let dir = &self.base;
        let (from, to) = (self.entry.as_str(), name.as_str());
        match renameat2(dir, from, dir, to, RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => {
                name.as_str().clone_into(&mut self.entry);
                self.path = self.base.path().join(name.as_str());
                Ok(())
            }
            Err(Errno::EEXIST) => Err(PublishError::Taken),
            Err(errno) => Err(PublishError::Io(errno.into())),
        }
    }

    /// Leaves it where it is when it is dropped: something could not be ended, and `list` is to
    /// show it until somebody has finished it.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// The name of the run.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.entry
    }

    /// Whether its name still leads to it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        files::is_at(&self.base, self.entry.as_str(), &self.dir)
    }

    /// The absolute path that workers are told.
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
        // Renamed first, so that no reader finds half a run and the name is free at once. Where
        // the name is gone already (logout), the files are removed through the descriptor all
        // the same, and whatever has that name now is somebody else's.
        let gone = format!(".gone-{:016x}", sys::random().unwrap_or_default());
        let (base, entry) = (&self.base, self.entry.as_str());
        let renamed = || {
            let (no_other, gone) = (RenameFlags::RENAME_NOREPLACE, gone.as_str());
            renameat2(base, entry, base, gone, no_other).is_ok()
        };
        let now_at = self
            .is_there()
            .then(|| if renamed() { gone.as_str() } else { entry });
        if let Ok(mut dir) =
            files::open(&self.dir, ".", DIRECTORY).and_then(|dir| Ok(Dir::from_fd(dir.into())?))
        {
            for entry in dir.iter().flatten() {
                if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                    let _ = unlinkat(&self.dir, entry.file_name(), UnlinkatFlags::NoRemoveDir);
                }
            }
        }
        if let Some(name) = now_at {
            let _ = unlinkat(base, name, UnlinkatFlags::RemoveDir);
        }
        self.base.remove_if_empty();
    }
}
