//! What a worker says (`sd_notify(3)`), and whether it looks at its flag.

use std::time::Duration;

use crate::contract::notify::Message;
use crate::contract::record::WorkerRecord;
use crate::enforce::event::Event;
use crate::enforce::turn::Turn;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// What is known of a worker from itself.
#[derive(Debug)]
pub(super) struct Heard {
    worker: WorkerNumber,
    /// Whether anybody opened its flag; `None` if that cannot be known.
    looked: Option<bool>,
    ready: bool,
    status: Option<String>,
    /// The time from the flag to the worker's word that it has seen it.
    acknowledged: Option<Duration>,
}

impl Heard {
    /// Of a worker that has said nothing, and has not looked.
    pub(super) const fn nothing(worker: WorkerNumber) -> Self {
        Self {
            worker,
            looked: Some(false),
            ready: false,
            status: None,
            acknowledged: None,
        }
    }

    /// What the record of an earlier owner says of it.
    pub(super) fn recorded(
        worker: WorkerNumber,
        record: &WorkerRecord,
        looked: Option<bool>,
    ) -> Self {
        Self {
            worker,
            looked,
            ready: record.ready,
            status: record.status_text.clone(),
            acknowledged: record.acknowledged_ms.map(Duration::from_millis),
        }
    }

    /// It looked at its flag. Reports that, and answers whether it is news.
    pub(super) fn look(&mut self, turn: &mut Turn<'_>) -> bool {
        let is_news = self.looked.replace(true) != Some(true);
        if is_news {
            let worker = self.worker;
            turn.tell(&Event::FirstLook { worker });
        }
        is_news
    }

    /// Its looks cannot be seen.
    pub(super) fn lose_sight(&mut self) {
        self.looked = None;
    }

    /// Takes in what it said, as a worker that was asked to stop at this moment, and reports it. Answers
    /// whether that changes what the record says.
    pub(super) fn hear(
        &mut self,
        message: &Message,
        asked_at: Option<Moment>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let worker = self.worker;
        let is_ready_now = message.ready && !self.ready;
        if is_ready_now {
            self.ready = true;
            turn.tell(&Event::WorkerReady { worker });
        }
        if let Some(status) = &message.status {
            // An empty text takes back what it said before.
            self.status = Some(status.clone()).filter(|text| !text.is_empty());
        }
        // Only the first word that it stops tells when it saw the flag. Before the flag was raised, it
        // tells of something else: that it leaves by itself.
        let seen_at = asked_at.filter(|_| message.stopping && self.acknowledged.is_none());
        if let Some(asked_at) = seen_at {
            let after = turn.now.since(asked_at);
            self.acknowledged = Some(after);
            turn.tell(&Event::Acknowledged { worker, after });
        }
        is_ready_now || message.status.is_some() || seen_at.is_some()
    }

    /// Whether it looked at its flag; `None` if that cannot be known.
    pub(super) fn looked(&self) -> Option<bool> {
        self.looked
    }

    /// The same; but a worker that has said that it stops has seen its flag.
    pub(super) fn has_seen_flag(&self) -> Option<bool> {
        self.acknowledged.map(|_| true).or(self.looked)
    }

    /// Whether it has said that what it had to set up is there.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// What it says that it does.
    pub(super) fn status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    /// The time from the flag to its word that it has seen it.
    pub(super) fn acknowledged(&self) -> Option<Duration> {
        self.acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Heard, Message, Moment, WorkerNumber, WorkerRecord};
    use crate::enforce::turn::tests::Told;

    const ASKED: Moment = Moment::from_nanos(1_000_000_000);

    fn nothing() -> Heard {
        Heard::nothing(WorkerNumber::FIRST)
    }

    fn status(text: &str) -> Message {
        Message {
            status: Some(text.to_owned()),
            ..Message::default()
        }
    }

    #[test]
    fn a_look_is_reported_once() {
        let (mut heard, mut told) = (nothing(), Told::default());
        assert_eq!(heard.looked(), Some(false));
        assert!(heard.look(&mut told.turn(ASKED)));
        assert!(!heard.look(&mut told.turn(ASKED)));
        assert_eq!(heard.looked(), Some(true));
        assert_eq!(told.count("FirstLook"), 1);
    }

    #[test]
    fn a_look_that_is_seen_after_all_is_news() {
        let (mut heard, mut told) = (nothing(), Told::default());
        heard.lose_sight();
        assert_eq!(heard.looked(), None);
        assert!(heard.look(&mut told.turn(ASKED)));
    }

    #[test]
    fn the_first_word_that_it_stops_is_the_one_that_counts() {
        let (mut heard, mut told) = (nothing(), Told::default());
        let stopping = Message {
            stopping: true,
            ..Message::default()
        };
        assert_eq!(heard.has_seen_flag(), Some(false));
        assert!(!heard.hear(&stopping, None, &mut told.turn(ASKED)));
        assert_eq!(heard.acknowledged(), None, "it leaves by itself");
        for (after, is_news) in [(1, true), (2, false)] {
            let now = ASKED + Duration::from_secs(after);
            let mut turn = told.turn(now);
            assert_eq!(heard.hear(&stopping, Some(ASKED), &mut turn), is_news);
        }
        assert_eq!(heard.acknowledged(), Some(Duration::from_secs(1)));
        assert_eq!(heard.has_seen_flag(), Some(true));
        assert_eq!(heard.looked(), Some(false));
        assert_eq!(told.count("Acknowledged"), 1);
    }

    #[test]
    fn an_empty_status_takes_the_last_one_back() {
        let (mut heard, mut told) = (nothing(), Told::default());
        assert!(heard.hear(&status("epoch 7"), None, &mut told.turn(ASKED)));
        assert_eq!(heard.status(), Some("epoch 7"));
        assert!(heard.hear(&status(""), None, &mut told.turn(ASKED)));
        assert_eq!(heard.status(), None);
    }

    #[test]
    fn that_it_is_ready_is_news_once() {
        let (mut heard, mut told) = (nothing(), Told::default());
        let ready = Message {
            ready: true,
            ..Message::default()
        };
        for is_news in [true, false] {
            assert_eq!(heard.hear(&ready, None, &mut told.turn(ASKED)), is_news);
        }
        assert!(heard.is_ready());
        assert_eq!(told.count("WorkerReady"), 1);
    }

    #[test]
    fn what_an_earlier_owner_has_heard_is_kept() {
        let record = WorkerRecord {
            ready: true,
            status_text: Some("saving".to_owned()),
            acknowledged_ms: Some(1500),
            ..WorkerRecord::default()
        };
        let heard = Heard::recorded(WorkerNumber::FIRST, &record, None);
        assert!(heard.is_ready());
        assert_eq!(heard.status(), Some("saving"));
        assert_eq!(heard.acknowledged(), Some(Duration::from_millis(1500)));
        assert_eq!(heard.looked(), None);
    }
}
