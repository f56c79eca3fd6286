//! Waiting for what no line, file or pipe tells.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use super::base::Base;
use super::started::Started;

/// Far above what anything takes, on a machine that is busy with other work too.
const NEVER_AS_LATE: Duration = Duration::from_secs(30);

/// Looks again and again, until it is so.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < NEVER_AS_LATE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A command that is to look on has found the run: it has its record open.
#[track_caller]
pub(crate) fn finds(base: &Base, run: &str, command: Started) -> Started {
    let record = base.runs().join(run).join("record");
    let record = fs::metadata(record).map_or(0, |data| data.ino());
    until("it finds the run", || {
        let fds = fs::read_dir(format!("/proc/{}/fd", command.pid()));
        let mut fds = fds.into_iter().flatten().flatten();
        fds.any(|entry| fs::metadata(entry.path()).is_ok_and(|data| data.ino() == record))
    });
    command
}
