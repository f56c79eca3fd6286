//! A standard error that takes nothing more.

use std::io::Read as _;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::pipe::pipe;
use crate::support::processes;

#[test]
fn g15_a_full_pipe_for_stderr_does_not_delay_the_ladder() {
    let base = Base::new();
    let (reader, writer) = pipe();
    let mut filler = writer.try_clone().expect("a descriptor");
    fill(&mut filler);
    let run = base
        .scenario()
        .name("blocked")
        .times("300ms", "300ms")
        .options(&["-v"])
        .stderr(writer)
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    let asked = processes::now_ns();
    base.call(&["stop", "blocked"]).expect(0);
    let took = processes::now_ns() - asked;
    assert!(took >= 590_000_000, "G15: {took} ns");
    assert!(took < 10_000_000_000, "G15: {took} ns");
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"]);
    drop(reader);
}

#[test]
fn g15_the_report_counts_the_lines_that_were_dropped() {
    let base = Base::new();
    let (mut reader, writer) = pipe();
    let mut filler = writer.try_clone().expect("a descriptor");
    let capacity = fill(&mut filler);
    let run = base
        .scenario()
        .name("dropped")
        .workers(100)
        .times("infinity", "300ms")
        .options(&["-vv"])
        .stderr(writer)
        .zoo(&["handler", "0"])
        .start();
    drop(filler);
    run.ready(100);
    for _ in 0..5 {
        run.signal(Signal::SIGUSR1);
        run.wait_for_each("signal 10 at", 100);
    }
    run.signal(Signal::SIGTERM);
    run.wait_for_events("flag_raised", 100);
    // More was said by then than waits for a reader; the pipe is emptied before the report.
    let mut junk = vec![0; capacity];
    reader.read_exact(&mut junk).expect("what the test wrote");
    let rest = std::thread::spawn(move || {
        let mut said = String::new();
        reader.read_to_string(&mut said).map(|_| said)
    });
    base.call(&["stop", "dropped", "--term"]).expect(0);
    run.finish().expect(0);
    let said = rest.join().expect("it only reads").expect("text");
    assert!(said.contains("stopctl: dropped is over"), "G15: {said}");
    assert!(said.contains("stopctl: worker 0 started"), "G15: {said}");
    let last = said.lines().last().unwrap_or_default();
    let count = last.strip_prefix("stopctl: ");
    let count =
        count.and_then(|last| last.strip_suffix(" lines dropped, because nobody took them"));
    let count: u64 = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    assert!(count > 0, "G15: how many lines were dropped: {last}");
}

/// Fills the pipe without waiting; how many bytes it took.
fn fill(pipe: &mut std::fs::File) -> usize {
    let full = nix::fcntl::FcntlArg::F_GETPIPE_SZ;
    let size = nix::fcntl::fcntl(&*pipe, full).expect("the size of a pipe");
    let bytes = vec![b'.'; usize::try_from(size).expect("a size")];
    std::io::Write::write_all(pipe, &bytes).expect("an empty pipe takes its size");
    bytes.len()
}
