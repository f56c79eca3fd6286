//! The guard: a second process that does nothing until the supervisor dies, and then goes on with
//! every worker's ladder.
//!
//! It is forked and executes nothing, so it needs no file of the program: all that it needs is in
//! memory. It is in a session of its own, and blocks every signal that can be blocked. While it waits, it
//! is woken only to be handed flags that were made since.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::poll;
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use nix::unistd::{dup2_stdin, dup2_stdout, pipe2, setsid};

use crate::contract::flag::writer::FlagFile;
use crate::contract::owner::{self, OwnerSeen};
use crate::enforce::event::{Event, Witness};
use crate::enforce::takeover::{Takeover, TakeoverError};
use crate::failpoint::{self, Role};
use crate::linux::process::{self, Target};
use crate::linux::sys;
use crate::words::pid::Pid;

use lifeline::{End, LifeLine};

pub(crate) use estate::Estate;
pub(crate) use lifeline::TOGETHER;

mod estate;
mod lifeline;

/// How long after the death of a guard that replaced another one the next one is started; it doubles
/// each time.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// How long the kernel may take to kill all of a pid namespace whose first process was the supervisor,
/// in milliseconds. If we live longer than that, it did not die but has executed another program.
const KILLED_WITH_IT: u16 = 1000;

/// The supervisor's end of a guard.
#[derive(Debug)]
pub(crate) struct Guard {
    pid: Pid,
    life: LifeLine,
}

impl Guard {
    /// Starts a guard of a run whose owner we are. Of `ours` it keeps no copy.
    pub(crate) fn start<'a>(
        estate: Estate,
        ours: impl Iterator<Item = BorrowedFd<'a>>,
        witness: &mut dyn Witness,
    ) -> io::Result<Self> {
        let (life, end) = lifeline::pair()?;
        failpoint::pass("guard to be forked");
        if let Some(pid) = sys::fork()? {
            failpoint::pass("guard forked");
            return Ok(Self { pid, life });
        }
        failpoint::enter(Role::Guard);
        drop(life);
        ours.for_each(|fd| sys::close_abandoned(fd.as_raw_fd()));
        // A panic must not unwind into the copy of the supervisor: that would end what is not its own.
        let guard = AssertUnwindSafe(|| watch(estate, &end, witness));
        let _ = catch_unwind(guard);
        sys::exit_now(0)
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Hands over flags that were made since it was started, at most [`TOGETHER`].
    pub(crate) fn hand_over(&self, flags: &[&FlagFile]) {
        self.life.hand_over(flags);
    }

    /// Ends it, with the run.
    pub(crate) fn end(self) {
        let _ = process::signal(Target::Child(self.pid), libc::SIGKILL);
        let _ = process::wait_for(self.pid);
    }
}

/// What the guard is: waits until the supervisor is gone, and takes over.
fn watch(mut estate: Estate, end: &End, witness: &mut dyn Witness) {
    let _ = SigSet::all().thread_set_mask();
    failpoint::pass("guard blocked");
    let _ = setsid();
    let _ = prctl::set_name(c"stopctl-guard");
    detach();
    failpoint::pass("guard waits");
    end.wait(|name, file| estate.add(name, file));
    failpoint::pass("noticed");
    if let Err(error) = go_on(estate, witness) {
        let what = format!("the run cannot be taken over: {error}");
        witness.see(sys::now(), &Event::Warning(&what));
        witness.tick(sys::now());
    }
    witness.end();
}

/// Takes over what the supervisor has left, if that is not another one's already.
fn go_on(mut estate: Estate, witness: &mut dyn Witness) -> Result<(), TakeoverError> {
    let Some(owner) = estate.dead_owner() else {
        return Ok(());
    };
    if owner.pid == Pid::FIRST {
        // If the first process of a pid namespace has died, the kernel kills all of it in a moment, us
        // too. If we took the owner word in that moment, we would leave one that nobody can judge.
        let _ = poll(&mut [], KILLED_WITH_IT);
    }
    // ORDER: before anything that may not succeed, and before anybody else can take over.
    estate.raise_nameless();
    failpoint::pass("flags without names raised");
    let (dir, known) = estate.settle()?;
    let seen = owner::see(&dir);
    // If somebody has cut the file, the kernel could not mark it; but we know who has died.
    let is_spoilt = seen == OwnerSeen::Spoilt;
    let dead = estate::dead(seen);
    if dead.is_none() && !is_spoilt {
        return Ok(());
    }
    let (pid, word) = dead.map_or((owner.pid, None), |(owner, word)| (owner.pid, Some(word)));
    let name = dir.name();
    witness.see(sys::now(), &Event::SupervisorDied { pid, name });
    let Some(takeover) = Takeover::begin(dir, word, known)? else {
        return Ok(());
    };
    takeover.adopt(witness)?.enforce();
    Ok(())
}

/// Lets go of everything that was inherited except standard error: a reader of our output, or of our
/// workers' output, must not wait for the end of a guard.
pub(crate) fn detach() {
    if let Ok(nothing) = nothing() {
        let _ = dup2_stdin(&nothing);
        let _ = dup2_stdout(&nothing);
    }
    for number in process::open_descriptors().filter(|&number| number > libc::STDERR_FILENO) {
        sys::close_inherited(number);
    }
}

/// What takes the place of a stream that was let go. Without a `/dev/null` (for example in a chroot) it
/// is a pipe whose other end is closed.
pub(crate) fn nothing() -> nix::Result<OwnedFd> {
    let null = nix::fcntl::open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
    null.or_else(|_| pipe2(OFlag::O_CLOEXEC).map(|(end, _)| end))
}
