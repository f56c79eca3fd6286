//! A worker while its run is suspended: it is stopped with the supervisor, and continued with it.

use std::time::Duration;

use libc::{SIGCONT, SIGSTOP};

use super::{Life, Worker};
use crate::decide::ladder::Input;
use crate::enforce::turn::Turn;
use crate::linux::process::{Sent, Stat};

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
    pub fn suspend(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.life, Life::Main) {
            self.look_for_tree(turn);
        }
        let is_stopped = Stat::of(self.pid).is_some_and(|stat| stat.is_stopped());
        if matches!(self.life, Life::Main) && !is_stopped {
            self.halt = Halt::Suspended;
        }
        self.halt_or_go_on(SIGSTOP, turn);
    }

    /// Its own stop is the suspension: the terminal has stopped it, and us with it.
    pub fn stopped_by_terminal(&mut self) {
        self.halt = Halt::Suspended;
    }

    /// The suspension is over, after so long: its clocks go on where they stood, and so does it.
    pub fn resume(&mut self, suspended: Duration, turn: &mut Turn<'_>) {
        self.rest_at = self.rest_at.map(|at| at + suspended);
        if let Some(asked) = &mut self.asked {
            asked.at = asked.at + suspended;
        }
        // ORDER: the flag before the worker goes on: what it reads is true.
        self.step(Input::Suspended(suspended), turn);
        self.halt_or_go_on(SIGCONT, turn);
        if self.halt == Halt::Suspended {
            self.halt = Halt::No;
        }
    }

    fn halt_or_go_on(&self, signal: i32, turn: &mut Turn<'_>) {
        let tell = |pid: i32, sent: &Sent, turn: &mut Turn<'_>| match sent {
            Sent::Refused(_) => self.tell(pid, signal, sent, turn),
            Sent::Yes | Sent::Nobody => {}
        };
        match &self.life {
            Life::Main if self.halt == Halt::Suspended => {
                tell(self.pid, &self.reach_group(signal), turn);
                for one in self.tree.beyond_group() {
                    tell(one.pid, &one.signal(signal), turn);
                }
            }
            Life::Remains { .. } => {
                for straggler in self.tree.rest() {
                    tell(straggler.pid, &straggler.signal(signal), turn);
                }
            }
            Life::Main | Life::Over(_) => {}
        }
    }
}
