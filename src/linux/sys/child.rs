//! What has become of our children (waitid(2)), asked without waiting.

use std::io;

use super::checked;
use crate::words::pid::Pid;

/// What waitid(2) tells of a child: its pid, `CLD_EXITED` or another code, and the exit status or
/// signal.
pub(crate) type Child = (Pid, libc::c_int, i32);

/// A child that has ended: any child, or the one with this pid. With `peek` it stays a zombie.
pub(crate) fn dead_child(pid: Option<Pid>, peek: bool) -> io::Result<Option<Child>> {
    let keep = if peek { libc::WNOWAIT } else { 0 };
    child(pid, libc::WEXITED | keep)
}

/// A child that has been stopped or continued since the last call: any child, or the one with this
/// pid.
pub(crate) fn stopped_child(pid: Option<Pid>) -> io::Result<Option<Child>> {
    child(pid, libc::WSTOPPED | libc::WCONTINUED)
}

/// waitid(2) without waiting. It is called directly because the safe wrappers lose the status of a
/// child that a real-time signal killed.
fn child(pid: Option<Pid>, what: libc::c_int) -> io::Result<Option<Child>> {
    let (kind, id) = pid.map_or((libc::P_ALL, 0), |pid| {
        (libc::P_PID, pid.get().unsigned_abs())
    });
    // SAFETY: all zeroes is a valid siginfo_t.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is a valid place for the answer.
    checked(unsafe { libc::waitid(kind, id, &raw mut info, what | libc::WNOHANG) }.into())?;
    // SAFETY: waitid has filled in the fields of a SIGCHLD, or left them zero.
    let pid = unsafe { info.si_pid() };
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    Ok(Pid::new(pid).map(|pid| (pid, info.si_code, status)))
}
