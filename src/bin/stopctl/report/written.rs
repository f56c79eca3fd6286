//! The end of the report: waits until all of it is written, but not for ever.

use std::time::Duration;

use stopctl::linux::plain::plain;
use stopctl::linux::stream::{Lost, Stream};

use crate::report::events::Events;
use crate::say::voice::{Voice, Weight};
use crate::say::workers::counted;

/// How long to wait for a reader of events, or for the disk with their file.
const EVENTS: Duration = Duration::from_secs(5);

/// How long to wait for a reader of our standard error: people read it, and they see that we are still
/// there.
const LINES: Duration = Duration::from_secs(1);

/// Writes what is left, and says how much was lost.
pub(super) fn finish(voice: &mut Voice, events: Option<&mut Events>) {
    if let Some(events) = events {
        let dropped = events.dropped();
        if dropped > 0 {
            let what = number(dropped, "event");
            let line = format!("--events: {what} dropped, because the reader is slow");
            voice.insist(Weight::Error, &line);
        }
        for line in lines(&events.stream_mut().finish(stopctl::now() + EVENTS)) {
            voice.insist(Weight::Error, &format!("--events: {line}"));
        }
    }
    let dropped = voice.stream().map_or(0, Stream::lost);
    if dropped > 0 {
        voice.insist(Weight::Warning, &untaken(dropped));
    }
    if let Some(stream) = voice.stream_mut() {
        // Nobody can be told here of what is lost now.
        let _ = stream.finish(stopctl::now() + LINES);
    }
}

/// The sentences about the end of a stream.
pub(super) fn lines(lost: &Lost) -> Vec<String> {
    let mut lines = Vec::new();
    if lost.lines > 0 {
        lines.push(lost.why.as_ref().map_or_else(
            || untaken(lost.lines),
            |error| {
                format!(
                    "{} could not be written: {}",
                    number(lost.lines, "line"),
                    plain(error)
                )
            },
        ));
    }
    if let Some(pid) = lost.left_to {
        lines.push(format!(
            "the disk does not answer; pid {pid} writes what is left when it does, and ends then"
        ));
    }
    lines
}

fn untaken(lines: u64) -> String {
    let what = number(lines, "line");
    format!("{what} dropped, because nobody took them")
}

fn number(of: u64, what: &str) -> String {
    counted(usize::try_from(of).unwrap_or(usize::MAX), what)
}
