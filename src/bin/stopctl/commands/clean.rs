//! `stopctl clean`: removes what dead runs left, stopping their workers first.

use anyhow::bail;
use stopctl::contract::base::Base;
use stopctl::contract::run_dir::RunDir;
use stopctl::outside::leftovers::{Debris, Leftovers, Neglected, Obstacle, Unclear};
use stopctl::outside::rescue::{self, Care};
use stopctl::outside::stop::Stop;

use crate::cli::CleanArgs;
use crate::commands::waiting::wait;
use crate::commands::whose;
use crate::exit::Leave;
use crate::say::asking::{self, hearing};
use crate::say::letters::escaped;
use crate::say::voice::{Voice, Weight};
use crate::say::workers::counted;
use stopctl::linux::plain::plain;
use stopctl::outside::found::Run;

pub(crate) fn clean(args: &CleanArgs) -> Leave {
    if let Err(leave) = whose::act_as(args.whose.user.as_deref()) {
        return leave;
    }
    let mut voice = Voice::new(&args.voice);
    let base = match Base::find() {
        Ok(base) => base,
        Err(error) => return Leave::FAILED.saying(&error),
    };
    let Leftovers {
        runs,
        late,
        debris,
        unclear: doubts,
    } = match base.as_ref().map(Leftovers::find).transpose() {
        Ok(found) => found.unwrap_or_default(),
        Err(error) => return Leave::FAILED.saying(&plain(&error)),
    };
    let nothing = runs.is_empty() && late.is_empty() && debris.is_empty();
    if nothing && doubts.is_empty() {
        voice.say(Weight::Notice, "nothing to clean");
    }
    for doubt in &doubts {
        let why = unclear(doubt);
        voice.say(Weight::Error, &format!("left alone: {why}"));
    }
    let mut problems = doubts.len();
    if args.dry_run {
        foretell(runs, &late, &debris, &mut voice);
        problems += usize::from(!nothing);
    } else {
        problems += sweep(debris, &mut voice) + end(runs, late, &mut voice);
        // The process that should have removed it with the last run may have died before it could.
        base.iter().for_each(Base::remove_if_empty);
    }
    if problems == 0 { Leave::OK } else { Leave::ONE }
}

/// Says what would be done.
fn foretell(runs: Vec<Neglected>, late: &[RunDir], debris: &[Debris], voice: &mut Voice) {
    for Neglected { dir, is_past } in runs {
        let name = dir.name().to_owned();
        let there = match Run::open(dir) {
            Ok(Some(run)) if !is_past => run.still_there(),
            Err(unusable) if !is_past => {
                voice.say(Weight::Error, &format!("left alone: {unusable}"));
                continue;
            }
            Ok(_) | Err(_) => 0,
        };
        let what = if there == 0 {
            format!("would remove {name}")
        } else {
            let workers = counted(there, "worker");
            format!("would stop {workers} of {name} and remove it")
        };
        voice.say(Weight::Notice, &what);
    }
    for dir in late {
        let name = dir.name();
        let what =
            format!("would stop {name} if its supervisor, who is late, gives no sign of life");
        voice.say(Weight::Notice, &what);
    }
    for one in debris {
        let name = escaped(one.name());
        voice.say(Weight::Notice, &format!("would remove {name}"));
    }
}

/// Removes directories that nobody uses; answers how many could not be.
fn sweep(debris: Vec<Debris>, voice: &mut Voice) -> usize {
    let mut problems = 0;
    for one in debris {
        let name = escaped(one.name());
        match one.remove() {
            Ok(()) => voice.say(Weight::Notice, &format!("removed {name}")),
            Err(error) => {
                problems += 1;
                let what = format!("{name} cannot be removed: {}", plain(&error));
                voice.say(Weight::Error, &what);
            }
        }
    }
    problems
}

/// Ends the runs that nobody owns, or whose owner gives no sign of life; answers how many are not
/// over.
fn end(runs: Vec<Neglected>, late: Vec<RunDir>, voice: &mut Voice) -> usize {
    let mut problems = Vec::new();
    let mut stops = Vec::new();
    // All of them first, so that their ladders go on side by side.
    for Neglected { dir, is_past } in runs {
        let begun = if is_past {
            remove(&dir, voice).map(|()| None)
        } else {
            tend(dir, voice)
        };
        match begun {
            Ok(stop) => stops.extend(stop),
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    for dir in late {
        // If its record cannot be read any more, it has ended meanwhile, or is unclear next time.
        let run = Run::open(dir).ok().flatten();
        stops.extend(run.and_then(|run| Stop::of_silent(run, &mut hearing(voice))));
    }
    for stop in &mut stops {
        wait(stop, voice);
        let (name, what) = (stop.run().name(), asking::fates(stop));
        if let Some(problem) = stop.problem() {
            problems.push(asking::problem(stop.run(), problem));
        } else if stop.leaves_something() {
            problems.push(format!("{name} is still there: {what}"));
        } else {
            voice.say(Weight::Notice, &format!("cleaned {name}: {what}"));
        }
    }
    for problem in &problems {
        voice.say(Weight::Error, problem);
    }
    problems.len()
}

/// Removes a run of which nothing but its directory can be left.
fn remove(dir: &RunDir, voice: &mut Voice) -> anyhow::Result<()> {
    let name = dir.name().to_owned();
    match rescue::care_for(dir) {
        Care::Failed(why) => bail!("{name} cannot be removed: {why}"),
        Care::Unverifiable(why) => bail!("left alone: {name}: {why}"),
        Care::Removed | Care::Gone | Care::Owned(_) | Care::Mended => {
            let what = "its machine or container was restarted, nothing else was left";
            voice.say(Weight::Notice, &format!("cleaned {name}: {what}"));
            Ok(())
        }
    }
}

/// Sees to it that somebody ends a run; `None` if somebody else was quicker.
fn tend(dir: RunDir, voice: &mut Voice) -> anyhow::Result<Option<Stop<'static>>> {
    let (name, twin) = (dir.name().to_owned(), dir.twin());
    match Run::open(dir) {
        Ok(Some(run)) => Ok(Some(Stop::tend(run, &mut hearing(voice)))),
        Ok(None) if twin.is_ok_and(|dir| dir.is_there()) => {
            bail!("{name}: its record is missing")
        }
        Ok(None) => Ok(None),
        Err(unusable) => bail!("left alone: {unusable}"),
    }
}

/// Why a directory is left alone.
fn unclear(unclear: &Unclear) -> String {
    let name = escaped(&unclear.name);
    match &unclear.why {
        Obstacle::Dir(error) => format!("{name}: {}", plain(error)),
        Obstacle::Owner(pid, why) => {
            format!("{name}: its owner (pid {pid}) cannot be verified from here: {why}")
        }
        Obstacle::Unsigned => format!("{name}: its file 'owner' is missing or of another version"),
        Obstacle::Maker => format!("{name}: whoever makes it cannot be verified from here"),
    }
}
