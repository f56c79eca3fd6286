//! `stopctl clean`: removes what dead runs left, stopping their workers first.

use stopctl::contract::base::Base;
use stopctl::contract::run_dir::RunDir;
use stopctl::outside::leftovers::{self, Debris, Leftovers, Neglected};
use stopctl::outside::rescue::{self, Care};

use crate::cli::CleanArgs;
use crate::exit::Leave;
use crate::runs::{Missing, NotFound, Run};
use crate::say::workers::counted;
use crate::target::Target;
use crate::voice::{Voice, Weight};

pub(crate) fn clean(args: &CleanArgs) -> Leave {
    let mut voice = Voice::new(&args.voice);
    let base = match Base::find() {
        Ok(base) => base,
        Err(error) => return Leave::FAILED.saying(&error),
    };
    let Leftovers {
        runs,
        late,
        debris,
        unclear,
    } = match base.as_ref().map(Leftovers::find).transpose() {
        Ok(found) => found.unwrap_or_default(),
        Err(error) => return Leave::FAILED.saying(&error),
    };
    let nothing = runs.is_empty() && late.is_empty() && debris.is_empty();
    if nothing && unclear.is_empty() {
        voice.say(Weight::Notice, "nothing to clean");
    }
    for problem in &unclear {
        voice.say(Weight::Error, &format!("left alone: {problem}"));
    }
    let mut problems = unclear.len();
    if args.dry_run {
        foretell(runs, &late, &debris, &mut voice);
        problems += usize::from(!nothing);
    } else {
        problems += sweep(debris, &mut voice) + end(runs, late, &mut voice);
        // Whoever was to remove it with the last run may have died just before.
        base.iter().for_each(Base::remove_if_empty);
    }
    if problems == 0 { Leave::OK } else { Leave::ONE }
}

/// Says what would be done.
fn foretell(runs: Vec<Neglected>, late: &[RunDir], debris: &[Debris], voice: &mut Voice) {
    for Neglected { dir, is_past } in runs {
        let name = dir.name().to_owned();
        let there = match Run::open(dir) {
            Ok(Some(run)) if !is_past => leftovers::still_there(&run.record, &run.seen),
            Err(Missing::Failed(what)) if !is_past => {
                voice.say(Weight::Error, &format!("left alone: {what}"));
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
        voice.say(Weight::Notice, &format!("would remove {}", one.name()));
    }
}

/// Removes directories that nobody uses; answers how many could not be.
fn sweep(debris: Vec<Debris>, voice: &mut Voice) -> usize {
    let mut problems = 0;
    for one in debris {
        let name = one.name().to_owned();
        match one.remove() {
            Ok(()) => voice.say(Weight::Notice, &format!("removed {name}")),
            Err(error) => {
                problems += 1;
                voice.say(Weight::Error, &format!("{name} cannot be removed: {error}"));
            }
        }
    }
    problems
}

/// Ends the runs that nobody owns, or whose owner gives no sign of life; answers how many are not
/// over.
fn end(runs: Vec<Neglected>, late: Vec<RunDir>, voice: &mut Voice) -> usize {
    let mut problems = Vec::new();
    let mut targets = Vec::new();
    // All of them first, so that their ladders go on side by side.
    for Neglected { dir, is_past } in runs {
        let name = dir.name().to_owned();
        if is_past {
            match rescue::care_for(&dir) {
                Care::Failed(why) => problems.push(format!("{name} cannot be removed: {why}")),
                Care::Unverifiable(why) => problems.push(format!("left alone: {name}: {why}")),
                Care::Removed | Care::Gone | Care::Owned(_) | Care::Mended => {
                    let what = "its machine or container was restarted, nothing else was left";
                    voice.say(Weight::Notice, &format!("cleaned {name}: {what}"));
                }
            }
            continue;
        }
        let twin = dir.twin();
        match Run::open(dir) {
            Ok(Some(run)) => targets.push(Target::tend(run, voice)),
            Ok(None) if twin.is_ok_and(|dir| dir.is_there()) => {
                problems.push(format!("{name}: its record is missing"));
            }
            // Somebody else was quicker.
            Ok(None) => {}
            Err(
                Missing::Failed(what)
                | Missing::Several(what)
                | Missing::None(NotFound { what, .. }),
            ) => problems.push(format!("left alone: {what}")),
        }
    }
    for dir in late {
        // One that cannot be read any more has ended meanwhile, or is told of as unclear next time.
        let run = Run::open(dir).ok().flatten();
        targets.extend(run.and_then(|run| Target::of_silent(run, voice)));
    }
    for target in &mut targets {
        target.wait(voice);
        let (name, what) = (&target.run.name, target.fates_in_words());
        if let Some(problem) = &target.problem {
            problems.push(problem.clone());
        } else if target.leaves_something() {
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
