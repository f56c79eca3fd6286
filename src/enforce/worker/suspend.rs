//! A worker while its run is suspended: it is stopped with the supervisor, and continued with it.

use std::time::Duration;

use libc::{SIGCONT, SIGSTOP};

use super::{Hands, Life, Worker};
use crate::decide::ladder::Input;
use crate::linux::process::{Sent, Stat};
use crate::words::reason::Reason;

/// Whether a worker's main process is stopped, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// It is not, as far as the kernel has told.
    No,
    /// By somebody else, or by itself.
    ByOthers,
    /// By us, for the time of a suspension.
    Suspended,
}

impl Worker {
    /// Stops it, with everything it started. One that somebody else has stopped before stays theirs.
    pub fn suspend(&mut self, hands: &mut Hands<'_>) {
        if matches!(self.life, Life::Main) {
            self.look_for_tree(hands);
        }
        let is_stopped = Stat::of(self.pid).is_some_and(|stat| stat.is_stopped());
        if matches!(self.life, Life::Main) && !is_stopped {
            self.halt = Halt::Suspended;
        }
        self.halt_or_go_on(SIGSTOP, hands);
    }

    /// Its own stop is the suspension: the terminal has stopped it, and us with it.
    pub fn stopped_by_terminal(&mut self) {
        self.halt = Halt::Suspended;
    }

    /// The suspension is over, after so long: its clocks go on where they stood, and so does it.
    pub fn resume(&mut self, suspended: Duration, hands: &mut Hands<'_>) {
        self.rest_at = self.rest_at.map(|at| at + suspended);
        if let Some(asked) = &mut self.asked {
            asked.at = asked.at + suspended;
        }
        // ORDER: the flag before the worker goes on: what it reads is true.
        let reason = self.asked.as_ref().map(|asked| asked.reason.clone());
        let input = Input::Suspended(suspended);
        self.input(input, &reason.unwrap_or(Reason::USER), hands);
        self.halt_or_go_on(SIGCONT, hands);
        if self.halt == Halt::Suspended {
            self.halt = Halt::No;
        }
    }

    fn halt_or_go_on(&self, signal: i32, hands: &mut Hands<'_>) {
        let tell = |pid: i32, sent: &Sent, hands: &mut Hands<'_>| match sent {
            Sent::Refused(_) => self.tell(pid, signal, sent, hands),
            Sent::Yes | Sent::Nobody => {}
        };
        match &self.life {
            Life::Main if self.halt == Halt::Suspended => {
                tell(self.pid, &self.reach_group(signal), hands);
                for one in self.tree.beyond_group() {
                    tell(one.pid, &one.signal(signal), hands);
                }
            }
            Life::Remains { .. } => {
                for straggler in self.tree.rest() {
                    tell(straggler.pid, &straggler.signal(signal), hands);
                }
            }
            Life::Main | Life::Over(_) => {}
        }
    }
}
