//! A ladder, and what holds after each of its steps.

use stopctl::decide::ladder::{Action, Input, Ladder, Rung};
use stopctl::decide::times::Times;
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;

/// A ladder that is watched at each step, with what the promises need to remember.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) ladder: Ladder,
    kills: u32,
    pub(crate) give_ups: u32,
}

impl Watched {
    pub(crate) fn new(times: Times) -> Watched {
        Watched {
            ladder: Ladder::new(times, Moment::from_nanos(0)),
            kills: 0,
            give_ups: 0,
        }
    }

    /// Takes a step and checks what holds after every step, whatever came before it.
    pub(crate) fn step(&mut self, input: Input, now: Moment) -> Action {
        let before = self.ladder.clone();
        let action = self.ladder.step(input, now);
        let after = &self.ladder;
        assert!(after.rung() >= before.rung(), "the rung went down");
        assert!(after.outcome_rung() <= after.rung());
        match action {
            Action::Nothing => {
                assert_eq!(after.rung(), before.rung());
                let silenced = after.is_gone() && after.deadline().is_none();
                assert!(silenced || after.deadline() == before.deadline());
            }
            Action::Climb(rung) => {
                assert!(after.rung() == Some(rung) && before.rung() < Some(rung));
                assert!(after.deadline().is_none_or(|deadline| deadline >= now));
                self.kills += u32::from(rung == Rung::Kill);
            }
            Action::Retime => {
                assert!(before.rung().is_some() && after.rung() == before.rung());
                // No deadline is the latest of all.
                let moved = |ladder: &Ladder| ladder.deadline().map_or(u64::MAX, Moment::nanos);
                if let Input::Suspended(time) = input {
                    let later = before.deadline().map(|deadline| deadline + time);
                    assert_eq!(after.deadline(), later);
                } else {
                    assert_eq!(after.rung(), Some(Rung::Flag));
                    let extended = matches!(input, Input::Extend(_) | Input::Looked);
                    assert_eq!(moved(after) > moved(&before), extended);
                    assert_ne!(moved(after), moved(&before));
                }
            }
            Action::GiveUp => {
                assert_eq!((after.rung(), after.deadline()), (Some(Rung::Kill), None));
                self.give_ups += 1;
            }
        }
        assert!(self.kills <= 1 && self.give_ups <= self.kills);
        if before.is_gone() {
            assert_eq!((action, after.is_gone()), (Action::Nothing, true));
        }
        if input == Input::Tick && action != Action::Nothing {
            assert!(
                before.deadline().is_some_and(|deadline| deadline <= now),
                "too early"
            );
            let (from, to) = (level(&before), level(after));
            assert!(to - from <= 1, "a tick climbed more than one rung");
        }
        action
    }

    /// With finite times, three ticks, each at its deadline, end any ladder that has begun, in the
    /// time that it says it can take.
    pub(crate) fn check_that_ticks_end_it(&self) {
        let mut rest = self.clone();
        let (first, mut last) = (rest.ladder.deadline(), rest.ladder.deadline());
        let said = first.map(|first| (first, rest.ladder.rest(first)));
        for _ in 0..3 {
            if let Some(deadline) = rest.ladder.deadline() {
                assert_ne!(rest.step(Input::Tick, deadline), Action::Nothing);
                last = Some(deadline);
            }
        }
        let end = said.map(|(first, rest)| match rest {
            Some(Limit::After(time)) => first + time,
            other @ (Some(Limit::Never) | None) => panic!("{other:?} of a finite ladder"),
        });
        assert_eq!(end, last);
        assert_eq!(rest.ladder.deadline(), None);
        let (ladder, kill) = (&rest.ladder, Some(Rung::Kill));
        assert!(ladder.is_gone() || ladder.rung().is_none() || ladder.rung() == kill);
        assert!(ladder.is_gone() || rest.give_ups == rest.kills);
    }
}

pub(crate) fn level(ladder: &Ladder) -> u8 {
    ladder.rung().map_or(0, Rung::level)
}
