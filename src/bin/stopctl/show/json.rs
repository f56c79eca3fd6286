//! The machine-readable output of `status`, `list` and `stop`: schema 1.
//!
//! Fields are only ever added. Absent means not known; lists are never null.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_millis;
use serde_json::{Value, json};
use stopctl::contract::record::{WorkerRecord, WorkerState};
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

use stopctl::outside::found::Run;
use stopctl::outside::state::State;

/// The whole document, with a newline.
pub(crate) fn document(runs: &[Run]) -> String {
    document_of(&runs.iter().map(run).collect::<Vec<_>>())
}

/// The same, of runs that were told one by one.
pub(crate) fn document_of(runs: &[Value]) -> String {
    format!("{}\n", json!({ "schema": 1, "runs": runs }))
}

/// A run of the user with this number and, if one is known, this name.
pub(crate) fn run_of(uid: u32, user: Option<&str>, of_theirs: &Run) -> Value {
    let mut value = run(of_theirs);
    value["uid"] = uid.into();
    if let Some(user) = user {
        value["user"] = user.into();
    }
    value
}

/// The last second that has four digits for its year.
const LAST: u64 = 253_402_300_799;

/// A time of day, RFC 3339 in UTC. A clock that was never set may show a year that this form cannot
/// express: then it is the nearest time that it can.
pub(crate) fn time_of_day(time: SystemTime) -> String {
    let last = UNIX_EPOCH + Duration::from_secs(LAST);
    format_rfc3339_millis(time.clamp(UNIX_EPOCH, last)).to_string()
}

/// A time in whole milliseconds, as everywhere in the output.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time that may be for ever, which has no number.
pub(crate) fn limit_ms(limit: Limit) -> Option<u64> {
    match limit {
        Limit::After(time) => Some(milliseconds(time)),
        Limit::Never => None,
    }
}

fn run(run: &Run) -> Value {
    let seen = &run.seen();
    let workers = seen
        .numbered()
        .map(|(number, one)| worker(run, number, one));
    let workers: Vec<Value> = workers.collect();
    let times = seen.run.times();
    let value = json!({
        "name": run.name(),
        "state": State::of(run).word(),
        "pid": seen.run.pid,
        "command": seen.run.command,
        "directory": run.dir().path().display().to_string(),
        "started": time_of_day(run.seen().run.started()),
        "age_ms": milliseconds(run.seen().run.age()),
        "grace_ms": limit_ms(times.grace),
        "kill_after_ms": limit_ms(times.kill_after),
        "reason": seen.run.reason,
        "lacks": run.lacks(),
        "status": seen.run.status,
        "workers": workers,
    });
    known(value)
}

fn worker(run: &Run, number: WorkerNumber, worker: &WorkerRecord) -> Value {
    let state = match worker.state {
        WorkerState::Starting => "starting",
        WorkerState::Running => "running",
        WorkerState::Stopping => "stopping",
        WorkerState::Ended if worker.was_not_started() => "not_started",
        WorkerState::Ended => "ended",
    };
    let path = |name: &String| run.dir().path().join(name).display().to_string();
    let flag = worker.flag.as_ref().map(path);
    let left = |deadline| milliseconds(Moment::from_nanos(deadline).since(stopctl::now()));
    known(json!({
        "worker": number,
        "pid": worker.pid,
        "state": state,
        "level": worker.level,
        "looked": worker.looked,
        "ready": run.seen().run.hears_workers.then_some(worker.ready),
        "flag": flag,
        "deadline_in_ms": worker.deadline_ns.map(left),
        "outcome": worker.outcome,
        "exit_code": worker.exit_code,
        "signal": worker.signal,
        "failed": worker.failed,
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

#[cfg(test)]
mod tests {
    use super::{Duration, UNIX_EPOCH, time_of_day};

    #[test]
    fn a_clock_that_was_never_set_has_a_time_of_day_too() {
        let year = Duration::from_secs(365 * 86_400);
        for (time, expected) in [
            (UNIX_EPOCH - 60 * year, "1970-01-01T00:00:00.000Z"),
            (UNIX_EPOCH + year, "1971-01-01T00:00:00.000Z"),
            (UNIX_EPOCH + 9000 * year, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(time_of_day(time), expected);
        }
    }
}
