//! The sentences of a stop: who was asked and why, who never looked, and what comes next.

use stopctl::words::moment::Moment;
use stopctl::words::reason::Reason;
use stopctl::words::worker_number::WorkerNumber;

use super::{Progress, Stop};
use crate::say::rung;
use crate::say::stopping::{self, Asked};
use crate::say::workers::named;

/// What to do about a program that puts itself into the background.
pub(super) fn daemon(worker: WorkerNumber) -> String {
    format!(
        "worker {worker} ended at once, with exit status 0: if it puts itself into the background, \
         start it in the foreground, or use --stragglers wait"
    )
}

impl Progress {
    pub(super) fn asked_line(
        &self,
        now: Moment,
        reason: &Reason,
        workers: &[WorkerNumber],
        all: bool,
        keys: bool,
    ) -> String {
        let why = match reason.as_str() {
            "user" => "stopctl stop",
            "interrupt" => "Ctrl-C",
            "term" => self.news.signal.as_deref().unwrap_or("SIGTERM"),
            "hangup" => "SIGHUP",
            "timeout" => "--timeout",
            "sibling" => "another worker ended",
            "parent" => "the outer run stops",
            "lost" => "its supervisor died",
            other => other,
        };
        let (run, next) = (&self.run, self.next(now, keys));
        let whom = if all {
            Asked::All(workers.len())
        } else {
            Asked::Some(workers)
        };
        stopping::asked(run, Some(why), &whom, &next)
    }

    pub(super) fn unaware_line(&self, unaware: &[WorkerNumber]) -> Option<String> {
        let program = &self.program;
        let is_there = |worker: &&WorkerNumber| self.workers.contains_key(worker);
        let unaware: Vec<WorkerNumber> = unaware.iter().filter(is_there).copied().collect();
        let hint = if self.waits_for_unaware {
            "; --unaware-grace auto waits less for such programs"
        } else {
            ""
        };
        match unaware.as_slice() {
            [] => None,
            [one] => {
                let pid = self.workers.get(one).map_or(0, |known| known.pid);
                Some(format!(
                    "worker {one} ({program}, pid {pid}) has never looked at its flag{hint}"
                ))
            }
            several => {
                let who = named(several);
                Some(format!(
                    "{who} ({program}) have never looked at their flags{hint}"
                ))
            }
        }
    }

    /// What the next rung is and when it comes, for the worker that it reaches first; and the
    /// key that brings it now.
    pub(super) fn next(&self, now: Moment, keys: bool) -> String {
        let never = Moment::from_nanos(u64::MAX);
        let stopping = self.workers.values().filter(|known| known.level > 0);
        let Some(first) = stopping.min_by_key(|known| known.deadline.unwrap_or(never)) else {
            return String::new();
        };
        if first.level > 2 {
            return String::new();
        }
        let signal = rung::after(first.level, &self.stop_signal);
        let when = rung::coming(signal, first.deadline.map(|deadline| deadline.since(now)));
        let pressed = self.stop.as_ref().is_some_and(|stop| stop.by_key);
        let key = match (keys, pressed) {
            (false, _) => String::new(),
            (true, false) => format!(". Ctrl-C: {signal} now"),
            (true, true) => format!(". Ctrl-C again: {signal} now"),
        };
        format!("{when}{key}")
    }

    /// The time since the stop began, as a column.
    pub(super) fn elapsed(&self, now: Moment) -> String {
        let column = |stop: &Stop| {
            let time = format!("+{:.1}s", now.since(stop.began).as_secs_f64());
            format!("{time:<7} ")
        };
        self.stop.as_ref().map_or_else(String::new, column)
    }
}
