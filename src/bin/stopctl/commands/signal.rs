//! `stopctl signal`: has the owner of a run send a signal to its workers.

use std::ffi::OsStr;

use anyhow::bail;
use stopctl::linux::plain::plain;
use stopctl::outside::find::{self, Missing};
use stopctl::outside::signal::{PATIENCE, Unsent, signal as ask};
use stopctl::words::signal_name::{parse_signal, signal_name};
use stopctl::words::worker_number::WorkerNumber;

use crate::cli::SignalArgs;
use crate::commands::whose;
use crate::exit::Leave;
use crate::parse;
use crate::say::found::{self, Typed};
use crate::say::supervisor;
use crate::say::users::again;
use crate::say::voice::{Voice, Weight};
use crate::say::workers::named;

pub(crate) fn signal(args: &SignalArgs) -> Leave {
    let signal = match wanted(&args.signal) {
        Ok(signal) => signal,
        Err(problem) => return Leave::USAGE.mistaken("signal", &problem),
    };
    let typed = Typed {
        command: "signal",
        user: args.whose.user.as_deref(),
    };
    if let Err(leave) = whose::act_as(typed.user) {
        return leave;
    }
    let run = match find::named(&args.name) {
        Ok(run) => run,
        Err(Missing::Absent(absent)) => {
            let what = found::absent(&absent, &typed, "; nothing was signalled");
            return Leave::NO_RUN.saying(&what);
        }
        Err(Missing::Several(several)) => {
            return Leave::FAILED.saying(&found::several(&several, typed.user));
        }
        Err(Missing::Failed(error)) => return Leave::FAILED.saying(&error),
    };
    // None is each of them.
    let workers = match parse::workers(&args.workers, run.name(), run.seen().run.workers) {
        Ok(workers) => workers,
        Err(problem) => {
            let what = format!("--worker: {problem}; nothing was signalled");
            return Leave::USAGE.saying(&what);
        }
    };
    let mut voice = Voice::new(&args.voice);
    let (name, what) = (run.name().to_owned(), signal_name(signal));
    match ask(run, signal, &workers) {
        Ok(()) => {
            voice.say(Weight::Notice, &sent(&name, &what, &workers));
            Leave::OK
        }
        Err(why) => Leave::ONE.saying(&unsent(&name, &what, &why, typed.user)),
    }
}

fn wanted(typed: &str) -> anyhow::Result<i32> {
    let signal = parse_signal(typed)?;
    if signal == libc::SIGKILL {
        bail!("SIGKILL is the last rung of a stop: use stopctl stop --kill");
    }
    Ok(signal)
}

/// Who was signalled.
fn sent(name: &str, signal: &str, workers: &[WorkerNumber]) -> String {
    match workers {
        [] => format!("{signal} to all workers of {name}"),
        some => format!("{signal} to {} of {name}", named(some)),
    }
}

/// Why it was not sent, or not to everybody.
fn unsent(name: &str, signal: &str, why: &Unsent, user: Option<&OsStr>) -> String {
    match why {
        Unsent::Record(error) => error.to_string(),
        Unsent::Over => format!("{name} is over: nobody is there for {signal}"),
        Unsent::Lost => format!(
            "the supervisor of {name} died: {signal} was not sent; stopctl stop {name}{} ends what is \
             left",
            again(user)
        ),
        Unsent::OtherVersion => format!(
            "{name} was started by another version of stopctl, which sends no signals: {signal} was \
             not sent"
        ),
        Unsent::Unasked(error) => supervisor::cannot_be_asked(name, plain(error)),
        Unsent::Unread => {
            supervisor::cannot_be_asked(name, "its supervisor does not read its requests")
        }
        Unsent::AllEnded => {
            format!("{name}: nobody was signalled: all that were meant have ended")
        }
        Unsent::Ended(workers) => format!("{name}: {} had ended", named(workers)),
        Unsent::EndedMeanwhile => format!("{name} ended meanwhile: nobody was signalled"),
        Unsent::LostMeanwhile => format!(
            "the supervisor of {name} died before it answered: {signal} may have been sent or not; \
             stopctl stop {name} ends what is left"
        ),
        Unsent::Unanswered => format!(
            "the supervisor of {name} did not answer within {} s, and will not send it later",
            PATIENCE.as_secs()
        ),
    }
}
