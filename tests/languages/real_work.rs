//! Real work, ended between two pieces of it: workers in plain sh that write the SHA-256 of each
//! file below /usr/share/doc, and look at their flag between two files.

use std::fs;

use crate::support::base::Base;
use crate::support::started::Ended;

const WORKERS: usize = 4;

/// Every worker takes each fourth file, by its own number.
const WORKER: &str = r#"
    find /usr/share/doc -type f | sort | awk "NR % $STOPCTL_WORKERS == $STOPCTL_WORKER" >"files.$STOPCTL_WORKER"
    while read -r file; do
        read -r level rest <"$STOPCTL_FLAG"
        [ "$level" = 0 ] || break
        sha256sum "$file"
    done <"files.$STOPCTL_WORKER" >"sums.$STOPCTL_WORKER"
"#;

#[test]
fn work_is_ended_between_two_files_and_every_line_is_whole_and_right() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(WORKERS)
        .options(&["--timeout", "700ms"])
        .sh(WORKER)
        .start();
    let end = run.finish();
    end.expect(124);
    assert!(end.events.of("signal_sent").is_empty(), "{:?}", end.events);
    let outcomes = end.events.outcomes();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome == "flag" || outcome == "by_itself"),
        "{outcomes:?}"
    );
    let (mut done, mut all) = (0, 0);
    for worker in 0..WORKERS {
        let files = fs::read_to_string(base.file(&format!("files.{worker}"))).expect("its files");
        let sums = fs::read_to_string(base.file(&format!("sums.{worker}"))).expect("its sums");
        assert!(
            sums.is_empty() || sums.ends_with('\n'),
            "a torn line: {sums:?}"
        );
        for (line, file) in sums.lines().zip(files.lines()) {
            assert_eq!(line.get(66..), Some(file), "in order, and none left out");
        }
        let checked = base.sh(&format!(
            "[ ! -s sums.{worker} ] || sha256sum --check --quiet --strict sums.{worker}"
        ));
        assert_eq!(checked.ended, Ended::Code(0), "{checked:?}");
        done += sums.lines().count();
        all += files.lines().count();
    }
    assert!(
        done > 0 && done < all,
        "{done} of {all}: it was stopped on the way"
    );
}
