//! Starting: what is refused, what is inherited, what happens when the system refuses, and that
//! nothing is left in any of these cases.

mod environment;
mod many;
mod newborns;
mod scarce;
mod streams;
mod words;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks, rounds};
use crate::support::processes;
use crate::support::started::{Ended, send};
use crate::support::until::until;

#[test]
fn workers_find_their_flag_name_and_number_in_the_environment() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("train")
        .workers(3)
        .sh("env | grep ^STOPCTL_ | sort | tr '\\n' ' '; echo")
        .start();
    let end = run.finish();
    end.expect(0);
    let flags = base.runs().join("train");
    for worker in 0..3 {
        let start = format!("STOPCTL_FLAG={}/{worker}.", flags.display());
        let found = end.out();
        let line = found
            .lines()
            .find(|line| line.contains(&start))
            .unwrap_or_else(|| panic!("no {start} in {found}"));
        let (_, rest) = line.split_once(&start).expect("it contains it");
        let random: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        assert_eq!(random.len(), 16, "{line}");
        assert!(line.contains("STOPCTL_RUN=train "), "{line}");
        assert!(
            line.contains(&format!("STOPCTL_WORKER={worker} ")),
            "{line}"
        );
        assert!(line.contains("STOPCTL_WORKERS=3 "), "{line}");
        let event = end.events.of("worker_started")[worker];
        assert_eq!(
            event["flag"],
            format!("{}/{worker}.{random}", flags.display())
        );
    }
}

#[test]
fn each_worker_has_a_session_of_its_own() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .sh("read -r pid name state parent group session rest </proc/self/stat; echo \"$pid $session\"")
        .start();
    let end = run.finish();
    for line in end.out().lines() {
        let (pid, session) = line.split_once(' ').expect("two numbers");
        assert_eq!(pid, session);
    }
}

#[test]
fn a2_arguments_at_the_limit_of_the_system_are_run_or_refused_cleanly() {
    let base = Base::new();
    let chunk = "x".repeat(100_000);
    // The most that execve takes for stopctl itself; its worker gets some variables more.
    let (mut fits, mut too_much) = (0, 3_000_000);
    while too_much - fits > 32 {
        let size = usize::midpoint(fits, too_much);
        let mut command = base.stopctl(&["run", "--", "true"]);
        for _ in 0..size / chunk.len() {
            command.arg(&chunk);
        }
        command.arg(&chunk[..size % chunk.len()]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        match command.output() {
            Ok(output) => {
                fits = size;
                let code = output.status.code();
                assert!(
                    matches!(code, Some(0 | 125 | 126)),
                    "A2 with {size} bytes: {output:?}"
                );
                assert!(code == Some(0) || !output.stderr.is_empty(), "A2: silent");
                base.check();
            }
            Err(_) => too_much = size,
        }
    }
}

#[test]
fn a2_a_current_directory_that_was_removed_is_no_obstacle() {
    let base = Base::new();
    let run = base
        .scenario()
        .through(r#"mkdir gone && cd gone && rmdir ../gone && exec "$@""#)
        .sh("exit 3")
        .start();
    run.finish().expect(3);
}

#[test]
fn a3_workers_that_end_at_once_are_no_problem() {
    let base = Base::new();
    for round in 0..rounds(500) {
        let answer = base.call(&["run", "--", "/bin/true"]);
        assert_eq!(answer.ended, Ended::Code(0), "A3 round {round}: {answer:?}");
        assert_eq!(answer.err, "", "A3 round {round}");
    }
    let run = base.scenario().workers(500).command(&["/bin/true"]).start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), vec!["by_itself"; 500]);
}

#[test]
fn a5_a_worker_that_somebody_stops_before_its_program_runs_hangs_nobody() {
    let mut caught = 0;
    for _ in 0..rounds(20) {
        let base = Base::new();
        // Looking a program up takes long in so many places.
        let path = "/nowhere/at/all:".repeat(3000);
        std::os::unix::fs::symlink(zoo(), base.file("animal")).expect("a link");
        let run = base
            .scenario()
            .without_events()
            .name("halfborn")
            .times("10s", "10s")
            .environment("PATH", format!("{path}{}", base.work().display()))
            .command(&["animal", "polite"])
            .start();
        let pid = run.pid();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let child = loop {
            let first = fs::read_to_string(&children).unwrap_or_default();
            if let Some(child) = first.split(' ').next().and_then(|pid| pid.parse().ok()) {
                break child;
            }
        };
        send(child, Signal::SIGSTOP);
        let is_program = fs::read_link(format!("/proc/{child}/exe"));
        caught += usize::from(is_program.is_ok_and(|exe| exe == Path::new(Base::program())));
        base.call(&["stop", "halfborn"]).expect(0);
        let end = run.finish();
        assert!(end.took < Duration::from_secs(20), "A5: {:?}", end.took);
    }
    assert!(caught > 0, "never caught one");
}

#[test]
fn a4_a_stop_that_comes_while_a_worker_is_being_made_leaves_nothing() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("early")
        .times("10s", "10s")
        .workers(100)
        .through(
            "exec strace -o trace -e trace=clone,clone3,fork,vfork,openat,rename,renameat2 \
             -e inject=clone,clone3,fork,vfork:delay_enter=400000 \"$@\"",
        )
        .zoo(&["polite"])
        .start();
    let trace = base.file("trace");
    until("a clone", || {
        fs::read_to_string(&trace).is_ok_and(|text| text.contains("clone"))
    });
    let supervisor = processes::children(run.pid())[0];
    send(supervisor, Signal::SIGTERM);
    let end = run.finish();
    for outcome in end.events.outcomes() {
        assert!(outcome == "flag" || outcome == "by_itself", "A4: {outcome}");
    }
    // The trace shows a clone when it is over: then the next one is being made.
    assert!(
        end.events.of("worker_started").len() < 100,
        "A4: workers were started after the stop"
    );
}

#[test]
fn a11_an_ignored_sigchld_is_reset() {
    // A shell does not pass it on.
    const IGNORE: &str = "import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])";
    let Some(python) = crate::support::python::python() else {
        return;
    };
    let base = Base::new();
    let run = base
        .scenario()
        .environment("IGNORE", IGNORE)
        .through(&format!(r#"exec {python} -c "$IGNORE" "$@""#))
        .sh("grep SigIgn /proc/self/status; exit 9")
        .start();
    let end = run.finish();
    end.expect(9);
    let ignored = processes::signal_set_of(&end.out(), "SigIgn");
    assert_eq!(
        ignored & (1 << 16),
        0,
        "A11: workers have SIGCHLD as it is by default"
    );
}

#[test]
fn a18_a_stale_flag_in_the_environment_is_not_that_of_the_workers() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("fresh")
        .environment("STOPCTL_FLAG", "/dev/shm/no-such/0.0000000000000000")
        .environment("STOPCTL_RUN", "stale")
        .environment("STOPCTL_WORKER", "17")
        .environment("STOPCTL_WORKERS", "18")
        .sh(r#"echo "$STOPCTL_RUN $STOPCTL_WORKER $STOPCTL_WORKERS $STOPCTL_FLAG"; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    let told = run.wait_for("fresh 0 1 ");
    assert!(!told.text.contains("no-such"), "A18: {told:?}");
    run.ready(1);
    base.call(&["stop", "fresh"]).expect(0);
    run.finish().expect(0);
}
