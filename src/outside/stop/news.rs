//! What a stop tells while it goes on, and why a run cannot be stopped. The words are the
//! program's.

use std::path::PathBuf;

use crate::contract::record::RecordError;
use crate::contract::standing::Doubt;
use crate::decide::ladder::Rung;
use crate::outside::found::Run;
use crate::words::duration::Limit;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// Who hears what a stop tells of a run.
pub type Hear<'h> = dyn FnMut(&Run, News<'_>) + 'h;

/// What a stop tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News<'a> {
    /// The run was over before anybody asked.
    WasOver,
    /// Its owner has what it was asked for.
    Asked {
        /// At least this rung.
        rung: Rung,
        /// The grace that was asked for, or the run's own.
        grace: Limit,
        /// The workers that it reaches: they are still there.
        workers: &'a [WorkerNumber],
        /// Whether that is the whole run.
        all: bool,
    },
    /// Its supervisor died, and somebody has taken over.
    TakenOver {
        /// Whether somebody wanted the run to be stopped.
        is_demanded: bool,
    },
    /// What whoever took over could not do for everybody, in words.
    Warning(String),
    /// Nothing of it was left after a restart of its machine, and it was removed.
    Removed,
    /// The owner with this pid is stopped, and we continue it.
    Continuing(Pid),
    /// We take over from the owner with this pid, which lives.
    Deposing(Pid, Silence),
}

/// How an owner that lives is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It is stopped, and stays so though we have continued it.
    Stopped,
    /// It has not put back its FIFO.
    NoFifo,
    /// It leaves unread what it is asked.
    Unread,
}

/// Why a run cannot be stopped.
#[derive(Debug)]
pub enum Problem {
    /// Its record cannot be read any more.
    Record(RecordError),
    /// Its supervisor died, and nobody here can tell whom its pids mean.
    OutOfReach(Doubt),
    /// It cannot be taken over.
    NotTakenOver(Failure),
    /// It cannot be taken over from here from an owner that lives.
    NotTakenOverFromHere(Doubt),
    /// It is over, and cannot be removed.
    NotRemoved(Failure),
    /// Its owner is silent, and nobody here can tell who that is.
    Unverified(Silence),
    /// Its owner reads what it is asked again and again, and does nothing of it. Perhaps something
    /// else reads this FIFO.
    NotHeeded(PathBuf),
}

/// Why a takeover fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// As whoever was to take over told us.
    Told(String),
    /// Something ends each one that takes over.
    TakersEnd,
    /// None of those who took over has answered.
    TakersSilent,
}
