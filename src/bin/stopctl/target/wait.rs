//! Waiting for a run that is being stopped, whoever its owner is meanwhile.

use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::duration::in_words;
use stopctl::moment::Moment;
use stopctl::process::{self, Stat};
use stopctl::record::Phase;
use stopctl::standing::{Owned, Standing};
use stopctl::taker::{self, Care};

use super::Target;
use crate::show::numbers;
use crate::voice::{Voice, Weight};

/// The kernel wakes one waiter only when an owner dies: look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How long whoever takes over needs to sign; nobody is woken by that.
const SIGNING: Duration = Duration::from_millis(10);

/// A process that is traced stops for a moment at each system call: only what lasts counts.
const GLANCE: Duration = Duration::from_millis(100);

/// How long an owner that was stopped may stay silent after it was continued.
const SILENT: Duration = Duration::from_secs(2);

/// The longest silence while waiting, at first; it doubles with each line.
const SILENCE: Duration = Duration::from_secs(5);

/// The longest silence later on.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

impl Target<'_> {
    /// Waits until all that were asked have ended; for a whole run, until its name is free and
    /// its supervisor gone.
    pub(crate) fn wait(&mut self, voice: &mut Voice) {
        let mut silence = SILENCE;
        let mut silence_ends = stopctl::now() + silence;
        while self.problem.is_none() && !self.is_gone {
            // ORDER: the owner before the record: an owner that has ended wrote its last word
            // first.
            let standing = Standing::of(&self.run.dir);
            self.read();
            let is_over = self.run.seen.run.phase == Phase::Over;
            if !(is_over || self.is_whole()) && self.asked.iter().all(|&one| self.has_ended(one)) {
                return;
            }
            let is_owned = matches!(standing, Standing::Owned(_));
            match standing {
                Standing::Owned(owned) => self.follow(owned),
                Standing::Orphaned(_) if is_over && !self.run.leaves_something() => {
                    self.tidy();
                    continue;
                }
                Standing::Orphaned(_) if !is_over => {
                    self.take_over(voice);
                    continue;
                }
                Standing::Changing if is_over => {
                    self.run.record.wait_for_change(&self.run.seen, SIGNING);
                    continue;
                }
                Standing::Unverifiable(_) if !is_over && self.run.owner_died() => {
                    self.out_of_reach();
                    continue;
                }
                // Somebody removed what was left of it, because nothing is.
                Standing::Unreadable
                    if !is_over && !self.run.dir.is_there() && !self.owner_is_there() =>
                {
                    self.is_gone = true;
                }
                Standing::Changing
                | Standing::Orphaned(_)
                | Standing::Unverifiable(_)
                | Standing::Unreadable => {}
            }
            if is_over && !is_owned && !self.owner_is_there() {
                return self.read();
            }
            self.rouse(voice);
            if let (Some(owned), true) = (&self.owner, is_over) {
                process::wait_for_end(&owned.pidfd, self.longest_sleep());
            } else if stopctl::now() >= silence_ends {
                silence = (silence * 2).min(LONGEST_SILENCE);
                silence_ends = stopctl::now() + silence;
                voice.say(Weight::Notice, &self.still_there());
            } else {
                let left = silence_ends.since(stopctl::now()).min(self.longest_sleep());
                self.run.record.wait_for_change(&self.run.seen, left);
            }
        }
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

    /// Who is still there, and when the next rung comes for the first of them.
    fn still_there(&self) -> String {
        let there = |worker: &&u32| !self.has_ended(**worker);
        let there: Vec<u32> = self.asked.iter().filter(there).copied().collect();
        let stopping = there
            .iter()
            .map(|&worker| &self.run.seen.workers[worker as usize]);
        let next = stopping
            .filter_map(|one| Some((one.deadline_ns?, one.level)))
            .min();
        let next = next.map_or_else(String::new, |(deadline, level)| {
            let left = Moment::from_nanos(deadline).since(stopctl::now());
            let signal = if level < 2 { "SIGTERM" } else { "SIGKILL" };
            let what = if level < 3 { signal } else { "given up" };
            format!("; {what} in {}", in_words(left))
        });
        format!("{}: still there: {}{next}", self.run.name, numbers(&there))
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
                Care::Owned | Care::Removed | Care::Gone | Care::Unverifiable => {
                    self.demand_it(voice);
                }
            }
        }
    }
}
