//! Signals to the supervisor, turned into what they mean, once, here.
//!
//! All signals are blocked, and those that mean something are read from a descriptor
//! (signalfd(2)): so none can be missed between a check and a sleep, and none interrupts a call.
//!
//! A library that somebody loads into this process may have threads that block nothing. A signal
//! that one of them takes would have its default effect: it would end us without a message or, for
//! the end of a child, do nothing. So if there are threads when we start, each signal has a handler,
//! which redirects it to the thread that reads signals.

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

/// What a signal means to the supervisor.
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

    /// Its place in the order in which several are handled.
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

/// The signals that keep their default effect while the supervisor waits: those of a crash, because a
/// process that crashes does not go on, and those that neither end nor stop a process by default.
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

/// How many are read at one wake-up, so that a flood of real-time signals, which queue up, cannot
/// hold up the ladder. The signals that request a stop are read first: the kernel hands out the
/// lowest number first (signal(7)).
const AT_ONCE: usize = 64;

/// The signals of the supervisor.
#[derive(Debug)]
pub struct Signals {
    awaited: SignalFd,
    /// SIGIO is read separately: when the kernel sends it as a notice, nobody has requested anything.
    notices: SignalFd,
    children: Children,
    suspend: Suspend,
    /// The signals that are always blocked.
    blocked: SigSet,
    forward: Vec<i32>,
    /// Whether a notice of a change in a directory has not been acted on.
    noticed: Cell<bool>,
    /// Whether somebody, and not the kernel, has sent SIGIO.
    requested_by_io: Cell<bool>,
}

impl Signals {
    /// Blocks every signal, and reads those that mean something; `forward` are passed on.
    ///
    /// INT, HUP, QUIT and the forwarded signals stay ignored if they were ignored when we started
    /// (nohup, background jobs), for us and for the workers. TERM never does: container engines use
    /// it to request a stop.
    ///
    /// # Errors
    ///
    /// As signalfd(2): too many files may be open.
    pub fn install(forward: &[i32]) -> io::Result<Self> {
        SigSet::all().thread_set_mask()?;
        // The ladder needs the first two, for us and for the workers. If SIGCHLD were still ignored,
        // the kernel would reap every child without us. Rust's runtime handles the two of a crash to
        // detect stack overflows, and ignores the first one that somebody sends.
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
            // If a file of ours may not grow, a line is lost; that is not a request to stop.
            sys::set_disposition(SIGXFSZ, Disposition::Ignore)?;
        }
        // A thread that is created from here on inherits what this one blocks (pthread_sigmask(3)).
        if !is_alone() {
            let blocked = |signal: &i32| is_blocked(&blocked, *signal);
            for signal in (1..=libc::SIGRTMAX()).filter(blocked) {
                // Refused for SIGKILL, SIGSTOP and the signals that the C library reserves.
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

    /// What was sent since the last call. A signal that was sent twice in between counts once:
    /// signals are levels, as in the kernel.
    pub fn take(&self) -> Vec<Meaning> {
        let mut signals = Vec::new();
        for _ in 0..AT_ONCE {
            let Ok(Some(come)) = self.awaited.read_signal() else {
                break;
            };
            signals.extend(i32::try_from(come.ssi_signo));
        }
        self.note();
        if self.requested_by_io.take() {
            signals.push(SIGIO);
        }
        signals.sort_unstable();
        signals.dedup();
        // A signal that is ignored still arrives if it is blocked.
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
            // By default it would have ended us.
            _ => Meaning::Other(signal),
        }
    }

    /// Whether the kernel has sent notice of a change in a directory since the last call.
    pub fn take_notice(&self) -> bool {
        self.note();
        self.noticed.take()
    }

    /// Whether somebody has sent SIGIO, which the kernel uses for notices.
    #[must_use]
    pub fn has_request(&self) -> bool {
        self.requested_by_io.get()
    }

    fn note(&self) {
        for _ in 0..AT_ONCE {
            let Ok(Some(come)) = self.notices.read_signal() else {
                break;
            };
            // If a thread of a library took it and redirected it here, it hardly ever is a request.
            let is_notice = come.ssi_code > 0 || come.ssi_code == libc::SI_TKILL;
            let news = if is_notice {
                &self.noticed
            } else {
                &self.requested_by_io
            };
            news.set(true);
        }
    }

    /// The news of our children.
    #[must_use]
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// The signals that suspend: they stay pending until we are ready for them.
    #[must_use]
    pub fn suspend(&self) -> &Suspend {
        &self.suspend
    }

    /// The same, for raising and obeying them.
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

    /// The signals that are always blocked.
    #[must_use]
    pub fn blocked(&self) -> &SigSet {
        &self.blocked
    }
}

/// Whether this is certainly the only thread of this process: its directory of threads has two links,
/// and one more for each thread (proc(5)).
fn is_alone() -> bool {
    Path::new("/proc/self/task")
        .metadata()
        .is_ok_and(|tasks| tasks.nlink() == 3)
}

/// Whether `signal` is in the set. `SigSet` cannot tell that of real-time signals, which are all
/// blocked.
fn is_blocked(blocked: &SigSet, signal: i32) -> bool {
    Signal::try_from(signal).map_or(true, |signal| blocked.contains(signal))
}
