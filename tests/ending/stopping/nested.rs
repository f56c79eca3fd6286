//! A run inside a worker of another one.

use std::time::{Duration, Instant};

use crate::support::base::Base;

#[test]
fn an_inner_run_obeys_the_flag_of_the_outer_one_with_reason_parent() {
    let base = Base::new();
    let zoo = crate::support::examples::zoo();
    let zoo = zoo.to_str().expect("a path in UTF-8");
    let run = base
        .scenario()
        .name("outer")
        .times("10s", "10s")
        .command(&[
            Base::program(),
            "run",
            "--name",
            "inner",
            "-n",
            "2",
            "--",
            zoo,
            "polite",
        ])
        .start();
    run.ready(2);
    base.call(&["stop", "outer"]).expect(0);
    run.wait_for("flag 1   parent");
    run.wait_for("flag 1   parent");
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn an_inner_ladder_fits_into_the_deadline_of_the_outer_one() {
    let base = Base::new();
    let zoo = crate::support::examples::zoo();
    let zoo = zoo.to_str().expect("a path in UTF-8");
    let run = base
        .scenario()
        .name("outer")
        .times("3s", "10s")
        .command(&[Base::program(), "run", "--grace", "1h", "--", zoo, "deaf"])
        .start();
    run.ready(1);
    let asked = Instant::now();
    base.call(&["stop", "outer"]).expect(0);
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(13), "{took:?}");
    let end = run.finish();
    assert!(end.out().contains("signal 15"), "{}", end.out());
}
