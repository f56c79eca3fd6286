//! The protocol of `sd_notify(3)`: what programs tell the process that supervises them, in
//! datagrams. Workers speak it to us, and we speak it to the service manager that started us.
//!
//! A datagram has lines of `NAME=value`. A name that we do not know is meant for others, and is
//! ignored; so is a value that is not valid. The most that a datagram can obtain is more time.

use std::fmt::Write as _;
use std::time::Duration;

pub use inbox::{Inbox, InboxError, Letter, Patience};
pub use link::Link;

mod inbox;
mod link;

/// The variable that names the socket to send to.
pub const SOCKET: &str = "NOTIFY_SOCKET";

/// The variables that are only for the process they were set for: workers do not inherit them.
pub const OURS_ALONE: [&str; 3] = [SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The longest datagram that is read: one page, as in systemd.
pub const LONGEST: usize = 4096;

/// How long a status text may be where it is kept, in bytes of JSON. A longer one is cut, not refused.
const LONGEST_TEXT: usize = 240;

/// What one datagram says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `READY=1`: the sender has finished its start.
    pub ready: bool,
    /// `STATUS=`: what the sender is doing, in words; cut if it is long. An empty text removes the
    /// last one.
    pub status: Option<String>,
    /// `STOPPING=1`: the sender has seen that it should stop, and is stopping.
    pub stopping: bool,
    /// `EXTEND_TIMEOUT_USEC=`: the sender needs this long, counted from now.
    pub extend: Option<Duration>,
}

impl Message {
    /// Parses a datagram. As in systemd, one that contains a NUL byte says nothing at all.
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Self {
        let mut message = Self::default();
        if datagram.contains(&0) {
            return message;
        }
        let lines = datagram.split(|&b| b == b'\n');
        for line in lines.filter_map(|line| std::str::from_utf8(line).ok()) {
            match line.split_once('=') {
                Some(("READY", "1")) => message.ready = true,
                Some(("STOPPING", "1")) => message.stopping = true,
                Some(("STATUS", text)) => message.status = Some(shortened(text)),
                Some(("EXTEND_TIMEOUT_USEC", number)) => {
                    let time = number.parse().ok().map(Duration::from_micros);
                    message.extend = time.or(message.extend);
                }
                Some((_, _)) | None => {}
            }
        }
        message
    }

    /// The datagram, as [`Message::parse`] reads it.
    #[must_use]
    pub fn datagram(&self) -> String {
        let mut lines = String::new();
        if self.ready {
            lines.push_str("READY=1\n");
        }
        if self.stopping {
            lines.push_str("STOPPING=1\n");
        }
        if let Some(time) = self.extend {
            // UNWRAP: writing to a String cannot fail.
            let _ = writeln!(lines, "EXTEND_TIMEOUT_USEC={}", microseconds(time));
        }
        if let Some(text) = &self.status {
            // A newline would begin another line.
            let _ = writeln!(lines, "STATUS={}", text.replace(['\n', '\0'], " "));
        }
        lines
    }
}

/// A time as the protocol writes it, rounded up: an extension must not be too short.
#[must_use]
pub fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// As much of a text as fits.
fn shortened(text: &str) -> String {
    let mut left = LONGEST_TEXT;
    let fits = |character: &char| {
        let length = match character {
            '"' | '\\' => 2,
            // `\u001b`
            character if character.is_ascii_control() => 6,
            character => character.len_utf8(),
        };
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    };
    text.chars().take_while(fits).collect()
}

/// How often a service manager wants to hear that we are alive, from `WATCHDOG_USEC` and
/// `WATCHDOG_PID`; `None` if it does not want that, or wants it of another process
/// (`sd_watchdog_enabled(3)`).
#[must_use]
pub fn watchdog(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    let time = Duration::from_micros(usec?.parse().ok()?);
    (is_ours && !time.is_zero()).then_some(time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST_TEXT, Message, watchdog};

    #[test]
    fn every_field_is_read_wherever_it_stands() {
        let said = Message::parse(
            b"FDNAME=x\nSTATUS=epoch 3 = fine\nREADY=1\nSTOPPING=1\n\
            EXTEND_TIMEOUT_USEC=2500000\nMAINPID=1",
        );
        let status = Some("epoch 3 = fine".to_owned());
        let extend = Some(Duration::from_millis(2500));
        let (ready, stopping) = (true, true);
        assert_eq!(
            said,
            Message {
                ready,
                status,
                stopping,
                extend
            }
        );
        assert_eq!(Message::parse(said.datagram().as_bytes()), said);
    }

    #[test]
    fn what_is_not_said_in_the_words_of_the_protocol_says_nothing() {
        for datagram in [
            &b""[..],
            b"\n\n\n",
            b"READY",
            b"READY=0",
            b"READY=1 ",
            b"ready=1",
            b"READY=1\0",
            b"STOPPING=yes",
            b"STATUS=\xff",
            b"EXTEND_TIMEOUT_USEC=",
            b"EXTEND_TIMEOUT_USEC=-1",
            b"EXTEND_TIMEOUT_USEC=1e6",
            b"EXTEND_TIMEOUT_USEC=99999999999999999999",
            b"MAINPID=1\nWATCHDOG=1\nBARRIER=1",
        ] {
            assert_eq!(Message::parse(datagram), Message::default(), "{datagram:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_two_letters() {
        for (text, kept) in [
            ("x".repeat(4000), LONGEST_TEXT),
            ("ü".repeat(4000), LONGEST_TEXT),
            ("\x1b".repeat(4000), LONGEST_TEXT / 6),
            ("\\".repeat(4000), LONGEST_TEXT / 2),
        ] {
            let said = Message::parse(format!("STATUS={text}").as_bytes());
            let status = said.status.unwrap();
            assert_eq!(status.len(), kept);
            assert!(serde_json::to_string(&status).unwrap().len() <= LONGEST_TEXT + 2);
        }
    }

    #[test]
    fn a_text_cannot_forge_another_field() {
        let status = Some("done\nREADY=1".to_owned());
        let message = Message {
            status,
            ..Message::default()
        };
        assert!(!Message::parse(message.datagram().as_bytes()).ready);
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_ours() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog(Some("1000000"), Some("7"), 7), second);
        assert_eq!(watchdog(Some("1000000"), None, 7), second);
        for (usec, pid) in [
            (None, Some("7")),
            (Some("1000000"), Some("8")),
            (Some("1000000"), Some("")),
            (Some("0"), Some("7")),
            (Some("x"), Some("7")),
        ] {
            assert_eq!(watchdog(usec, pid, 7), None, "{usec:?} {pid:?}");
        }
    }
}
