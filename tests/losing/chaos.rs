//! Random runs, and everything that can be done to them at random moments: whatever it was, at the
//! end nothing is left, no level ever fell, and nobody else was signalled.
//!
//! A few seconds by default; `STOPCTL_CHAOS_SECONDS` asks for more. The seed is printed, and
//! `STOPCTL_TEST_SEED` plays the same rounds again, as far as the scheduler lets it.

mod levels;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::need::{Need, lacks, not_run};
use crate::support::owner;
use crate::support::processes;
use crate::support::random::{Random, seed, tell};
use crate::support::started::Started;
use crate::support::transcript::Lines;
use levels::Levels;

const NAME: &str = "chaos";

/// Rounds that are played at a time.
const ABREAST: usize = 3;

const ANIMALS: [&str; 8] = [
    "polite",
    "polite 3",
    "deaf",
    "blind",
    "handler 7",
    "slowexit 30",
    "forker 2",
    "waiter",
];

/// How long a stop may take that allows the whole ladder a quarter of a second: far more than that,
/// on a machine that is busy with other work too.
const BOUND: Duration = Duration::from_secs(30);

#[test]
fn chaos_leaves_nothing() {
    let seconds = std::env::var("STOPCTL_CHAOS_SECONDS").ok();
    let seconds = seconds.map_or(4, |asked| asked.parse().expect("a number of seconds"));
    play(Duration::from_secs(seconds));
}

/// The same where every pid is used again at once.
#[test]
fn chaos_with_few_pids_leaves_nothing() {
    /// The shell is the first process of the namespace, and reaps what loses its parent.
    const INSIDE: &str = r#"
        echo 400 >/proc/sys/kernel/pid_max || exit 77
        [ "$(cat "/proc/$$/status" | sed -n 's/^NSpid:\t//p')" = 1 ] || exit 77
        while [ -e "$2" ]; do /bin/true; done &
        "$1" --exact chaos::chaos_leaves_nothing --nocapture
        status=$?
        rm -f "$2"
        wait
        exit $status"#;
    if lacks(Need::Root) || lacks(Need::Program("unshare")) {
        return;
    }
    let base = Base::new();
    let (before, going) = (pid_max(), base.file("going"));
    fs::write(&going, "").expect("a file");
    let inside = Command::new("unshare")
        .args(["-p", "-f", "--mount-proc", "sh", "-c", INSIDE, "sh"])
        .arg(std::env::current_exe().expect("the path of this test"))
        .arg(&going)
        .stdin(Stdio::null())
        .output()
        .expect("unshare");
    let said = String::from_utf8_lossy(&inside.stderr);
    tell(&said);
    if pid_max() != before {
        fs::write("/proc/sys/kernel/pid_max", before).expect("as it was");
        return not_run("the kernel has one pid_max for all namespaces");
    }
    if inside.status.code() == Some(77) {
        return not_run("pid_max cannot be set in a namespace");
    }
    let out = String::from_utf8_lossy(&inside.stdout);
    assert!(inside.status.success(), "{out}\n{said}");
}

fn pid_max() -> String {
    fs::read_to_string("/proc/sys/kernel/pid_max").expect("/proc")
}

fn play(time: Duration) {
    let seed = seed("chaos");
    let first = std::env::var("STOPCTL_CHAOS_ROUND").ok();
    let first = first.map_or(0, |asked| asked.parse().expect("the number of a round"));
    let (begun, next) = (Instant::now(), AtomicUsize::new(first));
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..ABREAST {
            scope.spawn(|| {
                while begun.elapsed() < time && !failed.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let told = Told {
                        seed,
                        number,
                        failed: &failed,
                    };
                    round(&mut Random::of_round(seed, number));
                    drop(told);
                }
            });
        }
    });
    let played = next.load(Ordering::Relaxed) - first;
    tell(&format!(
        "chaos: {played} rounds in {:.0?}",
        begun.elapsed()
    ));
}

/// Says which round it was, if it is dropped by a panic.
struct Told<'f> {
    seed: u64,
    number: usize,
    failed: &'f AtomicBool,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.failed.store(true, Ordering::Relaxed);
            let Self { seed, number, .. } = self;
            tell(&format!(
                "chaos: again by STOPCTL_TEST_SEED={seed} STOPCTL_CHAOS_ROUND={number}"
            ));
        }
    }
}

fn round(random: &mut Random) {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = start(&base, random);
    let levels = Levels::default();
    let ended = AtomicBool::new(false);
    let mut done = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| levels.watch(&base, &ended));
        // However this ends, the watching does too.
        let _ended = End(&ended);
        let mut stops = Vec::new();
        for _ in 0..=random.below(6) {
            thread::sleep(random.micros_below(25_000));
            let what = disturb(&base, &run, &done, random, &mut stops, &levels);
            done.push(what);
        }
        for pid in processes::with_in_environment(base.root()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        }
        end(&base, &run, &done);
        for stop in stops {
            stop.finish_unchecked();
        }
    });
    let told = run.finish_unchecked();
    base.clean();
    base.check();
    bystanders.check();
    let _ = told;
}

struct End<'e>(&'e AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn start(base: &Base, random: &mut Random) -> Started {
    let workers = 1 + usize::try_from(random.below(4)).expect("few");
    let mut script = String::from("case $STOPCTL_WORKER in\n");
    for worker in 0..workers {
        let animal = random.pick(&ANIMALS);
        writeln!(script, "{worker}) exec \"$0\" {animal} ;;").expect("a text");
    }
    let mut time = || format!("{}ms", 10 + random.below(150));
    let (grace, kill_after) = (time(), time());
    let guard: &[&str] = if random.once_in(5) {
        &["--no-guard"]
    } else {
        &[]
    };
    let run = base
        .scenario()
        .name(NAME)
        .without_events()
        .workers(workers)
        .times(&grace, &kill_after)
        .options(guard)
        .options(&["-v"])
        .sh(&(script + "esac"))
        .zoo_as_argument()
        .start();
    if random.once_in(2) {
        run.ready(workers);
    }
    run
}

/// One thing that is done to a run; what it was.
fn disturb(
    base: &Base,
    run: &Started,
    done: &[String],
    random: &mut Random,
    stops: &mut Vec<Started>,
    levels: &Levels,
) -> String {
    let supervisor = vec![run.pid()];
    let whom = match random.below(5) {
        0 | 1 => ("supervisor", supervisor),
        2 => ("guard", owner::named(base, "stopctl-guard")),
        3 => ("taker", owner::named(base, "stopctl-taker")),
        _ => ("worker", owner::named(base, "zoo")),
    };
    let signal = match random.below(6) {
        0 | 1 => Some(Signal::SIGKILL),
        2 => Some(Signal::SIGSTOP),
        3 => Some(Signal::SIGCONT),
        _ => None,
    };
    if let Some(signal) = signal {
        let (who, pids) = whom;
        let pid = pids
            .first()
            .copied()
            .filter(|&pid| processes::is_of(pid, base.root()));
        if let Some(pid) = pid {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        return format!("{signal} to the {who} {pid:?}");
    }
    // Who was killed may not be dead yet, and puts nothing back.
    let killed = done
        .iter()
        .any(|what| what.starts_with("SIGKILL to the supervisor"));
    if random.once_in(6) && !killed {
        return spoil(base, run, random, levels);
    }
    let asked: &[&str] = match random.below(7) {
        0 => &["stop", NAME, "--no-wait"],
        1 => &["stop", NAME, "--no-wait", "--term"],
        2 => &["stop", NAME, "--no-wait", "--kill"],
        3 => &["stop", NAME, "--no-wait", "--worker", "0"],
        4 => &["stop", NAME, "--grace", "20ms"],
        5 => &["wait", NAME, "--timeout", "5s"],
        _ => &["status", NAME],
    };
    stops.push(base.begin(asked));
    asked.join(" ")
}

/// Cuts a file of the run, or deletes one; what it was. A deleted file is waited for: were the supervisor
/// killed before it is there again, nobody could find what belongs to it any more.
fn spoil(base: &Base, run: &Started, random: &mut Random, levels: &Levels) -> String {
    let directory = base.runs().join(NAME);
    let names = fs::read_dir(&directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    names.sort();
    let Some(name) = names.get(usize::try_from(random.below(16)).expect("few")) else {
        return "nothing to spoil".to_owned();
    };
    let path = directory.join(name);
    let is_flag = path.extension().is_some();
    if is_flag && random.once_in(2) {
        levels.cuts().insert(name.to_string_lossy().into_owned());
        let file = fs::File::options().write(true).open(&path);
        let _ = file.and_then(|file| file.set_len(0));
        return format!("{} cut", name.to_string_lossy());
    }
    // Only a supervisor puts back, and only one that is not stopped.
    let owns = || owner::pid_of_owner(base, NAME) == Some(run.pid());
    let works = || !matches!(processes::state(run.pid()), None | Some('Z' | 'T'));
    if !owns() || !works() || fs::remove_file(&path).is_err() {
        return "nothing deleted".to_owned();
    }
    let begun = Instant::now();
    while works() && !path.exists() && directory.exists() && begun.elapsed() < BOUND {
        thread::sleep(Duration::from_millis(2));
    }
    format!("{} deleted", name.to_string_lossy())
}

/// Has the run stopped, by as many stops as it takes until there is no such run.
fn end(base: &Base, run: &Started, done: &[String]) {
    let begun = Instant::now();
    let mut answers = Vec::new();
    while base.runs().join(NAME).exists() || processes::state(run.pid()) != Some('Z') {
        let answer = base.call(&["stop", NAME, "--stop-within", "250ms"]);
        answers.push(answer);
        // A supervisor that was killed before it had published anything has left no run.
        assert!(
            begun.elapsed() < BOUND,
            "not over after {done:?}:\n{answers:#?}\n{}",
            Lines(&run.so_far())
        );
    }
}
