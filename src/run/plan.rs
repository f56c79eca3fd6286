//! What a run is to be: everything that was decided before it begins.

use std::ffi::OsString;
use std::time::Duration;

use crate::contract::record::{SignalTo, Stragglers};
use crate::decide::times::Times;
use crate::decide::verdict::Policy;
use crate::enforce::turn::Rules;
use crate::linux::cgroup;
use crate::run::spawn::{Exposure, Place, Stdin};
use crate::words::duration::Limit;
use crate::words::name::RunName;

/// A run that has not begun.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name; with `None` it is made from the command and our pid.
    pub name: Option<RunName>,
    /// How many workers.
    pub workers: u32,
    /// The program and its arguments; not empty.
    pub command: Vec<OsString>,
    /// The ladder's times.
    pub times: Times,
    /// The longest time from the flag to SIGTERM, with every extension.
    pub max_grace: Limit,
    /// Whether workers are heard, and whether they have to say that they are ready.
    pub notify: Notify,
    /// How long it may take before it is stopped.
    pub timeout: Option<Duration>,
    /// What is sent instead of SIGTERM.
    pub stop_signal: i32,
    /// Which processes of a worker the stop signal reaches.
    pub signal_to: SignalTo,
    /// What the end of one worker means for the others.
    pub when_one_ends: WhenOneEnds,
    /// Where workers run.
    pub place: Place,
    /// What workers read on their standard input.
    pub stdin: Stdin,
    /// What it means to workers when an engine signals every process.
    pub exposure: Exposure,
    /// The signals that are passed on to workers.
    pub forward: Vec<i32>,
    /// The options that the user chose for the exit status.
    pub policy: Policy,
    /// What is done about processes that workers leave behind.
    pub stragglers: Stragglers,
    /// Whether each worker gets a control group.
    pub cgroup: cgroup::Use,
    /// Whether somebody is to be told at once that a worker looks at its flag.
    pub tells_looks: bool,
    /// Whether a guard goes on with the ladder if the supervisor dies.
    pub guard: bool,
    /// Whether a service manager started us.
    pub managed: bool,
}

impl Plan {
    /// What the ladder of each worker goes by.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            stop_signal: self.stop_signal,
            signal_to: self.signal_to,
            kill_wait: self.times.kill_wait,
            max_grace: self.max_grace,
            stragglers: self.stragglers,
        }
    }
}

/// Whether workers are heard (`sd_notify(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// They have no socket to speak to.
    Off,
    /// They are heard; the run is ready when all of them run.
    Heard,
    /// They are heard; the run is ready when each of them has said that it is.
    Ready,
}

/// What the end of one worker means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenOneEnds {
    /// Nothing.
    GoOn,
    /// They are stopped.
    Stop,
    /// They are stopped if it failed.
    StopIfFailed,
}

impl WhenOneEnds {
    /// Whether the others are stopped when one ends with `success` or without.
    #[must_use]
    pub fn stops(self, success: bool) -> bool {
        match self {
            Self::GoOn => false,
            Self::Stop => true,
            Self::StopIfFailed => !success,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WhenOneEnds;

    #[test]
    fn one_end_stops_the_others_as_it_was_wished() {
        for success in [false, true] {
            assert!(!WhenOneEnds::GoOn.stops(success));
            assert!(WhenOneEnds::Stop.stops(success));
            assert_eq!(WhenOneEnds::StopIfFailed.stops(success), !success);
        }
    }
}
