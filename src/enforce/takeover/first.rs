//! What a taker does first: it raises every flag that is down.
//!
//! It does so before it reads the record, which may be damaged or of another version; whatever else is
//! in the directory; and with one descriptor at a time, however few it may have. A flag that cannot be
//! raised keeps no other flag down.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use super::Known;
use crate::contract::flag::format::Request;
use crate::contract::flag::writer::{self, FlagFile, Nameless};
use crate::contract::run_dir::RunDir;
use crate::decide::ladder::Rung;
use crate::failpoint;
use crate::linux::plain::plain;
use crate::linux::sys;
use crate::words::duration::Limit;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// The flags of a run, each of them raised.
pub(super) struct Raised {
    /// When the first of them was.
    pub(super) at: Moment,
    /// What could not be done, as it is to be reported.
    pub(super) problems: Vec<String>,
    /// By their names. Those that were up before still say what they said.
    flags: HashMap<String, Found>,
    /// Those whose names are gone, by the numbers of their workers.
    nameless: Nameless,
    grace: Option<Limit>,
    dir: Arc<OwnedFd>,
}

struct Found {
    worker: WorkerNumber,
    flag: FlagFile,
    /// What it said before it was raised here.
    request: Option<Request>,
}

/// What a taker knows of a worker's flag.
pub(super) struct Told {
    pub(super) flag: FlagFile,
    /// What it said when it was found; `None` if it was down.
    pub(super) request: Option<Request>,
    /// Whether it was made in the place of the one that the worker had.
    pub(super) is_new: bool,
}

impl Raised {
    /// Raises what is down in `dir`, for the grace that is known.
    ///
    /// # Errors
    ///
    /// As fcntl(2): not one descriptor is left.
    pub(super) fn all(dir: &RunDir, known: Known) -> io::Result<Self> {
        let mut raised = Self {
            at: sys::now(),
            problems: Vec::new(),
            flags: HashMap::new(),
            nameless: known.nameless,
            grace: known.grace,
            dir: Arc::new(dir.as_fd().try_clone_to_owned()?),
        };
        let request = lost(known.grace, raised.at);
        if let Err(error) = raised.each(dir, &request) {
            let what = format!(
                "the flags of {} cannot be listed: {}",
                dir.name(),
                plain(&error)
            );
            raised.problems.push(what);
        }
        failpoint::pass("flags raised");
        Ok(raised)
    }

    fn each(&mut self, dir: &RunDir, request: &Request) -> io::Result<()> {
        for name in dir.names()? {
            let Some(worker) = FlagFile::worker_of(&name) else {
                continue;
            };
            match raise(&self.dir, dir, &name, request) {
                Ok((flag, request)) => {
                    let found = Found {
                        worker,
                        flag,
                        request,
                    };
                    self.flags.insert(name, found);
                }
                Err(error) => {
                    let what = format!(
                        "the flag {name} of {} cannot be raised: {}",
                        dir.name(),
                        plain(&error)
                    );
                    self.problems.push(what);
                }
            }
        }
        Ok(())
    }

    /// The flag of worker `number`, which has this name if that is on record. One that was deleted,
    /// when nobody had the time to put it back, is made again: its worker is not lost.
    pub(super) fn of(&mut self, number: WorkerNumber, name: Option<&str>, dir: &RunDir) -> Told {
        let is_its = |found: &Found| found.worker == number;
        let unnamed = || {
            let mut flags = self.flags.iter();
            Some(flags.find(|(_, found)| is_its(found))?.0.clone())
        };
        let name = name.map(ToOwned::to_owned).or_else(unnamed);
        let found = name.as_ref().and_then(|name| self.flags.remove(name));
        let mut told = match found {
            Some(Found { flag, request, .. }) => Told {
                flag,
                request,
                is_new: false,
            },
            None => Told {
                flag: self.again(number, name, dir),
                request: None,
                is_new: true,
            },
        };
        let before = self.nameless.remove(&number).unwrap_or_default();
        told.flag.also_raise(before);
        told
    }

    fn again(&self, number: WorkerNumber, name: Option<String>, dir: &RunDir) -> FlagFile {
        let made = match &name {
            Some(name) => FlagFile::make(dir, dir.path(), name.clone()),
            None => FlagFile::create(dir, dir.path(), number),
        };
        if let Ok(flag) = made {
            return flag.by_name(Arc::clone(&self.dir));
        }
        // Its worker is reached by signals all the same, and the ladder leads to them.
        let name = name.unwrap_or_else(|| format!("{number}.{}", "0".repeat(16)));
        FlagFile::lost(Arc::clone(&self.dir), dir.path(), &name)
    }

    /// Raises those that were cut, too. Their ladders may have been higher than what is written here; the
    /// record would tell, but it cannot be read.
    pub(super) fn rest(&mut self) {
        let request = lost(self.grace, self.at);
        for found in self.flags.values_mut().filter(|found| found.flag.is_cut()) {
            if let Err(error) = found.flag.raise(&request) {
                self.problems.push(plain(&error).to_string());
            }
        }
    }
}

/// Raises a flag that is down, or whose maker died before it had written it. A flag that was cut is left
/// alone: its readers take it for a stop.
fn raise(
    by_name: &Arc<OwnedFd>,
    dir: &RunDir,
    name: &str,
    request: &Request,
) -> io::Result<(FlagFile, Option<Request>)> {
    let mut flag = FlagFile::find(Arc::clone(by_name), dir.path(), name)?;
    let said = flag.request();
    let rung = said.as_ref().and_then(|said| Rung::of_level(said.level));
    if rung.is_none() && !flag.is_cut() {
        flag.raise(request)?;
    }
    Ok((flag, said))
}

/// What is written to a flag when nothing is known of its worker but the grace that all of them have.
fn lost(grace: Option<Limit>, at: Moment) -> Request {
    let grace = match grace {
        Some(Limit::After(grace)) => Some(grace),
        Some(Limit::Never) | None => None,
    };
    Request {
        deadline: grace.map(|grace| at + grace),
        deadline_unix: grace.map(writer::unix_in),
        ..Request::LOST
    }
}
