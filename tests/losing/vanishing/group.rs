//! A cgroup of a test's own, with a limit.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::need::missing;

/// Removed when it is dropped: nobody may be in it then.
pub(crate) struct Group(PathBuf);

impl Group {
    /// May have this many processes. `None`, once it was said, where there are no cgroups for us.
    pub(crate) fn of_pids(most: &str) -> Option<Self> {
        Self::limited(&[("pids", "pids.max"), ("", "pids.max")], most)
    }

    /// May have this much memory.
    pub(crate) fn of_memory(most: &str) -> Option<Self> {
        let ways = [("memory", "memory.limit_in_bytes"), ("", "memory.max")];
        Self::limited(&ways, most)
    }

    /// Version 1 of cgroups has a tree for each resource, version 2 one tree.
    fn limited(ways: &[(&str, &str)], most: &str) -> Option<Self> {
        for (tree, limit) in ways {
            let name = format!("stopctl-test-{}", std::process::id());
            let path = PathBuf::from("/sys/fs/cgroup").join(tree).join(name);
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let group = Self(path);
            let limit = group.0.join(limit);
            // It is the kernel that makes this file.
            if limit.exists() && fs::write(limit, most).is_ok() {
                return Some(group);
            }
        }
        missing("a cgroup of its own");
        None
    }

    /// Where a process writes its pid to be in the group.
    pub(crate) fn entry(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that has just ended may still be counted.
        for _ in 0..1000 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
