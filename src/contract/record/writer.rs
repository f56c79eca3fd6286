//! The owner's side of the record.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::Serialize;

use super::{BIRTH, Born, FILE, HEADER, HEADER_TEXT, RunRecord, SLOT, WorkerRecord, behind, slot};
use crate::failpoint;
use crate::linux::files;
use crate::linux::sys::{self, SharedPage};
use crate::words::worker_number::WorkerNumber;

/// 0600: it contains command lines.
pub(crate) const MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// The owner's side of the record: changes are collected, and [`Record::commit`] writes them together.
#[derive(Debug)]
pub struct Record {
    file: Arc<File>,
    page: SharedPage,
    /// Earlier files of this record, which have lost the name and which somebody may sleep on.
    before: Vec<(Arc<File>, SharedPage)>,
    generation: u32,
    /// The generation that the file must have, where an earlier owner may still live and write.
    written: Option<u32>,
    pending: Vec<(u64, Vec<u8>)>,
}

/// How far the generations of an owner are ahead of those of the owner before it, so that they are
/// never the same. It is even: what was left odd stays odd.
const AHEAD: u32 = 1 << 16;

impl Record {
    /// Makes the record in `dir`, with storage for all workers of `run`.
    ///
    /// # Errors
    ///
    /// As open(2), `posix_fallocate(3)` and mmap(2).
    pub fn create(dir: impl AsFd, run: &RunRecord) -> io::Result<Self> {
        let file = files::make(dir, FILE, MODE, behind(run.workers))?;
        failpoint::pass("record made");
        let page = SharedPage::map(&file)?;
        // Nobody else can see it yet, so the generation stays the same.
        file.write_all_at(&blank(run), HEADER_TEXT)?;
        failpoint::pass("record written");
        Ok(Self {
            file: Arc::new(file),
            page,
            before: Vec::new(),
            generation: 0,
            written: None,
            pending: Vec::new(),
        })
    }

    /// Opens the record in `dir` that a previous owner made.
    ///
    /// # Errors
    ///
    /// As open(2), pread(2) and mmap(2).
    pub fn open(dir: impl AsFd) -> io::Result<Self> {
        let file = files::open(dir, FILE, OFlag::O_RDWR)?;
        let found = generation(&file)?;
        let page = SharedPage::map(&file)?;
        Ok(Self {
            file: Arc::new(file),
            page,
            before: Vec::new(),
            generation: found.wrapping_add(AHEAD),
            written: Some(found),
            pending: Vec::new(),
        })
    }

    /// Makes the record again in `dir`, with what it contains, if its name is gone; from then on the
    /// old file and the new one are both written. Returns whether the name was gone.
    ///
    /// # Errors
    ///
    /// As [`Record::create`] and rename(2).
    pub fn put_back(&mut self, dir: impl AsFd) -> io::Result<bool> {
        if files::is_at(dir.as_fd(), FILE, &*self.file) {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        (&*self.file).seek(SeekFrom::Start(0))?;
        (&*self.file).read_to_end(&mut bytes)?;
        let file = files::make(dir.as_fd(), files::ASIDE, MODE, bytes.len() as u64)?;
        file.write_all_at(&bytes, 0)?;
        let page = SharedPage::map(&file)?;
        files::publish(dir, FILE)?;
        let old = std::mem::replace(&mut self.file, Arc::new(file));
        self.before
            .push((old, std::mem::replace(&mut self.page, page)));
        // Nobody can open a file without a name, so only those that are open somewhere are kept.
        self.before.retain(|(file, _)| sys::is_open_elsewhere(file));
        Ok(true)
    }

    /// Whether there is something to commit.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether somebody has truncated it.
    #[must_use]
    pub fn is_cut(&self, run: &RunRecord) -> bool {
        // The last byte is written with the whole record, and never by a change: a change beyond the
        // cut makes the file as long again as it was, but does not restore this byte.
        let mut last = [0];
        let read = self.file.read_at(&mut last, behind(run.workers) - 1);
        read.is_ok() && last != *b"\n"
    }

    /// Whether an earlier owner has written into it: one that was held up after it had made sure that it
    /// still was the owner, and before it wrote.
    #[must_use]
    pub fn is_overwritten(&self) -> bool {
        let is_other = |written| generation(&self.file).is_ok_and(|found| found != written);
        self.written.is_some_and(is_other)
    }

    /// Writes it again as it was made, with the identities of the workers that were started since. The
    /// caller has to set again what became of them.
    ///
    /// # Errors
    ///
    /// As pwrite(2): its storage was released when it was truncated.
    pub fn mend(&mut self, run: &RunRecord, born: &[(WorkerNumber, Born)]) -> io::Result<()> {
        // Odd until the next commit, whether or not there is one.
        self.generation |= 1;
        self.write_generation()?;
        self.write(&blank(run), HEADER_TEXT)?;
        born.iter()
            .try_for_each(|(worker, born)| self.write(&born.line()?, slot(*worker)))
    }

    /// Lets the next [`Record::commit`] write the header.
    pub fn set_run(&mut self, run: &RunRecord) {
        self.pending
            .push((HEADER_TEXT, padded(run, HEADER - HEADER_TEXT)));
    }

    /// Lets the next [`Record::commit`] write a worker's slot.
    pub fn set_worker(&mut self, worker: WorkerNumber, what: &WorkerRecord) {
        self.pending.push((
            slot(worker) + BIRTH as u64,
            // Without the last byte: see `is_cut`.
            padded(what, (SLOT - BIRTH) as u64 - 1),
        ));
    }

    /// Writes what has changed, as one step for every reader, and wakes those who wait for a change.
    ///
    /// # Errors
    ///
    /// As pwrite(2).
    pub fn commit(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        // ORDER: odd, then the changes, then even: a reader that saw the same even number before and
        // after has read no change in part. An owner that died in between has left it odd.
        if self.generation % 2 == 0 {
            self.step()?;
        }
        failpoint::pass("record: odd");
        for (place, bytes) in std::mem::take(&mut self.pending) {
            self.write(&bytes, place)?;
            failpoint::pass("record: a place written");
        }
        self.step()?;
        failpoint::pass("record: even");
        let before = self.before.iter().map(|(_, page)| page);
        before.chain([&self.page]).for_each(sys::futex_wake_all);
        failpoint::pass("record written");
        Ok(())
    }

    fn step(&mut self) -> io::Result<()> {
        self.generation = self.generation.wrapping_add(1);
        self.write_generation()
    }

    fn write_generation(&mut self) -> io::Result<()> {
        self.written = self.written.and(Some(self.generation));
        self.write(&self.generation.to_ne_bytes(), 0)
    }

    fn write(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        let before = self.before.iter().map(|(file, _)| file);
        let mut all = before.chain([&self.file]);
        all.try_for_each(|file| files::overwrite(file, bytes, place))
    }

    /// The open file, for the process that puts it back after our death.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// What worker `worker` wrote before its program ran.
    #[must_use]
    pub fn born(&self, worker: WorkerNumber) -> Option<Born> {
        Born::read(&self.file, slot(worker))
    }

    /// The place where a worker writes its identity before its program runs.
    #[must_use]
    pub fn birth(&self, worker: WorkerNumber) -> Birth {
        Birth {
            file: Arc::clone(&self.file),
            place: slot(worker),
        }
    }
}

fn generation(file: &File) -> io::Result<u32> {
    let mut generation = [0; 4];
    file.read_exact_at(&mut generation, 0)?;
    Ok(u32::from_ne_bytes(generation))
}

/// The bytes of a record in which nothing has happened yet, without the generation.
fn blank(run: &RunRecord) -> Vec<u8> {
    let mut bytes = padded(run, HEADER - HEADER_TEXT);
    let mut slot = vec![0; BIRTH];
    slot.extend(padded(&WorkerRecord::default(), (SLOT - BIRTH) as u64));
    bytes.extend(slot.repeat(run.workers as usize));
    bytes
}

fn padded(what: &impl Serialize, length: u64) -> Vec<u8> {
    // UNWRAP: writing plain structs of texts and numbers as JSON cannot fail.
    let mut bytes = serde_json::to_vec(what).unwrap_or_default();
    debug_assert!(
        bytes.len() < usize::try_from(length).unwrap_or(0),
        "the text outgrew its place"
    );
    bytes.resize(usize::try_from(length).unwrap_or(0), b'\n');
    bytes
}

/// A worker's own place in the record.
#[derive(Debug)]
pub struct Birth {
    file: Arc<File>,
    place: u64,
}

impl Birth {
    /// Writes the identity of a worker, with one pwrite(2), in the child between fork and exec: so a
    /// crash of the supervisor leaves no process that nobody knows.
    ///
    /// # Errors
    ///
    /// As pwrite(2).
    pub fn write(&self, born: &Born) -> io::Result<()> {
        self.file.write_all_at(&born.line()?, self.place)
    }
}
