//! The bytes of the flag: the public contract, version 1.
//!
//! Only the form is here, for writing and for reading. This file must never open another one.

use std::fmt::Write as _;

use crate::words::moment::Moment;
use crate::words::reason::Reason;

/// The length of a flag in bytes.
pub const LEN: usize = 64;

/// The first byte of a flag that is down. Anything else means stop.
pub const RUNNING: u8 = b'0';

/// Where the text begins: after the 32-bit word whose first byte is the level.
pub const TEXT: usize = 4;

/// What a raised flag says: a request to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The flag's first byte: `1` stop, `2` SIGTERM is being used, `3` SIGKILL is being used. To a
    /// reader, any other byte except `0` is a request to stop as well.
    pub level: u8,
    /// Why. `None` if this version cannot read the word.
    pub reason: Option<Reason>,
    /// When the next rung comes. `None` if it comes only when somebody requests it.
    pub deadline: Option<Moment>,
    /// The deadline in seconds since 1970, for shells.
    pub deadline_unix: Option<u64>,
}

impl Request {
    /// The request to stop because the supervisor died, before a deadline is known.
    pub const LOST: Self = Self {
        level: b'1',
        reason: Some(Reason::LOST),
        deadline: None,
        deadline_unix: None,
    };
}

/// The bytes of a flag that is down.
#[must_use]
pub const fn running() -> [u8; LEN] {
    let mut bytes = [b'\n'; LEN];
    bytes[0] = RUNNING;
    bytes
}

/// The bytes of a raised flag.
#[must_use]
pub fn stopping(request: &Request) -> [u8; LEN] {
    let mut text = String::with_capacity(LEN);
    let reason = request.reason.as_ref().map_or("-", Reason::as_str);
    let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let (deadline, unix) = (request.deadline.map(Moment::nanos), request.deadline_unix);
    // UNWRAP: writing to a String cannot fail. At most 4 + 16 + 1 + 20 + 1 + 20 bytes: it fits.
    let _ = write!(text, "    {reason} {} {}", number(deadline), number(unix));
    let mut bytes = [b'\n'; LEN];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    // Not as a character of the text: above 127 that would be two bytes.
    bytes[0] = request.level;
    bytes
}

/// Parses a flag: `None` while it is down. What cannot be read is left out, and is never an error:
/// the first byte alone decides, so that later versions work with old readers.
#[must_use]
pub fn parse(bytes: &[u8; LEN]) -> Option<Request> {
    if bytes[0] == RUNNING {
        return None;
    }
    let line = bytes[TEXT..]
        .split(|&b| b == b'\n')
        .next()
        .unwrap_or_default();
    let mut words = std::str::from_utf8(line).unwrap_or_default().split(' ');
    let reason = words.next().and_then(|word| Reason::parse(word).ok());
    let mut number = || words.next().and_then(|word| word.parse().ok());
    Some(Request {
        level: bytes[0],
        reason,
        deadline: number().map(Moment::from_nanos),
        deadline_unix: number(),
    })
}

#[cfg(test)]
mod tests {
    use super::{LEN, Request, parse, running, stopping};
    use crate::words::moment::Moment;
    use crate::words::reason::Reason;

    fn request() -> Request {
        Request {
            level: b'1',
            reason: Some(Reason::USER),
            deadline: Some(Moment::from_nanos(1_874_909_537_128)),
            deadline_unix: Some(1_763_818_800),
        }
    }

    #[test]
    fn the_golden_flags_are_what_is_written() {
        assert_eq!(
            &running(),
            include_bytes!("../../../tests/golden/running.flag")
        );
        assert_eq!(
            &stopping(&request()),
            include_bytes!("../../../tests/golden/stopping.flag")
        );
    }

    #[test]
    fn the_golden_flags_are_read() {
        assert_eq!(
            parse(include_bytes!("../../../tests/golden/running.flag")),
            None
        );
        assert_eq!(
            parse(include_bytes!("../../../tests/golden/stopping.flag")),
            Some(request())
        );
    }

    #[test]
    fn a_deadline_that_does_not_exist_is_a_dash() {
        let never = Request {
            deadline: None,
            deadline_unix: None,
            ..request()
        };
        assert!(stopping(&never).starts_with(b"1   user - -\n"));
        assert_eq!(parse(&stopping(&never)), Some(never));
    }

    #[test]
    fn a_reason_that_does_not_exist_is_a_dash() {
        let unknown = Request {
            reason: None,
            ..request()
        };
        assert!(stopping(&unknown).starts_with(b"1   - 1874909537128 "));
        assert_eq!(parse(&stopping(&unknown)), Some(unknown));
    }

    #[test]
    fn a_level_of_any_byte_is_written_as_that_byte() {
        for level in 0..=u8::MAX {
            let raised = Request { level, ..request() };
            let read = parse(&stopping(&raised));
            assert_eq!(read, (level != b'0').then_some(raised), "level {level}");
        }
    }

    #[test]
    fn the_longest_flag_fits_and_is_read_back() {
        let longest = Request {
            level: b'3',
            reason: Reason::parse("abcdefghij-12345").ok(),
            deadline: Some(Moment::from_nanos(u64::MAX)),
            deadline_unix: Some(u64::MAX >> 4),
        };
        assert_eq!(parse(&stopping(&longest)), Some(longest));
    }

    #[test]
    fn any_first_byte_but_zero_is_a_stop_whatever_follows() {
        for first in 0..=u8::MAX {
            for rest in [b'\0', b'\n', b' ', b'9', 0xff] {
                let mut bytes = [rest; LEN];
                bytes[0] = first;
                assert_eq!(parse(&bytes).is_some(), first != b'0', "first byte {first}");
            }
        }
    }
}
