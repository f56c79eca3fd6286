//! A run whose record cannot be read: another version of stopctl wrote it, or somebody damaged it.
//! Whom it has is not known. Its owner is asked all the same: `owner` and `control` are what all
//! versions have in common.

use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::contract::base::Base;
use stopctl::contract::control::{Asker, StopRequest};
use stopctl::contract::record::{RecordError, RecordReader};
use stopctl::contract::run_dir::RunDir;
use stopctl::contract::standing::Standing;
use stopctl::linux::interrupts::Interrupts;
use stopctl::linux::process;
use stopctl::outside::rescue::{self, Care};
use stopctl::words::name::RunName;

use crate::screen::heed;
use crate::target::{Demand, Waited};
use crate::voice::{Voice, Weight};

/// How long it is slept between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// How long whoever takes over needs to sign.
const SIGNING: Duration = Duration::from_millis(10);

/// A run whose record cannot be read.
pub(crate) struct Sealed {
    name: RunName,
    dir: RunDir,
    /// Its name, and why.
    pub(crate) what: String,
    /// Why it cannot be stopped.
    pub(crate) problem: Option<String>,
}

impl Sealed {
    /// The run of this name, if it is there and is such a one.
    pub(crate) fn find(base: &Base, name: &RunName) -> Option<Self> {
        let dir = RunDir::open(base, name).ok()??;
        match RecordReader::open(&dir).and_then(|record| record.read()) {
            Ok(_) => None,
            // Removed between two looks: it has just ended.
            Err(RecordError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(Self {
                what: format!("{name}: {error}"),
                name: name.clone(),
                dir,
                problem: None,
            }),
        }
    }

    /// Asks its owner to stop; a run without one gets one first, who asks its workers.
    pub(crate) fn ask(&mut self, demand: &Demand, voice: &mut Voice) {
        let notice = format!("{}; its owner is asked all the same", self.what);
        voice.say(Weight::Warning, &notice);
        if matches!(Standing::of(&self.dir), Standing::Orphaned(_)) {
            self.take_over(voice);
        }
        if self.problem.is_some() {
            return;
        }
        if let Err(error) = self.send(demand) {
            self.problem = Some(format!("{} cannot be asked: {error}", self.name));
        }
    }

    fn send(&self, demand: &Demand) -> std::io::Result<()> {
        let mut asker = Asker::open(self.dir.as_fd())?;
        let each = demand.workers.iter().copied().map(Some);
        let all = demand.workers.is_empty().then_some(None);
        for worker in each.chain(all) {
            let request = StopRequest {
                worker,
                rung: demand.rung,
                times: demand.times,
                reason: demand.reason.clone(),
            };
            if !asker.send(&request)? {
                asker.wait_until_writable(LOOK);
                if !asker.send(&request)? {
                    return Err(std::io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }

    fn take_over(&mut self, voice: &mut Voice) {
        match rescue::care_for(&self.dir) {
            Care::Owned(warnings) => {
                for warning in warnings {
                    voice.say(Weight::Warning, &format!("{}: {warning}", self.name));
                }
            }
            Care::Mended | Care::Removed | Care::Gone => {}
            Care::Unverifiable(why) => {
                let name = &self.name;
                self.problem = Some(format!("{name} cannot be stopped from here: {why}"));
            }
            Care::Failed(why) => {
                self.problem = Some(format!("{} cannot be taken over: {why}", self.name));
            }
        }
    }

    /// Waits until its name is free. Whether one of its workers has ended nobody can tell: if only
    /// some were asked, nothing is waited for.
    pub(crate) fn watch(
        &mut self,
        demand: &Demand,
        voice: &mut Voice,
        interrupts: &Interrupts,
    ) -> Waited {
        while demand.workers.is_empty() && self.problem.is_none() && self.dir.is_there() {
            if let Some(signal) = heed(interrupts, voice.screen()) {
                return Waited::Until(signal);
            }
            match Standing::of(&self.dir) {
                Standing::Owned(owned) => process::wait_for_end(&owned.pidfd, LOOK),
                Standing::Changing => std::thread::sleep(SIGNING),
                Standing::Orphaned(_) | Standing::Unreadable | Standing::Unverifiable(_) => {
                    self.take_over(voice);
                }
            }
        }
        if self.problem.is_none() && !self.dir.is_there() {
            voice.say(Weight::Notice, &format!("{} is over", self.name));
        }
        Waited::ToTheEnd
    }
}
