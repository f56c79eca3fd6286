//! The files of a run as its guard has them, without their names: somebody may have deleted the names,
//! and the supervisor may have died before it had put them back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::contract::base::Base;
use crate::contract::flag::format::Request;
use crate::contract::flag::writer::FlagFile;
use crate::contract::owner::{self, OwnerSeen};
use crate::contract::record::{self, RecordReader};
use crate::contract::run_dir::RunDir;
use crate::enforce::takeover::Known;
use crate::failpoint;
use crate::linux::files;
use crate::linux::process::Identity;
use crate::words::duration::Limit;
use crate::words::name::RunName;
use crate::words::worker_number::WorkerNumber;

/// The files of a run, held open.
#[derive(Debug)]
pub(crate) struct Estate {
    /// Where they are, or were.
    pub(crate) dir: RunDir,
    /// The file `owner`.
    pub(crate) owner: Arc<File>,
    /// Whose that is, in case somebody cuts it.
    pub(crate) supervisor: Identity,
    /// The file `record`.
    pub(crate) record: Arc<File>,
    /// The flags, by the numbers of their workers.
    pub(crate) flags: BTreeMap<WorkerNumber, FlagFile>,
    /// The grace of the run.
    pub(crate) grace: Limit,
}

impl Estate {
    /// Takes in the flag of a worker that was started since.
    pub(super) fn add(&mut self, name: &str, file: File) {
        if let Some(worker) = FlagFile::worker_of(name) {
            let flag = FlagFile::of_file(file, self.dir.path(), name);
            self.flags.insert(worker, flag);
        }
    }

    /// The dead owner of the run, by the file that we have open: it tells that even if its name is gone.
    pub(super) fn dead_owner(&self) -> Option<Identity> {
        let seen = owner::see_open(&self.owner);
        if seen == OwnerSeen::Spoilt {
            return Some(self.supervisor.clone());
        }
        Some(dead(seen)?.0)
    }

    /// Raises the flags that have no names any more, as nobody else can.
    pub(super) fn raise_nameless(&mut self) {
        for flag in self.flags.values_mut() {
            // The supervisor may have raised it since. If it cannot be read, it was cut, and says again
            // what it said when we last read it.
            let _ = flag.reload();
            flag.raise_nameless(&self.dir, &Request::LOST);
        }
    }

    /// Puts back what is missing of the run's names; answers its directory, and the flags that have
    /// none.
    ///
    /// # Errors
    ///
    /// As mkdir(2), open(2) and rename(2).
    pub(super) fn settle(mut self) -> io::Result<(RunDir, Known)> {
        let name = RunName::parse(self.dir.name().as_ref()).map_err(io::Error::other)?;
        if let Some(newer) = self.newer(&name) {
            self.dir = newer;
        }
        // If it cannot come back, it is of use all the same: we have it open.
        let _ = self.dir.is_there() || self.dir.come_back().unwrap_or(false);
        if self.dir.is_deleted() {
            self.dir = RunDir::build().map_err(io::Error::other)?;
            self.dir.keep();
            self.fill();
            failpoint::pass("directory made again");
            // If another run has the name by now, nobody can ask us; we end this one all the same.
            let _ = self.dir.publish(&name);
        } else {
            self.fill();
        }
        failpoint::pass("names put back");
        let dir = self.dir;
        let nameless = self.flags.into_iter();
        let nameless = nameless.map(|(worker, flag)| (worker, flag.into_nameless(&dir)));
        let nameless = nameless.collect();
        let grace = Some(self.grace);
        Ok((dir, Known { nameless, grace }))
    }

    /// The directory that the supervisor has made anew, if it died before it told us.
    fn newer(&self, name: &RunName) -> Option<RunDir> {
        if self.dir.is_there() {
            return None;
        }
        let base = Base::at(self.dir.base().path()).ok()?;
        let there = RunDir::open(&base, name).ok()??;
        let (owner, _) = dead(owner::see(&there))?;
        (Some(owner) == self.dead_owner()).then_some(there)
    }

    /// Puts back the files that are missing, or cannot be used, as far as that is possible: the flags
    /// that have names are raised in any case. What the supervisor has put back stays: somebody may
    /// have opened it.
    fn fill(&mut self) {
        let dir = &self.dir;
        let is_held = owner::see_open(&self.owner) != OwnerSeen::Spoilt;
        let seen = owner::see(dir);
        if seen == OwnerSeen::Unreadable || seen == OwnerSeen::Spoilt && is_held {
            let _ = files::copy(dir, owner::FILE, &self.owner, files::READ_ONLY);
        }
        let record = RecordReader::open(dir).and_then(|record| record.read());
        if record.is_err() {
            let _ = files::copy(dir, record::FILE, &self.record, record::MODE);
        }
        for flag in self.flags.values_mut() {
            if !files::is_any(dir, flag.name()) {
                // Without a name it is raised by us all the same.
                let _ = flag.put_back(dir);
            }
        }
    }
}

/// The owner of a run that is dead, and what stands in the owner word.
pub(super) fn dead(seen: OwnerSeen) -> Option<(Identity, u32)> {
    match seen {
        // If the kernel cannot mark the death, we know of it all the same.
        OwnerSeen::Died { owner, word }
        | OwnerSeen::Alive {
            owner,
            word,
            watched: false,
        } => Some((owner, word)),
        // Taken over by somebody else, or removed.
        OwnerSeen::Alive { .. }
        | OwnerSeen::Changing { .. }
        | OwnerSeen::Unreadable
        | OwnerSeen::Spoilt => None,
    }
}
