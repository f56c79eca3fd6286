//! Runs inside runs: what a worker leaves behind may be of another run whose supervisor was killed, or
//! it may be the guard or the taker that goes on with the ladders of that run. Then it is not hurried:
//! it has the times of its own run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::contract::owner;
use crate::contract::record::RecordReader;
use crate::contract::standing::Standing;
use crate::decide::times::Times;
use crate::enforce::event::Event;
use crate::enforce::turn::Turn;
use crate::tree::Straggler;
use crate::words::duration::Limit;
use crate::words::escape::escaped;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// How often we look whether somebody still has care of it.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The time for what a worker leaves behind after it ended by itself: 2 s to see the flag, and 2 s
/// after SIGTERM.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// The time to see the flag if nobody ever looked at it. A process that watches the end of its parent
/// needs a moment to see it, and then there is nothing to stop.
const MOMENT: Duration = Duration::from_millis(500);

/// How long the guard may need to take over after the death of a supervisor.
const TAKING_OVER: Duration = Duration::from_secs(1);

/// How the names begin that guards and takers give themselves.
const OF_OURS: &str = "stopctl-";

/// When we look again whether somebody else has care of what a worker left behind; `None` as long as
/// nobody has.
#[derive(Debug, Default)]
pub(super) struct Care {
    look_at: Option<Moment>,
}

impl Care {
    /// When to look again.
    pub(super) fn look_at(&self) -> Option<Moment> {
        self.look_at
    }

    /// Whether to look again now.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.look_at.is_some_and(|at| at <= now)
    }

    /// Takes note that the owner of the run in this directory has care of what `worker` left behind, or
    /// that nobody has; reports it if that is news.
    pub(super) fn note(&mut self, worker: WorkerNumber, dir: Option<&Path>, turn: &mut Turn<'_>) {
        let is_news = self.look_at.is_none();
        self.look_at = dir.map(|_| turn.now + LOOK_AGAIN);
        if let Some(dir) = dir.filter(|_| is_news) {
            let what = format!(
                "worker {worker} left what is of the run {}: it is waited for, since somebody \
                 enforces the ladders of that",
                escaped(dir.file_name().unwrap_or_default())
            );
            turn.tell(&Event::Warning(&what));
        }
    }
}

/// The times of what a worker leaves behind after it ended by itself, if it `looked` at its flag.
pub(super) fn times(looked: Option<bool>, kill_wait: Duration) -> Times {
    let grace = if looked == Some(false) {
        MOMENT
    } else {
        STRAGGLERS
    };
    Times::plain(Limit::After(grace), Limit::After(STRAGGLERS), kill_wait)
}

/// The directory of the other run, beside that of the flag `own`, if an owner that took over has care
/// of one of these processes, `time` after the end of their worker.
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        Care, Duration, LOOK_AGAIN, Limit, MOMENT, Moment, STRAGGLERS, WorkerNumber, times,
    };
    use crate::enforce::turn::tests::Told;

    const NOW: Moment = Moment::from_nanos(1_000_000_000);

    #[test]
    fn that_another_run_has_care_is_reported_once_and_looked_at_again() {
        let (mut care, mut told) = (Care::default(), Told::default());
        let (dir, worker) = (Some(Path::new("/base/inner")), WorkerNumber::FIRST);
        care.note(worker, dir, &mut told.turn(NOW));
        assert!(!care.is_due(NOW));
        let again = NOW + LOOK_AGAIN;
        assert_eq!(care.look_at(), Some(again));
        assert!(care.is_due(again));
        care.note(worker, dir, &mut told.turn(again));
        let begins = "Warning(\"worker 0 left what is of the run inner: ";
        assert_eq!(told.count(begins), 1);
        care.note(worker, None, &mut told.turn(again));
        assert_eq!(care.look_at(), None);
        assert_eq!(told.count(""), 1);
    }

    #[test]
    fn what_nobody_looked_from_has_a_moment_and_the_rest_two_seconds() {
        for (looked, grace) in [
            (Some(false), MOMENT),
            (Some(true), STRAGGLERS),
            (None, STRAGGLERS),
        ] {
            let times = times(looked, Duration::ZERO);
            assert_eq!(times.grace, Limit::After(grace), "{looked:?}");
            assert_eq!(times.kill_after, Limit::After(STRAGGLERS));
        }
    }
}
