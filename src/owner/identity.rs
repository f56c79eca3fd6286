//! Who a process is, so that no other can be taken for it.

use std::fmt;

/// The version of the line of text.
const VERSION: &str = "1";

/// What tells one process from every other that has or had its pid, on any boot and in any
/// pid namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id, as its own pid namespace counts.
    pub pid: i32,
    /// Clock ticks from boot to its start (`proc_pid_stat(5)`, field 22); 0 where that cannot be
    /// read.
    pub start: u64,
    /// `/proc/sys/kernel/random/boot_id`; `-` where that cannot be read.
    pub boot_id: String,
    /// The inode of the pid namespace (`pid_namespaces(7)`); 0 where it cannot be read.
    pub pid_namespace: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid,
            start,
            boot_id,
            pid_namespace,
        } = self;
        write!(f, "{VERSION} {pid} {start} {boot_id} {pid_namespace}")
    }
}

impl Identity {
    /// Whether it is of the same boot as another one; `None` if only one of the two could read
    /// which boot that is.
    #[must_use]
    pub fn is_of_boot(&self, other: &Self) -> Option<bool> {
        let same = self.boot_id == other.boot_id;
        (same || self.knows_boot() && other.knows_boot()).then_some(same)
    }

    /// Whether it could read which boot it is of.
    #[must_use]
    pub fn knows_boot(&self) -> bool {
        self.boot_id != "-"
    }

    /// Whether this line begins with a version that this program does not know.
    #[must_use]
    pub fn is_of_another_version(line: &str) -> bool {
        let version = line.split(' ').next().unwrap_or_default();
        version != VERSION && version.parse::<u32>().is_ok()
    }

    /// Reads the line that `Display` writes; `None` if it is of another version or no such line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        if words.next() != Some(VERSION) {
            return None;
        }
        Some(Self {
            pid: words.next()?.parse().ok()?,
            start: words.next()?.parse().ok()?,
            boot_id: words.next()?.to_owned(),
            pid_namespace: words.next()?.parse().ok()?,
        })
    }
}
