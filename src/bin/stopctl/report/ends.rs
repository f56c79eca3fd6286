//! What is said of ends: of a worker's main process, of a worker, of the whole run to a CI service.

use std::time::Duration;

use stopctl::decide::outcome::{Final, Outcome};
use stopctl::words::ended::Ended;
use stopctl::words::worker_number::WorkerNumber;

use super::{Report, words};

impl Report {
    pub(super) fn main_ended(
        &mut self,
        worker: WorkerNumber,
        ended: Option<Ended>,
        asked: bool,
        left: usize,
    ) {
        let failed = ended.is_none_or(|ended| !ended.is_success());
        if self.count > 1 && !asked && failed {
            self.warn(&format!(
                "worker {worker} failed: {}; {left} still running",
                words::how(ended)
            ));
        }
    }

    pub(super) fn worker_ended(&mut self, last: &Final) {
        if last.outcome == Outcome::ByOthers {
            let same = |other: &Final| (other.outcome, other.ended) == (last.outcome, last.ended);
            // Why is told once: the others died of the same.
            let is_known = self.finals.iter().any(same);
            let line = match last.ended {
                Some(Ended::Signalled(signal))
                    if self.forwarded.contains(&(last.worker, signal)) =>
                {
                    words::by_forwarded(last)
                }
                Some(_) | None => words::by_others(last, is_known, self.is_exposed),
            };
            self.warn(&line);
        }
        self.finals.push(last.clone());
    }

    pub(super) fn annotate(&mut self, time: Duration) {
        let Some(annotations) = &self.annotations else {
            return;
        };
        let (run, finals) = (&self.progress.run, &self.finals);
        for line in annotations.lines(run, time, finals) {
            self.voice.pass(&line);
        }
        if let Err(error) = annotations.summarise(run, time, finals) {
            self.warn(&format!("GITHUB_STEP_SUMMARY: {error}"));
        }
    }
}
