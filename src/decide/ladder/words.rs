//! The words of the ladder: its rungs, what it takes in and what it answers.

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
    /// The rung on which a flag shows this character; `None` is one that is down, or that shows
    /// what no owner writes.
    #[must_use]
    pub const fn of_level(level: u8) -> Option<Self> {
        match level {
            b'1' => Some(Rung::Flag),
            b'2' => Some(Rung::Term),
            b'3' => Some(Rung::Kill),
            _ => None,
        }
    }

    /// The digit that a flag shows while the ladder stands on this rung; 0 is a worker that runs.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Rung::Flag => 1,
            Rung::Term => 2,
            Rung::Kill => 3,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Somebody asked the worker to stop.
    ///
    /// The first stop decides the times. While the ladder is on the flag, another may bring the
    /// deadline nearer and shorten the kill-after, but only by a time it names itself; later ones
    /// change nothing.
    Stop(Wanted),
    /// Be on this rung at least. Repeating it changes nothing.
    AtLeast(Rung),
    /// Climb one rung now.
    Hurry,
    /// The worker needs until this moment before SIGTERM, or for ever: a deadline on the flag
    /// moves later, or goes.
    Extend(Option<Moment>),
    /// The worker was seen to look at its flag for the first time: from now on it has the grace
    /// of one that looks, counted from the flag.
    Looked,
    /// Time went by.
    Tick,
    /// The run was suspended for this long, until now: its clocks stood still. A deadline moves
    /// later by that.
    Suspended(Duration),
    /// The worker's main process ended. What it left behind is asked with these times, unless the
    /// ladder was being climbed already: then that goes on.
    MainEnded {
        /// The times for what the main process left behind; `None` if that is the worker from now
        /// on, and is asked when the worker is.
        stragglers: Option<Times>,
    },
    /// Nothing of the worker's tree is left.
    TreeEnded,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the ladder has moved on already: an action not taken is a signal never sent"]
pub enum Action {
    /// Nothing changed.
    Nothing,
    /// Write the flag with the level of this rung and the new deadline, then use the rung.
    Climb(Rung),
    /// The rung is the same, its deadline is another: write the flag again.
    Retime,
    /// Something outlived SIGKILL for the whole wait: report it as not ended. Answered once.
    GiveUp,
}
