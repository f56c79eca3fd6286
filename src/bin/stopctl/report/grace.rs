//! What `run` tells of the time that workers have, and of their word that they use it.

use std::time::Duration;

use stopctl::enforce::event::Why;
use stopctl::words::duration::in_words;
use stopctl::words::worker_number::WorkerNumber;

use super::Report;
use crate::say::rung::{coming, rounded};
use crate::voice::Weight;

impl Report {
    pub(super) fn extended(
        &mut self,
        worker: WorkerNumber,
        why: Why,
        deadline: Option<Duration>,
        times: u32,
    ) {
        let term = coming(&self.progress.stop_signal, deadline);
        let line = match why {
            Why::Looked => {
                let more = |left| format!(", {} more", in_words(rounded(left)));
                let more = deadline.map_or_else(String::new, more);
                format!("worker {worker} looks at its flag now: it has its whole grace{more}")
            }
            Why::Said => format!("worker {worker} asked for more time: {term}"),
            Why::Given => format!("worker {worker} was given more time: {term}"),
        };
        // A worker may say it once a second.
        let weight = if why == Why::Said && times > 1 {
            Weight::Detail
        } else {
            Weight::Notice
        };
        self.voice.say(weight, &line);
    }

    pub(super) fn acknowledged(&mut self, worker: WorkerNumber, after: Duration) {
        let after = in_words(after);
        self.detail(&format!("worker {worker} saw its flag after {after}"));
    }
}
