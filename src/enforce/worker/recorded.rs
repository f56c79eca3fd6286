//! What the record of a run says of a worker.

use std::time::Duration;

use super::beginning::Beginning;
use super::body::Body;
use super::heard::Heard;
use super::stop::Stop;
use crate::contract::record::{WorkerRecord, WorkerState};
use crate::decide::ladder::Rung;
use crate::words::ended::Ended;
use crate::words::moment::Moment;

/// What the record says of a worker that is made of these parts.
pub(super) fn record(
    beginning: &Beginning,
    (stop, body, heard): (&Stop, &Body, &Heard),
) -> WorkerRecord {
    let last = body.last();
    let ended = match (last, body.main_end()) {
        (Some(last), _) => last.ended,
        (None, main_end) => main_end.and_then(|(ended, _)| ended),
    };
    let (exit_code, signal) = match ended {
        Some(Ended::Exited(code)) => (Some(code), None),
        Some(Ended::Signalled(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    let rest = body.main_end().map(|_| body.tree().identities());
    let deadline = stop.deadline().filter(|_| last.is_none());
    WorkerRecord {
        state: state(beginning, stop, body),
        pid: Some(body.main().pid()),
        start: body.main().start(),
        flag: Some(stop.flag().name().to_owned()),
        started_ns: Some(beginning.at().nanos()),
        raised_ns: stop.asked_at().map(Moment::nanos),
        level: stop.rung().map_or(0, Rung::level),
        looked: heard.looked(),
        deadline_ns: deadline.map(Moment::nanos),
        outcome: last.map(|last| last.outcome.word().to_owned()),
        exit_code,
        signal,
        failed: last.map(|last| last.failed),
        flag_to_end_ms: last.and_then(|last| last.flag_to_end).map(milliseconds),
        status_text: heard.status().map(ToOwned::to_owned),
        acknowledged_ms: heard.acknowledged().map(milliseconds),
        extensions: stop.extensions(),
        stragglers: body.stragglers(),
        rest: rest.unwrap_or_default(),
    }
}

fn state(beginning: &Beginning, stop: &Stop, body: &Body) -> WorkerState {
    if body.last().is_some() {
        WorkerState::Ended
    } else if stop.is_asked() {
        WorkerState::Stopping
    } else if body.has_main() && !beginning.has_program() {
        WorkerState::Starting
    } else {
        WorkerState::Running
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
