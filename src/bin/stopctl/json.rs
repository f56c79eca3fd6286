//! The machine-readable output of `status`, `list` and `stop`: schema 1.
//!
//! Fields are only ever added. Absent means not known; lists are never null.

use std::time::Duration;

use humantime::format_rfc3339_millis;
use serde_json::{Value, json};
use stopctl::moment::Moment;
use stopctl::record::{WorkerRecord, WorkerState};

use crate::runs::Run;

/// The whole document, with a newline.
pub(crate) fn document(runs: &[Run]) -> String {
    let runs: Vec<Value> = runs.iter().map(run).collect();
    format!("{}\n", json!({ "schema": 1, "runs": runs }))
}

/// A time as every number of the output gives it: whole milliseconds.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn run(run: &Run) -> Value {
    let seen = &run.seen;
    let workers = seen
        .workers
        .iter()
        .zip(0..)
        .map(|(one, number)| worker(run, number, one));
    let workers: Vec<Value> = workers.collect();
    let value = json!({
        "name": run.name,
        "state": run.state().word(),
        "pid": seen.run.pid,
        "command": seen.run.command,
        "directory": run.dir.path().display().to_string(),
        "started": format_rfc3339_millis(run.started()).to_string(),
        "age_ms": milliseconds(run.age()),
        "grace_ms": seen.run.grace_ms,
        "kill_after_ms": seen.run.kill_after_ms,
        "reason": seen.run.reason,
        "status": seen.run.status,
        "workers": workers,
    });
    known(value)
}

fn worker(run: &Run, number: u32, worker: &WorkerRecord) -> Value {
    let state = match worker.state {
        WorkerState::Starting => "starting",
        WorkerState::Running => "running",
        WorkerState::Stopping => "stopping",
        WorkerState::Ended => "ended",
    };
    let path = |name: &String| run.dir.path().join(name).display().to_string();
    let flag = worker.flag.as_ref().map(path);
    let left = |deadline| milliseconds(Moment::from_nanos(deadline).since(stopctl::now()));
    known(json!({
        "worker": number,
        "pid": worker.pid,
        "state": state,
        "level": worker.level,
        "looked": worker.looked,
        "flag": flag,
        "deadline_in_ms": worker.deadline_ns.map(left),
        "outcome": worker.outcome,
        "exit_code": worker.exit_code,
        "signal": worker.signal,
        "flag_to_end_ms": worker.flag_to_end_ms,
        "status_text": worker.status_text,
        "acknowledged_ms": worker.acknowledged_ms,
        "extensions": worker.extensions,
        "stragglers": worker.stragglers,
    }))
}

/// Leaves out the fields that are not known.
pub(crate) fn known(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
