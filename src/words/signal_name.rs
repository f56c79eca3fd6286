//! The names of signals, as people type and read them.
//!
//! The numbers are those of Linux on `x86_64` and `aarch64`, with the real-time signals as glibc
//! counts them: it keeps 32 and 33 for itself, so `SIGRTMIN` is 34. See `signal(7)`.

use std::error::Error;
use std::fmt;

use crate::words::escape::escaped;

/// The signals that have a name. If two names have the same number, the first one is printed.
const NAMES: [(i32, &str); 34] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (6, "IOT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (10, "USR1"),
    (11, "SEGV"),
    (12, "USR2"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
    (16, "STKFLT"),
    (17, "CHLD"),
    (17, "CLD"),
    (18, "CONT"),
    (19, "STOP"),
    (20, "TSTP"),
    (21, "TTIN"),
    (22, "TTOU"),
    (23, "URG"),
    (24, "XCPU"),
    (25, "XFSZ"),
    (26, "VTALRM"),
    (27, "PROF"),
    (28, "WINCH"),
    (29, "IO"),
    (29, "POLL"),
    (30, "PWR"),
    (31, "SYS"),
];

/// The first and last real-time signals that a program may use.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// Real-time signals up to this one are counted from `SIGRTMIN`, later ones from `SIGRTMAX`, as
/// shells do in `kill -l`.
const LAST_FROM_RTMIN: i32 = 49;

/// The name of a signal: `SIGTERM`, `SIGRTMIN+3`; `signal 99` if it has no name.
#[must_use]
pub fn signal_name(signal: i32) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(number, _)| *number == signal) {
        return format!("SIG{name}");
    }
    if !is_signal(signal) {
        return format!("signal {signal}");
    }
    match (signal - RTMIN, RTMAX - signal) {
        (0, _) => "SIGRTMIN".to_owned(),
        (_, 0) => "SIGRTMAX".to_owned(),
        (above, _) if signal <= LAST_FROM_RTMIN => format!("SIGRTMIN+{above}"),
        (_, below) => format!("SIGRTMAX-{below}"),
    }
}

/// The number of a signal that was typed as a name, with or without `SIG` and in any case, as a
/// number, or counted from a real-time signal: `TERM`, `sigterm`, `15`, `RTMIN+3`, `SIGRTMAX-2`.
///
/// # Errors
///
/// If the text does not name a signal that a program can be sent; 32 and 33 are refused too.
pub fn parse_signal(typed: &str) -> Result<i32, SignalError> {
    let upper = typed.to_ascii_uppercase();
    let number = match number(&upper) {
        Some(number) => is_signal(number).then_some(number),
        None => named(upper.strip_prefix("SIG").unwrap_or(&upper)),
    };
    number.ok_or_else(|| SignalError(typed.to_owned()))
}

fn named(name: &str) -> Option<i32> {
    let counted = if let Some(count) = name.strip_prefix("RTMIN") {
        offset(count, '+').map(|count| RTMIN.saturating_add(count))
    } else if let Some(count) = name.strip_prefix("RTMAX") {
        offset(count, '-').map(|count| RTMAX.saturating_sub(count))
    } else {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        return found.map(|(number, _)| *number);
    };
    counted.filter(|number| (RTMIN..=RTMAX).contains(number))
}

/// The distance from `RTMIN` or `RTMAX` that `text`, which follows that word, stands for.
fn offset(text: &str, sign: char) -> Option<i32> {
    if text.is_empty() {
        return Some(0);
    }
    number(text.strip_prefix(sign)?)
}

/// Parses a number that consists of digits alone: `parse` would accept a sign as well.
fn number(text: &str) -> Option<i32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn is_signal(number: i32) -> bool {
    NAMES.iter().any(|(known, _)| *known == number) || (RTMIN..=RTMAX).contains(&number)
}

/// The error for a text that does not name a signal; its message says what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalError(String);

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is not a signal: write a name (TERM, SIGUSR1), a number from 1 to {RTMAX} \
             (not 32 or 33, which the C library uses), or RTMIN+N",
            escaped(&self.0)
        )
    }
}

impl Error for SignalError {}

#[cfg(test)]
mod tests {
    use super::{NAMES, is_signal, parse_signal, signal_name};
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    #[test]
    fn the_name_of_every_signal_is_read_as_its_number() {
        for number in 1..=64 {
            let name = signal_name(number);
            if matches!(number, 32 | 33) {
                assert_eq!(name, format!("signal {number}"));
                assert!(parse_signal(&number.to_string()).is_err());
                continue;
            }
            let bare = name.strip_prefix("SIG").unwrap();
            for typed in [
                name.as_str(),
                bare,
                &bare.to_lowercase(),
                &number.to_string(),
            ] {
                assert_eq!(parse_signal(typed), Ok(number), "{typed}");
            }
        }
    }

    #[test]
    fn real_time_signals_are_counted_from_the_nearer_end() {
        for (number, name) in [
            (34, "SIGRTMIN"),
            (37, "SIGRTMIN+3"),
            (49, "SIGRTMIN+15"),
            (50, "SIGRTMAX-14"),
            (64, "SIGRTMAX"),
        ] {
            assert_eq!(signal_name(number), name);
        }
        for (typed, number) in [("RTMIN+30", 64), ("rtmax-30", 34), ("SigRtMin+0", 34)] {
            assert_eq!(parse_signal(typed), Ok(number));
        }
    }

    #[test]
    fn a_second_name_of_a_signal_is_understood() {
        for (typed, number) in [("IOT", 6), ("SIGCLD", 17), ("poll", 29)] {
            assert_eq!(parse_signal(typed), Ok(number));
        }
        assert_eq!(signal_name(6), "SIGABRT");
    }

    #[test]
    fn the_table_agrees_with_the_system() {
        for (number, name) in [
            (libc::SIGHUP, "HUP"),
            (libc::SIGINT, "INT"),
            (libc::SIGQUIT, "QUIT"),
            (libc::SIGILL, "ILL"),
            (libc::SIGTRAP, "TRAP"),
            (libc::SIGABRT, "ABRT"),
            (libc::SIGBUS, "BUS"),
            (libc::SIGFPE, "FPE"),
            (libc::SIGKILL, "KILL"),
            (libc::SIGUSR1, "USR1"),
            (libc::SIGSEGV, "SEGV"),
            (libc::SIGUSR2, "USR2"),
            (libc::SIGPIPE, "PIPE"),
            (libc::SIGALRM, "ALRM"),
            (libc::SIGTERM, "TERM"),
            (libc::SIGSTKFLT, "STKFLT"),
            (libc::SIGCHLD, "CHLD"),
            (libc::SIGCONT, "CONT"),
            (libc::SIGSTOP, "STOP"),
            (libc::SIGTSTP, "TSTP"),
            (libc::SIGTTIN, "TTIN"),
            (libc::SIGTTOU, "TTOU"),
            (libc::SIGURG, "URG"),
            (libc::SIGXCPU, "XCPU"),
            (libc::SIGXFSZ, "XFSZ"),
            (libc::SIGVTALRM, "VTALRM"),
            (libc::SIGPROF, "PROF"),
            (libc::SIGWINCH, "WINCH"),
            (libc::SIGIO, "IO"),
            (libc::SIGPWR, "PWR"),
            (libc::SIGSYS, "SYS"),
            (libc::SIGRTMIN(), "RTMIN"),
            (libc::SIGRTMAX(), "RTMAX"),
        ] {
            assert_eq!(parse_signal(name), Ok(number), "{name}");
        }
        assert!(NAMES.is_sorted_by_key(|(number, _)| *number));
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for typed in [
            "",
            "SIG",
            "0",
            "-1",
            "+9",
            "32",
            "33",
            "65",
            "99999999999",
            "SIG9",
            "SIGSIGTERM",
            "TERM ",
            "TERMINATE",
            "EXIT",
            "RTMIN+",
            "RTMIN+31",
            "RTMIN-1",
            "RTMAX+1",
            "RTMAX-31",
            "RTMIN++1",
            "RTMIN+4294967295",
            "RTMAX-2147483647",
        ] {
            let message = parse_signal(typed).unwrap_err().to_string();
            let start = format!("'{typed}' is not a signal: write a name");
            assert!(message.starts_with(&start), "{message}");
        }
        for number in [i32::MIN, -1, 0, 32, 65, 99, i32::MAX] {
            assert_eq!(signal_name(number), format!("signal {number}"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_signal_or_an_error(text in any::<String>()) {
            prop_assert!(parse_signal(&text).is_ok_and(is_signal) || parse_signal(&text).is_err());
        }
    }
}
