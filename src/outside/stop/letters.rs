//! The lines that the owner of a run is still to get through its FIFO.

use std::collections::VecDeque;
use std::time::Duration;

use crate::contract::control::Sender;
use crate::linux::sys;

/// How long we wait for room in a FIFO that is full.
const ROOM: Duration = Duration::from_millis(50);

/// Lines that were not written yet.
#[derive(Debug, Default)]
pub(super) struct Letters(VecDeque<String>);

impl Letters {
    /// Forgets what was not written, and has this to write instead, for so many times.
    pub(super) fn write(&mut self, lines: impl IntoIterator<Item = String>, times: u32) {
        // Somebody may have left a line without an end. Owners find that out by themselves; those
        // of an older version do not.
        let end = (times > 1).then(String::new);
        self.0 = end.into_iter().chain(lines).collect();
    }

    /// Forgets what was not written.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether all is written.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes what there is room for. Should nobody read any more, the next look finds out.
    pub(super) fn send(&mut self, sender: &mut Sender) {
        while let Some(line) = self.0.front() {
            let sent = sender.send_until(line, sys::now() + ROOM);
            if !sent.is_ok_and(|sent| sent) {
                return;
            }
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::Letters;
    use crate::contract::control::{Control, Line, Sender};

    #[test]
    fn what_found_no_room_is_sent_later_and_a_repeated_request_ends_the_line_before() {
        let dir = tempfile::tempdir().unwrap();
        let dir = File::open(dir.path()).unwrap();
        let mut control = Control::create(&dir).unwrap();
        let mut sender = Sender::open(&dir).unwrap();
        let filler = "x".repeat(4095);
        while sender.send(&filler).unwrap() {}
        let mut letters = Letters::default();
        let lines = ["1 stop worker=1", "1 stop worker=2"].map(str::to_owned);
        letters.write(lines.clone(), 1);
        letters.send(&mut sender);
        assert!(!letters.is_empty(), "a full FIFO takes nothing");
        while !control.drain().is_empty() {}
        letters.send(&mut sender);
        assert!(letters.is_empty());
        assert_eq!(control.drain().len(), 2);
        sender.send(&"half a li").unwrap();
        letters.write(lines, 2);
        letters.send(&mut sender);
        let got = control.drain();
        assert_eq!(got.first(), Some(&Line::Junk));
        assert_eq!(got.len(), 3, "{got:?}");
        letters.write(["1 stop".to_owned()], 1);
        letters.clear();
        assert!(letters.is_empty());
    }
}
