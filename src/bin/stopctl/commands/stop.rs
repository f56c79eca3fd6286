//! `stopctl stop`: asks runs to stop, and waits until they have.

use stopctl::decide::ladder::Rung;
use stopctl::decide::outcome::Outcome;
use stopctl::decide::times::Wanted;
use stopctl::linux::interrupts::Interrupts;
use stopctl::words::duration::Limit;
use stopctl::words::reason::Reason;

use crate::cli::StopArgs;
use crate::commands::run::finite;
use crate::exit::Leave;
use crate::fate::Fate;
use crate::runs::{self, Missing, Run};
use crate::say::workers::missing;
use crate::sealed::Sealed;
use crate::target::{self, Demand, Target, Waited};
use crate::voice::{Voice, Weight};
use crate::{json, show};

pub(crate) fn stop(args: &StopArgs) -> Leave {
    let demand = match demand(args) {
        Ok(demand) => demand,
        Err(problem) => return Leave::USAGE.saying(&problem),
    };
    // All names are looked up before any flag is raised.
    let Meant {
        runs,
        mut sealed,
        own,
        unreadable,
    } = match meant(args) {
        Ok(found) => found,
        Err(Missing::None(none)) => {
            if args.json {
                let _ = show::out(&json::document(&[]));
            }
            if args.if_running {
                return Leave::OK;
            }
            return Leave::NO_RUN.saying(&none.saying("; nothing was stopped"));
        }
        Err(Missing::Several(what)) => {
            return Leave::USAGE.saying(&format_args!("{what}\nnothing was stopped"));
        }
        Err(Missing::Failed(what)) => return Leave::FAILED.saying(&what),
    };
    for run in &runs {
        if let Some(worker) = demand
            .workers
            .iter()
            .find(|worker| worker.get() >= run.seen.run.workers)
        {
            let what = missing(&run.name, &worker.to_string(), run.seen.run.workers);
            return Leave::USAGE.saying(&format_args!("{what}; nothing was stopped"));
        }
    }
    let supervisors: Vec<i32> = runs.iter().map(|run| run.seen.run.pid).collect();
    let mut voice = Voice::with_picture(&args.voice, &supervisors);
    let mut targets: Vec<Target> = runs
        .into_iter()
        .map(|run| Target::ask(run, &demand, &mut voice))
        .collect();
    for one in &mut sealed {
        one.ask(&demand, &mut voice);
    }
    if args.no_wait || own {
        target::hand_over(&mut targets, &mut voice);
    } else if let Err(leave) = wait(&mut targets, (&mut sealed, &demand), &mut voice) {
        return leave;
    }
    let problems = targets.iter().filter_map(|target| target.problem.as_ref());
    let unknown = sealed.iter().filter_map(|one| one.problem.as_ref());
    let is_left = unknown.clone().next().is_some() || !unreadable.is_empty();
    for problem in problems.chain(unknown).chain(&unreadable) {
        voice.say(Weight::Error, problem);
    }
    let leave = match result(args, &targets, args.no_wait || own) {
        Leave::OK if is_left => Leave::ONE,
        leave @ (Leave::With(_) | Leave::DieOf(_)) => leave,
    };
    if args.json {
        let runs: Vec<Run> = targets.into_iter().map(|target| target.run).collect();
        let printed = show::out(&json::document(&runs));
        if printed != Leave::OK {
            return printed;
        }
    }
    leave
}

/// Waits for one after the other; their ladders go on side by side.
fn wait(
    targets: &mut [Target],
    (sealed, demand): (&mut [Sealed], &Demand),
    voice: &mut Voice,
) -> Result<(), Leave> {
    let interrupts = Interrupts::install().map_err(|error| Leave::FAILED.saying(&error))?;
    for at in 0..targets.len() {
        match target::watch(&mut targets[at..], voice, &interrupts) {
            Waited::ToTheEnd => {
                for failure in targets[at].failures() {
                    voice.say(Weight::Warning, &failure);
                }
                if let Some(told) = targets[at].told() {
                    voice.say(Weight::Notice, &told);
                }
            }
            Waited::Until(signal) => {
                for target in &targets[at..] {
                    let what = target.going_on();
                    voice.say(Weight::Notice, &format!("not waiting any longer: {what}"));
                }
                return Err(Leave::DieOf(signal));
            }
        }
    }
    for one in sealed {
        if let Waited::Until(signal) = one.watch(demand, voice, &interrupts) {
            return Err(Leave::DieOf(signal));
        }
    }
    Ok(())
}

fn demand(args: &StopArgs) -> Result<Demand, String> {
    let parse = |option: &str, typed: &Option<String>| {
        let limit = typed.as_deref().map(str::parse::<Limit>).transpose();
        limit.map_err(|error| format!("{option}: {error}"))
    };
    let whole = parse("--stop-within", &args.stop_within)?
        .map(|whole| finite(whole).map(Wanted::within))
        .transpose()?;
    let grace = parse("--grace", &args.grace)?;
    let workers = args.workers.iter().map(|typed| {
        typed
            .parse()
            .map_err(|_| format!("--worker: '{typed}' is not a worker's number"))
    });
    Ok(Demand {
        rung: match (args.term, args.kill) {
            (_, true) => Rung::Kill,
            (true, false) => Rung::Term,
            (false, false) => Rung::Flag,
        },
        times: whole.unwrap_or(Wanted {
            grace,
            ..Wanted::NOTHING
        }),
        reason: Reason::parse(&args.reason).map_err(|error| format!("--reason: {error}"))?,
        workers: workers.collect::<Result<_, _>>()?,
    })
}

/// The runs that are meant.
#[derive(Default)]
struct Meant {
    runs: Vec<Run>,
    /// Those whose record cannot be read.
    sealed: Vec<Sealed>,
    /// Whether it is the one that we are a worker of.
    own: bool,
    /// What is wrong with others among all runs.
    unreadable: Vec<String>,
}

fn meant(args: &StopArgs) -> Result<Meant, Missing> {
    let mut meant = Meant::default();
    if args.all {
        (meant.runs, meant.unreadable) = runs::all()?;
        meant.sealed = runs::all_sealed();
        let sealed = &meant.sealed;
        let is_sealed = |what: &String| sealed.iter().any(|one| one.what == *what);
        meant.unreadable.retain(|what| !is_sealed(what));
        return Ok(meant);
    }
    for name in &args.names {
        match runs::named(name) {
            Ok(run) => meant.runs.push(run),
            Err(Missing::None(_)) if args.if_running => {}
            Err(Missing::Failed(what)) => match runs::sealed(name) {
                Some(sealed) => meant.sealed.push(sealed),
                None => return Err(Missing::Failed(what)),
            },
            Err(other @ (Missing::None(_) | Missing::Several(_))) => return Err(other),
        }
    }
    if args.names.is_empty() {
        let own = runs::own()?;
        meant.own = own.is_some();
        meant.runs.push(own.map_or_else(runs::only, Ok)?);
    }
    Ok(meant)
}

fn result(args: &StopArgs, targets: &[Target], no_wait: bool) -> Leave {
    let fates: Vec<Fate> = targets.iter().flat_map(Target::fates).collect();
    let any = |wanted| fates.iter().any(|fate| fate.outcome == wanted);
    if targets.iter().any(|target| target.problem.is_some()) || any(Outcome::NotEnded) {
        Leave::ONE
    } else if no_wait || !args.strict {
        Leave::OK
    } else if any(Outcome::Kill) {
        Leave::NEEDED_KILL
    } else if fates.iter().any(|fate| fate.failed_when_asked()) {
        Leave::FAILED_WHEN_ASKED
    } else if any(Outcome::Term) {
        Leave::NEEDED_TERM
    } else {
        Leave::OK
    }
}
