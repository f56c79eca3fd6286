//! The time of workers that were never seen to look at their flag.

use std::time::Duration;

use proptest::prelude::prop;
use proptest::{prop_assert_eq, prop_assert_ne, prop_oneof, proptest};
use stopctl::decide::ladder::{Action, Input, Ladder, Rung};
use stopctl::decide::times::{Times, Unaware, Wanted};
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;

use crate::{ASKED, TIMES, asked, at, secs, suspended};

/// 80, 15 and 5 seconds; 10 of grace without a look.
fn whole() -> Times {
    Times::within(Duration::from_secs(100))
}

/// Another grace for who never looked, and nothing else.
const SHORTER: Times = Times {
    unaware: Unaware::Grace(secs(4)),
    ..TIMES
};

const NONE: Times = Times {
    unaware: Unaware::Grace(secs(0)),
    ..TIMES
};

const AUTO: Times = Times {
    unaware: Unaware::SinceStart,
    ..TIMES
};

/// Each with its second.
type Inputs<'a> = &'a [(u64, Input)];

/// Times, inputs, and the second of each rung.
type Row<'a> = (Times, Inputs<'a>, &'a str);

/// The inputs at their seconds, and then ticks alone: the second of each rung.
fn climbs(times: Times, inputs: &[(u64, Input)]) -> String {
    let mut ladder = Ladder::new(times, at(0));
    let mut climbs = Vec::new();
    let mut take = |ladder: &mut Ladder, input, now: Moment| {
        if let Action::Climb(rung) = ladder.step(input, now) {
            climbs.push(format!("{rung:?} {}", now.nanos() / 1_000_000_000));
        }
    };
    for (second, input) in inputs {
        take(&mut ladder, *input, at(*second));
    }
    while let Some(deadline) = ladder.deadline() {
        let before = ladder.clone();
        take(&mut ladder, Input::Tick, deadline);
        assert_ne!(ladder, before, "a tick at the deadline");
    }
    climbs.join(", ")
}

#[test]
fn k15a_every_way_to_ask_who_never_looked_and_who_did() {
    let looked = Input::Looked;
    let (term, kill) = (Input::AtLeast(Rung::Term), Input::AtLeast(Rung::Kill));
    let within = Input::Stop(Wanted::within(Duration::from_secs(10)));
    let later = |second| Input::Extend(Some(at(second)));
    let (short, never) = (asked(Some(secs(3)), None), asked(Some(Limit::Never), None));
    let whole_auto = Times {
        unaware: Unaware::SinceStart,
        ..whole()
    };
    let whole_none = Times {
        unaware: Unaware::Grace(secs(0)),
        ..whole()
    };
    let whole_long = Times {
        unaware: Unaware::Grace(secs(300)),
        ..whole()
    };
    #[rustfmt::skip]
    let table: [Row<'_>; 45] = [
        // A whole ladder: SIGKILL at 95 %, looked or not.
        (whole(),    &[(100, ASKED)],                                 "Flag 100, Term 110, Kill 195"),
        (whole(),    &[(50, looked), (100, ASKED)],                   "Flag 100, Term 180, Kill 195"),
        (whole(),    &[(100, ASKED), (105, looked)],                  "Flag 100, Term 180, Kill 195"),
        (whole(),    &[(100, ASKED), (105, looked), (106, looked)],   "Flag 100, Term 180, Kill 195"),
        (whole(),    &[(100, ASKED), (110, Input::Tick), (111, looked)], "Flag 100, Term 110, Kill 195"),
        (whole(),    &[(100, ASKED), (107, suspended(3))],            "Flag 100, Term 113, Kill 198"),
        (whole(),    &[(100, ASKED), (107, suspended(3)), (109, looked)], "Flag 100, Term 183, Kill 198"),
        (whole(),    &[(100, ASKED), (105, later(150))],              "Flag 100, Term 150, Kill 195"),
        (whole(),    &[(100, ASKED), (105, later(190))],              "Flag 100, Term 190, Kill 205"),
        (whole(),    &[(100, ASKED), (105, later(190)), (120, looked)], "Flag 100, Term 190, Kill 205"),
        (whole(),    &[(100, ASKED), (105, later(150)), (120, looked)], "Flag 100, Term 180, Kill 195"),
        (whole(),    &[(100, ASKED), (105, Input::Hurry)],            "Flag 100, Term 105, Kill 190"),
        (whole(),    &[(100, term)],                                  "Term 100, Kill 195"),
        (whole(),    &[(50, looked), (100, term)],                    "Term 100, Kill 115"),
        (whole(),    &[(100, kill)],                                  "Kill 100"),
        (whole_none, &[(100, ASKED)],                                 "Term 100, Kill 195"),
        (whole_none, &[(50, looked), (100, ASKED)],                   "Flag 100, Term 180, Kill 195"),
        (whole_long, &[(100, ASKED)],                                 "Flag 100, Term 400, Kill 415"),
        (whole_long, &[(100, ASKED), (101, looked)],                  "Flag 100, Term 400, Kill 415"),
        (whole_auto, &[(30, ASKED)],                                  "Flag 30, Term 80, Kill 125"),
        (whole_auto, &[(90, ASKED)],                                  "Term 90, Kill 185"),
        // A grace that somebody asks for is everybody's.
        (whole(),    &[(100, short)],                                 "Flag 100, Term 103, Kill 118"),
        (whole(),    &[(100, ASKED), (101, short)],                   "Flag 100, Term 104, Kill 189"),
        (whole(),    &[(100, ASKED), (101, short), (102, looked)],    "Flag 100, Term 104, Kill 189"),
        (SHORTER,    &[(100, never)],                                 "Flag 100"),
        // Another grace, and the same kill-after.
        (SHORTER,    &[(100, ASKED)],                                 "Flag 100, Term 104, Kill 124"),
        (SHORTER,    &[(50, looked), (100, ASKED)],                   "Flag 100, Term 110, Kill 130"),
        (SHORTER,    &[(100, ASKED), (102, looked)],                  "Flag 100, Term 110, Kill 130"),
        (SHORTER,    &[(100, ASKED), (102, later(120)), (103, looked)], "Flag 100, Term 120, Kill 140"),
        (SHORTER,    &[(100, ASKED), (102, Input::Extend(None)), (103, looked)], "Flag 100"),
        (NONE,       &[(100, ASKED)],                                 "Term 100, Kill 120"),
        (NONE,       &[(50, looked), (100, ASKED)],                   "Flag 100, Term 110, Kill 130"),
        // Counted from the start.
        (AUTO,       &[(3, ASKED)],                                   "Flag 3, Term 10, Kill 30"),
        (AUTO,       &[(10, ASKED)],                                  "Term 10, Kill 30"),
        (AUTO,       &[(3600, ASKED)],                                "Term 3600, Kill 3620"),
        (AUTO,       &[(50, looked), (3600, ASKED)],                  "Flag 3600, Term 3610, Kill 3630"),
        (AUTO,       &[(3, ASKED), (9, looked)],                      "Flag 3, Term 13, Kill 33"),
        (AUTO,       &[(60, suspended(57)), (60, ASKED)],             "Flag 60, Term 67, Kill 87"),
        // A request for a whole ladder, of a run that has none.
        (TIMES,      &[(100, within)],                                "Flag 100, Term 101, Kill 109"),
        (TIMES,      &[(50, looked), (100, within)],                  "Flag 100, Term 108, Kill 109"),
        (TIMES,      &[(100, within), (100, looked)],                 "Flag 100, Term 108, Kill 109"),
        (NONE,       &[(100, within)],                                "Term 100, Kill 109"),
        (AUTO,       &[(3600, within)],                               "Term 3600, Kill 3609"),
        (TIMES,      &[(100, ASKED), (104, within)],                  "Flag 100, Term 105, Kill 113"),
        (TIMES,      &[(100, ASKED), (104, within), (104, looked)],   "Flag 100, Term 110, Kill 113"),
    ];
    for (times, inputs, expected) in table {
        assert_eq!(climbs(times, inputs), expected, "{inputs:?} with {times:?}");
    }
}

#[test]
fn whoever_gains_by_a_look_has_more_time_after_it_and_nobody_else() {
    let looked = Input::Looked;
    let later = |second| Input::Extend(Some(at(second)));
    let table: [(Times, Inputs<'_>, bool); 12] = [
        (SHORTER, &[], false),
        (SHORTER, &[(100, ASKED)], true),
        (SHORTER, &[(50, looked), (100, ASKED)], false),
        (SHORTER, &[(100, ASKED), (101, looked)], false),
        // More time than a look would give.
        (SHORTER, &[(100, ASKED), (101, later(120))], false),
        (SHORTER, &[(100, ASKED), (101, later(107))], true),
        (SHORTER, &[(100, ASKED), (101, Input::Extend(None))], false),
        (SHORTER, &[(100, ASKED), (104, Input::Tick)], false),
        (SHORTER, &[(100, Input::AtLeast(Rung::Kill))], false),
        (SHORTER, &[(100, ASKED), (101, Input::TreeEnded)], false),
        (TIMES, &[(100, ASKED)], false),
        (AUTO, &[(3, ASKED)], true),
    ];
    for (times, inputs, gains) in table {
        let mut ladder = Ladder::new(times, at(0));
        for (second, input) in inputs {
            let _ = ladder.step(*input, at(*second));
        }
        assert_eq!(ladder.gains_by_look(), gains, "{inputs:?} with {times:?}");
        let before = ladder.deadline();
        let action = ladder.step(looked, at(105));
        assert_eq!(action == Action::Retime, gains, "{inputs:?} with {times:?}");
        assert_eq!(ladder.deadline() != before, gains);
    }
}

#[test]
fn what_is_typed_for_who_never_looked_is_written_as_it_is_typed() {
    for (typed, unaware) in [
        ("auto", Unaware::SinceStart),
        ("0s", Unaware::Grace(secs(0))),
        ("4s", Unaware::Grace(secs(4))),
        ("infinity", Unaware::Grace(Limit::Never)),
    ] {
        assert_eq!(typed.parse(), Ok(unaware));
        assert_eq!(unaware.typed().as_deref(), Some(typed));
    }
    assert_eq!(Unaware::Same.typed(), None);
    assert!("Auto".parse::<Unaware>().is_err());
}

#[test]
fn k15b_who_takes_over_goes_on_with_the_same_times() {
    let resumed = |times, looked: bool, rung, until| {
        let mut ladder = Ladder::new(times, at(0));
        if looked {
            let _ = ladder.step(Input::Looked, at(50));
        }
        ladder.resumed(rung, at(100), Some(at(until)), at(103))
    };
    let next = |mut ladder: Ladder, inputs: &[(u64, Input)]| {
        for (second, input) in inputs {
            let _ = ladder.step(*input, at(*second));
        }
        let term = ladder.deadline().expect("SIGTERM comes");
        assert_eq!(ladder.step(Input::Tick, term), Action::Climb(Rung::Term));
        let kill = ladder.deadline().expect("SIGKILL comes");
        (term, kill)
    };
    let flag = Rung::Flag;
    let look = &[(104, Input::Looked)];
    assert_eq!(
        next(resumed(whole(), false, flag, 110), &[]),
        (at(110), at(195))
    );
    assert_eq!(
        next(resumed(whole(), false, flag, 110), look),
        (at(180), at(195))
    );
    assert_eq!(
        next(resumed(whole(), false, flag, 150), &[]),
        (at(150), at(195))
    );
    assert_eq!(
        next(resumed(whole(), true, flag, 180), &[]),
        (at(180), at(195))
    );
    assert_eq!(
        next(resumed(SHORTER, false, flag, 104), look),
        (at(110), at(130))
    );
    assert_eq!(
        next(resumed(TIMES, false, flag, 104), look),
        (at(104), at(124))
    );
    let term = resumed(whole(), false, Rung::Term, 195);
    assert_eq!(term.deadline(), Some(at(195)));
}

proptest! {
    #[test]
    fn k15c_the_whole_ladder_is_as_long_whoever_looks_and_whenever(
        seconds in 1..1_000_u64,
        look in prop_oneof![prop::option::of(0..1_000_u64)],
        typed in prop::option::of(0..1_000_u64),
    ) {
        let whole = Times::within(Duration::from_secs(seconds));
        let percent = |share: u64| Duration::from_secs(seconds) * u32::try_from(share).unwrap_or(0) / 100;
        let unaware = typed.map_or(whole.unaware, |share| Unaware::Grace(Limit::After(percent(share.min(80)))));
        let mut ladder = Ladder::new(Times { unaware, ..whole }, at(0));
        let began = at(2_000);
        let _ = ladder.step(ASKED, began);
        let mut killed = None;
        let mut look = look.map(|share| began + percent(share.min(94)));
        while let Some(deadline) = ladder.deadline() {
            if let Some(at) = look.filter(|&at| at < deadline) {
                let _ = ladder.step(Input::Looked, at);
                look = None;
                continue;
            }
            let action = ladder.step(Input::Tick, deadline);
            prop_assert_ne!(action, Action::Nothing);
            if action == Action::Climb(Rung::Kill) {
                killed = Some(deadline);
            }
        }
        prop_assert_eq!(killed, Some(began + percent(95)));
    }
}
