//! The ways in which the tree of a worker can be known, and control groups to try them with.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks, missing};
use crate::support::owner::guard_of;
use crate::support::scenario::Scenario;
use crate::support::started::{End, Ended, Started};

/// Where groups of version 2 are on this machine.
const PLACES: [&str; 2] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each worker has a control group.
    Cgroup,
    /// Orphans become children of the supervisor.
    Subreaper,
    /// The supervisor is dead, and its guard is nobody's parent.
    Neither,
}

pub(crate) const MODES: [Mode; 3] = [Mode::Cgroup, Mode::Subreaper, Mode::Neither];

impl Mode {
    /// Whether this machine lacks what it needs.
    pub(crate) fn is_missing(self) -> bool {
        match self {
            Self::Cgroup if lacks(Need::Root) => true,
            Self::Cgroup if above().is_none() => {
                missing("control groups of version 2 that can be made");
                true
            }
            Self::Cgroup | Self::Subreaper | Self::Neither => false,
        }
    }

    pub(crate) fn scenario(self, base: &Base) -> Scenario<'_> {
        let cgroup = match self {
            Self::Cgroup => "require",
            Self::Subreaper | Self::Neither => "off",
        };
        base.scenario().options(&["-v", "--cgroup", cgroup])
    }

    /// Has a run that is ready stopped.
    pub(crate) fn stop(self, base: &Base, name: &str, run: &Started) {
        match self {
            Self::Cgroup | Self::Subreaper => drop(base.call(&["stop", name])),
            Self::Neither => {
                guard_of(run);
                run.signal(Signal::SIGKILL);
            }
        }
    }

    /// The end of a run that was stopped, or whose supervisor was killed. Whoever was started holds
    /// our pipes, so nobody is left then.
    #[track_caller]
    pub(crate) fn finish(self, run: Started) -> End {
        match self {
            Self::Cgroup | Self::Subreaper => run.finish(),
            Self::Neither => {
                let end = run.finish_unchecked();
                assert_eq!(end.ended, Ended::Signal(9), "{self:?}");
                end
            }
        }
    }
}

/// The directory of the group that the tests are in.
pub(crate) fn above() -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let places = PLACES.iter().map(|place| Path::new(place).join(own));
    let mut there = places.filter(|place| place.join("cgroup.procs").exists());
    there.find(|place| !place.join("tasks").exists())
}

/// A group of a test's own, removed when it is dropped.
pub(crate) struct Group(PathBuf);

impl Group {
    /// In the tree of version 2.
    pub(crate) fn new(name: &str) -> Option<Self> {
        Self::below(&above()?, name)
    }

    /// In the tree of a controller of version 1.
    pub(crate) fn of_version_1(controller: &str, name: &str) -> Option<Self> {
        let tree = Path::new("/sys/fs/cgroup").join(controller);
        tree.join("tasks").exists().then_some(())?;
        Self::below(&tree, name)
    }

    fn below(above: &Path, name: &str) -> Option<Self> {
        let path = above.join(format!("test-{name}-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn add(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("a member");
    }

    pub(crate) fn set(&self, file: &str, value: &str) {
        fs::write(self.0.join(file), value).expect("a file of the group");
    }

    pub(crate) fn says(&self, file: &str, words: &str) -> bool {
        fs::read_to_string(self.0.join(file)).is_ok_and(|text| text.contains(words))
    }

    /// A script that starts stopctl in it.
    pub(crate) fn entered(&self) -> String {
        format!(r#"echo $$ >{}/cgroup.procs; exec "$@""#, self.0.display())
    }

    /// The names of the groups in it.
    pub(crate) fn groups(&self) -> Vec<PathBuf> {
        groups_in(&self.0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that has just ended may still be counted.
        for _ in 0..1000 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

pub(crate) fn groups_in(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.is_dir()).collect()
}

/// A name for a run whose group is looked for: the groups of all runs of this machine stand side by
/// side, and whoever runs these tests may do so twice at a time.
pub(crate) fn own(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// The group that a run has made where the tests are.
pub(crate) fn group_of(run: &str) -> Option<PathBuf> {
    let begin = format!("stopctl-{run}-");
    let is_its = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&begin)
    };
    groups_in(&above()?).into_iter().find(is_its)
}
