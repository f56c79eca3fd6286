//! The end of a worker: its main process first, then what that left behind, then the record.

use std::time::Duration;

use libc::SIGKILL;

use super::{Hands, Life, Main, Worker};
use crate::duration::Limit;
use crate::ended::Ended;
use crate::event::Event;
use crate::failpoint;
use crate::ladder::{Input, Rung, Times};
use crate::moment::Moment;
use crate::outcome::{Final, Outcome};
use crate::process;
use crate::reason::Reason;
use crate::tree::{Remains, Sweep};

/// For what a worker leaves behind that ended by itself: 2 s to see the flag, 2 s after SIGTERM.
const STRAGGLERS: Duration = Duration::from_secs(2);

impl Worker {
    /// Its main process is a zombie: sweeps its group, reaps it, and goes on with what it left.
    /// Answers how it ended, if that was not lost.
    pub fn main_ended(&mut self, left: usize, hands: &mut Hands<'_>) -> Option<Ended> {
        let (ended, remains) = match &self.main {
            Main::Child => {
                failpoint::pass("end seen");
                let sweep = Sweep::begin(self.pid);
                failpoint::pass("group swept");
                let ended = process::reap(self.pid);
                failpoint::pass("reaped");
                (ended, sweep.finish())
            }
            // Its status goes to whoever reaps it.
            Main::Stranger(found) => {
                let path = self.flag.path();
                (None, Remains::of_stranger(found, self.pid, path))
            }
        };
        let (worker, asked, now) = (self.number, self.is_asked(), hands.now);
        hands.witness.see(
            now,
            &Event::MainEnded {
                worker,
                ended,
                asked,
                left,
            },
        );
        self.changed = true;
        self.rest_at = None;
        self.stragglers = u32::try_from(remains.stragglers().len()).unwrap_or(u32::MAX);
        // Nobody waits for the flag to be seen where nobody ever looked at it.
        let grace = if self.looked == Some(false) {
            Duration::ZERO
        } else {
            STRAGGLERS
        };
        let times = Times {
            grace: Limit::After(grace),
            kill_after: Limit::After(STRAGGLERS),
            kill_wait: hands.kill_wait,
        };
        let rung = self.ladder.rung();
        for straggler in remains.stragglers() {
            hands
                .witness
                .see(now, &Event::Straggler { worker, straggler });
        }
        let nobody = remains.stragglers().is_empty();
        self.life = Life::Remains {
            ended,
            at: now,
            remains,
        };
        if nobody {
            self.settle(hands);
            return ended;
        }
        self.input(
            Input::MainEnded { stragglers: times },
            &Reason::SIBLING,
            hands,
        );
        match (rung, &self.main) {
            (Some(Rung::Term), _) => self.signal_remains(hands.stop_signal, hands),
            // The group of a stranger could not be signalled once its leader had ended.
            (Some(Rung::Kill), Main::Stranger(_)) => self.signal_remains(SIGKILL, hands),
            (Some(Rung::Flag | Rung::Kill) | None, _) => {}
        }
        ended
    }

    /// Looks who is left of those it left behind, and of a main process that is not our child. The
    /// last one gone, it has its final record.
    pub fn settle(&mut self, hands: &mut Hands<'_>) {
        if matches!((&self.life, &self.main), (Life::Main, Main::Stranger(found)) if found.has_ended())
        {
            self.main_ended(0, hands);
            return;
        }
        let Life::Remains { ended, at, remains } = &mut self.life else {
            return;
        };
        let new = remains.refresh();
        let (ended, at) = (*ended, *at);
        if remains.stragglers().is_empty() {
            let rung = self.ladder.outcome_rung();
            let outcome = Outcome::of(ended, rung, hands.stop_signal);
            // Nothing is asked of a ladder whose tree is empty.
            let _ = self.ladder.step(Input::TreeEnded, hands.now);
            self.finish(ended, outcome, at, hands);
        } else if new > 0 {
            self.greet(new, hands);
        }
    }

    /// Those who came after the others had their signal get it, too.
    fn greet(&mut self, new: usize, hands: &mut Hands<'_>) {
        let Life::Remains { remains, .. } = &self.life else {
            return;
        };
        let signal = match self.ladder.rung() {
            Some(Rung::Term) => Some(hands.stop_signal),
            Some(Rung::Kill) => Some(SIGKILL),
            Some(Rung::Flag) | None => None,
        };
        let all = remains.stragglers();
        for straggler in &all[all.len() - new..] {
            let worker = self.number;
            hands
                .witness
                .see(hands.now, &Event::Straggler { worker, straggler });
            if let Some(signal) = signal {
                self.signal_straggler(straggler, signal, hands);
            }
        }
        self.stragglers = self
            .stragglers
            .saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
        self.changed = true;
    }

    /// Its main process, our child, ended, and another owner has to do with whatever is left. What
    /// that one used on it stands in the flag.
    pub fn write_off(&mut self, ended: Option<Ended>, hands: &mut Hands<'_>) {
        let request = self.flag.request();
        let used = request.and_then(|request| Rung::of_level(request.level));
        let rung = used.max(self.ladder.rung());
        let outcome = Outcome::of(ended, rung, hands.stop_signal);
        self.finish(ended, outcome, hands.now, hands);
    }

    pub(super) fn give_up(&mut self, hands: &mut Hands<'_>) {
        let (ended, pids) = match &self.life {
            Life::Main => (None, vec![self.pid]),
            Life::Remains { ended, remains, .. } => (
                *ended,
                remains
                    .stragglers()
                    .iter()
                    .map(|straggler| straggler.pid)
                    .collect(),
            ),
            Life::Over(_) => return,
        };
        let worker = self.number;
        hands.witness.see(
            hands.now,
            &Event::NotEnded {
                worker,
                pids: &pids,
            },
        );
        self.finish(ended, Outcome::NotEnded, hands.now, hands);
    }

    fn finish(
        &mut self,
        ended: Option<Ended>,
        outcome: Outcome,
        at: Moment,
        hands: &mut Hands<'_>,
    ) {
        let asked_before = self
            .asked
            .as_ref()
            .filter(|_| self.ladder.outcome_rung().is_some());
        let last = Final {
            worker: self.number,
            pid: self.pid,
            ended,
            outcome,
            flag_to_end: asked_before.map(|asked| at.since(asked.at)),
            looked: self.looked == Some(true),
            extensions: self.extensions,
            stragglers: self.stragglers,
        };
        hands.witness.see(hands.now, &Event::WorkerEnded(&last));
        failpoint::pass("final record made");
        self.life = Life::Over(last);
        self.changed = true;
    }
}
