//! `stopctl wait`: until a run is over.

use stopctl::words::duration::Limit;

use crate::cli::WaitArgs;
use crate::commands::whose;
use crate::exit::Leave;
use crate::say::found::{self, Typed};
use crate::say::supervisor;
use stopctl::outside::find::{self, Missing};
use stopctl::outside::follow::{Course, Followed};

pub(crate) fn wait(args: &WaitArgs) -> Leave {
    let end = match args.timeout.as_deref().map(str::parse::<Limit>).transpose() {
        Ok(Some(Limit::After(time))) => Some(stopctl::now() + time),
        Ok(Some(Limit::Never) | None) => None,
        Err(error) => return Leave::FAILED.mistaken("wait", &format_args!("--timeout: {error}")),
    };
    let typed = Typed {
        command: "wait",
        user: args.whose.user.as_deref(),
    };
    if whose::act_as(typed.user).is_err() {
        return Leave::FAILED;
    }
    let run = match args.name.as_deref().map_or_else(find::only, find::named) {
        Ok(run) => run,
        Err(Missing::Absent(absent)) => {
            return Leave::NOTHING_TO_WAIT_FOR.saying(&found::absent(&absent, &typed, ""));
        }
        Err(Missing::Several(several)) => {
            return Leave::FAILED.saying(&found::several(&several, typed.user));
        }
        Err(Missing::Failed(error)) => return Leave::FAILED.saying(&error),
    };
    let mut followed = Followed::new(run);
    loop {
        let now = stopctl::now();
        let course = match followed.look(now) {
            Ok(course) => course,
            Err(error) => return Leave::FAILED.saying(&error),
        };
        let run = &followed.run();
        let lost = |what: &str| {
            let (name, pid) = (run.name(), run.seen().run.pid);
            let what = format!("{what}: nobody knows the status");
            Leave::FAILED.saying(&supervisor::died(name, pid, &what))
        };
        match course {
            Course::Over => {
                let status = run.seen().run.status;
                return status.map_or_else(|| lost(", and its workers were stopped"), Leave::With);
            }
            Course::Lost => {
                return lost(&supervisor::workers_may_run(run.name(), typed.user));
            }
            Course::GoesOn | Course::Orphaned => {}
        }
        if end.is_some_and(|end| end <= now) {
            return Leave::TIMED_OUT;
        }
        followed.sleep(now, end);
    }
}
