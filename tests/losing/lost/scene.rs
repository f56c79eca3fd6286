//! What the tests of this file have in common: runs whose supervisor is killed, and bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::owner::{Flags, is_orphaned, reason_and_deadline};
use crate::support::random::Lateness;
use crate::support::scenario::Scenario;
use crate::support::started::Started;

/// From the death of a supervisor to the raise of the last flag.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(100);

/// Upper bounds are for a busy machine; lower bounds are promises and exact.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

/// Two who leave when they are asked, one who needs SIGTERM, and one who needs SIGKILL.
pub(crate) const MIXED: &str = r#"case $STOPCTL_WORKER in
    0 | 1) exec "$0" polite ;;
    2) exec "$0" handler 7 ;;
    *) exec "$0" deaf ;;
esac"#;

/// A run `orphan` without a guard, whose supervisor was killed when all workers were ready.
#[track_caller]
pub(crate) fn orphan(base: &Base, scenario: Scenario<'_>) -> (Started, Vec<i32>) {
    let run = scenario
        .name("orphan")
        .without_events()
        .options(&["--no-guard"])
        .start();
    // As many as the record has.
    run.wait_for("ready");
    let status = base.call(&["status", "orphan", "--json"]).json();
    let workers = status["runs"][0]["workers"].as_array().map_or(0, Vec::len);
    let mut lines: Vec<_> = run.so_far();
    while lines
        .iter()
        .filter(|line| line.text.starts_with("ready"))
        .count()
        < workers
    {
        run.wait_for("ready");
        lines = run.so_far();
    }
    lines.retain(|line| line.text.starts_with("ready"));
    lines.sort_by_key(|line| line.number("worker="));
    let pids = lines
        .iter()
        .map(|line| i32::try_from(line.number("pid=")).expect("a pid"))
        .collect();
    run.signal(Signal::SIGKILL);
    run.wait_for_exit();
    assert!(is_orphaned(base, "orphan"), "the kernel marks the word");
    (run, pids)
}

/// All flags are raised with the reason `lost`, in time after `killed`, for this grace. Answers
/// the latest end of a grace.
#[track_caller]
pub(crate) fn raised_within(
    late: &Lateness,
    flags: &Flags,
    killed: i64,
    grace: Duration,
    workers: usize,
) -> i64 {
    let raised = flags.wait_until_raised();
    assert_eq!(raised.len(), workers, "{raised:?}");
    let mut latest = 0;
    for text in raised {
        let (reason, deadline) = reason_and_deadline(&text);
        assert_eq!(reason, "lost");
        let took = u64::try_from(deadline - ns(grace) - killed).expect("after the death");
        late.within(AT_ONCE, Duration::from_nanos(took), "the raise");
        latest = latest.max(deadline);
    }
    latest
}

pub(crate) fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).expect("a short time")
}

/// How often workers told of this level. Whoever looks while a flag is written sees the text of
/// the next level under the digit of this one: what was told so is not counted.
pub(crate) fn told(out: &str, level: u32) -> usize {
    let mut workers: BTreeMap<&str, Vec<(u32, &str)>> = BTreeMap::new();
    for line in out.lines().filter_map(|line| line.strip_prefix("flag ")) {
        let (line, worker) = line.split_once(" worker=").expect("a worker");
        let mut words = line.split_whitespace();
        let digit = words.next().and_then(|digit| digit.parse().ok());
        let deadline = words.nth(1).expect("a deadline");
        let told = workers.entry(worker).or_default();
        told.push((digit.expect("a level"), deadline));
    }
    let once = |told: &Vec<(u32, &str)>| {
        let is_torn = |at: usize| match told.get(at + 1) {
            Some((above, deadline)) => *above > level && *deadline == told[at].1,
            // The next level was that of its end, of which it could not tell any more.
            None => told[..at].iter().any(|(before, _)| *before == level),
        };
        let places = (0..told.len()).filter(|&at| told[at].0 == level);
        places.filter(|&at| !is_torn(at)).count()
    };
    workers.values().map(once).sum()
}
