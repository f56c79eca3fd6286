//! What is said of ends: of a worker's main process, of a worker, of the whole run to a CI service.

use std::time::Duration;

use stopctl::ended::Ended;
use stopctl::escape::escaped;
use stopctl::outcome::{Final, Outcome};
use stopctl::process::Stat;

use super::Report;
use crate::voice::Weight;

impl Report {
    pub(super) fn main_ended(
        &mut self,
        worker: u32,
        ended: Option<Ended>,
        asked: bool,
        left: usize,
    ) {
        let failed = ended.is_none_or(|ended| !ended.is_success());
        if self.count > 1 && !asked && failed {
            self.warn(&format!(
                "worker {worker} failed: {}; {left} still running",
                how(ended)
            ));
        }
    }

    pub(super) fn worker_ended(&mut self, last: &Final) {
        if last.outcome == Outcome::ByOthers {
            let same = |other: &Final| (other.outcome, other.ended) == (last.outcome, last.ended);
            let hint = match last.ended {
                // Once is enough: the others died of the same.
                Some(_) | None if self.finals.iter().any(same) => "",
                Some(Ended::Signalled(libc::SIGKILL)) => {
                    " (out of memory, perhaps: see the kernel's log)"
                }
                Some(Ended::Signalled(libc::SIGTERM)) => about_sigterm(),
                Some(_) | None => "",
            };
            let how = how(last.ended);
            self.warn(&format!(
                "worker {} was {how}, and not by us{hint}",
                last.worker
            ));
        }
        self.finals.push(last.clone());
    }

    pub(super) fn not_ended(&mut self, worker: u32, pids: &[i32]) {
        for &pid in pids {
            let state = |stat: Stat| {
                let wait = std::fs::read_to_string(format!("/proc/{pid}/wchan"));
                let wait = escaped(wait.unwrap_or_default());
                format!(
                    " ({}, state {}, in {wait})",
                    escaped(&stat.program),
                    stat.state
                )
            };
            let what = Stat::of(pid).map_or_else(String::new, state);
            let line = format!(
                "worker {worker}: pid {pid}{what} is still there after SIGKILL; not waiting any \
                 longer"
            );
            self.voice.say(Weight::Error, &line);
        }
    }

    pub(super) fn annotate(&mut self, time: Duration) {
        let Some(annotations) = &self.annotations else {
            return;
        };
        let (run, finals) = (&self.progress.run, &self.finals);
        for line in annotations.lines(run, time, finals) {
            self.voice.pass(&line);
        }
        if let Err(error) = annotations.summarise(run, time, finals) {
            self.warn(&format!("GITHUB_STEP_SUMMARY: {error}"));
        }
    }
}

/// How a worker ended, in words.
fn how(ended: Option<Ended>) -> String {
    ended.map_or_else(
        || "its status was lost".to_owned(),
        |ended| ended.to_string(),
    )
}

/// Who sends SIGTERM to workers beside us, and what helps.
fn about_sigterm() -> &'static str {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if is_set("SLURM_JOB_ID") {
        " (Slurm signals every process of a step: use --shield)"
    } else if is_set("JENKINS_URL") {
        " (Jenkins signals every process of a build: use --shield)"
    } else if is_set("INVOCATION_ID") {
        " (systemd signals every process of a unit: add KillMode=mixed to its [Service])"
    } else {
        " (systemd signals every process unless the unit says KillMode=mixed; Slurm always does: \
         use --shield)"
    }
}
