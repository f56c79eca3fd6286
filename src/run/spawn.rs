//! Starting a worker: what it inherits, and what happens between fork and exec.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libc::{SIGINT, SIGTERM};
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, dup2_stdin, getpid, getppid, gettid, setpgid, setsid, tcsetpgrp};

use crate::contract::flag::format::RUNNING;
use crate::contract::flag::reader;
use crate::contract::flag::writer::FlagFile;
use crate::contract::notify;
use crate::contract::owner;
use crate::contract::record::{Birth, Born};
use crate::decide::verdict::Verdict;
use crate::failpoint::{self, Role};
use crate::linux::process;
use crate::linux::sys::{self, Disposition, Words};

pub use environment::Environment;
pub use error::SpawnError;
pub use newborn::Newborn;
#[cfg(test)]
pub(in crate::run) use newborn::{Telling, pipe as newborn_pipe};
pub use program::Program;

use crate::words::worker_number::WorkerNumber;
use environment::Room;
use error::{Failure, Step};

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
        let entries = self.environment.entries();
        let entries = entries.chain(ours.iter().map(CString::as_c_str));
        let mut room = Room::new();
        let child = Child {
            recipe: self,
            outfit,
            conditions: Conditions {
                supervisor: getpid().as_raw(),
                thread: gettid().as_raw().unsigned_abs(),
                flag: outfit.flag.file(),
                owner: &outfit.owner,
            },
            environment: Words::of(entries),
            arguments: self.program.arguments(),
            shell: self.program.shell(),
        };
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

/// The child has found that its program must not run any more.
struct NotToRun;

/// All that a child needs between fork and exec, where nothing may be allocated and no lock taken.
struct Child<'a> {
    recipe: &'a Recipe,
    outfit: &'a Outfit<'a>,
    conditions: Conditions<'a>,
    environment: Words<'a>,
    arguments: Words<'a>,
    shell: Words<'a>,
}

impl<'a> Child<'a> {
    /// The way to the program; comes back only if that does not run.
    fn go(mut self, room: &'a mut Room) -> Result<NotToRun, Failure> {
        let (recipe, outfit) = (self.recipe, self.outfit);
        failpoint::enter(Role::Child(outfit.number.get()));
        failpoint::pass("child");
        match recipe.place {
            Place::OwnSession => setsid().map(drop),
            Place::Foreground => setpgid(Pid::from_raw(0), Pid::from_raw(0)),
        }
        .map_err(Step::Session.failed())?;
        if let Some(terminal) = &outfit.terminal {
            // If it fails, somebody has closed the terminal, and that stops the run.
            let _ = tcsetpgrp(terminal, getpid());
        }
        restore_dispositions(recipe.stop_signal).map_err(Step::Signals.failed())?;
        if recipe.exposure == Exposure::Shielded {
            shield().map_err(Step::Signals.failed())?;
        }
        let (soft, hard) = recipe.open_files;
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map_err(Step::OpenFiles.failed())?;
        if let Some(null) = &recipe.null {
            dup2_stdin(null).map_err(Step::Stdin.failed())?;
        }
        // ORDER: first on record, then the check whether to run at all. Whoever takes over after
        // a crash in between finds either no process or one that is on record.
        failpoint::pass("child prepared");
        if let Some(mut entry) = outfit.entry.as_ref() {
            // 0 means the process that writes it (cgroups(7)).
            entry.write_all(b"0").map_err(Step::Cgroup.failed())?;
        }
        let born = born();
        outfit.birth.write(&born).map_err(Step::Record.failed())?;
        failpoint::pass("birth written");
        if !self.conditions.hold() {
            return Ok(NotToRun);
        }
        failpoint::pass("conditions hold");
        let us = (born.pid, born.inode);
        recipe
            .environment
            .name_the_worker(&mut self.environment, us, room);
        let unblocked = SigSet::empty().thread_set_mask();
        unblocked.map_err(Step::Signals.failed())?;
        failpoint::pass("to be exec'ed");
        let (arguments, environment) = (&self.arguments, &self.environment);
        let error = recipe.program.run(arguments, &mut self.shell, environment);
        Err(Step::Exec.failed()(error))
    }
}

/// What must be true for a worker's program to run.
struct Conditions<'a> {
    supervisor: i32,
    /// The thread that the owner word names.
    thread: u32,
    flag: Option<&'a File>,
    owner: &'a File,
}

impl Conditions<'_> {
    /// Whether the parent is still the supervisor, it still enforces, and nobody asked to stop.
    fn hold(&self) -> bool {
        let mut word = [0; 4];
        // This is checked even though the supervisor lives: whoever has taken over from one that was
        // silent cannot know of a child that was not on record by then.
        let owned = self.owner.read_exact_at(&mut word, 0).is_ok()
            && owner::is_owned_by(u32::from_ne_bytes(word), self.thread);
        let mut level = [0];
        let read = |file: &File| file.read_exact_at(&mut level, 0).is_ok();
        let down = self.flag.is_some_and(read) && level[0] == RUNNING;
        // In case the kernel cannot mark the death of an owner: its children get another parent.
        getppid().as_raw() == self.supervisor && owned && down
    }
}

/// Sets every signal to what a program expects. A signal that was ignored when we started stays
/// ignored (nohup, background jobs), except for those of the ladder, which we have reset for
/// ourselves.
fn restore_dispositions(stop_signal: i32) -> io::Result<()> {
    if stop_signal != SIGTERM {
        sys::set_disposition(stop_signal, Disposition::Default)?;
    }
    // A Ctrl-Z that reached us in this window may be pending. A child that it stops is continued, as
    // is every child that is stopped before its program runs.
    for (signal, was_ignored) in sys::ignored_by_us() {
        let to = if was_ignored {
            Disposition::Ignore
        } else {
            Disposition::Default
        };
        sys::set_disposition(signal, to)?;
    }
    Ok(())
}

/// Ignores what engines send to every process. The program inherits that (execve(2)).
fn shield() -> io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        sys::set_disposition(signal, Disposition::Ignore)?;
    }
    Ok(())
}

/// What goes on record about this process, between fork and exec.
fn born() -> Born {
    let pid = getpid().as_raw();
    let inode = process::open(pid).ok();
    Born {
        pid,
        start: process::own_start(&mut [0; 1024]),
        inode: inode.as_ref().and_then(process::pidfs_inode),
    }
}
