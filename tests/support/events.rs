//! Reading `--events`, and what is true of every such file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::processes;
use super::until::until;

/// The events of one run, in the order they were written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events(Vec<Value>);

impl Events {
    /// A run that could not be started may leave no file.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Self(
            whole
                .lines()
                .map(|line| {
                    serde_json::from_str(line)
                        .unwrap_or_else(|error| panic!("not JSON ({error}): {line:?}"))
                })
                .collect(),
        )
    }

    pub(crate) fn all(&self) -> &[Value] {
        &self.0
    }

    /// All events of one kind.
    pub(crate) fn of(&self, kind: &str) -> Vec<&Value> {
        self.0
            .iter()
            .filter(|event| event["event"] == kind)
            .collect()
    }

    /// The only event of its kind.
    #[track_caller]
    pub(crate) fn only(&self, kind: &str) -> &Value {
        let found = self.of(kind);
        assert_eq!(found.len(), 1, "one {kind}: {self:#?}");
        found[0]
    }

    /// The first raise of each flag: later ones tell of the next levels.
    pub(crate) fn raised(&self) -> Vec<&Value> {
        let mut seen = BTreeSet::new();
        let mut raised = self.of("flag_raised");
        raised.retain(|event| seen.insert(number(event, "worker")));
        raised
    }

    /// The final record of a worker.
    #[track_caller]
    pub(crate) fn ended(&self, worker: u64) -> &Value {
        let found = self.of("worker_ended");
        let mut mine = found.iter().filter(|event| event["worker"] == worker);
        mine.next()
            .unwrap_or_else(|| panic!("no worker_ended of {worker}: {self:#?}"))
    }

    /// The outcomes of all workers, in the order of their numbers.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let by_worker: BTreeMap<u64, String> = self
            .of("worker_ended")
            .iter()
            .map(|event| (number(event, "worker"), text(event, "outcome")))
            .collect();
        by_worker.into_values().collect()
    }

    /// The signals that one worker was sent to end it, in order: SIGCONT, which goes with the flag
    /// and with SIGTERM, ends nobody.
    pub(crate) fn signals(&self, worker: u64) -> Vec<String> {
        self.of("signal_sent")
            .iter()
            .filter(|event| event["worker"] == worker && event["signal"] != "SIGCONT")
            .map(|event| text(event, "signal"))
            .collect()
    }
}

/// The oracles of every run: an event's form, one final record for each worker, no start after a
/// stop began, the order flag, SIGTERM, SIGKILL, outcomes that agree with what was sent, and no
/// zombie.
pub(crate) fn check(events: &Events) {
    let Some(first) = events.all().first() else {
        return;
    };
    assert_eq!(first["event"], "run_started", "{events:#?}");
    for event in events.all() {
        assert_eq!(event["schema"], 1, "{event}");
        assert_eq!(event["run"], first["run"], "{event}");
        assert_time(&text(event, "time"));
    }
    let last = events.all().last().expect("there is a first one");
    assert_eq!(last["event"], "run_ended", "{events:#?}");
    assert_eq!(events.of("run_ended").len(), 1, "{events:#?}");

    let mut started = events.of("worker_started");
    if !events.of("supervisor_died").is_empty() {
        // A supervisor that is killed just after it has told of a start has not put on record that it
        // has: whoever goes on tells it again, and that is the same start.
        let mut told = BTreeSet::new();
        started.retain(|start| told.insert((number(start, "worker"), number(start, "pid"))));
    }
    for event in &started {
        let worker = number(event, "worker");
        let ends = events.of("worker_ended");
        let mine = ends.iter().filter(|end| end["worker"] == worker).count();
        assert_eq!(mine, 1, "final records of worker {worker}: {events:#?}");
        check_worker(events, worker);
        let pid = i32::try_from(number(event, "pid")).expect("a pid");
        // Those of a dead supervisor are reaped by whoever is the first process of the system.
        let is_ours = events.of("supervisor_died").is_empty();
        if is_ours {
            // Another one that has the pid by now is reaped sooner or later; ours would stay.
            until(&format!("no zombie: {event}"), || {
                processes::state(pid) != Some('Z')
            });
        }
    }
    assert_eq!(
        started.len(),
        events.of("worker_ended").len(),
        "final records and starts: {events:#?}"
    );
    check_latch(events);
}

/// No worker is started after a stop of the whole run began.
fn check_latch(events: &Events) {
    let workers = &events.all()[0]["workers"];
    let whole = |event: &Value| {
        event["event"] == "stop_requested"
            && event["workers"].as_array().map(Vec::len) == as_length(workers)
    };
    if let Some(latched) = events.all().iter().position(whole) {
        let mut later = events.all()[latched..].iter();
        let late = later.find(|event| event["event"] == "worker_started");
        assert!(late.is_none(), "started after the stop: {late:?}");
    }
}

fn as_length(number: &Value) -> Option<usize> {
    usize::try_from(number.as_u64()?).ok()
}

/// The ladder of one worker only climbs, and its outcome names the rung it reached.
fn check_worker(events: &Events, worker: u64) {
    let mine: Vec<&Value> = events
        .all()
        .iter()
        .filter(|event| event["worker"] == worker)
        .collect();
    let at = |wanted: &dyn Fn(&Value) -> bool| mine.iter().position(|event| wanted(event));
    let raised = at(&|event| event["event"] == "flag_raised");
    let kill = at(&|event| event["event"] == "signal_sent" && event["signal"] == "SIGKILL");
    let sent = at(&|event| event["event"] == "signal_sent" && event["signal"] != "SIGCONT");
    if let Some(sent) = sent {
        let raised = raised.unwrap_or_else(|| panic!("a signal without a flag: {mine:#?}"));
        assert!(raised < sent, "a signal before the flag: {mine:#?}");
    }
    if let Some(kill) = kill {
        let after = mine[kill..]
            .iter()
            .find(|event| event["event"] == "signal_sent" && event["signal"] != "SIGKILL");
        assert!(after.is_none(), "a signal after SIGKILL: {mine:#?}");
    }
    let levels: Vec<u64> = mine
        .iter()
        .filter(|event| event["event"] == "flag_raised")
        .map(|event| number(event, "level"))
        .collect();
    assert!(
        levels.windows(2).all(|pair| pair[0] <= pair[1]),
        "the level never sinks: {mine:#?}"
    );
    let end = events.ended(worker);
    match text(end, "outcome").as_str() {
        "flag" => assert!(raised.is_some(), "{mine:#?}"),
        "term" => assert!(raised.is_some() && sent.is_some(), "{mine:#?}"),
        "kill" => assert!(raised.is_some() && kill.is_some(), "{mine:#?}"),
        "by_itself" | "by_others" | "unobserved" | "not_ended" => {}
        other => panic!("no such outcome: {other}"),
    }
    assert!(
        !(end["exit_code"].is_u64() && end["signal"].is_u64()),
        "an exit code and a signal: {end}"
    );
}

/// RFC 3339 in UTC.
fn assert_time(time: &str) {
    let form = |at: usize, what: char| time.chars().nth(at) == Some(what);
    assert!(
        time.len() >= 20
            && form(4, '-')
            && form(7, '-')
            && form(10, 'T')
            && form(13, ':')
            && form(16, ':')
            && time.ends_with('Z'),
        "not RFC 3339 in UTC: {time:?}"
    );
}

/// A number that an event must have.
#[track_caller]
pub(crate) fn number(event: &Value, key: &str) -> u64 {
    event[key]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {key}: {event}"))
}

/// A text that an event must have.
#[track_caller]
pub(crate) fn text(event: &Value, key: &str) -> String {
    event[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text {key}: {event}"))
        .into()
}
