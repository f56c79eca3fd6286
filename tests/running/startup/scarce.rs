//! When the system refuses: processes, descriptors, clones, and a control group that is frozen.

use std::fs;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::started::Ended;
use crate::support::until::until;

/// A uid without any process of its own, for limits that count processes.
const LONELY: u32 = 61_001;

#[test]
fn a7_when_processes_run_out_the_error_is_clear_and_the_started_ones_are_stopped() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::new().for_every_user();
    fs::create_dir(base.runs()).expect("the base");
    std::os::unix::fs::chown(base.runs(), Some(LONELY), Some(LONELY)).expect("chown");
    for limit in [1, 3] {
        let run = base
            .scenario()
            .without_events()
            .workers(5)
            .through(&format!(
                r#"exec setpriv --reuid={LONELY} --regid={LONELY} --clear-groups bash -c 'ulimit -u {limit}; exec "$@"' bash "$@""#
            ))
            .zoo(&["polite"])
            .start();
        let end = run.finish();
        end.expect(125);
        assert!(!end.err().is_empty(), "A7");
        base.check();
    }
}

#[test]
fn a8_with_few_descriptors_a_run_works_or_fails_cleanly() {
    let base = Base::new();
    let mut worked = false;
    for limit in 5..=24 {
        let run = base
            .scenario()
            .without_events()
            .through(&format!(r#"ulimit -n {limit}; exec "$@""#))
            .sh("exit 7")
            .start();
        let end = run.finish();
        match end.ended {
            Ended::Code(7) => worked = true,
            // Below this the loader itself finds no descriptor for the C library.
            Ended::Code(125 | 127) => {
                assert!(!end.err().is_empty(), "A8 with {limit}: silent");
                assert!(!worked, "A8: fewer were enough, {limit} were not");
            }
            other @ (Ended::Code(_) | Ended::Signal(_)) => {
                panic!("A8 with {limit}: {other:?}\n{}", end.err())
            }
        }
        base.check();
    }
    assert!(worked, "A8: 24 descriptors are enough");
}

#[test]
fn a8_the_limit_of_descriptors_is_restored_in_workers() {
    let base = Base::new();
    // Too few for so many workers: the supervisor raises it for itself, as the first word shows.
    let run = base
        .scenario()
        .workers(12)
        .through(r#"ulimit -Sn 30; exec "$@""#)
        .sh(r#"echo $(awk "/open files/ { print (\$4 > 30) }" /proc/$PPID/limits) $(ulimit -Sn)"#)
        .start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.out().lines().collect::<Vec<_>>(), ["1 30"; 12], "A8");
}

#[test]
fn a8_many_workers_need_no_descriptor_each() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("frugal")
        .without_events()
        .workers(100)
        .through(r#"ulimit -n 40; exec "$@""#)
        .sh(r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
            while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.2; done"#)
        .start();
    let started = run.wait_for("");
    if started.text.contains("ready") {
        run.wait_for_each("ready", 99);
        base.call(&["stop", "frugal"]).expect(0);
        run.finish().expect(0);
    } else {
        // Refused: then it says so, and nothing runs on.
        run.finish().expect(125);
    }
}

#[test]
fn a10_when_a_clone_fails_the_error_is_clear_and_the_started_ones_are_stopped() {
    if lacks(Need::Trace) {
        return;
    }
    // The first is for who writes the events, the third the guard's: without them the run goes on.
    for (error, nth, started) in [("EAGAIN", 2, 0), ("EAGAIN", 5, 2), ("ENOMEM", 4, 1)] {
        let base = Base::new();
        let run = base
            .scenario()
            .workers(4)
            .through(&format!(
                "exec strace -o /dev/null -e trace=clone,clone3,fork,vfork \
                 -e inject=clone,clone3,fork,vfork:error={error}:when={nth} \"$@\""
            ))
            .zoo(&["polite"])
            .start();
        let end = run.finish();
        end.expect(125);
        assert!(!end.err().is_empty(), "A10");
        assert_eq!(
            end.events.of("worker_started").len(),
            started,
            "A10 {error}"
        );
    }
}

#[test]
fn a10_a_run_that_can_have_no_guard_says_so_and_tries_again() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("alone")
        .workers(2)
        .options(&["-v"])
        .through(
            "exec strace -o /dev/null -e trace=clone,clone3,fork,vfork \
             -e inject=clone,clone3,fork,vfork:error=EAGAIN:when=3 \"$@\"",
        )
        .zoo(&["polite"])
        .start();
    run.ready(2);
    run.wait_for("no guard: ");
    run.wait_for("guard started: pid ");
    base.call(&["stop", "alone"]).expect(0);
    run.finish().expect(0);
}

/// A control group of its own (cgroup v2), frozen; thawed and removed when it is dropped.
struct Frozen(std::path::PathBuf);

impl Frozen {
    /// `None` where no such group can be made.
    fn new() -> Option<Self> {
        let name = format!("stopctl-test-{}", std::process::id());
        let hierarchies = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
        let group = hierarchies
            .iter()
            .filter(|root| std::path::Path::new(root).join("cgroup.procs").exists())
            .map(|root| std::path::Path::new(root).join(&name))
            .find(|group| fs::create_dir(group).is_ok())?;
        fs::write(group.join("cgroup.freeze"), "1").ok()?;
        Some(Self(group))
    }

    fn thaw(&self) {
        fs::write(self.0.join("cgroup.freeze"), "0").expect("a group of our own");
    }

    fn is_frozen_with_somebody(&self) -> bool {
        let read = |name: &str| fs::read_to_string(self.0.join(name)).expect("a group of our own");
        !read("cgroup.procs").is_empty() && read("cgroup.events").contains("frozen 1")
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.freeze"), "0");
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a17_a_start_in_a_frozen_control_group_waits_for_the_thaw_and_loses_nothing() {
    if lacks(Need::Root) {
        return;
    }
    let Some(frozen) = Frozen::new() else {
        crate::support::need::not_run("no control group (v2) can be made and frozen");
        return;
    };
    let base = Base::new();
    let join = format!(r#"echo $$ >{}/cgroup.procs; exec "$@""#, frozen.0.display());
    let run = base
        .scenario()
        .name("cold")
        .through(&join)
        .zoo(&["polite"])
        .start();
    until("frozen", || frozen.is_frozen_with_somebody());
    // What is frozen cannot say so: nothing has begun, and nothing is in the way.
    assert!(base.call(&["list", "--names"]).out.is_empty(), "A17");
    frozen.thaw();
    run.ready(1);
    base.call(&["stop", "cold"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "A17");
}
