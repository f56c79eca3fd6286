//! The ladder: when the flag is raised, and when SIGTERM and SIGKILL follow.
//!
//! Each worker has one ladder. It decides and does nothing: it has no clock, no process and no file.
//! It is told what happened and at what time, it returns what to do now, and [`Ladder::deadline`]
//! tells when to call it again at the latest. So every order of events can be tested without
//! waiting for any of them.
//!
//! Whatever it is told, this holds:
//!
//! * the rung never goes down, and SIGKILL is returned once;
//! * a deadline is counted from the moment its rung was climbed, without the time for which the
//!   run was suspended. A tick that is late climbs one rung, and the next one is its full distance
//!   away: late, never early;
//! * with finite times, ticks alone lead to [`Action::GiveUp`].

use std::time::Duration;

use crate::decide::times::{Times, Unaware, Wanted};
use crate::words::duration::Limit;
use crate::words::moment::Moment;

pub use words::{Action, Input, Rung};

mod words;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running {
        times: Times,
        /// When the worker was started.
        began: Moment,
    },
    Flag(Flag),
    Term {
        until: Option<Moment>,
        kill_wait: Duration,
    },
    /// `until` is `None` when the wait is over and nothing more will be done.
    Kill {
        until: Option<Moment>,
    },
    Gone {
        rung: Option<Rung>,
    },
}

/// The flag is raised, and the other rungs are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flag {
    next: Next,
    /// What `next` becomes if the worker is seen to look.
    aware: Next,
    kill_wait: Duration,
}

/// When SIGTERM comes, and how long after that SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Next {
    until: Option<Moment>,
    kill_after: Limit,
}

impl Next {
    fn after(times: &Times, now: Moment) -> Self {
        Self {
            until: after(times.grace, now),
            kill_after: times.kill_after,
        }
    }

    /// Shortens both, if these times, counted from now, are shorter.
    fn shorten(&mut self, times: &Times, now: Moment) {
        let until = after(times.grace, now);
        self.until = self.until.into_iter().chain(until).min();
        self.kill_after = self.kill_after.min(times.kill_after);
    }
}

impl Flag {
    /// Defers SIGTERM to this moment, or removes it (`None`). SIGKILL stays where it is, unless less
    /// than the kill-after of a worker that looks would be left.
    fn defer(&mut self, to: Option<Moment>) -> Action {
        let is_earlier = |until: &Moment| to.is_none_or(|to| *until < to);
        let Some(until) = self.next.until.filter(is_earlier) else {
            return Action::Nothing;
        };
        let rest = match (after(self.next.kill_after, until), to) {
            (Some(kill), Some(to)) => Limit::After(kill.since(to)),
            (Some(_), None) => Limit::After(Duration::ZERO),
            (None, _) => Limit::Never,
        };
        self.next = Next {
            until: to,
            kill_after: rest.max(self.aware.kill_after),
        };
        Action::Retime
    }
}

/// The worker's main process, which the outcome is about.
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
    /// Whether the worker was seen to look at its flag; also true if that cannot be known.
    looked: bool,
}

impl Ladder {
    /// The ladder of a worker that was started at the moment `began` and runs.
    #[must_use]
    pub const fn new(times: Times, began: Moment) -> Ladder {
        Ladder {
            state: State::Running { times, began },
            main: MainProcess::Alive,
            looked: false,
        }
    }

    /// The same ladder, standing on `rung` `until` that moment; the flag was raised at the moment
    /// `raised`.
    ///
    /// For a new owner of the run: a rung that was climbed is not climbed again, and the time that
    /// has passed counts. After SIGKILL the wait begins anew, for somebody has to see the worker
    /// end.
    #[must_use]
    pub fn resumed(self, rung: Rung, raised: Moment, until: Option<Moment>, now: Moment) -> Ladder {
        let State::Running { times, .. } = self.state else {
            return self;
        };
        let kill_wait = times.kill_wait;
        let state = match rung {
            Rung::Flag => {
                let used = until.map_or(Limit::Never, |until| Limit::After(until.since(raised)));
                let kill_after = if self.looked {
                    times.kill_after
                } else {
                    times.unaware_kill_after(used)
                };
                let whole = match times.unaware {
                    Unaware::Same => until,
                    Unaware::Grace(_) | Unaware::SinceStart => after(times.grace, raised),
                };
                let aware = Next {
                    until: whole,
                    kill_after: times.kill_after,
                };
                State::Flag(Flag {
                    next: Next { until, kill_after },
                    aware,
                    kill_wait,
                })
            }
            Rung::Term => State::Term { until, kill_wait },
            Rung::Kill => State::Kill {
                until: Some(now + kill_wait),
            },
        };
        Ladder { state, ..self }
    }

    /// Takes what happened at the moment `now`, and returns what to do.
    pub fn step(&mut self, input: Input, now: Moment) -> Action {
        match input {
            Input::Stop(wanted) => self.stop(wanted, now),
            Input::AtLeast(rung) => self.at_least(rung, now),
            Input::Hurry => self.hurry(now),
            Input::Extend(to) => self.extend(to),
            Input::Looked => self.look(),
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
            State::Flag(flag) => flag.next.until,
            State::Term { until, .. } | State::Kill { until } => until,
        }
    }

    /// How long the rest of the ladder can take; `None` before a stop, and when there is no rest.
    #[must_use]
    pub fn rest(&self, now: Moment) -> Option<Limit> {
        let (until, then) = match self.state {
            State::Running { .. } | State::Gone { .. } | State::Kill { until: None } => {
                return None;
            }
            State::Flag(flag) => (flag.next.until, flag.next.kill_after.plus(flag.kill_wait)),
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
            State::Flag(_) => Some(Rung::Flag),
            State::Term { .. } => Some(Rung::Term),
            State::Kill { .. } => Some(Rung::Kill),
            State::Gone { rung } => rung,
        }
    }

    /// The highest rung that was used before the main process ended, or so far if it has not.
    ///
    /// A worker that left when it was asked is not blamed for the rungs that its stragglers needed.
    #[must_use]
    pub fn outcome_rung(&self) -> Option<Rung> {
        match self.main {
            MainProcess::Alive => self.rung(),
            MainProcess::Ended { rung } => rung,
        }
    }

    /// Whether no process of the worker's tree is left.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone { .. })
    }

    fn stop(&mut self, wanted: Wanted, now: Moment) -> Action {
        let looked = self.looked;
        match &mut self.state {
            State::Running { times, began } => {
                let age = now.since(*began);
                let times = times.with(wanted, age);
                self.raise(times, age, now)
            }
            State::Flag(flag) => {
                let never = Times::plain(Limit::Never, Limit::Never, flag.kill_wait);
                let aware = never.with(wanted, Duration::ZERO);
                let unaware = aware.of_unaware(Duration::ZERO);
                let before = flag.next.until;
                flag.aware.shorten(&aware, now);
                let next = if looked { &aware } else { &unaware };
                flag.next.shorten(next, now);
                if flag.next.until == before {
                    Action::Nothing
                } else {
                    Action::Retime
                }
            }
            State::Term { .. } | State::Kill { .. } | State::Gone { .. } => Action::Nothing,
        }
    }

    fn at_least(&mut self, rung: Rung, now: Moment) -> Action {
        match self.state {
            State::Running { times, began } => match rung {
                Rung::Flag => self.raise(times, now.since(began), now),
                Rung::Term => self.term_at_once(times, now),
                Rung::Kill => self.kill(times.kill_wait, now),
            },
            State::Flag(flag) => match rung {
                Rung::Flag => Action::Nothing,
                Rung::Term => self.term(flag.next.kill_after, flag.kill_wait, now),
                Rung::Kill => self.kill(flag.kill_wait, now),
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
            State::Running { times, began } => self.raise(times, now.since(began), now),
            State::Flag(flag) => self.term(flag.next.kill_after, flag.kill_wait, now),
            State::Term { kill_wait, .. } => self.kill(kill_wait, now),
            State::Kill { .. } | State::Gone { .. } => Action::Nothing,
        }
    }

    fn extend(&mut self, to: Option<Moment>) -> Action {
        match &mut self.state {
            State::Flag(flag) => flag.defer(to),
            State::Running { .. }
            | State::Term { .. }
            | State::Kill { .. }
            | State::Gone { .. } => Action::Nothing,
        }
    }

    /// Whether a look would defer the next rung.
    #[must_use]
    pub fn gains_by_look(&self) -> bool {
        match self.state {
            State::Flag(mut flag) => !self.looked && flag.defer(flag.aware.until) == Action::Retime,
            State::Running { .. }
            | State::Term { .. }
            | State::Kill { .. }
            | State::Gone { .. } => false,
        }
    }

    fn look(&mut self) -> Action {
        if std::mem::replace(&mut self.looked, true) {
            return Action::Nothing;
        }
        match &mut self.state {
            State::Flag(flag) => flag.defer(flag.aware.until),
            State::Running { .. }
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
            State::Flag(flag) => self.term(flag.next.kill_after, flag.kill_wait, now),
            State::Term { kill_wait, .. } => self.kill(kill_wait, now),
            State::Kill { .. } => {
                self.state = State::Kill { until: None };
                Action::GiveUp
            }
            // Neither has a deadline.
            State::Running { .. } | State::Gone { .. } => Action::Nothing,
        }
    }

    fn suspended(&mut self, time: Duration) -> Action {
        match &mut self.state {
            State::Running { began, .. } => {
                *began = *began + time;
                Action::Nothing
            }
            State::Flag(flag) => {
                let _ = defer_by(time, &mut flag.aware.until);
                defer_by(time, &mut flag.next.until)
            }
            State::Term { until, .. } | State::Kill { until } => defer_by(time, until),
            State::Gone { .. } => Action::Nothing,
        }
    }

    fn main_ended(&mut self, stragglers: Option<Times>, now: Moment) -> Action {
        let rung = self.outcome_rung();
        match self.state {
            State::Running { .. } => {
                self.main = MainProcess::Ended { rung };
                stragglers.map_or(Action::Nothing, |times| {
                    self.raise(times, Duration::ZERO, now)
                })
            }
            State::Flag(_) | State::Term { .. } | State::Kill { .. } => {
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

    /// Climbs the first rung, for a worker that was started `age` ago. Without a grace that is
    /// SIGTERM; the flag is written with it all the same.
    fn raise(&mut self, times: Times, age: Duration, now: Moment) -> Action {
        let first = if self.looked {
            times
        } else {
            times.of_unaware(age)
        };
        if first.grace == Limit::After(Duration::ZERO) {
            return self.term(first.kill_after, times.kill_wait, now);
        }
        self.state = State::Flag(Flag {
            next: Next::after(&first, now),
            aware: Next::after(&times, now),
            kill_wait: times.kill_wait,
        });
        Action::Climb(Rung::Flag)
    }

    /// Climbs to SIGTERM without a grace before it.
    fn term_at_once(&mut self, times: Times, now: Moment) -> Action {
        let kill_after = if self.looked {
            times.kill_after
        } else {
            times.unaware_kill_after(Limit::After(Duration::ZERO))
        };
        self.term(kill_after, times.kill_wait, now)
    }

    fn term(&mut self, kill_after: Limit, kill_wait: Duration, now: Moment) -> Action {
        self.state = State::Term {
            until: after(kill_after, now),
            kill_wait,
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

/// The moment at which a time that begins now is over.
fn after(limit: Limit, now: Moment) -> Option<Moment> {
    match limit {
        Limit::After(time) => Some(now + time),
        Limit::Never => None,
    }
}

/// Defers a deadline, if there is one.
fn defer_by(time: Duration, until: &mut Option<Moment>) -> Action {
    match until {
        Some(until) => {
            *until = *until + time;
            Action::Retime
        }
        None => Action::Nothing,
    }
}
