//! What became of the workers of a run, in one line.

use std::time::Duration;

use stopctl::decide::outcome::Outcome;
use stopctl::outside::fate::Fate;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::fate;
use crate::say::workers::named;

/// In the order of the sentence.
const OUTCOMES: [Outcome; 7] = [
    Outcome::ByItself,
    Outcome::Flag,
    Outcome::Term,
    Outcome::Kill,
    Outcome::ByOthers,
    Outcome::Unobserved,
    Outcome::NotEnded,
];

/// How many ways to fail with one outcome are told apart: nobody would read a longer line.
const WAYS: usize = 3;

/// Says that a run is over, `how`, and what became of its workers.
pub(crate) fn over(run: &str, how: &str, what: &str) -> String {
    format!("{run} is over{how}: {what}")
}

/// The same, with the time since its stop or its start.
pub(crate) fn over_after(run: &str, time: Duration, fates: &[Fate], stop_signal: &str) -> String {
    let (seconds, what) = (time.as_secs_f64(), in_words(fates, stop_signal));
    let what = if what.is_empty() {
        "no worker was started"
    } else {
        &what
    };
    over(run, &format!(" after {seconds:.1} s"), what)
}

/// Says how many workers ended how, and which; those that failed apart from the others.
pub(crate) fn in_words(fates: &[Fate], stop_signal: &str) -> String {
    let mut parts = Vec::new();
    for outcome in OUTCOMES {
        let same = fates.iter().filter(|fate| fate.outcome == outcome);
        let (failed, well): (Vec<Fate>, Vec<Fate>) = same.partition(|fate| fate.failed);
        let well: Vec<WorkerNumber> = well.iter().map(|fate| fate.worker).collect();
        let well = part(&fate::outcome(outcome, false, stop_signal), &well);
        let failed = failures(outcome, &failed, stop_signal);
        if outcome == Outcome::ByItself {
            // Failures that nobody asked for come first.
            parts.extend(failed.into_iter().chain(well));
        } else {
            parts.extend(well.into_iter().chain(failed));
        }
    }
    parts.join(", ")
}

/// Those that failed with one outcome. How a worker failed that nobody had asked was said when it did.
fn failures(outcome: Outcome, fates: &[Fate], stop_signal: &str) -> Vec<String> {
    let who: Vec<WorkerNumber> = fates.iter().map(|fate| fate.worker).collect();
    let plain = fate::outcome(outcome, true, stop_signal);
    if outcome == Outcome::ByItself {
        return part(&plain, &who).into_iter().collect();
    }
    let mut ways = fate::alike(fates, stop_signal);
    if ways.len() > WAYS {
        ways = vec![(format!("{plain} and failed"), who)];
    }
    let parts = ways.iter().filter_map(|(words, who)| part(words, who));
    parts.collect()
}

/// The same, and that these were not started.
pub(crate) fn with_unstarted(
    fates: &[Fate],
    not_started: &[WorkerNumber],
    stop_signal: &str,
) -> String {
    let ended = Some(in_words(fates, stop_signal)).filter(|words| !words.is_empty());
    let parts = [ended, part("not started", not_started)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Says which workers left when asked, and which ended otherwise: `workers 0, 1 left when asked, worker 3 ended`.
pub(crate) fn listed(fates: &[Fate]) -> String {
    let of = |polite: bool| {
        let same = fates.iter().filter(move |fate| fate.is_polite() == polite);
        same.map(|fate| fate.worker).collect::<Vec<WorkerNumber>>()
    };
    let parts = [(of(true), "left when asked"), (of(false), "ended")];
    let parts = parts.iter().filter(|(who, _)| !who.is_empty());
    parts
        .map(|(who, words)| format!("{} {words}", named(who)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn part(words: &str, who: &[WorkerNumber]) -> Option<String> {
    let words = if who.len() > 1 {
        words.replace("itself", "themselves")
    } else {
        words.to_owned()
    };
    (!who.is_empty()).then(|| format!("{} {words} ({})", who.len(), named(who)))
}

#[cfg(test)]
mod tests {
    use super::{Fate, in_words, listed};
    use stopctl::decide::outcome::Outcome;
    use stopctl::words::ended::Ended;
    use stopctl::words::worker_number::WorkerNumber;

    fn fates(ends: &[(Outcome, Ended)]) -> Vec<Fate> {
        let fate = |(worker, &(outcome, ended)): (u32, &(Outcome, Ended))| Fate {
            worker: WorkerNumber::new(worker),
            outcome,
            ended: Some(ended),
            failed: outcome.is_failure(ended, libc::SIGTERM),
            asked: outcome != Outcome::ByItself,
        };
        (0..).zip(ends).map(fate).collect()
    }

    #[test]
    fn failures_are_told_apart_and_how_they_failed_is_told() {
        let fates = fates(&[
            (Outcome::ByItself, Ended::Exited(0)),
            (Outcome::Flag, Ended::Exited(1)),
            (Outcome::Flag, Ended::Exited(0)),
            (Outcome::ByItself, Ended::Exited(7)),
            (Outcome::Flag, Ended::Exited(1)),
            (Outcome::Term, Ended::Signalled(15)),
            (Outcome::Term, Ended::Signalled(11)),
        ]);
        assert_eq!(
            in_words(&fates, "SIGTERM"),
            "1 failed (worker 3), 1 ended by itself (worker 0), 1 left when asked (worker 2), 2 left \
             when asked, with exit status 1 (workers 1, 4), 1 needed SIGTERM (worker 5), 1 needed \
             SIGTERM, killed by SIGSEGV (worker 6)"
        );
        assert_eq!(
            listed(&fates),
            "worker 2 left when asked, workers 0, 1, 3-6 ended"
        );
    }

    #[test]
    fn many_ways_to_fail_are_one() {
        let ends = [1, 2, 3, 4].map(|code| (Outcome::Flag, Ended::Exited(code)));
        let words = in_words(&fates(&ends), "SIGTERM");
        assert_eq!(words, "4 left when asked and failed (workers 0-3)");
    }
}
