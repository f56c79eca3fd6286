//! `stopctl signal`: has the owner of a run send a signal to its workers.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::contract::control::{Asker, Signalling};
use stopctl::contract::record::WorkerState;
use stopctl::words::moment::Moment;
use stopctl::words::signal_name::{parse_signal, signal_name};
use stopctl::words::worker_number::WorkerNumber;

use crate::cli::SignalArgs;
use crate::exit::Leave;
use crate::runs::follow::{Course, Followed};
use crate::runs::{self, Missing, Run};
use crate::say::workers::{missing, named};
use crate::voice::{Voice, Weight};

/// How long the owner has for it; later it does not carry it out.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn signal(args: &SignalArgs) -> Leave {
    let signal = match wanted(&args.signal) {
        Ok(signal) => signal,
        Err(problem) => return Leave::USAGE.saying(&problem),
    };
    let run = match runs::named(&args.name) {
        Ok(run) => run,
        Err(Missing::None(none)) => {
            return Leave::NO_RUN.saying(&none.saying("; nothing was signalled"));
        }
        Err(Missing::Several(what) | Missing::Failed(what)) => return Leave::FAILED.saying(&what),
    };
    let workers = match meant(args, &run) {
        Ok(workers) => workers,
        Err(problem) => return Leave::USAGE.saying(&problem),
    };
    let mut voice = Voice::new(&args.voice);
    match send(run, signal, &workers) {
        Ok(told) => {
            voice.say(Weight::Notice, &told);
            Leave::OK
        }
        Err(problem) => Leave::ONE.saying(&problem),
    }
}

fn wanted(typed: &str) -> Result<i32, String> {
    let signal = parse_signal(typed).map_err(|error| error.to_string())?;
    if signal == libc::SIGKILL {
        return Err("SIGKILL is the last rung of a stop: use stopctl stop --kill".to_owned());
    }
    Ok(signal)
}

/// The workers that were named; none is each of them.
fn meant(args: &SignalArgs, run: &Run) -> Result<Vec<WorkerNumber>, String> {
    let all = run.seen.run.workers;
    let one = |typed: &String| {
        let number = typed
            .parse()
            .ok()
            .filter(|number: &WorkerNumber| number.get() < all);
        number.ok_or_else(|| {
            let what = missing(&run.name, typed, all);
            format!("--worker: {what}; nothing was signalled")
        })
    };
    let mut workers: Vec<WorkerNumber> = args.workers.iter().map(one).collect::<Result<_, _>>()?;
    workers.sort_unstable();
    workers.dedup();
    Ok(workers)
}

/// Asks, and waits for the answer: who was signalled, in words.
fn send(run: Run, signal: i32, workers: &[WorkerNumber]) -> Result<String, String> {
    let (name, what) = (run.name.clone(), signal_name(signal));
    let run = owned(run, &what)?;
    if !run.seen.run.takes_signals {
        return Err(format!(
            "{name} was started by another version of stopctl, which sends no signals: {what} was \
             not sent"
        ));
    }
    let until = stopctl::now() + PATIENCE;
    let whom: Vec<Option<WorkerNumber>> = if workers.is_empty() {
        vec![None]
    } else {
        workers.iter().copied().map(Some).collect()
    };
    let mut asked = Vec::new();
    for worker in whom {
        let request = Signalling {
            worker,
            signal,
            id: random(),
            until,
        };
        hand_in(&run, &request).map_err(|error| format!("{name} cannot be asked: {error}"))?;
        asked.push(request);
    }
    answered(run, &asked, until)?;
    let whom = match workers {
        [] => format!("all workers of {name}"),
        some => format!("{} of {name}", named(some)),
    };
    Ok(format!("{what} to {whom}"))
}

/// Waits until somebody owns it: whoever takes over from a supervisor that died does so in a moment.
fn owned(run: Run, what: &str) -> Result<Run, String> {
    let mut followed = Followed::new(run);
    loop {
        let now = stopctl::now();
        let course = followed.look(now).map_err(|error| error.to_string())?;
        let name = &followed.run.name;
        match course {
            Course::GoesOn => return Ok(followed.run),
            Course::Orphaned => followed.sleep(now, None),
            Course::Over => return Err(format!("{name} is over: nobody is there for {what}")),
            Course::Lost => {
                return Err(format!(
                    "the supervisor of {name} died: {what} was not sent; stopctl stop {name} ends \
                     what is left"
                ));
            }
        }
    }
}

fn hand_in(run: &Run, request: &Signalling) -> io::Result<()> {
    let mut asker = Asker::open(run.dir.as_fd())?;
    while !asker.send(request)? {
        let left = request.until.since(stopctl::now());
        if left.is_zero() {
            return Err(io::Error::other(
                "its supervisor does not read its requests",
            ));
        }
        asker.wait_until_writable(left);
    }
    Ok(())
}

/// A number that no other request has.
fn random() -> u32 {
    let bits = RandomState::new().build_hasher().finish();
    u32::try_from(bits >> 32).unwrap_or(0)
}

/// Waits until each was answered.
fn answered(run: Run, asked: &[Signalling], until: Moment) -> Result<(), String> {
    let mut followed = Followed::new(run);
    loop {
        let now = stopctl::now();
        let course = followed.look(now).map_err(|error| error.to_string())?;
        let (name, seen) = (&followed.run.name, &followed.run.seen);
        let sent = |one: &Signalling| {
            let mut answers = seen.run.answers.iter();
            answers
                .find(|answer| answer.id == one.id)
                .map(|answer| answer.sent)
        };
        let missing = asked.iter().filter(|one| sent(one).is_none()).count();
        if missing == 0 {
            let missed = asked.iter().filter(|one| sent(one) == Some(0));
            let missed: Vec<WorkerNumber> = missed.filter_map(|one| one.worker).collect();
            let nobody = asked.iter().all(|one| sent(one) == Some(0));
            return match missed.as_slice() {
                _ if nobody => Err(format!(
                    "{name}: nobody was signalled: all that were meant have ended"
                )),
                [] => Ok(()),
                some => Err(format!("{name}: {} had ended", named(some))),
            };
        }
        let is_over = |one: &Signalling| {
            one.worker
                .is_some_and(|worker| seen[worker].state == WorkerState::Ended)
        };
        if course == Course::Over || course == Course::Lost || asked.iter().all(is_over) {
            return Err(format!("{name} ended meanwhile: nobody was signalled"));
        }
        if until < now {
            return Err(format!(
                "the supervisor of {name} did not answer within 5 s, and will not send it later"
            ));
        }
        followed.sleep(now, Some(until + Duration::from_millis(1)));
    }
}
