//! Taking over a run whose owner is no more: its workers are asked to stop, with the reason
//! `lost`, and each ladder goes on from the rung where it stands.
//!
//! Of several who try, the kernel lets one win (a compare-and-swap of the owner word). The guard
//! does this when the supervisor dies; `stop`, `clean` and a new `run` do it when there was no
//! guard left.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use nix::sys::signal::SigSet;

use crate::cgroup::Cgroup;
use crate::control::Control;
use crate::duration::Limit;
use crate::enforcement::{Enforcement, Files, How, Rules};
use crate::event::Witness;
use crate::failpoint;
use crate::flag::format::Request;
use crate::flag::writer::{FlagFile, Nameless};
use crate::ladder::{Rung, Times, Unaware};
use crate::owner::{self, Identity, OwnerFile};
use crate::process;
use crate::reason::Reason;
use crate::record::{Record, RecordError, RecordReader, RunRecord, Snapshot, WorkerState};
use crate::run_dir::RunDir;
use crate::sys;
use crate::tree::Search;
use crate::worker::{Heritage, Worker};

/// Who enforced a run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// We did, and nothing is left.
    Whole,
    /// We did, and something could not be ended: the directory stays.
    Part,
    /// Somebody deposed us.
    ByOthers,
}

/// A run could not be taken over.
#[derive(Debug)]
pub enum TakeoverError {
    /// What its owner has left cannot be opened.
    Io(io::Error),
    /// Its record cannot be used. Its flags were raised all the same.
    Record(RecordError),
}

impl fmt::Display for TakeoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Record(error) => write!(f, "its workers were asked to stop, but {error}"),
        }
    }
}

impl Error for TakeoverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Record(error) => Some(error),
        }
    }
}

impl From<io::Error> for TakeoverError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<RecordError> for TakeoverError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// A run that was taken over: from here on we are its owner.
#[derive(Debug)]
pub struct Takeover {
    dir: RunDir,
    owner: OwnerFile,
    control: Control,
    us: Identity,
    /// Flags that only its maker has open.
    nameless: Nameless,
}

impl Takeover {
    /// Takes over the run in `dir` if its owner word still is `word`; `None` if somebody else was
    /// quicker.
    ///
    /// The caller has all signals blocked, and does nothing else: its thread is the owner.
    ///
    /// # Errors
    ///
    /// As open(2) and mmap(2).
    pub fn begin(dir: RunDir, word: u32) -> io::Result<Option<Self>> {
        let us = process::own_identity();
        // ORDER: the FIFO first: whoever sees us as the owner can ask us.
        let control = Control::adopt(&dir)?;
        let owner = OwnerFile::take(&dir, word, &us)?;
        Ok(owner.map(|owner| Self {
            dir,
            owner,
            control,
            us,
            nameless: Nameless::new(),
        }))
    }

    /// Has these flags raised with those of the same workers that have names.
    #[must_use]
    pub fn raising(self, nameless: Nameless) -> Self {
        Self { nameless, ..self }
    }

    /// Enforces the ladders of its workers until nobody is left.
    ///
    /// # Errors
    ///
    /// If what the owner before has left cannot be used.
    pub fn enforce(self, witness: &mut dyn Witness) -> Result<Taken, TakeoverError> {
        let Self {
            dir,
            owner,
            control,
            us,
            nameless,
        } = self;
        let mut flags = flags(&dir, nameless)?;
        failpoint::pass("flags opened");
        let snapshot = match RecordReader::open(&dir).and_then(|reader| reader.read()) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                raise_blindly(flags.values_mut());
                return Err(error.into());
            }
        };
        failpoint::pass("record read");
        let files = Files {
            owner,
            control,
            record: Record::open(&dir)?,
            run: snapshot.run.clone(),
        };
        failpoint::pass("files adopted");
        let cgroup = snapshot.run.cgroup.as_deref().and_then(Cgroup::at);
        let (rules, search) = (rules(&snapshot.run), Search::of_stranger());
        let mut run = Enforcement::new(files, rules, search, witness);
        adopt(&mut run, &dir, snapshot, flags, cgroup.as_ref(), &us);
        go_on(&mut run);
        if !run.files.owner.is_ours() {
            return Ok(Taken::ByOthers);
        }
        // Known only if the owner before had come so far, and left what it could not end.
        run.finish(run.files.run.status);
        if let Some(cgroup) = cgroup {
            cgroup.remove();
        }
        if run.leaves_something() {
            return Ok(Taken::Part);
        }
        dir.remove();
        owner::let_go();
        Ok(Taken::Whole)
    }
}

/// The flags in `dir`, by the numbers of their workers.
fn flags(dir: &RunDir, mut nameless: Nameless) -> io::Result<HashMap<u32, FlagFile>> {
    let mut flags = HashMap::new();
    for name in dir.names()? {
        if let Some(worker) = FlagFile::worker_of(&name) {
            let mut flag = FlagFile::open(dir, dir.path(), &name)?;
            flag.raises_too(nameless.remove(&worker).unwrap_or_default());
            flags.insert(worker, flag);
        }
    }
    Ok(flags)
}

/// Raises every flag that is on no rung, of workers of whom nothing else is known: one that is
/// down, or one whose maker died before it had written it.
fn raise_blindly<'a>(flags: impl Iterator<Item = &'a mut FlagFile>) {
    let stands = |flag: &FlagFile| flag.request().and_then(|there| Rung::of_level(there.level));
    for flag in flags.filter(|flag| stands(flag).is_none()) {
        let _ = flag.raise(&Request::LOST);
    }
}

fn rules(run: &RunRecord) -> Rules {
    Rules {
        stop_signal: run.stop_signal,
        signal_to: run.signal_to,
        kill_wait: Duration::from_millis(run.kill_wait_ms),
        max_grace: limit(run.max_grace_ms),
        stragglers: run.stragglers,
    }
}

fn times(run: &RunRecord) -> Times {
    let unaware = run.unaware_grace.as_deref().map(str::parse);
    Times {
        grace: limit(run.grace_ms),
        kill_after: limit(run.kill_after_ms),
        kill_wait: ms_long(run.kill_wait_ms),
        unaware: unaware.and_then(Result::ok).unwrap_or(Unaware::Same),
        whole: run.is_whole,
    }
}

fn limit(ms: Option<u64>) -> Limit {
    ms.map_or(Limit::Never, |ms| Limit::After(ms_long(ms)))
}

const fn ms_long(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Takes in every worker that was started and is not known to be over, and asks those that were
/// not asked yet.
fn adopt(
    run: &mut Enforcement<'_>,
    dir: &RunDir,
    snapshot: Snapshot,
    mut flags: HashMap<u32, FlagFile>,
    cgroup: Option<&Cgroup>,
    us: &Identity,
) {
    let times = times(&snapshot.run);
    let notes_reads = dir.base().storage().notes_reads;
    let workers = snapshot.workers.into_iter().zip(0..);
    for (record, number) in workers.filter(|(record, _)| {
        record.state != WorkerState::Ended || record.outcome.as_deref() == Some("not_ended")
    }) {
        let mut flag = flags.remove(&number);
        let Some(born) = run.files.record.born(number) else {
            // Should it be on its way, it looks at its flag before its program runs.
            raise_blindly(flag.iter_mut());
            continue;
        };
        // Somebody deleted it, and nobody had the time to put it back: its worker is not lost.
        let again = |name| FlagFile::again(dir, dir.path(), name).ok();
        let flag = flag.or_else(|| record.flag.clone().and_then(again));
        // Its name may not even be on record yet. Signals reach the worker all the same, and the
        // ladder leads to them.
        let another = || FlagFile::create(dir, dir.path(), number).ok();
        let Some(flag) = flag.or_else(another) else {
            continue;
        };
        let identity = Identity {
            pid: born.pid,
            start: born.start,
            ..us.clone()
        };
        let heritage = Heritage {
            number,
            born,
            found: process::find(&identity, born.inode, us),
            request: flag.request(),
            flag,
            notes_reads,
            record,
            cgroup: cgroup.map(|cgroup| cgroup.of_worker(number)),
        };
        run.adopt(|hands| Worker::adopt(heritage, times, hands));
        failpoint::pass("worker adopted");
    }
    run.stop_all(&Reason::LOST, How::OWN_TIMES, sys::now());
    failpoint::pass("asked");
}

fn go_on(run: &mut Enforcement<'_>) {
    let blocked = SigSet::all();
    run.settle(sys::now());
    while !run.all_over() && run.files.owner.is_ours() {
        run.publish();
        run.wait(std::iter::empty(), None, &blocked);
        let now = sys::now();
        let lines = run.files.control.drain();
        run.on_each(now, Worker::see_read);
        run.settle(now);
        run.obey(lines, now);
        run.tick(now);
    }
}
