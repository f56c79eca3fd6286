//! The guard: a second process that does nothing until the supervisor dies, and then goes on with
//! every worker's ladder.
//!
//! It is forked, not started: it needs no file of the program, and has all it needs in memory. It
//! is in a session of its own and has every signal blocked that can be. While it waits it is never
//! woken.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use nix::unistd::{dup2_stdin, dup2_stdout, pipe2, setsid};

use crate::event::{Event, Witness};
use crate::failpoint::{self, Role};
use crate::flag::writer::Nameless;
use crate::owner::{self, OwnerSeen};
use crate::process::{self, Target};
use crate::run_dir::RunDir;
use crate::sys;
use crate::takeover::Takeover;

/// How long after one that died at once another one is tried; it doubles each time.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// How long the kernel may take to kill what was in the pid namespace of a supervisor that was its
/// first process; later than that, it has executed another program.
const KILLED_WITH_IT: u16 = 1000;

/// The supervisor's end of a guard.
#[derive(Debug)]
pub(crate) struct Guard {
    pid: i32,
    /// Never written to: it closes when we die, and that is what the guard waits for.
    _life: OwnedFd,
}

impl Guard {
    /// Starts a guard of the run in `dir`, whose owner we are. Of the flags that were put back it
    /// knows the old ones, too: nobody else can after our death. Of `ours` it keeps no copy.
    pub(crate) fn start<'a>(
        dir: &RunDir,
        nameless: Nameless,
        ours: impl Iterator<Item = BorrowedFd<'a>>,
        witness: &mut dyn Witness,
    ) -> io::Result<Self> {
        let dir = dir.twin()?;
        let (end, life) = pipe2(OFlag::O_CLOEXEC)?;
        failpoint::pass("guard to be forked");
        if let Some(pid) = sys::fork()? {
            failpoint::pass("guard forked");
            return Ok(Self { pid, _life: life });
        }
        failpoint::enter(Role::Guard);
        drop(life);
        ours.for_each(|fd| sys::close_abandoned(fd.as_raw_fd()));
        // A panic must not unwind into the copy of the supervisor: that would end, as its own, what
        // is not its own.
        let guard = AssertUnwindSafe(|| watch(dir, nameless, &end, witness));
        let _ = catch_unwind(guard);
        sys::exit_now(0)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Ends it, with the run.
    pub(crate) fn end(self) {
        let _ = process::signal(Target::Child(self.pid), libc::SIGKILL);
        let _ = process::wait_for(self.pid);
    }
}

/// What the guard is: waits until the supervisor is gone, and takes over.
fn watch(dir: RunDir, nameless: Nameless, end: &OwnedFd, witness: &mut dyn Witness) {
    let _ = SigSet::all().thread_set_mask();
    failpoint::pass("guard blocked");
    let _ = setsid();
    let _ = prctl::set_name(c"stopctl-guard");
    detach();
    failpoint::pass("guard waits");
    let mut fds = [PollFd::new(end.as_fd(), PollFlags::POLLIN)];
    while poll(&mut fds, PollTimeout::NONE).is_err() {}
    failpoint::pass("noticed");
    let (owner, word) = match owner::see(&dir) {
        // Where the kernel may not mark the death, we know of it all the same.
        OwnerSeen::Died { owner, word }
        | OwnerSeen::Alive {
            owner,
            word,
            watched: false,
        } => (owner, word),
        // Taken over by somebody else, or removed.
        OwnerSeen::Alive { .. } | OwnerSeen::Changing | OwnerSeen::Unreadable => return,
    };
    if owner.pid == 1 {
        // With the first process of a pid namespace the kernel kills all of it, us too, in a
        // moment. Whoever took the word in that moment would leave one that nobody can judge.
        let _ = poll(&mut [], KILLED_WITH_IT);
    }
    let (pid, name) = (owner.pid, dir.name());
    witness.see(sys::now(), &Event::SupervisorDied { pid, name });
    let taken = match Takeover::begin(dir, word) {
        Ok(Some(takeover)) => takeover.raising(nameless).enforce(witness).map(drop),
        Ok(None) => return,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = taken {
        let what = format!("the run cannot be taken over: {error}");
        witness.see(sys::now(), &Event::Warning(&what));
        witness.tick(sys::now());
    }
}

/// Lets go of everything that was inherited but standard error: whoever reads from us or our
/// workers must not wait for the end of a guard.
pub(crate) fn detach() {
    let null = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    if let Ok(null) = nix::fcntl::open("/dev/null", null, Mode::empty()) {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
    }
    for number in process::open_descriptors().filter(|&number| number > libc::STDERR_FILENO) {
        sys::close_inherited(number);
    }
}
