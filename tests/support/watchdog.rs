//! Ends a test that hangs: kills what the test started, by pid, so that the pipes end and the
//! test fails with what it had read.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::processes;

/// Far above what any scenario takes, and the type checkers and compilers that some of them start,
/// on a machine that is busy with other work too.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) struct Watchdog {
    fired: Arc<AtomicBool>,
    // Dropping it calls the dog off.
    _leash: Sender<()>,
}

impl Watchdog {
    /// Watches a child that is not reaped before this value is dropped: so its pid stays its own.
    pub(crate) fn over(child: Pid, root: PathBuf) -> Self {
        let (leash, called_off) = channel::<()>();
        let fired = Arc::new(AtomicBool::new(false));
        let barks = Arc::clone(&fired);
        thread::spawn(move || {
            if called_off.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                barks.store(true, Ordering::SeqCst);
                let _ = kill(child, Signal::SIGKILL);
                processes::kill_with_in_environment(&root);
            }
        });
        Self {
            fired,
            _leash: leash,
        }
    }

    pub(crate) fn fired(&self) -> bool {
        self.fired.load(Ordering::SeqCst)
    }
}
