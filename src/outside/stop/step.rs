//! What to do about a run that is to be stopped, after a look at it: a table, without a process.

use crate::contract::standing::Doubt;

/// How the owner of a run stands, as far as a stop needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// Somebody owns it. This is the owner word.
    Owned(u32),
    /// Somebody is taking over, and has not signed yet.
    Changing,
    /// Its owner died.
    Orphaned,
    /// Nobody here can tell who owns it, for this reason; the kernel may have marked that one as
    /// dead.
    Unverifiable { why: Doubt, died: bool },
    /// Its owner file names nobody: because all of it is gone, or because somebody has cut or
    /// deleted that file.
    Unreadable { is_there: bool, is_unsigned: bool },
}

/// What a look has shown.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that a look has shown, not states"
)]
pub(super) struct Sight {
    pub(super) stands: Stands,
    /// Whether the record says that the run is over.
    pub(super) is_over: bool,
    /// Whether the process that was its owner in an earlier look still lives.
    pub(super) owner_lives: bool,
    /// Whether some of its workers were asked, not all, and these have ended.
    pub(super) some_ended: bool,
    /// Whether some process of it could not be ended.
    pub(super) leaves_something: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: what was asked for is done.
    Finish,
    /// Read its last word, and be done.
    ReadLastWord,
    /// Nothing: it is gone.
    Vanish,
    /// Say that nobody here can stop it.
    GiveUp(Doubt),
    /// See to it that somebody owns it.
    TakeOver,
    /// Remove it: it is over, and its owner died before it could.
    Remove,
    /// Look again as soon as whoever takes over has signed.
    LookAgain,
    /// See to it that its owner has what is asked of it.
    Ask(Option<u32>),
}

/// The next step of a stop.
pub(super) fn step(sight: &Sight) -> Step {
    let Sight {
        stands,
        is_over,
        owner_lives,
        some_ended,
        leaves_something,
    } = *sight;
    if some_ended && !is_over {
        return Step::Finish;
    }
    match (stands, is_over) {
        (Stands::Owned(word), _) => Step::Ask(Some(word)),
        (Stands::Orphaned, true) if !leaves_something => Step::Remove,
        (Stands::Changing, true) => Step::LookAgain,
        (Stands::Unverifiable { why, died: true }, false) => Step::GiveUp(why),
        // Somebody removed what was left of it, because nothing is.
        (
            Stands::Unreadable {
                is_there: false, ..
            },
            false,
        ) if !owner_lives => Step::Vanish,
        // Its owner died, or its file `owner` names nobody.
        (
            Stands::Orphaned
            | Stands::Unreadable {
                is_unsigned: true, ..
            },
            false,
        ) => Step::TakeOver,
        // Its owner may have written more after our look at the record, and before it ended.
        (_, true) if !owner_lives => Step::ReadLastWord,
        (_, _) => Step::Ask(None),
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, Sight, Stands, Step, step};

    const DELETED: Stands = Stands::Unreadable {
        is_there: false,
        is_unsigned: false,
    };
    const CUT: Stands = Stands::Unreadable {
        is_there: true,
        is_unsigned: true,
    };
    /// Of another version: it is there, and was not cut.
    const STRANGE: Stands = Stands::Unreadable {
        is_there: true,
        is_unsigned: false,
    };

    const fn unverifiable(died: bool) -> Stands {
        let why = Doubt::PidNamespace;
        Stands::Unverifiable { why, died }
    }

    const ALL: [Stands; 8] = [
        Stands::Owned(7),
        Stands::Changing,
        Stands::Orphaned,
        unverifiable(true),
        unverifiable(false),
        DELETED,
        CUT,
        STRANGE,
    ];

    fn sight(stands: Stands, is_over: bool, owner_lives: bool) -> Sight {
        Sight {
            stands,
            is_over,
            owner_lives,
            some_ended: false,
            leaves_something: false,
        }
    }

    #[test]
    fn a_run_that_is_not_over_gets_an_owner_or_is_asked() {
        for (stands, lives, expected) in [
            (Stands::Owned(7), true, Step::Ask(Some(7))),
            (Stands::Owned(7), false, Step::Ask(Some(7))),
            (Stands::Changing, true, Step::Ask(None)),
            (Stands::Changing, false, Step::Ask(None)),
            (Stands::Orphaned, true, Step::TakeOver),
            (Stands::Orphaned, false, Step::TakeOver),
            (unverifiable(true), true, Step::GiveUp(Doubt::PidNamespace)),
            (unverifiable(true), false, Step::GiveUp(Doubt::PidNamespace)),
            // Its own pid namespace may still enforce it.
            (unverifiable(false), true, Step::Ask(None)),
            (unverifiable(false), false, Step::Ask(None)),
            // An owner that lives puts back what was deleted.
            (DELETED, true, Step::Ask(None)),
            (DELETED, false, Step::Vanish),
            (CUT, true, Step::TakeOver),
            (CUT, false, Step::TakeOver),
            (STRANGE, true, Step::Ask(None)),
            (STRANGE, false, Step::Ask(None)),
        ] {
            let next = step(&sight(stands, false, lives));
            assert_eq!(next, expected, "{stands:?}, its owner lives: {lives}");
        }
    }

    #[test]
    fn a_run_that_is_over_is_waited_for_until_its_owner_is_gone() {
        for (stands, lives, expected) in [
            (Stands::Owned(7), true, Step::Ask(Some(7))),
            (Stands::Changing, true, Step::LookAgain),
            (Stands::Changing, false, Step::LookAgain),
            (Stands::Orphaned, true, Step::Remove),
            (Stands::Orphaned, false, Step::Remove),
            (unverifiable(true), true, Step::Ask(None)),
            (unverifiable(true), false, Step::ReadLastWord),
            (unverifiable(false), false, Step::ReadLastWord),
            (DELETED, true, Step::Ask(None)),
            (DELETED, false, Step::ReadLastWord),
            (CUT, false, Step::ReadLastWord),
            (STRANGE, true, Step::Ask(None)),
            (STRANGE, false, Step::ReadLastWord),
        ] {
            let next = step(&sight(stands, true, lives));
            assert_eq!(next, expected, "{stands:?}, its owner lives: {lives}");
        }
    }

    #[test]
    fn nobody_removes_a_run_of_which_something_could_not_be_ended() {
        for (lives, expected) in [(true, Step::Ask(None)), (false, Step::ReadLastWord)] {
            let left = Sight {
                leaves_something: true,
                ..sight(Stands::Orphaned, true, lives)
            };
            assert_eq!(step(&left), expected);
        }
    }

    #[test]
    fn whoever_asked_for_some_workers_is_done_when_these_have_ended() {
        for stands in ALL {
            for lives in [true, false] {
                let done = Sight {
                    some_ended: true,
                    ..sight(stands, false, lives)
                };
                assert_eq!(step(&done), Step::Finish, "{stands:?}");
                let is_over = Sight {
                    is_over: true,
                    ..done
                };
                assert_eq!(step(&is_over), step(&sight(stands, true, lives)));
            }
        }
    }
}
