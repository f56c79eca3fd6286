//! The course of a stop: who was asked, and who is still there.

use std::time::Duration;

use stopctl::words::pid::Pid;
use stopctl::words::reason::Reason;
use stopctl::words::worker_number::WorkerNumber;

use super::workers::{counted, named, names};

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

/// Why a stop was asked for. `signal` is the name of one that has no reason of its own.
pub(crate) fn why<'a>(reason: &'a Reason, signal: Option<&'a str>) -> &'a str {
    match reason.as_str() {
        "user" => "stopctl stop",
        "interrupt" => "Ctrl-C",
        // The supervisor got it, so it is not what --signal names.
        "term" => signal.unwrap_or("SIGTERM"),
        "hangup" => "SIGHUP",
        "timeout" => "--timeout",
        "sibling" => "another worker ended",
        "parent" => "the outer run stops",
        "lost" => "its supervisor died",
        other => other,
    }
}

/// That one worker has never looked at its flag.
pub(crate) fn unaware(worker: WorkerNumber, program: &str, pid: Pid, hint: &str) -> String {
    format!("worker {worker} ({program}, pid {pid}) has never looked at its flag{hint}")
}

/// The same of several.
pub(crate) fn all_unaware(workers: &[WorkerNumber], program: &str, hint: &str) -> String {
    let who = named(workers);
    format!("{who} ({program}) have never looked at their flags{hint}")
}

/// What helps with programs that never look at their flags, as long as nobody has chosen it.
pub(crate) const HINT_FOR_UNAWARE: &str = "; --unaware-grace auto waits less for such programs";

/// That a worker's main process has ended, and these have not.
pub(crate) fn left_behind(worker: WorkerNumber, processes: &[String], next: &str) -> String {
    let what = if processes.len() == 1 {
        "a process"
    } else {
        "processes"
    };
    let (processes, next) = (names(processes), then(next));
    format!("worker {worker} left {what} behind: {processes}{next}")
}

/// That these have left something behind as well.
pub(crate) fn so_did(workers: &[WorkerNumber]) -> String {
    format!("so did {}", named(workers))
}

/// That these processes are the worker from now on.
pub(crate) fn in_background(worker: WorkerNumber, processes: &[String]) -> String {
    let processes = names(processes);
    format!("worker {worker} goes on in the background: {processes}")
}

/// What to do about a program that puts itself into the background.
pub(crate) fn daemon(worker: WorkerNumber) -> String {
    format!(
        "worker {worker} ended at once, with exit status 0: if it puts itself into the background, \
         start it in the foreground, or use --stragglers wait"
    )
}

/// That workers were sent a signal, or what is left of them without their main processes.
pub(crate) fn sent(signal: &str, is_rest: bool, workers: &[WorkerNumber], next: &str) -> String {
    let whom = if is_rest { "what is left of " } else { "" };
    format!("{signal} to {whom}{}{}", named(workers), then(next))
}

/// That workers will not end by the signal that is to end them.
pub(crate) fn ignored(signal: &str, workers: &[WorkerNumber]) -> String {
    let who = named(workers);
    format!("{signal} is ignored by {who}: only the flag, or SIGKILL, is left")
}

/// The time since the stop began, as a column.
pub(crate) fn elapsed(time: Duration) -> String {
    let time = format!("+{:.1}s", time.as_secs_f64());
    format!("{time:<7} ")
}

/// What follows in the same line; empty is nothing.
fn then(next: &str) -> String {
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
