//! Signals to the supervisor, turned into what they ask for, once, here.
//!
//! All signals are blocked except while the supervisor waits (ppoll(2)): so none can arrive
//! between a look and a sleep, none interrupts any other call, and a handler has nothing to do
//! but to set a flag.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{
    SIGALRM, SIGBUS, SIGCHLD, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGPWR, SIGQUIT, SIGSEGV, SIGSTKFLT,
    SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use nix::sys::signal::SigSet;

use crate::sys::{self, Disposition};

/// What a signal asks the supervisor for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
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

/// Those whose default would end us, and that mean nothing special: they ask to stop, once.
/// Signals of a crash (SIGSEGV, SIGABRT, …) are not among them: who crashes does not go on.
const DEADLY: [i32; 10] = [
    SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXCPU, SIGXFSZ,
];

/// Where they are noted.
#[derive(Debug)]
pub struct Signals {
    /// In the order in which they are looked at when several have come.
    noted: Vec<(Ask, Arc<AtomicBool>)>,
    child: Arc<AtomicBool>,
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
    /// As sigaction(2), for a number that is no signal.
    pub fn install(forward: &[i32]) -> io::Result<Self> {
        SigSet::all().thread_set_mask()?;
        // An inherited "ignored" would have every child reaped without us.
        sys::set_disposition(SIGCHLD, Disposition::Default)?;
        // Rust's runtime looks there for overflows of the stack, and lets one that was sent by
        // somebody pass without a death.
        for crash in [SIGSEGV, SIGBUS] {
            sys::set_disposition(crash, Disposition::Default)?;
        }
        let child = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGCHLD, Arc::clone(&child))?;
        let mut signals = Self {
            noted: Vec::new(),
            child,
        };
        signals.note(SIGTERM, Ask::Term)?;
        let asks = [
            (SIGHUP, Ask::Hangup),
            (SIGINT, Ask::Interrupt),
            (SIGQUIT, Ask::Quit),
        ];
        let deadly = DEADLY
            .into_iter()
            .chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
        let asks = asks
            .into_iter()
            .chain(deadly.map(|signal| (signal, Ask::Other(signal))));
        for (signal, ask) in asks.filter(|(signal, _)| !forward.contains(signal)) {
            if !sys::is_ignored(signal) {
                signals.note(signal, ask)?;
            }
        }
        for &signal in forward {
            if !sys::is_ignored(signal) {
                signals.note(signal, Ask::Forward(signal))?;
            }
        }
        Ok(signals)
    }

    fn note(&mut self, signal: i32, ask: Ask) -> io::Result<()> {
        let seen = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal, Arc::clone(&seen))?;
        self.noted.push((ask, seen));
        Ok(())
    }

    /// What was asked for since the last call. The same signal twice in between is once: they
    /// are levels, as in the kernel.
    pub fn take(&mut self) -> Vec<Ask> {
        let seen = self
            .noted
            .iter()
            .filter(|(_, seen)| seen.swap(false, Ordering::Relaxed));
        let mut asks: Vec<Ask> = seen.map(|&(ask, _)| ask).collect();
        asks.dedup();
        asks
    }

    /// There are children that have ended and were not looked at.
    pub fn keep_child(&mut self) {
        self.child.store(true, Ordering::Relaxed);
    }

    /// Whether there are, as far as is known without waiting.
    #[must_use]
    pub fn has_child(&self) -> bool {
        self.child.load(Ordering::Relaxed)
    }

    /// Whether a child may have ended since the last call.
    pub fn take_child(&mut self) -> bool {
        self.child.swap(false, Ordering::Relaxed)
    }
}
