//! Taking over in a process of its own: whoever finds a run without an owner may go on with what
//! it has to do, and may be killed, while the ladders are enforced.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::unistd::{dup2_stderr, pipe2, setsid};

use crate::contract::control::{Extension, Sender};
use crate::contract::owner::{self, OwnerSeen};
use crate::contract::record::RecordReader;
use crate::contract::run_dir::RunDir;
use crate::contract::standing::{self, Doubt, Owned, Standing};
use crate::enforce::event::{Event, Witness};
use crate::enforce::guard;
use crate::enforce::takeover::{Known, Takeover};
use crate::failpoint::{self, Role};
use crate::linux::plain::plain;
use crate::linux::process::{self, Identity};
use crate::linux::sys;
use crate::words::moment::Moment;

/// How a run stood that needed an owner, and what we did about it.
#[derive(Debug)]
pub enum Care {
    /// It has one, who was there already or has just taken over. These are the words of a new one
    /// about what it could not do for everybody.
    Owned(Vec<String>),
    /// It has one, who has signed again after somebody had cut its file or written over it.
    Mended,
    /// Nothing could be left of it, and its directory was removed.
    Removed,
    /// There is no such run any more.
    Gone,
    /// Nobody here can tell whether its owner lives, for this reason.
    Unverifiable(Doubt),
    /// It cannot be taken over, for this reason.
    Failed(String),
}

/// How long an owner that lives may take to sign again after somebody has cut its file or written
/// over it.
const MENDING: Duration = Duration::from_secs(2);

/// The time between two looks whether it has.
const GLANCE: Duration = Duration::from_millis(10);

/// Sees to it that the run in `dir` has an owner: if it has none, a process takes over that
/// outlives this one. Answers once that is the owner, or another one is.
///
/// Right only in a process of one thread.
#[must_use = "a run that nobody owns has to be told of"]
pub fn care_for(dir: &RunDir) -> Care {
    match Standing::of(dir) {
        Standing::Owned(_) | Standing::Changing => Care::Owned(Vec::new()),
        Standing::Unverifiable(unknown) => Care::Unverifiable(unknown.why),
        Standing::Unreadable if !dir.is_there() => Care::Gone,
        Standing::Unreadable if owner::see(dir) == OwnerSeen::Unreadable => {
            Care::Failed("its file 'owner' is of another version".to_owned())
        }
        Standing::Unreadable if is_mended(dir) => match Standing::of(dir) {
            Standing::Owned(_) => Care::Mended,
            // Somebody has signed and died since, say.
            Standing::Changing
            | Standing::Orphaned(_)
            | Standing::Unverifiable(_)
            | Standing::Unreadable => care_for(dir),
        },
        Standing::Unreadable => match began(dir).map(|owner| standing::means_the_same(dir, &owner))
        {
            Some(Err(why)) => Care::Unverifiable(why),
            // If the record cannot be read, there is nobody whom we could signal by mistake.
            Some(Ok(())) | None => take(dir, None),
        },
        Standing::Orphaned(orphaned) if orphaned.is_past => dir.twin().map_or_else(
            |error| failed(&error),
            |dir| {
                dir.remove();
                Care::Removed
            },
        ),
        Standing::Orphaned(orphaned) => take(dir, Some(orphaned.word)),
    }
}

/// Who began the run in `dir`, as its record has it.
fn began(dir: &RunDir) -> Option<Identity> {
    let seen = RecordReader::open(dir).and_then(|record| record.read());
    Identity::parse(&seen.ok()?.run.signed)
}

/// Takes over the run in `dir` from an owner that lives and does not answer.
#[must_use = "a run that nobody owns has to be told of"]
pub fn depose(dir: &RunDir, silent: &Owned) -> Care {
    take(dir, Some(silent.word))
}

/// Whether the file `owner`, which names nobody, is whole again after its owner was woken; `false` if
/// there is none.
fn is_mended(dir: &RunDir) -> bool {
    let woken = Sender::open(dir).and_then(|mut sender| sender.send(&Extension::NOTHING));
    let error = woken.err().and_then(|error| error.raw_os_error());
    // Somebody who has deleted one file may have deleted the other, too. An owner that lives puts
    // both back.
    let is_read = ![libc::ENXIO, libc::EPIPE].map(Some).contains(&error);
    let until = sys::now() + MENDING;
    while is_read && sys::now() < until {
        if owner::see(dir) != OwnerSeen::Spoilt {
            return true;
        }
        std::thread::sleep(GLANCE);
    }
    owner::see(dir) != OwnerSeen::Spoilt
}

fn failed(error: &io::Error) -> Care {
    Care::Failed(plain(error).to_string())
}

fn take(dir: &RunDir, word: Option<u32>) -> Care {
    match begin(dir, word) {
        Ok(told) => match told.failure {
            None => Care::Owned(told.warnings),
            // Somebody else was quicker, and has ended and removed it.
            Some(_) if !dir.is_there() => Care::Gone,
            Some(problem) => Care::Failed(problem),
        },
        Err(_) if !dir.is_there() => Care::Gone,
        Err(error) => failed(&error),
    }
}

/// Has a process take over; answers what it tells until it, or another one, is the owner.
fn begin(dir: &RunDir, word: Option<u32>) -> io::Result<Told> {
    failpoint::pass("noticed");
    // We read it first, so that the first word to the workers says when SIGTERM comes.
    let grace = RecordReader::open(dir).and_then(|record| record.grace());
    let (dir, grace) = (dir.twin()?, grace.ok());
    let (hear, tell) = pipe2(OFlag::O_CLOEXEC)?;
    let Some(child) = sys::fork()? else {
        failpoint::enter(Role::Taker);
        failpoint::pass("taker forked");
        // We fork twice, so that the owner is nobody's child here and nobody has to wait for it.
        if matches!(sys::fork(), Ok(None)) {
            let known = Known {
                grace,
                ..Known::default()
            };
            // A panic must not unwind into the copy of whoever asked for it.
            let be_owner = || be_owner(dir, word, known, File::from(tell));
            let _ = catch_unwind(AssertUnwindSafe(be_owner));
        }
        sys::exit_now(0);
    };
    drop(tell);
    let _ = process::wait_for(child);
    // The end of the file is the news: the taker owns the run and has asked its workers, or
    // somebody else owns it, or the words say why not.
    let mut words = String::new();
    File::from(hear).read_to_string(&mut words)?;
    Ok(Told::parse(&words))
}

/// What a taker tells before it is alone: lines of one letter and a text.
#[derive(Debug, Default)]
struct Told {
    failure: Option<String>,
    warnings: Vec<String>,
}

const FAILURE: char = '!';
const WARNING: char = '-';

impl Told {
    fn parse(words: &str) -> Self {
        let mut told = Self::default();
        for line in words.lines() {
            if let Some(text) = line.strip_prefix(FAILURE) {
                told.failure = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix(WARNING) {
                told.warnings.push(text.to_owned());
            }
        }
        told
    }
}

fn be_owner(dir: RunDir, word: Option<u32>, known: Known, tell: File) {
    let _ = SigSet::all().thread_set_mask();
    failpoint::pass("taker blocked");
    let _ = setsid();
    let _ = prctl::set_name(c"stopctl-taker");
    guard::detach();
    // A reader of the output of the program that found the run must not wait for the run's end.
    let ours = [dir.as_fd(), dir.base().as_fd(), tell.as_fd()].map(|fd| fd.as_raw_fd());
    for number in process::open_descriptors().filter(|number| !ours.contains(number)) {
        if number > libc::STDERR_FILENO {
            sys::close_abandoned(number);
        }
    }
    if let Ok(nothing) = guard::nothing() {
        let _ = dup2_stderr(nothing.as_fd());
    }
    failpoint::pass("taker detached");
    let mut teller = Teller { tell: Some(tell) };
    let adopted = match Takeover::begin(dir, word, known) {
        Ok(None) => return,
        Ok(Some(takeover)) => takeover
            .adopt(&mut teller)
            .map_err(|error| error.to_string()),
        Err(error) => Err(plain(&error).to_string()),
    };
    match adopted {
        Ok(run) => {
            // Whoever asked for it reads in the record what becomes of it.
            run.enforce();
        }
        Err(error) => teller.say(FAILURE, &error),
    }
}

/// Tells whoever asked for a taker what goes wrong until all workers are asked.
struct Teller {
    tell: Option<File>,
}

impl Teller {
    fn say(&mut self, kind: char, text: &str) {
        if let Some(tell) = &mut self.tell {
            let line = text.replace('\n', " ");
            // If that one has gone away meanwhile, there is nobody to tell.
            let _ = writeln!(tell, "{kind}{line}");
        }
    }
}

impl Witness for Teller {
    fn see(&mut self, _: Moment, event: &Event<'_>) {
        if let Event::Warning(text) = event {
            self.say(WARNING, text);
        }
    }

    fn deadline(&self) -> Option<Moment> {
        None
    }

    fn tick(&mut self, _: Moment) {
        self.tell = None;
    }
}
