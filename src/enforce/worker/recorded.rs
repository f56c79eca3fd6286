//! What the run's record says of a worker.

use std::time::Duration;

use super::{Life, Program, Worker};
use crate::contract::record::{Born, WorkerRecord, WorkerState};
use crate::decide::ladder::Rung;
use crate::linux::process::{self, Found};
use crate::words::ended::Ended;
use crate::words::moment::Moment;

impl Worker {
    /// What the record says of it, if that has changed since the last call.
    pub fn take_changes(&mut self) -> Option<WorkerRecord> {
        if !self.changed {
            // Not written to: the first write to a page after a fork is a fault, and a thousand workers
            // have many pages.
            return None;
        }
        self.changed = false;
        Some(self.record())
    }

    /// Whether its slot is out of date.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Who it is, and that the record has lost what it said of it.
    pub fn forgotten(&mut self) -> Born {
        self.changed = true;
        let found = process::named(self.pid);
        let inode = match (&found, &self.life) {
            // Nobody else has its number then.
            (Found::Ours(pidfd), Life::Main) => process::pidfs_inode(pidfd),
            _ => None,
        };
        Born {
            pid: self.pid,
            start: self.start.unwrap_or(0),
            inode,
        }
    }

    fn record(&self) -> WorkerRecord {
        let last = self.is_over();
        let code = |ended: Ended| match ended {
            Ended::Exited(code) => (Some(code), None),
            Ended::Signalled(signal) => (None, Some(signal)),
        };
        let (state, ended, rest) = match &self.life {
            Life::Main if self.program != Program::Runs && self.asked.is_none() => {
                (WorkerState::Starting, None, Vec::new())
            }
            Life::Main => (self.standing(), None, Vec::new()),
            Life::Remains { ended, .. } => (self.standing(), *ended, self.tree.identities()),
            Life::Over(last) => (WorkerState::Ended, last.ended, Vec::new()),
        };
        let (exit_code, signal) = ended.map_or((None, None), code);
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        WorkerRecord {
            state,
            pid: Some(self.pid),
            start: self.start,
            flag: Some(self.flag.name().to_owned()),
            started_ns: Some(self.began.nanos()),
            raised_ns: self.asked.as_ref().map(|asked| asked.at.nanos()),
            level: self.ladder.rung().map_or(0, Rung::level),
            looked: self.looked,
            deadline_ns: self
                .ladder
                .deadline()
                .filter(|_| last.is_none())
                .map(Moment::nanos),
            outcome: last.map(|last| last.outcome.word().to_owned()),
            exit_code,
            signal,
            failed: last.map(|last| last.failed),
            flag_to_end_ms: last.and_then(|last| last.flag_to_end).map(milliseconds),
            status_text: self.said.status.clone(),
            acknowledged_ms: self.said.acknowledged.map(milliseconds),
            extensions: self.extensions,
            stragglers: self.stragglers,
            rest,
        }
    }

    fn standing(&self) -> WorkerState {
        if self.asked.is_some() {
            WorkerState::Stopping
        } else {
            WorkerState::Running
        }
    }
}
