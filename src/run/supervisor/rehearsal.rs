//! A run that has files and no worker, for unit tests of what is done with a run.

use std::fs::File;
use std::time::Duration;

use crate::contract::control::Control;
use crate::contract::owner::OwnerFile;
use crate::contract::record::{Record, RunRecord, SignalTo, Stragglers};
use crate::decide::times::Times;
use crate::decide::verdict::Policy;
use crate::enforce::event::{Event, Witness};
use crate::enforce::run::{Files, Run};
use crate::linux::cgroup::Use;
use crate::linux::process;
use crate::run::plan::{Notify, Plan, WhenOneEnds};
use crate::run::spawn::{Exposure, Place, Stdin};
use crate::tree::Search;
use crate::words::duration::Limit;
use crate::words::moment::Moment;
use crate::words::pid::Pid;

/// The moment at which everything happens.
pub(super) const NOW: Moment = Moment::from_nanos(1_000_000_000);

/// The plan of a run of so many workers.
pub(super) fn plan(workers: u32) -> Plan {
    Plan {
        name: None,
        workers,
        command: vec!["true".into()],
        times: Times::plain(Limit::Never, Limit::Never, Duration::from_secs(5)),
        max_grace: Limit::Never,
        notify: Notify::Off,
        timeout: None,
        stop_signal: libc::SIGTERM,
        signal_to: SignalTo::First,
        when_one_ends: WhenOneEnds::GoOn,
        place: Place::OwnSession,
        stdin: Stdin::Null,
        exposure: Exposure::Open,
        forward: Vec::new(),
        policy: Policy::default(),
        stragglers: Stragglers::Stop,
        cgroup: Use::Off,
        tells_looks: false,
        guard: false,
        managed: false,
    }
}

/// Has `act` do something with the run of `plan`, of which no worker is started yet. Answers what is
/// told of it.
pub(super) fn of_run(plan: &Plan, act: impl FnOnce(&mut Run<'_>)) -> Vec<String> {
    let workers = plan.workers;
    let dir = tempfile::tempdir().unwrap();
    let open = || File::open(dir.path()).unwrap();
    let header = RunRecord::new(
        "rehearsed".to_owned(),
        Pid::FIRST,
        vec!["true".to_owned()],
        workers,
    );
    let owner = OwnerFile::create(open(), &process::own_identity()).unwrap();
    let control = Control::create(open()).unwrap();
    let record = Record::create(open(), &header).unwrap();
    let files = Files::new(owner, control, record, header);
    let mut told = Told(Vec::new());
    let mut run = Run::new(files, plan.rules(), Search::of_stranger(), &mut told);
    run.set_unstarted(workers);
    act(&mut run);
    drop(run);
    told.0
}

/// Writes down what is told.
struct Told(Vec<String>);

impl Witness for Told {
    fn see(&mut self, _: Moment, event: &Event<'_>) {
        self.0.push(format!("{event:?}"));
    }

    fn deadline(&self) -> Option<Moment> {
        None
    }

    fn tick(&mut self, _: Moment) {}
}
