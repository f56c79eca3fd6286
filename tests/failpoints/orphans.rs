//! What a worker leaves behind, whose members end one after the other.

use std::fs;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::VARIABLE;
use crate::killed::NAME;
use crate::support::base::Base;
use crate::support::need::{Need, lacks};

#[test]
fn k4h_an_orphan_that_gets_the_pid_of_one_that_has_just_been_reaped_is_found() {
    // `first` ends and is reaped; `second` starts an orphan of that pid and ends itself; and the
    // supervisor, which was held meanwhile, looks who is left.
    const WORKER: &str = r#"
        mkfifo end
        sh -c 'read -r _ <end' & export first=$!
        sh -c "$SECOND" &
        echo "ready worker=0 pid=$$""#;
    const SECOND: &str = r#"
        export second=$$
        until [ -s both-are-found ]; do sleep 0.02; done
        : >end
        while [ -d /proc/$first ]; do sleep 0.02; done
        echo $((first - 1)) >/proc/sys/kernel/ns_last_pid
        sh -c "$ORPHAN" &
        echo "orphan $! of $first""#;
    const ORPHAN: &str = r#"
        until grep -q '^State:.Z' /proc/$second/status; do sleep 0.02; done
        : >gate
        while read -r level _ <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.02; done"#;
    if lacks(Need::Root) || lacks(Need::PidNamespace) {
        return;
    }
    let base = Base::new();
    let gate = base.work().join("gate");
    mkfifo(&gate, Mode::S_IRWXU).expect("a FIFO");
    let run = base
        .scenario()
        .name(NAME)
        .options(&["--stragglers", "wait"])
        .environment("SECOND", SECOND)
        .environment("ORPHAN", ORPHAN)
        .environment("STOPCTL_FAILPOINT_GATE", gate)
        .environment(VARIABLE, "supervisor:await:orphan reaped")
        .through(r#"exec unshare -p -f --mount-proc sh -c '"$@"; exit $?' sh "$@""#)
        .sh(WORKER)
        .start();
    run.wait_for_events("straggler", 2);
    fs::write(base.work().join("both-are-found"), "yes\n").expect("a file");
    let said = run.wait_for("orphan ").text;
    base.call(&["stop", "--if-running", NAME]).expect(0);
    let end = run.finish();
    end.expect(0);
    // Twice, as two processes.
    let found = end.events.of("straggler").into_iter();
    let pids = found.filter_map(|one| one["pid"].as_i64());
    let same = pids.map(|pid| format!("orphan {pid} of {pid}"));
    assert_eq!(same.filter(|same| *same == said).count(), 2, "{said}");
}
