//! The words of the ladder: its rungs and times, what it takes in and what it answers.

use std::str::FromStr;
use std::time::Duration;

use crate::words::duration::{DurationError, Limit};
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

/// How long the ladder stays on each rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Times {
    /// From the flag to SIGTERM. Zero skips the wait: the flag is raised and SIGTERM sent at once.
    pub grace: Limit,
    /// From SIGTERM to SIGKILL.
    pub kill_after: Limit,
    /// From SIGKILL until what is still there is reported as not ended.
    pub kill_wait: Duration,
    /// The grace of a worker that was never seen to look at its flag.
    pub unaware: Unaware,
    /// Whether grace and kill-after are parts of one time, so that SIGKILL comes at the same moment
    /// however long the grace of an unaware worker is.
    pub whole: bool,
}

/// The grace of a worker that was never seen to look at its flag.
///
/// It is typed as a time, or as `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unaware {
    /// That of every worker.
    Same,
    /// This one.
    Grace(Limit),
    /// That of every worker, counted from the start of this one: what has run for so long without
    /// a look will hardly begin to.
    SinceStart,
}

impl Unaware {
    /// The word for the grace that is counted from the start.
    const AUTO: &str = "auto";

    /// What has to be typed for it; `None` is nothing.
    #[must_use]
    pub fn typed(self) -> Option<String> {
        match self {
            Self::Same => None,
            Self::Grace(grace) => Some(grace.to_string()),
            Self::SinceStart => Some(Self::AUTO.to_owned()),
        }
    }
}

impl FromStr for Unaware {
    type Err = DurationError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        if typed == Self::AUTO {
            return Ok(Self::SinceStart);
        }
        typed.parse().map(Self::Grace)
    }
}

impl Times {
    /// Times that are the same whether a worker looks or not.
    #[must_use]
    pub const fn plain(grace: Limit, kill_after: Limit, kill_wait: Duration) -> Self {
        Self {
            grace,
            kill_after,
            kill_wait,
            unaware: Unaware::Same,
            whole: false,
        }
    }

    /// A whole ladder that takes no longer than `whole`: 80 % of it grace, 15 % kill-after, and
    /// 5 % in reserve for what SIGKILL takes. Of a worker that never looked, 10 % are grace: it
    /// knows nothing but SIGTERM, it seems, and the larger part is for what it does then.
    #[must_use]
    pub fn within(whole: Duration) -> Self {
        let share = |percent: u32| whole.saturating_mul(percent) / 100;
        Self {
            grace: Limit::After(share(80)),
            kill_after: Limit::After(share(15)),
            kill_wait: share(5),
            unaware: Unaware::Grace(Limit::After(share(10))),
            whole: true,
        }
    }

    /// Grace and kill-after of a worker that was started `age` ago and never looked.
    pub(super) fn of_unaware(&self, age: Duration) -> (Limit, Limit) {
        let grace = self.unaware_grace(age);
        (grace, self.unaware_kill_after(grace))
    }

    fn unaware_grace(&self, age: Duration) -> Limit {
        match self.unaware {
            Unaware::Same => self.grace,
            Unaware::Grace(grace) => grace,
            Unaware::SinceStart => self.grace.minus(age),
        }
    }

    /// The time from SIGTERM to SIGKILL of a worker that never looked, after so much grace.
    pub(super) fn unaware_kill_after(&self, used: Limit) -> Limit {
        let rest = match (self.whole, self.grace, used) {
            (true, Limit::After(grace), Limit::After(used)) => {
                self.kill_after.plus(grace).minus(used)
            }
            (true | false, _, _) => self.kill_after,
        };
        rest.max(self.kill_after)
    }

    /// With what a request asks for in the place of these.
    pub(super) fn with(self, wanted: Wanted, age: Duration) -> Self {
        let unaware = match wanted {
            Wanted {
                unaware: Some(grace),
                ..
            } => Unaware::Grace(grace.min(self.unaware_grace(age))),
            // A grace that somebody asks for is everybody's.
            Wanted { grace: Some(_), .. } => Unaware::Same,
            Wanted { .. } => self.unaware,
        };
        Self {
            grace: wanted.grace.unwrap_or(self.grace),
            kill_after: wanted.kill_after.unwrap_or(self.kill_after),
            kill_wait: self.kill_wait,
            unaware,
            whole: wanted.unaware.is_some() || (self.whole && wanted == Wanted::NOTHING),
        }
    }
}

/// The times that a request asks for; what it does not name is the ladder's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// From the flag to SIGTERM.
    pub grace: Option<Limit>,
    /// From SIGTERM to SIGKILL.
    pub kill_after: Option<Limit>,
    /// The grace of a worker that never looked; what that is shorter, its kill-after is longer.
    pub unaware: Option<Limit>,
}

impl Wanted {
    /// Nothing: all times are the ladder's own.
    pub const NOTHING: Self = Self {
        grace: None,
        kill_after: None,
        unaware: None,
    };

    /// A whole ladder that takes no longer than `whole`.
    #[must_use]
    pub fn within(whole: Duration) -> Self {
        let times = Times::within(whole);
        Self {
            grace: Some(times.grace),
            kill_after: Some(times.kill_after),
            unaware: Some(times.unaware_grace(Duration::ZERO)),
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
