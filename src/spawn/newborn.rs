//! A child until its program runs.
//!
//! The standard library waits for that, too, but deaf: a child that somebody stops before its exec
//! would hang it, and every worker with it, for ever.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use libc::{EINVAL, SIGCONT};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::NOT_STARTED;
use crate::process::{self, Target};
use crate::signals::Children;
use crate::sys;

/// Starts `command`; answers its pid once its program runs.
///
/// The caller has every signal blocked.
pub(super) fn start(command: &mut Command, children: &Children) -> io::Result<i32> {
    let (told, telling) = pipe2(OFlag::O_CLOEXEC)?;
    let Some(pid) = sys::fork()? else {
        // It only comes back if its program does not run.
        let error = command.exec().raw_os_error().unwrap_or(EINVAL);
        let _ = File::from(telling).write_all(&error.to_ne_bytes());
        sys::exit_now(NOT_STARTED);
    };
    drop(telling);
    let failed = wait(pid, &mut File::from(told), children);
    match failed {
        None => Ok(pid),
        Some(error) => {
            let _ = process::wait_for(pid);
            Err(io::Error::from_raw_os_error(error))
        }
    }
}

/// Waits for the end of the pipe, which the exec closes; answers the error that came before it.
fn wait(pid: i32, told: &mut File, children: &Children) -> Option<i32> {
    let is_readable = |fd: &PollFd<'_>| fd.any() == Some(true);
    loop {
        let mut fds = [
            PollFd::new(told.as_fd(), PollFlags::POLLIN),
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
        ];
        // Every signal is blocked: nothing interrupts it.
        let _ = poll(&mut fds, PollTimeout::NONE);
        if is_readable(&fds[0]) {
            let mut error = [0; 4];
            let whole = told.read_exact(&mut error).is_ok();
            return whole.then(|| i32::from_ne_bytes(error));
        }
        children.note();
        if process::is_newly_stopped(pid) {
            // Whoever that was meant the program. Should it be gone, the pipe ends.
            let _ = process::signal(Target::Child(pid), SIGCONT);
        }
    }
}
