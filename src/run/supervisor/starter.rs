//! Starting one worker: its flag, its control group and its process.

use std::fs::File;
use std::io;

use super::foreground::Foreground;
use super::looks::Looks;
use crate::contract::base::BaseError;
use crate::contract::flag::writer::FlagFile;
use crate::contract::run_dir::RunDir;
use crate::decide::ladder::Ladder;
use crate::decide::times::Times;
use crate::enforce::run::Run;
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::cgroup::{Cgroup, Use};
use crate::linux::sys;
use crate::run::spawn::{Newborn, Outfit, Recipe, SpawnError};
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// How the workers of a run are started.
#[derive(Debug)]
pub(super) struct Starter {
    recipe: Recipe,
    times: Times,
    /// The control group in which each worker gets one of its own.
    cgroup: Option<Cgroup>,
    /// Whether a worker may do without one.
    usage: Use,
}

impl Starter {
    pub(super) fn new(recipe: Recipe, times: Times, cgroup: Option<Cgroup>, usage: Use) -> Self {
        Self {
            recipe,
            times,
            cgroup,
            usage,
        }
    }

    /// Starts a worker, whose flag is made in `dir`, and takes it into `run`. Answers its process,
    /// which is on the way to its program, and since when.
    pub(super) fn start(
        &self,
        number: WorkerNumber,
        dir: &RunDir,
        run: &mut Run<'_>,
        looks: &mut Looks,
        foreground: &mut Foreground,
    ) -> Result<(Newborn, Moment), SpawnError> {
        failpoint::pass("flag to be made");
        let flag = FlagFile::create(dir, dir.path(), number);
        let mut flag = flag.map_err(|error| without_flag(dir, error))?;
        let watched = looks.follow(&mut flag, number, run);
        failpoint::pass("flag watched");
        let (cgroup, entry) = cgroup_of(number, self.cgroup.as_ref(), self.usage)?.unzip();
        let outfit = Outfit {
            number,
            flag: &flag,
            birth: run.files().birth(number),
            owner: run.files().owner(),
            entry,
            terminal: foreground.lend_to_child(),
        };
        let started = self.recipe.start(&outfit);
        if started.is_err() {
            cgroup.iter().for_each(Cgroup::remove);
            foreground.take_back(None);
        }
        let child = started?;
        let now = sys::now();
        run.search().exclude(child.pid());
        failpoint::pass("worker started");
        let ladder = Ladder::new(self.times, now);
        run.add(Worker::new(
            number,
            child.pid(),
            flag,
            cgroup,
            (now, ladder),
        ));
        if !watched {
            run.on_worker(number, now, Worker::cannot_be_watched);
        }
        Ok((child, now))
    }

    /// No worker is left: removes the control group of the run.
    pub(super) fn remove_cgroup(&self) {
        self.cgroup.iter().for_each(Cgroup::remove);
    }
}

/// How many workers of a run are still to be started: none once a stop has begun.
pub(super) fn to_start(run: &Run<'_>) -> usize {
    if run.stopping().is_some() {
        0
    } else {
        run.unstarted()
    }
}

/// Why a worker is not started whose directory was deleted.
pub(super) fn without_dir(dir: &RunDir) -> SpawnError {
    without_flag(dir, io::ErrorKind::NotFound.into())
}

/// Why a worker is not started that would have no flag in this directory.
fn without_flag(dir: &RunDir, error: io::Error) -> SpawnError {
    let error = BaseError::of_room(dir.base().path(), error);
    SpawnError::Lacks(
        "its flag",
        error.map_or_else(|error| error, io::Error::other),
    )
}

/// A control group for a worker in that of its run, and the way into it, if workers have groups.
fn cgroup_of(
    number: WorkerNumber,
    run: Option<&Cgroup>,
    usage: Use,
) -> Result<Option<(Cgroup, File)>, SpawnError> {
    let Some(group) = run.map(|run| run.of_worker(number)) else {
        return Ok(None);
    };
    match (group.make().and_then(|()| group.entry()), usage) {
        (Ok(entry), Use::Auto | Use::Off | Use::Require) => Ok(Some((group, entry))),
        (Err(error), Use::Require) => {
            group.remove();
            Err(SpawnError::Lacks("its control group", error))
        }
        // There may be no room for another group: the worker is found without.
        (Err(_), Use::Auto | Use::Off) => {
            group.remove();
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cgroup, SpawnError, Use, WorkerNumber, cgroup_of};

    #[test]
    fn a_worker_does_without_a_control_group_unless_it_is_required() {
        let dir = tempfile::tempdir().unwrap();
        // A directory that is no group has no way in.
        let run = Cgroup::pretended(dir.path());
        let of = |run, usage| cgroup_of(WorkerNumber::FIRST, run, usage);
        assert!(matches!(of(Some(&run), Use::Auto), Ok(None)));
        let lacks = of(Some(&run), Use::Require);
        assert!(matches!(lacks, Err(SpawnError::Lacks(..))));
        assert!(matches!(of(None, Use::Require), Ok(None)));
        let left = dir.path().read_dir().unwrap().count();
        assert_eq!(left, 0, "what was made is removed");
    }
}
