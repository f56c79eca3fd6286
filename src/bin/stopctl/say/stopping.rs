//! The course of a stop: who was asked, and who is still there.

use std::time::Duration;

use stopctl::words::pid::Pid;
use stopctl::words::worker_number::WorkerNumber;

use super::workers::{counted, named, names};

/// That a run begins, and how it is stopped: with Ctrl-C, too, if that reaches us.
pub(crate) fn start(run: &str, workers: u32, has_key: bool) -> String {
    let whom = if workers == 1 { "it" } else { "them" };
    let workers = counted(workers as usize, "worker");
    let key = if has_key { "Ctrl-C or " } else { "" };
    format!("run {run}, {workers}: {key}\"stopctl stop {run}\" asks {whom} to stop")
}

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

/// How many workers a person types one by one.
const TYPED: usize = 4;

/// Workers that have never looked at their flags.
pub(crate) struct Unaware<'a> {
    pub(crate) run: &'a str,
    pub(crate) program: &'a str,
    pub(crate) stop_signal: &'a str,
    pub(crate) workers: &'a [WorkerNumber],
    /// The pid, if it is one worker.
    pub(crate) pid: Option<Pid>,
    /// Whether all workers of the run that are still there are such workers.
    pub(crate) is_all: bool,
    /// Whether nobody has chosen a grace for such programs, or was told of it before.
    pub(crate) has_hint: bool,
}

impl Unaware<'_> {
    /// That it is so, what follows from it, and what to type.
    pub(crate) fn told(&self) -> String {
        let Self {
            run,
            program,
            stop_signal,
            ..
        } = self;
        let who = named(self.workers);
        let (what, they) = match self.workers {
            [_] => ("has never looked at its flag", "it"),
            _ => ("have never looked at their flags", "they"),
        };
        let pid = self
            .pid
            .map_or_else(String::new, |pid| format!(", pid {pid}"));
        let only = match self.workers {
            _ if self.is_all => String::new(),
            few if few.len() <= TYPED => {
                let options: Vec<String> = few.iter().map(|one| format!(" -w {one}")).collect();
                options.concat()
            }
            _ => " -w NUMBER".to_owned(),
        };
        let hint = if self.has_hint {
            "; \"stopctl run --unaware-grace auto\" waits less for such programs"
        } else {
            ""
        };
        format!(
            "{who} ({program}{pid}) {what}, so {they} may run on until {stop_signal}: \
             \"stopctl stop {run}{only} --term\" sends that now{hint}"
        )
    }
}

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
    use super::{Asked, Pid, Unaware, WorkerNumber, asked, start, still_there};

    #[test]
    fn at_the_start_both_ways_to_stop_the_run_are_told() {
        assert_eq!(
            start("train", 4, true),
            "run train, 4 workers: Ctrl-C or \"stopctl stop train\" asks them to stop"
        );
        assert_eq!(
            start("notes", 1, false),
            "run notes, 1 worker: \"stopctl stop notes\" asks it to stop"
        );
    }

    #[test]
    fn what_follows_for_those_who_never_looked_is_told_and_what_to_type() {
        let both = [0, 2].map(WorkerNumber::new);
        let many: Vec<WorkerNumber> = WorkerNumber::all_of(5).collect();
        let unaware = |workers, pid, is_all| Unaware {
            run: "train",
            program: "python3",
            stop_signal: "SIGINT",
            workers,
            pid,
            is_all,
            has_hint: false,
        };
        assert_eq!(
            unaware(&both[1..], Pid::new(17), false).told(),
            "worker 2 (python3, pid 17) has never looked at its flag, so it may run on until SIGINT: \
             \"stopctl stop train -w 2 --term\" sends that now"
        );
        for (is_all, typed) in [(true, "train --term"), (false, "train -w 0 -w 2 --term")] {
            let told = unaware(&both, None, is_all).told();
            assert_eq!(
                told,
                format!(
                    "workers 0, 2 (python3) have never looked at their flags, so they may run on \
                     until SIGINT: \"stopctl stop {typed}\" sends that now"
                )
            );
        }
        let told = unaware(&many, None, false).told();
        assert!(
            told.contains("\"stopctl stop train -w NUMBER --term\""),
            "{told}"
        );
    }

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
