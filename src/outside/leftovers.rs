//! What dead runs left in the base directory: runs that nobody owns, and directories that were
//! never published or never quite removed.
//!
//! This part looks, and removes what no worker can know of. It never touches what somebody lives
//! for, and never ends anybody: that is for whoever takes over.

use std::ffi::OsStr;
use std::io;
use std::time::Duration;

use crate::contract::base::Base;
use crate::contract::owner::{self, OwnerSeen};
use crate::contract::record::{Born, RecordReader, Snapshot};
use crate::contract::run_dir::{GONE, NEW, RunDir};
use crate::contract::standing::{self, Doubt, Orphaned, Standing, Unverifiable};
use crate::linux::process::{self, Found, Identity};
use crate::linux::sys;
use crate::words::name::RunName;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// How long a directory may be without an owner file: its maker needs milliseconds.
const UNSIGNED: Duration = Duration::from_secs(60);

/// What is in a base directory and of no use to anybody who lives.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// The runs that nobody owns.
    pub runs: Vec<Neglected>,
    /// The runs whose owner lives and has let a deadline go by.
    pub late: Vec<RunDir>,
    /// The directories that have no run's name, and whose maker is dead.
    pub debris: Vec<Debris>,
    /// What nobody here can judge.
    pub unclear: Vec<Unclear>,
}

/// A directory of which nobody here can tell whether somebody lives for it.
#[derive(Debug)]
pub struct Unclear {
    /// Its name.
    pub name: String,
    /// What keeps us from knowing.
    pub why: Obstacle,
}

/// What keeps us from judging a directory.
#[derive(Debug)]
pub enum Obstacle {
    /// It cannot be opened.
    Dir(io::Error),
    /// Nobody here can tell whether its owner, who has this pid, lives.
    Owner(Pid, Doubt),
    /// Its file `owner` is missing, or of another version.
    Unsigned,
    /// Nobody here can tell whether the process that makes it lives.
    Maker,
}

/// A run that nobody owns.
#[derive(Debug)]
pub struct Neglected {
    /// Its directory.
    pub dir: RunDir,
    /// Whether nothing of it can be left but that.
    pub is_past: bool,
}

/// A directory that has no run's name: no worker was ever started in it, or all have ended.
#[derive(Debug)]
pub struct Debris(RunDir);

impl Debris {
    /// The name it has.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Removes it.
    ///
    /// # Errors
    ///
    /// If something in it cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        self.0.discard()
    }
}

impl Leftovers {
    /// Looks through `base`; changes nothing.
    ///
    /// # Errors
    ///
    /// As open(2) and readdir(3).
    pub fn find(base: &Base) -> io::Result<Self> {
        let mut found = Self::default();
        for entry in base.entries()? {
            if let Ok(name) = RunName::parse(&entry) {
                found.see_run(base, &name);
            } else if let Some(entry) = unnamed(&entry) {
                found.see_unnamed(base, entry);
            }
        }
        Ok(found)
    }

    fn see_run(&mut self, base: &Base, name: &RunName) {
        let dir = match RunDir::open(base, name) {
            Ok(Some(dir)) => dir,
            Ok(None) => return,
            Err(error) => return self.doubt(name.as_str(), Obstacle::Dir(error)),
        };
        match Standing::of(&dir) {
            Standing::Owned(_) | Standing::Changing => {
                let seen = RecordReader::open(&dir).and_then(|record| record.read());
                if seen.is_ok_and(|seen| seen.is_late(sys::now())) {
                    self.late.push(dir);
                }
            }
            Standing::Orphaned(Orphaned { is_past, .. }) => {
                self.runs.push(Neglected { dir, is_past });
            }
            Standing::Unverifiable(Unverifiable { owner, why }) => {
                self.doubt(name.as_str(), Obstacle::Owner(owner.pid, why));
            }
            // Somebody removed it between two looks.
            Standing::Unreadable if !dir.is_there() => {}
            Standing::Unreadable => self.doubt(name.as_str(), Obstacle::Unsigned),
        }
    }

    fn doubt(&mut self, name: &str, why: Obstacle) {
        let name = name.to_owned();
        self.unclear.push(Unclear { name, why });
    }

    fn see_unnamed(&mut self, base: &Base, entry: &str) {
        let dir = match RunDir::open_unnamed(base, entry) {
            Ok(Some(dir)) => dir,
            Ok(None) => return,
            Err(error) => return self.doubt(entry, Obstacle::Dir(error)),
        };
        // A directory that is being removed has no worker any more: anybody may go on with that.
        let maker = if entry.starts_with(GONE) {
            Some(false)
        } else {
            lives(&dir)
        };
        match maker {
            Some(true) => {}
            Some(false) => self.debris.push(Debris(dir)),
            None => self.doubt(entry, Obstacle::Maker),
        }
    }
}

/// The name of a directory that is being built or removed.
fn unnamed(entry: &OsStr) -> Option<&str> {
    let entry = entry.to_str()?;
    (entry.starts_with(NEW) || entry.starts_with(GONE)).then_some(entry)
}

/// Whether the maker of a directory that is being built lives; `None` if nobody can tell.
fn lives(dir: &RunDir) -> Option<bool> {
    let is_old = dir.age().is_some_and(|age| age > UNSIGNED);
    match owner::see(dir) {
        OwnerSeen::Died { word, .. } if owner::has_died(word) => Some(false),
        // A maker writes the line before the word: if it has just begun, the word is still 0.
        OwnerSeen::Died { owner, .. } | OwnerSeen::Alive { owner, .. } => {
            match standing::find(dir, &owner, &process::own_identity()) {
                Ok(Found::Ours(_)) => Some(true),
                Ok(Found::Gone) => Some(false),
                // A start takes milliseconds.
                Ok(Found::Unverifiable) | Err(_) => (!is_old).then_some(true),
            }
        }
        OwnerSeen::Changing { .. } => (!is_old).then_some(true),
        OwnerSeen::Unreadable | OwnerSeen::Spoilt => Some(!is_old),
    }
}

/// How many workers of a run that nobody owns are still there, as far as anybody can tell. The run
/// is of this boot, and of our own pid namespace.
pub(super) fn still_there(record: &RecordReader, seen: &Snapshot) -> usize {
    let owner = Identity::parse(&seen.run.signed);
    let shares_clock = |owner: &Identity| owner.shares_clock(&process::own_identity());
    let is_comparable = owner.as_ref().and_then(shares_clock) != Some(false);
    let there = |worker: &WorkerNumber| {
        record
            .born(*worker)
            .is_some_and(|Born { pid, start, inode }| {
                let start = if is_comparable { start } else { 0 };
                !process::find(pid, start, inode).has_ended()
            })
    };
    WorkerNumber::all_of(seen.run.workers).filter(there).count()
}
