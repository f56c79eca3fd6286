//! Those that programs have: the crate `sd-notify` speaks in every test with a `speaker`, and here
//! are systemd's own program and a module of Python.

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::python;

#[test]
fn systemd_notify_is_heard_and_answered() {
    if lacks(Need::Program("systemd-notify")) {
        return;
    }
    let base = Base::new();
    let run = base.scenario().name("unit").times("60s", "60s");
    let run = run.options(&["--notify"]);
    let run = run.environment("STOPCTL", Base::program()).sh(
        "systemd-notify --ready --status='from systemd' || echo failed
        echo \"ready worker=0 pid=$$\"; \"$STOPCTL\" sleep infinity
        systemd-notify STOPPING=1 EXTEND_TIMEOUT_USEC=90000000 || echo failed",
    );
    let run = run.start();
    run.ready(1);
    // It waits for its barrier, so all it said was heard.
    let seen = base.call(&["status", "unit", "--json"]).json();
    assert_eq!(seen["runs"][0]["workers"][0]["status_text"], "from systemd");
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    end.expect(0);
    assert!(!end.out().contains("failed"), "{}", end.out());
    end.events.only("worker_ready");
    end.events.only("stop_acknowledged");
    assert_eq!(end.events.only("extended")["why"], "said");
}

#[test]
fn a_barrier_is_answered_when_what_was_said_before_is_on_record() {
    if lacks(Need::Program("systemd-notify")) || lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    // The answer comes out of one of these calls; what follows that has to wait.
    let late = "exec strace -o trace -e trace=recvmsg \
                -e inject=recvmsg:delay_exit=200000:when=1..8 \"$@\"";
    let run = base.scenario().name("unit").options(&["--notify"]);
    let run = run
        .environment("STOPCTL", Base::program())
        .sh("systemd-notify --status='from systemd'
        echo ready; \"$STOPCTL\" sleep infinity; exit 0");
    let run = run.through(late).start();
    run.wait_for("ready");
    let seen = base.call(&["status", "unit", "--json"]).json();
    assert_eq!(seen["runs"][0]["workers"][0]["status_text"], "from systemd");
    base.call(&["stop", "unit"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn the_sdnotify_of_python_is_heard() {
    let Some(python) = python::with("sdnotify") else {
        return;
    };
    let base = Base::new();
    let run = base.scenario().name("py").times("60s", "60s");
    let run = run.options(&["--notify"]).command(&[
        &python,
        "-c",
        "import sdnotify, sys\n\
         notifier = sdnotify.SystemdNotifier(debug=True)\n\
         notifier.notify('READY=1')\n\
         notifier.notify('STATUS=from Python')\n\
         notifier.notify('EXTEND_TIMEOUT_USEC=1')\n\
         sys.stdin.read()",
    ]);
    let mut run = run.start();
    run.wait_for_events("worker_ready", 1);
    let text = || {
        let seen = base.call(&["status", "py", "--json"]).json();
        seen["runs"][0]["workers"][0]["status_text"].clone()
    };
    while text().is_null() {
        std::thread::yield_now();
    }
    assert_eq!(text(), "from Python");
    run.close_stdin();
    run.finish().expect(0);
}
