//! Signals to who only waits for others, turned into what they mean for the waiting.
//!
//! Each is noted by a handler, and ends the sleep into which it comes. One that comes between the
//! look and the sleep is seen when that sleep ends, which is capped (futex(2) cannot let signals
//! through for the time of a sleep, as ppoll(2) can).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::flag;

use crate::linux::sys;

/// What a signal means for the waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// It is over; this signal ends the process.
    End(i32),
    /// The process is to be stopped (Ctrl-Z): see [`suspend`].
    Suspend,
    /// The process was stopped, and has been continued.
    Continued,
}

/// Those that end a process that waits.
const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Where they are noted.
#[derive(Debug)]
pub struct Interrupts {
    /// In the order in which they are looked at when several have come.
    noted: Vec<(Interruption, Arc<AtomicBool>)>,
}

impl Interrupts {
    /// Has them noted from now on, but for those that are ignored (nohup, background jobs).
    ///
    /// A second one that would end the process does so at once, as if there were no handler:
    /// whoever is busy does not see to the first one.
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
        // Who draws asks for the size each time: this one only ends a sleep.
        flag::register(SIGWINCH, Arc::default())?;
        Ok(Self { noted })
    }

    /// What has come since the last call, the most important first; an end is answered again and
    /// again.
    #[must_use]
    pub fn take(&self) -> Option<Interruption> {
        let came = |(means, seen): &&(Interruption, Arc<AtomicBool>)| match means {
            Interruption::End(_) => seen.load(Ordering::Relaxed),
            Interruption::Suspend | Interruption::Continued => seen.swap(false, Ordering::Relaxed),
        };
        self.noted.iter().find(came).map(|&(means, _)| means)
    }
}

/// Stops this process as Ctrl-Z does; returns once it is continued, or at once if nobody could
/// continue it (an orphaned process group, setpgid(2)).
pub fn suspend() {
    // If the handler could not be taken away, the process is not stopped.
    let _ = sys::act_by_default(SIGTSTP);
}
