//! From what was typed to the plan of a run.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use stopctl::contract::record::{SignalTo, Stragglers};
use stopctl::decide::times::Times;
use stopctl::decide::verdict::Policy;
use stopctl::linux::cgroup::Use;
use stopctl::run::plan::{Notify, Plan, WhenOneEnds};
use stopctl::run::spawn::{Exposure, Place, Stdin};
use stopctl::words::duration::Limit;
use stopctl::words::name::RunName;
use stopctl::words::signal_name::{parse_signal, signal_name};

use super::forward;
use crate::cli;
use crate::cli::run::{GRACE, KILL_AFTER, RunArgs, RunTimes, STOP_WITHIN, UNAWARE_GRACE};

/// The grace and the kill-after if nothing else was typed.
const DEFAULT: Limit = Limit::After(Duration::from_secs(10));

/// How long after SIGKILL a process is reported as not ended: SIGKILL takes milliseconds, unless
/// the process is stuck in the kernel.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// The whole ladder as PID 1: a container engine kills everything 10 s after it asked.
const AS_PID_1: Duration = Duration::from_secs(9);

/// The most workers that a run may have.
const MOST_WORKERS: u32 = 65_535;

/// What the run is to be; `variables` are those that times come from, and not the command line.
pub(crate) fn plan(args: &RunArgs, variables: &[&str]) -> anyhow::Result<Plan> {
    let stop_signal = parse_signal(&args.stopped.signal).context("--signal")?;
    if [libc::SIGKILL, libc::SIGSTOP].contains(&stop_signal) {
        let name = signal_name(stop_signal);
        bail!("--signal: no worker can handle {name}: choose another signal");
    }
    let times = times(args, variables)?;
    let when_one_ends = match (args.stopped.stop_on_exit, args.stopped.stop_on_failure) {
        (true, _) => WhenOneEnds::Stop,
        (false, true) => WhenOneEnds::StopIfFailed,
        (false, false) => WhenOneEnds::GoOn,
    };
    let notify = match (args.ties.ready, args.ties.notify) {
        (cli::run::Ready::Notify, _) => Notify::Ready,
        (cli::run::Ready::Started, true) => Notify::Heard,
        (cli::run::Ready::Started, false) => Notify::Off,
    };
    let name = args.started.name.as_deref().map(RunName::parse).transpose();
    let workers = workers(&args.started.workers)?;
    let place = place(args.ties.foreground, workers)?;
    let stopped_status = args
        .status
        .stopped_status
        .as_deref()
        .map(str::parse)
        .transpose();
    Ok(Plan {
        name: name.context("--name")?,
        workers,
        command: args.program.command.clone(),
        times,
        max_grace: max_grace(args.other_times.max_grace.as_deref(), &times)?,
        notify,
        timeout: timeout(args.times.timeout.as_deref())?,
        stop_signal,
        signal_to: signal_to(args)?,
        when_one_ends,
        place,
        stdin: stdin(args.ties.stdin, workers, place),
        exposure: if args.enforcement.shield {
            Exposure::Shielded
        } else {
            Exposure::Open
        },
        forward: forward::forward(&args.ties.forward)?,
        policy: Policy {
            stopped_status: stopped_status
                .map_err(|_| anyhow!("--stopped-status: write a number from 0 to 255"))?,
            preserve_status: args.status.preserve_status,
        },
        stragglers: match args.enforcement.stragglers {
            cli::run::Stragglers::Stop => Stragglers::Stop,
            cli::run::Stragglers::Leave => Stragglers::Leave,
            cli::run::Stragglers::Wait => Stragglers::Wait,
        },
        cgroup: match args.enforcement.cgroup {
            cli::run::Cgroup::Auto => Use::Auto,
            cli::run::Cgroup::Off => Use::Off,
            cli::run::Cgroup::Require => Use::Require,
        },
        tells_looks: args.told.events.is_some() || args.voice.verbose > 0,
        guard: !args.enforcement.no_guard,
        managed: std::env::var_os("INVOCATION_ID").is_some(),
    })
}

/// Whom the stop signal reaches.
fn signal_to(args: &RunArgs) -> anyhow::Result<SignalTo> {
    match (args.stopped.signal_to, args.enforcement.stragglers) {
        (cli::run::SignalTo::Group, cli::run::Stragglers::Leave) => bail!(
            "--signal-to group signals the processes that --stragglers leave is to leave alone: use \
             one of the two"
        ),
        (cli::run::SignalTo::Group, _) => Ok(SignalTo::Group),
        (cli::run::SignalTo::First, _) => Ok(SignalTo::First),
        (cli::run::SignalTo::Main, _) => Ok(SignalTo::Main),
    }
}

/// Several workers cannot share our standard input, and a single one has no business with our terminal
/// unless it is in its foreground.
fn stdin(typed: Option<cli::run::Stdin>, workers: u32, place: Place) -> Stdin {
    let is_its_own = place == Place::Foreground;
    let shared = workers > 1 || (std::io::stdin().is_terminal() && !is_its_own);
    match typed {
        Some(cli::run::Stdin::Null) => Stdin::Null,
        None if shared => Stdin::Null,
        Some(cli::run::Stdin::Inherit) | None => Stdin::Inherit,
    }
}

/// The foreground of a terminal belongs to one process group.
fn place(foreground: bool, workers: u32) -> anyhow::Result<Place> {
    match (foreground, workers) {
        (false, _) => Ok(Place::OwnSession),
        (true, 1) => Ok(Place::Foreground),
        (true, _) => {
            bail!("--foreground: {workers} workers cannot share a terminal: leave --workers out")
        }
    }
}

fn workers(typed: &str) -> anyhow::Result<u32> {
    let number = typed
        .parse()
        .ok()
        .filter(|number| (1..=MOST_WORKERS).contains(number));
    number.with_context(|| format!("--workers: '{typed}' is not a number from 1 to {MOST_WORKERS}"))
}

fn timeout(typed: Option<&str>) -> anyhow::Result<Option<Duration>> {
    match typed.map(str::parse).transpose().context("--timeout")? {
        Some(Limit::After(time)) if !time.is_zero() => Ok(Some(time)),
        Some(Limit::After(_) | Limit::Never) | None => Ok(None),
    }
}

/// The times of the ladder, with the grace of workers that never look at their flags.
fn times(args: &RunArgs, variables: &[&str]) -> anyhow::Result<Times> {
    let times = ladder(&args.times, variables)?;
    let unaware = args
        .other_times
        .unaware_grace
        .as_deref()
        .map(str::parse)
        .transpose();
    let unaware = unaware.map_err(|error| {
        let source = source(variables, "--unaware-grace", UNAWARE_GRACE);
        anyhow!("{source}: {error}, or auto")
    })?;
    Ok(Times {
        unaware: unaware.unwrap_or(times.unaware),
        ..times
    })
}

/// What a value is blamed on: the option, or the variable if it comes from there.
fn source(variables: &[&str], option: &'static str, variable: &'static str) -> &'static str {
    if variables.contains(&variable) {
        variable
    } else {
        option
    }
}

fn ladder(typed: &RunTimes, variables: &[&str]) -> anyhow::Result<Times> {
    let parse = |source: &'static str, typed: &Option<String>| {
        let time = typed.as_deref().map(str::parse).transpose();
        time.context(source)
    };
    let whole = source(variables, "--stop-within", STOP_WITHIN);
    if let Some(time) = parse(whole, &typed.stop_within)? {
        return finite(whole, time).map(Times::within);
    }
    let grace = parse(source(variables, "--grace", GRACE), &typed.grace)?;
    let until_kill = source(variables, "--kill-after", KILL_AFTER);
    let kill_after = parse(until_kill, &typed.kill_after)?;
    if kill_after == Some(Limit::After(Duration::ZERO)) {
        bail!(
            "{until_kill}: 0 would mean 'never' to some and 'at once' to others: write infinity, or a \
             short time such as 100ms"
        );
    }
    if std::process::id() == 1 && grace.is_none() && kill_after.is_none() {
        return Ok(Times::within(AS_PID_1));
    }
    let (grace, kill_after) = (grace.unwrap_or(DEFAULT), kill_after.unwrap_or(DEFAULT));
    Ok(Times::plain(grace, kill_after, KILL_WAIT))
}

/// The longest grace there is.
fn max_grace(typed: Option<&str>, times: &Times) -> anyhow::Result<Limit> {
    let typed = typed.map(str::parse).transpose();
    Ok(typed.context("--max-grace")?.unwrap_or(match times.grace {
        Limit::After(grace) => Limit::After(grace.saturating_mul(3)),
        Limit::Never => Limit::Never,
    }))
}

/// The time that a whole ladder is to take; `source` says where it was given.
pub(crate) fn finite(source: &str, whole: Limit) -> anyhow::Result<Duration> {
    match whole {
        Limit::After(time) if !time.is_zero() => Ok(time),
        Limit::After(_) | Limit::Never => {
            bail!("{source}: write a time that ends and is not 0")
        }
    }
}
