//! What people type: a time, the name of a run, a signal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use stopctl::words::duration::{Limit, in_words};
use stopctl::words::name::RunName;
use stopctl::words::pid::Pid;
use stopctl::words::signal_name::{parse_signal, signal_name};

pub(crate) fn check(bytes: &[u8]) {
    name(OsStr::from_bytes(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        time(text);
        signal(text);
    }
}

fn name(typed: &OsStr) {
    match RunName::parse(typed) {
        Ok(name) => {
            assert_eq!(typed, name.as_str());
            assert!(!name.as_str().contains('/') && !name.as_str().starts_with(['.', '-']));
        }
        Err(error) => printable(&error.to_string()),
    }
    let longest = Pid::new(i32::MAX).expect("a number above 0");
    for made in [
        RunName::from_command(typed, longest),
        RunName::from_command(typed, Pid::FIRST).again(u32::MAX),
    ] {
        assert_eq!(RunName::parse(OsStr::new(made.as_str())), Ok(made));
    }
}

fn time(typed: &str) {
    match typed.parse::<Limit>() {
        Ok(limit) => {
            assert_eq!(limit.to_string().parse(), Ok(limit));
            if let Limit::After(time) = limit {
                printable(&in_words(time));
            }
        }
        Err(error) => printable(&error.to_string()),
    }
}

fn signal(typed: &str) {
    match parse_signal(typed) {
        Ok(number) => assert_eq!(parse_signal(&signal_name(number)), Ok(number)),
        Err(error) => printable(&error.to_string()),
    }
}

/// A message never drives a terminal and never forges a line.
fn printable(message: &str) {
    assert!(!message.is_empty());
    assert!(!message.chars().any(char::is_control), "{message:?}");
}
