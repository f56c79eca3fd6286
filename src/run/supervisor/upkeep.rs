//! Keeping the directory of the run, and putting back what somebody else deleted or wrote: logind
//! deletes what a user has in shared memory when that user logs out (`RemoveIPC`), and people delete
//! what they do not know.
//!
//! A file that is mapped or open lives on without a name, so the workers lose nothing; but nobody
//! could stop the run by its name any more.

use std::io;

use super::deletion::Deletion;
use super::hearing::Hearing;
use crate::contract::run_dir::{PublishError, RunDir};
use crate::enforce::event::Event;
use crate::enforce::run::Run;
use crate::linux::files;
use crate::linux::notices::Notices;
use crate::linux::plain::plain;
use crate::run::launch::{self, lacks::DNOTIFY};
use crate::words::moment::Moment;
use crate::words::name::RunName;

/// How many descriptors the flags may not take: the guard needs some.
const ROOM: usize = 8;

/// The directory of the run, and what is known of deletions in it.
#[derive(Debug)]
pub(super) struct Upkeep {
    dir: RunDir,
    deletion: Deletion,
    /// What tells of a deletion.
    notices: Option<Notices>,
    /// Whether we have tried to be told.
    was_tried: bool,
    /// Whether it was said that something cannot be put back.
    complained: bool,
}

/// What came of putting back.
#[derive(Debug)]
pub(super) struct PutBack {
    /// Whether anything was missing that is there again.
    pub(super) is_news: bool,
    /// Why something is still missing, in words.
    pub(super) complaint: Option<String>,
}

/// What was found, and what became of it.
struct Restored {
    /// Whether anything was missing that is there again.
    missing: bool,
    /// Why some flags could not be made.
    flags: io::Result<()>,
}

impl Upkeep {
    pub(super) fn new(dir: RunDir) -> Self {
        Self {
            dir,
            deletion: Deletion::default(),
            notices: None,
            was_tried: false,
            complained: false,
        }
    }

    /// The directory of the run.
    pub(super) fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// The directory stays when this value ends.
    pub(super) fn keep_dir(&mut self) {
        self.dir.keep();
    }

    /// When something is to be put back.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.deletion.over_at()
    }

    /// Is told of deletions from now on, if that was not tried before.
    pub(super) fn listen_once(&mut self, run: &mut Run<'_>, now: Moment) {
        if !self.was_tried {
            self.listen(run, now);
        }
    }

    /// Is told of deletions from now on, where the directory is by now. What was deleted before is
    /// found too.
    pub(super) fn listen(&mut self, run: &mut Run<'_>, now: Moment) {
        let is_first = !std::mem::replace(&mut self.was_tried, true);
        let (base, path) = (self.dir.base(), self.dir.base().path());
        match Notices::of(&self.dir, base, path) {
            Ok(notices) => {
                self.notices = Some(notices);
                self.deletion.goes_on(now);
            }
            // The run goes on without: nearly always nobody deletes anything.
            Err(_) if is_first => run.lacks(DNOTIFY),
            Err(_) => self.notices = None,
        }
    }

    /// Whether the kernel tells us of deletions.
    pub(super) fn is_told(&self) -> bool {
        self.notices.is_some()
    }

    /// Something may have been deleted or written just now, by us or by others.
    pub(super) fn is_touched(&mut self, now: Moment) {
        self.deletion.goes_on(now);
    }

    /// Makes again what has no name any more, and what is not as we have written it.
    pub(super) fn put_back(
        &mut self,
        run: &mut Run<'_>,
        hearing: Option<&mut Hearing>,
        now: Moment,
    ) -> PutBack {
        self.deletion.is_answered();
        if !run.is_ours() {
            // Whoever took over has ended the run, and removed its directory.
            return PutBack {
                is_news: false,
                complaint: None,
            };
        }
        run.on_each(now, |worker, turn| {
            if worker.flag().heal().is_ok_and(|healed| healed) {
                let worker = worker.number();
                turn.witness.see(now, &Event::Healed { worker });
            }
        });
        match self.restore(run, hearing) {
            Ok(Restored { missing, flags }) => {
                if missing {
                    let directory = self.dir.path();
                    run.tell(now, &Event::PutBack { directory });
                }
                self.complained &= flags.is_err();
                let name = self.dir.name();
                let complaint = flags.err().map(|error| {
                    format!(
                        "flags of {name} cannot be put back: {}; its workers are asked all \
                         the same if they have them open",
                        plain(&error)
                    )
                });
                PutBack {
                    is_news: missing,
                    complaint,
                }
            }
            Err(error) => {
                let (name, pid) = (self.dir.name(), run.files().header().pid);
                let complaint = format!(
                    "the directory of {name} was deleted and cannot be put back: {}; its \
                     workers are stopped by signals to this process (pid {pid})",
                    plain(&error)
                );
                PutBack {
                    is_news: false,
                    complaint: Some(complaint),
                }
            }
        }
    }

    /// Says once that something cannot be put back; it is tried again later.
    pub(super) fn complain(&mut self, complaint: &str, run: &mut Run<'_>, now: Moment) {
        if !std::mem::replace(&mut self.complained, true) {
            run.warn(complaint);
        }
        self.deletion.try_again(now);
    }

    /// Is told of deletions no more, and puts nothing back.
    pub(super) fn let_go(&mut self) {
        self.notices = None;
        self.deletion.is_answered();
    }

    fn restore(
        &mut self,
        run: &mut Run<'_>,
        hearing: Option<&mut Hearing>,
    ) -> io::Result<Restored> {
        if self.dir.is_there() {
            return fill(&self.dir, run, hearing);
        }
        if self.dir.come_back()? {
            let filled = fill(&self.dir, run, hearing)?;
            return Ok(Restored {
                missing: true,
                ..filled
            });
        }
        let name = RunName::parse(self.dir.name().as_ref()).map_err(io::Error::other)?;
        let mut new = RunDir::build().map_err(io::Error::other)?;
        if new.base().open_run(&name)?.is_some() {
            // Found out before anything is made that has to be kept for the workers.
            return Err(PublishError::Taken.into());
        }
        self.dir.keep();
        let filled = fill(&new, run, hearing)?;
        new.publish(&name)?;
        std::mem::replace(&mut self.dir, new).abandon();
        Ok(Restored {
            missing: true,
            ..filled
        })
    }
}

/// Makes the files again that are missing in `dir`; of the flags as many as can be made.
fn fill(dir: &RunDir, run: &mut Run<'_>, hearing: Option<&mut Hearing>) -> io::Result<Restored> {
    files::clear_aside(dir);
    let mut missing = run.put_back_files(dir)?;
    if let Some(hearing) = hearing {
        missing |= hearing.put_back(dir)?;
    }
    // The flags are many, and each takes one descriptor more until nobody has the old one open.
    launch::allow_all_descriptors();
    let room: Vec<_> = (0..ROOM)
        .map_while(|_| run.files().requests().try_clone_to_owned().ok())
        .collect();
    let (gone, flags) = run.put_back_flags(dir);
    drop(room);
    missing |= gone;
    Ok(Restored { missing, flags })
}

#[cfg(test)]
mod tests {
    use nix::fcntl::OFlag;

    use super::super::rehearsal::{NOW, of_run, plan};
    use super::{RunDir, Upkeep, files};

    fn upkeep() -> Upkeep {
        Upkeep::new(RunDir::build().unwrap())
    }

    #[test]
    fn what_is_missing_is_put_back_once() {
        let told = of_run(&plan(1), |run| {
            // The files of this run are in another directory.
            let mut upkeep = upkeep();
            for is_news in [true, false] {
                upkeep.is_touched(NOW);
                let put_back = upkeep.put_back(run, None, NOW);
                assert_eq!(put_back.is_news, is_news);
                assert_eq!(put_back.complaint, None);
                assert_eq!(upkeep.deadline(), None);
            }
            for name in ["owner", "control", "record"] {
                let file = files::open(upkeep.dir(), name, OFlag::O_PATH);
                assert!(file.is_ok(), "{name}");
            }
        });
        let news = told.iter().filter(|event| event.starts_with("PutBack"));
        assert_eq!(news.count(), 1);
    }

    #[test]
    fn what_cannot_be_put_back_is_told_once_and_tried_again() {
        let told = of_run(&plan(1), |run| {
            let mut upkeep = upkeep();
            for _ in 0..2 {
                upkeep.complain("it cannot be put back", run, NOW);
                assert!(upkeep.deadline() > Some(NOW));
            }
            upkeep.let_go();
            assert_eq!(upkeep.deadline(), None);
        });
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
