//! The sentences about the end of one worker.

use stopctl::decide::outcome::{Final, Outcome};
use stopctl::decide::verdict::Verdict;
use stopctl::words::ended::Ended;
use stopctl::words::reason::Reason;
use stopctl::words::worker_number::WorkerNumber;

/// That a worker failed while others go on.
pub(crate) fn failed(worker: WorkerNumber, ended: Option<Ended>, left: usize) -> String {
    format!(
        "worker {worker} failed: {}; {left} still running",
        how(ended)
    )
}

/// That somebody else killed it, and what may have done so unless that is known. With `--shield` a worker
/// that is exposed would not have heard the signal.
pub(crate) fn by_others(last: &Final, is_known: bool, is_exposed: bool) -> String {
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

/// That a signal killed it that was not sent by the ladder, but passed on by us.
pub(crate) fn by_forwarded(last: &Final) -> String {
    let how = how(last.ended);
    format!(
        "worker {} was {how}, which was passed on to it",
        last.worker
    )
}

/// That a status which could be our own is a worker's; `None` if it is ours, or no such status.
pub(crate) fn not_ours(status: u8, reason: Option<&Reason>, finals: &[Final]) -> Option<String> {
    let same = |last: &&Final| last.ended == Some(Ended::Exited(status));
    let worker = finals.iter().find(same)?.worker;
    let left = finals.iter().any(|last| last.outcome == Outcome::NotEnded);
    let why = match status {
        Verdict::NOT_ENDED if !left => {
            "nothing is left running; Python exits with it if its last output could not be written"
        }
        Verdict::TIMED_OUT if reason != Some(&Reason::TIMEOUT) => "no --timeout ran out",
        _ => return None,
    };
    Some(format!(
        "exit status {status} is worker {worker}'s own: {why}"
    ))
}

fn how(ended: Option<Ended>) -> String {
    ended.map_or_else(
        || "its status was lost".to_owned(),
        |ended| ended.to_string(),
    )
}

/// Who else signals workers, and what keeps them from it.
fn about_engines(signal: i32) -> &'static str {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if is_set("SLURM_JOB_ID") {
        " (Slurm signals every process of a step: use --shield)"
    } else if is_set("JENKINS_URL") {
        " (Jenkins signals every process of a build: use --shield)"
    } else if is_set("INVOCATION_ID") {
        " (systemd signals every process of a unit: add KillMode=mixed to its [Service])"
    } else if signal == libc::SIGINT {
        " (an engine that signals every process at once reaches the workers, too: use --shield)"
    } else {
        " (systemd signals every process unless the unit says KillMode=mixed; Slurm always does: \
         use --shield)"
    }
}
