//! The times of a ladder: grace, kill-after and what follows, as a run has them and as a request
//! asks for them.

use std::str::FromStr;
use std::time::Duration;

use crate::words::duration::{DurationError, Limit};

/// How long the ladder stays on each rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Times {
    /// From the flag to SIGTERM. If it is zero, the flag is raised and SIGTERM is sent at once.
    pub grace: Limit,
    /// From SIGTERM to SIGKILL.
    pub kill_after: Limit,
    /// From SIGKILL until what is still there is reported as not ended.
    pub kill_wait: Duration,
    /// The grace of a worker that was never seen to look at its flag.
    pub unaware: Unaware,
    /// Whether grace and kill-after are parts of one time, so that SIGKILL comes at the same moment
    /// no matter how long the grace of an unaware worker is.
    pub whole: bool,
}

/// The grace of a worker that was never seen to look at its flag.
///
/// It is typed as a time, or as `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unaware {
    /// The same grace as for every worker.
    Same,
    /// A grace of its own.
    Grace(Limit),
    /// The same grace as for every worker, but counted from the start of this one: a program that
    /// has run for so long without a look will hardly begin to look.
    SinceStart,
}

impl Unaware {
    /// What is typed for the grace that is counted from the start.
    const AUTO: &str = "auto";

    /// What a person types for it; `None` if there is nothing to type.
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
    /// Times that are the same whether or not a worker looks.
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

    /// A whole ladder that takes no longer than `whole`: 80 % of it is grace, 15 % kill-after, and
    /// 5 % is kept in reserve for what SIGKILL takes. For a worker that never looked, 10 % is
    /// grace: it seems to know nothing but SIGTERM, so the larger part is for what it does then.
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

    /// The times for a worker that was started `age` ago and never looked.
    pub(crate) fn of_unaware(self, age: Duration) -> Self {
        let grace = self.unaware_grace(age);
        Self {
            grace,
            kill_after: self.unaware_kill_after(grace),
            ..self
        }
    }

    fn unaware_grace(&self, age: Duration) -> Limit {
        match self.unaware {
            Unaware::Same => self.grace,
            Unaware::Grace(grace) => grace,
            Unaware::SinceStart => self.grace.minus(age),
        }
    }

    /// The time from SIGTERM to SIGKILL of a worker that never looked and has used this much grace.
    pub(crate) fn unaware_kill_after(&self, used: Limit) -> Limit {
        let rest = match (self.whole, self.grace, used) {
            (true, Limit::After(grace), Limit::After(used)) => {
                self.kill_after.plus(grace).minus(used)
            }
            (true | false, _, _) => self.kill_after,
        };
        rest.max(self.kill_after)
    }

    /// These times, replaced by what a request asks for.
    pub(crate) fn with(self, wanted: Wanted, age: Duration) -> Self {
        let unaware = match wanted {
            Wanted {
                unaware: Some(grace),
                ..
            } => Unaware::Grace(grace.min(self.unaware_grace(age))),
            // A grace that a request names applies to every worker.
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

/// The times that a request names; the ladder uses its own times for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// From the flag to SIGTERM.
    pub grace: Option<Limit>,
    /// From SIGTERM to SIGKILL.
    pub kill_after: Option<Limit>,
    /// The grace of a worker that never looked. Its kill-after is longer by as much as this is
    /// shorter.
    pub unaware: Option<Limit>,
}

impl Wanted {
    /// No times: the ladder uses its own.
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
