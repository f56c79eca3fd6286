//! Starting a worker: what it inherits, and the fork.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::resource::rlim_t;

use crate::contract::flag::reader;
use crate::contract::flag::writer::FlagFile;
use crate::contract::notify;
use crate::contract::record::Birth;
use crate::decide::verdict::Verdict;
use crate::failpoint;
use crate::linux::sys;
use crate::words::worker_number::WorkerNumber;

pub use environment::Environment;
pub use error::SpawnError;
pub use newborn::Newborn;
#[cfg(test)]
pub(in crate::run) use newborn::{Telling, pipe as newborn_pipe};
pub use program::Program;

use child::{Child, NotToRun};
use environment::Room;

mod child;
mod conditions;
mod environment;
mod error;
mod newborn;
mod program;

/// The variables that tell a worker about its run, besides the one of its flag.
const RUN: &str = "STOPCTL_RUN";
const WORKER: &str = "STOPCTL_WORKER";
const WORKERS: &str = "STOPCTL_WORKERS";

/// What a worker reads on its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// What we read.
    Inherit,
    /// Nothing.
    Null,
}

/// Where a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a session of its own: in a mere group a stopped worker would get SIGHUP from the kernel
    /// when we die, and a worker that reads the terminal would be stopped.
    OwnSession,
    /// In our session, in a group of its own, which is lent the terminal if there is one.
    Foreground,
}

/// What it means to a worker when an engine signals all processes at once, the supervisor and the
/// workers alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// What it means to any program.
    Open,
    /// Nothing: the worker starts with SIGTERM and SIGINT ignored. A program that wants them installs
    /// a handler.
    Shielded,
}

/// How to start each worker of a run.
#[derive(Debug)]
pub struct Recipe {
    /// The program and its arguments.
    pub program: Program,
    /// What we inherited, as workers do.
    pub environment: Environment,
    /// The run's name, for the worker.
    pub run: String,
    /// The socket that the worker may speak to.
    pub notify: Option<PathBuf>,
    /// How many workers there are, for the worker.
    pub workers: u32,
    /// Where it runs.
    pub place: Place,
    /// What it reads instead of what we read.
    pub null: Option<File>,
    /// Whether it is shielded from signals that are not meant for it.
    pub exposure: Exposure,
    /// What the ladder sends instead of SIGTERM: the worker must not start with it ignored.
    pub stop_signal: i32,
    /// `RLIMIT_NOFILE` as it was before we raised it, soft and hard.
    pub open_files: (rlim_t, rlim_t),
}

/// The names of the variables that a worker does not inherit: those that we set for it, and those
/// that whoever started us meant for us and not for our workers.
#[must_use]
pub fn ours_alone() -> Vec<&'static str> {
    let anew = [reader::VARIABLE, RUN, WORKER, WORKERS];
    anew.into_iter().chain(notify::OURS_ALONE).collect()
}

/// What one worker gets besides what all of them get.
#[derive(Debug)]
pub struct Outfit<'a> {
    /// Its number.
    pub number: WorkerNumber,
    /// Its flag.
    pub flag: &'a FlagFile,
    /// Where it puts itself on record.
    pub birth: Birth,
    /// The file with the owner word.
    pub owner: Arc<File>,
    /// The way into its control group, if it has one.
    pub entry: Option<File>,
    /// The terminal whose foreground it takes before its program runs.
    pub terminal: Option<Arc<File>>,
}

impl Recipe {
    /// Starts a worker: afterwards its process is there, and on the way to its program.
    ///
    /// The caller has every signal blocked.
    ///
    /// # Errors
    ///
    /// As pipe(2) and fork(2).
    pub fn start(&self, outfit: &Outfit<'_>) -> Result<Newborn, SpawnError> {
        let lacks = |error| SpawnError::Lacks(SpawnError::PROCESS, error);
        // Everything that the child needs is made before the fork: a thread of a library that was
        // loaded into this process may hold the lock of the allocator at that moment.
        let ours = self.variables(outfit.number, outfit.flag);
        let mut room = Room::new();
        let child = Child::of(self, outfit, &ours);
        let (told, telling) = newborn::pipe().map_err(lacks)?;
        failpoint::pass("to be forked");
        if let Some(pid) = sys::fork().map_err(lacks)? {
            return Ok(Newborn::new(pid, told));
        }
        // A panic must not unwind into the copy of the supervisor: it would stop the workers.
        let room = &mut room;
        let way = AssertUnwindSafe(move || child.go(room));
        let status = match catch_unwind(way) {
            Ok(Err(failure)) => {
                telling.tell(failure);
                failure.error().why().status()
            }
            // The worker was asked to stop before its program ran, so it just leaves.
            Ok(Ok(NotToRun)) => 0,
            Err(_) => Verdict::FAILED,
        };
        sys::exit_now(status.into())
    }

    /// The variables that stopctl sets.
    fn variables(&self, number: WorkerNumber, flag: &FlagFile) -> Vec<CString> {
        let number = number.to_string();
        let workers = self.workers.to_string();
        let variables = [
            (reader::VARIABLE, Some(flag.path().as_os_str())),
            (RUN, Some(self.run.as_ref())),
            (WORKER, Some(number.as_ref())),
            (WORKERS, Some(workers.as_ref())),
            (notify::SOCKET, self.notify.as_deref().map(Path::as_os_str)),
        ];
        let variables = variables.into_iter();
        let entry = |(name, value): (&str, Option<&OsStr>)| {
            let entry = [name.as_bytes(), value?.as_bytes()].join(&b'=');
            // No value can have a zero byte: they are names of files, and numbers.
            CString::new(entry).ok()
        };
        variables.filter_map(entry).collect()
    }
}
