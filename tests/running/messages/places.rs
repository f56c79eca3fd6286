//! Terminals, the journal and locales: what a line looks like there.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::pipe::pipe;

#[test]
fn colours_are_asked_for_by_option_then_by_the_environment() {
    for (options, environment, coloured) in [
        (&["--color", "always"][..], &[("NO_COLOR", "1")][..], true),
        (
            &["--color", "never"][..],
            &[("FORCE_COLOR", "1")][..],
            false,
        ),
        (
            &[][..],
            &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")][..],
            false,
        ),
        (&[][..], &[("FORCE_COLOR", "1")][..], true),
        (&[][..], &[("CLICOLOR_FORCE", "1")][..], true),
        (&[][..], &[][..], false),
    ] {
        let base = Base::new();
        let mut scenario = base
            .scenario()
            .name("painted")
            .times("100ms", "100ms")
            .options(options)
            .zoo(&["blind"]);
        for (name, value) in environment {
            scenario = scenario.environment(name, value);
        }
        let run = scenario.start();
        run.ready(1);
        run.signal(Signal::SIGTERM);
        let end = run.finish();
        assert_eq!(
            end.err().contains("\x1b["),
            coloured,
            "{options:?} {environment:?}: {}",
            end.err()
        );
    }
}

#[test]
fn under_the_journal_lines_have_priorities_and_no_colour() {
    let base = Base::new();
    let (mut reader, writer) = pipe();
    let identity = writer.metadata().expect("metadata");
    let run = base
        .scenario()
        .name("logged")
        .times("100ms", "100ms")
        .environment(
            "JOURNAL_STREAM",
            format!("{}:{}", identity.dev(), identity.ino()),
        )
        .environment("FORCE_COLOR", "1")
        .stderr(writer)
        .zoo(&["blind"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    run.finish().expect(137);
    let mut said = String::new();
    reader.read_to_string(&mut said).expect("text");
    assert!(!said.is_empty());
    for line in said.lines() {
        let mut start = line.chars();
        assert!(
            start.next() == Some('<')
                && start.next().is_some_and(|digit| digit.is_ascii_digit())
                && start.next() == Some('>'),
            "no priority: {line:?}"
        );
    }
    assert!(!said.contains('\x1b'), "{said}");
}

#[test]
fn a_journal_stream_that_is_not_our_stderr_is_none() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("100ms", "100ms")
        .environment("JOURNAL_STREAM", "1:2")
        .zoo(&["blind"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    assert!(end.err().starts_with("stopctl: "), "{}", end.err());
}

#[test]
fn in_a_locale_without_utf_8_every_letter_is_ascii() {
    let base = Base::new();
    let script = format!("exec \"$0\" polite # naïve {}", "x".repeat(200));
    let runs = ["first", "second"].map(|name| {
        let run = base.scenario().name(name).sh(&script).zoo_as_argument();
        let run = run.start();
        run.ready(1);
        run
    });
    let several = |locale: &str| {
        let mut stop = base.stopctl(&["stop"]);
        stop.env("LC_ALL", locale);
        base.answer(stop).expect(2).err.clone()
    };
    let (plain, all) = (several("C"), several("C.UTF-8"));
    assert!(plain.is_ascii() && plain.contains("x..., for"), "{plain}");
    assert!(plain.contains(r"na\u{ef}ve"), "{plain}");
    assert!(all.contains("naïve") && all.contains("x…, for"), "{all}");
    base.call(&["stop", "--all"]).expect(0);
    for run in runs {
        run.finish().expect(0);
    }
}
