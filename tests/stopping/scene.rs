//! What the tests of this file have in common: bounds, a worker in sh, and milliseconds as events tell them.

use std::time::Duration;

/// Upper bounds are for a busy machine; lower bounds are promises and exact.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

/// A worker in sh that looks at its flag between two pieces of work.
pub(crate) const SH_LOOKS: &str = r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
    while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.01; done
    echo "left $STOPCTL_WORKER""#;

pub(crate) fn ms(milliseconds: i64) -> i64 {
    milliseconds * 1_000_000
}
