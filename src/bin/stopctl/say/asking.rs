//! What is said of a run that is asked to stop: that it was asked, who leaves, how it ended, and why
//! it could not be stopped.

use std::time::Duration;

use stopctl::contract::record::Phase;
use stopctl::decide::ladder::Rung;
use stopctl::linux::plain::plain;
use stopctl::outside::found::Run;
use stopctl::outside::sealed::{Sealed, SealedProblem};
use stopctl::outside::stop::{Failure, News, PATIENCE, Problem, Silence, Stop};
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::fate;
use crate::say::record;
use crate::say::rung::coming;
use crate::say::stopping::{self, Asked, still_there};
use crate::say::summary;
use crate::say::supervisor;
use crate::say::voice::{Voice, Weight};

/// Says what a stop tells.
pub(crate) fn hearing(voice: &mut Voice) -> impl FnMut(&Run, News<'_>) + '_ {
    |run, news| {
        let (weight, what) = told(run, &news);
        voice.say(weight, &what);
    }
}

fn told(run: &Run, news: &News<'_>) -> (Weight, String) {
    let name = run.name();
    match news {
        News::WasOver => (Weight::Notice, format!("{name} is over already")),
        News::Asked {
            rung,
            grace,
            workers,
            all,
        } => {
            let whom = if *all {
                Asked::All(workers.len())
            } else {
                Asked::Some(workers)
            };
            let next = next(*rung, *grace, &stop_signal(run));
            (Weight::Notice, stopping::asked(name, None, &whom, &next))
        }
        News::TakenOver { is_demanded } => {
            let pid = run.seen().run.pid;
            let what = supervisor::died(name, pid, "; taking over");
            let weight = if *is_demanded {
                Weight::Notice
            } else {
                Weight::Detail
            };
            (weight, what)
        }
        News::Warning(warning) => (Weight::Warning, format!("{name}: {warning}")),
        News::Removed => {
            let what = format!("nothing is left of {name}: its machine or container was restarted");
            (Weight::Notice, what)
        }
        News::Continuing(pid) => {
            let who = supervisor::named(name, *pid);
            let what = format!("{who} is stopped: continuing it");
            (Weight::Warning, what)
        }
        News::Deposing(pid, silence) => {
            let why = match silence {
                Silence::Stopped => "stays silent (a debugger may hold it)".to_owned(),
                Silence::NoFifo | Silence::Unread => {
                    format!("{} (it is frozen or hangs)", silent(*silence))
                }
            };
            let who = supervisor::named(name, *pid);
            let what = format!("{who} {why}: taking over");
            (Weight::Warning, what)
        }
    }
}

/// What comes next for workers that were asked so.
fn next(rung: Rung, grace: Limit, signal: &str) -> String {
    match (rung, grace) {
        (Rung::Kill, _) => coming("SIGKILL", Some(Duration::ZERO)),
        (Rung::Term, _) | (Rung::Flag, Limit::After(Duration::ZERO)) => {
            coming(signal, Some(Duration::ZERO))
        }
        (Rung::Flag, Limit::After(time)) => coming(signal, Some(time)) + " at the latest",
        (Rung::Flag, Limit::Never) => coming(signal, None),
    }
}

fn silent(silence: Silence) -> String {
    let time = PATIENCE.as_secs();
    match silence {
        Silence::Stopped => "is stopped".to_owned(),
        Silence::NoFifo => format!("has not put back its file 'control' for {time} s"),
        Silence::Unread => format!("has not read what it is asked for {time} s"),
    }
}

/// Why a run could not be stopped.
pub(crate) fn problem(run: &Run, problem: &Problem) -> String {
    let (name, pid) = (run.name(), run.seen().run.pid);
    match problem {
        Problem::Record(error) => format!("{name}: {error}"),
        Problem::OutOfReach(why) => {
            format!("{name} cannot be stopped from here: its supervisor died, and {why}")
        }
        Problem::NotTakenOver(why) => supervisor::cannot_be_replaced(name, failure(why)),
        Problem::NotTakenOverFromHere(why) => {
            format!("{name} cannot be taken over from here: {why}")
        }
        Problem::NotRemoved(why) => format!("{name} cannot be removed: {}", failure(why)),
        Problem::Unverified(silence) => {
            let silent = silent(*silence);
            let why =
                format!("its supervisor (pid {pid}) {silent}, and cannot be verified from here");
            supervisor::cannot_be_asked(name, why)
        }
        Problem::NotHeeded(fifo) => format!(
            "{name} was asked again and again, and its supervisor (pid {pid}) did \
             nothing: does something else read {}? To stop the run, send SIGTERM to the supervisor",
            fifo.display()
        ),
    }
}

fn failure(why: &Failure) -> &str {
    match why {
        Failure::Told(why) => why,
        Failure::TakersEnd => "whatever does so is killed",
        Failure::TakersSilent => "whatever does so does not answer",
    }
}

/// That the owner of a run is asked whose record cannot be read.
pub(crate) fn asked_all_the_same(sealed: &Sealed) -> String {
    format!("{sealed}; its owner is asked all the same")
}

/// Why a run could not be stopped whose record cannot be read.
pub(crate) fn sealed_problem(name: &str, problem: &SealedProblem) -> String {
    match problem {
        SealedProblem::Unasked(error) => supervisor::cannot_be_asked(name, plain(error)),
        SealedProblem::OutOfReach(why) => format!("{name} cannot be stopped from here: {why}"),
        SealedProblem::NotTakenOver(why) => supervisor::cannot_be_replaced(name, why),
    }
}

/// Who left, and who is still there; with `is_silent`, when the next rung comes for the first of
/// them.
pub(crate) fn leavers(
    stop: &Stop<'_>,
    left: &[WorkerNumber],
    there: &[WorkerNumber],
    is_silent: bool,
    now: Moment,
) -> String {
    let left = summary::listed(&stop.fates_of(left));
    let next = next_of(stop, there, now).filter(|_| is_silent);
    let parts = [
        Some(left).filter(|left| !left.is_empty()),
        Some(still_there(there, &next.unwrap_or_default())),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{}: {}", stop.run().name(), parts.join("; "))
}

/// When the next rung comes for the first of these.
fn next_of(stop: &Stop<'_>, there: &[WorkerNumber], now: Moment) -> Option<String> {
    let seen = stop.run().seen();
    let there = there.iter().map(|&worker| (worker, &seen[worker]));
    record::next(&seen.run, there, now)
}

/// What goes on if nobody waits for it.
pub(crate) fn going_on(stop: &Stop<'_>) -> String {
    let (name, there) = (stop.run().name(), stop.there());
    if there.is_empty() {
        return format!("{name} is over but for its supervisor");
    }
    let next = next_of(stop, &there, stopctl::now());
    let there = still_there(&there, &next.unwrap_or_default());
    format!("{name} goes on stopping; {there}")
}

/// How it ended; `None` if it did not, or nobody knows.
pub(crate) fn end(stop: &Stop<'_>) -> Option<String> {
    let (name, what) = (stop.run().name(), fates(stop));
    let told = match stop.run().seen().run.phase {
        Phase::Over => summary::over(name, "", &what),
        Phase::Running | Phase::Stopping => format!("{name}: {what}"),
    };
    stop.is_known().then_some(told)
}

/// What became of those who were asked.
pub(crate) fn fates(stop: &Stop<'_>) -> String {
    summary::with_unstarted(&stop.fates(), &stop.not_started(), &stop_signal(stop.run()))
}

/// A line for all those who failed in the same way after they were asked.
pub(crate) fn failures(stop: &Stop<'_>) -> Vec<String> {
    let lines = fate::failures(&stop.fates(), &stop_signal(stop.run())).into_iter();
    lines
        .map(|line| format!("{}: {line}", stop.run().name()))
        .collect()
}

fn stop_signal(run: &Run) -> String {
    signal_name(run.seen().run.stop_signal)
}
