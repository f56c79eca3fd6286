//! Whose the base directory must be, and what may stand in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::started::Ended;

#[test]
fn b13_whatever_is_not_a_directory_in_the_bases_place_is_refused() {
    let base = Base::new();
    let target = base.file("target");
    fs::create_dir(&target).expect("mkdir");
    let place = base.runs();
    for kind in ["link", "dangling", "file", "fifo", "socket"] {
        match kind {
            "link" => std::os::unix::fs::symlink(&target, place).expect("link"),
            "dangling" => std::os::unix::fs::symlink("/no/such", place).expect("link"),
            "file" => fs::write(place, "mine").expect("file"),
            "fifo" => nix::unistd::mkfifo(place, Mode::S_IRWXU).expect("fifo"),
            _ => drop(UnixListener::bind(place).expect("socket")),
        }
        for arguments in [
            &["run", "--name", "x", "--", "true"][..],
            &["stop", "x"],
            &["list"],
            &["status", "x"],
        ] {
            let answer = base.call(arguments);
            assert_ne!(
                answer.ended,
                Ended::Code(0),
                "B13 {kind} {arguments:?}: {answer:?}"
            );
        }
        base.call(&["run", "--", "true"])
            .expect(125)
            .says(place.to_str().expect("UTF-8"));
        assert_eq!(
            fs::read_dir(&target).expect("the target").count(),
            0,
            "B13 {kind}"
        );
        fs::remove_file(place).expect("the test's own");
    }
}

#[test]
fn b13_something_in_the_place_of_a_run_is_not_touched() {
    let base = Base::new();
    fs::create_dir(base.runs()).expect("mkdir");
    fs::set_permissions(base.runs(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let target = base.file("target");
    fs::create_dir(&target).expect("mkdir");
    let place = base.runs().join("x");
    for kind in ["link", "file", "fifo"] {
        match kind {
            "link" => std::os::unix::fs::symlink(&target, &place).expect("link"),
            "file" => fs::write(&place, "mine").expect("file"),
            _ => nix::unistd::mkfifo(&place, Mode::S_IRWXU).expect("fifo"),
        }
        base.call(&["run", "--name", "x", "--", "true"]).expect(125);
        base.call(&["list"]);
        let stop = base.call(&["stop", "x"]);
        assert_ne!(stop.ended, Ended::Code(0), "B13 {kind}: {stop:?}");
        assert!(fs::symlink_metadata(&place).is_ok(), "B13 {kind}: removed");
        assert_eq!(fs::read_dir(&target).expect("the target").count(), 0);
        fs::remove_file(&place).expect("the test's own");
    }
}

#[test]
fn b14_r7_a_base_of_another_user_or_writable_by_others_is_refused() {
    if lacks(Need::Root) {
        return;
    }
    for (owner, mode, names) in [
        (65534, 0o755, "65534"),
        (0, 0o777, "STOPCTL_DIR"),
        (0, 0o775, "STOPCTL_DIR"),
        (0, 0o1777, "STOPCTL_DIR"),
    ] {
        let base = Base::new();
        fs::create_dir(base.runs()).expect("mkdir");
        fs::set_permissions(base.runs(), fs::Permissions::from_mode(mode)).expect("chmod");
        std::os::unix::fs::chown(base.runs(), Some(owner), None).expect("chown");
        base.call(&["run", "--", "true"])
            .expect(125)
            .says(names)
            .says("STOPCTL_DIR");
    }
}

#[test]
fn only_the_last_component_of_the_base_is_created() {
    let base = Base::new();
    let deep = base.file("missing/deeper");
    let base = base.with_runs_at(deep);
    base.call(&["run", "--", "true"])
        .expect(125)
        .says("missing");
    assert!(!base.file("missing").exists());
}

#[test]
fn a_base_of_our_own_is_never_removed() {
    let base = Base::new();
    base.call(&["run", "--", "true"]).expect(0);
    assert!(base.runs().is_dir());
}
