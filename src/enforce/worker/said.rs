//! What a worker says of itself (`sd_notify(3)`), and the time it is given for it.

use std::time::Duration;

use super::{Life, Worker};
use crate::contract::notify::Message;
use crate::contract::record::WorkerRecord;
use crate::decide::ladder::Input;
use crate::enforce::event::{Event, Why};
use crate::enforce::turn::Turn;
use crate::words::duration::Limit;
use crate::words::moment::Moment;

/// What it has said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    ready: bool,
    pub(super) status: Option<String>,
    /// From the flag to its word that it has seen it.
    pub(super) acknowledged: Option<Duration>,
}

impl Said {
    /// What the record of an owner that is no more says of it. Ready matters to nobody any more.
    pub(super) fn recorded(record: &WorkerRecord) -> Self {
        Self {
            ready: false,
            status: record.status_text.clone(),
            acknowledged: record.acknowledged_ms.map(Duration::from_millis),
        }
    }
}

impl Worker {
    /// Takes in what it said.
    pub fn hear(&mut self, message: Message, turn: &mut Turn<'_>) {
        let worker = self.number;
        if message.ready && !std::mem::replace(&mut self.said.ready, true) {
            turn.tell(&Event::WorkerReady { worker });
        }
        if let Some(status) = message.status {
            self.said.status = Some(status).filter(|text| !text.is_empty());
            self.changed = true;
        }
        if message.stopping {
            self.acknowledge(turn);
        }
        if let Some(time) = message.extend {
            self.extend(Limit::After(time), Why::Said, turn);
        }
    }

    /// The first word that it stops is what tells when it saw the flag. Before the flag was raised
    /// it tells of something else: that it leaves by itself.
    fn acknowledge(&mut self, turn: &mut Turn<'_>) {
        let Some(asked) = self
            .asked
            .as_ref()
            .filter(|_| self.said.acknowledged.is_none())
        else {
            return;
        };
        let (worker, after) = (self.number, turn.now.since(asked.at));
        self.said.acknowledged = Some(after);
        self.changed = true;
        turn.tell(&Event::Acknowledged { worker, after });
    }

    /// Gives it this much time from now to SIGTERM, if that is more than it has and SIGTERM was not
    /// sent: no later than the longest grace there is after the flag.
    pub fn extend(&mut self, time: Limit, why: Why, turn: &mut Turn<'_>) {
        let Some(asked) = self.asked.clone() else {
            return;
        };
        let end = |from: Moment, limit| match limit {
            Limit::After(time) => Some(from + time),
            Limit::Never => None,
        };
        let (wanted, most) = (end(turn.now, time), end(asked.at, turn.rules.max_grace));
        let until = match (wanted, most) {
            (Some(wanted), Some(most)) => Some(wanted.min(most)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        };
        self.gain(Input::Extend(until), why, turn);
    }

    /// Takes in what may move SIGTERM to a later moment, or away, and tells of it if it does.
    pub(super) fn gain(&mut self, input: Input, why: Why, turn: &mut Turn<'_>) {
        let before = self.ladder.deadline();
        self.step(input, turn);
        if self.ladder.deadline() != before {
            self.extensions += 1;
            let extended = Event::Extended {
                worker: self.number,
                why,
                deadline: self.ladder.deadline().map(|until| until.since(turn.now)),
                times: self.extensions,
            };
            turn.tell(&extended);
        }
    }

    /// Whether it has said that what it had to set up is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.said.ready
    }

    /// Whether it was given more time than it had.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.extensions > 0
    }

    /// What it says that it does; `None` once it is over.
    #[must_use]
    pub fn status_text(&self) -> Option<&str> {
        match self.life {
            Life::Main | Life::Remains { .. } => self.said.status.as_deref(),
            Life::Over(_) => None,
        }
    }
}
