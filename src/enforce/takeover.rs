//! Taking over a run whose owner has died, or was deposed: its workers are asked to stop, with the
//! reason `lost`, and each ladder goes on from the rung where it stands.
//!
//! Of several who try, the kernel lets one win (a compare-and-swap of the owner word). The guard
//! does this when the supervisor dies; `stop`, `clean` and a new `run` do it when there was no
//! guard left.

use std::error::Error;
use std::fmt;
use std::io;

use nix::sys::signal::SigSet;

use crate::contract::control::Control;
use crate::contract::flag::writer::Nameless;
use crate::contract::owner::{self, OwnerFile, OwnerSeen};
use crate::contract::record::{
    Born, Record, RecordError, RecordReader, RunRecord, Snapshot, WorkerState,
};
use crate::contract::run_dir::RunDir;
use crate::enforce::event::{Event, Witness};
use crate::enforce::run::{Files, How, Run};
use crate::enforce::turn::Rules;
use crate::enforce::worker::{self, Heritage, Stranger, Worker};
use crate::failpoint;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::{self, Identity};
use crate::linux::sys;
use crate::tree::Search;
use crate::words::duration::Limit;
use crate::words::reason::Reason;

use crate::linux::plain::plain;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;
use first::Raised;

mod first;

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
    /// What its owner has left cannot be opened. Its flags were raised all the same.
    Io(io::Error),
    /// Its record cannot be used. Its flags were raised all the same.
    Record(RecordError),
}

impl fmt::Display for TakeoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => plain(error).fmt(f),
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

/// What is known before anything of the run is read.
#[derive(Debug, Default)]
pub struct Known {
    /// Flags whose names are gone, but which their maker still has open.
    pub nameless: Nameless,
    /// The grace of the run.
    pub grace: Option<Limit>,
}

/// A run that was taken over: from here on we are its owner, and every flag is raised.
pub struct Takeover {
    dir: RunDir,
    owner: OwnerFile,
    control: io::Result<Control>,
    search: Search,
    raised: Raised,
}

impl Takeover {
    /// Takes over the run in `dir` if its owner word still is `word`, and raises its flags; `None`
    /// if somebody else was quicker. Without a word the owner file names nobody any more.
    ///
    /// The caller has all signals blocked, and does nothing else: its thread is the owner.
    ///
    /// # Errors
    ///
    /// As open(2) and mmap(2), for the file `owner`.
    pub fn begin(dir: RunDir, word: Option<u32>, known: Known) -> io::Result<Option<Self>> {
        let us = own_time(process::own_identity(), &dir)?;
        process::raise_open_files();
        // ORDER: the FIFO first: as soon as others see that we are the owner, they can ask us.
        let control = Control::adopt(&dir);
        let taken = match word {
            Some(word) => OwnerFile::take(&dir, word, &us),
            None => OwnerFile::claim(&dir, &us),
        };
        let Some(owner) = taken? else {
            return Ok(None);
        };
        let signed = owner.sign();
        failpoint::pass("line signed");
        // ORDER: a look at who is whose child, before any worker is asked to stop.
        let search = Search::of_stranger();
        // ORDER: the flags before all else. Whatever goes wrong after this, they are raised.
        let mut raised = Raised::all(&dir, known)?;
        if let Err(error) = signed {
            let what = format!(
                "the file 'owner' of {} cannot be signed: {}",
                dir.name(),
                plain(&error)
            );
            raised.problems.push(what);
        }
        Ok(Some(Self {
            dir,
            owner,
            control,
            search,
            raised,
        }))
    }

    /// Takes in the workers, and goes on with the ladder of each.
    ///
    /// # Errors
    ///
    /// If what the earlier owner has left cannot be used. All workers were asked to stop all the same.
    pub fn adopt(mut self, witness: &mut dyn Witness) -> Result<TakenOver<'_>, TakeoverError> {
        for problem in self.raised.problems.drain(..) {
            witness.see(sys::now(), &Event::Warning(&problem));
        }
        let adopted = RecordReader::open(&self.dir).and_then(|reader| reader.read());
        let snapshot = match adopted {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.raised.rest();
                return Err(error.into());
            }
        };
        failpoint::pass("record read");
        let Self {
            dir,
            owner,
            control,
            search,
            raised,
        } = self;
        let (control, record) = (control?, Record::open(&dir)?);
        let files = Files::new(owner, control, record, snapshot.run.clone());
        failpoint::pass("files adopted");
        let cgroup = snapshot.run.cgroup.as_deref().and_then(Cgroup::at);
        let rules = rules(&snapshot.run);
        let mut run = Run::new(files, rules, search, witness);
        take_in(&mut run, &dir, snapshot, raised, cgroup.as_ref());
        Ok(TakenOver { dir, run, cgroup })
    }
}

/// A run whose ladders we go on with.
pub struct TakenOver<'a> {
    dir: RunDir,
    run: Run<'a>,
    cgroup: Option<Cgroup>,
}

impl TakenOver<'_> {
    /// Enforces the ladders until nobody is left.
    pub fn enforce(self) -> Taken {
        let Self {
            dir,
            mut run,
            cgroup,
        } = self;
        go_on(&mut run);
        if !run.is_ours() {
            return Taken::ByOthers;
        }
        // The status is known only if the earlier owner came that far, and left what it could not end.
        run.finish(run.files().header().status);
        if let Some(cgroup) = cgroup {
            cgroup.remove();
        }
        if run.leaves_something() {
            return Taken::Part;
        }
        dir.remove();
        owner::resign();
        Taken::Whole
    }
}

/// Who we are, with the clock of the earlier owner: its deadlines stand in the flags, where its workers
/// read them. Nobody needs to know that our own start is counted by another clock.
fn own_time(us: Identity, dir: &RunDir) -> io::Result<Identity> {
    let (OwnerSeen::Died { owner, .. } | OwnerSeen::Alive { owner, .. }) = owner::see(dir) else {
        return Ok(us);
    };
    if owner.shares_clock(&us) != Some(false) {
        return Ok(us);
    }
    let (Some(theirs), Some(ours)) = (owner.clock_offset, us.clock_offset) else {
        return Err(io::Error::other(
            "it is of another time namespace, and nobody can tell how far its clock is from this one",
        ));
    };
    sys::shift_clock(theirs.wrapping_sub(ours));
    Ok(Identity {
        start: 0,
        time_namespace: owner.time_namespace,
        clock_offset: owner.clock_offset,
        ..us
    })
}

fn rules(run: &RunRecord) -> Rules {
    Rules {
        stop_signal: run.stop_signal,
        signal_to: run.signal_to,
        kill_wait: run.times().kill_wait,
        max_grace: run.max_grace(),
        stragglers: run.stragglers,
    }
}

/// Takes in every worker that was started and is not known to be over, and asks those that were
/// not asked yet.
fn take_in(
    run: &mut Run<'_>,
    dir: &RunDir,
    snapshot: Snapshot,
    mut raised: Raised,
    cgroup: Option<&Cgroup>,
) {
    let times = snapshot.run.times();
    let notes_reads = snapshot.run.notes_reads;
    let numbers = WorkerNumber::all_of(snapshot.run.workers);
    for (number, record) in numbers.zip(snapshot.workers).filter(|(_, record)| {
        record.state != WorkerState::Ended || record.outcome.as_deref() == Some("not_ended")
    }) {
        // If it is still on the way to its program, it looks at its flag before that runs.
        let Some(born) = run.files().born(number) else {
            continue;
        };
        let told = raised.of(number, record.flag.as_deref(), dir);
        let named = |&(pid, start, inode): &(Pid, u64, u64)| {
            let inode = Some(inode).filter(|&inode| inode != 0);
            (pid, Stranger::named(Born { pid, start, inode }))
        };
        let heritage = Heritage {
            rest: record.rest.iter().map(named).collect(),
            number,
            born,
            main: Stranger::find(born),
            request: told.request,
            flag: told.flag,
            // Only the flag that the worker had can tell.
            notes_reads: notes_reads && !told.is_new,
            record,
            cgroup: cgroup.map(|cgroup| cgroup.of_worker(number)),
        };
        run.adopt(|turn| worker::adopt(heritage, times, turn));
        failpoint::pass("worker adopted");
    }
    raised.rest();
    // As of the moment at which the flags were raised, so that what they say is true.
    run.stop_all(&Reason::LOST, How::OWN_TIMES, raised.at);
    failpoint::pass("asked");
}

fn go_on(run: &mut Run<'_>) {
    let blocked = SigSet::all();
    run.settle(sys::now());
    while !run.workers().all_over() && run.is_ours() {
        run.publish();
        run.wait(std::iter::empty(), None, &blocked);
        let now = sys::now();
        let lines = run.read_requests();
        run.on_each(now, Worker::see_read);
        run.settle(now);
        run.obey(lines, now);
        run.tick(now);
    }
}
