//! The name of a run. It is also the name of its directory, so only characters that are harmless
//! everywhere are allowed.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use crate::words::escape::escaped;
use crate::words::pid::Pid;

/// The longest name, in characters.
const LONGEST: usize = 64;

/// How many characters of a command's name go into the name of a run, so that the pid of the
/// supervisor fits after them.
const LONGEST_FROM_COMMAND: usize = 50;

/// The name of a run: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`, the first neither `.` nor
/// `-`.
///
/// So a name is never an option, a hidden file or a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunName(String);

impl RunName {
    /// Parses a name that was typed.
    ///
    /// # Errors
    ///
    /// If it is empty, too long, begins with `.` or `-`, or contains any other character.
    pub fn parse(typed: &OsStr) -> Result<RunName, NameError> {
        // The length is checked first, so that no message repeats more than a line of input.
        let fault = match typed.to_str() {
            _ if length(typed) > LONGEST => Fault::TooLong,
            Some("") => Fault::Empty,
            Some(text) if !text.chars().all(is_plain) => Fault::Character,
            Some(text) if text.starts_with(['.', '-']) => Fault::First,
            Some(text) => return Ok(RunName(text.to_owned())),
            None => Fault::Character,
        };
        Err(NameError {
            typed: typed.to_owned(),
            fault,
        })
    }

    /// The name of a run that was given none: the base name of its program, with `-` in place of
    /// every character that is not allowed, and the supervisor's pid.
    #[must_use]
    pub fn from_command(program: &OsStr, pid: Pid) -> RunName {
        let base = Path::new(program).file_name().unwrap_or_default();
        let plain: String = base
            .to_string_lossy()
            .chars()
            .map(|c| if is_plain(c) { c } else { '-' })
            .skip_while(|c| matches!(c, '.' | '-'))
            .take(LONGEST_FROM_COMMAND)
            .collect();
        if plain.is_empty() {
            RunName(format!("run-{pid}"))
        } else {
            RunName(format!("{plain}-{pid}"))
        }
    }

    /// This name with the suffix `-N`, for a name that is already in use.
    ///
    /// A name that would become too long is shortened before the suffix.
    #[must_use]
    pub fn again(&self, n: u32) -> RunName {
        let suffix = format!("-{n}");
        let kept = self.0.len().min(LONGEST - suffix.len());
        RunName(format!("{}{suffix}", &self.0[..kept]))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn length(typed: &OsStr) -> usize {
    typed.to_string_lossy().chars().count()
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

impl AsRef<str> for RunName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The error for a text that cannot be the name of a run; its message says why, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    typed: OsString,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Empty,
    TooLong,
    First,
    Character,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = escaped(&self.typed);
        match self.fault {
            Fault::Empty => write!(f, "a run's name is empty; write 1 to {LONGEST} characters"),
            Fault::TooLong => write!(
                f,
                "a run's name has {} characters; write at most {LONGEST}",
                length(&self.typed)
            ),
            Fault::First => write!(
                f,
                "'{typed}' cannot be a run's name: begin it with a letter, a digit or '_'"
            ),
            Fault::Character => write!(
                f,
                "'{typed}' cannot be a run's name: write letters a-z and A-Z, digits, '.', '_' \
                 and '-' only"
            ),
        }
    }
}

impl Error for NameError {}

#[cfg(test)]
mod tests {
    use super::{LONGEST, NameError, OsStr, Pid, RunName};
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert_eq, proptest};
    use std::os::unix::ffi::OsStrExt;

    fn parse(typed: &str) -> Result<RunName, NameError> {
        RunName::parse(OsStr::new(typed))
    }

    fn from_command(program: &str) -> String {
        RunName::from_command(OsStr::new(program), Pid::new(4711).unwrap()).to_string()
    }

    #[test]
    fn a_plain_name_is_taken_as_it_is() {
        for name in [
            "a",
            "train",
            "train-1.2_x",
            "_x",
            "7",
            "x.",
            &"x".repeat(64),
        ] {
            let parsed = parse(name).unwrap();
            assert_eq!((parsed.as_str(), parsed.as_ref()), (name, name));
        }
    }

    #[test]
    fn every_first_byte_is_taken_or_refused_as_documented() {
        for byte in 0..=u8::MAX {
            let bytes = [byte, b'x'];
            let plain = byte.is_ascii_alphanumeric() || byte == b'_';
            assert_eq!(RunName::parse(OsStr::from_bytes(&bytes)).is_ok(), plain);
        }
    }

    #[test]
    fn a_refused_name_is_told_what_is_wrong_and_what_to_write() {
        for (typed, message) in [
            ("", "a run's name is empty; write 1 to 64 characters"),
            (
                &*"x".repeat(65),
                "a run's name has 65 characters; write at most 64",
            ),
            (
                "-n",
                "'-n' cannot be a run's name: begin it with a letter, a digit or '_'",
            ),
            (
                "..",
                "'..' cannot be a run's name: begin it with a letter, a digit or '_'",
            ),
            (
                "a/b\x1b[m",
                r"'a/b\x1b[m' cannot be a run's name: write letters a-z and A-Z, digits, '.', '_' and '-' only",
            ),
        ] {
            assert_eq!(parse(typed).unwrap_err().to_string(), message);
        }
        let not_utf8 = RunName::parse(OsStr::from_bytes(b"x\xff")).unwrap_err();
        assert!(not_utf8.to_string().starts_with(r"'x\xff' cannot"));
    }

    #[test]
    fn the_name_of_a_command_is_its_base_name_and_our_pid() {
        for (program, name) in [
            ("python3", "python3-4711"),
            ("/usr/bin/python3.11", "python3.11-4711"),
            ("./.hidden.sh", "hidden.sh-4711"),
            ("./-rf", "rf-4711"),
            ("two words\n", "two-words--4711"),
            ("naïve", "na-ve-4711"),
            ("訓練", "run-4711"),
            ("/", "run-4711"),
            ("..", "run-4711"),
            ("", "run-4711"),
        ] {
            assert_eq!(from_command(program), name);
        }
        let cut = from_command(&"x".repeat(300));
        assert_eq!(cut, format!("{}-4711", "x".repeat(50)));
    }

    #[test]
    fn a_name_that_exists_gets_a_suffix_and_stays_a_name() {
        assert_eq!(parse("train-7").unwrap().again(2).as_str(), "train-7-2");
        let longest = parse(&"x".repeat(LONGEST)).unwrap().again(u32::MAX);
        assert_eq!(longest.as_str(), format!("{}-4294967295", "x".repeat(53)));
    }

    proptest! {
        #[test]
        fn a_name_made_from_a_command_always_parses(
            program in prop::collection::vec(any::<u8>(), 0..100),
            pid in 1..=i32::MAX,
            n in any::<u32>(),
        ) {
            let pid = Pid::new(pid).unwrap();
            let name = RunName::from_command(OsStr::from_bytes(&program), pid);
            prop_assert_eq!(RunName::parse(OsStr::new(name.as_str())), Ok(name.clone()));
            let again = name.again(n);
            prop_assert_eq!(RunName::parse(OsStr::new(again.as_str())), Ok(again));
        }
    }
}
