//! Sentences about one event.

use std::path::Path;
use std::time::Duration;

use stopctl::decide::outcome::{Final, Outcome};
use stopctl::decide::verdict::Verdict;
use stopctl::words::duration::in_words;
use stopctl::words::ended::Ended;
use stopctl::words::reason::Reason;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::rung::rounded;
use crate::voice::Weight;

pub(super) const SUSPENDED: &str =
    "suspended: SIGSTOP to the workers, and their clocks stand still";

/// When another owner enforces the ladders.
pub(super) const DEPOSED: &str =
    "somebody found this supervisor silent and took over: it only waits for its workers now";

/// That a worker was asked to stop too early for it to be started.
pub(super) fn called_off(worker: WorkerNumber) -> String {
    format!("worker {worker} was asked to stop before it was started: it is not started")
}

pub(super) fn resumed(suspended: Duration) -> String {
    let time = in_words(rounded(suspended));
    format!("resumed after {time}: SIGCONT to the workers")
}

/// That a signal is no request of its own. People press Ctrl-C; all others are of programs.
pub(super) fn repeated(signal: i32) -> (Weight, String) {
    if signal == libc::SIGINT {
        let line = "Ctrl-C twice within half a second counts once; press it again to hurry";
        return (Weight::Notice, line.to_owned());
    }
    let signal = signal_name(signal);
    let line = format!("{signal} within half a second of another request is no second one");
    (Weight::Detail, line)
}

/// How a worker ended.
pub(super) fn how(ended: Option<Ended>) -> String {
    ended.map_or_else(
        || "its status was lost".to_owned(),
        |ended| ended.to_string(),
    )
}

/// That somebody else killed it; and why perhaps, unless that is known. A worker that is exposed
/// would not have heard the signal with `--shield`.
pub(super) fn by_others(last: &Final, is_known: bool, is_exposed: bool) -> String {
    let hint = match last.ended {
        Some(_) | None if is_known => "",
        Some(Ended::Signalled(libc::SIGKILL)) => " (out of memory, perhaps: see the kernel's log)",
        Some(Ended::Signalled(signal @ (libc::SIGTERM | libc::SIGINT))) if is_exposed => {
            about_engines(signal)
        }
        Some(_) | None => "",
    };
    let how = how(last.ended);
    format!("worker {} was {how}, and not by us{hint}", last.worker)
}

/// That a signal killed it which was none of the ladder's, but came through us.
pub(super) fn by_forwarded(last: &Final) -> String {
    let how = how(last.ended);
    format!(
        "worker {} was {how}, which was passed on to it",
        last.worker
    )
}

/// Who signals workers beside us, and what helps.
fn about_engines(signal: i32) -> &'static str {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if is_set("SLURM_JOB_ID") {
        " (Slurm signals every process of a step: use --shield)"
    } else if is_set("JENKINS_URL") {
        " (Jenkins signals every process of a build: use --shield)"
    } else if is_set("INVOCATION_ID") {
        " (systemd signals every process of a unit: add KillMode=mixed to its [Service])"
    } else if signal == libc::SIGINT {
        " (whoever signals every process at once, as some engines do, reaches the workers too: use \
         --shield)"
    } else {
        " (systemd signals every process unless the unit says KillMode=mixed; Slurm always does: \
         use --shield)"
    }
}

/// That a status which could be our own is not; `None` if it is ours, or no such status.
pub(super) fn not_ours(status: u8, reason: Option<&Reason>, finals: &[Final]) -> Option<String> {
    let same = |last: &&Final| last.ended == Some(Ended::Exited(status));
    let worker = finals.iter().find(same)?.worker;
    let left = finals.iter().any(|last| last.outcome == Outcome::NotEnded);
    let why = match status {
        Verdict::NOT_ENDED if !left => {
            "nothing is left running; Python ends so when its last output could not be written"
        }
        Verdict::TIMED_OUT if reason != Some(&Reason::TIMEOUT) => "no --timeout ran out",
        _ => return None,
    };
    Some(format!(
        "exit status {status} is worker {worker}'s own: {why}"
    ))
}

pub(super) fn supervisor_died(pid: i32, name: &str) -> String {
    let guard = std::process::id();
    format!("the supervisor of {name} (pid {pid}) died; its guard (pid {guard}) goes on")
}

pub(super) fn put_back(directory: &Path) -> String {
    let directory = directory.display();
    format!("files in {directory} were deleted (by logind, at a logout?): put back")
}

pub(super) fn healed(worker: WorkerNumber) -> String {
    format!("the flag of worker {worker} was written by somebody else: it is whole again")
}
