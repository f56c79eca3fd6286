//! `--events`: what happens in a run, as JSON lines.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use stopctl::decide::outcome::Final;
use stopctl::enforce::event::Event;
use stopctl::linux::stream::Stream;
use stopctl::words::ended::Ended;
use stopctl::words::signal_name::signal_name;

use crate::show::json::{known, limit_ms, milliseconds, time_of_day};

/// Where events are written.
pub(crate) struct Events {
    stream: Stream,
    run: String,
    /// How many events were dropped since the reader was last told.
    gap: u64,
    dropped: u64,
}

impl Events {
    /// Opens what `--events` names: a file, or `fd:N`.
    pub(crate) fn open(target: &OsStr) -> io::Result<Self> {
        let number = target.to_str().and_then(|text| text.strip_prefix("fd:"));
        let stream = match number.map(str::parse) {
            Some(Ok(number)) => Stream::of_descriptor(number)?,
            Some(Err(_)) => return Err(io::Error::other("write fd:N with a number, or a file")),
            None => Stream::append(Path::new(target))?,
        };
        Ok(Self {
            stream,
            run: String::new(),
            gap: 0,
            dropped: 0,
        })
    }

    /// How many events were dropped, because too many waited to be read.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(crate) fn write(&mut self, event: &Event<'_>) {
        if let Event::RunStarted { run, .. } = event {
            run.name.clone_into(&mut self.run);
        }
        let Some((name, more)) = fields(event) else {
            return;
        };
        if !self.stream.has_room() && !is_final(event) {
            self.gap += 1;
            self.dropped += 1;
            return;
        }
        match std::mem::take(&mut self.gap) {
            0 => {}
            dropped => self.keep("gap", json!({ "dropped": dropped })),
        }
        self.keep(name, more);
    }

    fn keep(&mut self, name: &str, more: Value) {
        let time = time_of_day(SystemTime::now());
        let mut line = json!({ "schema": 1, "event": name, "time": time, "run": self.run });
        if let (Value::Object(fields), Value::Object(more)) = (&mut line, more) {
            fields.extend(more);
        }
        self.stream.keep(&format!("{line}\n"));
    }
}

/// Whether this is a final record, or a start, without which nobody could tell whose record it is. Both
/// are kept however slow the reader is.
fn is_final(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::RunStarted { .. }
            | Event::WorkerStarted { .. }
            | Event::WorkerEnded(_)
            | Event::RunEnded { .. }
    )
}

/// The name and the fields of an event; `None` if it is for people only.
#[expect(clippy::too_many_lines, reason = "a table with one row for each event")]
fn fields(event: &Event<'_>) -> Option<(&'static str, Value)> {
    let deadline_ms = |deadline: &Option<Duration>| deadline.map(milliseconds);
    let (name, value) = match event {
        Event::RunStarted { run, directory } => (
            "run_started",
            json!({
                "pid": run.pid,
                "workers": run.workers,
                "command": run.command,
                "directory": directory.display().to_string(),
                "grace_ms": limit_ms(run.times().grace),
                "kill_after_ms": limit_ms(run.times().kill_after),
            }),
        ),
        Event::WorkerStarted { worker, pid, flag } => (
            "worker_started",
            json!({ "worker": worker, "pid": pid, "flag": flag.display().to_string() }),
        ),
        Event::StopRequested {
            reason, workers, ..
        } => (
            "stop_requested",
            json!({ "reason": reason.as_str(), "workers": workers }),
        ),
        Event::CalledOff { worker, reason } => (
            "worker_called_off",
            json!({ "worker": worker, "reason": reason.as_str() }),
        ),
        Event::FlagRaised {
            worker,
            reason,
            level,
            deadline,
        } => (
            "flag_raised",
            json!({
                "worker": worker,
                "reason": reason.as_str(),
                "level": level,
                "deadline_in_ms": deadline_ms(deadline),
            }),
        ),
        Event::FirstLook { worker } => ("flag_first_read", json!({ "worker": worker })),
        Event::Extended {
            worker,
            why,
            deadline,
            is_capped,
            ..
        } => (
            "extended",
            json!({
                "worker": worker,
                "why": why.word(),
                "capped": is_capped,
                "deadline_in_ms": deadline_ms(deadline),
            }),
        ),
        Event::WorkerReady { worker } => ("worker_ready", json!({ "worker": worker })),
        Event::Acknowledged { worker, after } => (
            "stop_acknowledged",
            json!({ "worker": worker, "after_ms": milliseconds(*after) }),
        ),
        Event::SignalSent {
            worker,
            pid,
            signal,
        } => (
            "signal_sent",
            json!({ "worker": worker, "pid": pid, "signal": signal_name(*signal) }),
        ),
        Event::Straggler { worker, straggler } => (
            "straggler",
            json!({ "worker": worker, "pid": straggler.pid, "program": straggler.program }),
        ),
        Event::StragglerLeft { worker, straggler } => (
            "straggler_left",
            json!({ "worker": worker, "pid": straggler.pid, "program": straggler.program }),
        ),
        Event::WorkerEnded(last) => ("worker_ended", ended(last)),
        Event::GuardStarted { pid } => ("guard_started", json!({ "pid": pid })),
        Event::GuardEnded { pid } => ("guard_ended", json!({ "pid": pid })),
        Event::SupervisorDied { pid, .. } => ("supervisor_died", json!({ "pid": pid })),
        Event::Suspended => ("suspended", json!({})),
        Event::Resumed { suspended } => (
            "resumed",
            json!({ "suspended_ms": milliseconds(*suspended) }),
        ),
        Event::Deposed => ("deposed", json!({})),
        Event::RunEnded {
            status,
            reason,
            duration,
        } => (
            "run_ended",
            json!({
                "status": status,
                "reason": reason.map(ToString::to_string),
                "duration_ms": milliseconds(*duration),
            }),
        ),
        Event::Signalled { .. }
        | Event::Forwarded { .. }
        | Event::Ignored { .. }
        | Event::SignalRefused { .. }
        | Event::MainEnded { .. }
        | Event::NotEnded { .. }
        | Event::StragglerEnded { .. }
        | Event::Nobodys { .. }
        | Event::ForeignReaped { .. }
        | Event::Repeated { .. }
        | Event::Junk
        | Event::Adopted { .. }
        | Event::PutBack { .. }
        | Event::Healed { .. }
        | Event::Warning(_) => return None,
    };
    Some((name, known(value)))
}

fn ended(last: &Final) -> Value {
    let (exit_code, signal) = match last.ended {
        Some(Ended::Exited(code)) => (Some(code), None),
        Some(Ended::Signalled(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    json!({
        "worker": last.worker,
        "pid": last.pid,
        "outcome": last.outcome.word(),
        "exit_code": exit_code,
        "signal": signal,
        "failed": last.failed,
        "flag_to_end_ms": last.flag_to_end.map(milliseconds),
        "looked": last.looked,
        "extensions": last.extensions,
        "stragglers": last.stragglers,
    })
}
