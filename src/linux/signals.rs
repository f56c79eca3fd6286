//! Signals to the supervisor, turned into what they ask for, once, here.
//!
//! All signals are blocked, and those that mean something are read from a descriptor
//! (signalfd(2)): so none can arrive between a look and a sleep, and none interrupts any call.
//!
//! A library that somebody loads into this process may have threads that block nothing. A signal
//! that one of them takes would do its default there: end us without a word, or, as the end of a
//! child, nothing. So where there are threads when we start, each signal has a handler, which brings it
//! to where it is read.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use libc::{SIGBUS, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGQUIT, SIGSEGV, SIGTERM, SIGXFSZ};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::linux::sys::{self, Disposition};

pub use children::Children;
pub use suspend::Suspend;

mod children;
mod suspend;

/// What a signal asks the supervisor for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// SIGINT: stop; again: hurry.
    Interrupt,
    /// SIGTERM: stop; again: at least SIGTERM.
    Term,
    /// Another signal that would have ended us: stop.
    Other(i32),
    /// SIGHUP: stop.
    Hangup,
    /// SIGQUIT: stop; again: SIGKILL.
    Quit,
    /// A signal that is passed on to the workers.
    Forward(i32),
}

impl Meaning {
    /// Its number.
    #[must_use]
    pub fn signal(self) -> i32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Term => SIGTERM,
            Self::Hangup => SIGHUP,
            Self::Quit => SIGQUIT,
            Self::Other(signal) | Self::Forward(signal) => signal,
        }
    }

    /// When it is looked at, if several have come.
    fn priority(self) -> u8 {
        match self {
            Self::Term => 0,
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Quit => 3,
            Self::Other(_) => 4,
            Self::Forward(_) => 5,
        }
    }
}

/// Those that do what they do to any process, while the supervisor waits: the ones of a crash, for
/// who crashes does not go on, and those whose default does not end or stop a process.
const LET_THROUGH: [Signal; 10] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGABRT,
    Signal::SIGTRAP,
    Signal::SIGSYS,
    Signal::SIGCONT,
    Signal::SIGURG,
    Signal::SIGWINCH,
];

/// How many are read at one wake-up: whoever floods us with real-time signals, which queue up, cannot
/// hold up the ladder. Those that ask are read first: the kernel hands out the lowest number first
/// (signal(7)).
const AT_ONCE: usize = 64;

/// Where they are read.
#[derive(Debug)]
pub struct Signals {
    awaited: SignalFd,
    /// SIGIO is apart: what the kernel tells by it is nobody's ask.
    notices: SignalFd,
    children: Children,
    suspend: Suspend,
    /// Those that are never let through.
    blocked: SigSet,
    forward: Vec<i32>,
    /// Whether there was news of a directory that nobody has acted on.
    noticed: Cell<bool>,
    /// Whether somebody has sent the same signal.
    requested_by_io: Cell<bool>,
}

impl Signals {
    /// Blocks every signal and has those noted that mean something; `forward` are passed on.
    ///
    /// INT, HUP, QUIT and the forwarded ones that were ignored when we started stay ignored
    /// (nohup, background jobs), for us and for the workers. TERM never does: it is how engines
    /// ask.
    ///
    /// # Errors
    ///
    /// As signalfd(2): too many files may be open.
    pub fn install(forward: &[i32]) -> io::Result<Self> {
        SigSet::all().thread_set_mask()?;
        // The ladder is made of the first two, for us and for the workers. An inherited "ignored"
        // would have every child reaped without us. Rust's runtime looks at the two of a crash for
        // overflows of the stack, and lets one that was sent by somebody pass without a death.
        for signal in [SIGTERM, SIGCONT, SIGCHLD, SIGSEGV, SIGBUS] {
            sys::set_disposition(signal, Disposition::Default)?;
        }
        let is_passed_on = |signal: &Signal| forward.contains(&(*signal as i32));
        let mut blocked = SigSet::all();
        for signal in LET_THROUGH
            .into_iter()
            .filter(|signal| !is_passed_on(signal))
        {
            blocked.remove(signal);
        }
        if !forward.contains(&SIGXFSZ) {
            // A file of ours that may not grow is a line that is lost, and no request.
            sys::set_disposition(SIGXFSZ, Disposition::Ignore)?;
        }
        // A thread that is made from here on inherits what this one blocks (pthread_sigmask(3)).
        if !is_alone() {
            let blocked = |signal: &i32| is_blocked(&blocked, *signal);
            for signal in (1..=libc::SIGRTMAX()).filter(blocked) {
                // Refused for SIGKILL, SIGSTOP and what the C library keeps for itself.
                let _ = sys::redirect_to_main_thread(signal);
            }
        }
        let suspend = Suspend::new(forward)?;
        let mut awaited = blocked;
        awaited.remove(Signal::SIGCHLD);
        awaited.remove(Signal::SIGIO);
        for signal in suspend.signals() {
            awaited.remove(signal);
        }
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self {
            awaited: SignalFd::with_flags(&awaited, flags)?,
            notices: SignalFd::with_flags(&SigSet::from(Signal::SIGIO), flags)?,
            children: Children::new()?,
            suspend,
            blocked,
            forward: forward.to_vec(),
            noticed: Cell::new(false),
            requested_by_io: Cell::new(false),
        })
    }

    /// What was asked for since the last call. The same signal twice in between is once: they
    /// are levels, as in the kernel.
    pub fn take(&self) -> Vec<Meaning> {
        let mut signals = Vec::new();
        for _ in 0..AT_ONCE {
            let Ok(Some(come)) = self.awaited.read_signal() else {
                break;
            };
            signals.push(come.ssi_signo.cast_signed());
        }
        self.note();
        if self.requested_by_io.take() {
            signals.push(SIGIO);
        }
        signals.sort_unstable();
        signals.dedup();
        // Blocked, one that is ignored comes all the same.
        signals.retain(|&signal| !sys::is_ignored(signal));
        let mut meanings: Vec<Meaning> = signals
            .into_iter()
            .map(|one| self.meaning_of(one))
            .collect();
        meanings.sort_by_key(|meaning| meaning.priority());
        meanings
    }

    fn meaning_of(&self, signal: i32) -> Meaning {
        match signal {
            _ if self.forward.contains(&signal) => Meaning::Forward(signal),
            SIGTERM => Meaning::Term,
            SIGHUP => Meaning::Hangup,
            SIGINT => Meaning::Interrupt,
            SIGQUIT => Meaning::Quit,
            // Its default would have ended us.
            _ => Meaning::Other(signal),
        }
    }

    /// Whether the kernel has told of a change in a directory since the last call.
    pub fn take_notice(&self) -> bool {
        self.note();
        self.noticed.take()
    }

    /// Whether somebody has sent what the kernel tells changes by.
    #[must_use]
    pub fn has_request(&self) -> bool {
        self.requested_by_io.get()
    }

    fn note(&self) {
        for _ in 0..AT_ONCE {
            let Ok(Some(come)) = self.notices.read_signal() else {
                break;
            };
            // What a thread of a library took, and brought here, is hardly ever somebody's ask.
            let is_notice = come.ssi_code > 0 || come.ssi_code == libc::SI_TKILL;
            let news = if is_notice {
                &self.noticed
            } else {
                &self.requested_by_io
            };
            news.set(true);
        }
    }

    /// The news of children.
    #[must_use]
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// Those that suspend: they wait until we are ready for them.
    #[must_use]
    pub fn suspend(&self) -> &Suspend {
        &self.suspend
    }

    /// The same, to have them asked for or obeyed.
    pub fn suspend_mut(&mut self) -> &mut Suspend {
        &mut self.suspend
    }

    /// What to poll for reading.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let children = self.children.as_fd();
        let notices = self.notices.as_fd();
        [
            self.awaited.as_fd(),
            notices,
            children,
            self.suspend.as_fd(),
        ]
        .into_iter()
    }

    /// Those that are never let through.
    #[must_use]
    pub fn blocked(&self) -> &SigSet {
        &self.blocked
    }
}

/// Whether this is certainly the only thread of this process: its directory of threads has two links of
/// its own, and one for each (proc(5)).
fn is_alone() -> bool {
    Path::new("/proc/self/task")
        .metadata()
        .is_ok_and(|tasks| tasks.nlink() == 3)
}

/// Real-time signals, which are in no set that can be asked, are blocked with all others.
fn is_blocked(blocked: &SigSet, signal: i32) -> bool {
    Signal::try_from(signal).map_or(true, |signal| blocked.contains(signal))
}
