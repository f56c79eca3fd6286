//! Floods that last until the run is over: nobody's ladder waits for their end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::base::Base;
use crate::support::started::Started;

/// Above what a machine that is busy with other work needs for the two rungs of 300 ms; the floods
/// themselves have no end.
const LATE: Duration = Duration::from_secs(10);

/// Does something again and again until it is told to end.
struct Flood {
    goes_on: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn of(sources: usize, act: impl Fn() + Clone + Send + 'static) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let source = |_| {
            let (goes_on, act) = (Arc::clone(&goes_on), act.clone());
            thread::spawn(move || {
                while goes_on.load(Ordering::Relaxed) {
                    act();
                }
            })
        };
        let threads = (0..sources).map(source).collect();
        Self { goes_on, threads }
    }

    fn end(self) {
        self.goes_on.store(false, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("it only does the same again");
        }
    }
}

/// Two deaf workers, one of which takes the whole ladder.
fn begin(base: &Base, options: &[&str]) -> Started {
    let run = base.scenario().name("flooded").workers(2);
    let run = run.times("300ms", "300ms").options(options);
    let run = run.zoo(&["deaf"]).start();
    run.ready(2);
    run
}

/// Stops the run while the flood goes on. That lasts until the run is over.
#[track_caller]
fn stop(base: &Base, run: Started, flood: Flood) {
    let answer = base.call(&["stop", "flooded"]);
    answer.expect(0);
    flood.end();
    assert!(answer.took < LATE, "{:?}", answer.took);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"; 2]);
}

fn kill(pid: i32, signal: Signal) {
    let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
}

#[test]
fn k11i_a_flood_of_queued_signals_does_not_hold_up_the_ladder() {
    let base = Base::new();
    let run = begin(&base, &["--forward", "USR1"]);
    // It asks to stop, as any signal does that is not known.
    let (pid, signal) = (run.pid(), libc::SIGRTMIN() + 6);
    let flood = Flood::of(3, move || {
        let script = format!("for i in {{1..9999}}; do kill -{signal} {pid} || exit; done");
        let _ = Command::new("bash").args(["-c", &script]).output();
    });
    stop(&base, run, flood);
}

#[test]
fn k11j_a_flood_of_news_of_children_does_not_hold_up_the_ladder() {
    let base = Base::new();
    let run = begin(&base, &[]);
    let pid = run.pid();
    let flood = Flood::of(2, move || kill(pid, Signal::SIGCHLD));
    stop(&base, run, flood);
}

#[test]
fn k11c_who_stops_and_continues_a_worker_without_end_does_not_hold_up_the_ladder() {
    let base = Base::new();
    let run = base.scenario().name("flooded").workers(2);
    let run = run.times("300ms", "300ms").zoo(&["deaf"]).start();
    let worker = run.ready(2)[0];
    let flood = Flood::of(3, move || {
        kill(worker, Signal::SIGSTOP);
        kill(worker, Signal::SIGCONT);
    });
    stop(&base, run, flood);
}

#[test]
fn k11d_a_flood_of_letters_from_a_stranger_does_not_hold_up_the_ladder() {
    let base = Base::new();
    let run = begin(&base, &["--notify"]);
    let socket = UnixDatagram::unbound().expect("a socket");
    let socket = Arc::new(socket);
    socket.set_nonblocking(true).expect("a flag");
    let path = base.runs().join("flooded/notify");
    let flood = Flood::of(2, move || {
        let _ = socket.send_to(&[b'A'; 4000], &path);
    });
    stop(&base, run, flood);
}

#[test]
fn k11e_a_flag_that_is_touched_without_end_does_not_hold_up_the_ladder() {
    let base = Base::new();
    let run = begin(&base, &[]);
    let run_dir = base.runs().join("flooded");
    let names = fs::read_dir(&run_dir).expect("the run").flatten();
    let is_flag = |path: &Path| path.extension().is_some_and(|end| end.len() == 16);
    let flags: Vec<_> = names
        .map(|entry| entry.path())
        .filter(|path| is_flag(path))
        .collect();
    assert_eq!(flags.len(), 2);
    let flood = Flood::of(2, move || {
        for flag in &flags {
            let _ = fs::read(flag);
            let _ = fs::set_permissions(flag, Permissions::from_mode(0o444));
        }
    });
    stop(&base, run, flood);
}

#[test]
fn k11f_a_worker_that_floods_its_supervisor_delays_no_other() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("selfish")
        .workers(2)
        .times("300ms", "300ms")
        .sh(r#"[ $STOPCTL_WORKER = 0 ] && exec "$0" deaf
            trap '' TERM; echo "ready worker=1 pid=$$"
            while :; do kill -s CHLD $PPID; : <"$STOPCTL_FLAG"; done"#)
        .zoo_as_argument()
        .start();
    run.ready(2);
    run.signal(Signal::SIGTERM);
    let due = run.wait_for("flag 1   term").deadline();
    let came = run.wait_for("signal 15 at").number(" at ");
    let end = run.finish();
    end.expect(137);
    assert!(came >= due, "SIGTERM early");
    let late = Duration::from_nanos(u64::try_from(came - due).expect("it was not early"));
    assert!(late < LATE, "{late:?}");
}
