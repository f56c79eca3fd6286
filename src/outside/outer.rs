//! Being a worker ourselves: the flag of the run that this supervisor is part of.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::contract::flag::format::Request;
use crate::contract::flag::reader::{FlagError, StopFlag};
use crate::contract::owner::{self, OwnerSeen};
use crate::contract::standing::Standing;
use crate::decide::times::{Times, Wanted};
use crate::linux::process;
use crate::linux::sys;
use crate::words::duration::Limit;
use crate::words::moment::Moment;

/// The flag of the outer run, and who enforces it.
#[derive(Debug)]
pub struct Outer {
    flag: StopFlag,
    /// The outer supervisor: readable when it has ended, for nobody would raise our flag then.
    supervisor: Option<OwnedFd>,
    /// Whether its clock counts from the same moment as ours, as far as anybody can tell.
    shares_clock: bool,
    /// The level of the flag that we have obeyed.
    obeyed: Option<u8>,
}

impl Outer {
    /// The flag that `STOPCTL_FLAG` names, if there is one.
    ///
    /// # Errors
    ///
    /// If the variable is set and names nothing that can be used.
    pub fn from_env() -> Result<Option<Self>, FlagError> {
        let flag = StopFlag::from_env()?;
        let Some(path) = flag.path() else {
            return Ok(None);
        };
        let dir = path.parent().and_then(|dir| std::fs::File::open(dir).ok());
        let shares_clock = match dir.as_ref().map(owner::see) {
            Some(OwnerSeen::Alive { owner, .. } | OwnerSeen::Died { owner, .. }) => {
                owner.shares_clock(&process::own_identity()) != Some(false)
            }
            Some(OwnerSeen::Changing { .. } | OwnerSeen::Spoilt | OwnerSeen::Unreadable) | None => {
                true
            }
        };
        let supervisor = match dir.map(Standing::of) {
            Some(Standing::Owned(owned)) => Some(owned.pidfd),
            Some(_) | None => None,
        };
        Ok(Some(Self {
            flag,
            supervisor,
            shares_clock,
            obeyed: None,
        }))
    }

    /// The path of the flag.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.flag.path()
    }

    /// What to poll for reading: readable when the outer supervisor has ended.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.supervisor
            .iter()
            .filter(|_| self.obeyed.is_none())
            .map(AsFd::as_fd)
    }

    /// What the outer run asks of us, once.
    pub fn take(&mut self) -> Option<Request> {
        if self.obeyed.is_some() {
            return None;
        }
        let mut request = self.flag.request();
        if let Some(request) = request.as_mut().filter(|_| !self.shares_clock) {
            request.deadline = request.deadline_unix.map(on_our_clock);
        }
        self.obeyed = request.as_ref().map(|request| request.level);
        if self.supervisor.as_ref().is_some_and(process::has_ended) {
            // It ended without a word: nothing more will come from it.
            self.supervisor = None;
        }
        request
    }

    /// Whether the flag is on a higher level than the one that we have obeyed. Then we have obeyed
    /// that one, too.
    pub fn has_climbed(&mut self) -> bool {
        let level = self.flag.request().map(|request| request.level);
        let climbed = self.obeyed.is_some() && level > self.obeyed;
        if climbed {
            self.obeyed = level;
        }
        climbed
    }
}

/// The moment that the clock on the wall calls `unix`. That one is the same in every namespace.
fn on_our_clock(unix: u64) -> Moment {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let left = Duration::from_secs(unix).saturating_sub(now.unwrap_or_default());
    sys::now() + left
}

/// The times of a ladder that fits into what the outer one leaves. Grace and kill-after are the
/// run's own where these are shorter.
#[must_use]
pub fn fitted(request: &Request, own: &Times, now: Moment) -> Wanted {
    request.deadline.map_or(Wanted::NOTHING, |end| {
        let whole = Wanted::within(end.since(now));
        let least = |wanted: Option<Limit>, own| wanted.map(|time| time.min(own));
        Wanted {
            grace: least(whole.grace, own.grace),
            kill_after: least(whole.kill_after, own.kill_after),
            unaware: least(whole.unaware, own.grace),
        }
    })
}
