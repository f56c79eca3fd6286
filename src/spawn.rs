//! Starting a worker: what it inherits, and what happens between fork and exec.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use libc::{SIGINT, SIGPIPE, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use nix::errno::Errno;
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, getpid, getppid, setpgid, setsid, tcsetpgrp};

use crate::failpoint::{self, Role};
use crate::flag::format::RUNNING;
use crate::flag::reader;
use crate::flag::writer::FlagFile;
use crate::notify;
use crate::owner;
use crate::process;
use crate::record::{Birth, Born};
use crate::signals::Children;
use crate::sys::{self, Disposition};
use crate::verdict::Verdict;

mod newborn;

/// The exit code of a child that found, before its program ran, that it must not run.
const NOT_STARTED: i32 = 125;

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
    /// In a session of its own: with a mere group the kernel would send SIGHUP to a stopped worker
    /// when we die, and stop a worker that reads the terminal.
    OwnSession,
    /// In our session, in a group of its own that is lent the terminal, if there is one.
    Foreground,
}

/// What it means to a worker that an engine signals all processes at once, the supervisor's and
/// the workers' alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// What it means to any program.
    Open,
    /// Nothing: it starts with SIGTERM and SIGINT ignored. A program that wants them installs a
    /// handler.
    Shielded,
}

/// How to start each worker of a run.
#[derive(Debug)]
pub struct Recipe {
    /// The program and its arguments; not empty.
    pub command: Vec<OsString>,
    /// The run's name, for the worker.
    pub run: String,
    /// The socket that the worker may speak to.
    pub notify: Option<PathBuf>,
    /// How many workers there are, for the worker.
    pub workers: u32,
    /// Where it runs.
    pub place: Place,
    /// Its standard input.
    pub stdin: Stdin,
    /// Whether it is shielded from what is not meant for it.
    pub exposure: Exposure,
    /// What the ladder sends instead of SIGTERM: it must not be ignored.
    pub stop_signal: i32,
    /// `RLIMIT_NOFILE` as it was before we raised it, soft and hard.
    pub open_files: (rlim_t, rlim_t),
}

/// What one worker gets, besides what all of them get.
#[derive(Debug)]
pub struct Outfit<'a> {
    /// Its number.
    pub number: u32,
    /// Its flag.
    pub flag: &'a FlagFile,
    /// Its place in the record.
    pub birth: Birth,
    /// The file with the owner word.
    pub owner: Arc<File>,
    /// The way into its control group, if it has one.
    pub entry: Option<File>,
    /// The terminal of which it takes the foreground before its program runs.
    pub terminal: Option<Arc<File>>,
}

/// A worker could not be started.
#[derive(Debug)]
pub enum SpawnError {
    /// The program was not found.
    NotFound(io::Error),
    /// The program was found and cannot be run.
    NotRunnable(io::Error),
    /// There was no process to run it in.
    NoProcess(io::Error),
}

impl SpawnError {
    /// The exit status of a run whose first worker could not be started.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::NotFound(_) => 127,
            Self::NotRunnable(_) => 126,
            Self::NoProcess(_) => Verdict::FAILED,
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(error) | Self::NotRunnable(error) => error.fmt(f),
            Self::NoProcess(error) => write!(f, "no process for it: {error}"),
        }
    }
}

impl Error for SpawnError {}

impl Recipe {
    /// Starts a worker; answers its pid. Returns once its program runs. What is heard of other
    /// `children` meanwhile is noted.
    ///
    /// # Errors
    ///
    /// As fork(2) and execvp(3). Nothing of it is left then.
    pub fn start(&self, outfit: Outfit<'_>, children: &Children) -> Result<i32, SpawnError> {
        let Outfit {
            number,
            flag,
            birth,
            owner,
            entry,
            terminal,
        } = outfit;
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .env(reader::VARIABLE, flag.path())
            .env("STOPCTL_RUN", &self.run)
            .env("STOPCTL_WORKER", number.to_string())
            .env("STOPCTL_WORKERS", self.workers.to_string());
        // Whoever started us did not mean them for our workers.
        for name in notify::OURS_ALONE {
            command.env_remove(name);
        }
        if let Some(socket) = &self.notify {
            command.env(notify::SOCKET, socket);
        }
        if self.stdin == Stdin::Null {
            command.stdin(Stdio::null());
        }
        let conditions = Conditions {
            supervisor: getpid().as_raw(),
            flag: flag.file(),
            owner,
        };
        let (place, stop_signal, exposure) = (self.place, self.stop_signal, self.exposure);
        let (soft, hard) = self.open_files;
        failpoint::pass("to be forked");
        sys::before_exec(&mut command, move || {
            failpoint::enter(Role::Child(number));
            failpoint::pass("child");
            match place {
                Place::OwnSession => drop(setsid()?),
                Place::Foreground => setpgid(Pid::from_raw(0), Pid::from_raw(0))?,
            }
            if let Some(terminal) = &terminal {
                // Who has closed it meanwhile stops the run.
                let _ = tcsetpgrp(terminal, getpid());
            }
            restore_dispositions(stop_signal)?;
            if exposure == Exposure::Shielded {
                shield()?;
            }
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
            // ORDER: on record first, then the look whether to run at all. Whoever takes over
            // after a crash in between finds either no process or one that it knows.
            failpoint::pass("child prepared");
            if let Some(entry) = &entry {
                // Whoever writes 0 is meant (cgroups(7)).
                (&*entry).write_all(b"0")?;
            }
            announce(&birth)?;
            failpoint::pass("birth written");
            if !conditions.hold() {
                sys::exit_now(NOT_STARTED);
            }
            failpoint::pass("conditions hold");
            SigSet::empty().thread_set_mask()?;
            failpoint::pass("to be exec'ed");
            Ok(())
        });
        newborn::start(&mut command, children).map_err(classified)
    }
}

/// What must be true for a worker's program to run.
struct Conditions {
    supervisor: i32,
    flag: Option<Arc<File>>,
    owner: Arc<File>,
}

impl Conditions {
    /// Whether the parent is still the supervisor, it still enforces, and nobody asked to stop.
    fn hold(&self) -> bool {
        let mut word = [0; 4];
        let owned = self.owner.read_exact_at(&mut word, 0).is_ok()
            && !owner::has_died(u32::from_ne_bytes(word));
        let mut level = [0];
        let read = |file: &Arc<File>| file.read_exact_at(&mut level, 0).is_ok();
        let down = self.flag.as_ref().is_some_and(read) && level[0] == RUNNING;
        getppid().as_raw() == self.supervisor && owned && down
    }
}

/// Sets every signal to what a program expects. What was ignored when we started stays ignored
/// (nohup, background jobs), but for what the ladder itself is made of, which we have reset for us.
fn restore_dispositions(stop_signal: i32) -> io::Result<()> {
    if stop_signal != SIGTERM {
        sys::set_disposition(stop_signal, Disposition::Default)?;
    }
    // A Ctrl-Z that reached us in this window is pending: ignoring discards it. A child that is
    // stopped before its exec would hang us for ever.
    for signal in [SIGTSTP, SIGTTIN, SIGTTOU]
        .into_iter()
        .filter(|&signal| sys::is_pending(signal) && !sys::is_ignored(signal))
    {
        sys::set_disposition(signal, Disposition::Ignore)?;
        sys::set_disposition(signal, Disposition::Default)?;
    }
    if sys::sigpipe_was_ignored() {
        sys::set_disposition(SIGPIPE, Disposition::Ignore)?;
    }
    Ok(())
}

/// Has the program start with what engines send to everybody ignored: that is inherited (execve(2)).
fn shield() -> io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        sys::set_disposition(signal, Disposition::Ignore)?;
    }
    Ok(())
}

/// Writes who we are into the record; without an allocation, for we are between fork and exec.
fn announce(birth: &Birth) -> io::Result<()> {
    let pid = getpid().as_raw();
    let inode = process::open(pid).ok();
    birth.write(&Born {
        pid,
        start: process::own_start(&mut [0; 1024]),
        inode: inode.as_ref().and_then(process::pidfs_inode),
    })
}

fn classified(error: io::Error) -> SpawnError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => SpawnError::NotFound(error),
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE | Errno::ENOSPC) => {
            SpawnError::NoProcess(error)
        }
        Some(_) | None => SpawnError::NotRunnable(error),
    }
}
