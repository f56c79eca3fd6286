//! Taking over in a process of its own: whoever finds a run without an owner may go on with what
//! it has to do, and may be killed, while the ladders are enforced.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use nix::unistd::{dup2_stderr, pipe2, setsid};

use crate::event::{Event, Witness};
use crate::failpoint::{self, Role};
use crate::guard;
use crate::moment::Moment;
use crate::process;
use crate::run_dir::RunDir;
use crate::standing::{Owned, Standing};
use crate::sys;
use crate::takeover::Takeover;

/// What was found, and done, when a run was to have an owner.
#[derive(Debug)]
pub enum Care {
    /// It has one, be it that it was there or that it has just taken over.
    Owned,
    /// Nothing could be left of it, and its directory was removed.
    Removed,
    /// There is no such run any more.
    Gone,
    /// Nobody here can tell whether its owner lives.
    Unverifiable,
    /// It cannot be taken over, for this reason.
    Failed(String),
}

/// Sees to it that the run in `dir` has an owner: if it has none, a process takes over that
/// outlives this one. Answers once that is the owner, or another one is.
///
/// Right only in a process of one thread.
#[must_use = "a run that nobody owns has to be told of"]
pub fn care_for(dir: &RunDir) -> Care {
    match Standing::of(dir) {
        Standing::Owned(_) | Standing::Changing => Care::Owned,
        Standing::Unverifiable(_) => Care::Unverifiable,
        Standing::Unreadable if !dir.is_there() => Care::Gone,
        Standing::Unreadable => {
            Care::Failed("its file 'owner' is missing or of another version".to_owned())
        }
        Standing::Orphaned(orphaned) if orphaned.is_past => dir.twin().map_or_else(failed, |dir| {
            dir.remove();
            Care::Removed
        }),
        Standing::Orphaned(orphaned) => take(dir, orphaned.word),
    }
}

/// Takes over the run in `dir` from an owner that lives and does not answer.
#[must_use = "a run that nobody owns has to be told of"]
pub fn depose(dir: &RunDir, silent: &Owned) -> Care {
    take(dir, silent.word)
}

fn failed(error: impl Display) -> Care {
    Care::Failed(error.to_string())
}

fn take(dir: &RunDir, word: u32) -> Care {
    match begin(dir, word) {
        Ok(problem) if problem.is_empty() => Care::Owned,
        // Somebody else was quicker, and has ended and removed it.
        Ok(_) | Err(_) if !dir.is_there() => Care::Gone,
        Ok(problem) => Care::Failed(problem),
        Err(error) => failed(error),
    }
}

/// Has a process take over; answers what kept it from that, which is nothing if it or another
/// one is the owner now.
fn begin(dir: &RunDir, word: u32) -> io::Result<String> {
    failpoint::pass("noticed");
    let dir = dir.twin()?;
    let (hear, tell) = pipe2(OFlag::O_CLOEXEC)?;
    let Some(child) = sys::fork()? else {
        failpoint::enter(Role::Taker);
        failpoint::pass("taker forked");
        // Forked twice: the owner is nobody's child here, so nobody has to wait for it.
        if matches!(sys::fork(), Ok(None)) {
            // A panic must not unwind into the copy of whoever asked for it.
            let _ = catch_unwind(AssertUnwindSafe(|| be_owner(dir, word, File::from(tell))));
        }
        sys::exit_now(0);
    };
    drop(tell);
    let _ = process::wait_for(child);
    // The end of the file is the news: it owns the run, or somebody else does, or this is why not.
    let mut problem = String::new();
    File::from(hear).read_to_string(&mut problem)?;
    Ok(problem)
}

fn be_owner(dir: RunDir, word: u32, mut tell: File) {
    let _ = SigSet::all().thread_set_mask();
    failpoint::pass("taker blocked");
    let _ = setsid();
    let _ = prctl::set_name(c"stopctl-taker");
    guard::detach();
    // Whoever reads what the program that found the run says must not wait for the run's end.
    let ours = [dir.as_fd(), dir.base().as_fd(), tell.as_fd()].map(|fd| fd.as_raw_fd());
    for number in process::open_descriptors().filter(|number| !ours.contains(number)) {
        if number > libc::STDERR_FILENO {
            sys::close_abandoned(number);
        }
    }
    let null = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    if let Ok(null) = nix::fcntl::open("/dev/null", null, Mode::empty()) {
        let _ = dup2_stderr(null.as_fd());
    }
    failpoint::pass("taker detached");
    match Takeover::begin(dir, word) {
        Ok(Some(takeover)) => {
            drop(tell);
            // Whoever asked for it reads in the record what becomes of it.
            let _ = takeover.enforce(&mut Silent);
        }
        Ok(None) => {}
        Err(error) => {
            let _ = write!(tell, "{error}");
        }
    }
}

/// Nobody listens.
struct Silent;

impl Witness for Silent {
    fn see(&mut self, _: Moment, _: &Event<'_>) {}

    fn deadline(&self) -> Option<Moment> {
        None
    }

    fn tick(&mut self, _: Moment) {}
}
