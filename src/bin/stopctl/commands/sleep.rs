//! `stopctl sleep`: a sleep that a stop ends.

use std::time::Duration;

use stopctl::words::duration::Limit;

use crate::cli::SleepArgs;
use crate::commands::keep_going::look;
use crate::exit::Leave;

/// For ever is slept in pieces of this, which every clock can count.
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn sleep(args: &SleepArgs) -> Leave {
    let limit = match args.duration.parse::<Limit>() {
        Ok(limit) => limit,
        Err(error) => return Leave::FAILED.mistaken("sleep", &error),
    };
    let flag = match look() {
        Ok(flag) => flag,
        Err(leave) => return leave,
    };
    let asked = match limit {
        Limit::After(time) => flag.wait_timeout(time),
        Limit::Never => loop {
            if flag.wait_timeout(DAY) {
                break true;
            }
        },
    };
    if asked { Leave::ONE } else { Leave::OK }
}
