//! What a run is to be: everything that was decided before it begins.

use std::ffi::OsString;
use std::time::Duration;

use crate::contract::record::{SignalTo, Stragglers};
use crate::decide::times::Times;
use crate::decide::verdict::Policy;
use crate::linux::cgroup;
use crate::run::spawn::{Exposure, Place, Stdin};
use crate::words::duration::Limit;
use crate::words::name::RunName;

/// A run that has not begun.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name; `None` is one made from the command and our pid.
    pub name: Option<RunName>,
    /// How many workers.
    pub workers: u32,
    /// The program and its arguments; not empty.
    pub command: Vec<OsString>,
    /// The ladder's times.
    pub times: Times,
    /// The longest time from the flag to SIGTERM, with every extension.
    pub max_grace: Limit,
    /// What is heard of what workers say.
    pub notify: Notify,
    /// When it stops by itself.
    pub timeout: Option<Duration>,
    /// What is sent instead of SIGTERM.
    pub stop_signal: i32,
    /// Whom that reaches.
    pub signal_to: SignalTo,
    /// What the end of one worker means for the others.
    pub when_one_ends: WhenOneEnds,
    /// Where workers run.
    pub place: Place,
    /// What workers read.
    pub stdin: Stdin,
    /// What a signal to every process of the engine means to workers.
    pub exposure: Exposure,
    /// The signals that are passed on to workers.
    pub forward: Vec<i32>,
    /// What the person chose about the exit status.
    pub policy: Policy,
    /// What becomes of what workers leave behind.
    pub stragglers: Stragglers,
    /// Whether each worker gets a control group.
    pub cgroup: cgroup::Use,
    /// Whether somebody is to be told at once that a worker looks at its flag.
    pub tells_looks: bool,
    /// Whether a guard goes on with the ladder should the supervisor die.
    pub guard: bool,
    /// Whether a service manager started us.
    pub managed: bool,
}

/// What is heard of what workers say (`sd_notify(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Nothing: they have no socket.
    Off,
    /// All of it; the run is ready when all of them run.
    Heard,
    /// All of it; the run is ready when each of them has said so.
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
    /// Whether the others are stopped when one ends like this.
    #[must_use]
    pub fn stops(self, success: bool) -> bool {
        match self {
            Self::GoOn => false,
            Self::Stop => true,
            Self::StopIfFailed => !success,
        }
    }
}
