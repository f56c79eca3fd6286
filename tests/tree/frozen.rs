//! Those who are frozen.

use nix::sys::signal::Signal;

use crate::modes::{Group, Mode, group_of, own};
use crate::support::base::Base;
use crate::support::need::{Need, lacks, missing};
use crate::support::started::Ended;
use crate::support::until::until;

#[test]
fn d7_a_worker_whose_own_group_is_frozen_is_thawed_and_leaves_by_itself() {
    if Mode::Cgroup.is_missing() {
        return;
    }
    let name = own("frozen");
    let base = Base::new();
    let run = Mode::Cgroup
        .scenario(&base)
        .name(&name)
        .times("30s", "10s")
        .zoo(&["polite"])
        .start();
    run.ready(1);
    let group = group_of(&name).expect("its group").join("0");
    std::fs::write(group.join("cgroup.freeze"), "1").expect("freeze");
    let is_frozen = || {
        let events = std::fs::read_to_string(group.join("cgroup.events"));
        events.is_ok_and(|events| events.contains("frozen 1"))
    };
    until("frozen", is_frozen);
    base.call(&["stop", &name]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "D7");
    assert!(group_of(&name).is_none(), "D7: it was removed");
}

#[test]
fn d7_a_worker_in_a_frozen_group_of_somebody_else_is_killed() {
    if lacks(Need::Root) {
        return;
    }
    let Some(frozen) = Group::new("cold") else {
        return missing("control groups of version 2 that can be made");
    };
    let base = Base::new();
    let run = base
        .scenario()
        .name("cold")
        .times("100ms", "100ms")
        .options(&["--cgroup", "off"])
        .zoo(&["polite"])
        .start();
    frozen.add(run.ready(1)[0]);
    frozen.set("cgroup.freeze", "1");
    until("frozen", || frozen.says("cgroup.events", "frozen 1"));
    base.call(&["stop", "cold"]).expect(0);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"], "D7");
}

#[test]
fn d8_what_is_frozen_by_version_1_is_named_with_its_state_and_ended_later() {
    if lacks(Need::Root) {
        return;
    }
    let Some(frozen) = Group::of_version_1("freezer", "ice") else {
        return missing("the freezer of version 1");
    };
    let base = Base::new();
    let run = base
        .scenario()
        .name("ice")
        .workers(2)
        .options(&["--stop-within", "1s"])
        .zoo(&["polite"])
        .start();
    let pids = run.ready(2);
    frozen.add(pids[0]);
    frozen.set("freezer.state", "FROZEN");
    until("frozen", || frozen.says("freezer.state", "FROZEN"));
    run.signal(Signal::SIGTERM);
    // It holds our pipes, so it is thawed before the end of them is waited for.
    let said = run.wait_for("is still there after SIGKILL");
    assert_eq!(run.wait_for_exit(), Ended::Code(120), "D8");
    assert!(
        said.text
            .contains(&format!("pid {} (zoo, uid 0, state D, in ", pids[0])),
        "{said:?}"
    );
    base.call(&["list"]).expect(0);
    base.call(&["stop", "ice"])
        .expect(1)
        .says("could not be ended");
    frozen.set("freezer.state", "THAWED");
    base.call(&["stop", "ice"]).expect(0);
    // Whoever became the parent of the worker may take its time.
    let end = run.finish_unchecked();
    assert_eq!(end.events.outcomes(), ["not_ended", "flag"], "D8");
}
