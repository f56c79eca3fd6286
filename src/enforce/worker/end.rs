//! The end of a worker: its main process first, then what that left behind, then the record.

use std::time::Duration;

use libc::SIGKILL;

use super::{Life, Main, Program, Worker, care};
use crate::contract::record::Stragglers;
use crate::decide::ladder::{Input, Rung};
use crate::decide::outcome::{Before, Final, Outcome};
use crate::decide::times::Times;
use crate::enforce::event::Event;
use crate::enforce::turn::Turn;
use crate::failpoint;
use crate::linux::process;
use crate::words::duration::Limit;
use crate::words::ended::Ended;
use crate::words::escape::escaped;
use crate::words::moment::Moment;
use crate::words::reason::Reason;

/// For what a worker leaves behind that ended by itself: 2 s to see the flag, 2 s after SIGTERM.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// The same if nobody ever looked at the flag. What watches the end of its parent needs a moment to
/// see it, and then there is nothing to stop.
const MOMENT: Duration = Duration::from_millis(500);

impl Worker {
    /// Its main process has ended, and is a zombie if it is our child: reaps it. What it left is
    /// looked for by the next [`Worker::settle`]. Answers how it ended, if that was not lost.
    pub fn main_ended(&mut self, left: usize, turn: &mut Turn<'_>) -> Option<Ended> {
        self.see_read(turn);
        let ended = match &self.main {
            Main::Child => {
                failpoint::pass("end seen");
                if !turn.search.is_certain() {
                    // ORDER: found while the zombie pins the number of its session and group.
                    turn.search.discard();
                    self.look_for_tree(turn);
                }
                failpoint::pass("tree swept");
                let ended = process::reap(self.pid);
                turn.search.forget(self.pid);
                failpoint::pass("reaped");
                ended
            }
            // Its status goes to whoever reaps it.
            Main::Stranger(_) => None,
        };
        let (worker, asked, now) = (self.number, self.is_asked(), turn.now);
        if self.program != Program::Impossible {
            turn.tell(&Event::MainEnded {
                worker,
                ended,
                asked,
                left,
            });
        }
        self.changed = true;
        self.rest_at = None;
        self.life = Life::Remains { ended, at: now };
        ended
    }

    /// Lets go of those of its tree who have ended. Before [`Worker::settle`], for all workers.
    pub fn forget_ended(&mut self, turn: &mut Turn<'_>) {
        let worker = self.number;
        for pid in self.tree.forget_ended() {
            self.changed = true;
            let ended = Event::StragglerEnded { worker, pid };
            turn.tell(&ended);
        }
    }

    /// Looks who is left of those it left behind, and of a main process that is not our child. The
    /// last one gone, it has its final record.
    pub fn settle(&mut self, turn: &mut Turn<'_>) {
        if matches!((&self.life, &self.main), (Life::Main, Main::Stranger(main)) if main.has_ended())
        {
            self.main_ended(0, turn);
        }
        let Life::Remains { ended, at } = self.life else {
            return;
        };
        let (main, tree) = (&self.main, &mut self.tree);
        main.as_leader(&self.life, |leader| tree.refresh(leader, turn.search));
        match turn.rules.stragglers {
            Stragglers::Stop | Stragglers::Wait => self.greet(turn),
            Stragglers::Leave => self.leave_alone(turn),
        }
        if self.tree.rest().is_empty() {
            let rung = self.rung_of_outcome(turn);
            let at = if turn.rules.stragglers == Stragglers::Wait {
                turn.now
            } else {
                at
            };
            let outcome = Outcome::of(ended, self.before(ended, rung, turn));
            // Nothing is asked of a ladder whose tree is empty.
            let _ = self.ladder.step(Input::TreeEnded, turn.now);
            self.finish(ended, outcome, at, turn);
        }
    }

    /// The rung that its outcome tells of: the highest that was used before its main process ended,
    /// or before the last of it did where that is the worker.
    fn rung_of_outcome(&self, turn: &Turn<'_>) -> Option<Rung> {
        match turn.rules.stragglers {
            Stragglers::Stop | Stragglers::Leave => self.ladder.outcome_rung(),
            Stragglers::Wait => self.ladder.rung(),
        }
    }

    /// Those who came after the others had their signal get it, too.
    fn greet(&mut self, turn: &mut Turn<'_>) {
        let new = self.tree.newcomers();
        if new.is_empty() {
            return;
        }
        self.changed = true;
        let count = u32::try_from(new.len()).unwrap_or(u32::MAX);
        self.stragglers = self.stragglers.saturating_add(count);
        let worker = self.number;
        for straggler in new {
            let there = Event::Straggler { worker, straggler };
            turn.tell(&there);
        }
        let signal = match self.ladder.rung() {
            Some(Rung::Term) if turn.rules.signals_rest() => Some(turn.rules.stop_signal),
            Some(Rung::Kill) => Some(SIGKILL),
            Some(Rung::Flag | Rung::Term) | None => None,
        };
        if let Some(signal) = signal {
            for straggler in new {
                self.signal_straggler(straggler, signal, turn);
            }
        }
        self.tree.mark_greeted();
        self.ask_stragglers(turn);
    }

    /// Asks those it left behind, if it had not been asked itself, and if nobody else has care of
    /// them.
    pub(super) fn ask_stragglers(&mut self, turn: &mut Turn<'_>) {
        let Life::Remains { at, .. } = self.life else {
            return;
        };
        let (left, own, time) = (self.tree.rest(), self.flag.path(), turn.now.since(at));
        let others = || care::of_others(left, own, time);
        let other = self.asked.is_none().then(others).flatten();
        if let (Some(dir), None) = (&other, self.care_at) {
            let (worker, run) = (self.number, dir.file_name().unwrap_or_default());
            let what = format!(
                "worker {worker} left what is of the run {}: it is waited for, since somebody \
                 enforces the ladders of that",
                escaped(run)
            );
            turn.tell(&Event::Warning(&what));
        }
        self.care_at = other.is_some().then(|| turn.now + care::LOOK_AGAIN);
        self.see_read(turn);
        let grace = if self.looked == Some(false) {
            MOMENT
        } else {
            STRAGGLERS
        };
        let (grace, kill_after) = (Limit::After(grace), Limit::After(STRAGGLERS));
        let short = Times::plain(grace, kill_after, turn.rules.kill_wait);
        let is_waited_for = other.is_some() || turn.rules.stragglers == Stragglers::Wait;
        let stragglers = (!is_waited_for).then_some(short);
        // On a ladder that was climbed already this freezes the outcome, and no more.
        self.ask(Input::MainEnded { stragglers }, &Reason::SIBLING, turn);
    }

    /// Names those it left behind, and forgets them.
    fn leave_alone(&mut self, turn: &mut Turn<'_>) {
        let worker = self.number;
        for straggler in self.tree.rest() {
            let left = Event::StragglerLeft { worker, straggler };
            turn.tell(&left);
            turn.search.exclude(straggler.pid);
            self.stragglers = self.stragglers.saturating_add(1);
        }
        self.tree.release_all();
    }

    /// Its main process, our child, ended, and another owner has to do with whatever is left. If
    /// that has happened `just_now`, the flag says what that one used on it. Otherwise nobody knows
    /// what came first, and nothing is guessed.
    pub fn write_off(&mut self, ended: Option<Ended>, just_now: bool, turn: &mut Turn<'_>) {
        let (ended, rung) = match self.life {
            // It ended while the ladder was ours.
            Life::Remains { ended, .. } => (ended, self.ladder.outcome_rung()),
            Life::Main | Life::Over(_) if just_now => {
                // Should it not be readable, it says what we wrote.
                let _ = self.flag.reload();
                let there = self.flag.request();
                let used = there.and_then(|request| Rung::of_level(request.level));
                (ended, used.max(self.ladder.rung()))
            }
            Life::Main | Life::Over(_) => {
                return self.finish(ended, Outcome::Unobserved, turn.now, turn);
            }
        };
        let mut before = self.before(ended, rung, turn);
        // Whoever looks late is seen by that owner.
        before.looked = before.looked.filter(|&looked| looked);
        let outcome = Outcome::of(ended, before);
        self.finish(ended, outcome, turn.now, turn);
    }

    /// What is known of the time before its main process ended.
    fn before(&self, ended: Option<Ended>, rung: Option<Rung>, turn: &Turn<'_>) -> Before {
        let answered = self.said.acknowledged.map(|_| true);
        let handles = |ended| matches!(ended, Ended::Signalled(signal) if self.handled.has(signal));
        Before {
            rung,
            looked: answered.or(self.looked),
            handled: ended.is_some_and(handles),
            stop_signal: turn.rules.stop_signal,
        }
    }

    pub(super) fn give_up(&mut self, turn: &mut Turn<'_>) {
        let (ended, main) = match &self.life {
            Life::Main => (None, Some(self.pid)),
            Life::Remains { ended, .. } => (*ended, None),
            Life::Over(_) => return,
        };
        if main.is_none() {
            // The last one may have ended a moment ago: after the look of this wake-up, which came before
            // the tick, so that no test can have it end there.
            self.forget_ended(turn);
            turn.search.discard();
            self.settle(turn);
            if matches!(self.life, Life::Over(_)) {
                return;
            }
        }
        let rest = self.tree.rest().iter().map(|straggler| straggler.pid);
        let pids: Vec<i32> = main.into_iter().chain(rest).collect();
        let worker = self.number;
        turn.tell(&Event::NotEnded {
            worker,
            pids: &pids,
        });
        self.finish(ended, Outcome::NotEnded, turn.now, turn);
    }

    fn finish(&mut self, ended: Option<Ended>, outcome: Outcome, at: Moment, turn: &mut Turn<'_>) {
        let asked_before = self
            .asked
            .as_ref()
            .filter(|_| self.rung_of_outcome(turn).is_some());
        let last = Final {
            worker: self.number,
            pid: self.pid,
            ended,
            outcome,
            failed: ended.is_some_and(|ended| outcome.is_failure(ended, turn.rules.stop_signal)),
            flag_to_end: asked_before.map(|asked| at.since(asked.at)),
            looked: self.looked,
            extensions: self.extensions,
            stragglers: self.stragglers,
        };
        // One that could not be started was told of as that.
        if self.told {
            turn.tell(&Event::WorkerEnded(&last));
        }
        if let Some(cgroup) = self.tree.cgroup() {
            cgroup.remove();
        }
        failpoint::pass("final record made");
        self.life = Life::Over(last);
        self.changed = true;
    }
}
