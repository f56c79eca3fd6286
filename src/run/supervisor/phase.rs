//! How far the run is, as its service manager is to know it.

use super::Supervisor;
use super::manager::{Manager, Time, Told};
use crate::decide::ladder::Rung;
use crate::enforce::worker::Worker;
use crate::linux::sys;
use crate::run::plan::Notify;
use crate::words::escape::escaped;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::signal_name::signal_name;

impl Supervisor<'_> {
    /// Tells the service manager how things are.
    pub(super) fn tell_manager(&mut self) {
        if self.manager.is_none() {
            return;
        }
        let now = sys::now();
        let should = self.told(now);
        if let Some(manager) = &mut self.manager {
            manager.tell(should, now);
        }
    }

    /// A signal to reload is about to be passed on.
    pub(super) fn reloading(&mut self, now: Moment) {
        let stopping = self.run.stopping().is_some();
        if let Some(manager) = self.manager.as_mut().filter(|_| !stopping) {
            manager.tell_reload(now);
        }
    }

    /// What the manager should know.
    fn told(&self, now: Moment) -> Told {
        let stopping = self.run.stopping().is_some();
        Told {
            ready: !stopping && self.is_ready(),
            stopping,
            status: self.phase(),
            time: if stopping { self.time(now) } else { Time::None },
        }
    }

    /// Whether there are workers whose programs do not run yet.
    fn is_starting(&self) -> bool {
        self.run.unstarted.count() > 0 || !self.newborns.is_empty()
    }

    fn is_ready(&self) -> bool {
        !self.is_starting()
            && match self.plan.notify {
                Notify::Off | Notify::Heard => true,
                Notify::Ready => self.run.workers().iter().all(Worker::is_ready),
            }
    }

    /// The time that the longest ladder still needs. One that was fitted into that of an outer run
    /// needs no more than it has, until a worker asks for it.
    fn time(&self, now: Moment) -> Time {
        let is_fitted = self.run.stopping() == Some(&Reason::PARENT);
        if is_fitted && !self.run.workers().iter().any(Worker::is_extended) {
            return Time::None;
        }
        let rests = self.run.workers().iter().filter_map(|one| one.rest(now));
        let told = self.manager.as_ref().map_or(Time::None, Manager::time);
        Time::needed(rests.max(), told, now)
    }

    /// The phase of the run, in words.
    fn phase(&self) -> String {
        let workers = self.run.workers();
        let of = |number: usize, all: u32| match all {
            1 => "1 worker".to_owned(),
            _ if u32::try_from(number) == Ok(all) => format!("{all} workers"),
            _ => format!("{number} of {all} workers"),
        };
        let all = self.plan.workers;
        let there = || workers.there();
        if let Some(reason) = self.run.stopping() {
            let step = match there().filter_map(Worker::rung).max() {
                None | Some(Rung::Flag) => "asked".to_owned(),
                Some(Rung::Term) => format!("{} sent", signal_name(self.plan.stop_signal)),
                Some(Rung::Kill) => "SIGKILL sent".to_owned(),
            };
            let left = of(there().count(), all);
            return format!("stopping ({reason}): {step}; {left} still there");
        }
        if self.is_starting() {
            return format!("starting {}", of(all as usize, all));
        }
        let only = workers.iter().next().filter(|_| workers.count() == 1);
        let says = only.and_then(Worker::status_text);
        let says = says.map_or_else(String::new, |text| format!(": {}", escaped(text)));
        if self.plan.notify == Notify::Ready && !self.is_ready() {
            let ready = workers.iter().filter(|one| one.is_ready()).count();
            return format!("waiting until all are ready: {ready} of {all}{says}");
        }
        format!("{} running{says}", of(there().count(), all))
    }
}
