//! When the supervisor dies, nobody is lost: its guard asks every worker, and goes on with each
//! ladder. What is done with both of them dead is in lost/taken.rs.

mod support;

#[path = "lost/rounds.rs"]
mod rounds;
#[path = "lost/scene.rs"]
mod scene;
#[path = "lost/strangers.rs"]
mod strangers;
#[path = "lost/taken.rs"]
mod taken;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;

use scene::{BUSY, MIXED, orphan, raised_within, told};
use support::base::{Base, zoo};
use support::bystanders::Bystanders;
use support::need::{Need, lacks, missing};
use support::owner::{self, Flags, guard_of};
use support::preload::before_each_wait;
use support::processes;
use support::random::Lateness;
use support::started::{Ended, Started, send};
use support::until::{finds, until};

#[test]
fn c1_g1_the_guard_asks_everybody_and_goes_on_with_each_ladder() {
    let late = Lateness::watched();
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("lost")
        .workers(4)
        .times("400ms", "400ms")
        .options(&["-v"])
        .sh(MIXED)
        .zoo_as_argument()
        .start();
    guard_of(&run);
    run.ready(4);
    let wait = finds(&base, "lost", base.begin(&["wait", "lost"]));
    let flags = Flags::of(&base, "lost");
    let killed = processes::now_ns();
    run.signal(Signal::SIGKILL);
    let grace_ends = raised_within(&late, &flags, killed, Duration::from_millis(400), 4);
    let stop = base.begin(&["stop", "lost"]);
    run.wait_for_each("flag 1   lost", 3);
    run.wait_for_each("left", 2);
    for asked in run.wait_for_each("signal 15 at", 2) {
        assert!(asked.number(" at ") >= grace_ends, "C1: SIGTERM is early");
    }
    let climbed = run.wait_for("flag 2   lost").deadline();
    assert!(
        climbed >= grace_ends + 400_000_000,
        "C1: SIGKILL is due early"
    );
    run.wait_for("left");
    let end = run.finish();
    let over = processes::now_ns();
    end.expect_signal(9).says("died; its guard (pid ");
    assert!(over >= climbed, "C1: SIGKILL is early");
    assert!(
        over - climbed < scene::ns(BUSY),
        "C1: SIGKILL is much too late"
    );
    // Those who leave when they are asked are not pressed, and nobody is asked twice.
    assert_eq!(end.out().matches("signal 15").count(), 2, "{}", end.out());
    assert_eq!(told(&end.out(), 1), 3, "{}", end.out());
    end.events.only("supervisor_died");
    assert_eq!(end.events.signals(0), [""; 0]);
    assert_eq!(end.events.signals(2), ["SIGTERM"]);
    assert_eq!(end.events.signals(3), ["SIGTERM", "SIGKILL"]);
    stop.finish().expect(0).says("lost is over");
    wait.finish().expect(125).says("its workers were stopped");
    base.call(&["stop", "lost"]).expect(3);
    bystanders.check();
}

#[test]
fn g13_a_flag_that_is_cut_when_the_supervisor_dies_is_raised_all_the_same() {
    with_its_flag_spoilt(cut);
}

#[test]
fn b6_a_flag_that_is_deleted_when_the_supervisor_dies_loses_no_worker() {
    with_its_flag_spoilt(|path| fs::remove_file(path).expect("a flag"));
}

fn with_its_flag_spoilt(spoil: impl Fn(&Path)) {
    let base = Base::new();
    let scenario = base.scenario().name("cut").without_events();
    let scenario = scenario.times("100ms", "100ms").options(&["-v"]);
    let run = scenario.zoo(&["blind"]).start();
    guard_of(&run);
    run.ready(1);
    spoil_and_kill(&base, &run, spoil);
    let end = run.finish();
    end.expect_signal(9)
        .says("SIGTERM to 0")
        .says("cut is over");
}

/// Spoils the flag of a run, and kills its supervisor before that makes it whole again.
fn spoil_and_kill(base: &Base, run: &Started, spoil: impl Fn(&Path)) {
    run.signal(Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
    let files = fs::read_dir(base.runs().join("cut")).expect("a run");
    let mut files = files.map(|entry| entry.expect("an entry").path());
    spoil(
        &files
            .find(|path| path.extension().is_some())
            .expect("a flag"),
    );
    run.signal(Signal::SIGKILL);
}

fn cut(path: &Path) {
    let flag = fs::File::options().write(true).open(path).expect("root");
    flag.set_len(0).expect("a flag");
}

#[test]
fn g1_a_guard_says_nothing_of_its_own_until_it_is_needed() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("calm")
        .workers(2)
        .zoo(&["polite"])
        .start();
    run.ready(2);
    base.call(&["stop", "calm"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(!end.err().contains("guard"), "{}", end.err());
    assert!(end.events.of("guard_ended").is_empty());
}

/// The only process that knows of a worker which is being started is that worker: it is on record
/// before its program runs.
#[test]
fn c3_a_worker_that_was_half_born_when_its_supervisor_was_killed_is_ended_by_stop() {
    /// Whoever opens the file (to run it, here) is kept waiting until our standard input ends.
    const KEEPER: &str = "
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDONLY)
signal.signal(signal.SIGIO, lambda *_: print('opened', flush=True))
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('kept', flush=True)
sys.stdin.read()
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
";
    let Some(python) = support::python::python() else {
        return;
    };
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let program = base.file("program");
    fs::copy(zoo(), &program).expect("a copy");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    let program = program.to_str().expect("UTF-8");
    let mut keeper = base.command(&python);
    keeper.args(["-c", KEEPER, program]).stdin(Stdio::piped());
    let keeper = Started::begin(keeper, base.root(), None);
    keeper.wait_for("kept");
    let run = base
        .scenario()
        .name("born")
        .without_events()
        .times("100ms", "10s")
        .command(&[program, "blind"])
        .start();
    keeper.wait_for("opened");
    run.signal(Signal::SIGKILL);
    run.wait_for_exit();
    let stop = base.call(&["stop", "born"]);
    stop.expect(0).says("taking over");
    keeper.finish().expect(0);
    let end = run.finish();
    end.expect_signal(9);
    assert!(
        !end.out().contains("ready"),
        "C3: its program ran: {}",
        end.out()
    );
    bystanders.check();
}

#[test]
fn c5_a_ladder_goes_on_from_the_rung_on_which_it_stands() {
    for guarded in [true, false] {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let guard: &[&str] = if guarded { &[] } else { &["--no-guard"] };
        let run = base
            .scenario()
            .name("half")
            .without_events()
            .times("100ms", "1500ms")
            .options(&["-v"])
            .options(guard)
            .zoo(&["deaf"])
            .start();
        if guarded {
            guard_of(&run);
        }
        run.ready(1);
        base.call(&["stop", "half", "--no-wait"]).expect(0);
        run.wait_for("signal 15");
        let kill_due = run.wait_for("flag 2   user").deadline();
        // The signal is on record.
        until("the record tells of SIGTERM", || {
            base.call(&["status", "half", "--json"]).json()["runs"][0]["workers"][0]["level"] == 2
        });
        run.signal(Signal::SIGKILL);
        run.wait_for_exit();
        if !guarded {
            base.call(&["stop", "half"]).expect(0).says("taking over");
        }
        let end = run.finish();
        let over = processes::now_ns();
        end.expect_signal(9);
        let out = end.out();
        assert_eq!(
            out.matches("signal 15").count(),
            1,
            "C5: SIGTERM twice: {out}"
        );
        assert_eq!(told(&out, 2), 1, "C5: another deadline: {out}");
        assert!(over >= kill_due, "C5: SIGKILL is early");
        assert!(over - kill_due < scene::ns(BUSY), "C5: not honoured: {out}");
        bystanders.check();
    }
}

#[test]
fn c5_a_ladder_whose_flag_says_nothing_any_more_goes_on_from_what_is_on_record() {
    let deleted = |path: &Path| fs::remove_file(path).expect("a flag");
    // Of one that was deleted its worker has the old file open, and sees no more.
    for (spoil, seen) in [
        (&cut as &dyn Fn(&Path), Some("flag 2   lost")),
        (&deleted, None),
    ] {
        let base = Base::new();
        let scenario = base.scenario().name("cut").without_events();
        let scenario = scenario.times("100ms", "2s").options(&["-v"]);
        let run = scenario.zoo(&["deaf"]).start();
        guard_of(&run);
        run.ready(1);
        base.call(&["stop", "cut", "--no-wait"]).expect(0);
        let kill_due = run.wait_for("flag 2   user").deadline();
        until("the record tells of SIGTERM", || {
            base.call(&["status", "cut", "--json"]).json()["runs"][0]["workers"][0]["level"] == 2
        });
        spoil_and_kill(&base, &run, spoil);
        let end = run.finish();
        let over = processes::now_ns();
        end.expect_signal(9).says("SIGKILL to 0");
        let out = end.out();
        assert_eq!(out.matches("signal 15").count(), 1, "SIGTERM twice: {out}");
        assert_eq!(told(&out, 1), 1, "C5: it began anew: {out}");
        assert!(seen.is_none_or(|line| out.contains(line)), "C5: {out}");
        assert!(over >= kill_due, "C5: SIGKILL is early");
    }
}

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
                late.within(scene::AT_ONCE, took, "C6: the raise");
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
        late.within(scene::AT_ONCE, took, "C7: the raise");
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
fn g3_a_guard_that_was_killed_is_replaced_and_its_workers_know_nothing_of_it() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("guarded")
        .workers(2)
        .options(&["-v"])
        .zoo(&["polite"])
        .start();
    let first = guard_of(&run);
    run.ready(2);
    send(first, Signal::SIGKILL);
    run.wait_for("was killed; starting another");
    let second = guard_of(&run);
    assert_ne!(first, second);
    assert!(
        !run.so_far()
            .iter()
            .any(|line| { line.text.starts_with("signal") || line.text.starts_with("flag") }),
        "G3: the workers felt it"
    );
    // The second one is as good as the first.
    run.signal(Signal::SIGKILL);
    let end = run.finish();
    end.expect_signal(9)
        .says(&format!("its guard (pid {second})"));
    assert_eq!(told(&end.out(), 1), 2, "G3: {}", end.out());
    end.events.only("guard_ended");
    bystanders.check();
}

#[test]
fn g3_whatever_kills_guards_may_go_on_and_gets_slower() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["-v"])
        .name("again")
        .zoo(&["polite"])
        .start();
    run.ready(1);
    let begun = std::time::Instant::now();
    for _ in 0..3 {
        send(guard_of(&run), Signal::SIGKILL);
    }
    guard_of(&run);
    assert!(
        begun.elapsed() >= Duration::from_secs(3),
        "G3: at once, after 1 s, after 2 s: {:?}",
        begun.elapsed()
    );
    base.call(&["stop", "again"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn no_guard_means_no_guard() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let (run, pids) = orphan(&base, base.scenario().workers(2).zoo(&["polite"]));
    assert!(owner::named(&base, "stopctl-guard").is_empty());
    let state = &base.call(&["list", "--json"]).json()["runs"][0]["state"];
    assert_eq!(state, "owner_died");
    for pid in pids {
        let state = processes::state(pid);
        assert!(
            matches!(state, Some('S' | 'R')),
            "nobody asked it: {state:?}"
        );
    }
    base.call(&["stop", "orphan"]).expect(0).says("taking over");
    let end = run.finish();
    assert_eq!(told(&end.out(), 1), 2, "{}", end.out());
    bystanders.check();
}

#[test]
fn g16_a_child_from_before_the_run_is_nobody_whom_a_guard_signals() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("foreign")
        .options(&["-v"])
        .times("100ms", "100ms")
        .environment("ZOO", zoo())
        .through(r#""$ZOO" canary 3<&0 <&3 & exec "$@" 3<&-"#)
        .options(&["--stdin", "null"])
        .zoo(&["deaf"])
        .start();
    guard_of(&run);
    run.wait_for("ready worker= ");
    run.wait_for("ready worker=0");
    run.signal(Signal::SIGKILL);
    run.wait_for("1 not observed");
    let end = run.finish();
    assert!(end.out().contains("counted 0"), "G16: {}", end.out());
}

#[test]
fn g19_a_stopped_worker_is_asked_and_not_hung_up_on() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("stopped")
        .times("20s", "10s")
        .options(&["-v"])
        .zoo(&["polite", "3"])
        .start();
    guard_of(&run);
    let pid = run.ready(1)[0];
    send(pid, Signal::SIGSTOP);
    until("it is stopped", || processes::state(pid) == Some('T'));
    run.signal(Signal::SIGKILL);
    run.wait_for("flag 1   lost");
    run.wait_for("left");
    let end = run.finish();
    let sighup = format!("signal {} ", Signal::SIGHUP as i32);
    assert!(!end.out().contains(&sighup), "G19: {}", end.out());
    assert!(!end.out().contains("signal 15"), "G19: {}", end.out());
    bystanders.check();
}

#[test]
fn a22_a_guard_needs_no_file_of_the_program() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let program = base.file("stopctl");
    fs::copy(Base::program(), &program).expect("a copy");
    let mut run = base.command(&program);
    run.args(["run", "-v", "-n", "2", "--name", "moved"])
        .arg(zoo())
        .arg("polite");
    let run = Started::begin(run, base.root(), None);
    let first = guard_of(&run);
    run.ready(2);
    fs::rename(&program, base.file("older")).expect("rename");
    fs::write(&program, "#!/bin/false\n").expect("write");
    fs::remove_file(base.file("older")).expect("unlink");
    send(first, Signal::SIGKILL);
    guard_of(&run);
    run.signal(Signal::SIGKILL);
    let end = run.finish();
    assert_eq!(told(&end.out(), 1), 2, "A22: {}", end.out());
    bystanders.check();
}

#[test]
fn an_idle_guard_makes_no_system_call() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("idle")
        .options(&["-v"])
        .zoo(&["blind"])
        .times("0", "100ms")
        .start();
    let guard = guard_of(&run);
    run.ready(1);
    until("it sleeps", || processes::state(guard) == Some('S'));
    let trace = base.file("trace");
    let mut strace = base.command("strace");
    strace.args(["-f", "-o"]).arg(&trace);
    strace.args(["-p", &guard.to_string()]);
    let strace = Started::begin(strace, base.root(), None);
    strace.wait_for("attached");
    // What is shown is that nothing happens: only time can.
    std::thread::sleep(Duration::from_secs(5));
    send(strace.pid(), Signal::SIGINT);
    strace.finish();
    let seen = fs::read_to_string(&trace).expect("a trace");
    let calls = seen.lines().filter(|line| line.contains('(')).count();
    assert!(calls <= 1, "{seen}");
    base.call(&["stop", "idle"]).expect(0);
    run.finish().expect(137);
}
