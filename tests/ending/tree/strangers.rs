//! Those who come to us without being of any worker: named at most, never signalled.

use crate::support::base::Base;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks};
use crate::support::started::Ended;

#[test]
fn g16_children_from_before_the_run_and_their_orphans_are_never_signalled() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    for stop in ["itself", "stop"] {
        let base = Base::new();
        // A child of ours, and one of it that becomes ours when that ends.
        let run = base
            .scenario()
            .name("foreign")
            .times("100ms", "100ms")
            .environment("ZOO", zoo())
            .through(
                r#"exec 3<&0; mkfifo hold
                env -i "$ZOO" canary <&3 3<&- &
                env -i PATH="$PATH" sh -c 'setsid "$0" canary <&3 3<&- & read -r _ <hold' "$ZOO" &
                exec "$@" </dev/null 3<&-"#,
            )
            .sh(r#"echo >hold; env -i setsid -f "$0" blind; "$0" handler & exec "$0" polite"#)
            .zoo_as_argument()
            .start();
        run.wait_for_each("ready", 5);
        if stop == "stop" {
            base.call(&["stop", "foreign"]).expect(0);
        }
        if stop == "itself" {
            base.call(&["stop", "foreign", "--term"]).expect(0);
        }
        run.wait_for("belongs to no worker that is known");
        run.wait_for_exit();
        // The canaries speak when their standard input ends.
        let blind = run.so_far();
        let blind = blind.iter().filter(|line| line.text.starts_with("ready"));
        let blind: Vec<i32> = blind
            .map(|line| i32::try_from(line.number("pid=")).expect("a pid"))
            .filter(|&pid| is_blind(pid))
            .collect();
        for pid in blind {
            crate::support::started::send(pid, nix::sys::signal::Signal::SIGKILL);
        }
        let end = run.finish();
        assert_eq!(
            end.out().matches("counted 0").count(),
            2,
            "G16: {}",
            end.out()
        );
    }
}

fn is_blind(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.windows(5).any(|part| part == b"blind"))
}

#[test]
fn g16_as_process_1_whoever_was_executed_into_the_container_is_left_alone() {
    if lacks(Need::PidNamespace) || lacks(Need::Program("nsenter")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("container")
        .times("100ms", "100ms")
        .environment("ZOO", zoo())
        .through(r#"exec unshare -p -f --mount-proc "$@""#)
        .sh(r#"setsid -f "$0" blind; exec "$0" deaf"#)
        .zoo_as_argument()
        .start();
    run.wait_for_each("ready", 2);
    let child = crate::support::processes::children(run.pid());
    let inside = child.first().expect("process 1").to_string();
    let exec = format!(
        r"exec nsenter -t {inside} -p -m sh -c 'env -i {} canary <&3 3<&- & echo $!' 3<&0",
        zoo().display()
    );
    let mut shell = base.command("/bin/sh");
    shell
        .args(["-c", &exec])
        .stdin(std::process::Stdio::piped());
    let stranger = crate::support::started::Started::begin(shell, base.root(), None);
    stranger.wait_for("ready");
    base.call(&["list"]);
    crate::support::started::send(
        inside.parse().expect("a pid"),
        nix::sys::signal::Signal::SIGTERM,
    );
    let end = run.finish();
    assert_eq!(end.ended, Ended::Code(137));
    end.says("belongs to no worker that is known");
    // With process 1 the kernel kills all of it; nobody else sent it anything.
    let end = stranger.finish();
    assert!(!end.out().contains("signal"), "G16: {}", end.out());
}
