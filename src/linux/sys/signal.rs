//! Sending signals by pid, and what signals do to this process.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use nix::unistd::getpid;

use super::checked;
use crate::words::pid::Pid;

/// Sends a signal to a process (kill(2)). Correct only while no other process can have its pid.
pub(crate) fn kill(pid: Pid, signal: i32) -> io::Result<()> {
    send(pid.get(), signal)
}

/// Sends a signal to every process of the group that this process leads or led. Correct only while no
/// other group can have its number.
pub(crate) fn kill_group(leader: Pid, signal: i32) -> io::Result<()> {
    send(-leader.get(), signal)
}

/// Sends a signal to every process of our own group.
pub(crate) fn kill_own_group(signal: i32) -> io::Result<()> {
    send(0, signal)
}

/// Sends a signal to whom kill(2) takes this number for.
fn send(whom: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes two numbers.
    checked(unsafe { libc::kill(whom, signal) }.into()).map(drop)
}

/// What a signal does to this process when it has no handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignore,
}

/// Sets what `signal` does to this process (sigaction(2)). May be called between fork and exec.
pub(crate) fn set_disposition(signal: i32, to: Disposition) -> io::Result<()> {
    let handler = match to {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    // SAFETY: neither of the two runs any code of ours.
    if unsafe { libc::signal(signal, handler) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Takes what is pending for this process, which has every signal blocked, as if it had never been
/// sent (sigtimedwait(2)). May be called between fork and exec.
pub(crate) fn discard_pending() {
    // SAFETY: all zeroes is a valid sigset_t.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `all` is a valid place for a set. It cannot fail.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: the set and the time are valid; nobody wants to know who sent it.
    while unsafe { libc::sigtimedwait(&raw const all, ptr::null_mut(), &raw const at_once) } > 0 {}
}

/// Whether this process ignores `signal` (sigaction(2)).
pub(crate) fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeroes is a valid sigaction.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: changes nothing; `now` is a valid place for the answer.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), &raw mut now) };
    asked == 0 && now.sa_sigaction == libc::SIG_IGN
}

/// Lets `signal` do to this process what it does without a handler, then restores the handler
/// (sigaction(2)): for a signal that stops a process. Returns when the process is continued.
pub(crate) fn act_by_default(signal: i32) -> io::Result<()> {
    // SAFETY: all zeroes is a valid sigaction: SIG_DFL, no flags, an empty mask.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    let mut handler = default;
    // SAFETY: both places are valid; the default runs no code of ours.
    checked(unsafe { libc::sigaction(signal, &raw const default, &raw mut handler) }.into())?;
    send(getpid().as_raw(), signal)?;
    // SAFETY: puts back what was valid before.
    checked(unsafe { libc::sigaction(signal, &raw const handler, ptr::null_mut()) }.into())
        .map(drop)
}

/// Redirects `signal` to the main thread if another thread, which does not block it, takes it
/// (sigaction(2)). A signal that is ignored stays ignored.
pub(crate) fn redirect_to_main_thread(signal: i32) -> io::Result<()> {
    READER.store(getpid().as_raw(), Ordering::Relaxed);
    // SAFETY: all zeroes is a valid sigaction.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    let mut new = old;
    new.sa_sigaction = redirect as extern "C" fn(libc::c_int) as usize;
    // On the signal stack of that thread if it has one, and without interrupting its system calls.
    new.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: a valid place for a set.
    unsafe { libc::sigfillset(&raw mut new.sa_mask) };
    // SAFETY: both places are valid; the handler makes system calls and nothing else.
    checked(unsafe { libc::sigaction(signal, &raw const new, &raw mut old) }.into())?;
    if old.sa_sigaction == libc::SIG_IGN {
        set_disposition(signal, Disposition::Ignore)?;
    }
    Ok(())
}

/// The pid of the process whose main thread reads the signals.
static READER: AtomicI32 = AtomicI32::new(0);

/// The handler. Between fork and exec, where no thread reads signals, and in the reading thread
/// itself once it unblocks them, a signal does what it does to any program.
extern "C" fn redirect(signal: libc::c_int) {
    let us = getpid().as_raw();
    // SAFETY: returns a number, and does nothing else. Called by its number as in `is_mounted_over`.
    let here = unsafe { libc::syscall(libc::SYS_gettid) };
    // SAFETY: this is the address of this thread's errno, which the interrupted code may be about
    // to read.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let errno = unsafe { *place };
    if us == READER.load(Ordering::Relaxed) && here != libc::c_long::from(us) {
        // SAFETY: takes numbers; the main thread has that of the process.
        unsafe { libc::syscall(libc::SYS_tgkill, us, us, signal) };
    } else {
        let _ = set_disposition(signal, Disposition::Default);
        let _ = send(us, signal);
    }
    // SAFETY: as above.
    unsafe { *place = errno };
}

/// The signals that this process ignores on its own account. Its workers ignore them only if it
/// inherited that.
const IGNORED_BY_US: [i32; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// The ones among them that were ignored when this process started, one bit each.
static WERE_IGNORED: AtomicU32 = AtomicU32::new(0);

/// Runs before `main`, and so before SIGPIPE is ignored and what was inherited can be seen no more.
extern "C" fn remember_ignored() {
    for signal in IGNORED_BY_US.into_iter().filter(|&one| is_ignored(one)) {
        WERE_IGNORED.fetch_or(1 << signal, Ordering::Relaxed);
    }
}

// SAFETY: the loader calls the functions of this section with the arguments of `main`, which a C
// function need not read; this one uses nothing that is set up later.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = remember_ignored;

/// The signals that this process ignores on its own account, each with whether it was ignored when
/// the process started.
pub(crate) fn ignored_by_us() -> [(i32, bool); 2] {
    let bits = WERE_IGNORED.load(Ordering::Relaxed);
    IGNORED_BY_US.map(|signal| (signal, bits & 1 << signal != 0))
}
