//! Why a worker could not be started, and how its child tells that through a pipe.

use std::error::Error;
use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::decide::verdict::Verdict;

/// A worker could not be started.
#[derive(Debug)]
pub enum SpawnError {
    /// The program was not found.
    NotFound(io::Error),
    /// The program was found and cannot be run.
    NotRunnable(io::Error),
    /// Something that every worker needs could not be had: what that was.
    Lacks(&'static str, io::Error),
}

impl SpawnError {
    /// Of fork(2), and of an exec for which there was no room.
    pub(super) const PROCESS: &'static str = "no process for it";

    /// The exit status of a run whose first worker could not be started.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::NotFound(_) => 127,
            Self::NotRunnable(_) => 126,
            Self::Lacks(..) => Verdict::FAILED,
        }
    }

    /// What an error of execve(2) means.
    fn of_exec(error: io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENOTDIR) => Self::NotFound(error),
            Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE | Errno::ENOSPC) => {
                Self::Lacks(Self::PROCESS, error)
            }
            Some(_) | None => Self::NotRunnable(error),
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(error) | Self::NotRunnable(error) => error.fmt(f),
            Self::Lacks(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotFound(error) | Self::NotRunnable(error) | Self::Lacks(_, error) => Some(error),
        }
    }
}

/// A step of a child on the way to its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Session,
    Signals,
    OpenFiles,
    Stdin,
    Cgroup,
    Record,
    Exec,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Session,
        Self::Signals,
        Self::OpenFiles,
        Self::Stdin,
        Self::Cgroup,
        Self::Record,
        Self::Exec,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Session => "a session of its own",
            Self::Signals => "its signals",
            Self::OpenFiles => "its limit of open files",
            Self::Stdin => "its standard input",
            Self::Cgroup => "its control group",
            Self::Record => "its place in the file 'record'",
            Self::Exec => "its program",
        }
    }

    /// What may follow this step by `?`.
    pub(super) fn failed<E: Into<io::Error>>(self) -> impl FnOnce(E) -> Failure {
        move |error| Failure {
            step: self,
            errno: error.into().raw_os_error().unwrap_or(libc::EINVAL),
        }
    }
}

/// The step at which a child failed, and the error of the system call. It is made between fork and
/// exec: nothing of it is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    step: Step,
    errno: i32,
}

impl Failure {
    /// How many bytes it has on its way through the pipe.
    pub(super) const LENGTH: usize = 5;

    pub(super) fn bytes(self) -> [u8; Self::LENGTH] {
        let [a, b, c, d] = self.errno.to_ne_bytes();
        [self.step as u8, a, b, c, d]
    }

    pub(super) fn from_bytes([step, errno @ ..]: [u8; Self::LENGTH]) -> Option<Self> {
        let step = Step::ALL.into_iter().find(|one| *one as u8 == step)?;
        let errno = i32::from_ne_bytes(errno);
        Some(Self { step, errno })
    }

    pub(super) fn error(self) -> SpawnError {
        let error = io::Error::from_raw_os_error(self.errno);
        if self.step == Step::Exec {
            SpawnError::of_exec(error)
        } else {
            SpawnError::Lacks(self.step.name(), error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Failure, SpawnError, Step};

    #[test]
    fn every_failure_comes_through_the_pipe_as_it_was() {
        for step in Step::ALL {
            for errno in [1, libc::ENOENT, i32::MAX] {
                let failure = step.failed()(io::Error::from_raw_os_error(errno));
                assert_eq!(Failure::from_bytes(failure.bytes()), Some(failure));
            }
        }
        assert_eq!(Failure::from_bytes([7, 0, 0, 0, 0]), None);
    }

    #[test]
    fn only_the_exec_has_statuses_of_its_own() {
        let status = |step: Step, errno| {
            let failure = step.failed()(io::Error::from_raw_os_error(errno));
            failure.error().status()
        };
        for step in Step::ALL.into_iter().filter(|step| *step != Step::Exec) {
            for errno in [libc::ENOENT, libc::EACCES, libc::ENOMEM] {
                assert_eq!(status(step, errno), 125, "{step:?}");
            }
        }
        let exec = |errno| status(Step::Exec, errno);
        assert_eq!([libc::ENOENT, libc::ENOTDIR].map(exec), [127, 127]);
        let cannot = [libc::EACCES, libc::ENOEXEC, libc::ETXTBSY, libc::E2BIG];
        assert_eq!(cannot.map(exec), [126; 4]);
        let room = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
        assert_eq!(room.map(exec), [125; 4]);
    }

    #[test]
    fn what_is_lacking_is_named() {
        let failure = Step::Cgroup.failed()(io::Error::from_raw_os_error(libc::EBUSY));
        let error: SpawnError = failure.error();
        assert!(error.to_string().starts_with("its control group: "));
    }
}
