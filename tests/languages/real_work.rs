//! Real work, ended between two pieces of it: workers in plain sh that write the SHA-256 of each
//! file below /usr/share/doc, and look at their flag between two files.

use std::fs;

use crate::support::base::Base;
use crate::support::started::Ended;
use crate::support::until::until;

const WORKERS: usize = 4;

/// Every worker takes each fourth file, by its own number, and begins anew after the last.
const WORKER: &str = r#"
    find /usr/share/doc -type f | sort | awk "NR % $STOPCTL_WORKERS == $STOPCTL_WORKER" >"files.$STOPCTL_WORKER"
    keep_going() { read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; }
    while keep_going; do
        while keep_going && read -r file; do sha256sum "$file"; done <"files.$STOPCTL_WORKER"
    done >"sums.$STOPCTL_WORKER"
"#;

#[test]
fn work_is_ended_between_two_files_and_every_line_is_whole_and_right() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("work")
        .workers(WORKERS)
        .sh(WORKER)
        .start();
    let sums = |worker| {
        let sums = base.file(&format!("sums.{worker}"));
        fs::read_to_string(sums).unwrap_or_default()
    };
    until("all of them work", || {
        (0..WORKERS).all(|worker| !sums(worker).is_empty())
    });
    base.call(&["stop", "work"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.events.of("signal_sent").is_empty(), "{:?}", end.events);
    assert_eq!(end.events.outcomes(), ["flag"; WORKERS]);
    for worker in 0..WORKERS {
        let files = fs::read_to_string(base.file(&format!("files.{worker}"))).expect("its files");
        let sums = sums(worker);
        assert!(sums.ends_with('\n'), "a torn line: {sums:?}");
        for (line, file) in sums.lines().zip(files.lines().cycle()) {
            assert_eq!(line.get(66..), Some(file), "in order, and none left out");
        }
        let checked = base.sh(&format!("sha256sum --check --quiet --strict sums.{worker}"));
        assert_eq!(checked.ended, Ended::Code(0), "{checked:?}");
    }
}
