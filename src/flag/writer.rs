//! The owner's side: making a flag, and raising it. Nothing else in the house writes one.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::format::{self, LEN, Request, TEXT};
use crate::failpoint;
use crate::files;
use crate::sys::{self, SharedPage};

/// Flags whose names are gone, by the numbers of their workers.
pub type Nameless = HashMap<u32, Vec<Arc<File>>>;

/// The flag of one start of one worker. Raised, never lowered, never used for another start.
///
/// The descriptor is kept from creation: it works on when the name has been deleted, and needs no
/// permission that 0444 does not give.
#[derive(Debug)]
pub struct FlagFile {
    name: String,
    path: PathBuf,
    file: Arc<File>,
    /// Those whose name is gone, and that a worker may have open.
    before: Vec<Arc<File>>,
    /// What it says.
    text: [u8; LEN],
    /// Whether the kernel is to note its first read, and nobody has read it yet.
    notes_reads: bool,
}

impl FlagFile {
    /// Makes a flag that is down for worker number `worker` in the directory `dir` at `path`.
    ///
    /// # Errors
    ///
    /// As open(2) and `posix_fallocate(3)`: a full file system says so here, not by SIGBUS later.
    pub fn create(dir: impl AsFd, path: &Path, worker: u32) -> io::Result<Self> {
        Self::again(dir, path, format!("{worker}.{:016x}", sys::random()?))
    }

    /// Makes a flag of this name that is down, in the place of one that was deleted.
    ///
    /// # Errors
    ///
    /// As [`FlagFile::create`].
    pub fn again(dir: impl AsFd, path: &Path, name: String) -> io::Result<Self> {
        // A worker of any uid can read it, and nobody breaks it by a slip.
        let file = files::make(dir, &name, files::READ_ONLY, LEN as u64)?;
        failpoint::pass("flag file made");
        let text = format::running();
        file.write_all_at(&text, 0)?;
        failpoint::pass("flag made");
        Ok(Self {
            path: path.join(&name),
            name,
            file: Arc::new(file),
            before: Vec::new(),
            text,
            notes_reads: false,
        })
    }

    /// Opens the flag `name` in the directory `dir` at `path`, which an owner made that is no more.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn open(dir: impl AsFd, path: &Path, name: &str) -> io::Result<Self> {
        let mut flag = Self::of_file(files::open_read_only(dir, name)?, path, name);
        flag.read_again()?;
        Ok(flag)
    }

    /// The flag `name` in the directory at `path`, which is open as `file`. What it says has to be
    /// read yet.
    #[must_use]
    pub fn of_file(file: File, path: &Path, name: &str) -> Self {
        Self {
            path: path.join(name),
            name: name.to_owned(),
            file: Arc::new(file),
            before: Vec::new(),
            text: format::running(),
            notes_reads: false,
        }
    }

    /// Another end of the same flag.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            name: self.name.clone(),
            path: self.path.clone(),
            file: Arc::clone(&self.file),
            before: self.before.clone(),
            text: self.text,
            notes_reads: self.notes_reads,
        }
    }

    /// Reads what it says now: another end of it may have been used.
    ///
    /// # Errors
    ///
    /// As pread(2).
    pub fn read_again(&mut self) -> io::Result<()> {
        let _ = self.file.read_at(&mut self.text, 0)?;
        Ok(())
    }

    /// Has these raised with it: they were its worker's before it was put back.
    pub fn raises_too(&mut self, before: Vec<Arc<File>>) {
        self.before.extend(before);
    }

    /// Those that are raised with it.
    #[must_use]
    pub fn before(&self) -> &[Arc<File>] {
        &self.before
    }

    /// Whether its name in `dir` still leads to it.
    #[must_use]
    pub fn has_its_name(&self, dir: impl AsFd) -> bool {
        files::is_at(dir, &*self.name, &*self.file)
    }

    /// Those of its files that have no name in `dir`. The one that has is closed, whoever else in
    /// this process may hold it: right only in one that was forked, and leaves that alone.
    #[must_use]
    pub fn into_nameless(mut self, dir: impl AsFd) -> Vec<Arc<File>> {
        if self.has_its_name(dir) {
            let number = self.file.as_raw_fd();
            if Arc::into_inner(self.file).is_none() {
                sys::close_abandoned(number);
            }
        } else {
            self.before.push(self.file);
        }
        self.before
    }

    /// What it says; `None` while it is down.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        format::parse(&self.text)
    }

    /// Makes the flag again in `dir` if its name is gone. Both are raised, the old one and this.
    /// Answers whether it was gone.
    ///
    /// # Errors
    ///
    /// As [`FlagFile::create`] and rename(2).
    pub fn put_back(&mut self, dir: impl AsFd) -> io::Result<bool> {
        if self.has_its_name(dir.as_fd()) {
            return Ok(false);
        }
        let file = files::make(dir.as_fd(), files::ASIDE, files::READ_ONLY, LEN as u64)?;
        file.write_all_at(&self.text, 0)?;
        files::publish(dir, &self.name)?;
        let old = std::mem::replace(&mut self.file, Arc::new(file));
        self.before.push(old);
        // Who has none of these open cannot open one any more.
        self.before.retain(|file| sys::is_open_elsewhere(file));
        self.notes_reads = false;
        Ok(true)
    }

    /// Writes it again if somebody else has written it, or cut it. Answers whether that was so.
    ///
    /// # Errors
    ///
    /// As pread(2) and pwrite(2).
    pub fn heal(&self) -> io::Result<bool> {
        let mut there = [0; LEN + 1];
        let length = self.file.read_at(&mut there, 0)?;
        let whole = there[..length] == self.text;
        if !whole {
            self.write()?;
        }
        if length > LEN {
            // Nobody's mapping dies of it: the first page stays.
            self.file.set_len(LEN as u64)?;
        }
        Ok(!whole)
    }

    /// The worker whose flag has this name in the run's directory; `None` if it is no flag's.
    #[must_use]
    pub fn worker_of(name: &str) -> Option<u32> {
        let (worker, random) = name.split_once('.')?;
        let hex = random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit());
        worker.parse().ok().filter(|_| hex)
    }

    /// The file's name in the run's directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's absolute path, which the worker gets.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for a worker's own look before its program runs: an open would count as
    /// the look of that program.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Has the kernel note the first read of it, from the next one on that is not ours; answers
    /// whether it does.
    #[must_use]
    pub fn note_reads(&mut self) -> bool {
        let not_ours = fcntl(&self.file, FcntlArg::F_SETFL(OFlag::O_NOATIME));
        // Before its last change, or the next read would not be noted (mount(8), relatime).
        let never = TimeSpec::new(0, 0);
        self.notes_reads =
            not_ours.is_ok() && futimens(&self.file, &never, &TimeSpec::UTIME_OMIT).is_ok();
        self.notes_reads
    }

    /// Whether somebody has read it or mapped it since then; once.
    pub fn take_read(&mut self) -> bool {
        let was_read = |file: &File| file.metadata()?.accessed().map(|at| at != UNIX_EPOCH);
        let news = self.notes_reads && was_read(&self.file).is_ok_and(|read| read);
        self.notes_reads &= !news;
        news
    }

    /// Writes what `request` says and wakes every process that sleeps on the flag.
    ///
    /// With pwrite(2), not through a mapping: it raises an inotify event, and it cannot die of
    /// SIGBUS if somebody truncated the file; it makes the file whole again.
    ///
    /// # Errors
    ///
    /// As pwrite(2). The storage is reserved, so a full file system is no reason.
    pub fn raise(&mut self, request: &Request) -> io::Result<()> {
        self.text = format::stopping(request);
        self.write()
    }

    /// Writes what `request` says to those of its files that have no name in `dir`, if it is down.
    pub fn raise_nameless(&self, dir: impl AsFd, request: &Request) {
        if self.request().is_some() {
            return;
        }
        let text = format::stopping(request);
        let last = (!self.has_its_name(dir)).then_some(&self.file);
        for file in self.before.iter().chain(last) {
            // Whoever goes on with the run writes it again.
            let _ = write(file, &text);
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut result = Ok(());
        for file in self.before.iter().chain([&self.file]) {
            let written = write(file, &self.text);
            result = result.and(written);
        }
        result
    }
}

fn write(file: &File, whole: &[u8; LEN]) -> io::Result<()> {
    failpoint::pass("flag to be raised");
    // ORDER: the text first, then the level: whoever sees the level reads its reason.
    let text = file.write_all_at(&whole[TEXT..], TEXT as u64);
    failpoint::pass("flag's text written");
    let written = text.and_then(|()| file.write_all_at(&whole[..TEXT], 0));
    failpoint::pass("flag's level written");
    // Mapped only for the moment: mappings kept per worker make every fork dearer. Without memory
    // for it the sleepers wake by themselves within their second.
    if let Ok(page) = SharedPage::map(file) {
        sys::futex_wake_all(&page);
    }
    failpoint::pass("flag raised");
    written
}
