//! The course of a stop: who was asked, and who is still there.

use stopctl::words::worker_number::WorkerNumber;

use super::workers::{counted, named};

/// Who was asked to stop.
pub(crate) enum Asked<'a> {
    /// All workers of a run that are there: so many.
    All(usize),
    /// Only these.
    Some(&'a [WorkerNumber]),
}

/// That workers were asked to stop, and why if that is known; `next` is the next rung.
pub(crate) fn asked(run: &str, why: Option<&str>, whom: &Asked<'_>, next: &str) -> String {
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    let next = then(next);
    match whom {
        Asked::All(count) => {
            format!(
                "stopping {run}{why}: {} asked{next}",
                counted(*count, "worker")
            )
        }
        Asked::Some(workers) => format!("stopping {} of {run}{why}{next}", named(workers)),
    }
}

/// Who is still there, and the next rung.
pub(crate) fn still_there(workers: &[WorkerNumber], next: &str) -> String {
    format!("still there: {}{}", named(workers), then(next))
}

/// What follows in the same line; empty is nothing.
pub(crate) fn then(next: &str) -> String {
    if next.is_empty() {
        String::new()
    } else {
        format!("; {next}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, WorkerNumber, asked, still_there};

    #[test]
    fn a_stop_is_told_with_its_reason_its_workers_and_what_comes_next() {
        let next = "SIGINT in 3 s";
        let [zero, one, two] = [0, 1, 2].map(WorkerNumber::new);
        assert_eq!(
            asked("train", Some("Ctrl-C"), &Asked::All(3), next),
            "stopping train (Ctrl-C): 3 workers asked; SIGINT in 3 s"
        );
        assert_eq!(
            asked("train", None, &Asked::Some(&[zero]), next),
            "stopping worker 0 of train; SIGINT in 3 s"
        );
        assert_eq!(
            asked("train", None, &Asked::All(1), ""),
            "stopping train: 1 worker asked"
        );
        assert_eq!(still_there(&[zero], ""), "still there: worker 0");
        assert_eq!(
            still_there(&[one, two], next),
            "still there: workers 1, 2; SIGINT in 3 s"
        );
    }
}
