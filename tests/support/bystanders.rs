//! Unrelated processes beside a run: whatever becomes of it, none of them may get a signal.

use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use super::base::Base;
use super::examples::zoo;
use super::started::Started;

/// Processes that count every signal they get.
#[must_use = "they are asked at the end, with check()"]
pub(crate) struct Bystanders(Vec<Started>);

impl Bystanders {
    /// One in the group of the test, and one that leads a group, as a worker does. Both run the
    /// program that most workers of the tests run.
    pub(crate) fn around(base: &Base) -> Self {
        let mut leader = base.command(zoo());
        leader
            .arg("canary")
            .env_remove("STOPCTL_DIR")
            .env("HOME", "/")
            .stdin(Stdio::piped())
            .process_group(0);
        let leader = Started::begin(leader, base.root(), None);
        leader.wait_for("ready");
        Self(vec![base.canary(), leader])
    }

    /// All of them live, and got no signal.
    #[track_caller]
    pub(crate) fn check(self) {
        for bystander in self.0 {
            let end = bystander.finish();
            let said = end.out();
            assert!(
                said.contains("counted 0"),
                "a bystander was signalled: {said}"
            );
        }
    }
}
