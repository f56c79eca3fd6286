//! The ladder: when the flag is raised, when SIGTERM and when SIGKILL follow.
//!
//! One ladder belongs to one worker. It decides and does nothing: it has no clock, no process and
//! no file. What happened goes in together with the time, what to do now comes out, and
//! [`Ladder::deadline`] says when to come back at the latest. So every order of events can be
//! tried without waiting for any of them.
//!
//! What it keeps, whatever comes in:
//!
//! * the rung never goes down, and SIGKILL is asked for once;
//! * a deadline is counted from the moment its rung was climbed, without the time for which the
//!   run was suspended. Who comes late with a tick gets one rung, and the next one its full
//!   distance away: late, never early;
//! * with finite times, ticks alone lead to [`Action::GiveUp`].

use std::time::Duration;

use crate::duration::Limit;
use crate::moment::Moment;

pub use words::{Action, Input, Rung, Times};

mod words;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running {
        times: Times,
    },
    Flag {
        until: Option<Moment>,
        rest: Rest,
    },
    Term {
        until: Option<Moment>,
        kill_wait: Duration,
    },
    /// `until` is `None` once the wait was given up.
    Kill {
        until: Option<Moment>,
    },
    Gone {
        rung: Option<Rung>,
    },
}

/// What is left of the ladder's times once the flag is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest {
    kill_after: Limit,
    kill_wait: Duration,
}

/// The worker's main process, to which the outcome belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MainProcess {
    Alive,
    Ended { rung: Option<Rung> },
}

/// The ladder of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    state: State,
    main: MainProcess,
}

impl Ladder {
    /// The ladder of a worker that runs and was not asked to stop.
    #[must_use]
    pub const fn new(times: Times) -> Ladder {
        Ladder {
            state: State::Running { times },
            main: MainProcess::Alive,
        }
    }

    /// The ladder of a worker on which `rung` was used already, and which stands on it `until` then.
    ///
    /// For whoever takes over: what was climbed is not climbed again, and the time that went by
    /// counts. What is on SIGKILL is given its wait anew, for somebody has to see it end.
    #[must_use]
    pub fn resumed(times: Times, rung: Rung, until: Option<Moment>, now: Moment) -> Ladder {
        let kill_wait = times.kill_wait;
        let state = match rung {
            Rung::Flag => State::Flag {
                until,
                rest: rest_of(times),
            },
            Rung::Term => State::Term { until, kill_wait },
            Rung::Kill => State::Kill {
                until: Some(now + kill_wait),
            },
        };
        Ladder {
            state,
            main: MainProcess::Alive,
        }
    }

    /// Takes in what happened at the moment `now`, and answers what to do.
    pub fn step(&mut self, input: Input, now: Moment) -> Action {
        match input {
            Input::Stop { grace, kill_after } => self.stop(grace, kill_after, now),
            Input::AtLeast(rung) => self.at_least(rung, now),
            Input::Hurry => self.hurry(now),
            Input::Extend(later) => self.extend(later),
            Input::Tick => self.tick(now),
            Input::Suspended(time) => self.suspended(time),
            Input::MainEnded { stragglers } => self.main_ended(stragglers, now),
            Input::TreeEnded => self.tree_ended(),
        }
    }

    /// The next moment at which a tick does something; `None` if none ever will.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        match self.state {
            State::Running { .. } | State::Gone { .. } => None,
            State::Flag { until, .. } | State::Term { until, .. } | State::Kill { until } => until,
        }
    }

    /// How long what is left of it can take; `None` if nobody was asked, or nobody is left.
    #[must_use]
    pub fn rest(&self, now: Moment) -> Option<Limit> {
        let (until, then) = match self.state {
            State::Running { .. } | State::Gone { .. } | State::Kill { until: None } => {
                return None;
            }
            State::Flag { until, rest } => (until, rest.kill_after.plus(rest.kill_wait)),
            State::Term { until, kill_wait } => (until, Limit::After(kill_wait)),
            State::Kill { until } => (until, Limit::After(Duration::ZERO)),
        };
        Some(until.map_or(Limit::Never, |until| then.plus(until.since(now))))
    }

    /// The highest rung that was used so far.
    #[must_use]
    pub fn rung(&self) -> Option<Rung> {
        match self.state {
            State::Running { .. } => None,
            State::Flag { .. } => Some(Rung::Flag),
            State::Term { .. } => Some(Rung::Term),
            State::Kill { .. } => Some(Rung::Kill),
            State::Gone { rung } => rung,
        }
    }

    /// The highest rung that was used before the main process ended; the highest so far while it
    /// has not.
    ///
    /// What its stragglers needed is not held against a worker that left when it was asked.
    #[must_use]
    pub fn outcome_rung(&self) -> Option<Rung> {
        match self.main {
            MainProcess::Alive => self.rung(),
            MainProcess::Ended { rung } => rung,
        }
    }

    /// Whether nothing of the worker's tree is left.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone { .. })
    }

    fn stop(&mut self, grace: Option<Limit>, kill_after: Option<Limit>, now: Moment) -> Action {
        match &mut self.state {
            State::Running { times } => {
                let times = Times {
                    grace: grace.unwrap_or(times.grace),
                    kill_after: kill_after.unwrap_or(times.kill_after),
                    kill_wait: times.kill_wait,
                };
                self.raise(times, now)
            }
            State::Flag { until, rest } => {
                rest.kill_after = rest.kill_after.min(kill_after.unwrap_or(Limit::Never));
                match grace.and_then(|grace| after(grace, now)) {
                    Some(asked) if until.is_none_or(|until| asked < until) => {
                        *until = Some(asked);
                        Action::Retime
                    }
                    Some(_) | None => Action::Nothing,
                }
            }
            State::Term { .. } | State::Kill { .. } | State::Gone { .. } => Action::Nothing,
        }
    }

    fn at_least(&mut self, rung: Rung, now: Moment) -> Action {
        match self.state {
            State::Running { times } => match rung {
                Rung::Flag => self.raise(times, now),
                Rung::Term => self.term(rest_of(times), now),
                Rung::Kill => self.kill(times.kill_wait, now),
            },
            State::Flag { rest, .. } => match rung {
                Rung::Flag => Action::Nothing,
                Rung::Term => self.term(rest, now),
                Rung::Kill => self.kill(rest.kill_wait, now),
            },
            State::Term { kill_wait, .. } => match rung {
                Rung::Flag | Rung::Term => Action::Nothing,
                Rung::Kill => self.kill(kill_wait, now),
            },
            State::Kill { .. } | State::Gone { .. } => Action::Nothing,
        }
    }

    fn hurry(&mut self, now: Moment) -> Action {
        match self.state {
            State::Running { times } => self.raise(times, now),
            State::Flag { rest, .. } => self.term(rest, now),
            State::Term { kill_wait, .. } => self.kill(kill_wait, now),
            State::Kill { .. } | State::Gone { .. } => Action::Nothing,
        }
    }

    fn extend(&mut self, later: Option<Moment>) -> Action {
        match &mut self.state {
            State::Flag {
                until: until @ Some(_),
                ..
            } if later.is_none_or(|later| *until < Some(later)) => {
                *until = later;
                Action::Retime
            }
            State::Running { .. }
            | State::Flag { .. }
            | State::Term { .. }
            | State::Kill { .. }
            | State::Gone { .. } => Action::Nothing,
        }
    }

    fn tick(&mut self, now: Moment) -> Action {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Action::Nothing;
        }
        match self.state {
            State::Flag { rest, .. } => self.term(rest, now),
            State::Term { kill_wait, .. } => self.kill(kill_wait, now),
            State::Kill { .. } => {
                self.state = State::Kill { until: None };
                Action::GiveUp
            }
            // Neither has a deadline that could be over.
            State::Running { .. } | State::Gone { .. } => Action::Nothing,
        }
    }

    fn suspended(&mut self, time: Duration) -> Action {
        match &mut self.state {
            State::Flag {
                until: Some(until), ..
            }
            | State::Term {
                until: Some(until), ..
            }
            | State::Kill { until: Some(until) } => {
                *until = *until + time;
                Action::Retime
            }
            State::Flag { until: None, .. }
            | State::Term { until: None, .. }
            | State::Kill { until: None }
            | State::Running { .. }
            | State::Gone { .. } => Action::Nothing,
        }
    }

    fn main_ended(&mut self, stragglers: Times, now: Moment) -> Action {
        let rung = self.outcome_rung();
        match self.state {
            State::Running { .. } => {
                self.main = MainProcess::Ended { rung };
                self.raise(stragglers, now)
            }
            State::Flag { .. } | State::Term { .. } | State::Kill { .. } => {
                self.main = MainProcess::Ended { rung };
                Action::Nothing
            }
            State::Gone { .. } => Action::Nothing,
        }
    }

    fn tree_ended(&mut self) -> Action {
        self.state = State::Gone { rung: self.rung() };
        Action::Nothing
    }

    /// The first climb. Without a grace it is SIGTERM's; the flag is written with it all the same.
    fn raise(&mut self, times: Times, now: Moment) -> Action {
        if times.grace == Limit::After(Duration::ZERO) {
            return self.term(rest_of(times), now);
        }
        self.state = State::Flag {
            until: after(times.grace, now),
            rest: rest_of(times),
        };
        Action::Climb(Rung::Flag)
    }

    fn term(&mut self, rest: Rest, now: Moment) -> Action {
        self.state = State::Term {
            until: after(rest.kill_after, now),
            kill_wait: rest.kill_wait,
        };
        Action::Climb(Rung::Term)
    }

    fn kill(&mut self, kill_wait: Duration, now: Moment) -> Action {
        self.state = State::Kill {
            until: Some(now + kill_wait),
        };
        Action::Climb(Rung::Kill)
    }
}

/// The end of a time that begins now.
fn after(limit: Limit, now: Moment) -> Option<Moment> {
    match limit {
        Limit::After(time) => Some(now + time),
        Limit::Never => None,
    }
}

fn rest_of(times: Times) -> Rest {
    Rest {
        kill_after: times.kill_after,
        kill_wait: times.kill_wait,
    }
}
