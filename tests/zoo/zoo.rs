//! The workers that the black-box tests supervise, each one habit of real programs:
//!
//! | name | what it imitates |
//! |---|---|
//! | `polite [CODE]` | a loop that looks at its flag between two pieces of work and leaves by its own door |
//! | `slowexit MS` | a program that looks, and needs this long to save its work |
//! | `waiter` | a program that uses the library, and sleeps until it is asked |
//! | `handler CODE` | a program that knows nothing of flags and leaves cleanly on SIGTERM |
//! | `deaf` | a program that sees its flag and every signal, and stays all the same |
//! | `blind` | a program that never looks and stays: only SIGKILL ends it |
//! | `mover` | the same, in the process group of who started it |
//! | `forker N` | a leader that leaves when asked, and N grandchildren in its group that do not |
//! | `trainer` | a program that needs its data loaders while it writes its checkpoint on SIGTERM |
//! | `loader` | one of those: answers each line, and dies of SIGTERM |
//! | `breeder MS` | a program that starts another one of itself again and again, for so long, and is deaf |
//! | `trio` | worker 0 leaves when asked, worker 1 on SIGTERM, any other only by SIGKILL; the last one asks for the stop |
//! | `restopper` | a program that stops itself (SIGSTOP) again and again |
//! | `fdprinter` | tells which descriptors it was given |
//! | `canary` | a bystander: counts every signal it gets until its standard input ends |
//! | `speaker` | a program that speaks `sd_notify(3)`: says what it reads on its standard input, line by line |
//! | `foreigner` | a set-uid program: its supervisor may not signal it |
//!
//! The first line of each is `ready worker=W pid=P`, once it is set up. Those that watch print
//! `flag TEXT at NS` at every change of the flag, `signal N at NS` for every signal, and, when
//! they get SIGUSR1, `look TEXT`: what the flag says now. NS is `CLOCK_MONOTONIC` in nanoseconds,
//! the clock of the flag's deadline.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, getpgid, getppid, setpgid};
use stopctl::StopFlag;

mod senses;
mod speaker;

use senses::{Flag, Signals};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let habit = arguments.next().unwrap_or_default();
    let number = arguments.next().map_or(0, |text| {
        text.parse::<u64>().expect("the argument is a number")
    });
    let code = u8::try_from(number).unwrap_or(0);
    match habit.as_str() {
        "polite" => watch(&Habit::looking(Leave::Asked(Duration::ZERO)), code),
        "slowexit" => watch(
            &Habit::looking(Leave::Asked(Duration::from_millis(number))),
            0,
        ),
        "waiter" => waiter(),
        "handler" => watch(&Habit::blind(Leave::Terminated), code),
        "deaf" => watch(&Habit::looking(Leave::Never), 0),
        "blind" => watch(&Habit::blind(Leave::Never), 0),
        "mover" => mover(),
        "forker" => forker(number),
        "trainer" => trainer(),
        "loader" => loader(),
        "breeder" => breeder(number),
        "trio" => trio(),
        "restopper" => restopper(),
        "fdprinter" => fdprinter(),
        "canary" => canary(),
        "speaker" => speaker::speaker(),
        "foreigner" => foreigner(),
        unknown => {
            say(format_args!("no such animal: {unknown}"));
            ExitCode::from(64)
        }
    }
}

/// Where a session is shared, nothing holds a program in the group that it was started in.
fn mover() -> ExitCode {
    let theirs = getpgid(Some(getppid())).expect("the group of who started it");
    setpgid(Pid::from_raw(0), theirs).expect("a group of the same session");
    watch(&Habit::blind(Leave::Never), 0)
}

/// What makes a watching program leave.
enum Leave {
    /// Its raised flag, and this long after it.
    Asked(Duration),
    /// SIGTERM.
    Terminated,
    /// Nothing but SIGKILL.
    Never,
}

struct Habit {
    looks: bool,
    leave: Leave,
}

impl Habit {
    const fn looking(leave: Leave) -> Self {
        Self { looks: true, leave }
    }

    const fn blind(leave: Leave) -> Self {
        Self {
            looks: false,
            leave,
        }
    }
}

/// The loop of all that stay: tells of every signal and of every change of the flag.
fn watch(habit: &Habit, code: u8) -> ExitCode {
    let signals = Signals::taken();
    let mut flag = habit.looks.then(Flag::open);
    let worker = std::env::var("STOPCTL_WORKER").unwrap_or_default();
    ready();
    let mut raised: Option<Instant> = None;
    loop {
        for number in signals.wait() {
            say(format_args!("signal {number} at {}", now()));
            if let (Some(flag), true) = (&flag, number == Signal::SIGUSR1 as u32) {
                say(format_args!("look {}", flag.text()));
            }
            if number == Signal::SIGTERM as u32 && matches!(habit.leave, Leave::Terminated) {
                return left(code);
            }
        }
        if let Some(text) = flag.as_mut().and_then(Flag::change) {
            say(format_args!("flag {text} at {} worker={worker}", now()));
            raised.get_or_insert_with(Instant::now);
        }
        match (&habit.leave, raised) {
            (Leave::Asked(after), Some(since)) if since.elapsed() >= *after => return left(code),
            _ => {}
        }
    }
}

/// The grandchildren share the leader's group and its standard output.
#[expect(
    clippy::zombie_processes,
    reason = "who waits for them is what is tested"
)]
fn forker(grandchildren: u64) -> ExitCode {
    let program = std::env::current_exe().expect("the path of this program");
    for _ in 0..grandchildren {
        Command::new(&program)
            .arg("blind")
            .stdin(Stdio::null())
            .spawn()
            .expect("a grandchild");
    }
    watch(&Habit::looking(Leave::Asked(Duration::ZERO)), 0)
}

/// How many batches a checkpoint takes, and how long each.
const BATCHES: u32 = 10;
const BATCH: Duration = Duration::from_millis(30);

/// One loader is in the trainer's group, the other one in a session of its own.
fn trainer() -> ExitCode {
    let program = std::env::current_exe().expect("the path of this program");
    let signals = Signals::taken();
    let mut near = Command::new(&program);
    let mut far = Command::new("setsid");
    far.arg(&program);
    let start = |command: &mut Command| {
        let piped = command.arg("loader").stdin(Stdio::piped());
        let mut loader = piped.stdout(Stdio::piped()).spawn().expect("a loader");
        let answers = BufReader::new(loader.stdout.take().expect("a pipe"));
        (loader, answers)
    };
    let mut loaders = [start(&mut near), start(&mut far)];
    let mut all_answer = || {
        loaders.iter_mut().all(|(loader, answers)| {
            let asked = loader.stdin.as_mut().expect("a pipe").write_all(b"next\n");
            let mut answer = String::new();
            asked.is_ok()
                && answers
                    .read_line(&mut answer)
                    .is_ok_and(|length| length > 0)
        })
    };
    assert!(all_answer(), "the loaders are there");
    ready();
    while !signals.wait().contains(&(Signal::SIGTERM as u32)) {}
    let whole = (0..BATCHES).all(|_| {
        std::thread::sleep(BATCH);
        all_answer()
    });
    say(if whole {
        "the checkpoint is whole"
    } else {
        "a loader died"
    });
    // The loaders see the end of their input when this process is gone, but they do not look.
    ExitCode::from(if whole { 0 } else { 9 })
}

fn loader() -> ExitCode {
    // What the trainer blocked, to read it from a descriptor, is inherited.
    SigSet::all().thread_unblock().expect("unblock the signals");
    for line in io::stdin().lines() {
        say(line.expect("a line"));
    }
    loop {
        std::thread::park();
    }
}

/// Every child is in a session of its own, and an orphan at once.
fn breeder(milliseconds: u64) -> ExitCode {
    let program = std::env::current_exe().expect("the path of this program");
    let until = match std::env::var("BREED_UNTIL") {
        Ok(until) => until.parse().expect("a number"),
        Err(_) => now() + i64::try_from(milliseconds).expect("a short time") * 1_000_000,
    };
    let signals = Signals::taken();
    ready();
    while now() < until {
        let mut child = Command::new("setsid");
        child.args(["--fork".as_ref(), program.as_os_str(), "breeder".as_ref()]);
        child.env_clear().env("BREED_UNTIL", until.to_string());
        child.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // Where no more processes may be, it is tried again.
        if let Ok(mut child) = child.stdin(Stdio::null()).spawn() {
            let _ = child.wait();
        }
        let _ = signals.wait();
    }
    ExitCode::SUCCESS
}

/// Says why it was asked, and when it knew.
fn waiter() -> ExitCode {
    // Of one that somebody has just deleted the name is there again within a second.
    let again = |_| {
        std::thread::sleep(Duration::from_secs(1));
        StopFlag::from_env()
    };
    let stop = StopFlag::from_env().or_else(again).expect("a flag");
    ready();
    while !stop.wait_timeout(Duration::from_secs(30)) {}
    let reason = stop.request().and_then(|request| request.reason);
    let reason = reason.as_ref().map_or("nothing", |reason| reason.as_str());
    say(format_args!("left, because of {reason} at {}", now()));
    ExitCode::SUCCESS
}

/// Says with every signal what its flag said then: the flag comes first.
fn trio() -> ExitCode {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let worker = number("STOPCTL_WORKER").expect("a worker");
    let signals = Signals::taken();
    let mut flag = Flag::open();
    ready();
    if number("STOPCTL_WORKERS") == Some(worker + 1) {
        ask_for_stop();
    }
    loop {
        for number in signals.wait() {
            let text = flag.text();
            say(format_args!("worker {worker} signal {number} saw {text}"));
            if number == Signal::SIGTERM as u32 && worker == 1 {
                return left(0);
            }
        }
        if let Some(text) = flag.change() {
            say(format_args!("worker {worker} flag {text}"));
            if worker == 0 {
                return left(0);
            }
        }
    }
}

/// As `stopctl stop` does. Without an owner nobody reads it, and nobody has to.
fn ask_for_stop() {
    let flag = std::env::var_os("STOPCTL_FLAG").expect("a worker");
    let control = std::path::Path::new(&flag).with_file_name("control");
    let mut options = File::options();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    if let Ok(mut control) = options.open(control) {
        let _ = control.write_all(b"1 stop\n");
    }
}

fn restopper() -> ExitCode {
    ready();
    loop {
        raise(Signal::SIGSTOP).expect("SIGSTOP to ourselves");
    }
}

fn fdprinter() -> ExitCode {
    ready();
    let own = format!("/proc/{}/fd", std::process::id());
    for entry in fs::read_dir("/proc/self/fd").expect("/proc/self/fd") {
        let entry = entry.expect("an entry of /proc/self/fd");
        let target = fs::read_link(entry.path()).unwrap_or_default();
        // The directory that is being read is a descriptor of this loop's own.
        if target != std::path::Path::new(&own) {
            let number = entry.file_name();
            say(format_args!(
                "fd {} -> {}",
                number.to_string_lossy(),
                target.display()
            ));
        }
    }
    left(0)
}

fn canary() -> ExitCode {
    let signals = Signals::taken();
    ready();
    let mut counted = 0;
    let stdin = io::stdin();
    loop {
        let mut ready = [
            PollFd::new(signals.fd(), PollFlags::POLLIN),
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut ready, PollTimeout::NONE).expect("poll");
        for number in signals.pending() {
            counted += 1;
            say(format_args!("signal {number} at {}", now()));
        }
        let readable = ready[1].any().unwrap_or(true);
        if readable && stdin.lock().read(&mut [0; 64]).is_ok_and(|read| read == 0) {
            say(format_args!("counted {counted}"));
            return ExitCode::SUCCESS;
        }
    }
}

/// With all its ids changed, the kernel refuses signals from the one who started it.
fn foreigner() -> ExitCode {
    nix::unistd::setuid(nix::unistd::Uid::from_raw(0)).expect("this file is set-uid root");
    watch(&Habit::looking(Leave::Never), 0)
}

fn ready() {
    let worker = std::env::var("STOPCTL_WORKER").unwrap_or_default();
    let pid = std::process::id();
    say(format_args!("ready worker={worker} pid={pid}"));
}

fn left(code: u8) -> ExitCode {
    say(format_args!("left {}", std::process::id()));
    ExitCode::from(code)
}

/// One write for one line, so that lines of several workers do not mix. A reader that has gone
/// is no reason to end.
fn say(line: impl Display) {
    let text = format!("{line}\n");
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

fn now() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}
