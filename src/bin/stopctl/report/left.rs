//! What `run` tells of what could not be ended.

use stopctl::escape::escaped;
use stopctl::process::Stat;

use super::Report;
use crate::voice::Weight;

impl Report {
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
}
