//! What people, engines and the outer run ask of a supervisor by signals and by the outer flag.

use std::os::fd::BorrowedFd;

use libc::SIGHUP;

use super::herald::Herald;
use super::presses::{Press, Presses};
use crate::decide::ladder::Rung;
use crate::decide::times::Times;
use crate::enforce::event::Event;
use crate::enforce::run::{How, Run};
use crate::linux::signals::Meaning;
use crate::outside::outer::{self, Outer};
use crate::words::moment::Moment;
use crate::words::reason::Reason;

/// Those who ask, and what they have asked so far.
#[derive(Debug)]
pub(super) struct Asks {
    presses: Presses,
    /// The run that we are a worker of, if there is one.
    outer: Option<Outer>,
    /// Our own times: no step takes longer than these, however much time the outer run leaves.
    times: Times,
}

impl Asks {
    pub(super) fn new(outer: Option<Outer>, times: Times) -> Self {
        Self {
            presses: Presses::default(),
            outer,
            times,
        }
    }

    /// What to poll for reading.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.outer.iter().flat_map(Outer::fds)
    }

    /// Does what a signal asks the run for.
    pub(super) fn apply(
        &mut self,
        meaning: Meaning,
        run: &mut Run<'_>,
        herald: &mut Herald<'_>,
        now: Moment,
    ) {
        if let Meaning::Forward(signal) = meaning {
            return pass_on(signal, run, herald, now);
        }
        if self.is_rung_of_outer(run) {
            self.presses.accept(now);
            return run.hurry(now);
        }
        let is_stopping = run.stopping().is_some();
        match self.presses.press(meaning, is_stopping, now) {
            Press::Repeats => {
                let signal = meaning.signal();
                run.tell(now, &Event::Repeated { signal });
            }
            Press::Hurries => run.hurry(now),
            Press::Stops(reason, how) => {
                herald.note(meaning.signal());
                run.stop_all(&reason, how, now);
            }
            Press::StopsUnnamed(signal) => {
                herald.note(signal);
                run.tell(now, &Event::Signalled { signal });
                run.stop_all(&Reason::TERM, How::OWN_TIMES, now);
            }
        }
    }

    /// Whether a signal comes from the run that we are a worker of: that one writes each rung into
    /// our flag before it uses it on us. Its next rung is SIGKILL, so our workers are hurried.
    fn is_rung_of_outer(&mut self, run: &Run<'_>) -> bool {
        let obeys = run.stopping() == Some(&Reason::PARENT);
        obeys && self.outer.as_mut().is_some_and(Outer::has_climbed)
    }

    /// Does what the run that we are a worker of asks for.
    pub(super) fn obey_outer(&mut self, run: &mut Run<'_>, now: Moment) {
        let Some(request) = self.outer.as_mut().and_then(Outer::take) else {
            return;
        };
        // An engine that asks the outer run may signal every process it finds, us too.
        self.presses.accept(now);
        let how = if request.level == b'1' {
            How::Ask(outer::fitted(&request, &self.times, now))
        } else {
            How::AtLeast(Rung::Term)
        };
        run.stop_all(&Reason::PARENT, how, now);
    }

    /// Takes note of signals that came too late to change anything.
    pub(super) fn note_late(&mut self, meanings: &[Meaning]) {
        self.presses.note_late(meanings);
    }

    /// Whether Ctrl-C was pressed, whether or not it changed anything.
    pub(super) fn interrupted(&self) -> bool {
        self.presses.interrupted()
    }

    /// The outer run asks us no more: our run is another's.
    pub(super) fn let_go_of_outer(&mut self) {
        self.outer = None;
    }
}

/// Passes a signal on to the workers.
fn pass_on(signal: i32, run: &mut Run<'_>, herald: &mut Herald<'_>, now: Moment) {
    if signal == SIGHUP {
        herald.tell_reload(run, now);
    }
    run.on_each(now, |worker, turn| {
        worker.forward(signal, turn);
    });
}

#[cfg(test)]
mod tests {
    use super::super::rehearsal::{NOW, of_run, plan};
    use super::{Asks, Herald, Meaning, Reason};

    /// What is told when these signals come, one right after the other, and why the run stops then.
    fn told(meanings: &[Meaning]) -> (Vec<String>, Option<Reason>) {
        let (plan, mut stopping) = (plan(1), None);
        let mut asks = Asks::new(None, plan.times);
        let told = of_run(&plan, |run| {
            let mut herald = Herald::new(&plan, None);
            for meaning in meanings {
                asks.apply(*meaning, run, &mut herald, NOW);
            }
            stopping = run.stopping().cloned();
        });
        (told, stopping)
    }

    #[test]
    fn a_signal_stops_the_run_and_its_repetition_is_told_as_that() {
        let (told, stopping) = told(&[Meaning::Interrupt, Meaning::Term]);
        assert_eq!(stopping, Some(Reason::INTERRUPT));
        assert!(told.iter().any(|event| event.starts_with("Repeated")));
    }

    #[test]
    fn a_signal_without_a_reason_of_its_own_is_named() {
        let (told, stopping) = told(&[Meaning::Other(libc::SIGALRM)]);
        assert_eq!(stopping, Some(Reason::TERM));
        assert!(told.iter().any(|event| event.starts_with("Signalled")));
    }

    #[test]
    fn a_signal_that_is_passed_on_asks_the_run_for_nothing() {
        let (told, stopping) = told(&[Meaning::Forward(libc::SIGHUP)]);
        assert_eq!((told, stopping), (Vec::new(), None));
    }
}
