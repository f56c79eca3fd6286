//! What became of a worker, as everybody tells it: its owner, who knows, and those who read the
//! record.

use crate::contract::record::WorkerRecord;
use crate::decide::outcome::{Final, Outcome};
use crate::words::ended::Ended;
use crate::words::worker_number::WorkerNumber;

/// What became of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The worker's number.
    pub worker: WorkerNumber,
    /// What it took.
    pub outcome: Outcome,
    /// How its main process ended, if anybody saw that.
    pub ended: Option<Ended>,
    /// Whether that was a failure of its own.
    pub failed: bool,
    /// Whether somebody had asked it to stop before.
    pub asked: bool,
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
    #[must_use]
    pub fn recorded(worker: WorkerNumber, record: &WorkerRecord) -> Option<Self> {
        Some(Self {
            worker,
            outcome: Outcome::from_word(record.outcome.as_deref()?)?,
            ended: record.ended(),
            failed: record.failed.unwrap_or(false),
            asked: record.flag_to_end_ms.is_some(),
        })
    }

    /// Whether it failed after it was asked to stop: while it saved its work, perhaps.
    #[must_use]
    pub const fn failed_when_asked(&self) -> bool {
        self.failed && self.asked
    }

    /// Whether it left by its own door when it was asked.
    #[must_use]
    pub fn is_polite(&self) -> bool {
        self.outcome == Outcome::Flag && !self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::Fate;
    use crate::contract::record::WorkerRecord;
    use crate::decide::outcome::Outcome;
    use crate::words::ended::Ended;
    use crate::words::worker_number::WorkerNumber;

    const THIRD: WorkerNumber = WorkerNumber::new(3);

    #[test]
    fn a_record_tells_the_fate_of_a_worker_once_it_has_ended() {
        let mut record = WorkerRecord::default();
        assert_eq!(Fate::recorded(THIRD, &record), None);
        record.outcome = Some("flag".to_owned());
        record.exit_code = Some(1);
        record.failed = Some(true);
        let fate = Fate {
            worker: THIRD,
            outcome: Outcome::Flag,
            ended: Some(Ended::Exited(1)),
            failed: true,
            asked: false,
        };
        assert_eq!(Fate::recorded(THIRD, &record), Some(fate));
        assert!(!fate.failed_when_asked(), "nobody had asked it");
        record.flag_to_end_ms = Some(5);
        (record.exit_code, record.signal) = (None, Some(11));
        let asked = Fate {
            ended: Some(Ended::Signalled(11)),
            asked: true,
            ..fate
        };
        assert_eq!(Fate::recorded(THIRD, &record), Some(asked));
        assert!(asked.failed_when_asked() && !asked.is_polite());
        record.failed = None;
        assert!(Fate::recorded(THIRD, &record).is_some_and(|fate| fate.is_polite()));
    }
}
