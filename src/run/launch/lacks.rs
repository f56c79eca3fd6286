//! What the kernel or a sandbox does not let a supervisor have. The supervisor runs without it, and
//! `status` tells what is missing.

use nix::sys::prctl::set_child_subreaper;

use crate::linux::proc::Proc;
use crate::linux::process;
use crate::words::pid::Pid;

/// A `/proc` of our own pid namespace.
pub const PROC: &str = "proc";

/// Orphans of workers become our children (`PR_SET_CHILD_SUBREAPER`).
pub const SUBREAPER: &str = "subreaper";

/// Signals through a descriptor that names a process (`pidfd_open(2)`).
pub const PIDFD: &str = "pidfd";

/// News of looks at once (inotify(7)).
pub const INOTIFY: &str = "inotify";

/// News of deletions (fcntl(2), `F_NOTIFY`).
pub const DNOTIFY: &str = "dnotify";

/// Asks the kernel for what makes a run better; answers what it has refused.
pub(super) fn ask() -> Vec<String> {
    // The first process of a pid namespace gets its orphans in any case.
    let adopts = process::own_pid() == Pid::FIRST || set_child_subreaper(true).is_ok();
    let lacks = [
        (PROC, Proc::get() != Proc::Ours),
        (SUBREAPER, !adopts),
        (PIDFD, !process::has_pidfds()),
    ];
    let refused = lacks.into_iter().filter(|&(_, is_refused)| is_refused);
    refused.map(|(what, _)| what.to_owned()).collect()
}
