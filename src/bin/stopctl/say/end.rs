//! The sentences about the end of one worker.

use std::collections::BTreeSet;

use stopctl::decide::outcome::{Final, Outcome};
use stopctl::decide::verdict::Verdict;
use stopctl::words::ended::Ended;
use stopctl::words::reason::Reason;
use stopctl::words::worker_number::WorkerNumber;

use super::workers::named;

/// How many of the workers that go on are named one by one.
const NAMED: usize = 1000;

/// That a worker failed while these others go on.
pub(crate) fn failed(
    worker: WorkerNumber,
    ended: Option<Ended>,
    others: &BTreeSet<WorkerNumber>,
) -> String {
    let others = match others.len() {
        0 => "no other is running".to_owned(),
        1..=NAMED => {
            let others: Vec<WorkerNumber> = others.iter().copied().collect();
            format!("{} still running", named(&others))
        }
        many => format!("{many} others still running"),
    };
    format!("worker {worker} failed: {}; {others}", how(ended))
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
    format!("worker {} was {how}, and not by stopctl{hint}", last.worker)
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

#[cfg(test)]
mod tests {
    use stopctl::words::pid::Pid;
    use stopctl::words::worker_number::WorkerNumber;

    use super::{Ended, Final, Outcome, Reason, by_others, failed, not_ours};

    fn last(outcome: Outcome, ended: Ended) -> Final {
        Final {
            worker: WorkerNumber::new(1),
            pid: Pid::FIRST,
            ended: Some(ended),
            outcome,
            failed: true,
            flag_to_end: None,
            looked: None,
            extensions: 0,
            stragglers: 0,
        }
    }

    #[test]
    fn a_failure_names_the_worker_and_those_who_go_on() {
        let others = |count| WorkerNumber::all_of(count).skip(1).collect();
        let failed = |ended, count| failed(WorkerNumber::FIRST, ended, &others(count));
        for (count, words) in [
            (1, "no other is running"),
            (2, "worker 1 still running"),
            (4, "workers 1-3 still running"),
            (5000, "4999 others still running"),
        ] {
            assert_eq!(
                failed(Some(Ended::Exited(7)), count),
                format!("worker 0 failed: exit status 7; {words}")
            );
        }
        assert!(failed(None, 2).starts_with("worker 0 failed: its status was lost; "));
    }

    #[test]
    fn why_somebody_killed_a_worker_is_told_once_and_the_shield_only_if_it_helps() {
        let killed = last(Outcome::ByOthers, Ended::Signalled(libc::SIGKILL));
        assert!(by_others(&killed, false, true).contains("out of memory"));
        let plain = "worker 1 was killed by SIGKILL, and not by stopctl";
        assert_eq!(by_others(&killed, true, true), plain);
        let terminated = last(Outcome::ByOthers, Ended::Signalled(libc::SIGTERM));
        assert_ne!(
            by_others(&terminated, false, true),
            by_others(&terminated, false, false)
        );
    }

    #[test]
    fn a_status_of_ours_is_a_workers_only_if_we_have_no_reason_for_it() {
        let finals = |status| [last(Outcome::ByItself, Ended::Exited(status))];
        assert!(not_ours(124, None, &finals(124)).is_some());
        assert_eq!(not_ours(124, Some(&Reason::TIMEOUT), &finals(124)), None);
        assert!(not_ours(120, None, &finals(120)).is_some());
        let left = last(Outcome::NotEnded, Ended::Exited(120));
        assert_eq!(not_ours(120, None, &[left]), None);
        assert_eq!(not_ours(7, None, &finals(7)), None);
    }
}
