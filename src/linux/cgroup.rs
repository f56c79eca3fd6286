//! Control groups (version 2): one for each worker, where we may make them.
//!
//! Nobody leaves a control group by forking, so its list of members is complete, and the kernel
//! can kill all of them at once. No controller is switched on: only the membership is used. So
//! processes may stay in the group above (the rule against that is for groups with controllers),
//! and we never move ourselves.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::iter;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use crate::linux::sys;
use crate::words::worker_number::WorkerNumber;

/// How often a group is removed again from which the last member has just gone.
const TRIES: u32 = 100;

/// Whether workers get control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Where one was delegated to us.
    Auto,
    /// Never.
    Off,
    /// Always; without, there is no run.
    Require,
}

/// A control group of ours: that of a run, or of a worker, which lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// The group that a run named `run` would have, below the one that we are in; `None` without
    /// version 2, or where nobody delegated it to us and it is not required.
    ///
    /// # Errors
    ///
    /// If it is required and there is no group that we could make it in.
    pub fn for_run(run: &str, usage: Use) -> io::Result<Option<Self>> {
        if usage == Use::Off {
            return Ok(None);
        }
        let above = match own() {
            Ok(above) => above,
            Err(_) if usage == Use::Auto => return Ok(None),
            Err(error) => return Err(error),
        };
        if usage == Use::Auto && !is_delegated(&above) {
            return Ok(None);
        }
        let name = format!("stopctl-{run}-{:08x}", sys::random()? >> 32);
        Ok(Some(Self(above.join(name))))
    }

    /// The group at this path, which an owner before us had.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        let path = Path::new(path);
        is_version_2(path.parent()?).then(|| Self(path.to_owned()))
    }

    /// A directory that is no group: for tests of what its lists mean.
    #[cfg(test)]
    pub(crate) fn pretended(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The group of worker `number`, in that of its run.
    #[must_use]
    pub fn of_worker(&self, number: WorkerNumber) -> Self {
        Self(self.0.join(number.to_string()))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// As mkdir(2).
    pub fn make(&self) -> io::Result<()> {
        fs::create_dir(&self.0)
    }

    /// Where a process that writes 0 becomes a member.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn entry(&self) -> io::Result<File> {
        File::options()
            .write(true)
            .open(self.0.join("cgroup.procs"))
    }

    /// Its members, and those of groups that they have made in it. Those that have ended are none.
    #[must_use]
    pub fn pids(&self) -> Vec<i32> {
        let list = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        let mut pids: Vec<i32> = list
            .lines()
            .filter_map(|pid| pid.parse().ok())
            // One of a pid namespace that is not below ours has the number 0.
            .filter(|&pid| pid > 0)
            .collect();
        pids.extend(self.below().iter().flat_map(Self::pids));
        pids
    }

    /// Has the kernel kill every member at once (`cgroup.kill`, since Linux 5.14). Answers whether
    /// it could.
    #[must_use = "who was not killed has to be signalled"]
    pub fn kill(&self) -> bool {
        fs::write(self.0.join("cgroup.kill"), "1").is_ok()
    }

    /// Lets its members run if somebody has frozen it: who is frozen can neither look nor leave.
    pub fn thaw(&self) {
        let is_frozen = |group: &Self| {
            let frozen = fs::read_to_string(group.0.join("cgroup.freeze"));
            frozen.is_ok_and(|frozen| frozen.trim() == "1")
        };
        if is_frozen(self) {
            let _ = fs::write(self.0.join("cgroup.freeze"), "0");
        }
        for group in self.below() {
            group.thaw();
        }
    }

    /// Removes it, with the groups in it. One that has members stays.
    pub fn remove(&self) {
        for _ in 0..TRIES {
            if self.remove_once() || !self.pids().is_empty() {
                return;
            }
            // The last member is gone, and the kernel has not counted it out yet.
            std::thread::yield_now();
        }
    }

    /// Whether it is gone.
    fn remove_once(&self) -> bool {
        for group in self.below() {
            group.remove_once();
        }
        match fs::remove_dir(&self.0) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    fn below(&self) -> Vec<Self> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        groups.map(|entry| Self(entry.path())).collect()
    }
}

/// The directory of the group that we are in (cgroups(7), `/proc/PID/cgroup` and `mountinfo`).
fn own() -> io::Result<PathBuf> {
    let none = |what| io::Error::new(io::ErrorKind::NotFound, what);
    let groups = whole("/proc/self/cgroup")?;
    let mut lines = groups.lines();
    let own = lines
        .find_map(|line| line.strip_prefix("0::"))
        .ok_or_else(|| none("we are in no control group of version 2"))?;
    let mounts = whole("/proc/self/mountinfo")?;
    let mounted = mounts.lines().find_map(|line| place(line, own));
    let place = mounted.ok_or_else(|| none("our control group (version 2) is mounted nowhere"))?;
    if is_version_2(&place) {
        Ok(place)
    } else {
        Err(none("our control group (version 2) cannot be seen"))
    }
}

/// What a file of `/proc` says. It has no length that one could ask for, and a reader that begins with
/// little room makes many calls.
fn whole(path: &str) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut text, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match file.read(&mut part)? {
            0 => return String::from_utf8(text).map_err(io::Error::other),
            read => text.extend_from_slice(&part[..read]),
        }
    }
}

/// Where the group `own` is seen through a mount, if this line of `mountinfo` is one of version 2
/// that shows it.
fn place(line: &str, own: &str) -> Option<PathBuf> {
    let (mount, _) = line.split_once(" - cgroup2 ")?;
    let mut words = mount.split(' ').skip(3);
    let (root, point) = (words.next()?, words.next()?);
    let within = Path::new(own).strip_prefix(root).ok()?;
    Some(Path::new(point).join(within))
}

fn is_version_2(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// Whether a service manager has given us this group, or one that it is in, to make groups in.
///
/// systemd says so by an attribute of the directory of the unit (`user.delegate`, and
/// `trusted.delegate`, which only root can read). Without it the groups of a unit are systemd's
/// alone, whoever owns them. Outside of units it is the owner of the directory who decides; that
/// root owns it is no delegation.
fn is_delegated(group: &Path) -> bool {
    let is_marked = |group: &Path| {
        let mark = |name| sys::attribute(group, name).is_ok_and(|value| value == b"1");
        mark(c"user.delegate") || mark(c"trusted.delegate")
    };
    let above = group.ancestors().skip(1);
    let above = above.take_while(|above| is_version_2(above));
    for above in iter::once(group).chain(above) {
        if is_marked(above) {
            return true;
        }
        let name = above.file_name().and_then(|name| name.to_str());
        let is_unit = |name: &str| {
            let kinds = [".service", ".scope", ".slice", ".mount", ".socket", ".swap"];
            kinds.iter().any(|kind| name.ends_with(kind))
        };
        if name.is_some_and(is_unit) {
            return false;
        }
    }
    let us = nix::unistd::Uid::effective();
    !us.is_root()
        && fs::metadata(group)
            .is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == us.as_raw())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::place;

    #[test]
    fn a_group_is_found_where_its_tree_is_mounted() {
        let hybrid = "42 32 0:38 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw";
        let shown = |line, own| place(line, own);
        assert_eq!(
            shown(hybrid, "/a.service/b").as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified/a.service/b"))
        );
        let below = "42 32 0:38 /pod /cg rw - cgroup2 cgroup2 rw";
        assert_eq!(shown(below, "/pod/x").as_deref(), Some(Path::new("/cg/x")));
        assert_eq!(shown(below, "/other"), None);
        let version_1 = "42 32 0:38 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
        assert_eq!(shown(version_1, "/"), None);
    }
}
