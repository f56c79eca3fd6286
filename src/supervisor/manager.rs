//! What the service manager that started us is told (`sd_notify(3)`): when the run is ready, what it
//! does, that it stops, and how long that can take.
//!
//! It is told how things are, not what happened: at the end of each turn what it should know is
//! compared with what it was told. So nothing is lost should it not read for a while, nothing is
//! said twice, and a manager that is not there does no harm.

use std::fmt::Write as _;
use std::io;
use std::process;
use std::time::Duration;

use super::Supervisor;
use crate::duration::Limit;
use crate::escape::escaped;
use crate::ladder::Rung;
use crate::moment::Moment;
use crate::notify::{self, Link};
use crate::plan::Notify;
use crate::signal_name::signal_name;
use crate::sys;
use crate::worker::Worker;

/// What is asked for beyond the ladder: for what we do after its end.
const RESERVE: Duration = Duration::from_secs(2);

/// What is asked for at a time when the ladder has no end of its own. Half of it later it is asked
/// for again.
const LEASE: Duration = Duration::from_secs(60);

/// How long after the manager had no room it is tried again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The service manager.
pub(super) struct Manager {
    link: Link,
    watchdog: Option<Watchdog>,
    told: Told,
    /// Before this moment it is not tried again.
    again_at: Option<Moment>,
    pause: Duration,
}

/// It ends us if it does not hear from us.
#[derive(Clone, Copy)]
struct Watchdog {
    every: Duration,
    at: Moment,
}

/// What it was told, or should be.
#[derive(Clone, Default)]
struct Told {
    ready: bool,
    stopping: bool,
    status: String,
    time: Time,
}

/// The time that a stop needs.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Time {
    /// Nobody stops.
    #[default]
    None,
    /// Until this moment.
    Until(Moment),
    /// Nobody knows; asked for anew at this moment.
    Leased(Moment),
}

impl Manager {
    /// The one that our environment names, if there is one.
    pub(super) fn from_env(now: Moment) -> Option<Self> {
        // Whatever its address is if it is none: nobody can be told of it there.
        let link = Link::from_env().ok().flatten()?;
        let variable = |name| std::env::var(name).ok();
        let (usec, pid) = (variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        let interval = notify::watchdog(usec.as_deref(), pid.as_deref(), process::id());
        Some(Self {
            link,
            watchdog: interval.map(|interval| Watchdog {
                every: interval / 2,
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

    /// Tells what it does not know yet.
    fn tell(&mut self, should: Told, now: Moment) {
        if self.again_at.is_some_and(|at| now < at) {
            return;
        }
        let is_due = self.watchdog.is_some_and(|watchdog| watchdog.at <= now);
        let mut lines = self.told.news(&should, now);
        if is_due {
            lines.push_str("WATCHDOG=1\n");
        }
        if lines.is_empty() {
            self.again_at = None;
            return;
        }
        match self.link.say(&lines) {
            Err(error) if has_no_room(&error) => {
                self.again_at = Some(now + self.pause);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            // Where nobody is, nobody has to be told again.
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
    fn tell_reload(&mut self, now: Moment) {
        let lines = format!("RELOADING=1\nMONOTONIC_USEC={}\n", now.nanos() / 1000);
        if self.told.ready && self.link.say(&lines).is_ok() {
            self.told.ready = false;
        }
    }
}

impl Told {
    /// What is to be said so that it becomes `should`.
    fn news(&self, should: &Self, now: Moment) -> String {
        let mut lines = String::new();
        if should.ready && !self.ready {
            lines.push_str("READY=1\n");
            // As the first process of a container we have a number that means another one outside.
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

impl Supervisor<'_> {
    /// Tells the service manager how things are.
    pub(super) fn tell_manager(&mut self) {
        if self.manager.is_none() {
            return;
        }
        let now = sys::now();
        let should = self.told(now);
        if let Some(manager) = &mut self.manager {
            manager.tell(should, now);
        }
    }

    /// A signal to reload is about to be passed on.
    pub(super) fn reloading(&mut self, now: Moment) {
        let stopping = self.run.stopping().is_some();
        if let Some(manager) = self.manager.as_mut().filter(|_| !stopping) {
            manager.tell_reload(now);
        }
    }

    /// What the manager should know.
    fn told(&self, now: Moment) -> Told {
        let stopping = self.run.stopping().is_some();
        Told {
            ready: !stopping && self.is_ready(),
            stopping,
            status: self.phase(),
            time: if stopping { self.time(now) } else { Time::None },
        }
    }

    fn is_ready(&self) -> bool {
        self.unstarted == 0
            && match self.plan.notify {
                Notify::Off | Notify::Heard => true,
                Notify::Ready => self.run.workers().iter().all(Worker::is_ready),
            }
    }

    /// The time that the longest ladder still needs.
    fn time(&self, now: Moment) -> Time {
        let rests = self.run.workers().iter().filter_map(|one| one.rest(now));
        match (rests.max(), self.manager.as_ref().map(|one| one.told.time)) {
            (Some(Limit::After(rest)), _) => Time::Until(now + rest + RESERVE),
            (Some(Limit::Never), Some(Time::Leased(at))) if now < at => Time::Leased(at),
            (Some(Limit::Never), _) => Time::Leased(now + LEASE / 2),
            (None, _) => Time::None,
        }
    }

    /// The phase of the run, in words.
    fn phase(&self) -> String {
        let workers = self.run.workers();
        let of = |number: usize, all: u32| match all {
            1 => "1 worker".to_owned(),
            _ if u32::try_from(number) == Ok(all) => format!("{all} workers"),
            _ => format!("{number} of {all} workers"),
        };
        let all = self.plan.workers;
        let there = || workers.iter().filter(|worker| worker.is_over().is_none());
        if let Some(reason) = self.run.stopping() {
            let step = match there().filter_map(Worker::rung).max() {
                None | Some(Rung::Flag) => "asked".to_owned(),
                Some(Rung::Term) => format!("{} sent", signal_name(self.plan.stop_signal)),
                Some(Rung::Kill) => "SIGKILL sent".to_owned(),
            };
            let left = of(there().count(), all);
            return format!("stopping ({reason}): {step}; {left} still there");
        }
        if self.unstarted > 0 {
            return format!("starting {}", of(all as usize, all));
        }
        let says = match workers {
            [only] => only
                .status_text()
                .map(|text| format!(": {}", escaped(text))),
            _ => None,
        };
        let says = says.unwrap_or_default();
        if self.plan.notify == Notify::Ready && !self.is_ready() {
            let ready = workers.iter().filter(|one| one.is_ready()).count();
            return format!("waiting until all are ready: {ready} of {all}{says}");
        }
        format!("{} running{says}", of(there().count(), all))
    }
}
