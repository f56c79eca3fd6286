//! Whatever is sent to a run's socket, by whomever.

use std::io::IoSlice;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::upward::say;
use crate::support::base::Base;
use crate::support::until::until;

#[test]
fn g14_garbage_a_megabyte_and_datagrams_of_strangers_change_nothing() {
    let base = Base::new();
    let run = base.scenario().name("fuzzed").times("60s", "60s");
    let mut run = run.options(&["--notify"]).zoo(&["speaker"]).start();
    run.ready(1);
    let socket = base.runs().join("fuzzed/notify");
    let stranger = UnixDatagram::unbound().expect("a socket");
    // Of this test, which is no worker.
    for said in [
        "READY=1",
        "STATUS=forged",
        "STOPPING=1",
        "EXTEND_TIMEOUT_USEC=1000000",
        "",
    ] {
        stranger
            .send_to(said.as_bytes(), &socket)
            .expect("it is read");
    }
    for line in [
        "big 1048576",
        "big 8192",
        "raw ",
        "raw \\n\\n=\\n=1\\n",
        "raw READY=1\\0",
        "raw READY=2\\nSTOPPING=0\\nSTATUS",
        "raw EXTEND_TIMEOUT_USEC=-1\\nEXTEND_TIMEOUT_USEC=1e9",
        "raw MAINPID=1\\nERRNO=5\\nFDSTORE=1\\nWATCHDOG=trigger\\nRELOADING=1",
    ] {
        say(&mut run, line);
        run.wait_for(&format!("said {line}"));
    }
    // All of them were read before this.
    say(&mut run, "ready");
    run.wait_for_events("worker_ready", 1);
    let seen = base.call(&["status", "fuzzed", "--json"]).json();
    let worker = &seen["runs"][0]["workers"][0];
    assert!(worker["status_text"].is_null(), "{worker}");
    assert!(worker["acknowledged_ms"].is_null(), "{worker}");
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.of("extended").len(), 0, "{:#?}", end.events);
    let said = end.err();
    assert_eq!(
        said.matches("is no process of a worker").count(),
        1,
        "{said}"
    );
    assert_eq!(said.matches("more than 4096 bytes").count(), 1, "{said}");
}

#[test]
fn g14_an_extension_beyond_all_numbers_is_capped() {
    let base = Base::new();
    let run = base.scenario().name("greedy").times("500ms", "60s");
    let run = run.options(&["--notify", "--max-grace", "1500ms"]);
    let mut run = run.zoo(&["speaker"]).start();
    run.ready(1);
    let asked = run.signal(Signal::SIGTERM);
    run.wait_for_events("flag_raised", 1);
    say(&mut run, "raw EXTEND_TIMEOUT_USEC=18446744073709551615");
    run.wait_for_events("extended", 1);
    // A speaker dies of SIGTERM.
    run.wait_for_events("worker_ended", 1);
    assert!(asked.elapsed() >= Duration::from_millis(1500));
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["term"]);
    let left = end.events.only("extended")["deadline_in_ms"].as_u64();
    assert!(left.is_some_and(|left| left <= 1500), "{left:?}");
}

#[test]
fn descriptors_that_come_with_a_datagram_are_not_kept() {
    let base = Base::new();
    let run = base.scenario().name("given").options(&["--notify"]);
    let mut run = run.zoo(&["speaker"]).start();
    run.ready(1);
    run.wait_for_events("guard_started", 1);
    let open = |pid: i32| {
        let folder = std::fs::read_dir(format!("/proc/{pid}/fd"));
        folder
            .expect("the descriptors of a process of ours")
            .count()
    };
    let before = open(run.pid());
    let stranger = UnixDatagram::unbound().expect("a socket");
    let socket = base.runs().join("given/notify");
    stranger.connect(&socket).expect("it is there");
    let gift = vec![stranger.as_raw_fd(); 200];
    for _ in 0..20 {
        let with = [ControlMessage::ScmRights(&gift)];
        let said = [IoSlice::new(b"READY=1")];
        until("the kernel takes it", || {
            let to = stranger.as_raw_fd();
            match sendmsg::<()>(to, &said, &with, MsgFlags::empty(), None) {
                // Of a user's descriptors, only so many may be on their way at once.
                Err(Errno::ETOOMANYREFS) => false,
                sent => sent.is_ok_and(|bytes| bytes == 7),
            }
        });
    }
    // All of it was read before this.
    say(&mut run, "ready");
    run.wait_for_events("worker_ready", 1);
    assert_eq!(open(run.pid()), before);
    run.finish().expect(0);
}

#[test]
fn a_flood_does_not_hold_up_the_ladder() {
    let base = Base::new();
    let run = base.scenario().name("flooded").times("200ms", "200ms");
    let run = run.options(&["--notify"]).zoo(&["deaf"]).start();
    run.ready(1);
    let socket = base.runs().join("flooded/notify");
    let stranger = UnixDatagram::unbound().expect("a socket");
    let asked = run.signal(Signal::SIGTERM);
    // Until the run is over: then nobody is there.
    while stranger.send_to(&[b'x'; 4096], &socket).is_ok() {
        assert!(asked.elapsed() < Duration::from_secs(30), "still there");
    }
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["kill"]);
}

#[test]
fn who_speaks_to_a_dead_supervisor_is_refused_and_not_kept_waiting() {
    let base = Base::new();
    let run = base.scenario().name("dead").times("60s", "60s");
    let mut run = run.options(&["--notify"]).zoo(&["speaker"]).start();
    run.ready(1);
    run.wait_for_events("guard_started", 1);
    run.signal(Signal::SIGKILL);
    run.wait_for("died; its guard");
    // Its death is known a moment before its last descriptor is closed. Were the socket held by
    // anybody, the speaker would wait for ever once the queue is full.
    loop {
        say(&mut run, "status is anybody there?");
        if run.wait_for("said status").text.starts_with("unsaid") {
            break;
        }
    }
    // Time is given all the same.
    let given = base.call(&["notify", "--run", "dead", "-w", "0", "--extend", "100s"]);
    given.expect(0);
    assert!(
        given.out.contains("worker 0 of dead: SIGTERM in "),
        "{given:?}"
    );
    run.close_stdin();
    base.call(&["wait", "dead"]);
    run.finish_unchecked();
}
