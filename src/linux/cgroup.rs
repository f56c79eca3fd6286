//! Control groups (version 2): one for each worker, where we are allowed to make them.
//!
//! A process does not leave its control group by forking, so the list of members is complete, and
//! the kernel can kill all of them at once. No controller is enabled: only the membership is used.
//! So processes may stay in the group above (the rule against that is for groups with controllers),
//! and we never move ourselves.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::iter;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use crate::linux::{files, sys};
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// How often we try to remove a group whose last member has just ended.
const TRIES: u32 = 100;

/// Whether workers get control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// If a group was delegated to us.
    Auto,
    /// Never.
    Off,
    /// Always; if they cannot, there is no run.
    Require,
}

/// A control group of ours: the group of a run, or the group of a worker inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// The group that a run named `run` would have, below the one that we are in. `None` without
    /// version 2, or if groups are not required and none was delegated to us.
    ///
    /// # Errors
    ///
    /// If a group is required and there is none that we could make it in.
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

    /// The group at this path, which a previous owner of the run made.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        let path = Path::new(path);
        is_version_2(path.parent()?).then(|| Self(path.to_owned()))
    }

    /// A directory that is not a group: for tests of what the lists in it mean.
    #[cfg(test)]
    pub(crate) fn pretended(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The group of worker `number`, inside this group of its run.
    #[must_use]
    pub fn of_worker(&self, number: WorkerNumber) -> Self {
        Self(self.0.join(number.to_string()))
    }

    /// Its directory.
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
        files::under_usual_umask(|| fs::create_dir(&self.0))
    }

    /// The file through which a process becomes a member: it writes 0 to it.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn entry(&self) -> io::Result<File> {
        File::options()
            .write(true)
            .open(self.0.join("cgroup.procs"))
    }

    /// Its members, and the members of the groups inside it. Processes that have ended are not
    /// members.
    #[must_use]
    pub fn pids(&self) -> Vec<Pid> {
        let list = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        let mut pids: Vec<Pid> = list
            .lines()
            // A process of a pid namespace that is not below ours is listed as 0.
            .filter_map(Pid::parse)
            .collect();
        pids.extend(self.below().iter().flat_map(Self::pids));
        pids
    }

    /// Makes the kernel kill every member at once (`cgroup.kill`, since Linux 5.14). Returns whether
    /// it could.
    #[must_use = "members that were not killed have to be signalled"]
    pub fn kill(&self) -> bool {
        fs::write(self.0.join("cgroup.kill"), "1").is_ok()
    }

    /// Lets its members run again if somebody has frozen it: a frozen process can neither look at
    /// its flag nor leave.
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

    /// Removes it and the groups inside it. A group that has members stays.
    pub fn remove(&self) {
        for _ in 0..TRIES {
            if self.remove_once() || !self.pids().is_empty() {
                return;
            }
            // The last member is gone, but the kernel still counts it.
            std::thread::yield_now();
        }
    }

    /// Tries to remove it, and returns whether it is gone.
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
        .ok_or_else(|| none("stopctl is in no control group of version 2"))?;
    let mounts = whole("/proc/self/mountinfo")?;
    let mounted = mounts.lines().find_map(|line| place(line, own));
    let place = mounted
        .ok_or_else(|| none("the control group of stopctl (version 2) is mounted nowhere"))?;
    if is_version_2(&place) {
        Ok(place)
    } else {
        Err(none(
            "the control group of stopctl (version 2) cannot be seen",
        ))
    }
}

/// Reads a whole file of `/proc`. It does not tell its length, and a reader that begins with a small
/// buffer makes many calls.
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

/// The directory in which the group `own` appears, if this line of `mountinfo` is a mount of version
/// 2 that contains it.
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

/// Whether a service manager has allowed us to make groups in this group, or in one that contains
/// it.
///
/// systemd says so with an attribute of the unit's directory (`user.delegate`, and
/// `trusted.delegate`, which only root can read). Without it, the groups of a unit belong to systemd
/// alone, no matter who owns the directory. Outside of units the owner of the directory decides; for
/// root, owning it is not a delegation.
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
