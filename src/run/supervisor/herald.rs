//! Tells the service manager that started us how things are.

use super::manager::Manager;
use super::phase::{Phase, time_needed};
use crate::enforce::run::Run;
use crate::linux::sys;
use crate::run::plan::Plan;
use crate::words::moment::Moment;

/// The way to the service manager, if there is one that wants to be told.
pub(super) struct Herald<'a> {
    plan: &'a Plan,
    manager: Option<Manager>,
    /// The signal to us that has stopped the run.
    asked_by: Option<i32>,
}

impl<'a> Herald<'a> {
    pub(super) fn new(plan: &'a Plan, manager: Option<Manager>) -> Self {
        Self {
            plan,
            manager,
            asked_by: None,
        }
    }

    /// Takes note of a signal that stops the run.
    pub(super) fn note(&mut self, signal: i32) {
        self.asked_by = Some(signal);
    }

    /// The next moment at which the manager has to be told something.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.manager.as_ref().and_then(Manager::deadline)
    }

    /// Tells what the manager does not know yet; `is_starting` is whether there are workers whose
    /// programs do not run yet.
    pub(super) fn tell(&mut self, run: &Run<'_>, is_starting: impl FnOnce() -> bool) {
        let Some(manager) = &mut self.manager else {
            return;
        };
        let now = sys::now();
        let time = time_needed(run, manager.time(), now);
        let phase = Phase::of(self.plan, run, is_starting(), self.asked_by);
        manager.tell(phase.told(time), now);
    }

    /// Tells that a reload begins, unless the run stops.
    pub(super) fn tell_reload(&mut self, run: &Run<'_>, now: Moment) {
        let is_stopping = run.stopping().is_some();
        if let Some(manager) = self.manager.as_mut().filter(|_| !is_stopping) {
            manager.tell_reload(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rehearsal::{NOW, of_run, plan};
    use super::Herald;

    #[test]
    fn where_nobody_wants_to_be_told_nothing_is_found_out() {
        let plan = plan(1);
        of_run(&plan, |run| {
            let mut herald = Herald::new(&plan, None);
            herald.tell(run, || panic!("nobody has to know"));
            herald.tell_reload(run, NOW);
            assert_eq!(herald.deadline(), None);
        });
    }
}
