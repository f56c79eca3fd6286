//! What people, engines and outer runs ask of a supervisor.

use super::Supervisor;
use crate::decide::ladder::Rung;
use crate::enforce::enforcement::How;
use crate::enforce::event::Event;
use crate::enforce::worker::{Hands, Worker};
use crate::linux::signals::Ask;
use crate::outside::outer::{self, Outer};
use crate::words::moment::Moment;
use crate::words::reason::Reason;

impl Supervisor<'_> {
    pub(super) fn apply_ask(&mut self, ask: Ask, now: Moment) {
        if ask == Ask::Forward(libc::SIGHUP) {
            self.reloading(now);
        }
        if let Ask::Forward(signal) = ask {
            let pass_on = |worker: &mut Worker, hands: &mut Hands<'_>| {
                worker.forward(signal, hands);
            };
            return self.run.on_each(now, pass_on);
        }
        if self.is_rung_of_outer() {
            self.presses.accept(now);
            return self.run.hurry(now);
        }
        if self.presses.repeats(ask, now) {
            let signal = ask.signal();
            return self.run.witness.see(now, &Event::Repeated { signal });
        }
        let run = &mut self.run;
        let is_stopping = run.stopping().is_some();
        match ask {
            Ask::Interrupt if is_stopping => run.hurry(now),
            Ask::Interrupt => run.stop_all(&Reason::INTERRUPT, How::OWN_TIMES, now),
            Ask::Term if is_stopping => run.stop_all(&Reason::TERM, How::AtLeast(Rung::Term), now),
            Ask::Quit if is_stopping => run.stop_all(&Reason::TERM, How::AtLeast(Rung::Kill), now),
            Ask::Term => run.stop_all(&Reason::TERM, How::OWN_TIMES, now),
            Ask::Hangup => run.stop_all(&Reason::HANGUP, How::OWN_TIMES, now),
            Ask::Quit | Ask::Other(_) | Ask::Forward(_) => self.stop_by(ask.signal(), now),
        }
    }

    /// A signal that has no reason of its own asks like SIGTERM, and is told by its name.
    fn stop_by(&mut self, signal: i32, now: Moment) {
        self.run.witness.see(now, &Event::Signalled { signal });
        self.run.stop_all(&Reason::TERM, How::OWN_TIMES, now);
    }

    /// Whether a signal comes from the run that we are a worker of: that one writes each rung into
    /// our flag before it uses it on us. Its next rung is SIGKILL, so our workers are hurried.
    fn is_rung_of_outer(&mut self) -> bool {
        let obeys = self.run.stopping() == Some(&Reason::PARENT);
        obeys && self.outer.as_mut().is_some_and(Outer::has_climbed)
    }

    /// Obeys the run that we are a worker of.
    pub(super) fn obey_outer(&mut self, now: Moment) {
        let Some(request) = self.outer.as_mut().and_then(Outer::take) else {
            return;
        };
        // An engine that asks the outer run may signal every process it finds, us too.
        self.presses.accept(now);
        let how = if request.level == b'1' {
            How::Ask(outer::fitted(&request, &self.plan.times, now))
        } else {
            How::AtLeast(Rung::Term)
        };
        self.run.stop_all(&Reason::PARENT, how, now);
    }
}
