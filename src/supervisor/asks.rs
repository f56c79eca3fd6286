//! What people, engines and outer runs ask of a supervisor.

use std::time::Duration;

use super::Supervisor;
use crate::enforcement::How;
use crate::event::Event;
use crate::ladder::Rung;
use crate::moment::Moment;
use crate::outer::{self, Outer};
use crate::reason::Reason;
use crate::signals::Ask;

/// Two presses of Ctrl-C within this time are one: a finger that trembled must not climb a rung.
const DOUBLE_TAP: Duration = Duration::from_millis(500);

impl Supervisor<'_> {
    /// `was_stopping` is what held before this wake-up: two signals that came together are one
    /// stop, not a stop and a hurry.
    pub(super) fn apply_ask(&mut self, ask: Ask, was_stopping: bool, now: Moment) {
        if ask == Ask::Forward(libc::SIGHUP) {
            self.reloading(now);
        }
        let run = &mut self.run;
        match ask {
            Ask::Forward(signal) => run.on_each(now, |worker, hands| worker.forward(signal, hands)),
            Ask::Interrupt if was_stopping => self.press(now),
            Ask::Interrupt => {
                self.last_press = Some(now);
                run.stop_all(&Reason::INTERRUPT, How::OWN_TIMES, now);
            }
            Ask::Term if was_stopping && run.stopping() == Some(&Reason::PARENT) => run.hurry(now),
            Ask::Term if was_stopping => {
                run.stop_all(&Reason::TERM, How::AtLeast(Rung::Term), now);
            }
            Ask::Quit if was_stopping => {
                run.stop_all(&Reason::TERM, How::AtLeast(Rung::Kill), now);
            }
            Ask::Term => run.stop_all(&Reason::TERM, How::OWN_TIMES, now),
            Ask::Quit => self.stop_by(libc::SIGQUIT, now),
            Ask::Other(signal) => self.stop_by(signal, now),
            Ask::Hangup => run.stop_all(&Reason::HANGUP, How::OWN_TIMES, now),
        }
    }

    /// A signal that has no reason of its own asks like SIGTERM, and is told by its name.
    fn stop_by(&mut self, signal: i32, now: Moment) {
        self.run.witness.see(now, &Event::Signalled { signal });
        self.run.stop_all(&Reason::TERM, How::OWN_TIMES, now);
    }

    /// Ctrl-C again.
    fn press(&mut self, now: Moment) {
        if self
            .last_press
            .is_some_and(|last| now.since(last) < DOUBLE_TAP)
        {
            self.run.witness.see(now, &Event::DoubleTap);
            return;
        }
        self.last_press = Some(now);
        self.run.hurry(now);
    }

    /// Obeys the run that we are a worker of.
    pub(super) fn obey_outer(&mut self, now: Moment) {
        let Some(request) = self.outer.as_mut().and_then(Outer::take) else {
            return;
        };
        let how = if request.level == b'1' {
            How::Ask(outer::fitted(&request, &self.plan.times, now))
        } else {
            How::AtLeast(Rung::Term)
        };
        self.run.stop_all(&Reason::PARENT, how, now);
    }
}
