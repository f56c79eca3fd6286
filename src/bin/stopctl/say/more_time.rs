//! What is said of workers that somebody gives more time: how much they have, or why they have no more.

use stopctl::contract::record::{WorkerRecord, WorkerState};
use stopctl::outside::found::Run;
use stopctl::words::moment::Moment;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::rung::{coming, most};
use crate::say::workers::named;

/// How much time a worker has that was to have it until this moment.
pub(crate) fn granted(run: &Run, worker: WorkerNumber, until: Option<Moment>) -> String {
    let end = deadline(&run.seen()[worker]);
    let left = end.map(|end| end.since(stopctl::now()));
    let term = coming(&signal_name(run.seen().run.stop_signal), left);
    let is_capped = is_before(end, until);
    format!(
        "worker {worker} of {}: {term}{}",
        run.name(),
        most(is_capped)
    )
}

/// Why these workers have no more time than before: a line for all of whom the same is true.
pub(crate) fn refused(run: &Run, workers: &[WorkerNumber], until: Option<Moment>) -> Vec<String> {
    let of = |why: Refusal| {
        let is_so = |worker: &&WorkerNumber| Refusal::of(&run.seen()[**worker], until) == why;
        let whom: Vec<WorkerNumber> = workers.iter().filter(is_so).copied().collect();
        let signal = signal_name(run.seen().run.stop_signal);
        (!whom.is_empty()).then(|| why.told(run.name(), &whom, &signal))
    };
    Refusal::ALL.into_iter().filter_map(of).collect()
}

/// Why a worker has no more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Ended,
    Unasked,
    Late,
    Enough,
    Capped,
}

impl Refusal {
    const ALL: [Self; 5] = [
        Self::Ended,
        Self::Unasked,
        Self::Late,
        Self::Enough,
        Self::Capped,
    ];

    /// Why this one has none that was to have it until then.
    fn of(worker: &WorkerRecord, until: Option<Moment>) -> Self {
        match worker.state {
            WorkerState::Ended => Self::Ended,
            WorkerState::Starting | WorkerState::Running => Self::Unasked,
            WorkerState::Stopping if worker.level > 1 => Self::Late,
            WorkerState::Stopping if is_before(deadline(worker), until) => Self::Capped,
            WorkerState::Stopping => Self::Enough,
        }
    }

    fn told(self, run: &str, workers: &[WorkerNumber], signal: &str) -> String {
        let is_one = workers.len() == 1;
        let (was, has) = if is_one {
            ("it was", "it has")
        } else {
            ("they were", "they have")
        };
        let why = match self {
            Self::Ended => format!("{has} ended"),
            Self::Unasked => format!("{was} not asked to stop"),
            Self::Late => format!("{was} sent {signal} already"),
            Self::Enough => format!("{has} as much already"),
            Self::Capped => format!("{has} the most that --max-grace allows"),
        };
        let (whom, have) = (named(workers), if is_one { "has" } else { "have" });
        format!("{whom} of {run} {have} no more time than before: {why}")
    }
}

/// When the next rung of a worker comes.
fn deadline(worker: &WorkerRecord) -> Option<Moment> {
    worker.deadline_ns.map(Moment::from_nanos)
}

/// Whether a time ends before that moment; `None` is never.
fn is_before(end: Option<Moment>, until: Option<Moment>) -> bool {
    end.is_some_and(|end| until.is_none_or(|until| end < until))
}
