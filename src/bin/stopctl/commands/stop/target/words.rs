//! What is said of a run that is being stopped.

use std::time::Duration;

use stopctl::duration::{Limit, in_words};
use stopctl::ladder::Rung;
use stopctl::moment::Moment;
use stopctl::outcome::Outcome;
use stopctl::record::Phase;

use super::Target;
use crate::show::{counted, numbers};
use crate::summary;

impl Target<'_> {
    pub(super) fn announced(&self) -> String {
        let demand = self.demand;
        let run = &self.run.seen.run;
        let there = self
            .asked
            .iter()
            .filter(|&&worker| !self.has_ended(worker))
            .count();
        let own = run
            .grace_ms
            .map(Duration::from_millis)
            .map_or(Limit::Never, Limit::After);
        let next = match (demand.rung, demand.grace.unwrap_or(own)) {
            (Rung::Kill, _) => "SIGKILL now".to_owned(),
            (Rung::Term, _) => "SIGTERM now".to_owned(),
            (Rung::Flag, Limit::After(time)) => {
                format!("SIGTERM in {} at the latest", in_words(time))
            }
            (Rung::Flag, Limit::Never) => "no SIGTERM by itself".to_owned(),
        };
        if self.is_whole() {
            format!(
                "stopping {}: {} asked; {next}",
                run.name,
                counted(there, "worker")
            )
        } else {
            format!(
                "stopping worker {} of {}; {next}",
                numbers(&self.asked),
                run.name
            )
        }
    }

    /// Who is still there, and when the next rung comes for the first of them.
    pub(super) fn still_there(&self) -> String {
        let there = |worker: &&u32| !self.has_ended(**worker);
        let there: Vec<u32> = self.asked.iter().filter(there).copied().collect();
        let stopping = there
            .iter()
            .map(|&worker| &self.run.seen.workers[worker as usize]);
        let next = stopping
            .filter_map(|one| Some((one.deadline_ns?, one.level)))
            .min();
        let next = next.map_or_else(String::new, |(deadline, level)| {
            let left = Moment::from_nanos(deadline).since(stopctl::now());
            let signal = if level < 2 { "SIGTERM" } else { "SIGKILL" };
            let what = if level < 3 { signal } else { "given up" };
            format!("; {what} in {}", in_words(left))
        });
        format!("{}: still there: {}{next}", self.run.name, numbers(&there))
    }

    /// What became of those who were asked.
    pub(super) fn told(&self) -> String {
        let known = |&worker: &u32| Some((worker, self.outcome(worker)?));
        let outcomes: Vec<(u32, Outcome)> = self.asked.iter().filter_map(known).collect();
        let (name, what) = (&self.run.name, summary::in_words(&outcomes));
        match self.run.seen.run.phase {
            Phase::Over => format!("{name} is over: {what}"),
            Phase::Running | Phase::Stopping => format!("{name}: {what}"),
        }
    }
}
