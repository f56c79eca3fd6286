//! Whether the owner of a run has taken what it was asked for, and what to do if it has not.
//!
//! A request is a line in a FIFO: it is lost with an owner that dies, with a FIFO that is deleted,
//! or behind a line that somebody left without an end. But it is absolute, so we may repeat it. And
//! an owner that lives reads it at once: one that leaves it unread does not do its other duties
//! either.

use std::time::Duration;

use crate::words::moment::Moment;

/// How long an owner may leave a request unread.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long after the owner has read a request, and not taken it, we repeat it. This doubles each
/// time.
const AGAIN: Duration = Duration::from_millis(500);

/// How often we make a request that the owner reads and does not take.
const TIMES: u32 = 5;

/// How soon we look again while something is open.
const GLANCE: Duration = Duration::from_millis(100);

/// What a look at a run has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// The owner word, if anybody here can tell who owns the run.
    pub(super) owner: Option<u32>,
    /// Whether somebody wants something of it.
    pub(super) is_wanted: bool,
    /// Whether the record shows that it has what is wanted.
    pub(super) is_taken: bool,
    /// Whether it has let a deadline of its own go by.
    pub(super) is_late: bool,
}

/// What lies in the FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fifo {
    /// There is none, or nobody reads it.
    Missing,
    /// Nothing: the owner has read all of it.
    Empty,
    /// Something that the owner has not read.
    Unread,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, but look again.
    Wait,
    /// Ask, for this time.
    Ask(u32),
    /// Take over from it: it does not answer.
    Depose,
    /// Give up: it reads what it is asked, and does not do it.
    Refused,
}

/// What was asked of whom.
#[derive(Debug, Default)]
pub(super) struct Errand {
    asked: Option<Asked>,
    /// How the FIFO is, and since when.
    since: Option<(Fifo, Moment)>,
    is_open: bool,
}

#[derive(Debug)]
struct Asked {
    owner: Option<u32>,
    at: Moment,
    times: u32,
}

impl Errand {
    /// Whether we have to look at the FIFO.
    pub(super) fn concerns(&mut self, look: &Look) -> bool {
        let is_new = look.is_wanted && !self.knows(look.owner);
        self.is_open = is_new || look.is_late || !look.is_taken;
        if !self.is_open {
            self.since = None;
        }
        self.is_open
    }

    fn knows(&self, owner: Option<u32>) -> bool {
        self.asked
            .as_ref()
            .is_some_and(|asked| asked.owner == owner)
    }

    /// What to do after this look.
    pub(super) fn next(&mut self, look: &Look, fifo: Fifo, now: Moment) -> Step {
        if self.since.is_none_or(|(before, _)| before != fifo) {
            self.since = Some((fifo, now));
        }
        let time = self
            .since
            .map_or(Duration::ZERO, |(_, since)| now.since(since));
        if !self.knows(look.owner) && fifo != Fifo::Missing {
            return self.ask(look.owner, now);
        }
        match fifo {
            Fifo::Missing | Fifo::Unread if time >= PATIENCE => Step::Depose,
            Fifo::Missing | Fifo::Unread => Step::Wait,
            Fifo::Empty => self.ask_again(look, now),
        }
    }

    fn ask(&mut self, owner: Option<u32>, now: Moment) -> Step {
        let times = match &self.asked {
            Some(asked) if asked.owner == owner => asked.times + 1,
            Some(_) | None => 1,
        };
        let at = now;
        self.asked = Some(Asked { owner, at, times });
        self.since = Some((Fifo::Unread, now));
        Step::Ask(times)
    }

    /// The owner has read it, and has not done it.
    fn ask_again(&mut self, look: &Look, now: Moment) -> Step {
        let (at, times) = self
            .asked
            .as_ref()
            .map_or((now, 1), |asked| (asked.at, asked.times));
        let pause = AGAIN * 2_u32.pow(times.min(TIMES) - 1);
        if now.since(at) < pause {
            Step::Wait
        } else if times >= TIMES && !look.is_taken {
            Step::Refused
        } else {
            self.ask(look.owner, now)
        }
    }

    /// Whether the owner has read all that it was asked.
    pub(super) fn is_answered(&self) -> bool {
        let is_read = self.since.is_some_and(|(fifo, _)| fifo == Fifo::Empty);
        self.asked.is_some() && is_read
    }

    /// Whether something is still open.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// When the owner was asked last.
    pub(super) fn asked_at(&self) -> Option<Moment> {
        self.asked.as_ref().map(|asked| asked.at)
    }

    /// How soon to look again; `None` if only other reasons count.
    pub(super) fn soon(&self) -> Option<Duration> {
        self.is_open.then_some(GLANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Look = Look {
        owner: Some(1),
        is_wanted: true,
        is_taken: false,
        is_late: false,
    };

    /// What is done in so many seconds, with its times, when each look shows the same.
    fn steps(errand: &mut Errand, look: &Look, fifo: Fifo, from: u64, to: u64) -> Vec<(u64, Step)> {
        let mut done = Vec::new();
        for ms in (from * 1000..to * 1000).step_by(100) {
            if errand.concerns(look) {
                let now = Moment::from_nanos(ms * 1_000_000);
                let step = errand.next(look, fifo, now);
                done.extend(Some((ms, step)).filter(|_| step != Step::Wait));
            }
            if done
                .last()
                .is_some_and(|(_, step)| !matches!(step, Step::Ask(_)))
            {
                break;
            }
        }
        done
    }

    #[test]
    fn k3b_what_was_read_and_not_taken_is_asked_again_and_not_for_ever() {
        let mut errand = Errand::default();
        let asked = [(0, 1), (500, 2), (1500, 3), (3500, 4), (7500, 5)];
        let asked = asked.map(|(ms, times)| (ms, Step::Ask(times)));
        let all = [&asked[..], &[(15_500, Step::Refused)]].concat();
        assert_eq!(steps(&mut errand, &WANTED, Fifo::Empty, 0, 100), all);
    }

    #[test]
    fn k3b_once_it_is_taken_nothing_is_asked_until_there_is_another_owner() {
        let mut errand = Errand::default();
        let taken = Look {
            is_taken: true,
            ..WANTED
        };
        assert_eq!(
            steps(&mut errand, &WANTED, Fifo::Empty, 0, 1),
            [(0, Step::Ask(1)), (500, Step::Ask(2))]
        );
        assert_eq!(steps(&mut errand, &taken, Fifo::Empty, 1, 1000), []);
        assert_eq!(errand.soon(), None);
        let other = Look {
            owner: Some(2),
            ..taken
        };
        assert_eq!(
            steps(&mut errand, &other, Fifo::Unread, 1000, 1004),
            [(1_000_000, Step::Ask(1))]
        );
        // Of a run that is only waited for nothing is wanted, whoever owns it.
        let followed = Look {
            is_wanted: false,
            ..other
        };
        assert_eq!(
            steps(&mut Errand::default(), &followed, Fifo::Unread, 0, 100),
            []
        );
    }

    #[test]
    fn k6a_who_leaves_it_unread_or_does_not_put_it_back_is_deposed() {
        let mut errand = Errand::default();
        let deposed = [(0, Step::Ask(1)), (5000, Step::Depose)];
        assert_eq!(steps(&mut errand, &WANTED, Fifo::Unread, 0, 100), deposed);
        let missing = [(5000, Step::Depose)];
        assert_eq!(
            steps(&mut Errand::default(), &WANTED, Fifo::Missing, 0, 100),
            missing
        );
        // A moment without it is no reason to give up, nor is one in which it was not read yet.
        let mut errand = Errand::default();
        assert_eq!(steps(&mut errand, &WANTED, Fifo::Missing, 0, 4), []);
        assert_eq!(
            steps(&mut errand, &WANTED, Fifo::Unread, 4, 8),
            [(4000, Step::Ask(1))]
        );
        assert_eq!(
            steps(&mut errand, &WANTED, Fifo::Empty, 8, 9),
            [(8000, Step::Ask(2))]
        );
        assert_eq!(steps(&mut errand, &WANTED, Fifo::Unread, 9, 13), []);
    }

    #[test]
    fn k6a_who_misses_a_deadline_is_asked_for_a_sign_and_deposed_without_one() {
        let late = Look {
            is_taken: true,
            is_late: true,
            ..WANTED
        };
        for look in [
            late,
            Look {
                is_wanted: false,
                ..late
            },
        ] {
            let deposed = [(0, Step::Ask(1)), (5000, Step::Depose)];
            assert_eq!(
                steps(&mut Errand::default(), &look, Fifo::Unread, 0, 100),
                deposed
            );
            // Slow, but it reads.
            let asked = steps(&mut Errand::default(), &look, Fifo::Empty, 0, 100);
            assert!(
                asked.iter().all(|(_, step)| matches!(step, Step::Ask(_))),
                "{asked:?}"
            );
        }
    }
}
