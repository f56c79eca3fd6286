//! `--shield`: engines that signal every process at once do not reach the workers, and the ladder
//! says what it cannot do then.

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::processes;
use crate::support::started::send;

const fn bit(signal: Signal) -> u64 {
    1 << (signal as i32 - 1)
}

#[test]
fn workers_start_with_sigterm_and_sigint_ignored_and_nothing_else() {
    let ignored = |options: &[&str]| {
        let base = Base::new();
        let look = ["grep", "SigIgn", "/proc/self/status"];
        let end = base
            .scenario()
            .options(options)
            .command(&look)
            .start()
            .finish();
        end.expect(0);
        processes::signal_set_of(&end.out(), "SigIgn")
    };
    let open = ignored(&[]);
    assert_eq!(open & bit(Signal::SIGTERM), 0);
    let shield = bit(Signal::SIGTERM) | bit(Signal::SIGINT);
    assert_eq!(ignored(&["--shield"]), open | shield);
}

#[test]
fn a_signal_to_everybody_at_once_is_a_stop_by_the_flag() {
    // As Slurm does with every process of a step, and Jenkins with every process of a build.
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .options(&["--shield"])
        .sh(r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
        while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.01; done
        echo "left for $rest""#)
        .start();
    let workers = run.ready(2);
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        for worker in &workers {
            send(*worker, signal);
        }
    }
    send(run.pid(), Signal::SIGTERM);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.out().matches("left for term").count(), 2);
    assert_eq!(end.events.outcomes(), ["flag", "flag"]);
}

#[test]
fn a_worker_that_still_ignores_sigterm_is_named_and_killed() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("200ms", "200ms")
        .options(&["--shield"])
        .sh(r#"echo "ready worker=$STOPCTL_WORKER pid=$$"; while :; do sleep 0.1; done"#)
        .start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    end.expect(137)
        .says("SIGTERM is ignored by worker 0: only the flag, or SIGKILL, is left");
    assert_eq!(end.events.outcomes(), ["kill"]);
}

#[test]
fn a_worker_with_a_handler_of_its_own_is_asked_by_sigterm_as_ever() {
    if lacks(Need::Program("python3")) {
        return;
    }
    let base = Base::new();
    // Not a shell: what is ignored when it starts, it cannot trap.
    let program = r#"import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print(f"ready worker={os.environ['STOPCTL_WORKER']} pid={os.getpid()}", flush=True)
while True: time.sleep(60)"#;
    let run = base
        .scenario()
        .times("200ms", "10s")
        .options(&["--shield"])
        .command(&["python3", "-c", program])
        .start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    end.expect(3);
    assert!(!end.err().contains("ignored"), "{}", end.err());
    assert_eq!(end.events.outcomes(), ["term"]);
}

#[test]
fn the_signal_of_the_ladder_itself_reaches_shielded_workers() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("200ms", "10s")
        .options(&["--shield", "--signal", "USR1", "--forward", "-USR1"])
        .sh(
            r#"trap 'exit 4' USR1; echo "ready worker=$STOPCTL_WORKER pid=$$"
        while :; do sleep 0.05; done"#,
        )
        .start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    end.expect(4);
    assert!(!end.err().contains("ignored"), "{}", end.err());
}
