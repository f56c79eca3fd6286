//! What every input does in every state, and what follows from it later.

use std::time::Duration;

use stopctl::decide::ladder::{Action, Input, Ladder, Rung};
use stopctl::decide::times::Times;
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;

use crate::{ASKED, STRAGGLERS, TIMES, WAITED_FOR, asked, at, ended, secs, suspended};

/// A ladder with `TIMES` that was given `inputs`, each with its second.
fn ladder(inputs: &[(u64, Input)]) -> Ladder {
    let mut ladder = Ladder::new(TIMES, at(0));
    for (second, input) in inputs {
        let _ = ladder.step(*input, at(*second));
    }
    ladder
}

/// What a step did, as the table writes it: the rung climbed or the word for it, and the new
/// deadline in seconds.
fn told(before: &Ladder, action: Action, after: &Ladder) -> String {
    let until = after.deadline().map_or("-".to_owned(), |deadline| {
        (deadline.nanos() / 1_000_000_000).to_string()
    });
    match action {
        Action::Nothing if before == after => ".".to_owned(),
        Action::Nothing if after.is_gone() => "gone".to_owned(),
        Action::Nothing => format!("silent {until}"),
        Action::Climb(rung) => {
            assert_eq!(after.rung(), Some(rung));
            format!("{rung:?} {until}")
        }
        Action::Retime => format!("retime {until}"),
        Action::GiveUp => format!("give-up {until}"),
    }
}

#[test]
fn every_input_in_every_state_does_what_the_table_says() {
    let forever = Some(Limit::Never);
    let kill = Input::AtLeast(Rung::Kill);
    let states = [
        ladder(&[]),
        ladder(&[(100, ASKED)]),
        ladder(&[(100, asked(forever, None))]),
        ladder(&[(100, Input::AtLeast(Rung::Term))]),
        ladder(&[(100, asked(Some(secs(0)), forever))]),
        ladder(&[(100, kill)]),
        ladder(&[(90, kill), (100, Input::Tick)]),
        ladder(&[(100, Input::TreeEnded)]),
    ];
    let no_grace = Times {
        grace: secs(0),
        ..STRAGGLERS
    };
    #[rustfmt::skip]
    let table = [
        // second, input                          Running     Flag 110      Flag for ever Term 120    Term for ever Kill 105     given up Gone
        (103, ASKED,                            ["Flag 113", ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (103, asked(Some(secs(4)), None),       ["Flag 107", "retime 107", "retime 107", ".",        ".",         ".",         ".",     "."]),
        (103, asked(Some(secs(30)), None),      ["Flag 133", ".",          "retime 133", ".",        ".",         ".",         ".",     "."]),
        (103, asked(Some(secs(0)), None),       ["Term 123", "retime 103", "retime 103", ".",        ".",         ".",         ".",     "."]),
        (103, asked(forever, None),             ["Flag -",   ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (103, asked(None, Some(secs(2))),       ["Flag 113", "silent 110", "silent -",   ".",        ".",         ".",         ".",     "."]),
        (103, asked(None, Some(secs(60))),      ["Flag 113", ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (103, asked(None, forever),             ["Flag 113", ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (103, Input::AtLeast(Rung::Flag),       ["Flag 113", ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (103, Input::AtLeast(Rung::Term),       ["Term 123", "Term 123",   "Term 123",   ".",        ".",         ".",         ".",     "."]),
        (103, Input::AtLeast(Rung::Kill),       ["Kill 108", "Kill 108",   "Kill 108",   "Kill 108", "Kill 108",  ".",         ".",     "."]),
        (103, Input::Hurry,                     ["Flag 113", "Term 123",   "Term 123",   "Kill 108", "Kill 108",  ".",         ".",     "."]),
        (103, Input::Extend(Some(at(150))),     [".",        "retime 150", ".",          ".",        ".",         ".",         ".",     "."]),
        (103, Input::Extend(None),              [".",        "retime -",   ".",          ".",        ".",         ".",         ".",     "."]),
        (103, Input::Extend(Some(at(110))),     [".",        ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (103, Input::Extend(Some(at(105))),     [".",        ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (103, Input::Tick,                      [".",        ".",          ".",          ".",        ".",         ".",         ".",     "."]),
        (110, Input::Tick,                      [".",        "Term 130",   ".",          ".",        ".",         "give-up -", ".",     "."]),
        (900, Input::Tick,                      [".",        "Term 920",   ".",          "Kill 905", ".",         "give-up -", ".",     "."]),
        (103, suspended(7),                     ["silent -", "retime 117", ".",          "retime 127", ".",        "retime 112", ".",     "."]),
        (900, suspended(800),                   ["silent -", "retime 910", ".",          "retime 920", ".",        "retime 905", ".",     "."]),
        (103, suspended(0),                     [".",        "retime 110", ".",          "retime 120", ".",        "retime 105", ".",     "."]),
        (103, ended(STRAGGLERS),                ["Flag 105", "silent 110", "silent -",   "silent 120", "silent -", "silent 105", "silent -", "."]),
        (103, WAITED_FOR,                       ["silent -", "silent 110", "silent -",   "silent 120", "silent -", "silent 105", "silent -", "."]),
        (103, Input::Looked,                    ["silent -", "silent 110", "silent -",   "silent 120", "silent -", "silent 105", "silent -", "gone"]),
        (103, ended(no_grace),                  ["Term 106", "silent 110", "silent -",   "silent 120", "silent -", "silent 105", "silent -", "."]),
        (103, Input::TreeEnded,                 ["gone",     "gone",       "gone",       "gone",     "gone",      "gone",      "gone",  "."]),
    ];
    for (second, input, row) in table {
        for (before, expected) in states.iter().zip(row) {
            let mut after = before.clone();
            let action = after.step(input, at(second));
            let told = told(before, action, &after);
            assert_eq!(told, expected, "{input:?} at {second} in {before:?}");
        }
    }
}

#[test]
fn a_rung_shows_its_own_digit_in_the_flag() {
    let levels = [Rung::Flag, Rung::Term, Rung::Kill].map(Rung::level);
    assert_eq!(levels, [1, 2, 3]);
}

#[test]
fn a_tick_climbs_at_the_deadline_and_not_a_nanosecond_before_it() {
    for start in [
        ASKED,
        Input::AtLeast(Rung::Term),
        Input::AtLeast(Rung::Kill),
    ] {
        let mut ladder = ladder(&[(100, start)]);
        let deadline = ladder.deadline().unwrap();
        let early = Moment::from_nanos(deadline.nanos() - 1);
        assert_eq!(ladder.step(Input::Tick, early), Action::Nothing);
        assert_ne!(ladder.step(Input::Tick, deadline), Action::Nothing);
    }
}

#[test]
fn a_shorter_kill_after_asked_for_on_the_flag_counts_after_sigterm() {
    let shorter = asked(None, Some(secs(2)));
    let ladder = ladder(&[(0, ASKED), (1, shorter), (2, ASKED), (10, Input::Tick)]);
    assert_eq!(ladder.deadline(), Some(at(12)));
}

#[test]
fn the_first_stop_decides_the_kill_after_too() {
    let first = asked(Some(secs(1)), Some(secs(7)));
    let later = asked(None, Some(secs(9)));
    let ladder = ladder(&[(0, first), (0, later), (1, Input::Tick)]);
    assert_eq!(ladder.deadline(), Some(at(8)));
}

#[test]
fn a_worker_that_ended_by_itself_is_not_charged_for_its_stragglers() {
    let mut ladder = ladder(&[(100, ended(STRAGGLERS))]);
    for (second, rung) in [(102, Rung::Term), (105, Rung::Kill)] {
        assert_eq!(ladder.step(Input::Tick, at(second)), Action::Climb(rung));
        assert_eq!((ladder.rung(), ladder.outcome_rung()), (Some(rung), None));
    }
    assert_eq!(ladder.step(Input::Tick, at(109)), Action::GiveUp);
    assert_eq!(ladder.step(Input::TreeEnded, at(110)), Action::Nothing);
    assert!(ladder.is_gone());
    assert_eq!(ladder.outcome_rung(), None);
}

#[test]
fn the_stragglers_of_a_worker_that_was_asked_get_the_rest_of_its_ladder() {
    let mut ladder = ladder(&[(100, ASKED), (101, ended(STRAGGLERS))]);
    assert_eq!(ladder.deadline(), Some(at(110)));
    let _ = ladder.step(Input::Tick, at(110));
    assert_eq!(ladder.deadline(), Some(at(130)));
    assert_eq!(ladder.outcome_rung(), Some(Rung::Flag));
}

#[test]
fn a_stop_for_stragglers_acts_on_their_ladder() {
    let mut ladder = ladder(&[(100, ended(STRAGGLERS)), (100, asked(Some(secs(1)), None))]);
    assert_eq!(ladder.deadline(), Some(at(101)));
    let kill = Input::AtLeast(Rung::Kill);
    assert_eq!(ladder.step(kill, at(100)), Action::Climb(Rung::Kill));
    assert_eq!(ladder.deadline(), Some(at(104)));
    assert_eq!(ladder.outcome_rung(), None);
}

#[test]
fn a_suspension_takes_nothing_of_the_time_on_any_rung() {
    let mut ladder = ladder(&[(100, ASKED)]);
    // Suspended from 104 to 904: 6 of the 10 s are left.
    assert_eq!(ladder.step(suspended(800), at(904)), Action::Retime);
    assert_eq!(ladder.step(Input::Tick, at(909)), Action::Nothing);
    let term = ladder.step(Input::Tick, at(910));
    assert_eq!(term, Action::Climb(Rung::Term));
    // From 915 to 925: 15 of the 20 s are left.
    assert_eq!(ladder.step(suspended(10), at(925)), Action::Retime);
    assert_eq!(ladder.step(Input::Tick, at(939)), Action::Nothing);
    let kill = ladder.step(Input::Tick, at(940));
    assert_eq!(kill, Action::Climb(Rung::Kill));
    assert_eq!(ladder.step(suspended(3), at(944)), Action::Retime);
    assert_eq!(ladder.step(Input::Tick, at(947)), Action::Nothing);
    assert_eq!(ladder.step(Input::Tick, at(948)), Action::GiveUp);
}

#[test]
fn a_time_beyond_the_end_of_the_clock_is_its_end() {
    let mut ladder = ladder(&[]);
    let long = asked(Some(Limit::After(Duration::MAX)), None);
    assert_eq!(ladder.step(long, at(1)), Action::Climb(Rung::Flag));
    assert_eq!(ladder.deadline(), Some(Moment::from_nanos(u64::MAX)));
}

#[test]
fn a_flag_shows_the_rung_and_nothing_else_does() {
    for level in 0..=u8::MAX {
        let rung = match level {
            b'1' => Some(Rung::Flag),
            b'2' => Some(Rung::Term),
            b'3' => Some(Rung::Kill),
            _ => None,
        };
        assert_eq!(Rung::of_level(level), rung, "{level}");
    }
}
