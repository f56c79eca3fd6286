//! `stopctl wait`: until a run is over.

use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::duration::Limit;
use stopctl::owner::{self, OwnerSeen};
use stopctl::record::Phase;

use crate::cli::WaitArgs;
use crate::exit::Leave;
use crate::runs::{self, Missing};

/// The kernel wakes one waiter only when an owner dies: look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

pub(crate) fn wait(args: &WaitArgs) -> Leave {
    let end = match args.timeout.as_deref().map(str::parse::<Limit>).transpose() {
        Ok(Some(Limit::After(time))) => Some(stopctl::now() + time),
        Ok(Some(Limit::Never) | None) => None,
        Err(error) => return Leave::FAILED.saying(&format_args!("--timeout: {error}")),
    };
    let run = match args.name.as_ref().map_or_else(runs::only, runs::named) {
        Ok(run) => run,
        Err(Missing::None(none)) => return Leave::NOTHING_TO_WAIT_FOR.saying(&none.saying("")),
        Err(Missing::Several(what) | Missing::Failed(what)) => return Leave::FAILED.saying(&what),
    };
    loop {
        // ORDER: the owner before the record: an owner that has ended wrote its last word first.
        let owner = owner::see(run.dir.as_fd());
        let seen = match run.record.read() {
            Ok(seen) => seen,
            Err(error) => return Leave::FAILED.saying(&error),
        };
        if let (Phase::Over, Some(status)) = (seen.run.phase, seen.run.status) {
            return Leave::With(status);
        }
        if matches!(owner, OwnerSeen::Died(_)) {
            let what = format_args!(
                "the supervisor of {} died: nobody knows the status",
                run.name
            );
            return Leave::FAILED.saying(&what);
        }
        let left = end.map_or(LONGEST_SLEEP, |end| {
            end.since(stopctl::now()).min(LONGEST_SLEEP)
        });
        if left.is_zero() {
            return Leave::TIMED_OUT;
        }
        run.record.wait_for_change(&seen, left);
    }
}
