//! The next rung of a ladder, and when it comes.

use std::time::Duration;

use stopctl::words::duration::in_words;

const GIVEN_UP: &str = "given up";

/// What follows the rung of this level: a signal, or the end of the ladder.
pub(crate) fn after(level: u8, stop_signal: &str) -> &str {
    match level {
        0 | 1 => stop_signal,
        2 => "SIGKILL",
        _ => GIVEN_UP,
    }
}

/// When it comes: `SIGTERM in 3 s`, `SIGTERM now`. With `None` it does not: `no SIGTERM by itself`.
pub(crate) fn coming(rung: &str, left: Option<Duration>) -> String {
    match left {
        None => format!("no {rung} by itself"),
        Some(Duration::ZERO) => format!("{rung} now"),
        Some(left) => format!("{rung} in {}", in_words(rounded(left))),
    }
}

/// Which key brings it now, at the end of a line.
pub(crate) fn key(rung: &str, was_pressed: bool) -> String {
    let again = if was_pressed { " again" } else { "" };
    format!(". Ctrl-C{again}: {rung} now")
}

/// A deadline is read a moment after it was set: 9.99 s are 10 s to a reader.
pub(crate) fn rounded(time: Duration) -> Duration {
    if time < Duration::from_secs(1) {
        time
    } else {
        Duration::from_secs((time + Duration::from_millis(500)).as_secs())
    }
}

/// A countdown shows whole seconds, and 1 s until the moment when it is over.
pub(crate) fn countdown(left: Duration) -> Duration {
    Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::{Duration, after, coming, countdown};

    #[test]
    fn the_next_rung_has_the_name_of_the_signal_that_was_chosen() {
        let rungs = [0, 1, 2, 3].map(|level| after(level, "SIGINT"));
        assert_eq!(rungs, ["SIGINT", "SIGINT", "SIGKILL", "given up"]);
    }

    #[test]
    fn when_a_rung_comes_is_told_as_a_person_would() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (left, words) in [
            (None, "no SIGINT by itself"),
            (ms(0), "SIGINT now"),
            (ms(300), "SIGINT in 0.3 s"),
            (ms(9990), "SIGINT in 10 s"),
            (ms(2400), "SIGINT in 2 s"),
        ] {
            assert_eq!(coming("SIGINT", left), words);
        }
    }

    #[test]
    fn a_countdown_is_over_when_its_time_is() {
        let shown =
            [0, 1, 999, 1000, 1001].map(|ms| countdown(Duration::from_millis(ms)).as_secs());
        assert_eq!(shown, [0, 1, 1, 1, 2]);
    }
}
