//! Before a run begins: takes care of what dead runs left, and waits for the name that it wants if a dead
//! run has it.

use stopctl::contract::base::Base;
use stopctl::contract::run_dir::RunDir;
use stopctl::contract::standing::Standing;
use stopctl::outside::leftovers::{Leftovers, Neglected};
use stopctl::outside::rescue::{self, Care};
use stopctl::outside::stop::Stop;
use stopctl::words::name::RunName;

use crate::commands::waiting::wait;
use crate::say::asking::hearing;
use crate::say::voice::{Voice, Weight};
use crate::say::workers::counted;
use stopctl::outside::found::Run;

/// Hands every run that nobody owns to a process that ends it, and removes what nobody uses; then
/// waits for `wanted` if that is the name of such a run. Whatever fails here is for `clean` to tell:
/// no run is kept from its start by another.
pub(super) fn tidy(wanted: Option<&RunName>, voice: &mut Voice) {
    let Ok(Some(base)) = Base::find() else {
        return;
    };
    let Ok(left) = Leftovers::find(&base) else {
        return;
    };
    for one in left.debris {
        // Somebody else may be removing it at this moment.
        let _ = one.remove();
    }
    for run in left.runs {
        hand_over(&run, voice);
    }
    if let Some(name) = wanted {
        let has_name = |dir: &RunDir| dir.name() == name.as_str();
        if let Some(late) = left.late.into_iter().find(has_name) {
            let run = Run::open(late).ok().flatten();
            // What became of it is seen below.
            let _ = run.and_then(|run| Stop::of_silent(run, &mut hearing(voice)));
        }
        wait_for(&base, name, voice);
    }
}

fn hand_over(run: &Neglected, voice: &mut Voice) {
    let name = run.dir.name().to_owned();
    // Counted first: a worker may be gone at once.
    let there = match run.dir.twin().map(Run::open) {
        Ok(Ok(Some(open))) if !run.is_past => open.still_there(),
        _ if run.is_past => 0,
        // Nobody knows its workers: `clean` names it.
        Ok(_) | Err(_) => return,
    };
    let what = match rescue::care_for(&run.dir) {
        Care::Owned(_) if there == 0 => "cleaning up".to_owned(),
        Care::Owned(_) => format!("stopping its {}", counted(there, "worker")),
        Care::Removed => "its machine or container was restarted, so it is removed".to_owned(),
        Care::Failed(why) => format!("it cannot be taken over: {why}"),
        Care::Gone | Care::Mended | Care::Unverifiable(_) => return,
    };
    voice.say(
        Weight::Notice,
        &format!("run '{name}' was left by its dead supervisor: {what}"),
    );
}

/// Waits until the run of this name is gone, if its supervisor is dead and somebody ends it. A
/// signal ends the wait and us with it: no worker was started yet.
fn wait_for(base: &Base, name: &RunName, voice: &mut Voice) {
    let Ok(Some(dir)) = RunDir::open(base, name) else {
        return;
    };
    let Ok(Some(run)) = Run::open(dir) else {
        return;
    };
    let taken_over = match Standing::of(run.dir()) {
        Standing::Owned(owned) => owned.owner.pid != run.seen().run.pid,
        Standing::Changing => true,
        Standing::Orphaned(_) | Standing::Unverifiable(_) | Standing::Unreadable => false,
    };
    if !taken_over {
        return;
    }
    voice.say(
        Weight::Notice,
        &format!("waiting until nothing is left of the run '{name}' whose supervisor died"),
    );
    wait(&mut Stop::of(run), voice);
}
