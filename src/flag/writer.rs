//! The owner's side: making a flag, and raising it. Nothing else in the house writes one.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::{self, LEN, Request, TEXT};
use crate::files;
use crate::sys::{self, SharedPage};

/// The flag of one start of one worker. Raised, never lowered, never used for another start.
///
/// The descriptor is kept from creation: it works on when the name has been deleted, and needs no
/// permission that 0444 does not give.
#[derive(Debug)]
pub struct FlagFile {
    name: String,
    path: PathBuf,
    file: Arc<File>,
}

impl FlagFile {
    /// Makes a flag that is down for worker number `worker` in the directory `dir` at `path`.
    ///
    /// # Errors
    ///
    /// As open(2) and `posix_fallocate(3)`: a full file system says so here, not by SIGBUS later.
    pub fn create(dir: impl AsFd, path: &Path, worker: u32) -> io::Result<Self> {
        let name = format!("{worker}.{:016x}", sys::random()?);
        // A worker of any uid can read it, and nobody breaks it by a slip.
        let file = files::make(dir, &name, files::READ_ONLY, LEN as u64)?;
        file.write_all_at(&format::running(), 0)?;
        Ok(Self {
            path: path.join(&name),
            name,
            file: Arc::new(file),
        })
    }

    /// Opens the flag `name` in the directory `dir` at `path`, which an owner made that is no more.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn open(dir: impl AsFd, path: &Path, name: &str) -> io::Result<Self> {
        Ok(Self {
            path: path.join(name),
            name: name.to_owned(),
            file: Arc::new(files::open_read_only(dir, name)?),
        })
    }

    /// What it says; `None` while it is down.
    ///
    /// # Errors
    ///
    /// As pread(2).
    pub fn request(&self) -> io::Result<Option<Request>> {
        let mut bytes = [b'\n'; LEN];
        let _ = self.file.read_at(&mut bytes, 0)?;
        Ok(format::parse(&bytes))
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

    /// Writes what `request` says and wakes every process that sleeps on the flag.
    ///
    /// With pwrite(2), not through a mapping: it raises an inotify event, and it cannot die of
    /// SIGBUS if somebody truncated the file; it makes the file whole again.
    ///
    /// # Errors
    ///
    /// As pwrite(2). The storage is reserved, so a full file system is no reason.
    pub fn raise(&self, request: &Request) -> io::Result<()> {
        let bytes = format::stopping(request);
        // ORDER: the text first, then the level: whoever sees the level reads its reason.
        self.file.write_all_at(&bytes[TEXT..], TEXT as u64)?;
        self.file.write_all_at(&bytes[..TEXT], 0)?;
        // Mapped only for the moment: mappings kept per worker make every fork dearer. Without
        // memory for it the sleepers wake by themselves within their second.
        if let Ok(page) = SharedPage::map(&self.file) {
            sys::futex_wake_all(&page);
        }
        Ok(())
    }
}
