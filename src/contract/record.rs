//! The file `record`: what was started and what became of it, for everybody but the owner.
//!
//! It is text at fixed places: a header and a slot for each worker, each of them one JSON object
//! padded with newlines. Before that there is a generation word: it is odd while the owner writes,
//! and `stop` and `wait` sleep on it. The form is private to this program; another version of it is
//! refused, not guessed.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::decide::times::{Times, Unaware};
use crate::linux::plain::plain;
use crate::words::duration::Limit;
use crate::words::ended::Ended;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

mod born;
mod reader;
mod writer;

pub use born::Born;
pub use reader::{RecordReader, Snapshot};
pub(crate) use writer::MODE;
pub use writer::{Birth, Record};

/// The file's name in the run's directory.
pub const FILE: &str = "record";

/// The version of the form.
const VERSION: u32 = 1;
/// Where the header's text begins: after the generation word.
const HEADER_TEXT: u64 = 8;
const HEADER: u64 = 4096;
const SLOT: usize = 1024;
/// The part of a slot that the worker itself writes before its program runs.
const BIRTH: usize = 64;
/// How long the header may be when it is first written: a reason and a status are added later.
const ROOM: usize = 4000;
/// Stands for the part of a command line that is left out.
const CUT: &str = "…";
/// How many answers are kept: whoever has asked reads them at once.
const ANSWERS: usize = 16;
/// How long the command line in the header may be; the rest is left out.
const COMMAND: usize = 2000;

/// The phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Workers are being started or are running.
    Running,
    /// All of them were asked to stop.
    Stopping,
    /// No worker is left.
    Over,
}

/// What happens to the processes that still exist after the main process of their worker has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stragglers {
    /// They are stopped, as the worker would be.
    #[default]
    Stop,
    /// They are named in a message and left alone.
    Leave,
    /// They are the worker from then on: stopctl waits for them, and stops them when it stops the
    /// worker.
    Wait,
}

/// Which processes of a worker get the stop signal. All of them get SIGKILL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalTo {
    /// The main process; the rest of the tree once that has ended or half of kill-after is over.
    #[default]
    First,
    /// The whole tree at once, as a terminal's Ctrl-C does.
    Group,
    /// The main process alone.
    Main,
}

/// The answer to a request that is carried out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The number of the request.
    pub id: u32,
    /// How many workers were signalled.
    pub sent: u32,
}

/// The header: what the record says about the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are independent facts, not states"
)]
pub struct RunRecord {
    /// The version of the record's form.
    version: u32,
    /// The run's name.
    pub name: String,
    /// The supervisor's pid.
    pub pid: Pid,
    /// Its line in the file `owner`, in case that file is damaged.
    #[serde(default)]
    pub signed: String,
    /// The command line, cut if it is very long.
    pub command: Vec<String>,
    /// How many workers there are.
    pub workers: u32,
    /// Whether a service manager started it: to stop such a run, its name has to be given.
    pub managed: bool,
    /// When it was started, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// The time from the flag to SIGTERM; `None` if it is unlimited.
    grace_ms: Option<u64>,
    /// The time from SIGTERM to SIGKILL; `None` if it is unlimited.
    kill_after_ms: Option<u64>,
    /// The grace of a worker that never looked at its flag, as it is typed; `None` if it is the same
    /// as for every worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unaware_grace: Option<String>,
    /// Whether grace and kill-after are parts of one time.
    #[serde(default)]
    is_whole: bool,
    /// The longest time from the flag to SIGTERM, with every extension; `None` if it is unlimited or
    /// not known.
    #[serde(default)]
    max_grace_ms: Option<u64>,
    /// How long after SIGKILL a process is reported as not ended.
    kill_wait_ms: u64,
    /// The signal that is sent instead of SIGTERM.
    pub stop_signal: i32,
    /// Which processes get it.
    #[serde(default)]
    pub signal_to: SignalTo,
    /// What happens to stragglers.
    #[serde(default)]
    pub stragglers: Stragglers,
    /// Whether the access time of each flag tells whether anybody has looked at it: until then it is
    /// zero.
    #[serde(default)]
    pub notes_reads: bool,
    /// The control group of the run, in which each worker has its own, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// What the kernel refused to its supervisor, under names of our own.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// Whether its owner sends signals that are requested through `control`.
    #[serde(default)]
    pub takes_signals: bool,
    /// The answers to the last of those requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    /// Whether workers are heard (`--notify`): only then a worker that has not said that it is ready
    /// is not.
    #[serde(default)]
    pub hears_workers: bool,
    /// Its phase.
    pub phase: Phase,
    /// Why all workers were asked to stop.
    pub reason: Option<String>,
    /// The exit status, as a shell shows it, once the run is over.
    pub status: Option<u8>,
}

impl RunRecord {
    /// The record of a run that has just begun.
    #[must_use]
    pub fn new(name: String, pid: Pid, command: Vec<String>, workers: u32) -> Self {
        Self {
            version: VERSION,
            name,
            pid,
            signed: String::new(),
            command: shortened(command),
            workers,
            managed: false,
            started_unix_ms: 0,
            grace_ms: None,
            kill_after_ms: None,
            unaware_grace: None,
            is_whole: false,
            max_grace_ms: None,
            kill_wait_ms: 0,
            stop_signal: libc::SIGTERM,
            signal_to: SignalTo::First,
            stragglers: Stragglers::Stop,
            notes_reads: false,
            cgroup: None,
            lacks: Vec::new(),
            takes_signals: true,
            answers: Vec::new(),
            hears_workers: false,
            phase: Phase::Running,
            reason: None,
            status: None,
        }
    }

    /// The times of its ladders.
    #[must_use]
    pub fn times(&self) -> Times {
        let unaware = self.unaware_grace.as_deref().map(str::parse);
        Times {
            grace: limit(self.grace_ms),
            kill_after: limit(self.kill_after_ms),
            kill_wait: Duration::from_millis(self.kill_wait_ms),
            unaware: unaware.and_then(Result::ok).unwrap_or(Unaware::Same),
            whole: self.is_whole,
        }
    }

    /// When it was started, by the clock on the wall.
    #[must_use]
    pub fn started(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.started_unix_ms)
    }

    /// How long ago that was; zero if the clock was set back since.
    #[must_use]
    pub fn age(&self) -> Duration {
        let age = SystemTime::now().duration_since(self.started());
        age.unwrap_or_default()
    }

    /// The longest time from the flag to SIGTERM, with every extension.
    #[must_use]
    pub fn max_grace(&self) -> Limit {
        limit(self.max_grace_ms)
    }

    /// Notes the times of its ladders, and the longest grace.
    pub fn set_times(&mut self, times: &Times, max_grace: Limit) {
        self.grace_ms = milliseconds(times.grace);
        self.kill_after_ms = milliseconds(times.kill_after);
        self.unaware_grace = times.unaware.typed();
        self.is_whole = times.whole;
        self.kill_wait_ms = u64::try_from(times.kill_wait.as_millis()).unwrap_or(u64::MAX);
        self.max_grace_ms = milliseconds(max_grace);
    }

    /// Whether the request `id` was carried out, as far as its answer is still kept.
    #[must_use]
    pub fn has_answered(&self, id: u32) -> bool {
        self.answers.iter().any(|answer| answer.id == id)
    }

    /// Keeps the answer to the request `id`: so many workers were `sent` its signal.
    pub fn answer(&mut self, id: u32, sent: u32) {
        self.answers.push(Answer { id, sent });
        let old = self.answers.len().saturating_sub(ANSWERS);
        self.answers.drain(..old);
    }

    /// Cuts the end of the command until the header fits into its place; `false` if it does not fit
    /// without any command either.
    #[must_use]
    pub fn fit(&mut self) -> bool {
        let length = |run: &Self| serde_json::to_vec(run).map_or(usize::MAX, |text| text.len());
        while length(self) > ROOM {
            if self.command.last().is_some_and(|word| word == CUT) {
                self.command.pop();
            }
            if self.command.pop().is_none() {
                return false;
            }
            self.command.push(CUT.to_owned());
        }
        true
    }
}

fn limit(milliseconds: Option<u64>) -> Limit {
    let after = |time| Limit::After(Duration::from_millis(time));
    milliseconds.map_or(Limit::Never, after)
}

fn milliseconds(limit: Limit) -> Option<u64> {
    match limit {
        Limit::After(time) => u64::try_from(time.as_millis()).ok(),
        Limit::Never => None,
    }
}

fn shortened(command: Vec<String>) -> Vec<String> {
    let mut left = COMMAND;
    let mut kept = Vec::new();
    for word in command {
        // In JSON a character may take six bytes.
        let length = word.len()
            + word
                .chars()
                .filter(|c| c.is_control() || "\"\\".contains(*c))
                .count()
                * 5
            + 3;
        if length > left {
            kept.push(CUT.to_owned());
            break;
        }
        left -= length;
        kept.push(word);
    }
    kept
}

/// The state of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Not started yet.
    Starting,
    /// Its flag is down.
    Running,
    /// It was asked to stop, or the processes that it left behind were.
    Stopping,
    /// No process of it is left, or it could not be ended.
    Ended,
}

/// A slot: what the record says about a worker. What is absent is not known, or not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRecord {
    /// Its state.
    pub state: WorkerState,
    /// Its main process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<Pid>,
    /// Clock ticks from boot to the start of that process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// The name of its flag in the run's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
    /// When it was started, in nanoseconds on `CLOCK_MONOTONIC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ns: Option<u64>,
    /// When its flag was raised, on the same clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_ns: Option<u64>,
    /// The level of its flag: 0 to 3.
    pub level: u8,
    /// Whether anybody ever looked at its flag, as far as the owner has seen. If flags note reads,
    /// [`RecordReader::read`] adds what they tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<bool>,
    /// When the next rung comes, in nanoseconds on `CLOCK_MONOTONIC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ns: Option<u64>,
    /// What became of it: the outcome's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Its exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// The signal it died of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether it failed by itself, as in the final record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// Milliseconds from the flag to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag_to_end_ms: Option<u64>,
    /// Whether it has said that what it had to set up is there (`READY=1`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// What it says it is doing (`STATUS=`), in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_text: Option<String>,
    /// Milliseconds from the flag until it said that it has seen it (`STOPPING=1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_ms: Option<u64>,
    /// How often its grace was extended.
    pub extensions: u32,
    /// How many processes still existed after its main process had ended.
    pub stragglers: u32,
    /// The first few of them that still exist: pid, start, and inode of the pidfd or 0. A new owner
    /// recognizes them by this, no matter what they did to their environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<(Pid, u64, u64)>,
}

impl WorkerRecord {
    /// How its main process ended, if it has and that is known.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        let exited = self.exit_code.map(Ended::Exited);
        exited.or(self.signal.map(Ended::Signalled))
    }

    /// The record of a worker that was asked to stop before it was started, and so is never started.
    #[must_use]
    pub fn not_started() -> Self {
        Self {
            state: WorkerState::Ended,
            ..Self::default()
        }
    }

    /// Whether it was asked to stop before it was started: every other worker has a process, or will
    /// have one.
    #[must_use]
    pub fn was_not_started(&self) -> bool {
        self.state == WorkerState::Ended && self.pid.is_none()
    }
}

impl Default for WorkerRecord {
    fn default() -> Self {
        Self {
            state: WorkerState::Starting,
            pid: None,
            start: None,
            flag: None,
            started_ns: None,
            raised_ns: None,
            level: 0,
            looked: Some(false),
            deadline_ns: None,
            outcome: None,
            exit_code: None,
            signal: None,
            failed: None,
            flag_to_end_ms: None,
            ready: false,
            status_text: None,
            acknowledged_ms: None,
            extensions: 0,
            stragglers: 0,
            rest: Vec::new(),
        }
    }
}

/// Where the slot of a worker begins.
fn slot(worker: WorkerNumber) -> u64 {
    behind(worker.get())
}

/// Where the slots of so many workers end.
fn behind(workers: u32) -> u64 {
    HEADER + u64::from(workers) * SLOT as u64
}

/// The error if the record cannot be used.
#[derive(Debug)]
pub enum RecordError {
    /// It cannot be opened or read.
    Io(io::Error),
    /// Another version of stopctl wrote it.
    Version(u32),
    /// It is damaged.
    Damaged,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the run's record cannot be read: {}", plain(error)),
            Self::Version(version) => write!(
                f,
                "the run's record has version {version}, this stopctl knows {VERSION}: use the \
                 stopctl that started the run"
            ),
            Self::Damaged => f.write_str("the run's record is damaged"),
        }
    }
}

impl Error for RecordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Version(_) | Self::Damaged => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ANSWERS, Pid, Record, RecordReader, RunRecord, WorkerRecord};
    use crate::decide::times::{Times, Unaware};
    use crate::words::duration::Limit;
    use crate::words::worker_number::WorkerNumber;

    fn run(command: Vec<String>, cgroup: usize) -> RunRecord {
        let mut run = RunRecord::new("n".repeat(64), Pid::NOBODYS, command, 1);
        run.cgroup = Some("/".repeat(cgroup));
        run
    }

    #[test]
    fn the_last_answers_are_kept() {
        let mut run = RunRecord::new("train".to_owned(), Pid::FIRST, Vec::new(), 1);
        let last = u32::try_from(ANSWERS).unwrap();
        for id in 0..=last {
            run.answer(id, 1);
        }
        assert!(!run.has_answered(0));
        assert!(run.has_answered(1) && run.has_answered(last));
        assert_eq!(run.answers.len(), ANSWERS);
    }

    #[test]
    fn whoever_takes_over_reads_the_times_that_the_run_was_started_with() {
        let after = |time| Limit::After(Duration::from_millis(time));
        let wait = Duration::from_secs(5);
        let auto = Times {
            unaware: Unaware::SinceStart,
            ..Times::plain(after(1500), after(1), wait)
        };
        for (times, longest) in [
            (auto, after(4500)),
            (Times::plain(Limit::Never, Limit::Never, wait), Limit::Never),
            (Times::within(Duration::from_secs(60)), after(180_000)),
        ] {
            let mut run = run(Vec::new(), 1);
            run.set_times(&times, longest);
            let text = serde_json::to_vec(&run).unwrap();
            let read: RunRecord = serde_json::from_slice(&text).unwrap();
            assert_eq!((read.times(), read.max_grace()), (times, longest));
        }
    }

    #[test]
    fn k7m_a_long_command_gives_way_to_a_long_control_group() {
        let words = |word: &str| vec![word.to_owned(); 3000];
        for command in [
            words("word"),
            words(""),
            words("\u{1}\""),
            words(&"long".repeat(600)),
        ] {
            for length in [10, 1000, 2500, 3300] {
                let mut run = run(command.clone(), length);
                assert!(run.fit(), "{length}");
                run.reason = Some("r".repeat(16));
                run.status = Some(255);
                let dir = tempfile::tempdir().unwrap();
                let dir = std::fs::File::open(dir.path()).unwrap();
                let mut record = Record::create(&dir, &run).unwrap();
                record.set_run(&run);
                record.commit().unwrap();
                let seen = RecordReader::open(&dir).and_then(|record| record.read());
                assert_eq!(seen.unwrap().run, run);
            }
        }
        assert!(!run(words("word"), 4000).fit());
    }

    #[test]
    fn k7k_a_cut_is_seen_when_a_change_behind_it_has_made_the_file_long_again() {
        for left in [0, 1, 4096, 8191] {
            let run = RunRecord::new("cut".to_owned(), Pid::FIRST, vec!["true".to_owned()], 9);
            let dir = tempfile::tempdir().unwrap();
            let dir = std::fs::File::open(dir.path()).unwrap();
            let mut record = Record::create(&dir, &run).unwrap();
            let change_last = |record: &mut Record| {
                record.set_worker(WorkerNumber::new(8), &WorkerRecord::default());
                record.commit().unwrap();
            };
            change_last(&mut record);
            assert!(!record.is_cut(&run), "nobody has");
            record.file().set_len(left).unwrap();
            assert!(record.is_cut(&run), "{left} bytes");
            change_last(&mut record);
            assert!(record.is_cut(&run), "{left} bytes and a change");
            record.mend(&run, &[]).unwrap();
            record.commit().unwrap();
            assert!(!record.is_cut(&run), "{left} bytes, mended");
        }
    }
}
