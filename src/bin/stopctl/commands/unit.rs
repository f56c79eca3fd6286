//! `stopctl unit`: a systemd unit for a run, with everything that is easily forgotten.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libc::SIGTERM;
use nix::unistd::Uid;
use stopctl::decide::times::Times;
use stopctl::linux::cgroup;
use stopctl::linux::plain::plain;
use stopctl::run::plan::Plan;
use stopctl::words::duration::Limit;
use stopctl::words::ended::Ended;
use stopctl::words::signal_name::signal_name;

use crate::cli::Command;
use crate::cli::run::{GRACE, KILL_AFTER, RunArgs, STOP_WITHIN, UNAWARE_GRACE};
use crate::cli::unit::UnitArgs;
use crate::commands::run;
use crate::exit::Leave;
use crate::parse::{self, Typed};
use crate::say::letters::escaped;
use crate::show;

mod quoting;

/// How much longer than the whole ladder systemd waits before it kills: our own end takes time, too.
const RESERVE: Duration = Duration::from_secs(5);

/// How many characters of the command are in the description.
const TITLE: usize = 50;

/// The variables that change what the options do: the unit sets them as they are now.
const VARIABLES: [&str; 5] = ["STOPCTL_DIR", GRACE, KILL_AFTER, STOP_WITHIN, UNAWARE_GRACE];

/// Restrictions that were tried with stopctl, and that hardly any command minds.
const HARDENING: &str = "\
# Tried with stopctl. Take out what the command cannot do without.
NoNewPrivileges=yes
ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
";

pub(crate) fn unit(args: &UnitArgs) -> Leave {
    let head = ["stopctl", "run", "--name"].map(OsString::from);
    let mut words: Vec<OsString> = head.into_iter().chain([args.name.clone()]).collect();
    words.extend_from_slice(&args.words);
    let (parsed, variables) = match parse::read(&words) {
        Ok(Typed {
            command: Command::Run(parsed),
            variables,
        }) => (parsed, variables),
        // Unreachable: the words begin with `run`.
        Ok(_) => return Leave::FAILED,
        Err(error) => {
            let words = ["stopctl", "unit"].map(OsString::from);
            return Leave::from_usage(error, &words);
        }
    };
    let plan = match run::plan(&parsed, &variables) {
        Ok(plan) => plan,
        Err(problem) => return Leave::USAGE.mistaken("unit", &format_args!("{problem:#}")),
    };
    let place = env::current_exe().and_then(|us| Ok((us, env::current_dir()?)));
    match place.and_then(|place| described(&place, &args.words, &parsed, &plan)) {
        Ok(unit) => show::out(&unit),
        Err(error) => Leave::FAILED.saying(&plain(&error)),
    }
}

fn described(
    (us, here): &(PathBuf, PathBuf),
    words: &[OsString],
    parsed: &RunArgs,
    plan: &Plan,
) -> io::Result<String> {
    let name = plan
        .name
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (us, is_root) = (
        quoting::argument(us.as_os_str()),
        Uid::effective().is_root(),
    );
    let (folder, user, target) = if is_root {
        ("/etc/systemd/system", "", "multi-user.target")
    } else {
        ("~/.config/systemd/user", " --user", "default.target")
    };
    let command = title(plan).replace('%', "%%");
    let mut unit = format!(
        "\
# Save it as {folder}/{name}.service, then:
#   systemctl{user} daemon-reload
#   systemctl{user} enable --now {name}
[Unit]
Description={name}: {command}

[Service]
# Ready when its workers are; see stopctl-run(1).
Type=notify
"
    );
    // UNWRAP: writing to a String cannot fail.
    let _ = writeln!(
        unit,
        "ExecStart={us} run --name {name} {}",
        arguments(words, parsed)
    );
    let _ = writeln!(unit, "ExecStop={us} stop --if-running {name}");
    if plan.forward.contains(&libc::SIGHUP) {
        unit += "ExecReload=/bin/kill -HUP $MAINPID\n";
    }
    let here = quoting::line(here.as_os_str()).ok_or_else(|| {
        io::Error::other("the path of this directory cannot be written into a unit")
    })?;
    let _ = writeln!(unit, "WorkingDirectory={here}");
    for name in VARIABLES {
        if let Some(value) = env::var_os(name) {
            let mut set = OsString::from(name);
            set.push("=");
            set.push(value);
            let _ = writeln!(unit, "Environment={}", quoting::word(&set));
        }
    }
    let (stop, successes) = (signal_name(plan.stop_signal), successes(plan.stop_signal));
    let _ = writeln!(
        unit,
        "\
# Only the supervisor is signalled. Workers are asked by their flags.
KillMode=mixed
# The whole ladder, and a reserve. More is asked for when workers are given more time.
TimeoutStopSec={}
# A worker that knows nothing but {stop} ends by it; asked to stop, that is no failure.
SuccessExitStatus={successes}
Restart=on-failure",
        whole(&plan.times)
    );
    if plan.cgroup == cgroup::Use::Require {
        unit +=
            "# Each worker has a control group of its own below that of the unit.\nDelegate=yes\n";
    }
    if is_root {
        unit += "# Workers run as root, unless this names another user.\n#User=\n";
        unit += HARDENING;
    }
    let _ = writeln!(unit, "\n[Install]\nWantedBy={target}");
    Ok(unit)
}

/// The ends that count as a success of a stop. systemd itself sends SIGTERM, and takes a death by that
/// for a success.
fn successes(stop_signal: i32) -> String {
    let status = |signal| Ended::Signalled(signal).shell_status();
    let term = status(SIGTERM).to_string();
    if stop_signal == SIGTERM {
        return term;
    }
    let (status, name) = (status(stop_signal), signal_name(stop_signal));
    format!("{term} {status} {name}")
}

/// The beginning of the command, for the description.
fn title(plan: &Plan) -> String {
    show::excerpt(escaped(plan.command.join(OsStr::new(" "))), TITLE)
}

/// What was typed behind the name, with the path of the program: systemd has another PATH.
fn arguments(words: &[OsString], parsed: &RunArgs) -> String {
    let (options, command) = words.split_at(words.len() - parsed.program.command.len());
    let program = found(&command[0]);
    let mut written: Vec<String> = options.iter().map(|word| quoting::argument(word)).collect();
    // Unless `--` was typed, and is among the options.
    if options.last().is_none_or(|last| last != "--") {
        written.push("--".to_owned());
    }
    written.push(quoting::argument(program.as_os_str()));
    written.extend(command[1..].iter().map(|word| quoting::argument(word)));
    written.join(" ")
}

/// The path of a program, as a shell finds it.
fn found(program: &OsStr) -> PathBuf {
    let can_run = |path: &PathBuf| {
        let data = path.metadata();
        data.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    let is_name = Path::new(program).components().count() == 1;
    let folders = env::var_os("PATH").filter(|_| is_name).unwrap_or_default();
    let mut paths = env::split_paths(&folders).map(|folder| folder.join(program));
    let path = paths.find(|path| path.is_absolute() && can_run(path));
    path.unwrap_or_else(|| program.into())
}

/// The time of a whole ladder as systemd writes it.
fn whole(times: &Times) -> String {
    let rest = times.kill_after.plus(times.kill_wait + RESERVE);
    let whole = match times.grace {
        Limit::After(grace) => rest.plus(grace),
        Limit::Never => Limit::Never,
    };
    match whole {
        Limit::After(time) => format!("{}s", time.as_nanos().div_ceil(1_000_000_000)),
        Limit::Never => "infinity".to_owned(),
    }
}
