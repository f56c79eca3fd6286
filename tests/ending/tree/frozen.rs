//! Those who are frozen.

use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::modes::{Group, Mode, group_of, own};
use crate::support::base::Base;
use crate::support::need::{Need, lacks, missing};
use crate::support::started::{Ended, Started};
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

/// A run of this name whose supervisor is frozen, and its worker is not; and the group that it is in.
fn with_frozen_supervisor(base: &Base, name: &str, grace: &str) -> Option<(Started, Group)> {
    if lacks(Need::Root) {
        return None;
    }
    let Some(group) = Group::new(name) else {
        missing("control groups of version 2 that can be made");
        return None;
    };
    let run = base
        .scenario()
        .name(name)
        .times(grace, "30s")
        .options(&["--cgroup", "off"])
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    group.add(run.pid());
    Some((run, group))
}

fn freeze(group: &Group) {
    group.set("cgroup.freeze", "1");
    until("frozen", || group.says("cgroup.events", "frozen 1"));
}

#[test]
fn k6h_a_frozen_supervisor_is_taken_over_from_and_only_reaps_when_it_is_thawed() {
    let base = Base::new();
    let Some((run, group)) = with_frozen_supervisor(&base, "icy", "100ms") else {
        return;
    };
    freeze(&group);
    let stop = base.begin(&["stop", "icy"]);
    stop.wait_for("is frozen or hangs): taking over");
    run.wait_for("signal 15");
    base.call(&["stop", "icy", "--kill"]).expect(0);
    stop.finish().expect(0).says("1 not observed");
    group.set("cgroup.freeze", "0");
    run.wait_for("took over: this one only waits for its workers now");
    let end = run.finish_unchecked();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["unobserved"]);
    assert!(end.events.of("flag_raised").is_empty(), "{:#?}", end.events);
}

#[test]
fn k6h_without_waiting_a_frozen_supervisor_is_found_out_too() {
    let base = Base::new();
    let Some((run, group)) = with_frozen_supervisor(&base, "icy2", "100ms") else {
        return;
    };
    freeze(&group);
    base.call(&["stop", "--no-wait", "icy2"])
        .expect(0)
        .says("taking over");
    run.wait_for("signal 15");
    base.call(&["stop", "icy2", "--kill"]).expect(0);
    group.set("cgroup.freeze", "0");
    run.finish_unchecked();
}

#[test]
fn k3c_a_supervisor_that_does_not_put_back_its_fifo_is_taken_over_from() {
    let base = Base::new();
    let Some((run, group)) = with_frozen_supervisor(&base, "icy6", "100ms") else {
        return;
    };
    freeze(&group);
    std::fs::remove_file(base.runs().join("icy6/control")).expect("remove");
    let stop = base.begin(&["stop", "icy6"]);
    stop.wait_for("has not put back its file 'control'");
    run.wait_for("signal 15");
    base.call(&["stop", "icy6", "--kill"]).expect(0);
    stop.finish().expect(0);
    group.set("cgroup.freeze", "0");
    run.finish_unchecked().expect(137);
}

#[test]
fn k6i_clean_and_a_run_of_the_name_find_out_who_has_missed_a_deadline() {
    for (name, arguments) in [
        ("icy3", &["clean"][..]),
        ("icy4", &["run", "--name", "icy4", "--", "true"]),
    ] {
        let base = Base::new();
        let Some((run, group)) = with_frozen_supervisor(&base, name, "3s") else {
            return;
        };
        base.call(&["stop", "--no-wait", name]).expect(0);
        run.wait_for("flag 1");
        freeze(&group);
        // Its deadline has not come: nobody can say anything against it.
        base.call(&["clean"]).expect(0).says("nothing to clean");
        until("its deadline is over", || {
            let is_late = base.call(&["clean", "--dry-run"]);
            is_late.err.contains("gives no sign of life")
        });
        let started = base.begin(arguments);
        started.wait_for("is frozen or hangs): taking over");
        run.wait_for("signal 15");
        base.call(&["stop", name, "--kill"]).expect(0);
        started.finish().expect(0);
        group.set("cgroup.freeze", "0");
        run.finish_unchecked().expect(137);
    }
}

#[test]
fn k6i_whoever_is_late_and_gives_a_sign_of_life_stays_the_owner() {
    let base = Base::new();
    let Some((run, group)) = with_frozen_supervisor(&base, "icy5", "2s") else {
        return;
    };
    base.call(&["stop", "--no-wait", "icy5"]).expect(0);
    run.wait_for("flag 1");
    freeze(&group);
    until("its deadline is over", || {
        let is_late = base.call(&["clean", "--dry-run"]);
        is_late.err.contains("gives no sign of life")
    });
    let clean = base.begin(&["clean"]);
    // It is asked for a sign of life, and thawed in time.
    until("it is asked", || {
        let control = std::fs::File::options()
            .read(true)
            .write(true)
            .open(base.runs().join("icy5/control"));
        let control = control.expect("control");
        let mut fds = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO) == Ok(1)
    });
    group.set("cgroup.freeze", "0");
    clean.finish().expect(0);
    run.wait_for("signal 15");
    base.call(&["stop", "icy5", "--kill"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["kill"]);
}
