//! What the service manager that started us is told (`sd_notify(3)`): when the run is ready, what it
//! does, that it stops, and how long that can take.
//!
//! It is told how things are, not what happened: in each turn, what it should know is compared with
//! what it was told. So nothing is lost if it does not read for a while, nothing is said twice, and
//! a manager that is not there does no harm.

use std::fmt::Write as _;
use std::io;
use std::process;
use std::time::Duration;

use crate::contract::notify::{self, Link};
use crate::words::duration::Limit;
use crate::words::moment::Moment;

/// What we ask for in addition to the time of the ladder: for what we do after its end.
const RESERVE: Duration = Duration::from_secs(2);

/// How much time we ask for at once when the ladder has no end of its own. We ask again when half of
/// it is over.
const LEASE: Duration = Duration::from_secs(60);

/// How long after the manager had no room for a message we try again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// However often the manager wants to hear that we live, we say it no more often than this: there
/// is other work.
const SHORTEST: Duration = Duration::from_millis(1);

/// The service manager.
pub(super) struct Manager {
    link: Link,
    watchdog: Option<Watchdog>,
    told: Told,
    /// We do not try again before this moment.
    again_at: Option<Moment>,
    pause: Duration,
}

/// The manager ends us if it does not hear from us.
#[derive(Clone, Copy)]
struct Watchdog {
    every: Duration,
    at: Moment,
}

/// What it was told, or should be.
#[derive(Clone, Default)]
pub(super) struct Told {
    pub(super) ready: bool,
    pub(super) stopping: bool,
    pub(super) status: String,
    pub(super) time: Time,
}

/// The time that a stop needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Time {
    /// The run does not stop.
    #[default]
    None,
    /// Until this moment.
    Until(Moment),
    /// Until when, nobody knows: at this moment we ask for more.
    Leased(Moment),
}

impl Time {
    /// What a ladder needs of which this is left, if the manager was `told` of that time before.
    pub(super) fn needed(rest: Option<Limit>, told: Self, now: Moment) -> Self {
        match (rest, told) {
            (Some(Limit::After(rest)), _) => Self::Until(now + rest + RESERVE),
            (Some(Limit::Never), Self::Leased(at)) if now < at => told,
            (Some(Limit::Never), _) => Self::Leased(now + LEASE / 2),
            (None, _) => Self::None,
        }
    }
}

impl Manager {
    /// The one that our environment names, if there is one.
    pub(super) fn from_env(now: Moment) -> Option<Self> {
        // An address that cannot be used is no reason to fail: there is nobody to tell there.
        let link = Link::from_env().ok().flatten()?;
        let variable = |name| std::env::var(name).ok();
        let (usec, pid) = (variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        let interval = notify::watchdog(usec.as_deref(), pid.as_deref(), process::id());
        Some(Self {
            link,
            watchdog: interval.map(|interval| Watchdog {
                every: (interval / 2).max(SHORTEST),
                at: now,
            }),
            told: Told::default(),
            again_at: None,
            pause: PAUSE,
        })
    }

    /// The next moment at which it has to be told something.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let lease = match self.told.time {
            Time::Leased(at) => Some(at),
            Time::None | Time::Until(_) => None,
        };
        let watchdog = self.watchdog.map(|watchdog| watchdog.at);
        self.again_at.or(watchdog.into_iter().chain(lease).min())
    }

    /// The time that the manager was told of last.
    pub(super) fn time(&self) -> Time {
        self.told.time
    }

    /// Tells the manager what it does not know yet.
    pub(super) fn tell(&mut self, should: Told, now: Moment) {
        if self.again_at.is_some_and(|at| now < at) {
            return;
        }
        let is_due = self.watchdog.is_some_and(|watchdog| watchdog.at <= now);
        let mut lines = self.told.news(&should, now);
        if is_due {
            lines.push_str("WATCHDOG=1\n");
        }
        if lines.is_empty() {
            self.told = should;
            self.again_at = None;
            return;
        }
        match self.link.say(&lines) {
            Err(error) if has_no_room(&error) => {
                self.again_at = Some(now + self.pause);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            // If nobody is there, nobody has to be told again.
            Ok(()) | Err(_) => {
                self.told = should;
                self.again_at = None;
                self.pause = PAUSE;
                if let Some(watchdog) = self.watchdog.as_mut().filter(|_| is_due) {
                    watchdog.at = now + watchdog.every;
                }
            }
        }
    }

    /// Tells that a reload begins. It ends with what the next turn tells: that all is ready.
    pub(super) fn tell_reload(&mut self, now: Moment) {
        let lines = format!("RELOADING=1\nMONOTONIC_USEC={}\n", now.nanos() / 1000);
        if self.told.ready && self.link.say(&lines).is_ok() {
            self.told.ready = false;
        }
    }
}

impl Told {
    /// What to say to a manager that was told this, so that it knows `should`.
    fn news(&self, should: &Self, now: Moment) -> String {
        let mut lines = String::new();
        if should.ready && !self.ready {
            lines.push_str("READY=1\n");
            // As the first process of a container we have a pid that means another process outside.
            if process::id() != 1 {
                let _ = writeln!(lines, "MAINPID={}", process::id());
            }
        }
        if should.stopping && !self.stopping {
            lines.push_str("STOPPING=1\n");
        }
        let time = match should.time {
            Time::None => None,
            time if time == self.time => None,
            Time::Until(end) => Some(end.since(now)),
            Time::Leased(_) => Some(LEASE),
        };
        if let Some(time) = time {
            let _ = writeln!(lines, "EXTEND_TIMEOUT_USEC={}", notify::microseconds(time));
        }
        if should.status != self.status {
            let _ = writeln!(lines, "STATUS={}", should.status);
        }
        lines
    }
}

fn has_no_room(error: &io::Error) -> bool {
    [libc::EAGAIN, libc::ENOBUFS]
        .map(Some)
        .contains(&error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LEASE, Limit, Time, Told};
    use crate::contract::notify;
    use crate::words::moment::Moment;

    #[test]
    fn a_lease_is_taken_again_when_half_of_it_is_over_and_not_before() {
        let mut told = Told::default();
        let now = Moment::from_nanos(1_000_000_000);
        let lease = format!("EXTEND_TIMEOUT_USEC={}\n", notify::microseconds(LEASE));
        for (after, taken) in [(0, true), (1, false), (29, false), (30, true), (59, false)] {
            let now = now + Duration::from_secs(after);
            let time = Time::needed(Some(Limit::Never), told.time, now);
            let should = Told {
                time,
                ..Told::default()
            };
            let news = told.news(&should, now);
            assert_eq!(news, if taken { lease.as_str() } else { "" }, "{after}");
            told = should;
        }
    }

    #[test]
    fn the_same_end_is_told_once_whenever_it_is_looked_at() {
        let now = Moment::from_nanos(1_000_000_000);
        let rest = |seconds| Some(Limit::After(Duration::from_secs(seconds)));
        let first = Time::needed(rest(10), Time::None, now);
        let later = now + Duration::from_secs(3);
        assert_eq!(Time::needed(rest(7), first, later), first);
        assert_ne!(Time::needed(rest(8), first, later), first);
        assert_eq!(Time::needed(None, first, later), Time::None);
    }
}
