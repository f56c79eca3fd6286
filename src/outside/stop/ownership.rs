//! Who enforces a run, as far as we have seen; and how often we have replaced that one.

use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::contract::run_dir::RunDir;
use crate::contract::standing::Owned;
use crate::linux::process::{self, Stat};
use crate::outside::rescue::{self, Care};
use crate::words::moment::Moment;
use crate::words::pid::Pid;

use super::news::Failure;
use super::rousing::{Rouse, Rousing};

/// How often we take over a run whose takers die, or do not answer: something ends them.
const TAKEOVERS: u32 = 10;

/// The owner of a run.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    /// Who enforces the ladder; `None` if nobody here can tell, or that one was deposed.
    owner: Option<Owned>,
    rousing: Rousing,
    takeovers: u32,
}

impl Ownership {
    /// Takes in who owns the run. That may be another one than the one that was asked: the guard,
    /// say.
    pub(super) fn follow(&mut self, owned: Owned) {
        let known = self.owner.as_ref().map(|known| &known.owner);
        if known != Some(&owned.owner) {
            self.owner = Some(owned);
            self.rousing = Rousing::default();
        }
    }

    /// Its pid, if anybody knows it.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.owner.as_ref().map(|owned| owned.owner.pid)
    }

    /// Whether the one that we know lives.
    pub(super) fn lives(&self) -> bool {
        let mut owner = self.owner.iter();
        owner.any(|owned| !process::has_ended(&owned.pidfd))
    }

    /// Waits for the end of the one that we know, or so long; `false` if we know nobody.
    pub(super) fn wait_for_end(&self, longest: Duration) -> bool {
        if let Some(owned) = &self.owner {
            process::wait_for_end(&owned.pidfd, longest);
        }
        self.owner.is_some()
    }

    /// Looks whether it is stopped; answers what to do about that.
    pub(super) fn rouse(&mut self, now: Moment) -> Rouse {
        let stopped = |owned: &Owned| Stat::of(owned.owner.pid).is_some_and(|s| s.is_stopped());
        self.rousing
            .next(self.owner.as_ref().is_some_and(stopped), now)
    }

    /// Continues it.
    pub(super) fn resume(&self) {
        if let Some(owned) = &self.owner {
            let _ = process::signal(process::Target::Pidfd(owned.pidfd.as_fd()), libc::SIGCONT);
        }
    }

    /// How soon to look again; `None` if only other reasons count.
    pub(super) fn soon(&self) -> Option<Duration> {
        self.rousing.soon()
    }

    /// Whether we have tried to replace it.
    pub(super) fn was_taken_over(&self) -> bool {
        self.takeovers > 0
    }

    /// Sees to it that the run in `dir` has an owner.
    pub(super) fn care_for(&mut self, dir: &RunDir) -> Result<Care, Failure> {
        self.count(Failure::TakersEnd)?;
        Ok(rescue::care_for(dir))
    }

    /// Takes over the run in `dir` from the one that we know.
    pub(super) fn depose(&mut self, dir: &RunDir) -> Result<Care, Failure> {
        self.count(Failure::TakersSilent)?;
        self.rousing = Rousing::default();
        // Whoever is the owner then may have ended everything before we see it.
        let owner = self.owner.take();
        Ok(owner.map_or(Care::Gone, |owned| rescue::depose(dir, &owned)))
    }

    fn count(&mut self, failure: Failure) -> Result<(), Failure> {
        self.takeovers += 1;
        if self.takeovers > TAKEOVERS {
            Err(failure)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::process::{Child, Command};

    use super::{Failure, Moment, Owned, Ownership, Rouse, TAKEOVERS};
    use crate::linux::process::{self, Found, Stat, own_identity};

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").spawn().unwrap()
    }

    fn owned(child: &Child) -> Owned {
        let pid = process::pid_of(child);
        let pidfd: OwnedFd = match process::named(pid) {
            Found::Ours(pidfd) => pidfd,
            Found::Gone | Found::Unverifiable => panic!("{pid} lives"),
        };
        let mut owner = own_identity();
        (owner.pid, owner.start) = (pid, Stat::of(pid).unwrap().start);
        Owned {
            owner,
            pidfd,
            word: 0,
            watched: true,
        }
    }

    #[test]
    fn an_owner_that_was_seen_is_known_to_have_ended() {
        let mut ownership = Ownership::default();
        assert!(!ownership.lives() && ownership.pid().is_none());
        let mut child = sleeper();
        ownership.follow(owned(&child));
        assert!(ownership.lives());
        assert_eq!(ownership.pid(), Some(process::pid_of(&child)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!ownership.lives());
    }

    #[test]
    fn a_stop_of_the_one_owner_is_none_of_the_next() {
        let (mut first, mut second) = (sleeper(), sleeper());
        let mut ownership = Ownership::default();
        let at = |ms: u64| Moment::from_nanos(ms * 1_000_000);
        ownership.follow(owned(&first));
        assert_eq!(ownership.rousing.next(true, at(0)), Rouse::default());
        ownership.follow(owned(&first));
        assert!(ownership.rousing.next(true, at(5000)).deposes);
        ownership.follow(owned(&second));
        assert_eq!(ownership.rousing.next(true, at(6000)), Rouse::default());
        for child in [&mut first, &mut second] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn nobody_is_replaced_for_ever() {
        let mut ownership = Ownership::default();
        assert!(!ownership.was_taken_over());
        for _ in 0..TAKEOVERS {
            assert_eq!(ownership.count(Failure::TakersEnd), Ok(()));
        }
        let failure = ownership.count(Failure::TakersEnd);
        assert_eq!(failure, Err(Failure::TakersEnd));
        assert!(ownership.was_taken_over());
    }
}
