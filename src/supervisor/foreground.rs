//! `--foreground`: the worker has the terminal, its keys and their signals. To the shell that waits
//! for us we are the job, so we are stopped when the worker is, and it goes on when we do.

use libc::{SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU};
use nix::sys::signal::Signal;

use super::Supervisor;
use crate::ended::Ended;
use crate::moment::Moment;
use crate::process::{self, Target};
use crate::terminal::Leaves;

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
        self.signals.suspend().ask(match signal {
            SIGTTIN => Signal::SIGTTIN,
            SIGTTOU => Signal::SIGTTOU,
            _ => Signal::SIGTSTP,
        });
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
}
