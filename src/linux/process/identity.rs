//! The identity of a process, so that no other can be mistaken for it.

use std::fmt;

use crate::words::pid::Pid;

/// The version of the line of text below.
const VERSION: &str = "1";

/// Stands for a value that cannot be read, where a zero would be a value.
pub const UNKNOWN: &str = "-";

/// What distinguishes a process from every other that has or had its pid, in any boot and in any pid
/// namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id in its own pid namespace.
    pub pid: Pid,
    /// Clock ticks from boot to its start (`proc_pid_stat(5)`, field 22); 0 if that cannot be read.
    pub start: u64,
    /// `/proc/sys/kernel/random/boot_id`; `-` if that cannot be read.
    pub boot_id: String,
    /// The inode of the pid namespace (`pid_namespaces(7)`); 0 if it cannot be read.
    pub pid_namespace: u64,
    /// The inode of the time namespace (`time_namespaces(7)`), whose clock the deadlines of the run
    /// use; 0 if it cannot be read.
    pub time_namespace: u64,
    /// How many nanoseconds that clock is ahead of the machine's own; `None` if it cannot be read.
    pub clock_offset: Option<i64>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid,
            start,
            boot_id,
            pid_namespace,
            time_namespace,
            clock_offset,
        } = self;
        write!(
            f,
            "{VERSION} {pid} {start} {boot_id} {pid_namespace} {time_namespace} "
        )?;
        match clock_offset {
            Some(offset) => write!(f, "{offset}"),
            None => f.write_str(UNKNOWN),
        }
    }
}

impl Identity {
    /// Whether both are of the same boot, by its id; `None` if one of the two could not read that.
    #[must_use]
    pub fn is_of_boot(&self, other: &Self) -> Option<bool> {
        let is_known = [self, other].iter().all(|one| one.boot_id != UNKNOWN);
        is_known.then(|| self.boot_id == other.boot_id)
    }

    /// Whether both are in the same pid namespace, so that a pid means the same to both; `None` if
    /// one of the two could not read its namespace.
    #[must_use]
    pub fn is_of_namespace(&self, other: &Self) -> Option<bool> {
        same(self.pid_namespace, other.pid_namespace)
    }

    /// Whether the clocks of both count from the same moment; `None` if one of the two could not read
    /// its time namespace, as on a kernel without them.
    #[must_use]
    pub fn shares_clock(&self, other: &Self) -> Option<bool> {
        same(self.time_namespace, other.time_namespace)
    }

    /// Whether this line has a version that this program does not know.
    #[must_use]
    pub fn is_of_another_version(line: &str) -> bool {
        let version = line.split(' ').next().unwrap_or_default();
        version != VERSION && version.parse::<u32>().is_ok()
    }

    /// Parses the line that `Display` writes; `None` if it has another version or is not such a line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        if words.next() != Some(VERSION) {
            return None;
        }
        Some(Self {
            pid: Pid::parse(words.next()?)?,
            start: words.next()?.parse().ok()?,
            boot_id: words.next()?.to_owned(),
            pid_namespace: words.next()?.parse().ok()?,
            time_namespace: words.next().and_then(|word| word.parse().ok()).unwrap_or(0),
            clock_offset: words.next().and_then(|word| word.parse().ok()),
        })
    }
}

/// Compares the inodes of two namespaces.
fn same(one: u64, other: u64) -> Option<bool> {
    (one != 0 && other != 0).then_some(one == other)
}

#[cfg(test)]
mod tests {
    use super::{Identity, Pid, UNKNOWN};

    fn identity() -> Identity {
        Identity {
            pid: Pid::new(4711).unwrap(),
            start: 123_456,
            boot_id: "6c7b1a3e-7a5c".into(),
            pid_namespace: 4_026_531_836,
            time_namespace: 4_026_531_834,
            clock_offset: Some(-5),
        }
    }

    #[test]
    fn an_identity_is_read_back_as_it_was_written() {
        let whole = identity();
        let line = "1 4711 123456 6c7b1a3e-7a5c 4026531836 4026531834 -5";
        assert_eq!(whole.to_string(), line);
        assert_eq!(Identity::parse(line), Some(whole.clone()));
        let unknown = Identity {
            boot_id: UNKNOWN.into(),
            clock_offset: None,
            ..whole
        };
        assert_eq!(Identity::parse(&unknown.to_string()), Some(unknown));
    }

    #[test]
    fn what_older_versions_did_not_write_is_unknown() {
        let old = Identity::parse("1 4711 123456 6c7b1a3e-7a5c 4026531836").unwrap();
        let expected = Identity {
            time_namespace: 0,
            clock_offset: None,
            ..identity()
        };
        assert_eq!(old, expected);
    }

    #[test]
    fn only_the_number_of_another_version_is_one() {
        for (line, of_another) in [
            ("1 4711 123456 - 0 0 -", false),
            ("2 4711", true),
            ("2", true),
            ("4294967295 and more", true),
            ("", false),
            ("x 4711", false),
            ("-2 4711", false),
            (" 2", false),
        ] {
            assert_eq!(Identity::is_of_another_version(line), of_another, "{line}");
        }
        for line in [
            "",
            "2 4711 1 - 0 0 0",
            "1",
            "1 4711 1 -",
            "1 x 1 - 0",
            "1 0 1 - 0",
        ] {
            assert_eq!(Identity::parse(line), None, "{line}");
        }
    }

    #[test]
    fn what_one_of_two_does_not_know_is_neither_the_same_nor_another() {
        let with = |boot_id: &str, namespace| Identity {
            boot_id: boot_id.into(),
            pid_namespace: namespace,
            time_namespace: namespace,
            ..identity()
        };
        for (one, other, same) in [
            (with("a", 1), with("a", 1), Some(true)),
            (with("a", 1), with("b", 2), Some(false)),
            (with("a", 1), with(UNKNOWN, 0), None),
            (with(UNKNOWN, 0), with("a", 1), None),
            (with(UNKNOWN, 0), with(UNKNOWN, 0), None),
        ] {
            assert_eq!(one.is_of_boot(&other), same);
            assert_eq!(one.is_of_namespace(&other), same);
            assert_eq!(one.shares_clock(&other), same);
        }
    }
}
