//! A child on the way to its program, as its parent sees it.
//!
//! Whatever holds the child up (a debugger, a file system that does not answer) holds up nobody
//! else: a pipe tells when its program runs, and that pipe is polled with everything else.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::SpawnError;
use super::error::Failure;

use crate::words::pid::Pid;

/// A child whose program does not run yet, as far as we know.
#[derive(Debug)]
pub struct Newborn {
    pid: Pid,
    told: File,
}

/// The child's end: the exec closes it.
#[derive(Debug)]
pub(in crate::run) struct Telling(File);

/// A pipe from a child that is about to be forked: our end, and the child's.
pub(in crate::run) fn pipe() -> io::Result<(OwnedFd, Telling)> {
    let (told, telling) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    Ok((told, Telling(telling.into())))
}

impl Telling {
    /// Tells that there will be no program. If nobody reads that any more, nobody needs it.
    pub(super) fn tell(mut self, failure: Failure) {
        let _ = self.0.write_all(&failure.bytes());
    }
}

impl Newborn {
    pub(in crate::run) fn new(pid: Pid, told: OwnedFd) -> Self {
        let told = told.into();
        Self { pid, told }
    }

    /// Its pid, which is that of the worker's main process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What became of it by now: its program runs, or cannot. `None` while it is on the way. A child
    /// that ends before its program runs shows that by its end.
    pub fn fate(&mut self) -> Option<Result<(), SpawnError>> {
        let mut bytes = [0; Failure::LENGTH];
        match self.told.read(&mut bytes) {
            Ok(0) => Some(Ok(())),
            Ok(_) => Failure::from_bytes(bytes).map(|failure| Err(failure.error())),
            Err(_) => None,
        }
    }
}

impl AsFd for Newborn {
    /// Readable once its fate is known.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Newborn, Pid, pipe};
    use crate::decide::verdict::NotStarted;
    use crate::run::spawn::error::Step;

    #[test]
    fn the_fate_of_a_child_is_known_once_its_end_of_the_pipe_has_told_or_is_closed() {
        let (told, telling) = pipe().unwrap();
        let mut child = Newborn::new(Pid::NOBODYS, told);
        assert!(child.fate().is_none());
        drop(telling);
        assert!(matches!(child.fate(), Some(Ok(()))));

        let (told, telling) = pipe().unwrap();
        let mut child = Newborn::new(Pid::NOBODYS, told);
        telling.tell(Step::Exec.failed()(io::Error::from_raw_os_error(
            libc::ENOENT,
        )));
        let fate = child.fate().unwrap();
        assert_eq!(fate.unwrap_err().why(), NotStarted::NotFound);
    }
}
