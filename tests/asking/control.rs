//! The control FIFO, the record, and names under contention.

mod missed;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::rounds;
use crate::support::started::{Ended, Started, send};

#[test]
fn a_request_in_the_documented_form_is_understood() {
    for (request, worker, outcome) in [
        ("1 stop\n", "polite", "flag"),
        ("1 stop worker=all reason=user\n", "polite", "flag"),
        (
            "1 stop worker=0 rung=flag grace_ms=60000\n",
            "polite",
            "flag",
        ),
        ("1 stop rung=term\n", "handler", "term"),
        ("1 stop rung=kill\n", "deaf", "kill"),
        ("1 stop grace_ms=100 kill_after_ms=100\n", "deaf", "kill"),
        (
            "1 stop grace_ms=infinity kill_after_ms=infinity reason=later\n",
            "polite",
            "flag",
        ),
    ] {
        let base = Base::new();
        let run = base.scenario().name("asked").zoo(&[worker]).start();
        run.ready(1);
        write(&base, "asked", request.as_bytes());
        let end = run.finish();
        assert_eq!(end.events.outcomes(), [outcome], "{request:?}");
    }
}

#[test]
fn r1_junk_in_the_control_fifo_has_no_effect_but_one_warning() {
    let base = Base::new();
    let run = base.scenario().name("fuzzed").zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    let long = vec![b'x'; 1 << 20];
    for junk in [
        &b"\n"[..],
        b"\n\n\n",
        b"2 stop\n",
        b"1 start\n",
        b"stop\n",
        b"1 stop worker=-1\n",
        b"1 stop worker=99999999999999999999\n",
        b"1 stop rung=four\n",
        b"1 stop reason=NOT-A-WORD\n",
        b"1 stop grace_ms=-1\n",
        b"1 stop grace_ms=1e9\n",
        b"\0\0\0\0\n",
        b"\xff\xfe\xfd\n",
        b"1 sto",
        b"\n",
        &long,
        b"\n",
    ] {
        write(&base, "fuzzed", junk);
    }
    send(pid, Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0", "R1");
    base.call(&["stop", "fuzzed"]).expect(0);
    let end = run.finish();
    end.expect(0);
    let warnings = end
        .err()
        .lines()
        .filter(|line| line.contains("control"))
        .count();
    assert!(warnings <= 1, "R1: {}", end.err());
    assert_eq!(end.events.of("stop_requested").len(), 1);
}

#[test]
fn r1_a_request_in_two_pieces_is_one_request() {
    let base = Base::new();
    let run = base.scenario().name("halves").zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    write(&base, "halves", b"1 stop rea");
    send(pid, Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0");
    write(&base, "halves", b"son=later\n");
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.only("stop_requested")["reason"], "later");
}

#[test]
fn r2_many_stops_at_once_all_get_the_same_answer() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("wanted")
        .times("10s", "10s")
        .zoo(&["slowexit", "1500"])
        .start();
    run.ready(1);
    let stops: Vec<Started> = (0..rounds(100))
        .map(|_| base.begin(&["stop", "wanted", "--if-running"]))
        .collect();
    for stop in stops {
        stop.finish().expect(0);
    }
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.raised().len(), 1);
    assert!(end.events.of("signal_sent").is_empty());
}

#[test]
fn r2_a_full_fifo_does_not_make_a_stop_hang_or_get_lost() {
    let base = Base::new();
    let run = base.scenario().name("full").zoo(&["polite"]).start();
    run.ready(1);
    send(run.pid(), Signal::SIGSTOP);
    let path = base.runs().join("full/control");
    let mut fifo = nonblocking(path);
    // Whole lines that mean nothing, until no more fits.
    while fifo.write_all(&[b'\n'; 4096]).is_ok() {}
    let stop = base.begin(&["stop", "full"]);
    // It has tried to write by now; then the supervisor reads again.
    std::thread::sleep(std::time::Duration::from_millis(300));
    send(run.pid(), Signal::SIGCONT);
    let end = run.finish();
    end.expect(0);
    assert_eq!(stop.finish().ended, Ended::Code(0), "R2");
}

#[test]
fn r4_a_very_deep_base_directory_works_or_is_refused_clearly() {
    for depth in [1, 2, 10, 35] {
        let base = Base::new();
        let mut deep = base.file("");
        for _ in 0..depth {
            deep.push("d".repeat(100));
        }
        fs::create_dir_all(&deep).expect("directories");
        let base = base.with_runs_at(deep.join("runs"));
        let run = base.scenario().name("deep").zoo(&["polite"]).start();
        run.ready(1);
        base.call(&["stop", "deep"]).expect(0);
        run.finish().expect(0);
    }
    let base = Base::new();
    let longer = base.file(&"d/".repeat(3000));
    let base = base.with_runs_at(longer);
    let answer = base.call(&["run", "--", "true"]);
    assert_eq!(answer.ended, Ended::Code(125), "R4: {answer:?}");
}

#[test]
fn r5_a_record_that_is_broken_is_a_clear_error_and_nobody_is_signalled() {
    let nines = vec![b'9'; 100_000];
    let contents: [&[u8]; 7] = [
        b"",
        b"\0",
        b"1",
        &[0; 4096],
        &[0xff; 4096],
        b"{\"schema\":99}\n",
        &nines,
    ];
    let base = Base::new();
    let run = base.scenario().name("whole").zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    for content in contents {
        // A run of its own making, with the true owner's file and a broken record.
        let fake = base.runs().join("broken");
        fs::create_dir(&fake).expect("mkdir");
        fs::copy(base.runs().join("whole/owner"), fake.join("owner")).expect("copy");
        nix::unistd::mkfifo(&fake.join("control"), nix::sys::stat::Mode::S_IRWXU).expect("fifo");
        fs::write(fake.join("record"), content).expect("write");
        for arguments in [&["status", "broken"][..], &["status", "broken", "--json"]] {
            let answer = base.call(arguments);
            assert!(
                matches!(answer.ended, Ended::Code(1..=126)),
                "R5 {arguments:?}: {answer:?}"
            );
            assert!(!answer.err.contains("panicked"), "R5: {answer:?}");
        }
        let list = base.call(&["list", "--names"]);
        assert!(
            list.out.contains("whole"),
            "R5: the others are listed: {list:?}"
        );
        fs::remove_dir_all(&fake).expect("the test's own");
    }
    send(pid, Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0", "R5");
    base.call(&["stop", "whole"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(!end.out().contains("signal 15"), "R5: {}", end.out());
}

#[test]
fn m3_what_an_older_boot_recorded_is_nobody_of_today() {
    let base = Base::new();
    let run = base.scenario().name("today").zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    // The same pids and start times, and an owner that is dead: only the boot is another.
    let (today, before) = (base.runs().join("today"), base.runs().join("before"));
    fs::create_dir(&before).expect("mkdir");
    fs::copy(today.join("record"), before.join("record")).expect("copy");
    nix::unistd::mkfifo(&before.join("control"), nix::sys::stat::Mode::S_IRWXU).expect("fifo");
    let mut owner = fs::read(today.join("owner")).expect("owner");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("boot id");
    let boot = boot.trim().as_bytes();
    let at = owner
        .windows(boot.len())
        .position(|part| part == boot)
        .expect("the owner file names the boot");
    owner[at..at + boot.len()].copy_from_slice(b"00000000-0000-4000-8000-000000000000");
    owner[..4].copy_from_slice(&0x4000_0000_u32.to_ne_bytes());
    fs::write(before.join("owner"), &owner).expect("write");
    for arguments in [
        &["list"][..],
        &["status", "before"],
        &["stop", "before", "--kill"],
        &["wait", "before"],
    ] {
        let answer = base.call(arguments);
        assert!(
            !answer.err.contains("panicked"),
            "M3 {arguments:?}: {answer:?}"
        );
    }
    send(pid, Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0", "M3: signalled");
    // Who finds it may clean it away, or leave it to somebody who is asked to.
    let _ = fs::remove_dir_all(&before);
    base.call(&["stop", "today"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn a19_of_two_runs_with_one_name_exactly_one_wins_a_thousand_times() {
    let base = Base::new();
    for round in 0..1000 {
        // The winner holds its name until both have been decided.
        let script = "echo won; read -r line; exit 0";
        let start = || {
            let mut command = base.stopctl(&["run", "--name", "x", "--", "/bin/sh", "-c", script]);
            command.stdin(std::process::Stdio::piped());
            Started::begin(command, base.root(), None)
        };
        let both = [start(), start()];
        // The loser ends without being asked, the winner speaks.
        let [first, second] = both;
        let (mut winner, loser) = if decided(&first) {
            (first, second)
        } else {
            (second, first)
        };
        let lost = loser.finish();
        assert_eq!(
            lost.ended,
            Ended::Code(125),
            "A19 round {round}: {}",
            lost.err()
        );
        assert!(
            lost.err().contains(&winner.pid().to_string()),
            "A19 round {round}: the winner is named: {}",
            lost.err()
        );
        winner.close_stdin();
        let won = winner.finish();
        assert_eq!(
            won.ended,
            Ended::Code(0),
            "A19 round {round}: {}",
            won.err()
        );
        assert_eq!(won.out(), "won\n", "A19 round {round}");
    }
}

/// Whether this one won: its first line, of either stream, says which.
fn decided(run: &Started) -> bool {
    run.wait_for("").text == "won"
}

fn write(base: &Base, run: &str, bytes: &[u8]) {
    let path = base.runs().join(run).join("control");
    let mut fifo = File::options().write(true).open(path).expect("control");
    fifo.write_all(bytes).expect("write");
}

fn nonblocking(path: PathBuf) -> File {
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        File::options().write(true),
        nix::fcntl::OFlag::O_NONBLOCK.bits(),
    )
    .open(path)
    .expect("control")
}
