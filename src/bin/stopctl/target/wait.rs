//! Waiting for a run that is being stopped, whoever its owner is meanwhile.

use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::contract::record::Phase;
use stopctl::contract::standing::{Owned, Standing};
use stopctl::linux::interrupts::Interrupts;
use stopctl::linux::process::{self, Stat};

use super::Target;
use super::telling::Telling;
use crate::screen::heed;
use crate::voice::{Voice, Weight};

/// The kernel wakes one waiter only when an owner dies: look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How long whoever takes over needs to sign; nobody is woken by that.
const SIGNING: Duration = Duration::from_millis(10);

/// A process that is traced stops for a moment at each system call: only what lasts counts.
const GLANCE: Duration = Duration::from_millis(100);

/// How long an owner that was stopped may stay silent after it was continued.
const SILENT: Duration = Duration::from_secs(2);

/// How a waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There is nothing left to wait for.
    ToTheEnd,
    /// By this signal; the stop goes on.
    Until(i32),
}

/// Waits for the first of these runs, while the others are looked after. A signal ends it, or does
/// what it does to a picture.
pub(crate) fn watch(
    targets: &mut [Target<'_>],
    voice: &mut Voice,
    interrupts: &Interrupts,
) -> Waited {
    let Some((first, later)) = targets.split_first_mut() else {
        return Waited::ToTheEnd;
    };
    let mut telling = Telling::new(first, later.len());
    let waited = loop {
        if let Some(signal) = heed(interrupts, voice.screen()) {
            break Waited::Until(signal);
        }
        for target in later.iter_mut() {
            target.attend(voice);
        }
        if !first.wait_once(&mut telling, voice) {
            break Waited::ToTheEnd;
        }
    };
    // Whatever is printed next comes where the picture was.
    if let Some(screen) = voice.screen() {
        screen.wipe();
    }
    waited
}

/// Waits until all of these runs have taken what they are asked for, and no longer.
pub(crate) fn hand_over(targets: &mut [Target<'_>], voice: &mut Voice) {
    let mut is_open = true;
    while is_open {
        is_open = false;
        for target in targets.iter_mut() {
            let is_there = !matches!(target.attend(voice), Course::Over);
            if is_there && !target.is_taken() {
                is_open = true;
                target.run.record.wait_for_change(&target.run.seen, GLANCE);
            }
        }
    }
}

/// How a run goes on.
pub(super) enum Course {
    /// There is nothing to wait for.
    Over,
    /// Something was done, and it has to be looked at again.
    Again,
    /// It is the owner's turn. It may have nothing to do but to end.
    GoesOn { is_over: bool },
}

impl Target<'_> {
    /// Waits until all that were asked have ended; for a whole run, until its name is free and
    /// its supervisor gone. A signal ends us.
    pub(crate) fn wait(&mut self, voice: &mut Voice) {
        let mut telling = Telling::new(self, 0);
        while self.wait_once(&mut telling, voice) {}
    }

    /// Looks, does what has to be done, and sleeps until something may have changed; answers
    /// whether there is something to wait for.
    fn wait_once(&mut self, telling: &mut Telling, voice: &mut Voice) -> bool {
        let is_over = match self.attend(voice) {
            Course::Over => return false,
            Course::Again => return true,
            Course::GoesOn { is_over } => is_over,
        };
        let due = self.tell(telling, voice);
        let longest = self.longest_sleep();
        if let (Some(owned), true) = (&self.owner, is_over) {
            process::wait_for_end(&owned.pidfd, longest);
        } else {
            let left = due.since(stopctl::now()).min(longest);
            self.run.record.wait_for_change(&self.run.seen, left);
        }
        true
    }

    /// Looks, and does what has to be done.
    pub(super) fn attend(&mut self, voice: &mut Voice) -> Course {
        if self.problem.is_some() || self.is_gone {
            return Course::Over;
        }
        // ORDER: the owner before the record: an owner that has ended wrote its last word first.
        let standing = Standing::of(&self.run.dir);
        self.read();
        let is_over = self.run.seen.run.phase == Phase::Over;
        if !(is_over || self.is_whole()) && self.asked.iter().all(|&one| self.has_ended(one)) {
            return Course::Over;
        }
        let word = match &standing {
            Standing::Owned(owned) => Some(owned.word),
            Standing::Changing
            | Standing::Orphaned(_)
            | Standing::Unverifiable(_)
            | Standing::Unreadable => None,
        };
        match standing {
            Standing::Owned(owned) => self.follow(owned),
            Standing::Orphaned(_) if is_over && !self.run.leaves_something() => {
                self.tidy();
                return Course::Again;
            }
            Standing::Orphaned(_) if !is_over => {
                self.take_over(voice);
                return Course::Again;
            }
            Standing::Changing if is_over => {
                self.run.record.wait_for_change(&self.run.seen, SIGNING);
                return Course::Again;
            }
            Standing::Unverifiable(unknown) if !is_over && self.run.owner_died() => {
                self.out_of_reach(unknown.why);
                return Course::Over;
            }
            // Somebody removed what was left of it, because nothing is.
            Standing::Unreadable
                if !is_over && !self.run.dir.is_there() && !self.owner_is_there() =>
            {
                self.is_gone = true;
                return Course::Over;
            }
            // It is there, and its file `owner` names nobody.
            Standing::Unreadable if !is_over && self.run.is_unsigned() => {
                self.take_over(voice);
                return Course::Again;
            }
            Standing::Changing
            | Standing::Orphaned(_)
            | Standing::Unverifiable(_)
            | Standing::Unreadable => {}
        }
        if is_over && word.is_none() && !self.owner_is_there() {
            self.read();
            return Course::Over;
        }
        self.rouse(voice);
        self.pursue(word, voice);
        Course::GoesOn { is_over }
    }

    /// The owner may be another one than the one that was asked: the guard, say.
    fn follow(&mut self, owned: Owned) {
        let known = self.owner.as_ref().map(|known| &known.owner);
        if known != Some(&owned.owner) {
            self.owner = Some(owned);
            (self.stopped_since, self.is_roused) = (None, false);
        }
    }

    fn read(&mut self) {
        self.run.follow();
        match self.run.record.read() {
            Ok(seen) => self.run.seen = seen,
            Err(error) => self.problem = Some(format!("{}: {error}", self.run.name)),
        }
    }

    fn owner_is_there(&self) -> bool {
        let owner = self.owner.as_ref();
        owner.is_some_and(|owned| !process::has_ended(&owned.pidfd))
    }

    pub(super) fn longest_sleep(&self) -> Duration {
        let stopped = self.stopped_since.map(|_| GLANCE);
        let soon = stopped.into_iter().chain(self.errand.soon()).min();
        soon.unwrap_or(LONGEST_SLEEP)
    }

    /// A supervisor that was stopped is not dead: it is continued, and if that does not help (a
    /// debugger holds it), somebody else takes over.
    fn rouse(&mut self, voice: &mut Voice) {
        let stopped = |owned: &&Owned| Stat::of(owned.owner.pid).is_some_and(|s| s.is_stopped());
        let Some(owned) = self.owner.as_ref().filter(stopped) else {
            (self.stopped_since, self.is_roused) = (None, false);
            return;
        };
        let (name, pid) = (&self.run.name, owned.owner.pid);
        let now = stopctl::now();
        let time = now.since(*self.stopped_since.get_or_insert(now));
        if time >= GLANCE && !self.is_roused {
            let what = format!("the supervisor of {name} (pid {pid}) is stopped: continuing it");
            voice.say(Weight::Warning, &what);
            let _ = process::signal(process::Target::Pidfd(owned.pidfd.as_fd()), libc::SIGCONT);
            self.is_roused = true;
        }
        if time >= GLANCE + SILENT {
            let what = format!(
                "the supervisor of {name} (pid {pid}) stays silent, a debugger may hold it: \
                 taking over"
            );
            self.depose(&what, voice);
        }
    }
}
