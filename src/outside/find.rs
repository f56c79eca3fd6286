//! Finding runs: the one of a name, all of this user, or the one that was meant.

use std::env;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;

use nix::unistd::Uid;

use crate::contract::base::{Base, BaseError};
use crate::contract::flag::reader;
use crate::linux::plain::plain;
use crate::outside::found::{Run, Unusable};
use crate::words::name::{NameError, RunName};

/// Why there is no run to work with.
#[derive(Debug)]
pub enum Missing {
    /// There is none.
    Absent(Absent),
    /// There are several, and one has to be named.
    Several(Several),
    /// Something failed.
    Failed(FindError),
}

/// There is no such run.
#[derive(Debug)]
pub enum Absent {
    /// What was typed cannot be a name.
    NoName(NameError),
    /// There is none of this name, but there are these.
    Named(RunName, Vec<Run>),
    /// This process is a worker, and the run of its flag is gone.
    Own(OsString),
    /// There is none at all.
    Any,
}

/// There are several runs.
#[derive(Debug)]
pub enum Several {
    /// Service managers started all of them, and such a run wants to be named.
    Managed(Vec<Run>),
    /// People did.
    Plain(Vec<Run>),
}

/// Looking for runs has failed.
#[derive(Debug)]
pub enum FindError {
    /// The base directory cannot be used.
    Base(BaseError),
    /// It cannot be listed.
    List(io::Error),
    /// The run that was meant cannot be used.
    Run(Unusable),
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base(error) => error.fmt(f),
            Self::List(error) => plain(error).fmt(f),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl Error for FindError {}

impl From<FindError> for Missing {
    fn from(error: FindError) -> Self {
        Self::Failed(error)
    }
}

impl From<Unusable> for Missing {
    fn from(unusable: Unusable) -> Self {
        Self::Failed(FindError::Run(unusable))
    }
}

/// Every run of this user, and those that cannot be used.
///
/// # Errors
///
/// If the base directory cannot be used, or cannot be listed.
pub fn all() -> Result<(Vec<Run>, Vec<Unusable>), FindError> {
    all_in(Base::find().map_err(FindError::Base)?)
}

/// The user whose directory `STOPCTL_DIR` names.
#[must_use]
pub fn user_of_named() -> Option<Uid> {
    Base::owner_of_named().map(Uid::from_raw)
}

/// The users who may have runs in the default place, by their numbers.
///
/// # Errors
///
/// If that place cannot be listed.
pub fn users() -> Result<impl Iterator<Item = Uid>, FindError> {
    let owners = Base::owners().map_err(FindError::List)?;
    Ok(owners.into_iter().map(Uid::from_raw))
}

/// Every run of `user` in the default place, and those that cannot be used, for root to look at.
/// Whoever does more with them acts as that user.
///
/// # Errors
///
/// As [`all`].
pub fn all_of(user: Uid) -> Result<(Vec<Run>, Vec<Unusable>), FindError> {
    all_in(Base::of(user).map_err(FindError::Base)?)
}

fn all_in(base: Option<Base>) -> Result<(Vec<Run>, Vec<Unusable>), FindError> {
    let (mut runs, mut unusable) = (Vec::new(), Vec::new());
    let Some(base) = base else {
        return Ok((runs, unusable));
    };
    for name in base.names().map_err(FindError::List)? {
        match Run::in_base(&base, &name) {
            Ok(run) => runs.extend(run),
            Err(error) => unusable.push(error),
        }
    }
    Ok((runs, unusable))
}

/// The run of this name.
///
/// # Errors
///
/// If there is none, or it cannot be used.
pub fn named(typed: &OsStr) -> Result<Run, Missing> {
    let name = RunName::parse(typed).map_err(|error| Missing::Absent(Absent::NoName(error)))?;
    let base = Base::find().map_err(FindError::Base)?;
    let found = base.map_or(Ok(None), |base| Run::in_base(&base, &name))?;
    let absent = || {
        let (others, _) = all().unwrap_or_default();
        Missing::Absent(Absent::Named(name, others))
    };
    found.ok_or_else(absent)
}

/// The run that this process is a worker of.
///
/// # Errors
///
/// If it is a worker, and that run is gone or cannot be used.
pub fn own() -> Result<Option<Run>, Missing> {
    let Some(flag) = env::var_os(reader::VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    // Never another run instead: this process belongs to that one, be it there or not.
    let gone = || Missing::Absent(Absent::Own(flag.clone()));
    let dir = Path::new(&flag).parent().ok_or_else(gone)?;
    let base = dir.parent().and_then(|base| Base::at(base).ok());
    let name = dir.file_name().and_then(|name| RunName::parse(name).ok());
    let found = base
        .zip(name)
        .map(|(base, name)| Run::in_base(&base, &name));
    let run = found.transpose()?.flatten();
    run.map(Some).ok_or_else(gone)
}

/// The only run that no service manager started: those want to be named.
///
/// # Errors
///
/// If there is none, or more than one.
pub fn only() -> Result<Run, Missing> {
    let (managed, mut runs): (Vec<_>, Vec<_>) =
        all()?.0.into_iter().partition(|run| run.seen().run.managed);
    match (runs.len(), managed.is_empty()) {
        (1, _) => Ok(runs.remove(0)),
        (0, true) => Err(Missing::Absent(Absent::Any)),
        (0, false) => Err(Missing::Several(Several::Managed(managed))),
        (_, _) => Err(Missing::Several(Several::Plain(runs))),
    }
}
