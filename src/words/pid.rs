//! The number of a process.

use std::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

/// The number that a process has or had in a pid namespace. A process group and a session have the
/// number of the process that leads or led them, so this names them, too.
///
/// It is never zero or negative: to the kernel those stand for the caller, for a group, or for every
/// process. Where there may be no process, it is an `Option`.
///
/// It proves nothing: once a process is reaped, another one can have its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Pid(i32);

impl Pid {
    /// The first process of every pid namespace.
    pub const FIRST: Self = Self(1);

    /// A number that no process has, as it is above every `pid_max` (`proc_sys_kernel(5)`).
    #[cfg(test)]
    pub(crate) const NOBODYS: Self = Self(i32::MAX);

    /// The process that the kernel or a file means by `number`; `None` if no process can have that.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    /// The process that a word of text means; `None` if that is no number that a process can have.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::new(word.parse().ok()?)
    }

    /// The number itself, for the kernel.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Pid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = i32::deserialize(from)?;
        let unexpected = || Error::invalid_value(Unexpected::Signed(number.into()), &"a pid");
        Self::new(number).ok_or_else(unexpected)
    }
}

#[cfg(test)]
mod tests {
    use super::Pid;

    #[test]
    fn a_pid_reads_as_the_kernel_writes_it_and_keeps_the_order() {
        for number in [1, 2, 4711, i32::MAX] {
            let pid = Pid::new(number).unwrap();
            assert_eq!(pid.get(), number);
            assert_eq!(pid.to_string(), number.to_string());
            assert_eq!(format!("{pid:>12}"), format!("{number:>12}"));
            assert_eq!(Pid::parse(&number.to_string()), Some(pid));
        }
        assert_eq!(Pid::new(1), Some(Pid::FIRST));
        assert!(Pid::new(2) < Pid::new(10));
    }

    #[test]
    fn what_stands_for_others_than_one_process_is_no_pid() {
        for number in [0, -1, -4711, i32::MIN] {
            assert_eq!(Pid::new(number), None);
            assert_eq!(Pid::parse(&number.to_string()), None);
            assert!(serde_json::from_str::<Pid>(&number.to_string()).is_err());
        }
        for word in ["", "self", "2147483648", "7 ", "7/task"] {
            assert_eq!(Pid::parse(word), None, "{word:?}");
        }
    }

    #[test]
    fn in_json_a_pid_is_a_number() {
        let pids: Vec<Pid> = serde_json::from_str("[1,2147483647]").unwrap();
        assert_eq!(pids, [Pid::FIRST, Pid::NOBODYS]);
        assert_eq!(serde_json::to_string(&pids).unwrap(), "[1,2147483647]");
    }
}
