//! Signals to a command that only waits for others, turned into what they mean for the waiting.
//!
//! A handler notes each signal, and the signal ends the sleep that it interrupts. A signal that
//! arrives after the last check and before the sleep is noticed when that sleep ends; sleeps are
//! short, because futex(2) cannot unblock signals during a sleep as ppoll(2) can.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::flag;

use crate::linux::sys;

/// What a signal means for the waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The waiting is over; this signal ends the process.
    End(i32),
    /// The process is to be stopped (Ctrl-Z): see [`suspend`].
    Suspend,
    /// The process was stopped, and has been continued.
    Continued,
}

/// The signals that end a command that waits.
const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// The signals that have arrived.
#[derive(Debug)]
pub struct Interrupts {
    /// In the order in which they are taken if several have arrived.
    noted: Vec<(Interruption, Arc<AtomicBool>)>,
}

impl Interrupts {
    /// Notes signals from now on, except those that are ignored (nohup, background jobs).
    ///
    /// The second signal that would end the process does so at once, as if there were no handler: a
    /// command that is busy may not have acted on the first one.
    ///
    /// # Errors
    ///
    /// As sigaction(2).
    pub fn install() -> io::Result<Self> {
        let mut noted = Vec::new();
        let ending = ENDING.map(|signal| (signal, Interruption::End(signal)));
        let others = [
            (SIGTSTP, Interruption::Suspend),
            (SIGCONT, Interruption::Continued),
        ];
        for (signal, means) in ending.into_iter().chain(others) {
            if sys::is_ignored(signal) {
                continue;
            }
            let seen = Arc::new(AtomicBool::new(false));
            if matches!(means, Interruption::End(_)) {
                flag::register_conditional_default(signal, Arc::clone(&seen))?;
            }
            flag::register(signal, Arc::clone(&seen))?;
            noted.push((means, seen));
        }
        // Whoever draws reads the size each time: this signal only has to end a sleep.
        flag::register(SIGWINCH, Arc::default())?;
        Ok(Self { noted })
    }

    /// What has arrived since the last call, the most important first. An end is returned by every
    /// call.
    #[must_use]
    pub fn take(&self) -> Option<Interruption> {
        let came = |(means, seen): &&(Interruption, Arc<AtomicBool>)| match means {
            Interruption::End(_) => seen.load(Ordering::Relaxed),
            Interruption::Suspend | Interruption::Continued => seen.swap(false, Ordering::Relaxed),
        };
        self.noted.iter().find(came).map(|&(means, _)| means)
    }
}

/// Stops this process as Ctrl-Z does; returns when it is continued, or at once if nobody could
/// continue it (an orphaned process group, setpgid(2)).
pub fn suspend() {
    // If the handler could not be removed, the process is not stopped.
    let _ = sys::act_by_default(SIGTSTP);
}
