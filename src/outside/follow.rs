//! Following a run without asking it for anything, until it is over or nobody enforces it.

use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::contract::record::{Phase, RecordError};
use crate::contract::standing::{Owned, Standing};
use crate::linux::process::has_ended;
use crate::linux::sys;
use crate::outside::found::Run;
use crate::words::moment::Moment;

/// When an owner dies the kernel wakes one waiter only, so everybody looks at least this often.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// A run that is followed.
#[derive(Debug)]
pub struct Followed {
    run: Run,
    owner: Option<OwnedFd>,
    /// When we give up the hope that somebody takes over from its dead owner.
    orphan_until: Option<Moment>,
}

/// What a look has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Somebody enforces it.
    GoesOn,
    /// Its owner died, and somebody may be taking over.
    Orphaned,
    /// It is over.
    Over,
    /// Its owner died, and nobody has taken over.
    Lost,
}

impl Followed {
    /// Begins to follow a run.
    #[must_use]
    pub const fn new(run: Run) -> Self {
        Self {
            run,
            owner: None,
            orphan_until: None,
        }
    }

    /// The run, as the last look has shown it.
    #[must_use]
    pub const fn run(&self) -> &Run {
        &self.run
    }

    /// Looks at it anew.
    ///
    /// # Errors
    ///
    /// If its record cannot be read any more.
    pub fn look(&mut self, now: Moment) -> Result<Course, RecordError> {
        // ORDER: the owner before the record: an owner that has ended wrote its last word first.
        let standing = self.run.standing();
        self.run.refresh()?;
        let is_over = self.run.seen().run.phase == Phase::Over;
        let is_dead = match standing {
            _ if is_over => return Ok(Course::Over),
            Standing::Orphaned(_) => true,
            Standing::Unverifiable(_) => self.run.owner_died(),
            // Somebody deleted it, and nobody is there any more who would put it back.
            Standing::Unreadable => {
                !self.run.dir().is_there() && self.owner.as_ref().is_none_or(has_ended)
            }
            Standing::Owned(Owned { pidfd, .. }) => {
                self.owner = Some(pidfd);
                false
            }
            Standing::Changing => false,
        };
        Ok(self.judge(is_dead, now))
    }

    fn judge(&mut self, is_dead: bool, now: Moment) -> Course {
        if !is_dead {
            self.orphan_until = None;
            return Course::GoesOn;
        }
        // Its guard, or somebody else, takes over within that time, or nobody does.
        let until = *self.orphan_until.get_or_insert(now + LONGEST_SLEEP);
        if until <= now {
            Course::Lost
        } else {
            Course::Orphaned
        }
    }

    /// Sleeps until it may have changed since the look at `now`, or until `due`.
    pub fn sleep(&self, now: Moment, due: Option<Moment>) {
        let ends = due.into_iter().chain(self.orphan_until);
        let end = ends.chain([now + LONGEST_SLEEP]).min();
        let left = end.map_or(LONGEST_SLEEP, |end| end.since(sys::now()));
        self.run.wait_for_change(left);
    }
}
