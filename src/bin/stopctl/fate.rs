//! What became of a worker, in the words that every command uses.

use stopctl::contract::record::WorkerRecord;
use stopctl::decide::outcome::{Final, Outcome};
use stopctl::words::ended::Ended;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::workers::named;

/// What became of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) worker: WorkerNumber,
    pub(crate) outcome: Outcome,
    pub(crate) ended: Option<Ended>,
    /// Whether that was a failure of its own.
    pub(crate) failed: bool,
    /// Whether it had been asked to stop before.
    pub(crate) asked: bool,
}

impl From<&Final> for Fate {
    fn from(last: &Final) -> Self {
        Self {
            worker: last.worker,
            outcome: last.outcome,
            ended: last.ended,
            failed: last.failed,
            asked: last.flag_to_end.is_some(),
        }
    }
}

impl Fate {
    /// What the record says; `None` as long as the worker is there.
    pub(crate) fn recorded(worker: WorkerNumber, record: &WorkerRecord) -> Option<Self> {
        let code = record.exit_code.map(Ended::Exited);
        Some(Self {
            worker,
            outcome: Outcome::from_word(record.outcome.as_deref()?)?,
            ended: code.or(record.signal.map(Ended::Signalled)),
            failed: record.failed.unwrap_or(false),
            asked: record.flag_to_end_ms.is_some(),
        })
    }

    /// Whether it failed after it was asked to stop: while it saved its work, perhaps.
    pub(crate) fn failed_when_asked(self) -> bool {
        self.failed && self.asked
    }

    /// Whether it left by its own door when it was asked.
    pub(crate) fn is_polite(self) -> bool {
        self.outcome == Outcome::Flag && !self.failed
    }

    /// The outcome, and how it ended if that is a failure: `left when asked, with exit status 1`.
    pub(crate) fn in_words(self, stop_signal: &str) -> String {
        let words = outcome(self.outcome, self.failed, stop_signal);
        let how = self.ended.filter(|_| self.failed).map(how);
        format!("{words}{}", how.unwrap_or_default())
    }
}

/// A line for all those who failed in the same way after they were asked to stop.
pub(crate) fn failures(fates: &[Fate], stop_signal: &str) -> Vec<String> {
    let failed = fates.iter().filter(|fate| fate.failed_when_asked());
    let lines = alike(failed, stop_signal).into_iter();
    lines
        .map(|(words, workers)| format!("{} {words}", named(&workers)))
        .collect()
}

/// Those of whom the same is said, together.
pub(crate) fn alike<'a>(
    fates: impl IntoIterator<Item = &'a Fate>,
    stop_signal: &str,
) -> Vec<(String, Vec<WorkerNumber>)> {
    let mut groups: Vec<(String, Vec<WorkerNumber>)> = Vec::new();
    for fate in fates {
        let words = fate.in_words(stop_signal);
        match groups.iter_mut().find(|(same, _)| *same == words) {
            Some((_, workers)) => workers.push(fate.worker),
            None => groups.push((words, vec![fate.worker])),
        }
    }
    groups
}

/// What an outcome is called.
pub(crate) fn outcome(outcome: Outcome, failed: bool, stop_signal: &str) -> String {
    match outcome {
        Outcome::ByItself if failed => "failed".to_owned(),
        Outcome::ByItself => "ended by itself".to_owned(),
        Outcome::Flag => "left when asked".to_owned(),
        Outcome::Term => format!("needed {stop_signal}"),
        Outcome::Kill => "needed SIGKILL".to_owned(),
        Outcome::ByOthers => "killed by somebody else".to_owned(),
        Outcome::Unobserved => "not observed".to_owned(),
        Outcome::NotEnded => "could not be ended".to_owned(),
    }
}

fn how(ended: Ended) -> String {
    match ended {
        Ended::Exited(_) => format!(", with {ended}"),
        Ended::Signalled(_) => format!(", {ended}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, failures};
    use stopctl::decide::outcome::Outcome;
    use stopctl::words::ended::Ended;
    use stopctl::words::worker_number::WorkerNumber;

    fn fate(worker: u32, outcome: Outcome, ended: Ended, asked: bool) -> Fate {
        Fate {
            worker: WorkerNumber::new(worker),
            outcome,
            ended: Some(ended),
            failed: outcome.is_failure(ended, libc::SIGINT),
            asked,
        }
    }

    #[test]
    fn those_who_failed_in_the_same_way_are_one_line() {
        let fates = [
            fate(0, Outcome::Flag, Ended::Exited(1), true),
            fate(1, Outcome::Flag, Ended::Exited(0), true),
            fate(2, Outcome::Flag, Ended::Signalled(11), true),
            fate(3, Outcome::Flag, Ended::Exited(1), true),
            fate(4, Outcome::Term, Ended::Exited(1), true),
            fate(5, Outcome::Term, Ended::Exited(130), true),
            fate(6, Outcome::ByItself, Ended::Exited(2), true),
            fate(7, Outcome::ByItself, Ended::Exited(2), false),
        ];
        let lines = [
            "workers 0, 3 left when asked, with exit status 1",
            "worker 2 left when asked, killed by SIGSEGV",
            "worker 4 needed SIGINT, with exit status 1",
            "worker 6 failed, with exit status 2",
        ];
        assert_eq!(failures(&fates, "SIGINT"), lines);
    }
}
