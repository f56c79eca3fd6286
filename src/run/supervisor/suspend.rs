//! Ctrl-Z: the workers are in sessions of their own and hear nothing of it, so they are stopped and
//! continued with us, and the clocks stand still meanwhile.
//!
//! A SIGSTOP to us alone is no Ctrl-Z: nobody can tell how long we meant to be away, and rungs come
//! late then.

use super::Supervisor;
use crate::enforce::event::Event;
use crate::enforce::worker::Worker;
use crate::linux::process::{self, Target};
use crate::linux::sys;
use crate::linux::terminal::Leaves;

impl Supervisor<'_> {
    /// Suspends the run if that was asked for, until somebody continues us.
    pub(super) fn suspend_if_asked(&mut self) {
        if !self.signals.suspend().is_asked() {
            return;
        }
        let began = sys::now();
        self.run.on_each(began, Worker::suspend);
        // ORDER: it is stopped by then, and so not because it uses what it does not have any more.
        if let Some(terminal) = &mut self.terminal {
            terminal.take_back(Leaves::Stopped);
        }
        self.run.witness.see(began, &Event::Suspended);
        // What is known by now is written while we can.
        self.run.publish();
        if let Some(signal) = self.signals.suspend_mut().take_for_group() {
            let _ = process::signal(Target::OwnGroup, signal);
        }
        self.signals.suspend().obey();
        // ORDER: it has the terminal before it goes on.
        self.lend_terminal();
        let now = sys::now();
        let suspended = now.since(began);
        self.timeout = self.timeout.map(|at| at + suspended);
        self.run
            .on_each(now, |worker, hands| worker.resume(suspended, hands));
        self.run.witness.see(now, &Event::Resumed { suspended });
    }
}
