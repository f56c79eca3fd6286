//! Runs in runs: what a worker leaves behind may be of another run, whose supervisor was killed and
//! whose ladder a guard or a taker goes on with; or it is that guard or taker. Nobody presses it
//! then: it has the time of its own run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::contract::owner;
use crate::contract::record::RecordReader;
use crate::contract::standing::Standing;
use crate::tree::Straggler;

/// How often it is looked whether that is still so.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long after the death of a supervisor its guard may need to take over.
const TAKING_OVER: Duration = Duration::from_secs(1);

/// How the names begin that guards and takers give themselves.
const OF_OURS: &str = "stopctl-";

/// The directory of the other run, beside that of the flag `own`, if somebody who took over has care
/// of one of these, `time` after their worker ended.
pub(super) fn of_others(left: &[Straggler], own: &Path, time: Duration) -> Option<PathBuf> {
    let runs = left.iter().filter_map(|one| run_of(one, own));
    // Few stragglers are of another run, and those are of one.
    runs.into_iter().find(|dir| is_taken_over(dir, time))
}

/// The directory of the other run that a process is of: by the flag that it was given, or, for one
/// that says it is a guard or a taker, by the owner file that it has open.
fn run_of(one: &Straggler, own: &Path) -> Option<PathBuf> {
    let others = |path: &Path| {
        let dir = path.parent()?;
        (Some(dir) != own.parent()).then(|| dir.to_owned())
    };
    let by_flag = || others(&one.flag()?);
    if !one.program.starts_with(OF_OURS) {
        return by_flag();
    }
    let open = fs::read_dir(format!("/proc/{}/fd", one.pid));
    let open = open.into_iter().flatten().flatten();
    let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    let owner = open.find(|path| path.ends_with(owner::FILE));
    owner.and_then(|path| others(&path)).or_else(by_flag)
}

fn is_taken_over(dir: &Path, time: Duration) -> bool {
    let Ok(opened) = File::open(dir) else {
        return false;
    };
    match Standing::of(&opened) {
        Standing::Owned(owned) => {
            let seen = RecordReader::open(&opened).and_then(|record| record.read());
            // A supervisor that lives obeys our flag.
            seen.is_ok_and(|seen| seen.run.pid != owned.owner.pid)
        }
        Standing::Changing => true,
        Standing::Orphaned(orphaned) => !orphaned.is_past && time < TAKING_OVER,
        Standing::Unverifiable(_) | Standing::Unreadable => false,
    }
}
