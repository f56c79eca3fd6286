//! A run's owner, its guard and its flags, as anybody may see them from outside.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::base::Base;
use super::started::Started;

/// Far above what any flag takes to be raised, on a machine that is busy with other work too.
const NEVER_AS_LATE: Duration = Duration::from_secs(20);

/// The pid of the guard, as a run with `--verbose` tells it.
#[track_caller]
pub(crate) fn guard_of(run: &Started) -> i32 {
    let line = run.wait_for("guard started: pid ");
    i32::try_from(line.number("pid ")).expect("a pid")
}

/// The pid in the file `owner`, if there is such a file.
pub(crate) fn pid_of_owner(base: &Base, run: &str) -> Option<i32> {
    let bytes = fs::read(base.runs().join(run).join("owner")).ok()?;
    let line = String::from_utf8_lossy(bytes.get(64..)?).into_owned();
    line.split(' ').nth(1)?.parse().ok()
}

/// Whether nobody owns the run: the kernel has marked the owner word.
pub(crate) fn is_orphaned(base: &Base, run: &str) -> bool {
    let bytes = fs::read(base.runs().join(run).join("owner")).unwrap_or_default();
    let word = bytes
        .first_chunk::<4>()
        .map(|word| u32::from_ne_bytes(*word));
    word.is_some_and(|word| word & (1 << 30) != 0)
}

/// The processes of this base that have this name: `stopctl-guard`, `stopctl-taker`.
pub(crate) fn named(base: &Base, name: &str) -> Vec<i32> {
    let mut found = super::processes::with_in_environment(base.root());
    found.retain(|pid| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
    });
    found
}

/// Opens a file of a run for writing, although its mode may allow that to nobody but root: its owner
/// can change the mode.
#[track_caller]
pub(crate) fn open_to_spoil(path: &Path) -> File {
    let before = fs::metadata(path).expect("a file of a run").permissions();
    let writable = Permissions::from_mode(before.mode() | 0o200);
    fs::set_permissions(path, writable).expect("a file of ours");
    let file = File::options().write(true).open(path);
    fs::set_permissions(path, before).expect("a file of ours");
    file.expect("a writable file")
}

/// The flags of a run: kept open, so that they can be read when their names are gone.
pub(crate) struct Flags {
    directory: PathBuf,
    files: BTreeMap<String, File>,
    changes: Inotify,
}

impl Flags {
    /// Opens those that are there now.
    pub(crate) fn of(base: &Base, run: &str) -> Self {
        let directory = base.runs().join(run);
        let changes = Inotify::init(InitFlags::IN_CLOEXEC).expect("inotify");
        // The run may be over before it can be watched.
        let _ = changes.add_watch(&directory, AddWatchFlags::IN_MODIFY);
        let mut flags = Self {
            directory,
            files: BTreeMap::new(),
            changes,
        };
        flags.open_new();
        flags
    }

    /// Opens those that have come since.
    pub(crate) fn open_new(&mut self) {
        for entry in fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_flag = name.starts_with(|first: char| first.is_ascii_digit());
            if is_flag && !self.files.contains_key(&name) {
                let file = File::open(entry.path()).ok();
                self.files.extend(file.map(|file| (name, file)));
            }
        }
    }

    /// What each of them says, by name.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        let read = |file: &File| {
            let mut bytes = [b'\n'; 64];
            let _ = file.read_at(&mut bytes, 0);
            String::from_utf8_lossy(&bytes).trim_end().to_owned()
        };
        let texts = self
            .files
            .iter()
            .map(|(name, file)| (name.clone(), read(file)));
        texts.collect()
    }

    /// Sleeps until one of them is written, at most this long.
    pub(crate) fn wait_for_change(&self, at_most: Duration) {
        let mut ready = [PollFd::new(self.changes.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(at_most).expect("a short time");
        if poll(&mut ready, timeout) == Ok(1) {
            let _ = self.changes.read_events();
        }
    }

    /// Waits until all that are open are raised; what they say then.
    #[track_caller]
    pub(crate) fn wait_until_raised(&self) -> Vec<String> {
        let since = Instant::now();
        loop {
            let texts: Vec<String> = self.texts().into_values().collect();
            if texts.iter().all(|text| is_raised(text)) {
                // Its deadline is written before its level: what is read now is whole.
                return self.texts().into_values().collect();
            }
            assert!(since.elapsed() < NEVER_AS_LATE, "never raised: {texts:?}");
            self.wait_for_change(Duration::from_millis(100));
        }
    }
}

/// Whether a flag that says this was raised: its maker may have died before it said anything.
pub(crate) fn is_raised(text: &str) -> bool {
    text.starts_with(|level| ('1'..='9').contains(&level))
}

/// The reason and the deadline in a raised flag's text.
#[track_caller]
pub(crate) fn reason_and_deadline(text: &str) -> (String, i64) {
    let mut words = text.split_whitespace().skip(1);
    let reason = words.next().expect("a reason").to_owned();
    let deadline = words.next().and_then(|digits| digits.parse().ok());
    (
        reason,
        deadline.unwrap_or_else(|| panic!("no deadline: {text:?}")),
    )
}
