//! With `--signal`, everybody who tells of the ladder names the signal that was chosen.

use crate::support::base::Base;

/// What was printed on both streams.
fn all(out: &str, err: &str) -> String {
    format!("{out}{err}")
}

#[test]
fn whoever_tells_of_the_ladder_names_the_signal_that_was_chosen() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("chosen")
        .workers(3)
        .times("1h", "1h")
        .options(&["-v", "--signal", "INT", "--notify"])
        .options(&["--max-grace", "infinity", "--annotations", "gitlab"])
        // The first one ends by the signal, the second one does not see it, the third one ignores it.
        .sh(r#"
            [ $STOPCTL_WORKER = 0 ] && trap "exit 0" INT
            [ $STOPCTL_WORKER = 2 ] && trap "" INT
            [ $STOPCTL_WORKER = 1 ] && exec "$0" blind
            echo ready $$
            while :; do sleep 0.1; done"#)
        .zoo_as_argument()
        .start();
    run.wait_for_each("ready", 3);
    let watch = base.begin(&["status", "chosen", "--watch"]);
    watch.wait_for("chosen (pid ");
    let mut told = Vec::new();
    for (arguments, status, words) in [
        (
            &["stop", "chosen", "--no-wait"][..],
            0,
            "SIGINT in 1 h at the latest",
        ),
        (&["status", "chosen"], 0, "SIGINT in 1 h"),
        (
            &["notify", "--run", "chosen", "--extend", "2h", "-w", "1"],
            0,
            "worker 1 of chosen: SIGINT in 2 h",
        ),
        (
            &["stop", "chosen", "--no-wait", "-w", "2", "--term"],
            0,
            "stopping worker 2 of chosen; SIGINT now",
        ),
        (&["status", "chosen"], 0, "SIGINT sent"),
        (
            &["notify", "--run", "chosen", "--extend", "3h", "-w", "2"],
            1,
            "was sent SIGINT already",
        ),
        (&["stop", "chosen", "--no-wait", "--term"], 0, "SIGINT now"),
    ] {
        let answer = base.call(arguments);
        answer.expect(status);
        let said = all(&answer.out, &answer.err);
        assert!(said.contains(words), "{arguments:?}: {said}");
        told.push(said);
    }
    run.wait_for("worker 0 ended");
    let stop = base.call(&["stop", "chosen", "--kill"]);
    stop.expect(0).says("needed SIGINT (worker 0)");
    told.push(all(&stop.out, &stop.err));
    let watch = watch.finish();
    watch.expect(0);
    assert!(watch.out().contains("SIGINT sent"), "{}", watch.out());
    told.push(all(&watch.out(), &watch.err()));
    let end = run.finish();
    end.expect(137)
        .says("3 workers asked; SIGINT in 1 h")
        .says("worker 1 was given more time: SIGINT in 2 h")
        .says("SIGINT to worker 2")
        .says("SIGINT is ignored by worker 2")
        .says("1 needed SIGINT (worker 0)")
        .says("worker 0 needed SIGINT");
    told.push(all(&end.out(), &end.err()));
    for said in told {
        assert!(!said.contains("SIGTERM"), "{said}");
    }
}
