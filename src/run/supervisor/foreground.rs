//! `--foreground`: the worker has the terminal, its keys and their signals. To the shell that waits
//! for us we are the job, so we are stopped when the worker is, and it goes on when we do. What is
//! in our group with us is of the same job: what a key does to the worker is done to all of it.

use libc::{SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
use nix::sys::signal::Signal;

use super::Supervisor;
use crate::decide::ladder::Rung;
use crate::linux::process::{self, Target};
use crate::linux::terminal::{Leaves, Terminal};
use crate::words::ended::Ended;
use crate::words::moment::Moment;

impl Supervisor<'_> {
    /// A worker was stopped by `signal`: by its own Ctrl-Z, because it used the terminal from the
    /// background, or by somebody.
    pub(super) fn stopped_at_terminal(&mut self, index: usize, signal: i32, now: Moment) {
        let (worker, terminal) = (&self.run.workers()[index], &mut self.terminal);
        let Some(terminal) = terminal else {
            return;
        };
        let by_use = [SIGTTIN, SIGTTOU].contains(&signal);
        let by_terminal = by_use || signal == SIGTSTP;
        // A shell that brings a running job to the foreground tells nobody.
        if by_use && terminal.lend(worker.pid()) {
            let _ = process::signal(Target::GroupOf(worker.pid()), SIGCONT);
            return;
        }
        // The ladder knows what to do about a worker that stops itself. But Ctrl-Z is a person's.
        if worker.is_asked() && !(by_terminal && terminal.is_lent()) {
            return;
        }
        self.run
            .on_index(index, now, |worker, _| worker.stopped_by_terminal());
        let suspend = self.signals.suspend_mut();
        match signal {
            SIGTTIN => suspend.ask_group(Signal::SIGTTIN),
            SIGTTOU => suspend.ask_group(Signal::SIGTTOU),
            SIGTSTP => suspend.ask_group(Signal::SIGTSTP),
            _ => suspend.ask(Signal::SIGTSTP),
        }
    }

    /// Lends the terminal to the worker, if there is one that has not ended.
    pub(super) fn lend_terminal(&mut self) {
        let worker = self.by_pid.keys().next();
        if let (Some(terminal), Some(&worker)) = (&mut self.terminal, worker) {
            terminal.lend(worker);
        }
    }

    /// The worker has ended, or was not started.
    pub(super) fn take_terminal_back(&mut self, ended: Option<Ended>) {
        if let Some(terminal) = &mut self.terminal {
            terminal.take_back(match ended {
                Some(Ended::Exited(_)) => Leaves::Exited,
                Some(Ended::Signalled(_)) | None => Leaves::Died,
            });
        }
    }

    /// The worker that had the terminal was ended by a key, if this signal was none of ours: the
    /// script that we are a line of, and the rest of our pipeline, would have had it without us.
    pub(super) fn share_key(&self, index: usize, ended: Option<Ended>) {
        let is_lent = self.terminal.as_ref().is_some_and(Terminal::is_lent);
        let by_us = self.run.workers()[index].rung() >= Some(Rung::Term);
        if let (true, false, Some(Ended::Signalled(signal @ (SIGINT | SIGQUIT)))) =
            (is_lent, by_us, ended)
        {
            let _ = process::signal(Target::OwnGroup, signal);
        }
    }
}
