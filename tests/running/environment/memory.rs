//! A memory limit, and whom the kernel kills when it is reached.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::base::Base;
use crate::support::need::{Need, lacks, missing};

/// Enough for everybody but the one who wants more and more.
const LIMIT: &str = "67108864";

/// Worker 0 looks at its flag; worker 1, once told, takes memory until it is killed.
const GLUTTON: &str = r#"[ "$STOPCTL_WORKER" = 0 ] && exec "$0" polite
echo "ready worker=$STOPCTL_WORKER pid=$$"
until [ -e eat ]; do sleep 0.01; done
exec tail /dev/zero"#;

/// A control group with a memory limit, of either version.
struct Limited(PathBuf);

impl Limited {
    /// `None` if there can be none here, which was said.
    fn new(name: &str) -> Option<Self> {
        if lacks(Need::Root) {
            return None;
        }
        let name = format!("stopctl-test.{}.{name}", std::process::id());
        let places = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ];
        for (place, limit) in places {
            let group = Self(Path::new(place).join(&name));
            let made =
                fs::create_dir(&group.0).and_then(|()| fs::write(group.0.join(limit), LIMIT));
            if made.is_ok() {
                // Swap would only make it slow. Where there is none, there is no such file.
                for file in ["memory.swappiness", "memory.swap.max"] {
                    let _ = fs::write(group.0.join(file), "0");
                }
                return Some(group);
            }
        }
        missing("a memory control group that can be made");
        None
    }

    /// The start of a script that ends in `exec "$@"` within it.
    fn script(&self) -> String {
        format!(r#"echo $$ >{}/cgroup.procs; exec "$@""#, self.0.display())
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // The kernel may still clear away who was killed last.
        let since = Instant::now();
        while fs::remove_dir(&self.0).is_err() && since.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_worker_that_the_kernel_kills_for_its_memory_is_named_and_the_others_run_on() {
    let Some(limited) = Limited::new("worker") else {
        return;
    };
    let base = Base::new();
    let run = base
        .scenario()
        .name("limit")
        .workers(2)
        .through(&limited.script())
        .sh(GLUTTON)
        .zoo_as_argument()
        .start();
    run.ready(2);
    fs::write(base.file("eat"), "").expect("a file");
    run.wait_for("worker 1 failed: killed by SIGKILL; worker 0 still running");
    base.call(&["stop", "limit"]).expect(0);
    let end = run.finish();
    end.expect(137)
        .says("(out of memory, perhaps: see the kernel's log)");
    assert_eq!(end.events.outcomes(), ["flag", "by_others"]);
}

#[test]
fn a_supervisor_that_the_kernel_kills_for_memory_leaves_its_workers_to_the_guard() {
    let Some(limited) = Limited::new("supervisor") else {
        return;
    };
    let base = Base::new();
    let run = base
        .scenario()
        .name("limit")
        .workers(2)
        .options(&["-v"])
        .through(&limited.script())
        .sh(GLUTTON)
        .zoo_as_argument()
        .start();
    run.wait_for("guard started");
    run.ready(2);
    // The kernel takes it first; then, since that was not enough, the one that eats.
    fs::write(format!("/proc/{}/oom_score_adj", run.pid()), "1000").expect("oom_score_adj");
    fs::write(base.file("eat"), "").expect("a file");
    run.wait_for("the supervisor of limit (pid ");
    run.wait_for("flag 1   lost");
    let end = run.finish_unchecked();
    end.expect_signal(9).says("limit is over after ");
    assert!(end.out().contains("left "), "{}", end.out());
}
