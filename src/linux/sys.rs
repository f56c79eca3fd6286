//! Every `unsafe` block and every raw system call of the library, each one small, by theme.
//!
//! These files turn calls of the kernel into safe functions that mean what the calls mean, and add
//! nothing. They must never decide anything: no policy, no retries, no defaults.
#![expect(
    unsafe_code,
    reason = "the files of this folder are the only ones that may: the border to the kernel"
)]

#[cfg(feature = "cli")]
use std::io;

#[cfg(feature = "cli")]
mod child;
mod clock;
#[cfg(feature = "cli")]
mod descriptor;
mod events;
#[cfg(feature = "cli")]
mod file;
mod futex;
mod mapping;
mod own_signals;
#[cfg(feature = "cli")]
mod pidfd;
#[cfg(feature = "cli")]
mod program;
#[cfg(feature = "cli")]
mod random;
#[cfg(feature = "cli")]
mod robust;
#[cfg(feature = "cli")]
mod signal;
#[cfg(feature = "cli")]
mod start;
#[cfg(feature = "cli")]
mod writable;

#[cfg(feature = "cli")]
pub(crate) use child::{dead_child, stopped_child};
pub use clock::now;
#[cfg(feature = "cli")]
pub(crate) use clock::{shift, shift_clock};
#[cfg(feature = "cli")]
pub(crate) use descriptor::{
    close_abandoned, close_inherited, received, take_descriptor, unread, window_size,
};
pub(crate) use events::{add_watch, discard, inotify, readable};
#[cfg(feature = "cli")]
pub(crate) use file::{
    attribute, directory_entries, is_mounted_over, is_open_elsewhere, signal_changes,
};
pub(crate) use futex::futex_wait;
#[cfg(feature = "cli")]
pub(crate) use futex::futex_wake_all;
pub(crate) use mapping::SharedPage;
pub(crate) use own_signals::{AllBlocked, signal_ourselves};
#[cfg(feature = "cli")]
pub(crate) use pidfd::{Whom, pid_namespace, pidfd_open, pidfd_signal, time_namespace};
#[cfg(feature = "cli")]
pub(crate) use program::{Words, environment, execve, exit_now, fork, is_secure_exec};
#[cfg(feature = "cli")]
pub(crate) use random::random;
#[cfg(feature = "cli")]
pub(crate) use robust::{TwinPages, forget_robust_words};
#[cfg(feature = "cli")]
pub(crate) use signal::{
    Disposition, act_by_default, discard_pending, ignored_by_us, is_ignored, kill, kill_group,
    kill_own_group, redirect_to_main_thread, set_disposition,
};
#[cfg(feature = "cli")]
pub use start::start;
#[cfg(feature = "cli")]
pub(crate) use writable::WritablePart;

/// Turns the -1 of a system call into the error that `errno` holds.
#[cfg(feature = "cli")]
fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
