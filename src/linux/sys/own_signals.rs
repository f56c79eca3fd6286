//! Signals of a worker's own process: which ones a thread has blocked, and one that it sends itself.

use std::io;
use std::ptr;

/// All signals are blocked in the calling thread, until this is dropped. A thread that is started
/// meanwhile has them blocked for ever (`pthread_sigmask(3)`).
pub(crate) struct AllBlocked {
    before: libc::sigset_t,
}

impl AllBlocked {
    pub(crate) fn begin() -> Self {
        // SAFETY: all zeroes is a valid sigset_t.
        let (mut all, mut before) =
            unsafe { std::mem::zeroed::<(libc::sigset_t, libc::sigset_t)>() };
        // SAFETY: `all` is a valid place for a set. It cannot fail.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: both sets are valid; the call fails only for an operation that does not exist.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
        Self { before }
    }
}

impl Drop for AllBlocked {
    fn drop(&mut self) {
        // SAFETY: the set is the one that the kernel answered.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut())
        };
    }
}

/// Sends a signal to this process (kill(2)).
pub(crate) fn signal_ourselves(signal: i32) -> io::Result<()> {
    // SAFETY: takes nothing.
    let ourselves = unsafe { libc::getpid() };
    // SAFETY: takes two numbers.
    match unsafe { libc::kill(ourselves, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
