//! `stopctl stop`: asks runs to stop, and waits until they have.

use anyhow::{Context as _, anyhow};
use stopctl::decide::ladder::Rung;
use stopctl::decide::outcome::Outcome;
use stopctl::decide::times::Wanted;
use stopctl::linux::interrupts::Interrupts;
use stopctl::linux::plain::plain;
use stopctl::outside::fate::Fate;
use stopctl::outside::find::{self, Absent, FindError, Missing};
use stopctl::outside::found::{Run, Unusable};
use stopctl::outside::sealed::Sealed;
use stopctl::outside::stop::{Demand, Stop, hand_over};
use stopctl::words::duration::Limit;
use stopctl::words::pid::Pid;
use stopctl::words::reason::Reason;

use crate::cli::StopArgs;
use crate::commands::run::finite;
use crate::commands::waiting::{Waited, watch};
use crate::commands::whose;
use crate::exit::Leave;
use crate::say::asking::{self, hearing};
use crate::say::found::{self, Typed};
use crate::say::voice::{Voice, Weight};
use crate::say::workers::missing;
use crate::show;
use crate::show::json;
use crate::show::screen::heed;

pub(crate) fn stop(args: &StopArgs) -> Leave {
    let demand = match demand(args) {
        Ok(demand) => demand,
        Err(problem) => return Leave::USAGE.mistaken("stop", &format_args!("{problem:#}")),
    };
    let typed = Typed {
        command: "stop",
        user: args.whose.user.as_deref(),
    };
    if let Err(leave) = whose::act_as(typed.user) {
        return leave;
    }
    // All names are looked up before any flag is raised.
    let Meant {
        runs,
        mut sealed,
        own,
        unreadable,
    } = match meant(args) {
        Ok(found) => found,
        Err(Missing::Absent(absent)) => {
            if args.json {
                let _ = show::out(&json::document(&[]));
            }
            if args.if_running {
                return Leave::OK;
            }
            return Leave::NO_RUN.saying(&found::absent(&absent, &typed, "; nothing was stopped"));
        }
        Err(Missing::Several(several)) => {
            let what = found::several(&several, typed.user);
            return Leave::USAGE.saying(&format_args!("{what}\nnothing was stopped"));
        }
        Err(Missing::Failed(error)) => return Leave::FAILED.saying(&error),
    };
    if let Some(problem) = runs.iter().find_map(|run| missing_worker(run, &demand)) {
        return Leave::USAGE.saying(&problem);
    }
    let supervisors: Vec<Pid> = runs.iter().map(|run| run.seen().run.pid).collect();
    let mut voice = Voice::with_picture(&args.voice, &supervisors);
    if args.all && runs.is_empty() && sealed.is_empty() && unreadable.is_empty() {
        let none = found::absent(&Absent::Any, &typed, "; nothing was stopped");
        voice.say(Weight::Notice, &none);
    }
    let mut stops: Vec<Stop> = runs
        .into_iter()
        .map(|run| Stop::ask(run, &demand, &mut hearing(&mut voice)))
        .collect();
    for one in &mut sealed {
        voice.say(Weight::Warning, &asking::asked_all_the_same(one));
        let warnings = one.ask(&demand);
        warn(one, &warnings, &mut voice);
    }
    let no_wait = args.no_wait || own;
    if no_wait {
        hand_over(&mut stops, &mut hearing(&mut voice));
    } else if let Err(leave) = wait(&mut stops, (&mut sealed, &demand), &mut voice) {
        return leave;
    }
    for one in &stops {
        if let Some(problem) = one.problem() {
            voice.say(Weight::Error, &asking::problem(one.run(), problem));
        }
    }
    for one in &sealed {
        if let Some(problem) = one.problem() {
            let what = asking::sealed_problem(one.name(), problem);
            voice.say(Weight::Error, &what);
        }
    }
    for one in &unreadable {
        voice.say(Weight::Error, &one.to_string());
    }
    let is_left = sealed.iter().any(|one| one.problem().is_some()) || !unreadable.is_empty();
    let leave = match result(args, &stops, no_wait) {
        Leave::OK if is_left => Leave::ONE,
        leave @ (Leave::With(_) | Leave::DieOf(_)) => leave,
    };
    if args.json {
        let runs: Vec<Run> = stops.into_iter().map(Stop::into_run).collect();
        let printed = show::out(&json::document(&runs));
        if printed != Leave::OK {
            return printed;
        }
    }
    leave
}

/// That a run has not one of the workers that were named.
fn missing_worker(run: &Run, demand: &Demand) -> Option<String> {
    let count = run.seen().run.workers;
    let absent = demand.workers.iter().find(|worker| worker.get() >= count)?;
    let what = missing(run.name(), &absent.to_string(), count);
    Some(format!("{what}; nothing was stopped"))
}

fn warn(sealed: &Sealed, warnings: &[String], voice: &mut Voice) {
    for warning in warnings {
        voice.say(Weight::Warning, &format!("{}: {warning}", sealed.name()));
    }
}

/// Waits for one after the other; their ladders go on side by side.
fn wait(
    stops: &mut [Stop],
    (sealed, demand): (&mut [Sealed], &Demand),
    voice: &mut Voice,
) -> Result<(), Leave> {
    let interrupts = Interrupts::install().map_err(|error| Leave::FAILED.saying(&plain(&error)))?;
    for at in 0..stops.len() {
        match watch(&mut stops[at..], voice, &interrupts) {
            Waited::ToTheEnd => tell_the_end(&stops[at], voice),
            Waited::Until(signal) => {
                for stop in &stops[at..] {
                    let what = asking::going_on(stop);
                    voice.say(Weight::Notice, &format!("not waiting any longer: {what}"));
                }
                return Err(Leave::DieOf(signal));
            }
        }
    }
    for one in sealed {
        loop {
            if let Some(signal) = heed(&interrupts, voice.screen()) {
                return Err(Leave::DieOf(signal));
            }
            let Some(warnings) = one.wait(demand) else {
                break;
            };
            warn(one, &warnings, voice);
        }
        if one.problem().is_none() && one.is_gone() {
            voice.say(Weight::Notice, &format!("{} is over", one.name()));
        }
    }
    Ok(())
}

fn tell_the_end(stop: &Stop<'_>, voice: &mut Voice) {
    for failure in asking::failures(stop) {
        voice.say(Weight::Warning, &failure);
    }
    if let Some(told) = asking::end(stop) {
        voice.say(Weight::Notice, &told);
    }
}

fn demand(args: &StopArgs) -> anyhow::Result<Demand> {
    let parse = |option: &'static str, typed: &Option<String>| {
        let limit = typed.as_deref().map(str::parse::<Limit>).transpose();
        limit.context(option)
    };
    let whole = parse("--stop-within", &args.stop_within)?
        .map(|whole| finite("--stop-within", whole).map(Wanted::within))
        .transpose()?;
    let grace = parse("--grace", &args.grace)?;
    let workers = args.workers.iter().map(|typed| {
        typed
            .parse()
            .map_err(|_| anyhow!("--worker: '{typed}' is not a worker's number"))
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
        reason: Reason::parse(&args.reason).context("--reason")?,
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
    /// Those among all runs that cannot be opened.
    unreadable: Vec<Unusable>,
}

fn meant(args: &StopArgs) -> Result<Meant, Missing> {
    let mut meant = Meant::default();
    if args.all {
        let (runs, unusable) = find::all()?;
        meant.runs = runs;
        for one in unusable {
            match Sealed::try_from(one) {
                Ok(sealed) => meant.sealed.push(sealed),
                Err(unusable) => meant.unreadable.push(unusable),
            }
        }
        return Ok(meant);
    }
    for name in &args.names {
        match find::named(name) {
            Ok(run) => meant.runs.push(run),
            Err(Missing::Absent(_)) if args.if_running => {}
            Err(Missing::Failed(FindError::Run(unusable))) => {
                meant.sealed.push(Sealed::try_from(unusable)?);
            }
            Err(other @ (Missing::Absent(_) | Missing::Several(_) | Missing::Failed(_))) => {
                return Err(other);
            }
        }
    }
    if args.names.is_empty() {
        let own = whose::own(args.whose.user.as_deref())?;
        meant.own = own.is_some();
        meant.runs.push(own.map_or_else(find::only, Ok)?);
    }
    Ok(meant)
}

fn result(args: &StopArgs, stops: &[Stop], no_wait: bool) -> Leave {
    let fates: Vec<Fate> = stops.iter().flat_map(Stop::fates).collect();
    let any = |wanted| fates.iter().any(|fate| fate.outcome == wanted);
    if stops.iter().any(|stop| stop.problem().is_some()) || any(Outcome::NotEnded) {
        Leave::ONE
    } else if no_wait || !args.strict {
        Leave::OK
    } else if any(Outcome::Kill) {
        Leave::NEEDED_KILL
    } else if fates.iter().any(Fate::failed_when_asked) {
        Leave::FAILED_WHEN_ASKED
    } else if any(Outcome::Term) {
        Leave::NEEDED_TERM
    } else {
        Leave::OK
    }
}
