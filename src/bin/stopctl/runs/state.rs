//! How a run is, in one word.

use stopctl::contract::record::Phase;
use stopctl::contract::standing::{Doubt, Owned, Standing};
use stopctl::linux::process::Stat;

use super::Run;

/// What can be said of a run as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Stopping,
    /// Its supervisor is stopped, by Ctrl-Z say, and with it the clocks of its ladders.
    Suspended,
    Over,
    /// Its supervisor died, and this process enforces its ladders.
    TakenOver(i32),
    OwnerDied,
    /// Nobody here can tell who enforces its ladders, for this reason.
    Unverifiable(Doubt),
    /// Its owner file cannot be read.
    Unsigned,
}

impl State {
    /// The word of the machine-readable output.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Suspended => "suspended",
            Self::Over => "over",
            Self::TakenOver(_) => "taken_over",
            Self::OwnerDied => "owner_died",
            Self::Unverifiable(_) | Self::Unsigned => "unverifiable",
        }
    }

    pub(crate) fn in_words(self) -> String {
        let words = match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Suspended => "suspended (its supervisor is stopped)",
            Self::Over => "over",
            Self::TakenOver(pid) => {
                return format!("its supervisor died, being stopped by pid {pid}");
            }
            Self::OwnerDied => "its supervisor died, not being stopped",
            Self::Unverifiable(why) => return format!("cannot be verified from here: {why}"),
            Self::Unsigned => "cannot be verified (no readable file 'owner')",
        };
        words.to_owned()
    }
}

impl Run {
    /// How it is, as far as that can be told.
    pub(crate) fn state(&self) -> State {
        let phase = self.seen.run.phase;
        match Standing::of(&self.dir) {
            _ if phase == Phase::Over => State::Over,
            Standing::Owned(Owned { owner, .. }) if owner.pid != self.seen.run.pid => {
                State::TakenOver(owner.pid)
            }
            Standing::Owned(owned) if is_suspended(&owned) => State::Suspended,
            Standing::Owned(_) | Standing::Changing if phase == Phase::Stopping => State::Stopping,
            Standing::Owned(_) | Standing::Changing => State::Running,
            Standing::Orphaned(_) => State::OwnerDied,
            // The kernel's mark is true in every pid namespace.
            Standing::Unverifiable(_) if self.owner_died() => State::OwnerDied,
            Standing::Unverifiable(unknown) => State::Unverifiable(unknown.why),
            Standing::Unreadable => State::Unsigned,
        }
    }
}

/// Not by a tracer: that stops it at each system call.
fn is_suspended(owned: &Owned) -> bool {
    Stat::of(owned.owner.pid).is_some_and(|stat| stat.state == 'T')
}
