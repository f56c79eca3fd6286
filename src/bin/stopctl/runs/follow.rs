//! Following a run without asking it for anything, until it is over or nobody enforces it.

use std::os::fd::OwnedFd;
use std::time::Duration;

use stopctl::contract::record::{Phase, RecordError};
use stopctl::contract::standing::{Owned, Standing};
use stopctl::linux::process::has_ended;
use stopctl::words::moment::Moment;

use super::Run;

/// The kernel wakes one waiter only when an owner dies: look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// A run that is followed.
pub(crate) struct Followed {
    pub(crate) run: Run,
    owner: Option<OwnedFd>,
    /// When its owner, who is dead, will not be followed by another one any more.
    orphan_until: Option<Moment>,
}

/// What a look has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    GoesOn,
    /// Its owner died, and somebody may be taking over.
    Orphaned,
    Over,
    /// Its owner died, and nobody has taken over.
    Lost,
}

impl Followed {
    pub(crate) fn new(run: Run) -> Self {
        Self {
            run,
            owner: None,
            orphan_until: None,
        }
    }

    /// Looks at it anew.
    pub(crate) fn look(&mut self, now: Moment) -> Result<Course, RecordError> {
        let run = &mut self.run;
        // ORDER: the owner before the record: an owner that has ended wrote its last word first.
        let standing = Standing::of(&run.dir);
        run.follow();
        run.seen = run.record.read()?;
        let is_dead = match standing {
            _ if run.seen.run.phase == Phase::Over => return Ok(Course::Over),
            Standing::Orphaned(_) => true,
            Standing::Unverifiable(_) => run.owner_died(),
            // Somebody deleted it, and nobody is there any more who would put it back.
            Standing::Unreadable => {
                !run.dir.is_there() && self.owner.as_ref().is_none_or(has_ended)
            }
            Standing::Owned(Owned { pidfd, .. }) => {
                self.owner = Some(pidfd);
                false
            }
            Standing::Changing => false,
        };
        if !is_dead {
            self.orphan_until = None;
            return Ok(Course::GoesOn);
        }
        // Its guard, or somebody else, takes over within that time, or nobody does.
        let until = *self.orphan_until.get_or_insert(now + LONGEST_SLEEP);
        Ok(if until <= now {
            Course::Lost
        } else {
            Course::Orphaned
        })
    }

    /// Sleeps until it may have changed since the look at `now`, or until `due`.
    pub(crate) fn sleep(&self, now: Moment, due: Option<Moment>) {
        let ends = due.into_iter().chain(self.orphan_until);
        let end = ends.chain([now + LONGEST_SLEEP]).min();
        let left = end.map_or(LONGEST_SLEEP, |end| end.since(stopctl::now()));
        self.run.record.wait_for_change(&self.run.seen, left);
    }
}
