//! What `run` says during a stop: who was asked, who is still there, and what comes next.
//!
//! The news of one wake-up is collected, and said together at its end: a thousand workers that get
//! the stop signal are one line.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stopctl::contract::record::Stragglers;
use stopctl::decide::outcome::Final;
use stopctl::decide::rhythm::Rhythm;
use stopctl::decide::times::Unaware;
use stopctl::linux::terminal::keys_reach_us;
use stopctl::outside::fate::Fate;
use stopctl::run::plan::Plan;
use stopctl::words::ended::Ended;
use stopctl::words::moment::Moment;
use stopctl::words::pid::Pid;
use stopctl::words::reason::{self, Reason};
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::report::behind::Behind;
use crate::say::fate;
use crate::say::rung::{self, Climber, Key};
use crate::say::stopping::{self, still_there};
use crate::say::summary;
use crate::say::voice::{Voice, Weight};
use crate::say::workers::NAMES;

/// A program that succeeds within this time has hardly done its work. If it leaves processes behind, it
/// has put itself into the background.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What the lines about a stop need to know of its run.
pub(crate) struct Progress {
    pub(crate) run: String,
    /// The program that each worker runs.
    program: String,
    /// The name of the stop signal.
    pub(crate) stop_signal: String,
    /// Whether the processes that a main process leaves behind are the worker from then on.
    waits_for_stragglers: bool,
    /// Whether to tell how workers that never looked are given less time: nobody chose that, and it was
    /// not told yet.
    hints_at_unaware: bool,
    workers: BTreeMap<WorkerNumber, Known>,
    /// Those whose main process runs, or is still to be started.
    running: BTreeSet<WorkerNumber>,
    stop: Option<Stop>,
    news: News,
}

/// A worker that is still there.
struct Known {
    pid: Pid,
    started: Moment,
    level: u8,
    deadline: Option<Moment>,
}

/// A stop that is under way.
struct Stop {
    began: Moment,
    /// Whether Ctrl-C has asked for it.
    by_key: bool,
    /// Whether the whole run was asked.
    is_whole: bool,
    rhythm: Rhythm,
}

/// Who was asked to stop.
struct Asked {
    reason: Reason,
    workers: Vec<WorkerNumber>,
    /// The ones that never looked at their flags.
    unaware: Vec<WorkerNumber>,
    /// Whether that is the whole run.
    all: bool,
}

/// What has not been said yet.
#[derive(Default)]
struct News {
    /// The signal to us that asked for the stop, if it has no reason of its own.
    signal: Option<String>,
    asked: Option<Asked>,
    /// The workers that were sent a signal: by the signal, and whether it went to the rest of the tree or
    /// to the main process.
    sent: BTreeMap<(i32, bool), Vec<WorkerNumber>>,
    /// The workers that ignore the signal that is to end them.
    ignored: Vec<WorkerNumber>,
    behind: Behind,
    /// The workers whose main process succeeded at once, as that of a daemon does.
    daemons: BTreeSet<WorkerNumber>,
    left: Vec<Fate>,
    /// The workers that failed after they were asked.
    failed: Vec<Fate>,
}

impl Progress {
    pub(crate) fn new(program: String, plan: &Plan) -> Self {
        Self {
            run: String::new(),
            program,
            stop_signal: signal_name(plan.stop_signal),
            waits_for_stragglers: plan.stragglers == Stragglers::Wait,
            hints_at_unaware: plan.times.unaware == Unaware::Same,
            workers: BTreeMap::new(),
            running: WorkerNumber::all_of(plan.workers).collect(),
            stop: None,
            news: News::default(),
        }
    }

    pub(crate) fn started(&mut self, now: Moment, worker: WorkerNumber, pid: Pid) {
        let known = Known {
            pid,
            started: now,
            level: 0,
            deadline: None,
        };
        self.workers.insert(worker, known);
        self.running.insert(worker);
    }

    pub(crate) fn forget_workers(&mut self) {
        self.workers.clear();
        self.running.clear();
    }

    pub(crate) fn signalled(&mut self, signal: i32) {
        self.news.signal = Some(signal_name(signal));
    }

    /// `workers` were asked to stop; the `unaware` of them never looked at their flags.
    pub(crate) fn asked(
        &mut self,
        now: Moment,
        reason: &Reason,
        (workers, unaware): (&[WorkerNumber], &[WorkerNumber]),
        all: bool,
    ) {
        self.news.asked = Some(Asked {
            reason: reason.clone(),
            workers: workers.to_vec(),
            unaware: unaware.to_vec(),
            all,
        });
        if !self.is_going_on() {
            // Nobody is left of an earlier stop of some workers: this one has times of its own.
            self.stop = None;
        }
        let stop = self.stop.get_or_insert_with(|| Stop {
            began: now,
            by_key: false,
            is_whole: false,
            rhythm: Rhythm::new(now),
        });
        stop.by_key |= *reason == Reason::INTERRUPT;
        stop.is_whole |= all;
        if all {
            // The others are not started any more.
            let workers = &self.workers;
            self.running.retain(|worker| workers.contains_key(worker));
        }
    }

    /// Somebody who comes back wants to know where the ladder stands.
    pub(crate) fn resumed(&mut self, now: Moment) {
        if let Some(stop) = &mut self.stop {
            stop.rhythm.end_silence_at(now);
        }
    }

    pub(crate) fn raised(&mut self, worker: WorkerNumber, level: u8, deadline: Option<Moment>) {
        if let Some(known) = self.workers.get_mut(&worker) {
            (known.level, known.deadline) = (level, deadline);
        }
    }

    pub(crate) fn sent(&mut self, now: Moment, worker: WorkerNumber, pid: Pid, signal: i32) {
        // SIGCONT only serves the signal before it.
        if signal != libc::SIGCONT {
            self.news.behind.signalled(now, pid);
            let main = self
                .workers
                .get(&worker)
                .is_some_and(|known| known.pid == pid);
            // A worker whose main process was sent the signal gets the same for the rest of its tree.
            let to_main = self.news.sent.get(&(signal, false));
            if !main && to_main.is_some_and(|workers| workers.contains(&worker)) {
                return;
            }
            let workers = self.news.sent.entry((signal, !main)).or_default();
            if workers.last() != Some(&worker) {
                workers.push(worker);
            }
        }
    }

    pub(crate) fn ignored(&mut self, worker: WorkerNumber) {
        self.news.ignored.push(worker);
    }

    pub(crate) fn left_behind(
        &mut self,
        now: Moment,
        worker: WorkerNumber,
        pid: Pid,
        what: String,
    ) {
        self.news.behind.add(now, worker, pid, what);
    }

    /// It is not started any more.
    pub(crate) fn called_off(&mut self, worker: WorkerNumber) {
        self.running.remove(&worker);
    }

    /// How long ago a worker was started that is still there.
    pub(crate) fn age(&self, worker: WorkerNumber, now: Moment) -> Duration {
        let known = self.workers.get(&worker);
        known.map_or(Duration::ZERO, |known| now.since(known.started))
    }

    /// The workers that run, or are still to be started.
    pub(crate) fn running(&self) -> &BTreeSet<WorkerNumber> {
        &self.running
    }

    /// Its main process ended, by itself if nobody had `asked` it to.
    pub(crate) fn main_ended(
        &mut self,
        now: Moment,
        worker: WorkerNumber,
        ended: Option<Ended>,
        asked: bool,
    ) {
        self.running.remove(&worker);
        if asked {
            return;
        }
        let began = self.workers.get(&worker).map(|known| known.started);
        let is_quick = began.is_some_and(|began| now.since(began) <= AT_ONCE);
        if is_quick && ended.is_some_and(Ended::is_success) {
            self.news.daemons.insert(worker);
        }
    }

    pub(crate) fn straggler_ended(&mut self, pid: Pid) {
        self.news.behind.ended(pid);
    }

    pub(crate) fn ended(&mut self, now: Moment, last: &Final) {
        self.workers.remove(&last.worker);
        let fate = Fate::from(last);
        if fate.failed_when_asked() {
            self.news.failed.push(fate);
        }
        if let Some(stop) = &mut self.stop {
            self.news.left.push(fate);
            stop.rhythm.left(now);
        }
    }

    /// When the run, or some of it, began to stop.
    pub(crate) fn began(&self) -> Option<Moment> {
        self.stop.as_ref().map(|stop| stop.began)
    }

    /// Whether a worker that is still there was asked to stop.
    fn is_going_on(&self) -> bool {
        self.workers.values().any(|known| known.level > 0)
    }

    /// When a line will be due.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let has_news = !self.news.failed.is_empty() || !self.news.left.is_empty();
        let stop = self.stop.as_ref();
        let silence_ends = stop.map(|stop| stop.rhythm.silence_ends());
        let leavers_at = stop.and_then(|stop| stop.rhythm.leavers_at());
        let silence_ends = silence_ends.filter(|_| self.is_going_on());
        let leavers_at = leavers_at.filter(|_| self.is_going_on() || has_news);
        let own = silence_ends.into_iter().chain(leavers_at);
        own.chain(self.news.behind.deadline()).min()
    }

    /// Says what is due.
    pub(crate) fn tick(&mut self, now: Moment, voice: &mut Voice) {
        let news = &mut self.news;
        let (asked, sent) = (news.asked.take(), std::mem::take(&mut news.sent));
        let behind = news.behind.take(now);
        let ignored = std::mem::take(&mut news.ignored);
        if let Some(Asked {
            reason,
            workers,
            unaware,
            all,
        }) = asked
        {
            let whom = if all {
                stopping::Asked::All(workers.len())
            } else {
                stopping::Asked::Some(&workers)
            };
            // Of the signals that ask, only SIGTERM comes without its name.
            let signal = self.news.signal.as_deref().unwrap_or("SIGTERM");
            let why = reason::in_words(reason.as_str(), Some(signal));
            let next = self.next(now, keys_reach_us());
            let line = stopping::asked(&self.run, Some(why), &whom, &next);
            voice.say(Weight::Notice, &line);
            if let Some(line) = self.unaware_line(&unaware) {
                voice.say(Weight::Notice, &line);
                self.hints_at_unaware = false;
            }
        }
        let (first, others) = split(behind);
        for (worker, processes) in first {
            if self.waits_for_stragglers {
                let line = stopping::in_background(worker, &processes);
                voice.say(Weight::Notice, &line);
                continue;
            }
            let line = stopping::left_behind(worker, &processes, &self.next(now, false));
            voice.say(Weight::Warning, &line);
            if self.news.daemons.remove(&worker) {
                voice.say(Weight::Warning, &stopping::daemon(worker));
            }
        }
        if !others.is_empty() {
            voice.say(Weight::Warning, &stopping::so_did(&others));
        }
        for ((signal, rest), workers) in sent {
            let next = self.next(now, keys_reach_us());
            let line = stopping::sent(&signal_name(signal), rest, &workers, &next);
            voice.say(Weight::Notice, &(self.elapsed(now) + &line));
            if let Some(stop) = &mut self.stop {
                stop.rhythm.spoke(now);
            }
        }
        if !ignored.is_empty() {
            let line = stopping::ignored(&self.stop_signal, &ignored);
            voice.say(Weight::Warning, &line);
        }
        let leavers_at = self.stop.as_ref().and_then(|stop| stop.rhythm.leavers_at());
        if leavers_at.is_none_or(|at| at <= now) {
            self.say_who_failed(voice);
        }
        self.say_who_is_there(now, voice);
    }

    /// Says which workers failed after they were asked to stop, unless that was said before.
    pub(crate) fn say_who_failed(&mut self, voice: &mut Voice) {
        let failed = std::mem::take(&mut self.news.failed);
        for line in fate::failures(&failed, &self.stop_signal) {
            voice.say(Weight::Warning, &line);
        }
    }

    fn say_who_is_there(&mut self, now: Moment, voice: &mut Voice) {
        let Some(stop) = self.stop.as_mut().filter(|_| !self.workers.is_empty()) else {
            return;
        };
        let silent = stop.rhythm.ends_silence(now);
        if !silent && !stop.rhythm.leavers_are_due(now) {
            return;
        }
        stop.rhythm.told();
        let left = std::mem::take(&mut self.news.left);
        let stopping = self.workers.iter().filter(|(_, known)| known.level > 0);
        let there: Vec<WorkerNumber> = stopping.map(|(&worker, _)| worker).collect();
        let mut parts = Vec::new();
        if !left.is_empty() {
            parts.push(summary::listed(&left));
        }
        if !there.is_empty() {
            let next = if silent {
                self.next(now, false)
            } else {
                String::new()
            };
            parts.push(still_there(&there, &next));
        }
        if !parts.is_empty() {
            voice.say(
                Weight::Notice,
                &format!("{}{}", self.elapsed(now), parts.join("; ")),
            );
        }
    }

    fn unaware_line(&self, unaware: &[WorkerNumber]) -> Option<String> {
        let is_there = |worker: &&WorkerNumber| self.workers.contains_key(worker);
        let unaware: Vec<WorkerNumber> = unaware.iter().filter(is_there).copied().collect();
        let pid = match unaware.as_slice() {
            [] => return None,
            [one] => self.workers.get(one).map(|known| known.pid),
            _ => None,
        };
        let unaware = stopping::Unaware {
            run: &self.run,
            program: &self.program,
            stop_signal: &self.stop_signal,
            workers: &unaware,
            pid,
            is_all: unaware.len() == self.workers.len(),
            has_hint: self.hints_at_unaware,
        };
        Some(unaware.told())
    }

    /// The rung that comes next, and when; with `keys`, what Ctrl-C does now.
    fn next(&self, now: Moment, keys: bool) -> String {
        let climber = |(&worker, known): (&WorkerNumber, &Known)| Climber {
            worker,
            level: known.level,
            deadline: known.deadline,
        };
        let stopping = self.workers.iter().map(climber);
        let stopping: Vec<Climber> = stopping.filter(|one| one.level > 0).collect();
        let mut levels = stopping.iter().map(|one| one.level);
        let Some(level) = levels.find(|level| *level <= 2) else {
            return String::new();
        };
        let left = |deadline: Moment| deadline.since(now);
        let mut next = rung::soonest(&stopping, &self.stop_signal, left).unwrap_or_default();
        if let (true, Some(stop)) = (keys, &self.stop) {
            let key = if !stop.is_whole {
                Key::AsksAll
            } else if levels.all(|other| other == level || other > 2) {
                Key::Brings(rung::after(level, &self.stop_signal))
            } else {
                Key::BringsNext
            };
            next += &rung::key(&key, stop.by_key);
        }
        next
    }

    fn elapsed(&self, now: Moment) -> String {
        let column = |stop: &Stop| stopping::elapsed(now.since(stop.began));
        self.stop.as_ref().map_or_else(String::new, column)
    }
}

/// The first workers of many, and the numbers of the rest: nobody reads a line for each of a thousand.
fn split(
    mut behind: BTreeMap<WorkerNumber, Vec<String>>,
) -> (BTreeMap<WorkerNumber, Vec<String>>, Vec<WorkerNumber>) {
    let first_of_rest = behind.keys().nth(NAMES).copied();
    let rest = first_of_rest.map(|worker| behind.split_off(&worker));
    let rest = rest.unwrap_or_default().into_keys().collect();
    (behind, rest)
}

#[cfg(test)]
mod tests {
    use super::{WorkerNumber, split};

    #[test]
    fn of_many_workers_the_first_have_a_line_each_and_the_rest_one() {
        let behind = |workers| {
            let all = WorkerNumber::all_of(workers);
            all.map(|worker| (worker, Vec::new())).collect()
        };
        for (workers, lines) in [(0, 0), (1, 1), (10, 10), (11, 10), (1000, 10)] {
            let (first, rest) = split(behind(workers));
            assert_eq!(first.len(), lines);
            assert!(
                rest.into_iter()
                    .eq(WorkerNumber::all_of(workers).skip(lines))
            );
        }
    }
}
