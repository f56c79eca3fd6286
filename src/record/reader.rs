//! The end of the record that `status`, `stop` and `wait` have.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::fcntl::OFlag;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    BIRTH, FILE, HEADER, HEADER_TEXT, RecordError, RunRecord, SLOT, VERSION, WorkerRecord, slot,
};
use crate::files;
use crate::sys::{self, SharedPage};

/// How often a reader looks again while the owner is writing. A write takes microseconds; if the
/// owner died in one, what stands there is the best there is.
const TRIES: usize = 1000;

/// One state of a run, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    generation: u32,
    /// The run.
    pub run: RunRecord,
    /// Its workers, by number.
    pub workers: Vec<WorkerRecord>,
}

/// A reader's end of the record.
#[derive(Debug)]
pub struct RecordReader {
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
        let file = files::open(dir, FILE, OFlag::O_RDONLY).map_err(RecordError::Io)?;
        let data = file.metadata().map_err(RecordError::Io)?;
        if !data.is_file() || data.len() < HEADER {
            return Err(RecordError::Damaged);
        }
        let page = SharedPage::map(&file).map_err(RecordError::Io)?;
        Ok(Self { file, page })
    }

    /// Reads the whole record.
    ///
    /// # Errors
    ///
    /// If it is of another version, or damaged.
    pub fn read(&self) -> Result<Snapshot, RecordError> {
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

    fn generation(&self) -> Result<u32, RecordError> {
        let mut word = [0; 4];
        self.file
            .read_exact_at(&mut word, 0)
            .map_err(|_| RecordError::Damaged)?;
        Ok(u32::from_ne_bytes(word))
    }

    fn copy(&self, generation: u32) -> Result<Snapshot, RecordError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = self.object(HEADER_TEXT, HEADER - HEADER_TEXT)?;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let run: RunRecord = self.object(HEADER_TEXT, HEADER - HEADER_TEXT)?;
        let length = self.file.metadata().map_err(RecordError::Io)?.len();
        if slot(run.workers) > length {
            return Err(RecordError::Damaged);
        }
        let worker = |worker| self.object(slot(worker) + BIRTH as u64, SLOT - BIRTH as u64);
        let workers = (0..run.workers).map(worker).collect::<Result<_, _>>()?;
        Ok(Snapshot {
            generation,
            run,
            workers,
        })
    }

    fn object<T: DeserializeOwned>(&self, place: u64, length: u64) -> Result<T, RecordError> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file
            .read_exact_at(&mut bytes, place)
            .map_err(|_| RecordError::Damaged)?;
        let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
        serde_json::from_slice(line).map_err(|_| RecordError::Damaged)
    }

    /// Sleeps until something is written after `seen`, or `timeout` is over, or for no reason.
    pub fn wait_for_change(&self, seen: &Snapshot, timeout: Duration) {
        // The kernel compares: never a load of our own, which would die of SIGBUS if the file
        // had been truncated.
        sys::futex_wait(self.page.word(0), seen.generation, timeout);
    }
}
