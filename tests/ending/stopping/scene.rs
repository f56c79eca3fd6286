//! What the tests of this file have in common: bounds, a worker in sh, and milliseconds as events tell them.

use std::fs;
use std::time::Duration;

use crate::support::base::Base;
use crate::support::until::until;

/// Upper bounds are for a busy machine; lower bounds are promises and exact.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

/// A worker in sh that looks at its flag between two pieces of work.
pub(crate) const SH_LOOKS: &str = r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
    while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.01; done
    echo "left $STOPCTL_WORKER""#;

pub(crate) fn ms(milliseconds: i64) -> i64 {
    milliseconds * 1_000_000
}

/// Waits until it is on record that the workers of `run` run: whoever takes over before that tells
/// of their starts once more.
#[track_caller]
pub(crate) fn wait_for_record(base: &Base, run: &str) {
    let record = base.runs().join(run).join("record");
    let is_there = || fs::read_to_string(&record).is_ok_and(|text| !text.contains("\"starting\""));
    until("the workers run, by the record", is_there);
}
