//! Using a rung: the flag is written, then the signal is sent. Nowhere else in the house.

use libc::{SIGCONT, SIGKILL};
use nix::unistd::{Pid, getpgid};

use super::suspend::Halt;
use super::{Life, Main, Program, Worker};
use crate::contract::flag::format::Request;
use crate::contract::flag::writer::unix_in;
use crate::contract::record::{SignalTo, Stragglers};
use crate::decide::ladder::{Action, Input, Rung};
use crate::enforce::event::Event;
use crate::enforce::turn::{Rules, Turn};
use crate::failpoint;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::{self, Sent, SignalSet, Stat, Target};
use crate::linux::sys;
use crate::tree::Straggler;
use crate::words::moment::Moment;
use crate::words::reason::Reason;

impl Worker {
    pub(super) fn climb(&mut self, rung: Rung, turn: &mut Turn<'_>) {
        // ORDER: the flag before any signal: a worker that gets SIGTERM finds its flag raised.
        self.write_flag(turn);
        failpoint::pass("flag written");
        self.use_signal(rung, turn);
        failpoint::pass("rung used");
    }

    /// Sends what belongs to a rung.
    pub(super) fn use_signal(&mut self, rung: Rung, turn: &mut Turn<'_>) {
        self.rest_at = None;
        match rung {
            Rung::Flag => {
                self.thaw();
                self.let_it_look(turn);
            }
            Rung::Term => {
                self.thaw();
                if matches!(self.life, Life::Main) {
                    self.tell_if_ignored(turn);
                    self.remember(turn);
                    self.send_stop_signal(turn);
                } else if turn.rules.signals_rest() {
                    self.signal_rest(turn.rules.stop_signal, turn);
                }
            }
            Rung::Kill => self.kill(turn),
        }
    }

    /// Sends the stop signal to those of its tree who are to have it, while its main process lives.
    fn send_stop_signal(&mut self, turn: &mut Turn<'_>) {
        let signal = turn.rules.stop_signal;
        match turn.rules.signal_to {
            SignalTo::First | SignalTo::Main => self.signal_main(signal, turn),
            SignalTo::Group => {
                self.look_for_tree(turn);
                // Its group at once, as a terminal does: whoever is being forked has it, too.
                self.signal_group(signal, turn);
                for one in self.tree.beyond_group() {
                    self.signal_straggler(one, signal, turn);
                }
                self.tree.mark_sent(signal);
            }
        }
        failpoint::pass("main process signalled");
        self.signal_group(SIGCONT, turn);
        failpoint::pass("continued");
        if turn.rules.signal_to == SignalTo::First {
            self.spare_the_rest(turn.now);
        }
    }

    /// Takes note that everybody who is of its tree now had the stop signal from an owner that is no
    /// more.
    pub(super) fn have_signalled_all(&mut self, turn: &mut Turn<'_>) {
        self.look_for_tree(turn);
        self.tree.mark_sent(turn.rules.stop_signal);
    }

    /// SIGKILL for everything that is left of it.
    fn kill(&mut self, turn: &mut Turn<'_>) {
        let is_main = matches!(self.life, Life::Main);
        if turn.rules.stragglers == Stragglers::Leave {
            if is_main {
                self.signal_main(SIGKILL, turn);
            }
            return;
        }
        // ORDER: who they are before anybody ends, for then they are somebody else's children.
        self.look_for_tree(turn);
        // Should the kernel not do it, each is signalled all the same, and whoever is new, too.
        let _ = self.tree.cgroup().is_some_and(Cgroup::kill);
        if !is_main {
            return self.signal_rest(SIGKILL, turn);
        }
        self.signal_group(SIGKILL, turn);
        for one in self.tree.beyond_group() {
            self.signal_straggler(one, SIGKILL, turn);
        }
    }

    /// Looks who is of its tree now.
    pub(super) fn look_for_tree(&mut self, turn: &mut Turn<'_>) {
        // Of whoever has ended, and was a straggler, the next settling tells.
        if matches!(self.life, Life::Main) {
            let _ = self.tree.forget_ended();
        }
        let (main, tree) = (&self.main, &mut self.tree);
        main.as_leader(&self.life, |leader| tree.refresh(leader, turn.search));
    }

    /// Looks at what can be seen now and perhaps not later: which signals it handles, and who is of
    /// its tree. Where orphans are not certain to be found again, or to be its own, descent shows now
    /// what nothing may show later.
    ///
    /// ORDER: before anything is asked of it. Who leaves at once leaves nothing to go by.
    pub fn remember(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.life, Life::Main) {
            return;
        }
        if self.asked.is_none() {
            self.handled = SignalSet::handled_by(self.pid);
        }
        if !turn.search.is_certain() {
            let _ = self.tree.forget_ended();
            let (main, tree) = (&self.main, &mut self.tree);
            main.as_leader(&self.life, |leader| tree.remember(leader, turn.search));
        }
    }

    /// Who is frozen can neither look nor leave.
    fn thaw(&self) {
        if let Some(cgroup) = self.tree.cgroup() {
            cgroup.thaw();
        }
    }

    /// The rest of its tree gets the stop signal in the other half of kill-after only: what a worker
    /// needs for an orderly end must not die under it.
    pub(super) fn spare_the_rest(&mut self, now: Moment) {
        self.rest_at = self.ladder.deadline().map(|end| now + end.since(now) / 2);
    }

    /// Who is stopped cannot look at a flag. The news of a stop may come after the flag.
    pub(super) fn let_it_look(&mut self, turn: &mut Turn<'_>) {
        let on_flag = self.ladder.rung() == Some(Rung::Flag);
        if on_flag && !self.continued {
            self.continued = self.let_it_go_on(turn);
        }
    }

    /// Continues it if it is stopped, wherever its processes are: a suspension has stopped them all.
    /// Answers whether it was.
    pub(super) fn let_it_go_on(&mut self, turn: &mut Turn<'_>) -> bool {
        let is_stopped = |one: &&Straggler| Stat::of(one.pid).is_some_and(|stat| stat.is_stopped());
        match self.life {
            Life::Main if self.is_stopped() => {
                if turn.rules.stragglers != Stragglers::Leave {
                    self.look_for_tree(turn);
                }
                self.signal_group(SIGCONT, turn);
                for one in self.tree.beyond_group().filter(is_stopped) {
                    self.tell(one.pid, SIGCONT, &one.signal(SIGCONT), turn);
                }
                true
            }
            Life::Remains { .. } => {
                let stopped: Vec<_> = self.tree.rest().iter().filter(is_stopped).collect();
                for one in &stopped {
                    self.tell(one.pid, SIGCONT, &one.signal(SIGCONT), turn);
                }
                !stopped.is_empty()
            }
            Life::Main | Life::Over(_) => false,
        }
    }

    fn is_stopped(&self) -> bool {
        match &self.main {
            Main::Child => self.halt != Halt::No,
            // The kernel tells the news of a stop to its parent alone.
            Main::Stranger(_) => Stat::of(self.pid).is_some_and(|stat| stat.is_stopped()),
        }
    }

    pub(super) fn write_flag(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let (Some(rung), Some(asked)) = (self.ladder.rung(), &self.asked) else {
            return;
        };
        let deadline = self.ladder.deadline();
        let left = deadline.map(|deadline| deadline.since(now));
        let request = Request {
            level: b'0' + rung.level(),
            reason: Some(asked.reason.clone()),
            deadline,
            deadline_unix: left.map(unix_in),
        };
        self.changed = true;
        if let Err(error) = self.flag.raise(&request) {
            let what = format!(
                "the flag of worker {} cannot be written: {error}",
                self.number
            );
            turn.tell(&Event::Warning(&what));
        }
        let (worker, level) = (self.number, rung.level());
        let reason = &asked.reason;
        turn.tell(&Event::FlagRaised {
            worker,
            reason,
            level,
            deadline: left,
        });
    }

    /// Who ignores the stop signal is ended by nothing but SIGKILL, unless it looks at its flag yet.
    fn tell_if_ignored(&self, turn: &mut Turn<'_>) {
        let (worker, signal) = (self.number, turn.rules.stop_signal);
        if SignalSet::ignored_by(self.pid).has(signal) {
            let ignored = Event::Ignored { worker, signal };
            turn.tell(&ignored);
        }
    }

    fn signal_main(&self, signal: i32, turn: &mut Turn<'_>) {
        let sent = match &self.main {
            Main::Child => process::signal(Target::Child(self.pid), signal),
            Main::Stranger(main) => main.signal(signal),
        };
        self.tell(self.pid, signal, &sent, turn);
    }

    /// Sends a signal to the main process and its group.
    fn signal_group(&mut self, signal: i32, turn: &mut Turn<'_>) {
        match &self.main {
            // What it started is to be left.
            _ if turn.rules.stragglers == Stragglers::Leave => self.signal_main(signal, turn),
            Main::Child => self.tell(self.pid, signal, &self.reach_group(signal), turn),
            // Its number is not pinned by us: each of them through what names it.
            Main::Stranger(_) => {
                self.look_for_tree(turn);
                self.signal_main(signal, turn);
                for one in self.tree.group() {
                    self.tell(one.pid, signal, &one.signal(signal), turn);
                }
            }
        }
    }

    /// Sends a signal to our child and its group. A newborn may have none of its own yet, and in a
    /// session that is not its own it may have moved to another one (setpgid(2)).
    pub(super) fn reach_group(&self, signal: i32) -> Sent {
        let sent = process::signal(Target::GroupOf(self.pid), signal);
        let main = Pid::from_raw(self.pid);
        // ORDER: the look after the signal: whoever was in its group until then has had it.
        if getpgid(Some(main)).is_ok_and(|group| group != main) {
            return process::signal(Target::Child(self.pid), signal);
        }
        sent
    }

    pub(super) fn signal_straggler(&self, straggler: &Straggler, signal: i32, turn: &mut Turn<'_>) {
        if !straggler.mark_sent(signal) {
            return;
        }
        self.tell(straggler.pid, signal, &straggler.signal(signal), turn);
        if signal != SIGKILL {
            // A stopped process keeps it pending. A refusal was told with the signal itself.
            let _ = straggler.signal(SIGCONT);
        }
    }

    /// Sends a signal to everybody of its tree who is held, but the main process.
    pub(super) fn signal_rest(&self, signal: i32, turn: &mut Turn<'_>) {
        if turn.rules.stragglers != Stragglers::Leave {
            for straggler in self.tree.rest() {
                self.signal_straggler(straggler, signal, turn);
            }
        }
    }

    pub(super) fn tell(&self, pid: i32, signal: i32, sent: &Sent, turn: &mut Turn<'_>) {
        let worker = self.number;
        match sent {
            Sent::Yes => turn.tell(&Event::SignalSent {
                worker,
                pid,
                signal,
            }),
            Sent::Nobody => {}
            Sent::Refused(error) => {
                let refused = Event::SignalRefused {
                    worker,
                    pid,
                    signal,
                    error,
                };
                turn.tell(&refused);
            }
        }
    }

    /// Passes a signal on to the main process; answers whether it was sent.
    pub fn forward(&self, signal: i32, turn: &mut Turn<'_>) -> bool {
        // Nobody can have a handler before its program runs.
        if !matches!(self.life, Life::Main) || self.program != Program::Runs {
            return false;
        }
        let sent = match &self.main {
            Main::Child => process::signal(Target::Child(self.pid), signal),
            Main::Stranger(found) => found.signal(signal),
        };
        if matches!(sent, Sent::Yes) {
            let worker = self.number;
            let forwarded = Event::Forwarded { worker, signal };
            turn.tell(&forwarded);
            return true;
        }
        self.tell(self.pid, signal, &sent, turn);
        false
    }

    /// Climbs to SIGTERM, whatever the time: for a supervisor that panics, and cannot come back for
    /// the next rung. The flag says when that would come: whoever takes over goes on from there.
    pub fn abandon(&mut self, rules: &Rules) {
        let now = sys::now();
        let climbs = self.ladder.step(Input::AtLeast(Rung::Term), now) != Action::Nothing;
        if climbs && matches!(self.life, Life::Main) {
            let asked = self.asked.as_ref();
            let deadline = self.ladder.deadline();
            let lost = Request {
                level: b'0' + Rung::Term.level(),
                reason: Some(asked.map_or(Reason::LOST, |asked| asked.reason.clone())),
                deadline,
                deadline_unix: deadline.map(|deadline| unix_in(deadline.since(now))),
            };
            let _ = self.flag.raise(&lost);
            let stop_signal = rules.stop_signal;
            let _ = match rules.signal_to {
                SignalTo::First | SignalTo::Group => self.reach_group(stop_signal),
                SignalTo::Main => process::signal(Target::Child(self.pid), stop_signal),
            };
            let _ = self.reach_group(SIGCONT);
        }
    }
}
