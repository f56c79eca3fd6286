//! Why a worker could not be started, and how the child tells us so through a pipe.

use std::error::Error;
use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::decide::verdict::NotStarted;
use crate::linux::plain::plain;

/// A worker could not be started.
#[derive(Debug)]
pub enum SpawnError {
    /// The program was not found.
    NotFound(io::Error),
    /// The program was found and cannot be run.
    NotRunnable(io::Error),
    /// Something that every worker needs could not be had: what it was.
    Lacks(&'static str, io::Error),
}

impl SpawnError {
    /// What is lacking when fork(2) fails, or when there is no room for an exec.
    pub(super) const PROCESS: &'static str = "no process for it";

    /// What that means for a run whose first worker it is.
    #[must_use]
    pub fn why(&self) -> NotStarted {
        match self {
            Self::NotFound(_) => NotStarted::NotFound,
            Self::NotRunnable(_) => NotStarted::NotRunnable,
            Self::Lacks(..) => NotStarted::Lacks,
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
            Self::NotFound(error) | Self::NotRunnable(error) => plain(error).fmt(f),
            Self::Lacks(what, error) => write!(f, "{what}: {}", plain(error)),
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

    /// Turns an error of this step into the failure that the child tells of.
    pub(super) fn failed<E: Into<io::Error>>(self) -> impl FnOnce(E) -> Failure {
        move |error| Failure {
            step: self,
            errno: error.into().raw_os_error().unwrap_or(libc::EINVAL),
        }
    }
}

/// The step at which a child failed, and the error of the system call. It is made between fork and
/// exec, so it allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    step: Step,
    errno: i32,
}

impl Failure {
    /// How many bytes it takes in the pipe.
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

    use super::{Failure, NotStarted, SpawnError, Step};

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
    fn only_the_exec_tells_of_the_program() {
        let why = |step: Step, errno| {
            let failure = step.failed()(io::Error::from_raw_os_error(errno));
            failure.error().why()
        };
        for step in Step::ALL.into_iter().filter(|step| *step != Step::Exec) {
            for errno in [libc::ENOENT, libc::EACCES, libc::ENOMEM] {
                assert_eq!(why(step, errno), NotStarted::Lacks, "{step:?}");
            }
        }
        let exec = |errno| why(Step::Exec, errno);
        assert_eq!(
            [libc::ENOENT, libc::ENOTDIR].map(exec),
            [NotStarted::NotFound; 2]
        );
        let cannot = [libc::EACCES, libc::ENOEXEC, libc::ETXTBSY, libc::E2BIG];
        assert_eq!(cannot.map(exec), [NotStarted::NotRunnable; 4]);
        let room = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
        assert_eq!(room.map(exec), [NotStarted::Lacks; 4]);
    }

    #[test]
    fn what_is_lacking_is_named() {
        let failure = Step::Cgroup.failed()(io::Error::from_raw_os_error(libc::EBUSY));
        let error: SpawnError = failure.error();
        assert!(error.to_string().starts_with("its control group: "));
    }
}
