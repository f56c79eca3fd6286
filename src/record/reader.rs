//! The end of the record that `status`, `stop` and `wait` have.

use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::fcntl::OFlag;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    BIRTH, Born, FILE, HEADER, HEADER_TEXT, Phase, RecordError, RunRecord, SLOT, VERSION,
    WorkerRecord, WorkerState, slot,
};
use crate::duration::Limit;
use crate::files;
use crate::moment::Moment;
use crate::sys::{self, SharedPage};

/// How often a reader looks again while the owner is writing. A write takes microseconds; if the
/// owner died in one, what stands there is the best there is.
const TRIES: usize = 1000;

/// How many slots are read at once.
const TOGETHER: u32 = 64;

/// One state of a run, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    generation: u32,
    /// The run.
    pub run: RunRecord,
    /// Its workers, by number.
    pub workers: Vec<WorkerRecord>,
}

/// A deadline that is over for so long was missed: an owner climbs within milliseconds.
const LATE: Duration = Duration::from_secs(1);

impl Snapshot {
    /// Whether the owner has let a deadline go by, as one does that is frozen or hangs. One that is
    /// stopped need not be: its clocks may stand still with it.
    #[must_use]
    pub fn is_late(&self, now: Moment) -> bool {
        let missed = |one: &WorkerRecord| {
            let deadline = one.deadline_ns.map(Moment::from_nanos);
            one.state == WorkerState::Stopping && deadline.is_some_and(|at| at + LATE < now)
        };
        self.run.phase != Phase::Over && self.workers.iter().any(missed)
    }

    /// Reads the bytes of a whole record, as [`RecordReader::read`] reads the file.
    ///
    /// # Errors
    ///
    /// If it is of another version, or damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let word = bytes.first_chunk().ok_or(RecordError::Damaged)?;
        let part = |place: Range<u64>| {
            let (from, to) = (place.start.try_into().ok()?, place.end.try_into().ok()?);
            bytes.get::<Range<usize>>(from..to).map(<[u8]>::to_vec)
        };
        Self::read(u32::from_ne_bytes(*word), bytes.len() as u64, part)
    }

    /// Reads a record of `length` bytes part by part, so that a header that lies about the number
    /// of workers costs no memory.
    fn read(
        generation: u32,
        length: u64,
        part: impl Fn(Range<u64>) -> Option<Vec<u8>>,
    ) -> Result<Self, RecordError> {
        let header = part(HEADER_TEXT..HEADER).ok_or(RecordError::Damaged)?;
        let run = header_of(&header)?;
        if slot(run.workers) > length {
            return Err(RecordError::Damaged);
        }
        let mut workers = Vec::new();
        let mut first = 0;
        while first < run.workers {
            let end = run.workers.min(first.saturating_add(TOGETHER));
            let slots = part(slot(first)..slot(end)).ok_or(RecordError::Damaged)?;
            for slot in slots.chunks(SLOT) {
                workers.push(object(slot.get(BIRTH..))?);
            }
            first = end;
        }
        Ok(Self {
            generation,
            run,
            workers,
        })
    }
}

/// Reads the header, if it is of this version.
fn header_of(header: &[u8]) -> Result<RunRecord, RecordError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = object(Some(header))?;
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    object(Some(header))
}

/// Reads the object that a part of the record begins with.
fn object<T: DeserializeOwned>(part: Option<&[u8]>) -> Result<T, RecordError> {
    let line = part.and_then(|bytes| bytes.split(|&b| b == b'\n').next());
    serde_json::from_slice(line.unwrap_or_default()).map_err(|_| RecordError::Damaged)
}

/// A reader's end of the record.
#[derive(Debug)]
pub struct RecordReader {
    /// Where it was found, and the flags are.
    dir: OwnedFd,
    file: File,
    page: SharedPage,
}

impl RecordReader {
    /// Opens the record in `dir`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, is too short, or is not a regular file.
    pub fn open(dir: impl AsFd) -> Result<Self, RecordError> {
        let file = files::open(dir.as_fd(), FILE, OFlag::O_RDONLY).map_err(RecordError::Io)?;
        let data = file.metadata().map_err(RecordError::Io)?;
        if !data.is_file() || data.len() < HEADER {
            return Err(RecordError::Damaged);
        }
        let page = SharedPage::map(&file).map_err(RecordError::Io)?;
        let dir = dir.as_fd().try_clone_to_owned().map_err(RecordError::Io)?;
        Ok(Self { dir, file, page })
    }

    /// Reads the whole record; and of those who have not been seen to look, whether their flags
    /// tell of it. None is opened for that.
    ///
    /// # Errors
    ///
    /// If it is of another version, or damaged.
    pub fn read(&self) -> Result<Snapshot, RecordError> {
        let mut seen = self.read_file()?;
        if seen.run.notes_reads {
            for worker in &mut seen.workers {
                let flag = worker.flag.as_deref();
                let is_open = worker.looked == Some(false) && worker.state != WorkerState::Ended;
                if is_open && flag.is_some_and(|name| files::was_read(&self.dir, name)) {
                    worker.looked = Some(true);
                }
            }
        }
        Ok(seen)
    }

    fn read_file(&self) -> Result<Snapshot, RecordError> {
        let mut tries = 0..TRIES;
        loop {
            let before = self.generation()?;
            let writing = !before.is_multiple_of(2);
            if writing && tries.next().is_some() {
                std::thread::yield_now();
                continue;
            }
            let snapshot = self.copy(before);
            if writing || self.generation()? == before || tries.next().is_none() {
                return snapshot;
            }
        }
    }

    /// The grace of the run, without a look at its workers.
    ///
    /// # Errors
    ///
    /// If the record is of another version, or damaged.
    pub fn grace(&self) -> Result<Limit, RecordError> {
        let header = self.part(HEADER_TEXT..HEADER).ok_or(RecordError::Damaged)?;
        let grace_ms = header_of(&header)?.grace_ms;
        let after = |ms| Limit::After(Duration::from_millis(ms));
        Ok(grace_ms.map_or(Limit::Never, after))
    }

    /// What worker `worker` wrote before its program ran.
    #[must_use]
    pub fn born(&self, worker: u32) -> Option<Born> {
        Born::read(&self.file, slot(worker))
    }

    fn generation(&self) -> Result<u32, RecordError> {
        let mut word = [0; 4];
        self.file
            .read_exact_at(&mut word, 0)
            .map_err(|_| RecordError::Damaged)?;
        Ok(u32::from_ne_bytes(word))
    }

    fn copy(&self, generation: u32) -> Result<Snapshot, RecordError> {
        let length = self.file.metadata().map_err(RecordError::Io)?.len();
        Snapshot::read(generation, length, |place| self.part(place))
    }

    fn part(&self, place: Range<u64>) -> Option<Vec<u8>> {
        let length = usize::try_from(place.end - place.start).ok()?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, place.start).ok()?;
        Some(bytes)
    }

    /// Whether it still is the record in `dir`.
    #[must_use]
    pub fn is_at(&self, dir: impl AsFd) -> bool {
        files::is_at(dir, FILE, &self.file)
    }

    /// Sleeps until something is written after `seen`, or `timeout` is over, or for no reason.
    pub fn wait_for_change(&self, seen: &Snapshot, timeout: Duration) {
        // The kernel compares: never a load of our own, which would die of SIGBUS if the file
        // had been truncated.
        sys::futex_wait(self.page.word(0), seen.generation, timeout);
    }
}
