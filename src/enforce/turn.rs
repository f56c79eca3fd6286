//! One turn of the owner's loop, as a worker sees it.

use std::time::Duration;

use crate::contract::record::{SignalTo, Stragglers};
use crate::enforce::event::{Event, Witness};
use crate::tree::Search;
use crate::words::duration::Limit;
use crate::words::moment::Moment;

/// How the ladder is enforced: the same for all workers of a run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What is sent instead of SIGTERM.
    pub stop_signal: i32,
    /// Whom that reaches.
    pub signal_to: SignalTo,
    /// How long after SIGKILL something is reported as not ended.
    pub kill_wait: Duration,
    /// The longest time from the flag to SIGTERM, with every extension.
    pub max_grace: Limit,
    /// What becomes of stragglers.
    pub stragglers: Stragglers,
}

impl Rules {
    /// Whether what a main process left behind gets the stop signal too. It does not if the signal
    /// is for the main process alone, unless the worker now is what was left behind.
    #[must_use]
    pub fn signals_rest(&self) -> bool {
        self.signal_to != SignalTo::Main || self.stragglers == Stragglers::Wait
    }
}

/// What is the same for all workers during one turn of the loop.
pub struct Turn<'a> {
    /// When this turn began.
    pub now: Moment,
    /// How the ladder is enforced.
    pub rules: &'a Rules,
    /// Where the processes of a worker are looked for.
    pub search: &'a mut Search,
    /// Who is told what happens.
    pub witness: &'a mut dyn Witness,
}

impl Turn<'_> {
    /// Tells the witness that something happened in this turn.
    pub fn tell(&mut self, event: &Event<'_>) {
        self.witness.see(self.now, event);
    }
}

#[cfg(test)]
pub(in crate::enforce) mod tests {
    use std::time::Duration;

    use super::{Event, Limit, Moment, Rules, Search, SignalTo, Stragglers, Turn, Witness};

    /// Turns for the tests of a part, and what was told in them.
    #[derive(Debug)]
    pub(in crate::enforce) struct Told {
        /// The rules of the next turn.
        pub(in crate::enforce) rules: Rules,
        search: Search,
        seen: Seen,
    }

    #[derive(Debug, Default)]
    struct Seen(Vec<String>);

    impl Default for Told {
        fn default() -> Self {
            Self {
                rules: rules(SignalTo::First, Stragglers::Stop),
                search: Search::of_stranger(),
                seen: Seen::default(),
            }
        }
    }

    impl Told {
        pub(in crate::enforce) fn turn(&mut self, now: Moment) -> Turn<'_> {
            Turn {
                now,
                rules: &self.rules,
                search: &mut self.search,
                witness: &mut self.seen,
            }
        }

        /// How many events of this name were told so far; of any, if it is empty.
        pub(in crate::enforce) fn count(&self, name: &str) -> usize {
            let events = self.seen.0.iter();
            events.filter(|event| event.starts_with(name)).count()
        }
    }

    impl Witness for Seen {
        fn see(&mut self, _: Moment, event: &Event<'_>) {
            self.0.push(format!("{event:?}"));
        }

        fn deadline(&self) -> Option<Moment> {
            None
        }

        fn tick(&mut self, _: Moment) {}
    }

    fn rules(signal_to: SignalTo, stragglers: Stragglers) -> Rules {
        Rules {
            stop_signal: libc::SIGTERM,
            signal_to,
            kill_wait: Duration::ZERO,
            max_grace: Limit::Never,
            stragglers,
        }
    }

    #[test]
    fn what_is_left_behind_has_the_stop_signal_unless_that_is_for_the_main_process() {
        for (signal_to, stragglers, signals_rest) in [
            (SignalTo::First, Stragglers::Stop, true),
            (SignalTo::Group, Stragglers::Stop, true),
            (SignalTo::Main, Stragglers::Stop, false),
            (SignalTo::Main, Stragglers::Wait, true),
        ] {
            let rules = rules(signal_to, stragglers);
            assert_eq!(rules.signals_rest(), signals_rest, "{rules:?}");
        }
    }
}
