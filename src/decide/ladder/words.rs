//! The words of the ladder: its rungs, its inputs and its actions.

use std::time::Duration;

use crate::decide::times::{Times, Wanted};
use crate::words::moment::Moment;

/// One step of the ladder, the gentlest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The flag is raised.
    Flag,
    /// SIGTERM, or the signal that was chosen instead, is sent.
    Term,
    /// SIGKILL is sent.
    Kill,
}

impl Rung {
    /// The rung that this character of a flag stands for; `None` for a flag that is down, or that
    /// shows what no owner writes.
    #[must_use]
    pub const fn of_level(level: u8) -> Option<Self> {
        match level {
            b'1' => Some(Rung::Flag),
            b'2' => Some(Rung::Term),
            b'3' => Some(Rung::Kill),
            _ => None,
        }
    }

    /// The digit that a flag shows while the ladder stands on this rung; 0 means that the worker
    /// runs.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Rung::Flag => 1,
            Rung::Term => 2,
            Rung::Kill => 3,
        }
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Somebody requested that the worker stop.
    ///
    /// The first request decides the times. While the ladder is on the flag, another one may bring
    /// the deadline forward and shorten the kill-after, but only with a time that it names itself;
    /// after that, requests change nothing.
    Stop(Wanted),
    /// The ladder has to be on this rung at least. Repeating it changes nothing.
    AtLeast(Rung),
    /// The ladder has to climb one rung now.
    Hurry,
    /// The worker needs until this moment before SIGTERM, or needs unlimited time (`None`): a
    /// deadline on the flag is deferred, or removed.
    Extend(Option<Moment>),
    /// The worker was seen to look at its flag for the first time: from now on it has the grace of a
    /// worker that looks, counted from the flag.
    Looked,
    /// Time has passed.
    Tick,
    /// The run was suspended for this long, until now, and its clocks stood still. A deadline is
    /// deferred by that time.
    Suspended(Duration),
    /// The worker's main process ended. The processes that it left behind are stopped with these
    /// times, unless the ladder is being climbed already: then that continues.
    MainEnded {
        /// The times for what the main process left behind; `None` if the rest of the tree is the
        /// worker from now on, and is stopped when the worker is.
        stragglers: Option<Times>,
    },
    /// No process of the worker's tree is left.
    TreeEnded,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the ladder has moved already: if the action is not taken, its signal is never sent"]
pub enum Action {
    /// Nothing has changed.
    Nothing,
    /// Write the flag with the level of this rung and the new deadline, then use the rung.
    Climb(Rung),
    /// The rung is the same but its deadline has changed: write the flag again.
    Retime,
    /// A process has survived SIGKILL for the whole wait: report it as not ended. Returned once.
    GiveUp,
}
