//! `stopctl run`: from what was typed to a plan, and from the plan to a verdict.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::Duration;

use stopctl::contract::record::{SignalTo, Stragglers};
use stopctl::decide::times::Times;
use stopctl::decide::verdict::Policy;
use stopctl::linux::cgroup::Use;
use stopctl::outside::outer::Outer;
use stopctl::run::launch::launch;
use stopctl::run::plan::{Notify, Plan, WhenOneEnds};
use stopctl::run::spawn::{Exposure, Place, SpawnError, Stdin};
use stopctl::run::supervisor::supervise;
use stopctl::words::duration::Limit;
use stopctl::words::escape::escaped;
use stopctl::words::name::RunName;
use stopctl::words::signal_name::{parse_signal, signal_name};

use crate::annotations::Annotations;
use crate::cli;
use crate::cli::run::{RunArgs, RunTimes};
use crate::events::Events;
use crate::exit::Leave;
use crate::report::Report;
use crate::show::excerpt;
use crate::voice::{Level, Trace, Voice, Weight};
use crate::warnings;

mod forward;
mod tidy;

/// The grace and the kill-after when nothing else was said.
const DEFAULT: Limit = Limit::After(Duration::from_secs(10));

/// How long after SIGKILL a process is reported as not ended: SIGKILL takes milliseconds, unless
/// the process is stuck in the kernel.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// The whole ladder as PID 1: container engines kill everything after 10 s.
const AS_PID_1: Duration = Duration::from_secs(9);

/// How many workers a run may have.
const MOST_WORKERS: u32 = 65_535;

pub(crate) fn run(args: &RunArgs) -> Leave {
    let plan = match plan(args) {
        Ok(plan) => plan,
        Err(problem) => return Leave::FAILED.saying(&problem),
    };
    let events = match args.events.as_deref().map(Events::open).transpose() {
        Ok(events) => events,
        Err(error) => {
            return Leave::FAILED.saying(&format_args!(
                "--events: {}: {error}",
                escaped(args.events.as_deref().unwrap_or_default())
            ));
        }
    };
    let mut voice = Voice::of_loop(&args.voice);
    if Level::of(&args.voice) == Level::Trace {
        trace();
    }
    for warning in warnings::before(&plan.command) {
        voice.say(Weight::Warning, &warning);
    }
    let outer = match Outer::from_env() {
        Ok(outer) => outer,
        Err(error) => {
            voice.say(Weight::Warning, &format!("{error}; running without it"));
            None
        }
    };
    tidy::tidy(plan.name.as_ref(), &mut voice);
    let launched = match launch(&plan) {
        Ok(launched) => launched,
        Err(error) => return Leave::FAILED.saying(&error),
    };
    let annotations = args.annotations;
    let annotations = annotations.map(|service| Annotations::new(service, plan.stop_signal));
    let mut report = Report::new(voice, events, annotations, &plan);
    match supervise(&plan, launched, outer, &mut report) {
        Ok(verdict) => verdict.into(),
        Err(error) => Leave::With(error.why().status()).saying(&not_started(&plan, &error)),
    }
}

/// How much of a program's name is said.
const PROGRAM: usize = 200;

fn not_started(plan: &Plan, error: &SpawnError) -> String {
    let program = excerpt(escaped(&plan.command[0]), PROGRAM);
    let exists = std::path::Path::new(&plan.command[0]).exists();
    let hint = match error {
        SpawnError::NotFound(_) if exists => {
            "; the interpreter that its first line names is missing"
        }
        SpawnError::NotFound(_) if plan.command.len() == 1 && program.contains(' ') => {
            "; it is one word with spaces in it: leave the quotes away"
        }
        SpawnError::NotFound(_) | SpawnError::NotRunnable(_) | SpawnError::Lacks(..) => "",
    };
    format!("cannot start '{program}': {error}{hint}")
}

/// What the run is to be.
pub(crate) fn plan(args: &RunArgs) -> Result<Plan, String> {
    let stop_signal = parse_signal(&args.signal).map_err(|error| wrong("--signal", &error))?;
    if [libc::SIGKILL, libc::SIGSTOP].contains(&stop_signal) {
        let name = signal_name(stop_signal);
        return Err(format!(
            "--signal: {name} cannot be caught, so it asks nobody; use another"
        ));
    }
    let times = times(args)?;
    let when_one_ends = match (args.stop_on_exit, args.stop_on_failure) {
        (true, _) => WhenOneEnds::Stop,
        (false, true) => WhenOneEnds::StopIfFailed,
        (false, false) => WhenOneEnds::GoOn,
    };
    let notify = match (args.ready, args.notify) {
        (cli::run::Ready::Notify, _) => Notify::Ready,
        (cli::run::Ready::Started, true) => Notify::Heard,
        (cli::run::Ready::Started, false) => Notify::Off,
    };
    let name = args.name.as_deref().map(RunName::parse).transpose();
    let workers = workers(&args.workers)?;
    let place = place(args.foreground, workers)?;
    let stopped_status = args.stopped_status.as_deref().map(str::parse).transpose();
    Ok(Plan {
        name: name.map_err(|error| wrong("--name", &error))?,
        workers,
        command: args.command.clone(),
        times,
        max_grace: max_grace(args.max_grace.as_deref(), &times)?,
        notify,
        timeout: timeout(args.timeout.as_deref())?,
        stop_signal,
        signal_to: signal_to(args)?,
        when_one_ends,
        place,
        stdin: stdin(args.stdin, workers, place),
        exposure: if args.shield {
            Exposure::Shielded
        } else {
            Exposure::Open
        },
        forward: forward::forward(&args.forward)?,
        policy: Policy {
            stopped_status: stopped_status
                .map_err(|_| "--stopped-status: write a number from 0 to 255".to_owned())?,
            preserve_status: args.preserve_status,
        },
        stragglers: match args.stragglers {
            cli::run::Stragglers::Stop => Stragglers::Stop,
            cli::run::Stragglers::Leave => Stragglers::Leave,
            cli::run::Stragglers::Wait => Stragglers::Wait,
        },
        cgroup: match args.cgroup {
            cli::run::Cgroup::Auto => Use::Auto,
            cli::run::Cgroup::Off => Use::Off,
            cli::run::Cgroup::Require => Use::Require,
        },
        tells_looks: args.events.is_some() || args.voice.verbose > 0,
        guard: !args.no_guard,
        managed: std::env::var_os("INVOCATION_ID").is_some(),
    })
}

/// Whom the stop signal reaches.
fn signal_to(args: &RunArgs) -> Result<SignalTo, String> {
    match (args.signal_to, args.stragglers) {
        (cli::run::SignalTo::Group, cli::run::Stragglers::Leave) => Err(
            "--signal-to group signals what --stragglers leave is to leave: give one of them"
                .to_owned(),
        ),
        (cli::run::SignalTo::Group, _) => Ok(SignalTo::Group),
        (cli::run::SignalTo::First, _) => Ok(SignalTo::First),
        (cli::run::SignalTo::Main, _) => Ok(SignalTo::Main),
    }
}

/// Several workers cannot share what we read, and one has no business with our terminal.
fn stdin(typed: Option<cli::run::Stdin>, workers: u32, place: Place) -> Stdin {
    let is_its_own = place == Place::Foreground;
    let shared = workers > 1 || (std::io::stdin().is_terminal() && !is_its_own);
    match typed {
        Some(cli::run::Stdin::Null) => Stdin::Null,
        None if shared => Stdin::Null,
        Some(cli::run::Stdin::Inherit) | None => Stdin::Inherit,
    }
}

/// The foreground of a terminal belongs to one group.
fn place(foreground: bool, workers: u32) -> Result<Place, String> {
    match (foreground, workers) {
        (false, _) => Ok(Place::OwnSession),
        (true, 1) => Ok(Place::Foreground),
        (true, _) => Err(format!(
            "--foreground: {workers} workers cannot share a terminal; leave --workers away"
        )),
    }
}

fn wrong(option: &str, error: &impl Display) -> String {
    format!("{option}: {error}")
}

fn workers(typed: &str) -> Result<u32, String> {
    let number = typed
        .parse()
        .ok()
        .filter(|number| (1..=MOST_WORKERS).contains(number));
    number.ok_or_else(|| format!("--workers: '{typed}' is not a number from 1 to {MOST_WORKERS}"))
}

fn timeout(typed: Option<&str>) -> Result<Option<Duration>, String> {
    match typed
        .map(str::parse)
        .transpose()
        .map_err(|error| wrong("--timeout", &error))?
    {
        Some(Limit::After(time)) if !time.is_zero() => Ok(Some(time)),
        Some(Limit::After(_) | Limit::Never) | None => Ok(None),
    }
}

/// The times of the ladder, with the grace of workers that never look.
fn times(args: &RunArgs) -> Result<Times, String> {
    let times = ladder(&args.times)?;
    let unaware = args.unaware_grace.as_deref().map(str::parse).transpose();
    let unaware =
        unaware.map_err(|error| wrong("--unaware-grace", &format!("{error}, or auto")))?;
    Ok(Times {
        unaware: unaware.unwrap_or(times.unaware),
        ..times
    })
}

fn ladder(typed: &RunTimes) -> Result<Times, String> {
    let parse = |option, typed: &Option<String>| {
        typed
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error| wrong(option, &error))
    };
    if let Some(whole) = parse("--stop-within", &typed.stop_within)? {
        return finite(whole).map(Times::within);
    }
    let grace = parse("--grace", &typed.grace)?;
    let kill_after = parse("--kill-after", &typed.kill_after)?;
    if kill_after == Some(Limit::After(Duration::ZERO)) {
        return Err(
            "--kill-after: 0 would mean 'never' to some and 'at once' to others: write \
                    infinity, or a short time such as 100ms"
                .to_owned(),
        );
    }
    if std::process::id() == 1 && grace.is_none() && kill_after.is_none() {
        return Ok(Times::within(AS_PID_1));
    }
    let (grace, kill_after) = (grace.unwrap_or(DEFAULT), kill_after.unwrap_or(DEFAULT));
    Ok(Times::plain(grace, kill_after, KILL_WAIT))
}

/// The longest grace there is.
fn max_grace(typed: Option<&str>, times: &Times) -> Result<Limit, String> {
    let typed = typed.map(str::parse).transpose();
    let typed = typed.map_err(|error| wrong("--max-grace", &error))?;
    Ok(typed.unwrap_or(match times.grace {
        Limit::After(grace) => Limit::After(grace.saturating_mul(3)),
        Limit::Never => Limit::Never,
    }))
}

/// The time that a whole ladder is to take.
pub(crate) fn finite(whole: Limit) -> Result<Duration, String> {
    match whole {
        Limit::After(time) if !time.is_zero() => Ok(time),
        Limit::After(_) | Limit::Never => {
            Err("--stop-within: write a time that ends and is not 0".to_owned())
        }
    }
}

/// Sets up what `-vv` shows; only then, for it is dear.
fn trace() {
    let subscriber = tracing_subscriber::fmt().with_writer(|| Trace);
    // Somebody else's would be as good.
    let _ = subscriber.with_max_level(tracing::Level::TRACE).try_init();
}
