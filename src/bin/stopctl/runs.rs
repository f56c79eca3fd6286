//! Finding runs by their names, or the one that was meant.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stopctl::contract::base::Base;
use stopctl::contract::flag::reader;
use stopctl::contract::owner::{self, OwnerSeen};
use stopctl::contract::record::{RecordError, RecordReader, Snapshot, WorkerRecord};
use stopctl::contract::run_dir::RunDir;
use stopctl::decide::outcome::Outcome;
use stopctl::words::duration::in_words;
use stopctl::words::escape::escaped;
use stopctl::words::name::RunName;

use crate::sealed::Sealed;
use crate::show::excerpt;

pub(crate) mod follow;
mod state;

pub(crate) use state::State;

/// A run that is there, and what it told when it was found.
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) dir: RunDir,
    pub(crate) record: RecordReader,
    pub(crate) seen: Snapshot,
}

/// Why there is no run to work with.
pub(crate) enum Missing {
    /// There is none.
    None(NotFound),
    /// There are several, and one has to be named.
    Several(String),
    /// Something failed.
    Failed(String),
}

/// There is no such run.
pub(crate) struct NotFound {
    /// In words.
    pub(crate) what: String,
    /// What was probably meant; empty if nobody can know.
    pub(crate) hint: String,
}

impl NotFound {
    /// Says it, with `then` between the two.
    pub(crate) fn saying(&self, then: &str) -> String {
        let dot = if self.hint.is_empty() { "" } else { ". " };
        format!("{}{then}{dot}{}", self.what, self.hint)
    }
}

impl Run {
    /// The run in `dir`; `None` if it has just ended.
    pub(crate) fn open(dir: RunDir) -> Result<Option<Self>, Missing> {
        let name = dir.name().to_owned();
        let opened = RecordReader::open(&dir).and_then(|record| {
            let seen = record.read()?;
            Ok((record, seen))
        });
        match opened {
            Ok((record, seen)) => Ok(Some(Self {
                name,
                dir,
                record,
                seen,
            })),
            // Removed between two looks: it has just ended.
            Err(RecordError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Missing::Failed(format!("{name}: {error}"))),
        }
    }

    /// Goes on with the directory, or the record, that was put back in the place of one that was
    /// deleted.
    pub(crate) fn follow(&mut self) {
        if self.dir.is_there() && self.record.is_at(&self.dir) {
            return;
        }
        // By its path: the base directory may be another one, too.
        let base = Base::at(self.dir.base().path()).ok();
        let (Some(base), Ok(name)) = (base, RunName::parse(self.name.as_ref())) else {
            return;
        };
        let same = |other: &Self| {
            let (us, them) = (&self.seen.run, &other.seen.run);
            (us.pid, us.started_unix_ms) == (them.pid, them.started_unix_ms)
        };
        if let Ok(Some(other)) = in_base(&base, &name)
            && same(&other)
        {
            *self = other;
        }
    }

    /// Whether the kernel has marked its owner as dead.
    pub(crate) fn owner_died(&self) -> bool {
        matches!(owner::see(&self.dir), OwnerSeen::Died { .. })
    }

    /// Whether it is there and its owner file names nobody: somebody has cut it, or deleted it.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.dir.is_there() && owner::see(&self.dir) == OwnerSeen::Spoilt
    }

    /// Whether something of it could not be ended, and was left.
    pub(crate) fn leaves_something(&self) -> bool {
        let left = |one: &WorkerRecord| one.outcome.as_deref() == Some(Outcome::NotEnded.word());
        self.seen.workers.iter().any(left)
    }

    pub(crate) fn command(&self) -> String {
        escaped(self.seen.run.command.join(" "))
    }

    pub(crate) fn started(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.seen.run.started_unix_ms)
    }

    pub(crate) fn age(&self) -> Duration {
        SystemTime::now()
            .duration_since(self.started())
            .unwrap_or_default()
    }
}

fn base() -> Result<Option<Base>, Missing> {
    Base::find().map_err(|error| Missing::Failed(error.to_string()))
}

/// Every run of this user, and what is wrong with those that cannot be read.
pub(crate) fn all() -> Result<(Vec<Run>, Vec<String>), Missing> {
    let (mut runs, mut problems) = (Vec::new(), Vec::new());
    let Some(base) = base()? else {
        return Ok((runs, problems));
    };
    for name in base
        .names()
        .map_err(|error| Missing::Failed(error.to_string()))?
    {
        match in_base(&base, &name) {
            Ok(run) => runs.extend(run),
            Err(Missing::Failed(problem)) => problems.push(problem),
            Err(other @ (Missing::None(_) | Missing::Several(_))) => return Err(other),
        }
    }
    Ok((runs, problems))
}

fn in_base(base: &Base, name: &RunName) -> Result<Option<Run>, Missing> {
    let dir = RunDir::open(base, name);
    let dir = dir.map_err(|error| Missing::Failed(format!("{name}: {error}")))?;
    dir.map_or(Ok(None), Run::open)
}

/// The run of this name, if its record cannot be read.
pub(crate) fn sealed(typed: &OsString) -> Option<Sealed> {
    let (base, name) = (Base::find().ok()??, RunName::parse(typed).ok()?);
    Sealed::find(&base, &name)
}

/// All whose record cannot be read.
pub(crate) fn all_sealed() -> Vec<Sealed> {
    let Ok(Some(base)) = Base::find() else {
        return Vec::new();
    };
    let names = base.names().unwrap_or_default();
    names
        .iter()
        .filter_map(|name| Sealed::find(&base, name))
        .collect()
}

/// The run of this name.
pub(crate) fn named(typed: &OsString) -> Result<Run, Missing> {
    let name = RunName::parse(typed).map_err(|error| {
        Missing::None(NotFound {
            what: error.to_string(),
            hint: String::new(),
        })
    })?;
    let found = base()?.map_or(Ok(None), |base| in_base(&base, &name))?;
    found.ok_or_else(|| Missing::None(not_found(&name)))
}

/// Says that there is no such run, and what was probably meant.
fn not_found(name: &RunName) -> NotFound {
    let (others, _) = all().unwrap_or_default();
    let is_worker = |run: &Run| {
        name.as_str()
            .parse()
            .is_ok_and(|n: u32| n < run.seen.run.workers)
    };
    let hint = match others.as_slice() {
        [] => of_another_user(),
        [only] if is_worker(only) => {
            format!("One worker: stopctl stop {} --worker {name}", only.name)
        }
        [only] => format!("The only run is '{}'", only.name),
        several => format!("There are:{}", listed(several)),
    };
    NotFound {
        what: format!("no run named '{name}'"),
        hint,
    }
}

/// Under sudo the runs are those of root; whose run was probably meant?
fn of_another_user() -> String {
    let uid = std::env::var("SUDO_UID").ok();
    let theirs = uid.map(|uid| format!("/dev/shm/stopctl-{uid}"));
    theirs
        .filter(|path| Path::new(path).is_dir())
        .map_or_else(String::new, |path| {
            let user = std::env::var("SUDO_USER").unwrap_or_else(|_| "the user".to_owned());
            format!("{user} has runs in {path}: leave sudo out")
        })
}

/// How many runs an error lists, and how much of each command.
const SHOWN: usize = 20;
const COMMAND: usize = 80;

fn listed(runs: &[Run]) -> String {
    let line = |run: &Run| {
        format!(
            "\n  {}  ({}, for {})",
            run.name,
            excerpt(run.command(), COMMAND),
            in_words(run.age())
        )
    };
    let mut lines: String = runs.iter().take(SHOWN).map(line).collect();
    if runs.len() > SHOWN {
        // UNWRAP: writing to a String cannot fail.
        let _ = write!(lines, "\n  and {} more (stopctl list)", runs.len() - SHOWN);
    }
    lines
}

/// The run that this process is a worker of.
pub(crate) fn own() -> Result<Option<Run>, Missing> {
    let Some(flag) = std::env::var_os(reader::VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    // Never another run instead: this process belongs to that one, be it there or not.
    let gone = || {
        Missing::None(NotFound {
            what: format!("the run of this worker is gone ({})", escaped(&flag)),
            hint: String::new(),
        })
    };
    let dir = Path::new(&flag).parent().ok_or_else(gone)?;
    let base = dir.parent().and_then(|base| Base::at(base).ok());
    let name = dir.file_name().and_then(|name| RunName::parse(name).ok());
    let found = base.zip(name).map(|(base, name)| in_base(&base, &name));
    let run = found.transpose()?.flatten();
    run.map(Some).ok_or_else(gone)
}

/// The only run there is that no service manager started: those want to be named.
pub(crate) fn only() -> Result<Run, Missing> {
    let (managed, mut runs): (Vec<_>, Vec<_>) =
        all()?.0.into_iter().partition(|run| run.seen.run.managed);
    match (runs.len(), managed.is_empty()) {
        (1, _) => Ok(runs.remove(0)),
        (0, true) => {
            let (what, hint) = ("there is no run".to_owned(), of_another_user());
            Err(Missing::None(NotFound { what, hint }))
        }
        (0, false) => Err(Missing::Several(format!(
            "a service manager started each of these; name the one you mean:{}",
            listed(&managed)
        ))),
        (_, _) => Err(Missing::Several(format!(
            "there are several runs; name one:{}",
            listed(&runs)
        ))),
    }
}
