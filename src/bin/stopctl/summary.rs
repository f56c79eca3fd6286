//! What became of the workers of a run, in one line.

use std::time::Duration;

use stopctl::ended::Ended;
use stopctl::outcome::{Final, Outcome};

use crate::show::numbers;

/// Says that a run is over, so long after its stop or its start began.
pub(crate) fn over(run: &str, time: Duration, finals: &[Final]) -> String {
    let (seconds, what) = (time.as_secs_f64(), of(finals));
    format!("{run} is over after {seconds:.1} s: {what}")
}

/// Says how many ended how, and which; those that failed by themselves apart from the others.
fn of(finals: &[Final]) -> String {
    let failed = |last: &&Final| {
        last.outcome == Outcome::ByItself && !last.ended.is_some_and(Ended::is_success)
    };
    let who: Vec<u32> = finals
        .iter()
        .filter(failed)
        .map(|last| last.worker)
        .collect();
    let others = finals.iter().filter(|last| !failed(last));
    let others: Vec<(u32, Outcome)> = others.map(|last| (last.worker, last.outcome)).collect();
    let parts = [
        part("failed", &who),
        (!others.is_empty()).then(|| in_words(&others)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "no worker was started".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Says how many had which outcome, and which.
pub(crate) fn in_words(outcomes: &[(u32, Outcome)]) -> String {
    let kinds = [
        (Outcome::ByItself, "ended by itself"),
        (Outcome::Flag, "left when asked"),
        (Outcome::Term, "needed SIGTERM"),
        (Outcome::Kill, "needed SIGKILL"),
        (Outcome::ByOthers, "killed by somebody else"),
        (Outcome::Unobserved, "not observed"),
        (Outcome::NotEnded, "could not be ended"),
    ];
    let parts = kinds.into_iter().filter_map(|(outcome, words)| {
        let same = outcomes.iter().filter(|(_, other)| *other == outcome);
        part(words, &same.map(|&(worker, _)| worker).collect::<Vec<_>>())
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Says who left when asked, and who ended otherwise: `0, 1 left when asked, 3 ended`.
pub(crate) fn listed(outcomes: &[(u32, Outcome)]) -> String {
    let politely = |polite: bool| {
        let same = outcomes
            .iter()
            .filter(move |(_, outcome)| (*outcome == Outcome::Flag) == polite);
        same.map(|&(worker, _)| worker).collect::<Vec<u32>>()
    };
    let parts = [
        (politely(true), "left when asked"),
        (politely(false), "ended"),
    ];
    let parts = parts.iter().filter(|(who, _)| !who.is_empty());
    parts
        .map(|(who, words)| format!("{} {words}", numbers(who)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn part(words: &str, who: &[u32]) -> Option<String> {
    let words = if who.len() > 1 {
        words.replace("itself", "themselves")
    } else {
        words.to_owned()
    };
    (!who.is_empty()).then(|| format!("{} {words} ({})", who.len(), numbers(who)))
}
