//! `stopctl notify`: what a worker has to say that has no library for it, and more time for a worker
//! from outside.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::contract::control::{Extension, Sender};
use stopctl::contract::flag::reader;
use stopctl::contract::notify::{Link, Message, SOCKET};
use stopctl::contract::record::{Snapshot, WorkerState};
use stopctl::words::duration::{Limit, in_words};
use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

use crate::cli::notify::NotifyArgs;
use crate::commands::whose;
use crate::exit::Leave;
use crate::parse;
use crate::say::found::{self, Typed};
use crate::say::letters::escaped;
use crate::say::more_time;
use crate::say::supervisor;
use crate::say::voice;
use crate::show;
use stopctl::linux::plain::plain;
use stopctl::outside::find::{self, Missing};
use stopctl::outside::found::Run;

/// The variable that tells a worker its number.
const WORKER: &str = "STOPCTL_WORKER";

/// How long is waited until what was said has been read.
const UNREAD: Duration = Duration::from_secs(5);

/// How long is waited until a supervisor that was asked has given the time. There is no answer, and
/// a stop that was asked for before may be on its way.
const UNGIVEN: Duration = Duration::from_secs(3);

pub(crate) fn notify(args: &NotifyArgs) -> Leave {
    let extend = args.extend.as_deref().map(str::parse::<Limit>).transpose();
    let user = args.user.as_deref();
    match (&args.run, extend) {
        (_, Err(error)) => Leave::USAGE.mistaken("notify", &format_args!("--extend: {error}")),
        (Some(name), Ok(Some(time))) => match whose::act_as(user) {
            Ok(()) => grant(name, &args.workers, time, user),
            Err(leave) => leave,
        },
        (Some(_) | None, Ok(extend)) => tell(args, extend),
    }
}

/// Speaks as any program does that knows `sd_notify(3)`.
fn tell(args: &NotifyArgs, extend: Option<Limit>) -> Leave {
    let extend = match extend {
        Some(Limit::After(time)) => Some(time),
        Some(Limit::Never) => {
            let what = "--extend: a worker cannot have for ever; ask again before its time is over";
            return Leave::USAGE.mistaken("notify", &what);
        }
        None => None,
    };
    let message = Message {
        ready: args.ready,
        status: args.status.clone(),
        stopping: args.stopping,
        extend,
    };
    let supervised = std::env::var_os(reader::VARIABLE).is_some();
    let link = match Link::from_env() {
        Ok(Some(link)) => link,
        Ok(None) if supervised => {
            let what =
                format!("nobody listens ({SOCKET} is not set): start with stopctl run --notify");
            return Leave::ONE.saying(&what);
        }
        // Not supervised: as the flag of such a program stays down, nobody has to hear it.
        Ok(None) => return Leave::OK,
        Err(error) => return Leave::ONE.saying(&format_args!("{SOCKET}: {}", plain(&error))),
    };
    let until = extend.map(|time| stopctl::now() + time);
    // ORDER: we end only when it has been read: who has ended cannot be told from a stranger.
    let heard = link
        .say(&message.datagram())
        .and_then(|()| link.is_read(UNREAD));
    match heard {
        Ok(true) => {
            say_if_capped(until);
            Leave::OK
        }
        Ok(false) => {
            let time = in_words(UNREAD);
            Leave::ONE.saying(&format_args!("nobody has read it within {time}"))
        }
        Err(error) => {
            let socket = escaped(std::env::var_os(SOCKET).unwrap_or_default());
            let why = plain(&error);
            Leave::ONE.saying(&format_args!("nobody hears at {socket} ({SOCKET}): {why}"))
        }
    }
}

/// Says so if the time of this worker ends before that moment, though it was to last until then.
fn say_if_capped(until: Option<Moment>) {
    let worker = std::env::var(WORKER).ok();
    let worker: Option<WorkerNumber> = worker.and_then(|number| number.parse().ok());
    let (Some(until), Some(worker), Ok(Some(run))) = (until, worker, find::own()) else {
        return;
    };
    // ORDER: it was heard, so it is on record.
    let record = run.seen().workers.get(worker.get() as usize);
    let is_on_flag = record.is_some_and(|one| one.level == 1);
    let end = record.and_then(|one| one.deadline_ns.map(Moment::from_nanos));
    if is_on_flag && end.is_some_and(|end| end < until) {
        voice::error(&more_time::granted(&run, worker, Some(until)));
    }
}

/// Gives workers more time, and says how much it is.
fn grant(name: &OsString, typed: &[String], time: Limit, user: Option<&OsStr>) -> Leave {
    let mut run = match find::named(name) {
        Ok(run) => run,
        Err(Missing::Absent(absent)) => {
            let command = "notify";
            let typed = Typed { command, user };
            return Leave::NO_RUN.saying(&found::absent(&absent, &typed, ""));
        }
        Err(Missing::Several(several)) => {
            return Leave::USAGE.saying(&found::several(&several, user));
        }
        Err(Missing::Failed(error)) => return Leave::FAILED.saying(&error),
    };
    let workers = match meant(typed, &run) {
        Ok(workers) => workers,
        Err(what) => return Leave::USAGE.saying(&what),
    };
    let before = run.seen().clone();
    let until = wanted(time);
    if let Err(error) = send(&run, typed.is_empty(), &workers, time) {
        return Leave::ONE.saying(&supervisor::cannot_be_asked(run.name(), plain(&error)));
    }
    let extended = |seen: &Snapshot, worker: WorkerNumber| {
        let times = |seen: &Snapshot| seen[worker].extensions;
        times(seen) > times(&before)
    };
    let patience = stopctl::now() + UNGIVEN;
    loop {
        let left = patience.since(stopctl::now());
        let may_come = |&worker: &WorkerNumber| {
            can_have(run.seen(), worker, until) && !extended(run.seen(), worker)
        };
        if left.is_zero() || !workers.iter().any(may_come) {
            break;
        }
        run.wait_for_change(left);
        if let Err(error) = run.refresh() {
            return Leave::FAILED.saying(&error);
        }
    }
    let (more, none): (Vec<WorkerNumber>, Vec<WorkerNumber>) = workers
        .into_iter()
        .partition(|&worker| extended(run.seen(), worker));
    for &worker in &more {
        let printed = show::out(&(more_time::granted(&run, worker, until) + "\n"));
        if printed != Leave::OK {
            return printed;
        }
    }
    if none.is_empty() || (typed.is_empty() && !more.is_empty()) {
        return Leave::OK;
    }
    for line in more_time::refused(&run, &none, until) {
        voice::error(&line);
    }
    Leave::ONE
}

/// The end of a time that begins now.
fn wanted(time: Limit) -> Option<Moment> {
    match time {
        Limit::After(time) => Some(stopctl::now() + time),
        Limit::Never => None,
    }
}

/// Whether a worker is on its flag and SIGTERM would come before `until`, or may soon be.
fn can_have(seen: &Snapshot, worker: WorkerNumber, until: Option<Moment>) -> bool {
    let worker = &seen[worker];
    let deadline = worker.deadline_ns.map(Moment::from_nanos);
    let sooner = deadline.is_some_and(|deadline| until.is_none_or(|until| deadline < until));
    match worker.state {
        WorkerState::Starting | WorkerState::Running => true,
        WorkerState::Stopping => worker.level == 1 && sooner,
        WorkerState::Ended => false,
    }
}

/// The workers that were named; none is each of them.
fn meant(typed: &[String], run: &Run) -> anyhow::Result<Vec<WorkerNumber>> {
    let all = run.seen().run.workers;
    if typed.is_empty() {
        return Ok(WorkerNumber::all_of(all).collect());
    }
    parse::workers(typed, run.name(), all)
}

fn send(run: &Run, is_whole: bool, workers: &[WorkerNumber], time: Limit) -> std::io::Result<()> {
    let mut sender = Sender::open(run.dir().as_fd())?;
    let each = workers.iter().copied().map(Some).collect();
    let whom: Vec<Option<WorkerNumber>> = if is_whole { vec![None] } else { each };
    for worker in whom {
        let extension = Extension { worker, time };
        if !sender.send_until(&extension, stopctl::now() + UNREAD)? {
            return Err(std::io::Error::other("it does not read its requests"));
        }
    }
    Ok(())
}
