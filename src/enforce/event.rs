//! What the owner of a run reports while it works. The library never prints: a witness is told.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::contract::record::RunRecord;
use crate::decide::outcome::Final;
use crate::tree::Straggler;
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// Something that happened in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// The run has its name; no worker has been started.
    RunStarted {
        /// The run.
        run: &'a RunRecord,
        /// Its directory.
        directory: &'a Path,
    },
    /// A worker's program runs.
    WorkerStarted {
        /// Its number.
        worker: WorkerNumber,
        /// Its main process.
        pid: Pid,
        /// Its flag.
        flag: &'a Path,
    },
    /// This signal is why SIGTERM's reason stands in the flags.
    Signalled {
        /// Its number.
        signal: i32,
    },
    /// Workers were asked to stop for the first time.
    StopRequested {
        /// Why.
        reason: &'a Reason,
        /// Which.
        workers: &'a [WorkerNumber],
        /// Which of them never looked at their flags.
        unaware: &'a [WorkerNumber],
        /// Whether that is the whole run.
        all: bool,
    },
    /// A worker was asked to stop before it was started, and is not started any more.
    CalledOff {
        /// Which.
        worker: WorkerNumber,
        /// Why.
        reason: &'a Reason,
    },
    /// A flag was raised, or shows another deadline.
    FlagRaised {
        /// Whose.
        worker: WorkerNumber,
        /// Why.
        reason: &'a Reason,
        /// The level that it shows.
        level: u8,
        /// The time until the next rung.
        deadline: Option<Duration>,
    },
    /// A worker's flag was opened for the first time.
    FirstLook {
        /// Whose.
        worker: WorkerNumber,
    },
    /// A worker has more time than it had.
    Extended {
        /// Which.
        worker: WorkerNumber,
        /// Why.
        why: Why,
        /// The time until the next rung.
        deadline: Option<Duration>,
        /// How often that was so, with this time.
        times: u32,
        /// Whether it was to have more than the longest grace there is.
        is_capped: bool,
    },
    /// A worker said that what it had to set up is there.
    WorkerReady {
        /// Which.
        worker: WorkerNumber,
    },
    /// A worker said that it has seen its flag, and stops.
    Acknowledged {
        /// Which.
        worker: WorkerNumber,
        /// The time since its flag was raised.
        after: Duration,
    },
    /// A signal of the ladder was sent.
    SignalSent {
        /// To a process of this worker.
        worker: WorkerNumber,
        /// To this one.
        pid: Pid,
        /// Its number.
        signal: i32,
    },
    /// The main process of a worker ignores the signal that is to end it.
    Ignored {
        /// Whose.
        worker: WorkerNumber,
        /// The signal's number.
        signal: i32,
    },
    /// A signal was passed on to a worker.
    Forwarded {
        /// To the main process of this worker.
        worker: WorkerNumber,
        /// Its number.
        signal: i32,
    },
    /// The kernel did not let us signal a process.
    SignalRefused {
        /// A process of this worker.
        worker: WorkerNumber,
        /// This one.
        pid: Pid,
        /// The signal's number.
        signal: i32,
        /// What the kernel said.
        error: &'a io::Error,
    },
    /// The main process of a worker ended.
    MainEnded {
        /// Which.
        worker: WorkerNumber,
        /// How; `None` if somebody else took the status.
        ended: Option<Ended>,
        /// Whether it had been asked to stop.
        asked: bool,
    },
    /// A process of a worker is still there after its main process ended.
    Straggler {
        /// Whose.
        worker: WorkerNumber,
        /// The process.
        straggler: &'a Straggler,
    },
    /// A straggler ended.
    StragglerEnded {
        /// Whose.
        worker: WorkerNumber,
        /// Its pid.
        pid: Pid,
    },
    /// A straggler is left alone, as it was asked for.
    StragglerLeft {
        /// Whose.
        worker: WorkerNumber,
        /// The process.
        straggler: &'a Straggler,
    },
    /// The run ends, and this process is our child without being of any worker.
    Nobodys {
        /// Its pid.
        pid: Pid,
        /// Its program's name.
        program: &'a str,
    },
    /// Something of a worker is still there after SIGKILL and the wait for it.
    NotEnded {
        /// Whose.
        worker: WorkerNumber,
        /// These processes.
        pids: &'a [Pid],
    },
    /// A worker is over, with everything it started.
    WorkerEnded(&'a Final),
    /// A child that shows no sign of being ours ended and was reaped.
    ForeignReaped {
        /// Its pid.
        pid: Pid,
    },
    /// A signal asked again so soon that it counts as the same request.
    Repeated {
        /// Its number.
        signal: i32,
    },
    /// Something came through `control` that is no request.
    Junk,
    /// Something does not work as it should; the run goes on.
    Warning(&'a str),
    /// The guard has this pid.
    GuardStarted {
        /// Its pid.
        pid: Pid,
    },
    /// The guard ended before the run did; it will be replaced.
    GuardEnded {
        /// Its pid.
        pid: Pid,
    },
    /// The supervisor died, and the process that reports this goes on with the ladders.
    SupervisorDied {
        /// Its pid.
        pid: Pid,
        /// The run's name.
        name: &'a str,
    },
    /// A worker of the supervisor that died was taken in.
    Adopted {
        /// Its number.
        worker: WorkerNumber,
        /// Its main process.
        pid: Pid,
    },
    /// The run's directory, or a file in it, was deleted by somebody and is there again.
    PutBack {
        /// The directory.
        directory: &'a Path,
    },
    /// The flag of this worker was written by somebody else, and says again what it should.
    Healed {
        /// Whose.
        worker: WorkerNumber,
    },
    /// The run is suspended: its workers are stopped, and its clocks stand still.
    Suspended,
    /// It goes on.
    Resumed {
        /// After so long.
        suspended: Duration,
    },
    /// Somebody has found us silent, and goes on with the ladders in our place.
    Deposed,
    /// Nobody is left.
    RunEnded {
        /// The exit status as a shell sees it; `None` after the supervisor died.
        status: Option<u8>,
        /// Why it was stopped, if it was.
        reason: Option<&'a Reason>,
        /// How long the run was.
        duration: Duration,
    },
}

/// Why a worker has more time than it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It looked at its flag, and had a shorter grace because nobody had seen it do that.
    Looked,
    /// It said that it needs more.
    Said,
    /// Somebody gave it more.
    Given,
}

impl Why {
    /// The word of the machine-readable output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Looked => "looked",
            Self::Said => "said",
            Self::Given => "given",
        }
    }
}

/// Who listens to a supervisor.
///
/// It is called from the loop that enforces the ladder, so it must never wait for anything.
pub trait Witness {
    /// Something happened, at the moment `now`.
    fn see(&mut self, now: Moment, event: &Event<'_>);

    /// The next moment at which it wants to be called without an event.
    fn deadline(&self) -> Option<Moment>;

    /// Called at the end of each wake-up, after its events.
    fn tick(&mut self, now: Moment);

    /// The processes that it has started. They are of no worker.
    fn helpers(&self) -> Vec<Pid> {
        Vec::new()
    }

    /// Called when all is over and nobody is left. It may wait until what it has to write is written, but
    /// not for ever.
    fn end(&mut self) {}
}
