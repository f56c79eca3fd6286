//! Times as people type them, and as messages show them.
//!
//! The grammar is small on purpose. A time that is misread stops a worker too early or never, so
//! anything ambiguous is refused: no blanks, no sign, no exponent, no unit in capitals (`1M` is a
//! month to some programs and a minute to others).

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::words::escape::escaped;
use grammar::{Fault, SECOND, UNITS, parse};

mod grammar;

/// A time after which something happens, or never.
///
/// It is typed as `10` (seconds), `1.5s`, `500ms`, `1m30s`, `2h`, `1d` or `infinity`: whole
/// numbers with units from the longest to the shortest, each at most once, the last one with a
/// fraction if needed. What it displays can be typed again. A shorter limit compares as less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// After this time; zero means at once.
    After(Duration),
    /// Never: `infinity`.
    Never,
}

impl Limit {
    /// The limit that is this much longer.
    #[must_use]
    pub const fn plus(self, time: Duration) -> Self {
        match self {
            Limit::After(own) => Limit::After(own.saturating_add(time)),
            Limit::Never => Limit::Never,
        }
    }

    /// The limit that is this much shorter, at least zero.
    #[must_use]
    pub const fn minus(self, time: Duration) -> Self {
        match self {
            Limit::After(own) => Limit::After(own.saturating_sub(time)),
            Limit::Never => Limit::Never,
        }
    }
}

impl FromStr for Limit {
    type Err = DurationError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        if typed == "infinity" {
            return Ok(Limit::Never);
        }
        match parse(typed) {
            Ok(time) => Ok(Limit::After(time)),
            Err(fault) => Err(DurationError {
                typed: typed.to_owned(),
                fault,
            }),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Limit::After(time) => write_parts(time.as_nanos(), f),
            Limit::Never => f.write_str("infinity"),
        }
    }
}

/// A text that is not a time; its message names the text, what is wrong and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError {
    typed: String,
    fault: Fault,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a duration: ", escaped(&self.typed))?;
        f.write_str(match self.fault {
            Fault::Empty => "it is empty",
            Fault::NoNumber => "a number is expected, without sign, blank or exponent",
            Fault::NoUnit => "a number before or after another needs a unit",
            Fault::UnknownUnit => "the units are d, h, m, s and ms",
            Fault::Order => "units go from the longest to the shortest, each once",
            Fault::Fraction => "only the last number can have a fraction",
            Fault::TooFine => "it is finer than a nanosecond",
            Fault::TooLong => "more than ten years is 'infinity'",
        })?;
        f.write_str("; write 10 (seconds), 1.5s, 500ms, 1m30s, 2h, 1d or infinity")
    }
}

impl Error for DurationError {}

/// Writes `1m30s`, `1.5s`, `500ms`: only the last part can have a fraction, and a fraction of a
/// second alone is written in milliseconds.
fn write_parts(nanos: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if nanos == 0 {
        return f.write_str("0s");
    }
    let mut rest = nanos;
    for (unit, length) in UNITS.into_iter().filter(|(_, length)| *length > SECOND) {
        if rest >= length {
            write!(f, "{}{unit}", rest / length)?;
            rest %= length;
        }
    }
    match rest {
        0 => Ok(()),
        1..SECOND => write_decimal(rest, 1_000_000, "ms", f),
        _ => write_decimal(rest, SECOND, "s", f),
    }
}

fn write_decimal(nanos: u128, length: u128, unit: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", nanos / length)?;
    let fraction = nanos % length;
    if fraction != 0 {
        // The sum begins with a 1, which keeps the leading zeros.
        let digits = (length + fraction).to_string();
        write!(f, ".{}", digits[1..].trim_end_matches('0'))?;
    }
    f.write_str(unit)
}

/// A time as messages show it: `0.2 s`, `5 s`, `1 m 30 s`, `2 h 5 m`, `3 d 4 h`.
///
/// It is rounded to the nearest tenth below ten seconds, to the nearest second below an hour, and
/// to the smaller of its two largest units above.
#[must_use]
pub fn in_words(time: Duration) -> String {
    let tenths = rounded(time.as_nanos(), SECOND / 10);
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if whole < 10 && tenth != 0 {
        return format!("{whole}.{tenth} s");
    }
    let seconds = rounded(time.as_nanos(), SECOND);
    let minutes = rounded(time.as_nanos(), 60 * SECOND);
    let hours = rounded(time.as_nanos(), 60 * 60 * SECOND);
    if seconds < 60 {
        format!("{seconds} s")
    } else if seconds < 60 * 60 {
        two_units(seconds, 60, "m", "s")
    } else if minutes < 24 * 60 {
        two_units(minutes, 60, "h", "m")
    } else {
        two_units(hours, 24, "d", "h")
    }
}

fn rounded(nanos: u128, length: u128) -> u128 {
    (nanos + length / 2) / length
}

fn two_units(count: u128, per_larger: u128, larger: &str, smaller: &str) -> String {
    match (count / per_larger, count % per_larger) {
        (whole, 0) => format!("{whole} {larger}"),
        (whole, rest) => format!("{whole} {larger} {rest} {smaller}"),
    }
}

#[cfg(test)]
mod tests {
    use super::grammar::LONGEST;
    use super::{Duration, Limit, in_words};
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    #[test]
    fn a_time_is_what_was_typed() {
        for (typed, millis) in [
            ("0", 0),
            ("10", 10_000),
            ("007", 7_000),
            ("0.5", 500),
            ("1.5s", 1_500),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1m0.25s", 60_250),
            ("2h", 7_200_000),
            ("1.5h", 5_400_000),
            ("1d", 86_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("3650d", 315_360_000_000),
        ] {
            let time = Limit::After(Duration::from_millis(millis));
            assert_eq!(typed.parse(), Ok(time), "{typed}");
        }
        assert_eq!("infinity".parse(), Ok(Limit::Never));
        let nanosecond = Limit::After(Duration::from_nanos(1));
        assert_eq!("0.000000001".parse(), Ok(nanosecond));
        assert_eq!("0.000001000ms".parse(), Ok(nanosecond));
    }

    #[test]
    fn what_is_not_plainly_a_time_is_refused_with_its_fault() {
        for (typed, fault) in [
            ("", "empty"),
            (" 10", "a number is expected"),
            ("-1", "a number is expected"),
            ("+1", "a number is expected"),
            (".5", "a number is expected"),
            ("5.", "a number is expected"),
            ("s", "a number is expected"),
            ("inf", "a number is expected"),
            ("Infinity", "a number is expected"),
            ("٣s", "a number is expected"),
            ("10 ", "the units are"),
            ("10 s", "the units are"),
            ("1M", "the units are"),
            ("5us", "the units are"),
            ("1e400", "the units are"),
            ("0x10", "the units are"),
            ("1_000", "the units are"),
            ("1.5.5s", "the units are"),
            ("1m30", "needs a unit"),
            ("30s1m", "longest to the shortest"),
            ("1s1s", "longest to the shortest"),
            ("1.5m30s", "only the last number"),
            ("1.0m30s", "only the last number"),
            ("0.0000000001", "finer than a nanosecond"),
            ("0.00000000000000000000000001d", "finer than a nanosecond"),
            ("3650d1ms", "ten years"),
            ("3650.5d", "ten years"),
            ("9999999999d", "ten years"),
            ("340282366920938463463374607431768211456", "ten years"),
            ("340282366920938463463374607431768211455d", "ten years"),
        ] {
            let message = typed.parse::<Limit>().unwrap_err().to_string();
            assert!(message.contains(fault), "{typed}: {message}");
            assert!(message.contains(&format!("'{typed}'")), "{message}");
            assert!(message.contains("; write 10 (seconds), 1.5s"), "{message}");
        }
    }

    #[test]
    fn a_limit_is_displayed_in_the_form_it_is_typed() {
        for typed in [
            "0s",
            "0.000001ms",
            "500ms",
            "0.5ms",
            "1s",
            "10s",
            "1.5s",
            "59.999s",
            "1m",
            "1m30s",
            "59m59s",
            "1h",
            "1h50ms",
            "2h",
            "1d",
            "1d12h",
            "3650d",
            "infinity",
        ] {
            assert_eq!(typed.parse::<Limit>().unwrap().to_string(), typed);
        }
    }

    #[test]
    fn a_time_in_words_has_two_units_at_most() {
        for (millis, words) in [
            (0, "0 s"),
            (49, "0 s"),
            (50, "0.1 s"),
            (200, "0.2 s"),
            (5_000, "5 s"),
            (9_940, "9.9 s"),
            (9_999, "10 s"),
            (10_100, "10 s"),
            (10_600, "11 s"),
            (59_499, "59 s"),
            (59_999, "1 m"),
            (60_000, "1 m"),
            (61_000, "1 m 1 s"),
            (90_000, "1 m 30 s"),
            (3_599_000, "59 m 59 s"),
            (3_599_900, "1 h"),
            (3_629_000, "1 h"),
            (3_630_000, "1 h 1 m"),
            (7_500_000, "2 h 5 m"),
            (86_340_000, "23 h 59 m"),
            (86_399_000, "1 d"),
            (88_199_000, "1 d"),
            (88_200_000, "1 d 1 h"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
        }
        assert_eq!(in_words(Duration::MAX), "213503982334601 d 7 h");
    }

    proptest! {
        #[test]
        fn a_displayed_limit_is_the_same_limit_when_typed_again(
            // Whole milliseconds, seconds and minutes as well as any number of nanoseconds.
            unit in 0..5_usize,
            nanos in 0..=u64::try_from(LONGEST.as_nanos()).unwrap(),
        ) {
            let unit = [1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000][unit];
            let limit = Limit::After(Duration::from_nanos(nanos - nanos % unit));
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }

        #[test]
        fn any_text_is_a_limit_or_an_error(text in any::<String>()) {
            if let Ok(limit) = text.parse::<Limit>() {
                prop_assert_eq!(limit.to_string().parse(), Ok(limit));
            }
        }

        #[test]
        fn any_text_of_the_characters_of_a_time_is_a_limit_or_an_error(
            text in "[0-9]{1,40}(\\.[0-9]{0,30})?(d|h|m|s|ms|)([0-9]{0,3}\\.?[0-9]{0,3}(m|s|ms)){0,3}",
        ) {
            if let Ok(limit) = text.parse::<Limit>() {
                prop_assert_eq!(limit.to_string().parse(), Ok(limit));
            }
        }
    }
}
