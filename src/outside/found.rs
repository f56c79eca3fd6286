//! A run that somebody else owns: its directory, its record, and what that said last.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::contract::base::Base;
use crate::contract::owner::{self, OwnerSeen};
use crate::contract::record::{RecordError, RecordReader, Snapshot, WorkerRecord};
use crate::contract::run_dir::RunDir;
use crate::contract::standing::{Owned, Standing};
use crate::decide::outcome::Outcome;
use crate::linux::plain::plain;
use crate::outside::leftovers;
use crate::words::name::RunName;

/// Names what a run lacks whose owner's death the kernel does not mark (`set_robust_list(2)`).
pub const ROBUST_LIST: &str = "robust_list";

/// A run that is there, and what it told when somebody last looked.
#[derive(Debug)]
pub struct Run {
    dir: RunDir,
    record: RecordReader,
    seen: Snapshot,
}

/// A run that cannot be opened, or whose record cannot be read.
#[derive(Debug)]
pub struct Unusable {
    pub(super) name: String,
    pub(super) why: Why,
}

#[derive(Debug)]
pub(super) enum Why {
    Dir(io::Error),
    Record(Box<RunDir>, RecordError),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Dir(error) => write!(f, "{}: {}", self.name, plain(error)),
            Why::Record(_, error) => write!(f, "{}: {error}", self.name),
        }
    }
}

impl std::error::Error for Unusable {}

impl Run {
    /// The run in `dir`; `None` if it has just ended.
    ///
    /// # Errors
    ///
    /// If its record cannot be read.
    pub fn open(dir: RunDir) -> Result<Option<Self>, Unusable> {
        let opened = RecordReader::open(&dir).and_then(|record| {
            let seen = record.read()?;
            Ok((record, seen))
        });
        match opened {
            Ok((record, seen)) => Ok(Some(Self { dir, record, seen })),
            // Somebody removed it between two looks: it has just ended.
            Err(RecordError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Unusable {
                name: dir.name().to_owned(),
                why: Why::Record(Box::new(dir), error),
            }),
        }
    }

    /// The run of this name in `base`; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If its directory cannot be opened, or its record cannot be read.
    pub fn in_base(base: &Base, name: &RunName) -> Result<Option<Self>, Unusable> {
        let dir = RunDir::open(base, name).map_err(|error| Unusable {
            name: name.to_string(),
            why: Why::Dir(error),
        })?;
        dir.map_or(Ok(None), Self::open)
    }

    /// Reads the record again. Should somebody have deleted the directory, or the record, this goes
    /// on with what its owner put back in its place.
    ///
    /// # Errors
    ///
    /// If the record cannot be read any more.
    pub fn refresh(&mut self) -> Result<(), RecordError> {
        self.follow();
        self.seen = self.record.read()?;
        Ok(())
    }

    fn follow(&mut self) {
        if self.dir.is_there() && self.record.is_at(&self.dir) {
            return;
        }
        // By its path: the base directory may be another one, too.
        let base = Base::at(self.dir.base().path()).ok();
        let (Some(base), Ok(name)) = (base, RunName::parse(self.name().as_ref())) else {
            return;
        };
        let same = |other: &Self| {
            let (us, them) = (&self.seen.run, &other.seen.run);
            (us.pid, us.started_unix_ms) == (them.pid, them.started_unix_ms)
        };
        match Self::in_base(&base, &name) {
            Ok(Some(other)) if same(&other) => *self = other,
            Ok(_) | Err(_) => {}
        }
    }

    /// Sleeps until the record may differ from what was read last, or for `longest`.
    pub fn wait_for_change(&self, longest: Duration) {
        self.record.wait_for_change(&self.seen, longest);
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.dir.name()
    }

    /// Its directory.
    pub const fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// What its record said last.
    #[must_use]
    pub const fn seen(&self) -> &Snapshot {
        &self.seen
    }

    /// How its owner stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing::of(&self.dir)
    }

    /// Whether the kernel has marked its owner as dead.
    #[must_use]
    pub fn owner_died(&self) -> bool {
        matches!(owner::see(&self.dir), OwnerSeen::Died { .. })
    }

    /// Whether it is there and its owner file names nobody: somebody has cut it, or deleted it.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        self.dir.is_there() && owner::see(&self.dir) == OwnerSeen::Spoilt
    }

    /// Whether some process of it could not be ended, and was left.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        let left = |one: &WorkerRecord| one.outcome.as_deref() == Some(Outcome::NotEnded.word());
        self.seen.workers.iter().any(left)
    }

    /// How many of its workers are still there, as far as anybody can tell. Right only for a run
    /// that nobody owns, of this boot and of our own pid namespace.
    #[must_use]
    pub fn still_there(&self) -> usize {
        leftovers::still_there(&self.record, &self.seen)
    }

    /// The names of what it does without, because the kernel or a sandbox refused it.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let mut lacks = self.seen.run.lacks.clone();
        // The owner word says so, of whoever is the owner now.
        if let Standing::Owned(Owned { watched: false, .. }) = self.standing() {
            lacks.push(ROBUST_LIST.to_owned());
        }
        lacks
    }
}
