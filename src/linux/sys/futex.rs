//! Sleeping on a word of shared memory, and waking those who sleep there (futex(2)).

use std::sync::atomic::AtomicU32;
use std::time::Duration;

#[cfg(feature = "cli")]
use super::SharedPage;

/// Sleeps while `word` holds `expected`, for at most `timeout` (futex(2), `FUTEX_WAIT`, shared).
/// It may also return for no reason: the caller must check the word again.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Duration) {
    let time = libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: the kernel reads the word and the time; both outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            &raw const time,
        )
    };
}

/// Wakes every process that sleeps on the first word of `page` (futex(2), `FUTEX_WAKE`, shared).
#[cfg(feature = "cli")]
pub(crate) fn futex_wake_all(page: &SharedPage) {
    let (word, all) = (page.word(0).as_ptr(), libc::c_int::MAX);
    // SAFETY: the kernel uses the address as a name; it reads and writes nothing there.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, all) };
}
