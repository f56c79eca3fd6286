//! Notices that the files of a run were deleted, moved or written: the kernel sends them as a signal
//! (fcntl(2), `F_NOTIFY`).
//!
//! A notice says only that something happened; the supervisor has to find out what. Unlike an
//! inotify instance, of which a user may have 128, notices cost nothing while nothing happens, and
//! ending them takes no time.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag};

use crate::linux::files;
use crate::linux::sys;

/// Every time, not once (`<fcntl.h>`, `DN_MULTISHOT`).
const AGAIN: libc::c_int = i32::MIN;

/// A name is changed within the directory (`DN_RENAME`).
const RENAMES: libc::c_int = AGAIN | 0x10;

/// Also: a name is deleted or moved away (`DN_DELETE`).
const NAMES: libc::c_int = RENAMES | 0x8;

/// Also: a file in the directory is written (`DN_MODIFY`).
const ALL: libc::c_int = NAMES | 0x2;

/// While this value lives, SIGIO arrives whenever something happens.
#[derive(Debug)]
pub struct Notices {
    /// Opened for this alone: notices end when the first copy of a descriptor is closed.
    _directories: Vec<File>,
}

impl Notices {
    /// Asks for notices of the files in the run's directory `run`, of the names in the base
    /// directory `base`, and of the name of the base itself, which is at `path`.
    ///
    /// # Errors
    ///
    /// As open(2) and fcntl(2): some systems give no notices.
    pub fn of(run: impl AsFd, base: impl AsFd, path: &Path) -> io::Result<Self> {
        let of = |dir: io::Result<File>, changes| {
            let dir = dir?;
            sys::signal_changes(dir.as_fd(), changes)?;
            Ok(dir)
        };
        let directories = [
            of(files::open(run, ".", OFlag::O_DIRECTORY), ALL),
            of(files::open(base, ".", OFlag::O_DIRECTORY), NAMES),
        ];
        let mut directories = directories.into_iter().collect::<io::Result<Vec<_>>>()?;
        // Others may work in the parent all the time, but renames are rare. We may not be allowed to
        // read it.
        let parent = path.parent().unwrap_or(path);
        let parent = files::open(AT_FDCWD, parent, OFlag::O_DIRECTORY);
        directories.extend(of(parent, RENAMES));
        Ok(Self {
            _directories: directories,
        })
    }
}
