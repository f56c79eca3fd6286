//! `stopctl keep-going`: one look at the flag, for scripts.

use std::time::Duration;

use stopctl::{FlagError, StopFlag};

use crate::exit::Leave;
use crate::say::voice;

/// How long the name of a flag may be missing: a directory that a logout deleted is put back within it.
const PUT_BACK: Duration = Duration::from_secs(1);

pub(crate) fn keep_going() -> Leave {
    match look() {
        Ok(flag) if flag.request().is_some() => Leave::ONE,
        Ok(_) => Leave::OK,
        Err(leave) => leave,
    }
}

/// Opens our flag. If its name is gone and stays gone, the run is over, and that counts as a stop.
pub(crate) fn look() -> Result<StopFlag, Leave> {
    let again = |error: FlagError| {
        if error.is_missing() {
            std::thread::sleep(PUT_BACK);
            StopFlag::from_env()
        } else {
            Err(error)
        }
    };
    StopFlag::from_env().or_else(again).map_err(|error| {
        if error.is_missing() {
            voice::error(&format_args!(
                "{error}; the run is over, or hidden from this process: taken as a stop"
            ));
            Leave::ONE
        } else {
            Leave::FAILED.saying(&error)
        }
    })
}
