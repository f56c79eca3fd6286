//! What holds whatever comes in, in every order and at any time.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};
use stopctl::decide::ladder::{Action, Input, Ladder, Rung};
use stopctl::decide::times::{Times, Unaware};
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;

use crate::watched::{Watched, level};
use crate::{ASKED, STRAGGLERS, TIMES, asked, at, ended, secs, suspended};

#[test]
fn every_sequence_of_inputs_keeps_the_promises_and_ends_by_ticks() {
    fn explore(watched: &Watched, now: u64, depth: u32) {
        watched.check_that_ticks_end_it();
        if depth == 0 {
            return;
        }
        for (seconds, input) in [
            (1, ASKED),
            (1, asked(Some(secs(0)), None)),
            (1, asked(Some(secs(3)), Some(secs(2)))),
            (1, Input::AtLeast(Rung::Term)),
            (1, Input::AtLeast(Rung::Kill)),
            (1, Input::Hurry),
            (1, Input::Extend(Some(at(now + 15)))),
            (4, Input::Tick),
            (900, Input::Tick),
            (7, suspended(7)),
            (1, ended(STRAGGLERS)),
            (1, Input::TreeEnded),
            (1, Input::Looked),
        ] {
            let mut next = watched.clone();
            let _ = next.step(input, at(now + seconds));
            explore(&next, now + seconds, depth - 1);
        }
    }
    explore(&Watched::new(TIMES), 0, 5);
    explore(&Watched::new(Times::within(Duration::from_secs(30))), 0, 5);
}

fn finite() -> impl Strategy<Value = Limit> {
    prop_oneof![
        Just(Duration::ZERO),
        (1..30_000_u64).prop_map(Duration::from_millis)
    ]
    .prop_map(Limit::After)
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![3 => finite(), 1 => Just(Limit::Never)]
}

fn times<S: Strategy<Value = Limit>>(limit: fn() -> S) -> impl Strategy<Value = Times> {
    (limit(), limit(), 1..9_000_u64).prop_map(|(grace, kill_after, wait)| {
        Times::plain(grace, kill_after, Duration::from_millis(wait))
    })
}

/// The same with any time for who never looked.
fn unaware<S: Strategy<Value = Limit>>(limit: fn() -> S) -> impl Strategy<Value = Times> {
    let unaware = prop_oneof![
        Just(Unaware::Same),
        Just(Unaware::SinceStart),
        limit().prop_map(Unaware::Grace),
    ];
    (times(limit), unaware, any::<bool>()).prop_map(|(times, unaware, whole)| Times {
        unaware,
        whole,
        ..times
    })
}

/// Inputs that leave the pace to the clock.
fn patient<S: Strategy<Value = Limit> + 'static>(limit: fn() -> S) -> impl Strategy<Value = Input> {
    prop_oneof![
        2 => Just(ASKED),
        1 => Just(Input::AtLeast(Rung::Flag)),
        2 => (0..90_000_000_000_u64).prop_map(|n| Input::Extend(Some(Moment::from_nanos(n)))),
        6 => Just(Input::Tick),
        1 => (0..90_000_u64).prop_map(|ms| Input::Suspended(Duration::from_millis(ms))),
        1 => times(limit).prop_map(ended),
    ]
}

fn input<S: Strategy<Value = Limit> + 'static>(limit: fn() -> S) -> impl Strategy<Value = Input> {
    prop_oneof![
        6 => patient(limit),
        2 => (prop::option::of(limit()), prop::option::of(limit()))
            .prop_map(|(grace, kill_after)| asked(grace, kill_after)),
        1 => Just(Input::AtLeast(Rung::Term)),
        1 => Just(Input::AtLeast(Rung::Kill)),
        1 => Just(Input::Hurry),
        1 => Just(Input::Looked),
        1 => Just(Input::TreeEnded),
    ]
}

/// Inputs, each with the milliseconds that go by before it.
fn sequence<S: Strategy<Value = Input>>(input: S) -> impl Strategy<Value = Vec<(u64, Input)>> {
    prop::collection::vec(
        (prop_oneof![Just(0), 0..9_000_u64, 0..90_000_u64], input),
        0..30,
    )
}

/// Each input with its moment; a suspension goes by before it is told.
fn timed(sequence: Vec<(u64, Input)>) -> impl Iterator<Item = (Moment, Input)> {
    sequence
        .into_iter()
        .scan(Moment::from_nanos(0), |now, (millis, input)| {
            *now = *now + Duration::from_millis(millis);
            if let Input::Suspended(time) = input {
                *now = *now + time;
            }
            Some((*now, input))
        })
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_promises(
        times in unaware(limit),
        sequence in sequence(input(limit)),
    ) {
        let mut watched = Watched::new(times);
        for (now, input) in timed(sequence) {
            let _ = watched.step(input, now);
        }
    }

    #[test]
    fn ticks_alone_end_any_ladder_with_finite_times(
        times in unaware(finite),
        sequence in sequence(input(finite)),
    ) {
        let mut watched = Watched::new(times);
        for (now, input) in timed(sequence) {
            let _ = watched.step(input, now);
            watched.check_that_ticks_end_it();
        }
    }

    #[test]
    fn the_flag_comes_before_sigterm_and_sigterm_before_sigkill_each_by_its_whole_time(
        times in times(limit),
        sequence in sequence(patient(limit)),
    ) {
        let mut watched = Watched::new(times);
        let mut decided = times;
        let mut climbed: Option<(Rung, Moment)> = None;
        for (now, input) in timed(sequence) {
            if let (None, Input::MainEnded { stragglers: Some(stragglers) }) = (climbed, input) {
                decided = stragglers;
            }
            if let (Some((_, since)), Input::Suspended(time)) = (&mut climbed, input) {
                // That time does not count: as if the rung had been climbed later.
                *since = *since + time;
            }
            let Action::Climb(rung) = watched.step(input, now) else {
                continue;
            };
            match (rung, climbed) {
                (Rung::Flag, None) => {}
                (Rung::Term, None) => prop_assert_eq!(decided.grace, secs(0)),
                (Rung::Term, Some((Rung::Flag, since))) => {
                    prop_assert!(Limit::After(now.since(since)) >= decided.grace);
                }
                (Rung::Kill, Some((Rung::Term, since))) => {
                    prop_assert!(Limit::After(now.since(since)) >= decided.kill_after);
                }
                (rung, last) => prop_assert!(false, "{rung:?} after {last:?}"),
            }
            climbed = Some((rung, now));
        }
    }

    #[test]
    fn a_late_tick_takes_one_rung_and_the_next_is_its_full_time_away(
        times in times(finite),
        late in prop::collection::vec(0..4_000_000_u64, 3),
    ) {
        let mut watched = Watched::new(times);
        let _ = watched.step(ASKED, at(1));
        while let (Some(deadline), Some(late)) =
            (watched.ladder.deadline(), late.get(usize::from(level(&watched.ladder)) - 1))
        {
            let now = deadline + Duration::from_millis(*late);
            let full = match watched.step(Input::Tick, now) {
                Action::Climb(Rung::Term) => times.kill_after,
                Action::Climb(Rung::Kill) => Limit::After(times.kill_wait),
                Action::GiveUp => Limit::Never,
                action @ (Action::Nothing | Action::Climb(Rung::Flag) | Action::Retime) => panic!("a tick at its deadline answered {action:?}"),
            };
            let away = watched.ladder.deadline().map(|deadline| deadline.since(now));
            prop_assert_eq!(away.map_or(Limit::Never, Limit::After), full);
        }
        prop_assert_eq!(watched.give_ups, 1);
    }

    #[test]
    fn a_repeated_input_changes_nothing_unless_it_is_a_hurry_or_more_time(
        times in unaware(limit),
        sequence in sequence(input(limit)),
    ) {
        let mut ladder = Ladder::new(times, at(0));
        for (now, input) in timed(sequence) {
            let _ = ladder.step(input, now);
            // A wait of zero is over at once: then a second tick has something to do.
            let due = ladder.deadline().is_some_and(|deadline| deadline <= now);
            let adds_up = matches!(input, Input::Hurry | Input::Suspended(_));
            if !(adds_up || input == Input::Tick && due) {
                let once = ladder.clone();
                prop_assert_eq!(ladder.step(input, now), Action::Nothing);
                prop_assert_eq!(&ladder, &once);
            }
        }
    }

    #[test]
    fn a_hurry_climbs_exactly_one_rung_until_there_is_none(
        times in times(limit),
        seconds in any::<[u16; 4]>(),
    ) {
        let mut ladder = Ladder::new(times, at(0));
        let _ = ladder.step(Input::AtLeast(Rung::Flag), at(0));
        let mut now = at(0);
        for second in seconds {
            now = now + Duration::from_secs(second.into());
            let before = level(&ladder);
            let action = ladder.step(Input::Hurry, now);
            prop_assert_eq!(level(&ladder), (before + 1).min(3));
            prop_assert_eq!(action == Action::Nothing, before == 3);
        }
    }

    #[test]
    fn the_outcome_stays_what_it_was_when_the_main_process_ended(
        times in unaware(limit),
        before in sequence(input(limit)),
        after in sequence(input(limit)),
    ) {
        let mut ladder = Ladder::new(times, at(0));
        for (now, input) in timed(before) {
            let alive = ladder.clone();
            let _ = ladder.step(input, now);
            if matches!(input, Input::MainEnded { .. }) {
                prop_assert_eq!(ladder.outcome_rung(), alive.outcome_rung());
            }
        }
        let frozen = ladder.outcome_rung();
        let _ = ladder.step(ended(times), at(3_000));
        for (now, input) in timed(after) {
            let _ = ladder.step(input, at(3_000) + now.since(at(0)));
            prop_assert_eq!(ladder.outcome_rung(), frozen);
        }
    }
}
