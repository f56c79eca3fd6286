//! The next rung of a ladder, and when it comes.

use std::time::Duration;

use stopctl::words::duration::in_words;
use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

use super::workers::named;

const GIVEN_UP: &str = "given up";

/// What follows the rung of this level: a signal, or the end of the ladder.
pub(crate) fn after(level: u8, stop_signal: &str) -> &str {
    match level {
        0 | 1 => stop_signal,
        2 => "SIGKILL",
        _ => GIVEN_UP,
    }
}

/// A time that would be shown as `0 s`.
const NOTHING: Duration = Duration::from_millis(50);

/// When it comes: `SIGTERM in 3 s`, `SIGTERM now`. With `None` it does not: `no SIGTERM by itself`.
pub(crate) fn coming(rung: &str, left: Option<Duration>) -> String {
    match left {
        None => format!("no {rung} by itself"),
        Some(left) if left < NOTHING => format!("{rung} now"),
        Some(left) => format!("{rung} in {}", in_words(rounded(left))),
    }
}

/// A worker that is being stopped.
pub(crate) struct Climber {
    pub(crate) worker: WorkerNumber,
    pub(crate) level: u8,
    pub(crate) deadline: Option<Moment>,
}

/// Rungs that come within this time of each other come together, as a person sees it.
const TOGETHER: Duration = Duration::from_millis(500);

/// The rung that comes first, and when, with the time `left` until then; whom it reaches, unless that is
/// each of these workers. `None` if there is none of them.
pub(crate) fn soonest(
    all: &[Climber],
    stop_signal: &str,
    left: impl Fn(Moment) -> Duration,
) -> Option<String> {
    let at = |one: &Climber| one.deadline.unwrap_or(Moment::from_nanos(u64::MAX));
    // After SIGKILL there is nothing to come that a person could want to know first.
    let first = all.iter().min_by_key(|one| (one.level > 2, at(one)))?;
    let is_with = |one: &&Climber| one.level == first.level && at(one).since(at(first)) <= TOGETHER;
    let reached: Vec<WorkerNumber> = all.iter().filter(is_with).map(|one| one.worker).collect();
    let mut rung = after(first.level, stop_signal).to_owned();
    if reached.len() < all.len() {
        let whom = named(&reached);
        rung = if rung == GIVEN_UP {
            format!("{whom} {rung}")
        } else {
            format!("{rung} to {whom}")
        };
    }
    Some(coming(&rung, first.deadline.map(left)))
}

/// What Ctrl-C does now, at the end of a line.
pub(crate) enum Key<'a> {
    /// It brings this rung to each worker.
    Brings(&'a str),
    /// It brings the next one to each worker, which is not the same for all of them.
    BringsNext,
    /// It asks the whole run to stop, of which only some workers were asked.
    AsksAll,
}

/// Says so, and whether it was pressed before.
pub(crate) fn key(key: &Key<'_>, was_pressed: bool) -> String {
    let again = if was_pressed { " again" } else { "" };
    let what = match key {
        Key::Brings(rung) => format!("{rung} now"),
        Key::BringsNext => "the next signal to each of them now".to_owned(),
        Key::AsksAll => "the whole run is asked to stop".to_owned(),
    };
    format!(". Ctrl-C{again}: {what}")
}

/// What follows the time of a rung that was to be deferred by more than it could be.
pub(crate) fn most(is_capped: bool) -> &'static str {
    if is_capped {
        ", the most that --max-grace allows"
    } else {
        ""
    }
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
    use super::{Climber, Duration, Moment, WorkerNumber, after, coming, countdown, soonest};

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
            (ms(49), "SIGINT now"),
            (ms(50), "SIGINT in 0.1 s"),
            (ms(300), "SIGINT in 0.3 s"),
            (ms(9990), "SIGINT in 10 s"),
            (ms(2400), "SIGINT in 2 s"),
        ] {
            assert_eq!(coming("SIGINT", left), words);
        }
    }

    #[test]
    fn the_first_rung_of_several_workers_names_whom_it_reaches_if_that_is_not_each_of_them() {
        let second = |count: u64| Some(Moment::from_nanos(count * 1_000_000_000));
        let words = |stands: &[(u8, Option<Moment>)]| {
            let climber = |(number, &(level, deadline))| Climber {
                worker: WorkerNumber::new(number),
                level,
                deadline,
            };
            let all: Vec<Climber> = (0..).zip(stands).map(climber).collect();
            soonest(&all, "SIGTERM", |deadline| {
                deadline.since(Moment::from_nanos(0))
            })
        };
        assert_eq!(words(&[]), None);
        for (stands, told) in [
            (&[(1, second(9))][..], "SIGTERM in 9 s"),
            (&[(1, second(9)), (1, second(9))], "SIGTERM in 9 s"),
            (
                &[(1, second(9)), (1, second(5))],
                "SIGTERM to worker 1 in 5 s",
            ),
            (
                &[(2, second(9)), (1, second(9))],
                "SIGKILL to worker 0 in 9 s",
            ),
            (&[(1, None), (1, None)], "no SIGTERM by itself"),
            (&[(2, None), (1, None)], "no SIGKILL to worker 0 by itself"),
            (
                &[(3, second(1)), (1, second(9))],
                "SIGTERM to worker 1 in 9 s",
            ),
            (
                &[(3, second(1)), (3, second(4))],
                "worker 0 given up in 1 s",
            ),
        ] {
            assert_eq!(words(stands).as_deref(), Some(told));
        }
    }

    #[test]
    fn a_countdown_is_over_when_its_time_is() {
        let shown =
            [0, 1, 999, 1000, 1001].map(|ms| countdown(Duration::from_millis(ms)).as_secs());
        assert_eq!(shown, [0, 1, 1, 1, 2]);
    }
}
