//! As a job of Slurm, with the batch scripts of man/engines.

use crate::beside::{Engine, Seen};
use crate::committed;

/// Counts, and writes how far it came when it is asked to stop: whole, for it is renamed, and in a
/// time in which a killer would come between. Begins where an earlier start of the job came to.
const WORK: &str = r#"mine=checkpoint.$(hostname).$STOPCTL_WORKER
step=0
[ ! -e "$mine" ] || read -r step <"$mine"
echo "ready $(hostname) at $step"
while stopctl sleep 50ms; do step=$((step + 1)); done
read -r level reason rest <"$STOPCTL_FLAG"
printf %s "$step" >"$mine.new"
sleep 1
echo >>"$mine.new"
mv "$mine.new" "$mine"
echo "wrote $(hostname) $reason $step""#;

/// Runs a script with `stopctl` on the PATH, and in the current directory `./work` and the recipe
/// `job`. `out` is what the job has printed.
fn run(recipe: &str, script: &str) -> Option<Seen> {
    run_with(recipe, script, WORK)
}

/// The same with another text than [`WORK`].
fn run_with(recipe: &str, script: &str, work: &str) -> Option<Seen> {
    let recipe = committed::read(&format!("man/engines/{recipe}"));
    let before = r#"mkdir -p /run/job/bin
cd /run/job
cp "$STOPCTL" bin/stopctl
export PATH=$PWD/bin:$PATH
printf '%s' "$1" >job
printf '#!/bin/sh\n%s\n' "$2" >work
chmod 755 work
: >out
lines() { [ "$(grep -c "^$2" out)" = "$1" ]; }
state() { scontrol show job "$1" | tr ' ' '\n' | sed -n 's/^JobState=//p'; }
is() { [ "$(state "$1")" = "$2" ]; }
# What was written last by each, and what is there to go on from.
checkpoints() { echo "there=$(cat checkpoint.*.? | sort | tr '\n' ' ')"; ls; }
written() { sed -n 's/^wrote [^ ]* [^ ]* //p' out | sort | tr '\n' ' '; }
"#;
    Engine::Slurm.run(&format!("{before}{script}"), &[&recipe, work])
}

#[test]
fn scancel_reaches_shielded_workers_on_both_nodes_as_a_flag() {
    let script = r#"id=$(sbatch --parsable -o out job)
    until_true lines 2 ready
    scancel "$id"
    until_true is "$id" CANCELLED
    until_true lines 2 wrote
    checkpoints
    echo "written=$(written)"
    cat out"#;
    let Some(seen) = run("two-nodes.sbatch", script) else {
        return;
    };
    seen.says("ready n1 at 0", 1).says("ready n2 at 0", 1);
    seen.says("wrote n1 term ", 1).says("wrote n2 term ", 1);
    seen.is("there", seen.fact("written")).says(".new", 0);
    seen.says("is over after ", 2)
        .says("1 left when asked (worker 0)", 2);
}

#[test]
fn a_stop_by_hand_on_both_nodes_has_the_reason_that_was_given() {
    let script = r#"id=$(sbatch --parsable -o out job)
    until_true lines 2 ready
    srun --overlap --jobid "$id" stopctl stop --reason maintenance --no-wait "work-$id"
    until_true is "$id" FAILED
    cat out"#;
    let Some(seen) = run("two-nodes.sbatch", script) else {
        return;
    };
    seen.says("wrote n1 maintenance ", 1)
        .says("wrote n2 maintenance ", 1);
}

#[test]
fn a_preempted_job_is_queued_again_and_goes_on_from_where_it_was() {
    let script = r#"id=$(sbatch --parsable -o out job)
    until_true lines 2 ready
    sleep 1
    sbatch -Q -p urgent --nodes=2 --exclusive -o urgent --wrap 'echo urgent; sleep 1'
    until_true grep urgent urgent
    until_true lines 2 wrote
    checkpoints
    echo "written=$(written)"
    until_true is "$id" PENDING
    # Slurm leaves two minutes between a requeue and the next start.
    scontrol update "JobId=$id" StartTime=now
    until_true lines 4 ready
    echo "again=$(sed -n 's/^ready .* at //p' out | tail -n 2 | sort | tr '\n' ' ')"
    scancel "$id"
    until_true lines 4 wrote
    cat out"#;
    let Some(seen) = run("two-nodes.sbatch", script) else {
        return;
    };
    assert!(
        !seen.fact("written").split(' ').any(|step| step == "0"),
        "{seen}"
    );
    seen.is("there", seen.fact("written"))
        .is("again", seen.fact("written"));
    seen.says("wrote n1 term ", 2).says("wrote n2 term ", 2);
    seen.says(".new", 0).says("needed", 0);
}

#[test]
fn a_time_limit_comes_early_enough_and_has_a_reason_of_its_own() {
    // Slurm looks at limits twice a minute, and sends the signal up to a minute early.
    let script = r#"id=$(sbatch --parsable -o out --time=1 --signal=B:HUP@20 job)
    until_true lines 2 ready
    # Longer than one patience.
    (until_true lines 2 wrote) 2>/dev/null || (until_true lines 2 wrote) 2>/dev/null
    until_true lines 2 wrote
    until_true is "$id" FAILED
    scontrol show job "$id"
    checkpoints
    echo "written=$(written)"
    cat out"#;
    let Some(seen) = run("one-node.sbatch", script) else {
        return;
    };
    seen.says("wrote n1 hangup ", 2)
        .says("2 left when asked (workers 0, 1)", 1);
    seen.is("there", seen.fact("written")).says(".new", 0);
}

#[test]
fn ranks_on_both_nodes_leave_after_the_same_step_when_one_node_is_stopped() {
    let ranks = committed::read("clients/python/examples/ranks.py");
    let script = r#"printf '%s' "$2" >ranks.py
    stopctl client python >stopctl.py
    id=$(sbatch --parsable -o out job)
    until_true lines 4 'rank . works'
    srun --overlap --jobid "$id" -w n2 stopctl stop --no-wait "ranks-$id"
    until_true is "$id" COMPLETED
    echo "steps=$(sed -n 's/^rank . left at step //p' out | uniq -c)"
    cat out"#;
    let Some(seen) = run_with("ranks.sbatch", script, &ranks) else {
        return;
    };
    // Four ranks, and one step.
    seen.says("steps=      4 ", 1).says("needed", 0);
    seen.says("left at step", 4);
}

#[test]
fn without_a_shield_workers_die_of_slurms_own_signal_and_it_is_said_once() {
    let script = r#"sed -i 's/ --shield//' job
    id=$(sbatch --parsable -o out job)
    until_true lines 2 ready
    scancel "$id"
    until_true is "$id" CANCELLED
    until_true grep 'is over' out
    cat out"#;
    let Some(seen) = run("one-node.sbatch", script) else {
        return;
    };
    seen.says("was killed by SIGTERM, and not by stopctl", 2);
    seen.says("(Slurm signals every process of a step: use --shield)", 1);
}
