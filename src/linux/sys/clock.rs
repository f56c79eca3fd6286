//! The clock of every deadline, `CLOCK_MONOTONIC`.

use std::sync::OnceLock;

use crate::words::moment::Moment;

/// The time on `CLOCK_MONOTONIC` (`clock_gettime(2)`): it does not jump, and every process of the
/// machine reads the same time.
#[must_use]
pub fn now() -> Moment {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer. The call cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    let read = seconds * 1_000_000_000 + nanos;
    Moment::from_nanos(read.saturating_add_signed(shift().unwrap_or(0)))
}

static SHIFT: OnceLock<i64> = OnceLock::new();

/// Makes [`now`] tell the time of a clock that is this many nanoseconds ahead of ours, the clock of
/// another time namespace (`time_namespaces(7)`). Only the first call counts: time does not jump.
#[cfg(feature = "cli")]
pub(crate) fn shift_clock(nanoseconds: i64) {
    let _ = SHIFT.set(nanoseconds);
}

/// How far the time that [`now`] tells is ahead of the clock that the kernel shows us; `None` if
/// [`now`] tells the time of that clock.
pub(crate) fn shift() -> Option<i64> {
    SHIFT.get().copied()
}
