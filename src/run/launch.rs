//! Everything that has to be there before the first worker is started. If any of it fails, nothing
//! is left.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::contract::base::BaseError;
use crate::contract::control::Control;
use crate::contract::notify::{Inbox, InboxError};
use crate::contract::owner::OwnerFile;
use crate::contract::record::{Record, RunRecord};
use crate::contract::run_dir::{PublishError, RunDir};
use crate::failpoint;
use crate::linux::cgroup::{Cgroup, Use};
use crate::linux::plain::plain;
use crate::linux::process::{self, Identity};
use crate::linux::signals::Signals;
use crate::linux::terminal::Terminal;
use crate::outside::holder::Holder;
use crate::run::plan::{Notify, Plan};
use crate::run::spawn::{self, Environment, Place, Program, Recipe, Stdin};
use crate::tree::Search;
use crate::words::name::RunName;

pub mod lacks;
mod open_files;

pub(crate) use open_files::allow_all_descriptors;

use open_files::Room;

/// What workers without a standard input read.
const NULL: &str = "/dev/null, which the workers are to read (--stdin inherit does without)";

/// How many names made from a command are tried while each is taken.
const NAMES: u32 = 100;

/// A run with a name, a directory and no worker yet.
#[derive(Debug)]
pub struct Launched {
    /// Its directory.
    pub dir: RunDir,
    /// Its owner file, whose word is ours.
    pub owner: OwnerFile,
    /// Where requests come in.
    pub control: Control,
    /// Where everybody can read what becomes of it.
    pub record: Record,
    /// The header of the record.
    pub run: RunRecord,
    /// Where workers speak to us, if they may.
    pub inbox: Option<Inbox>,
    /// Where the signals to us are read.
    pub signals: Signals,
    /// How a worker is started.
    pub recipe: Recipe,
    /// How many workers may be on the way to their programs at once.
    pub on_the_way: usize,
    /// The terminal, which is lent to a worker that runs in the foreground.
    pub terminal: Option<Terminal>,
    /// Finds the processes of workers.
    pub search: Search,
    /// The control group in which each worker gets one of its own, if workers get any.
    pub cgroup: Option<Cgroup>,
}

/// A run could not begin.
#[derive(Debug)]
pub enum LaunchError {
    /// The base directory cannot be used.
    Base(BaseError),
    /// Another run has the name; `None` is one that has just ended.
    Taken(RunName, Option<Box<Holder>>),
    /// The limit of open files is too low: what is needed, and the hard limit.
    OpenFiles(u64, u64),
    /// Workers cannot be given a socket to speak to.
    Inbox(InboxError),
    /// This could not be made.
    System(&'static str, io::Error),
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base(error) => error.fmt(f),
            Self::Taken(name, _) => write!(f, "there is a run named '{name}' already"),
            Self::Inbox(error) => error.fmt(f),
            Self::OpenFiles(need, limit) => write!(
                f,
                "too few files may be open: {need} are needed, the limit is {limit}; raise it \
                 (ulimit -n) or start fewer workers"
            ),
            Self::System(what, error) => write!(f, "{what}: {}", plain(error)),
        }
    }
}

impl Error for LaunchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Base(error) => Some(error),
            Self::Inbox(error) => Some(error),
            Self::System(_, error) => Some(error),
            Self::Taken(..) | Self::OpenFiles(..) => None,
        }
    }
}

impl LaunchError {
    /// The error of a call for this file of a run in the base directory at `base`.
    fn of_file(base: &Path, what: &'static str, error: io::Error) -> Self {
        BaseError::of_room(base, error).map_or_else(|error| Self::System(what, error), Self::Base)
    }
}

impl From<BaseError> for LaunchError {
    fn from(error: BaseError) -> Self {
        Self::Base(error)
    }
}

/// Prepares the run of `plan`: takes its name and becomes its owner.
///
/// # Errors
///
/// If any part of it cannot be had. Nothing is left then.
pub fn launch(plan: &Plan) -> Result<Launched, LaunchError> {
    let system = |what| move |error: io::Error| LaunchError::System(what, error);
    failpoint::pass("start");
    let signals = Signals::install(&plan.forward).map_err(system("signals"))?;
    let path = std::env::var_os("PATH");
    let program = Program::of(&plan.command, path.as_deref());
    let program = program.map_err(system("the command has a zero byte in it"))?;
    let null = match plan.stdin {
        Stdin::Inherit => None,
        Stdin::Null => Some(File::open("/dev/null").map_err(system(NULL))?),
    };
    let Room {
        open_files,
        on_the_way,
    } = open_files::make_room(plan.workers)?;
    // Orphans of workers become our children, so they are reaped and cannot get lost.
    let lacks = lacks::ask();
    let search = if lacks.iter().any(|what| what == lacks::SUBREAPER) {
        Search::of_stranger()
    } else {
        Search::of_subreaper()
    };

    failpoint::pass("signals taken");
    let identity = process::own_identity();
    let mut dir = RunDir::build()?;
    let base = dir.base().path().to_owned();
    let file = |what| {
        let base = &base;
        move |error: io::Error| LaunchError::of_file(base, what, error)
    };
    let owner = OwnerFile::create(&dir, &identity).map_err(file("the file 'owner'"))?;
    let control = Control::create(&dir).map_err(file("the FIFO 'control'"))?;
    let mut name = match &plan.name {
        Some(name) => name.clone(),
        None => RunName::from_command(&plan.command[0], identity.pid),
    };
    let mut run = described(plan, &identity, &name);
    run.lacks = lacks;
    run.notes_reads = dir.base().storage().notes_reads;
    let mut record = Record::create(&dir, &run).map_err(file("the file 'record'"))?;
    let mut others = 2..NAMES;
    while let Err(error) = dir.publish(&name) {
        match (error, &plan.name, others.next()) {
            (PublishError::Taken, None, Some(number)) => {
                name = RunName::from_command(&plan.command[0], identity.pid).again(number);
            }
            (PublishError::Taken, _, _) => {
                let holder = Holder::of(dir.base(), &name).map(Box::new);
                return Err(LaunchError::Taken(name, holder));
            }
            (PublishError::Io(error), _, _) => {
                return Err(LaunchError::of_file(&base, "publishing the run", error));
            }
        }
        name.as_str().clone_into(&mut run.name);
        record.set_run(&run);
        record.commit().map_err(file("the file 'record'"))?;
    }
    let inbox = match plan.notify {
        Notify::Off => None,
        Notify::Heard | Notify::Ready => {
            Some(Inbox::create(&dir, dir.path()).map_err(LaunchError::Inbox)?)
        }
    };
    let cgroup = control_group(plan.cgroup, &mut run, &mut record)?;
    let recipe = Recipe {
        program,
        environment: Environment::inherited(&spawn::ours_alone()),
        run: run.name.clone(),
        notify: inbox.as_ref().map(|inbox| inbox.path().to_owned()),
        workers: plan.workers,
        place: plan.place,
        null,
        exposure: plan.exposure,
        stop_signal: plan.stop_signal,
        open_files,
    };
    failpoint::pass("published");
    let terminal = match plan.place {
        Place::OwnSession => None,
        Place::Foreground => Terminal::open(),
    };
    Ok(Launched {
        dir,
        owner,
        control,
        record,
        run,
        inbox,
        signals,
        recipe,
        on_the_way,
        terminal,
        search,
        cgroup,
    })
}

/// Makes the control group of the run, if it is to have one.
fn control_group(
    usage: Use,
    run: &mut RunRecord,
    record: &mut Record,
) -> Result<Option<Cgroup>, LaunchError> {
    let system = |what| move |error: io::Error| LaunchError::System(what, error);
    let required = "--cgroup require: no control group can be made";
    let group = Cgroup::for_run(&run.name, usage).map_err(system(required))?;
    let Some(group) = group else {
        return Ok(None);
    };
    // ORDER: the group is on record before it is there, for whoever takes over has to remove it.
    let command = run.command.clone();
    run.cgroup = Some(group.path().display().to_string());
    if !run.fit() {
        // Whoever takes over would not know of the group.
        (run.command, run.cgroup) = (command, None);
        let error = io::Error::other("its path is too long to be on record");
        return match usage {
            Use::Require => Err(LaunchError::System(required, error)),
            Use::Auto | Use::Off => Ok(None),
        };
    }
    record.set_run(run);
    record.commit().map_err(system("the file 'record'"))?;
    match (group.make(), usage) {
        (Ok(()), Use::Auto | Use::Off | Use::Require) => Ok(Some(group)),
        (Err(error), Use::Require) => Err(LaunchError::System(required, error)),
        (Err(_), Use::Auto | Use::Off) => {
            run.cgroup = None;
            record.set_run(run);
            Ok(None)
        }
    }
}

/// The header of the record of `plan`.
fn described(plan: &Plan, identity: &Identity, name: &RunName) -> RunRecord {
    let command = plan
        .command
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut run = RunRecord::new(name.to_string(), identity.pid, command, plan.workers);
    run.signed = identity.to_string();
    run.managed = plan.managed;
    run.started_unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(0);
    run.set_times(&plan.times, plan.max_grace);
    run.stop_signal = plan.stop_signal;
    run.signal_to = plan.signal_to;
    run.stragglers = plan.stragglers;
    run.hears_workers = plan.notify != Notify::Off;
    run
}
