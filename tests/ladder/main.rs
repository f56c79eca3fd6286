//! The ladder: the whole product of its states and inputs against a table, every sequence of
//! inputs up to a depth, and random sequences with random times, against what it promises.

#![cfg(feature = "cli")]

mod promises;
mod table;
mod unaware;
mod watched;

use std::time::Duration;

use stopctl::decide::ladder::Input;
use stopctl::decide::times::{Times, Wanted};
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;

const ASKED: Input = Input::Stop(Wanted::NOTHING);

const TIMES: Times = Times::plain(secs(10), secs(20), Duration::from_secs(5));

const STRAGGLERS: Times = Times::plain(secs(2), secs(3), Duration::from_secs(4));

/// What the main process left behind is the worker from now on.
const WAITED_FOR: Input = Input::MainEnded { stragglers: None };

const fn secs(secs: u64) -> Limit {
    Limit::After(Duration::from_secs(secs))
}

const fn at(secs: u64) -> Moment {
    Moment::from_nanos(secs * 1_000_000_000)
}

fn asked(grace: Option<Limit>, kill_after: Option<Limit>) -> Input {
    Input::Stop(Wanted {
        grace,
        kill_after,
        unaware: None,
    })
}

/// For so many seconds, until now.
fn suspended(secs: u64) -> Input {
    Input::Suspended(Duration::from_secs(secs))
}

fn ended(stragglers: Times) -> Input {
    Input::MainEnded {
        stragglers: Some(stragglers),
    }
}
