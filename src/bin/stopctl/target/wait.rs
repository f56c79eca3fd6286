//! Waiting for a run that is being stopped, whoever its owner is meanwhile.

use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::interrupts::Interrupts;
use stopctl::process::{self, Stat};
use stopctl::record::Phase;
use stopctl::standing::{Owned, Standing};
use stopctl::taker::{self, Care};

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

impl Target<'_> {
    /// Waits until all that were asked have ended; for a whole run, until its name is free and
    /// its supervisor gone. A signal ends us.
    pub(crate) fn wait(&mut self, voice: &mut Voice) {
        let mut telling = Telling::new(self, 0);
        while self.wait_once(&mut telling, voice) {}
    }

    /// The same for who may have a picture, or other signals. As many runs as `later` are waited
    /// for after this one.
    pub(crate) fn watch(
        &mut self,
        voice: &mut Voice,
        interrupts: &Interrupts,
        later: usize,
    ) -> Waited {
        let mut telling = Telling::new(self, later);
        let waited = loop {
            if let Some(signal) = heed(interrupts, voice.screen()) {
                break Waited::Until(signal);
            }
            if !self.wait_once(&mut telling, voice) {
                break Waited::ToTheEnd;
            }
        };
        // Whatever is printed next comes where the picture was.
        if let Some(screen) = voice.screen() {
            screen.wipe();
        }
        waited
    }

    /// Looks, does what has to be done, and sleeps until something may have changed; answers
    /// whether there is something to wait for.
    fn wait_once(&mut self, telling: &mut Telling, voice: &mut Voice) -> bool {
        if self.problem.is_some() || self.is_gone {
            return false;
        }
        // ORDER: the owner before the record: an owner that has ended wrote its last word first.
        let standing = Standing::of(&self.run.dir);
        self.read();
        let is_over = self.run.seen.run.phase == Phase::Over;
        if !(is_over || self.is_whole()) && self.asked.iter().all(|&one| self.has_ended(one)) {
            return false;
        }
        let is_owned = matches!(standing, Standing::Owned(_));
        match standing {
            Standing::Owned(owned) => self.follow(owned),
            Standing::Orphaned(_) if is_over && !self.run.leaves_something() => {
                self.tidy();
                return true;
            }
            Standing::Orphaned(_) if !is_over => {
                self.take_over(voice);
                return true;
            }
            Standing::Changing if is_over => {
                self.run.record.wait_for_change(&self.run.seen, SIGNING);
                return true;
            }
            Standing::Unverifiable(unknown) if !is_over && self.run.owner_died() => {
                self.out_of_reach(unknown.why);
                return false;
            }
            // Somebody removed what was left of it, because nothing is.
            Standing::Unreadable
                if !is_over && !self.run.dir.is_there() && !self.owner_is_there() =>
            {
                self.is_gone = true;
                return false;
            }
            // It is there, and its file `owner` names nobody.
            Standing::Unreadable if !is_over && self.run.is_unsigned() => {
                self.take_over(voice);
                return true;
            }
            Standing::Changing
            | Standing::Orphaned(_)
            | Standing::Unverifiable(_)
            | Standing::Unreadable => {}
        }
        if is_over && !is_owned && !self.owner_is_there() {
            self.read();
            return false;
        }
        self.rouse(voice);
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

    /// The owner may be another one than the one that was asked: the guard, say.
    fn follow(&mut self, owned: Owned) {
        let known = self.owner.as_ref().map(|known| &known.owner);
        if known != Some(&owned.owner) {
            let asked_another = self.owner.replace(owned).is_some();
            (self.stopped_since, self.is_roused) = (None, false);
            if let (true, Some(demand)) = (asked_another, self.demand) {
                // It may not have read what the one before was asked. Twice is once.
                self.problem = self.send(demand).err();
            }
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

    fn longest_sleep(&self) -> Duration {
        self.stopped_since.map_or(LONGEST_SLEEP, |_| GLANCE)
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
            voice.say(Weight::Warning, &what);
            let care = taker::depose(&self.run.dir, owned);
            (self.stopped_since, self.is_roused) = (None, false);
            match care {
                Care::Failed(why) => {
                    self.problem = Some(format!("{name} cannot be taken over: {why}"));
                }
                Care::Unverifiable(why) => {
                    self.problem = Some(format!("{name} cannot be taken over from here: {why}"));
                }
                Care::Owned(_) | Care::Mended | Care::Removed | Care::Gone => {
                    self.demand_it(voice);
                }
            }
        }
    }
}
