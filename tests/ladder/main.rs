//! The ladder: the whole product of its states and inputs against a table, every sequence of
//! inputs up to a depth, and random sequences with random times, against what it promises.

#![cfg(feature = "cli")]

mod promises;
mod table;
mod watched;

use std::time::Duration;

use stopctl::duration::Limit;
use stopctl::ladder::{Input, Times};
use stopctl::moment::Moment;

const ASKED: Input = Input::Stop {
    grace: None,
    kill_after: None,
};

const TIMES: Times = Times {
    grace: secs(10),
    kill_after: secs(20),
    kill_wait: Duration::from_secs(5),
};

const STRAGGLERS: Times = Times {
    grace: secs(2),
    kill_after: secs(3),
    kill_wait: Duration::from_secs(4),
};

const fn secs(secs: u64) -> Limit {
    Limit::After(Duration::from_secs(secs))
}

const fn at(secs: u64) -> Moment {
    Moment::from_nanos(secs * 1_000_000_000)
}

fn asked(grace: Option<Limit>, kill_after: Option<Limit>) -> Input {
    Input::Stop { grace, kill_after }
}

/// For so many seconds, until now.
fn suspended(secs: u64) -> Input {
    Input::Suspended(Duration::from_secs(secs))
}

fn ended(stragglers: Times) -> Input {
    Input::MainEnded { stragglers }
}
