//! A run whose record cannot be read: another version of stopctl wrote it, or somebody damaged it.
//! Nobody here knows which workers it has. We ask its owner all the same: `owner` and `control` are
//! what all versions have in common.

use std::fmt;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::contract::control::Sender;
use crate::contract::record::RecordError;
use crate::contract::run_dir::RunDir;
use crate::contract::standing::{Doubt, Standing};
use crate::linux::process;
use crate::linux::sys;
use crate::outside::found::{Unusable, Why};
use crate::outside::rescue::{self, Care};
use crate::outside::stop::Demand;

/// How long we sleep between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// How long whoever takes over needs to sign.
const SIGNING: Duration = Duration::from_millis(10);

/// A run whose record cannot be read.
#[derive(Debug)]
pub struct Sealed {
    dir: Box<RunDir>,
    error: RecordError,
    problem: Option<SealedProblem>,
}

/// Why such a run cannot be stopped.
#[derive(Debug)]
pub enum SealedProblem {
    /// Its owner cannot be asked.
    Unasked(io::Error),
    /// Nobody here can tell whether its owner lives.
    OutOfReach(Doubt),
    /// It has no owner, and cannot be taken over.
    NotTakenOver(String),
}

impl fmt::Display for Sealed {
    /// Its name, and why it cannot be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.error)
    }
}

impl TryFrom<Unusable> for Sealed {
    type Error = Unusable;

    /// Whoever can open its directory can ask its owner.
    fn try_from(unusable: Unusable) -> Result<Self, Unusable> {
        match unusable.why {
            Why::Record(dir, error) => Ok(Self {
                dir,
                error,
                problem: None,
            }),
            Why::Dir(_) => Err(unusable),
        }
    }
}

impl Sealed {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.dir.name()
    }

    /// Why it cannot be stopped.
    #[must_use]
    pub const fn problem(&self) -> Option<&SealedProblem> {
        self.problem.as_ref()
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.dir.is_there()
    }

    /// Asks its owner to stop; a run without one gets one first, who asks its workers. Answers what
    /// that one could not do, in words.
    pub fn ask(&mut self, demand: &Demand) -> Vec<String> {
        let warnings = match Standing::of(&self.dir) {
            Standing::Orphaned(_) => self.take_over(),
            Standing::Owned(_)
            | Standing::Changing
            | Standing::Unverifiable(_)
            | Standing::Unreadable => Vec::new(),
        };
        if self.problem.is_none() {
            self.problem = self.send(demand).err().map(SealedProblem::Unasked);
        }
        warnings
    }

    fn send(&self, demand: &Demand) -> io::Result<()> {
        let mut sender = Sender::open(self.dir.as_fd())?;
        for request in demand.requests(&demand.workers) {
            if !sender.send_until(&request, sys::now() + LOOK)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    fn take_over(&mut self) -> Vec<String> {
        match rescue::care_for(&self.dir) {
            Care::Owned(warnings) => return warnings,
            Care::Mended | Care::Removed | Care::Gone => {}
            Care::Unverifiable(why) => self.problem = Some(SealedProblem::OutOfReach(why)),
            Care::Failed(why) => self.problem = Some(SealedProblem::NotTakenOver(why)),
        }
        Vec::new()
    }

    /// Waits a while for its end. Answers what whoever took over meanwhile could not do, and `None`
    /// once there is nothing to wait for.
    ///
    /// Nobody can tell whether one of its workers has ended: if only some were asked, there is
    /// nothing to wait for.
    pub fn wait(&mut self, demand: &Demand) -> Option<Vec<String>> {
        if !demand.workers.is_empty() || self.problem.is_some() || self.is_gone() {
            return None;
        }
        match Standing::of(&self.dir) {
            Standing::Owned(owned) => process::wait_for_end(&owned.pidfd, LOOK),
            Standing::Changing => std::thread::sleep(SIGNING),
            Standing::Orphaned(_) | Standing::Unreadable | Standing::Unverifiable(_) => {
                return Some(self.take_over());
            }
        }
        Some(Vec::new())
    }
}
