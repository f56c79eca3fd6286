//! Why a base directory cannot be used, with a message that says what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::Uid;

use super::VARIABLE;
use super::place::{self, Origin};
use crate::linux::plain::plain;

/// The error if a base directory cannot be used.
#[derive(Debug)]
pub struct BaseError {
    pub(super) path: PathBuf,
    pub(super) problem: Problem,
    /// Whether another user has to do something about it.
    pub(super) is_others: bool,
}

#[derive(Debug)]
pub(super) enum Problem {
    Io(io::Error),
    /// Whose it is, and whose it should be.
    Foreign(u32, Uid),
    Writable(u32),
    Unmapped,
    NotADirectory,
}

impl fmt::Display for BaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_named = |(path, origin)| origin == Origin::Variable && path == self.path;
        if place::locate().is_ok_and(is_named) {
            write!(f, "{VARIABLE}: ")?;
        }
        write!(f, "{}: ", self.path.display())?;
        match &self.problem {
            Problem::Io(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ENOSPC | Errno::EDQUOT) => {
                    f.write_str("the file system is full (space or inodes)")?;
                }
                Some(Errno::ENOENT) => f.write_str("the directory above it does not exist")?,
                Some(_) | None => plain(error).fmt(f)?,
            },
            Problem::Foreign(uid, user) if *user == Uid::effective() => {
                write!(
                    f,
                    "belongs to uid {uid}, not to the user of stopctl (uid {user})"
                )?;
            }
            Problem::Foreign(uid, user) => {
                write!(f, "belongs to uid {uid}, not to uid {user}")?;
            }
            Problem::Writable(mode) => {
                write!(f, "others may write into it (mode {:04o})", mode & 0o7777)?;
            }
            Problem::Unmapped => f.write_str(
                "nobody can tell whose it is: the uid of stopctl has no number in this user \
                 namespace",
            )?,
            Problem::NotADirectory => f.write_str("is not a directory (a link is not taken)")?,
        }
        if self.is_others {
            return Ok(());
        }
        write!(f, "; set {VARIABLE} to use another directory for runs")
    }
}

impl Error for BaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(error),
            Problem::Foreign(_, _)
            | Problem::Writable(_)
            | Problem::Unmapped
            | Problem::NotADirectory => None,
        }
    }
}

impl BaseError {
    /// The error of a call for a file of a run in the base directory at `path`; one that is not about the
    /// file system as a whole comes back.
    pub(crate) fn of_room(path: &Path, error: io::Error) -> Result<Self, io::Error> {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOSPC | Errno::EDQUOT | Errno::EROFS) => Ok(Self::new(path, error)),
            Some(_) | None => Err(error),
        }
    }

    /// The error of a call for the base directory at `path`.
    pub(crate) fn new(path: &Path, error: io::Error) -> Self {
        let no_directory = [Some(libc::ENOTDIR), Some(libc::ELOOP)];
        let problem = if no_directory.contains(&error.raw_os_error()) {
            Problem::NotADirectory
        } else {
            Problem::Io(error)
        };
        Self {
            path: path.to_owned(),
            problem,
            is_others: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BaseError, Path, io};

    #[test]
    fn a_file_system_without_room_is_named_with_what_to_do_and_nothing_else_is_meant() {
        let of = |errno| {
            let error = io::Error::from_raw_os_error(errno);
            BaseError::of_room(Path::new("/x"), error).map(|error| error.to_string())
        };
        for (errno, what) in [
            (libc::ENOSPC, "the file system is full (space or inodes)"),
            (libc::EDQUOT, "the file system is full (space or inodes)"),
            (libc::EROFS, "Read-only file system"),
        ] {
            let said = of(errno).unwrap();
            let wanted = format!("/x: {what}; set STOPCTL_DIR to use another directory for runs");
            assert_eq!(said, wanted);
        }
        assert_eq!(
            of(libc::EMFILE).unwrap_err().raw_os_error(),
            Some(libc::EMFILE)
        );
    }
}
