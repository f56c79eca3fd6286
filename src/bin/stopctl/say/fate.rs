//! What became of a worker, in the words that every command uses.

use stopctl::decide::outcome::Outcome;
use stopctl::outside::fate::Fate;
use stopctl::words::ended::Ended;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::workers::named;

/// The outcome, and how it ended if that is a failure: `left when asked, with exit status 1`.
pub(crate) fn in_words(fate: &Fate, stop_signal: &str) -> String {
    let words = outcome(fate.outcome, fate.failed, stop_signal);
    let how = fate.ended.filter(|_| fate.failed).map(how);
    format!("{words}{}", how.unwrap_or_default())
}

/// A line for all workers that failed in the same way after they were asked to stop.
pub(crate) fn failures(fates: &[Fate], stop_signal: &str) -> Vec<String> {
    let failed = fates.iter().filter(|fate| fate.failed_when_asked());
    let lines = alike(failed, stop_signal).into_iter();
    lines
        .map(|(words, workers)| format!("{} {words}", named(&workers)))
        .collect()
}

/// The workers of which the same is said, together.
pub(crate) fn alike<'a>(
    fates: impl IntoIterator<Item = &'a Fate>,
    stop_signal: &str,
) -> Vec<(String, Vec<WorkerNumber>)> {
    let mut groups: Vec<(String, Vec<WorkerNumber>)> = Vec::new();
    for fate in fates {
        let words = in_words(fate, stop_signal);
        match groups.iter_mut().find(|(same, _)| *same == words) {
            Some((_, workers)) => workers.push(fate.worker),
            None => groups.push((words, vec![fate.worker])),
        }
    }
    groups
}

/// The words for an outcome.
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

/// The words for the outcome of one worker, as the rest of a sentence that names it.
pub(crate) fn of_one(one: Outcome, stop_signal: &str) -> String {
    match one {
        Outcome::ByOthers => format!("was {}", outcome(one, false, stop_signal)),
        Outcome::Unobserved => "ended, and nobody saw how".to_owned(),
        Outcome::ByItself | Outcome::Flag | Outcome::Term | Outcome::Kill | Outcome::NotEnded => {
            outcome(one, false, stop_signal)
        }
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
