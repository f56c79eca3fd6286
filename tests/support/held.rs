//! A process that a debugger holds: it is not dead, does nothing, and SIGCONT does not help.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::need;

/// Holds it until this is dropped. The thread that made it is the debugger: the kernel lets go of
/// the process when that thread ends.
#[must_use = "dropping it lets the process go on"]
pub(crate) struct Held(Pid);

impl Held {
    /// `None`, once it was said, where this process may not trace others.
    pub(crate) fn seize(pid: i32) -> Option<Self> {
        let pid = Pid::from_raw(pid);
        match ptrace::seize(pid, ptrace::Options::empty()) {
            Ok(()) => {}
            Err(Errno::EPERM | Errno::ENOSYS) => {
                need::missing("to be allowed to trace processes");
                return None;
            }
            Err(error) => panic!("PTRACE_SEIZE: {error}"),
        }
        ptrace::interrupt(pid).expect("PTRACE_INTERRUPT");
        waitpid(pid, Some(WaitPidFlag::__WALL)).expect("the stop of a traced process");
        Some(Self(pid))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may have been killed meanwhile.
        let _ = ptrace::detach(self.0, None);
    }
}
