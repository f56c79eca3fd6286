//! What the kernel has of a worker: its main process, the rest of its tree, and how signals reach
//! them. The ladder signals a worker only from here.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use libc::{SIGCONT, SIGKILL, SIGSTOP};

use super::halt::Halt;
use super::main_process::MainProcess;
use crate::contract::record::{Born, SignalTo, Stragglers};
use crate::decide::ladder::Rung;
use crate::decide::outcome::Final;
use crate::enforce::event::Event;
use crate::enforce::turn::{Rules, Turn};
use crate::failpoint;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::{Found, Sent, SignalSet, Stat};
use crate::tree::{Search, Straggler, Tree};
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// The processes of a worker.
#[derive(Debug)]
pub(super) struct Body {
    worker: WorkerNumber,
    main: MainProcess,
    tree: Tree,
    life: Life,
    /// The signals that the main process had handlers for when it was asked to stop.
    handled: SignalSet,
    halt: Halt,
    /// Whether it was continued so that it can look at its flag: once, because it may stop itself
    /// again and again.
    continued: bool,
    /// How many processes were still there after the main process had ended.
    stragglers: u32,
}

/// How much of a worker is left.
#[derive(Debug)]
enum Life {
    /// The main process has not ended.
    Main,
    /// It has; what it left behind has not.
    Remains { ended: Option<Ended>, at: Moment },
    /// Nothing is left, or what is left was given up: the final record was made.
    Over(Final),
}

impl Body {
    /// Of a worker whose main process has not ended, as far as anybody knows.
    pub(super) fn new(
        worker: WorkerNumber,
        main: MainProcess,
        flag: PathBuf,
        cgroup: Option<Cgroup>,
    ) -> Self {
        Self {
            worker,
            tree: Tree::new(worker, main.pid(), flag, cgroup),
            main,
            life: Life::Main,
            handled: SignalSet::default(),
            halt: Halt::No,
            continued: false,
            stragglers: 0,
        }
    }

    /// Takes in what an earlier owner has left word of: `rest` of the tree, and what descended from the
    /// main process when we began to look.
    pub(super) fn recall(&mut self, rest: Vec<(Pid, Found)>, search: &mut Search) {
        self.tree.recall(self.main.start().unwrap_or(0), search);
        for (pid, found) in rest {
            self.tree.hold_found(pid, found);
        }
    }

    /// An earlier owner saw the end of the main process, and so many stragglers, which are the worker
    /// now.
    pub(super) fn outlived(&mut self, ended: Ended, stragglers: u32, now: Moment) {
        self.main_ended(Some(ended), now);
        self.tree.mark_greeted();
        self.stragglers = stragglers;
    }

    pub(super) fn main(&self) -> &MainProcess {
        &self.main
    }

    pub(super) fn set_start(&mut self, start: Option<u64>) {
        self.main.set_start(start);
    }

    /// What is known of the tree, besides the main process.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many processes were still there after the main process had ended.
    pub(super) fn stragglers(&self) -> u32 {
        self.stragglers
    }

    /// Whether the main process has not ended.
    pub(super) fn has_main(&self) -> bool {
        matches!(self.life, Life::Main)
    }

    /// How and when the main process ended, while what it left behind is not over.
    pub(super) fn main_end(&self) -> Option<(Option<Ended>, Moment)> {
        match self.life {
            Life::Remains { ended, at } => Some((ended, at)),
            Life::Main | Life::Over(_) => None,
        }
    }

    /// The final record, once there is one.
    pub(super) fn last(&self) -> Option<&Final> {
        match &self.life {
            Life::Over(last) => Some(last),
            Life::Main | Life::Remains { .. } => None,
        }
    }

    /// Who the main process is, for a record that has lost it.
    pub(super) fn born(&self) -> Born {
        self.main.born(!self.has_main())
    }

    /// What to poll for reading besides the end of a main process that is our child.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let (main, tree) = match &self.life {
            // Beside a main process that lives, the tree needs no watching.
            Life::Main => (self.main.fd(), None),
            Life::Remains { .. } => (None, Some(&self.tree)),
            Life::Over(_) => (None, None),
        };
        main.into_iter().chain(tree.into_iter().flat_map(Tree::fds))
    }

    /// Whether something of it ends unseen because there is no descriptor to poll: then it has to be
    /// looked at now and then.
    pub(super) fn ends_unseen(&self) -> bool {
        match &self.life {
            Life::Main => !self.main.is_child() && self.main.fd().is_none(),
            Life::Remains { .. } => self.tree.fds().count() < self.tree.rest().len(),
            Life::Over(_) => false,
        }
    }

    /// Looks for the processes that are of its tree now.
    pub(super) fn look(&mut self, search: &mut Search) {
        // What has ended and was a straggler is reported when the worker is settled next.
        if self.has_main() {
            let _ = self.tree.forget_ended();
        }
        let (is_reaped, tree) = (!self.has_main(), &mut self.tree);
        self.main
            .as_leader(is_reaped, |leader| tree.refresh(leader, search));
    }

    /// Looks at what can be seen now and perhaps not later: which signals it handles, if it was not
    /// asked to stop yet, and its tree. Where orphans are not certain to be found again, or to be its
    /// own, descent shows now what nothing may show later.
    pub(super) fn remember(&mut self, is_asked: bool, search: &mut Search) {
        if !self.has_main() {
            return;
        }
        if !is_asked {
            self.handled = SignalSet::handled_by(self.main.pid());
        }
        if !search.is_certain() {
            let _ = self.tree.forget_ended();
            let tree = &mut self.tree;
            self.main
                .as_leader(false, |leader| tree.remember(leader, search));
        }
    }

    /// Whether it ended by a signal that it had a handler for.
    pub(super) fn has_handled(&self, ended: Option<Ended>) -> bool {
        matches!(ended, Some(Ended::Signalled(signal)) if self.handled.has(signal))
    }

    /// Lets a frozen control group go on: what is frozen can neither look at a flag nor end.
    pub(super) fn thaw(&self) {
        if let Some(cgroup) = self.tree.cgroup() {
            cgroup.thaw();
        }
    }

    /// Sends the stop signal to those of its tree that are to have it while its main process lives.
    pub(super) fn send_stop_signal(&mut self, turn: &mut Turn<'_>) {
        let signal = turn.rules.stop_signal;
        match turn.rules.signal_to {
            SignalTo::First | SignalTo::Main => self.signal_main(signal, turn),
            SignalTo::Group => {
                self.look(turn.search);
                // The whole group at once, as a terminal does: a process that is being forked has it
                // too.
                self.signal_group(signal, turn);
                for one in self.tree.beyond_group() {
                    signal_straggler(self.worker, one, signal, turn);
                }
                self.tree.mark_sent(signal);
            }
        }
        failpoint::pass("main process signalled");
        self.signal_group(SIGCONT, turn);
        failpoint::pass("continued");
    }

    /// Takes note that the whole tree had the stop signal from an earlier owner.
    pub(super) fn mark_all_signalled(&mut self, turn: &mut Turn<'_>) {
        self.look(turn.search);
        self.tree.mark_sent(turn.rules.stop_signal);
    }

    /// Reports it if the main process ignores the stop signal: then nothing but SIGKILL ends it, unless
    /// it looks at its flag after all.
    pub(super) fn tell_if_ignored(&self, turn: &mut Turn<'_>) {
        let (worker, signal) = (self.worker, turn.rules.stop_signal);
        if SignalSet::ignored_by(self.main.pid()).has(signal) {
            turn.tell(&Event::Ignored { worker, signal });
        }
    }

    /// SIGKILL for everything that is left of it.
    pub(super) fn kill(&mut self, turn: &mut Turn<'_>) {
        if turn.rules.stragglers == Stragglers::Leave {
            if self.has_main() {
                self.signal_main(SIGKILL, turn);
            }
            return;
        }
        // ORDER: the look before the signal: the children of a process that has ended are another's.
        self.look(turn.search);
        // If the kernel does not do it, each is signalled all the same, and so is every newcomer.
        let _ = self.tree.cgroup().is_some_and(Cgroup::kill);
        if !self.has_main() {
            return self.signal_rest(SIGKILL, turn);
        }
        self.signal_group(SIGKILL, turn);
        for one in self.tree.beyond_group() {
            signal_straggler(self.worker, one, SIGKILL, turn);
        }
    }

    /// Sends a signal to everything of its tree that is held, but not to the main process.
    pub(super) fn signal_rest(&self, signal: i32, turn: &mut Turn<'_>) {
        if turn.rules.stragglers != Stragglers::Leave {
            for straggler in self.tree.rest() {
                signal_straggler(self.worker, straggler, signal, turn);
            }
        }
    }

    fn signal_main(&self, signal: i32, turn: &mut Turn<'_>) {
        let sent = self.main.signal(signal);
        tell(self.worker, self.main.pid(), signal, &sent, turn);
    }

    fn signal_group(&mut self, signal: i32, turn: &mut Turn<'_>) {
        if turn.rules.stragglers == Stragglers::Leave {
            // What it started is to be left alone.
            return self.signal_main(signal, turn);
        }
        if let Some(sent) = self.main.signal_group(signal) {
            return tell(self.worker, self.main.pid(), signal, &sent, turn);
        }
        // The number of the group may be another's: each process through what names it.
        self.look(turn.search);
        self.signal_main(signal, turn);
        for one in self.tree.group() {
            tell(self.worker, one.pid, signal, &one.signal(signal), turn);
        }
    }

    /// Passes a signal on to the main process; answers whether it was sent.
    pub(super) fn forward(&self, signal: i32, turn: &mut Turn<'_>) -> bool {
        let worker = self.worker;
        let sent = self.main.signal(signal);
        let is_sent = matches!(sent, Sent::Yes);
        if is_sent {
            turn.tell(&Event::Forwarded { worker, signal });
        } else {
            tell(worker, self.main.pid(), signal, &sent, turn);
        }
        is_sent
    }

    /// Sends the stop signal for an owner that cannot come back for the next rung.
    pub(super) fn abandon(&self, rules: &Rules) {
        let _ = match rules.signal_to {
            SignalTo::First | SignalTo::Group => self.main.signal_group(rules.stop_signal),
            SignalTo::Main => Some(self.main.signal(rules.stop_signal)),
        };
        let _ = self.main.signal_group(SIGCONT);
    }

    /// Its main process was stopped, or continued, no matter by whom.
    pub(super) fn set_stopped(&mut self, stopped: bool) {
        self.halt = self.halt.after_news(stopped);
    }

    /// Continues it if it is stopped, so that it can look at its flag; once.
    pub(super) fn let_it_look(&mut self, turn: &mut Turn<'_>) {
        if !self.continued {
            self.continued = self.let_it_go_on(turn);
        }
    }

    /// Continues it if it is stopped, wherever its processes are: a suspension has stopped all of them.
    /// Answers whether it was.
    pub(super) fn let_it_go_on(&mut self, turn: &mut Turn<'_>) -> bool {
        let is_stopped = |one: &&Straggler| is_stopped(one.pid);
        match self.life {
            Life::Main if self.is_main_stopped() => {
                if turn.rules.stragglers != Stragglers::Leave {
                    self.look(turn.search);
                }
                self.signal_group(SIGCONT, turn);
                for one in self.tree.beyond_group().filter(is_stopped) {
                    tell(self.worker, one.pid, SIGCONT, &one.signal(SIGCONT), turn);
                }
                true
            }
            Life::Remains { .. } => {
                let stopped: Vec<_> = self.tree.rest().iter().filter(is_stopped).collect();
                for one in &stopped {
                    tell(self.worker, one.pid, SIGCONT, &one.signal(SIGCONT), turn);
                }
                !stopped.is_empty()
            }
            Life::Main | Life::Over(_) => false,
        }
    }

    fn is_main_stopped(&self) -> bool {
        if self.main.is_child() {
            self.halt != Halt::No
        } else {
            // The kernel tells the news of a stop to the parent alone.
            is_stopped(self.main.pid())
        }
    }

    /// Stops it, with everything it started. If somebody else has stopped its main process before, that
    /// one stays theirs.
    pub(super) fn suspend(&mut self, turn: &mut Turn<'_>) {
        if self.has_main() {
            self.look(turn.search);
            if !is_stopped(self.main.pid()) {
                self.halt = Halt::Suspended;
            }
        }
        self.signal_suspended(SIGSTOP, turn);
    }

    /// The terminal has stopped its main process, and us with it: that is the suspension.
    pub(super) fn stopped_by_terminal(&mut self) {
        self.halt = Halt::Suspended;
    }

    /// The suspension is over.
    pub(super) fn resume(&mut self, turn: &mut Turn<'_>) {
        self.signal_suspended(SIGCONT, turn);
        self.halt = self.halt.after_suspension();
    }

    fn signal_suspended(&self, signal: i32, turn: &mut Turn<'_>) {
        let beyond = self.tree.beyond_group();
        let (main, others): (_, Vec<&Straggler>) = match self.life {
            Life::Main if self.halt == Halt::Suspended => {
                (self.main.signal_group(signal), beyond.collect())
            }
            Life::Remains { .. } => (None, self.tree.rest().iter().collect()),
            Life::Main | Life::Over(_) => return,
        };
        let main = main.map(|sent| (self.main.pid(), sent));
        let others = others.into_iter().map(|one| (one.pid, one.signal(signal)));
        for (pid, sent) in main.into_iter().chain(others) {
            if matches!(sent, Sent::Refused(_)) {
                tell(self.worker, pid, signal, &sent, turn);
            }
        }
    }

    /// Reaps its main process, which has ended. Answers how it ended, if that was not lost.
    pub(super) fn reap(&mut self, search: &mut Search) -> Option<Ended> {
        if !self.main.is_child() {
            return None;
        }
        failpoint::pass("end seen");
        if !search.is_certain() {
            // ORDER: found while the zombie pins the number of its session and group.
            search.discard();
            self.look(search);
        }
        failpoint::pass("tree swept");
        let ended = self.main.reap();
        search.forget(self.main.pid());
        failpoint::pass("reaped");
        ended
    }

    /// Its main process has ended.
    pub(super) fn main_ended(&mut self, ended: Option<Ended>, at: Moment) {
        self.life = Life::Remains { ended, at };
    }

    /// Lets go of what has ended of its tree. Answers whether that was anything.
    pub(super) fn forget_ended(&mut self, turn: &mut Turn<'_>) -> bool {
        let (worker, ended) = (self.worker, self.tree.forget_ended());
        for &pid in &ended {
            turn.tell(&Event::StragglerEnded { worker, pid });
        }
        !ended.is_empty()
    }

    /// Reports what its main process left behind and was not seen before, and sends it the signal that
    /// the others had on this rung. Answers whether there was anything.
    pub(super) fn greet_newcomers(&mut self, rung: Option<Rung>, turn: &mut Turn<'_>) -> bool {
        let (worker, new) = (self.worker, self.tree.newcomers());
        if new.is_empty() {
            return false;
        }
        let count = u32::try_from(new.len()).unwrap_or(u32::MAX);
        self.stragglers = self.stragglers.saturating_add(count);
        for straggler in new {
            turn.tell(&Event::Straggler { worker, straggler });
        }
        let signal = match rung {
            Some(Rung::Term) if turn.rules.signals_rest() => Some(turn.rules.stop_signal),
            Some(Rung::Kill) => Some(SIGKILL),
            Some(Rung::Flag | Rung::Term) | None => None,
        };
        if let Some(signal) = signal {
            for straggler in new {
                signal_straggler(worker, straggler, signal, turn);
            }
        }
        self.tree.mark_greeted();
        true
    }

    /// Reports what its main process left behind, and forgets it.
    pub(super) fn leave_alone(&mut self, turn: &mut Turn<'_>) {
        let worker = self.worker;
        for straggler in self.tree.rest() {
            turn.tell(&Event::StragglerLeft { worker, straggler });
            turn.search.exclude(straggler.pid);
            self.stragglers = self.stragglers.saturating_add(1);
        }
        self.tree.release_all();
    }

    /// The pids of all that is still there.
    pub(super) fn pids(&self) -> Vec<Pid> {
        let main = self.has_main().then(|| self.main.pid());
        let rest = self.tree.rest().iter().map(|straggler| straggler.pid);
        main.into_iter().chain(rest).collect()
    }

    /// This is its final record.
    pub(super) fn end(&mut self, last: Final) {
        if let Some(cgroup) = self.tree.cgroup() {
            cgroup.remove();
        }
        failpoint::pass("final record made");
        self.life = Life::Over(last);
    }
}

fn is_stopped(pid: Pid) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.is_stopped())
}

fn signal_straggler(worker: WorkerNumber, one: &Straggler, signal: i32, turn: &mut Turn<'_>) {
    if !one.mark_sent(signal) {
        return;
    }
    tell(worker, one.pid, signal, &one.signal(signal), turn);
    if signal != SIGKILL {
        // A stopped process keeps the signal pending. A refusal was reported with the signal itself.
        let _ = one.signal(SIGCONT);
    }
}

fn tell(worker: WorkerNumber, pid: Pid, signal: i32, sent: &Sent, turn: &mut Turn<'_>) {
    match sent {
        Sent::Yes => turn.tell(&Event::SignalSent {
            worker,
            pid,
            signal,
        }),
        Sent::Nobody => {}
        Sent::Refused(error) => turn.tell(&Event::SignalRefused {
            worker,
            pid,
            signal,
            error,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::path::PathBuf;
    use std::process::{Child, Command};

    use super::{Body, Ended, MainProcess, Moment, SignalTo, is_stopped};
    use crate::enforce::turn::tests::Told;
    use crate::linux::process;
    use crate::words::worker_number::WorkerNumber;

    const NOW: Moment = Moment::from_nanos(1_000_000_000);

    /// A main process that leads no group, and a worker that it is of.
    fn worker() -> (Child, Body) {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let main = MainProcess::child(process::pid_of(&child));
        let nowhere = PathBuf::from("/nowhere");
        (child, Body::new(WorkerNumber::FIRST, main, nowhere, None))
    }

    /// Waits until it is stopped, or is not any more.
    fn until_stopped(child: &Child, stopped: bool) {
        while is_stopped(process::pid_of(child)) != stopped {
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_stop_signal_reaches_the_main_process_and_is_reported() {
        let (mut child, mut body) = worker();
        let mut told = Told::default();
        told.rules.signal_to = SignalTo::Main;
        body.send_stop_signal(&mut told.turn(NOW));
        assert_eq!(told.count("SignalSent"), 2, "{told:?}");
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
    }

    #[test]
    fn a_suspension_stops_it_and_its_end_continues_it() {
        let (mut child, mut body) = worker();
        let mut told = Told::default();
        body.suspend(&mut told.turn(NOW));
        until_stopped(&child, true);
        body.set_stopped(true);
        body.resume(&mut told.turn(NOW));
        until_stopped(&child, false);
        assert_eq!(told.count(""), 0, "no signal of the ladder: {told:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_somebody_else_has_stopped_is_continued_once_so_that_it_can_look() {
        let (mut child, mut body) = worker();
        let mut told = Told::default();
        for (times, is_continued) in [(0, true), (1, false)] {
            let _ = body.main.signal(libc::SIGSTOP);
            until_stopped(&child, true);
            body.set_stopped(true);
            body.let_it_look(&mut told.turn(NOW));
            if is_continued {
                until_stopped(&child, false);
                body.set_stopped(false);
            }
            assert_eq!(told.count("SignalSent"), 1, "after {times} times");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn it_remains_after_its_main_process_until_it_has_a_final_record() {
        let (mut child, mut body) = worker();
        let pid = body.main().pid();
        assert!(body.has_main() && body.main_end().is_none());
        assert_eq!(body.pids(), [pid]);
        child.kill().unwrap();
        child.wait().unwrap();
        let ended = Some(Ended::Signalled(libc::SIGKILL));
        body.main_ended(ended, NOW);
        assert!(!body.has_main() && body.last().is_none());
        assert_eq!(body.main_end(), Some((ended, NOW)));
        assert!(body.pids().is_empty());
        assert!(!body.ends_unseen());
    }
}
