//! Of whatever a supervisor dies.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::need::{Need, lacks, missing};
use crate::support::owner::{self, Flags, guard_of};
use crate::support::preload::before_each_wait;
use crate::support::processes;
use crate::support::random::Lateness;
use crate::support::started::{Ended, Started};
use crate::support::until::until;

#[test]
fn c6_it_does_not_matter_of_what_a_supervisor_dies() {
    for signal in [
        Signal::SIGSEGV,
        Signal::SIGABRT,
        Signal::SIGBUS,
        Signal::SIGILL,
    ] {
        let late = Lateness::watched();
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let run = base
            .scenario()
            .name("crash")
            .workers(2)
            .times("10s", "10s")
            .options(&["-v"])
            .through(r#"ulimit -c 0; exec "$@""#)
            .zoo(&["polite"])
            .start();
        guard_of(&run);
        run.ready(2);
        let flags = Flags::of(&base, "crash");
        let killed = processes::now_ns();
        run.signal(signal);
        let raised = flags.wait_until_raised();
        let end = run.finish();
        if end.ended == Ended::Code(0) {
            // A signal of this kind that somebody sends asks to stop, as SIGTERM does.
            assert!(
                raised.iter().all(|text| text.contains("term")),
                "{raised:?}"
            );
        } else {
            end.expect_signal(signal as i32);
            for text in raised {
                let (reason, deadline) = owner::reason_and_deadline(&text);
                assert_eq!(reason, "lost", "C6: {signal}");
                let took = deadline - 10_000_000_000 - killed;
                let took = Duration::from_nanos(took.try_into().expect("later"));
                late.within(super::scene::AT_ONCE, took, "C6: the raise");
            }
        }
        bystanders.check();
    }
}

#[test]
fn c21_a_supervisor_that_executes_another_program_counts_as_dead() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let when = base.file("when");
    let library = before_each_wait(
        &base,
        r#"if (access(getenv("EXECUTES_WHEN"), F_OK) == 0)
            execl("/bin/sh", "sh", "-c", "echo executed; read -r line", (char *)0);"#,
    );
    let run = base
        .scenario()
        .name("exec")
        .workers(2)
        .times("400ms", "10s")
        .options(&["-v", "--stdin", "null"])
        .through(r#"LD_PRELOAD=$LIBRARY exec "$@""#)
        .environment("LIBRARY", &library)
        .environment("EXECUTES_WHEN", &when)
        .zoo(&["polite"])
        .start();
    guard_of(&run);
    run.ready(2);
    fs::write(&when, "").expect("write");
    // Any wake-up will do.
    run.signal(Signal::SIGCHLD);
    run.wait_for("executed");
    run.wait_for_each("flag 1   lost", 2);
    run.wait_for("exec is over");
    let end = run.finish();
    assert!(!end.out().contains("signal 15"), "C21: {}", end.out());
    bystanders.check();
}

#[test]
fn c7_a_supervisor_that_is_killed_for_want_of_memory_leaves_nobody() {
    let Some(group) = MemoryGroup::new() else {
        return;
    };
    let late = Lateness::watched();
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("oom")
        .workers(2)
        .times("10s", "10s")
        .options(&["-v"])
        .zoo(&["polite"])
        .start();
    guard_of(&run);
    run.ready(2);
    let flags = Flags::of(&base, "oom");
    // Alone in the group with one who takes more than there is, and is the last to be killed.
    group.take(run.pid());
    fs::write(format!("/proc/{}/oom_score_adj", run.pid()), "1000").expect("a likely victim");
    let mut eater = base.command("/bin/sh");
    let script = format!(
        "echo $$ > {} && tr '\\0' x < /dev/zero | tail -c 64M",
        group.0.join("cgroup.procs").display()
    );
    eater.args(["-c", &script]);
    let killed = processes::now_ns();
    let eater = Started::begin(eater, base.root(), None);
    assert_eq!(run.wait_for_exit(), Ended::Signal(9), "C7");
    let died = processes::now_ns();
    let raised = flags.wait_until_raised();
    eater.finish();
    for text in raised {
        let (reason, deadline) = owner::reason_and_deadline(&text);
        assert_eq!(reason, "lost", "C7");
        let raised = deadline - 10_000_000_000;
        assert!(raised >= killed, "C7");
        let took = Duration::from_nanos(u64::try_from(raised - died).unwrap_or(0));
        late.within(super::scene::AT_ONCE, took, "C7: the raise");
    }
    run.finish().expect_signal(9);
    bystanders.check();
}

/// A cgroup with little memory, removed in the end.
struct MemoryGroup(std::path::PathBuf);

impl MemoryGroup {
    fn new() -> Option<Self> {
        let name = format!("stopctl-test-{}", std::process::id());
        let (first, second) = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup");
        let ways = [(first, "memory.limit_in_bytes"), (second, "memory.max")];
        for (root, limit) in ways {
            let group = std::path::Path::new(root).join(&name);
            if !std::path::Path::new(root).is_dir() || fs::create_dir(&group).is_err() {
                continue;
            }
            let group = Self(group);
            if fs::write(group.0.join(limit), "8M").is_ok() {
                return Some(group);
            }
        }
        missing("a memory cgroup of its own");
        None
    }

    fn take(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("a process for a cgroup");
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Its last process may be gone for a moment already.
        let since = std::time::Instant::now();
        while fs::remove_dir(&self.0).is_err() && since.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn k6j_an_owner_that_ends_in_order_is_not_one_that_died() {
    for is_taken_over in [false, true] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("left")
            .without_events()
            .options(&["--no-guard"])
            .zoo(&["polite"])
            .start();
        run.ready(1);
        // Whoever lives on by leave, `--stragglers leave` say, has it open.
        let owner = fs::File::open(base.runs().join("left/owner")).expect("owner");
        if is_taken_over {
            run.signal(Signal::SIGKILL);
            run.wait_for_exit();
        }
        base.call(&["stop", "left"]).expect(0);
        run.finish_unchecked();
        // Whoever took over has ended as well: it has the base directory in its environment.
        until("all have ended", || {
            processes::with_in_environment(base.root()).is_empty()
        });
        let mut word = [0; 4];
        owner.read_exact_at(&mut word, 0).expect("the owner word");
        let word = u32::from_ne_bytes(word);
        assert_eq!(word & (1 << 30), 0, "taken over: {is_taken_over}");
    }
}
