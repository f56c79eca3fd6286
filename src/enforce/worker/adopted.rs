//! A worker that somebody else started, and whose ladder we go on with.

use super::{Asked, Life, Main, Program, Said, Stranger, Worker};
use crate::contract::flag::format::Request;
use crate::contract::flag::writer::FlagFile;
use crate::contract::record::{Born, SignalTo, Stragglers, WorkerRecord, WorkerState};
use crate::decide::ladder::{Input, Ladder, Rung};
use crate::decide::times::Times;
use crate::enforce::event::Event;
use crate::enforce::turn::Turn;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::Found;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// What an owner that is no more has left of a worker.
#[derive(Debug)]
pub struct Heritage {
    /// The worker's number.
    pub number: WorkerNumber,
    /// Its main process.
    pub born: Born,
    /// That process itself.
    pub main: Stranger,
    /// Its flag.
    pub flag: FlagFile,
    /// Whether the kernel can note who reads that.
    pub notes_reads: bool,
    /// What the flag says; `None` while it is down.
    pub request: Option<Request>,
    /// What the record says.
    pub record: WorkerRecord,
    /// Those that its main process left behind, as far as that says, and what became of them.
    pub rest: Vec<(i32, Found)>,
    /// Its control group, if it had one.
    pub cgroup: Option<Cgroup>,
}

impl Worker {
    /// Goes on with the ladder of a worker where it stands. The flag tells that: it is written
    /// before any signal is sent. Where it does not, the record does.
    #[must_use]
    pub fn adopt(heritage: Heritage, times: Times, turn: &mut Turn<'_>) -> Self {
        let now = turn.now;
        let Heritage {
            number,
            born,
            main,
            flag,
            notes_reads,
            request,
            record,
            rest,
            cgroup,
        } = heritage;
        let began = record.started_ns.map_or(now, Moment::from_nanos);
        let ladder = Ladder::new(times, began);
        let mut worker = Self::new(number, born.pid, flag, cgroup, (began, ladder));
        worker.main = Main::Stranger(main);
        worker.tree.recall(born.start, turn.search);
        worker.program = Program::Runs;
        worker.start = Some(born.start);
        worker.changed = true;
        // Its program may have begun when the owner was dead, or about to die.
        worker.told = record.state != WorkerState::Starting;
        worker.tell_start(turn);
        worker.looked = match record.looked {
            Some(false) if notes_reads && worker.flag.keep_noting_reads() => {
                Some(worker.flag.take_read())
            }
            // Nobody would see a late look: it has the time of one that looks.
            Some(false) | None => None,
            Some(true) => Some(true),
        };
        if worker.looked != Some(false) {
            let _ = worker.ladder.step(Input::Looked, now);
        }
        for (pid, found) in rest {
            worker.tree.hold_found(pid, found);
        }
        if let (Stragglers::Wait, ended @ Some(_)) = (turn.rules.stragglers, record.ended()) {
            worker.life = Life::Remains { ended, at: now };
            worker.tree.mark_greeted();
            worker.stragglers = record.stragglers;
        }
        worker.extensions = record.extensions;
        worker.said = Said::recorded(&record);
        let adopted = Event::Adopted {
            worker: number,
            pid: born.pid,
        };
        turn.tell(&adopted);
        // The record is as new as the flag, or one step older, unless somebody has cut the flag, or
        // deleted it.
        let told = request
            .as_ref()
            .and_then(|there| Rung::of_level(there.level));
        let recorded = Rung::of_level(record.level.saturating_add(b'0'));
        let Some(rung) = told.max(recorded) else {
            return worker;
        };
        let request = request.filter(|_| told == Some(rung));
        let (reason, deadline) = request.map_or((Reason::LOST, None), |request| {
            (request.reason.unwrap_or(Reason::USER), request.deadline)
        });
        let raised = record.raised_ns.map_or(now, Moment::from_nanos);
        worker.asked = Some(Asked { reason, at: raised });
        let noted = record.deadline_ns.filter(|_| recorded == Some(rung));
        let until = deadline.or(noted.map(Moment::from_nanos));
        worker.ladder = worker.ladder.resumed(rung, raised, until, now);
        if told != Some(rung) {
            worker.write_flag(turn);
        }
        match rung {
            Rung::Flag => worker.let_it_look(turn),
            // The owner may have died between the flag and the signal. The record is written
            // after both.
            Rung::Term if record.level >= rung.level() => {
                // It died while the run was suspended, perhaps: what is stopped can do nothing about
                // its signal.
                worker.let_it_go_on(turn);
                match turn.rules.signal_to {
                    SignalTo::First => worker.spare_the_rest(now),
                    SignalTo::Group => worker.have_signalled_all(turn),
                    SignalTo::Main => {}
                }
            }
            Rung::Term | Rung::Kill => worker.use_signal(rung, turn),
        }
        worker
    }
}
