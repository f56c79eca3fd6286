//! `stopctl wait`: until a run is over.

use std::time::Duration;

use stopctl::duration::Limit;
use stopctl::process::has_ended;
use stopctl::record::Phase;
use stopctl::standing::{Owned, Standing};

use crate::cli::WaitArgs;
use crate::exit::Leave;
use crate::runs::{self, Missing};

/// The kernel wakes one waiter only when an owner dies: look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

pub(crate) fn wait(args: &WaitArgs) -> Leave {
    let end = match args.timeout.as_deref().map(str::parse::<Limit>).transpose() {
        Ok(Some(Limit::After(time))) => Some(stopctl::now() + time),
        Ok(Some(Limit::Never) | None) => None,
        Err(error) => return Leave::FAILED.saying(&format_args!("--timeout: {error}")),
    };
    let mut run = match args.name.as_ref().map_or_else(runs::only, runs::named) {
        Ok(run) => run,
        Err(Missing::None(none)) => return Leave::NOTHING_TO_WAIT_FOR.saying(&none.saying("")),
        Err(Missing::Several(what) | Missing::Failed(what)) => return Leave::FAILED.saying(&what),
    };
    let (mut orphan, mut owner) = (None, None);
    loop {
        // ORDER: the owner before the record: an owner that has ended wrote its last word first.
        let standing = Standing::of(&run.dir);
        run.follow();
        let seen = match run.record.read() {
            Ok(seen) => seen,
            Err(error) => return Leave::FAILED.saying(&error),
        };
        let lost = |what: &str| {
            let (name, pid) = (&run.name, seen.run.pid);
            Leave::FAILED.saying(&format_args!(
                "the supervisor of {name} (pid {pid}) died{what}: nobody knows the status"
            ))
        };
        match (seen.run.phase, seen.run.status) {
            (Phase::Over, Some(status)) => return Leave::With(status),
            (Phase::Over, None) => return lost(", and its workers were stopped"),
            (Phase::Running | Phase::Stopping, _) => {}
        }
        let now = stopctl::now();
        let died = match standing {
            Standing::Orphaned(_) => true,
            Standing::Unverifiable(_) => run.owner_died(),
            // Somebody deleted it, and nobody is there any more who would put it back.
            Standing::Unreadable => !run.dir.is_there() && owner.as_ref().is_none_or(has_ended),
            Standing::Owned(Owned { pidfd, .. }) => {
                owner = Some(pidfd);
                false
            }
            Standing::Changing => false,
        };
        if died {
            // Its guard, or somebody else, takes over within that time, or nobody does.
            if now >= *orphan.get_or_insert(now + LONGEST_SLEEP) {
                return lost(", and its workers may still run (stopctl stop ends them)");
            }
        } else {
            orphan = None;
        }
        let ends = end.into_iter().chain(orphan).chain([now + LONGEST_SLEEP]);
        if end.is_some_and(|end| end <= now) {
            return Leave::TIMED_OUT;
        }
        let left = ends.min().map_or(LONGEST_SLEEP, |end| end.since(now));
        run.record.wait_for_change(&seen, left);
    }
}
