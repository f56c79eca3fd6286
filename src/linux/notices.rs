//! Who deletes, moves or writes the files of a run: the kernel tells it by a signal (fcntl(2),
//! `F_NOTIFY`).
//!
//! It tells only that something happened; what that was has to be looked for. Unlike an inotify
//! instance, of which a user may have 128, it costs nothing while nothing happens, and no time to
//! end.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag};

use crate::linux::files;
use crate::linux::sys;

/// Not once, but again and again (`<fcntl.h>`, `DN_MULTISHOT`).
const AGAIN: libc::c_int = i32::MIN;

/// Names that become others in the same directory (`DN_RENAME`).
const RENAMES: libc::c_int = AGAIN | 0x10;

/// Names that are deleted or moved away (`DN_DELETE`), too.
const NAMES: libc::c_int = RENAMES | 0x8;

/// Files in it that are written (`DN_MODIFY`), too.
const ALL: libc::c_int = NAMES | 0x2;

/// While it lives, SIGIO comes whenever something happens.
#[derive(Debug)]
pub struct Notices {
    /// Opened for this alone: with the first copy of a descriptor that is closed it ends.
    _directories: Vec<File>,
}

impl Notices {
    /// Has us told of the files in the run's directory `run`, of names in the base directory `base`
    /// and of the name of that, which is at `path`.
    ///
    /// # Errors
    ///
    /// As open(2) and fcntl(2): some systems tell nothing.
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
        // Others may be at work there all the time: renaming is rare. We may not be allowed to read it.
        let parent = path.parent().unwrap_or(path);
        let parent = files::open(AT_FDCWD, parent, OFlag::O_DIRECTORY);
        directories.extend(of(parent, RENAMES));
        Ok(Self {
            _directories: directories,
        })
    }
}
