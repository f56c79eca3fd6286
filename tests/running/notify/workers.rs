//! What workers say of themselves, and who is heard.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::Signal;

use super::upward::say;
use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks};
use crate::support::started::Started;
use crate::support::until::until;

/// A run of one `speaker`, which says what it is told.
fn speaker(base: &Base) -> Started {
    let run = base.scenario().name("talk").options(&["--notify"]);
    let run = run.zoo(&["speaker"]).start();
    run.ready(1);
    run
}

/// Has it say this, and waits until that was heard: what was said later was heard later.
fn say_and_wait(base: &Base, run: &mut Started, line: &str) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mark = format!("mark {}", NEXT.fetch_add(1, Ordering::Relaxed));
    say(run, line);
    say(run, &format!("status {mark}"));
    wait_for_text(base, Some(&mark));
}

fn status_text(base: &Base) -> Option<String> {
    let seen = base.call(&["status", "talk", "--json"]).json();
    let text = seen["runs"][0]["workers"][0]["status_text"].as_str();
    text.map(ToOwned::to_owned)
}

fn wait_for_text(base: &Base, text: Option<&str>) {
    until(&format!("{text:?}"), || {
        status_text(base).as_deref() == text
    });
}

#[test]
fn what_a_worker_does_is_shown_escaped_until_it_says_nothing() {
    let base = Base::new();
    let mut run = speaker(&base);
    let shown = base.call(&["status", "talk"]);
    assert!(!shown.out.contains("SAYS"), "{shown:?}");
    say(&mut run, "status epoch 3\x1b[2J of 10 \u{202e}");
    wait_for_text(&base, Some("epoch 3\x1b[2J of 10 \u{202e}"));
    let shown = base.call(&["status", "talk"]);
    let escaped = r"epoch 3\x1b[2J of 10 \u{202e}";
    assert!(shown.out.contains("SAYS"), "{shown:?}");
    assert!(shown.out.contains(escaped), "{shown:?}");
    say(&mut run, "status ");
    wait_for_text(&base, None);
    run.finish().expect(0);
}

#[test]
fn who_has_said_that_it_is_ready_is_shown_where_workers_are_heard() {
    let base = Base::new();
    let mut run = speaker(&base);
    let ready = || {
        let seen = base.call(&["status", "talk", "--json"]).json();
        let shown = base.call(&["status", "talk"]).out;
        let column = |line: &str| line.split_whitespace().nth(3).map(ToOwned::to_owned);
        let cells: Option<Vec<String>> = shown.lines().skip(1).map(column).collect();
        (
            seen["runs"][0]["workers"][0]["ready"].as_bool(),
            cells.expect("a table").join(" "),
        )
    };
    assert_eq!(ready(), (Some(false), "READY no".to_owned()));
    let watch = base.begin(&["status", "talk", "--watch"]);
    watch.wait_for("READY");
    say(&mut run, "ready");
    watch.wait_for("running; ready; ");
    assert_eq!(ready(), (Some(true), "READY yes".to_owned()));
    run.finish().expect(0);
    watch.finish().expect(0);
    let run = base.scenario().name("talk").zoo(&["polite"]).start();
    run.ready(1);
    assert_eq!(ready(), (None, "STATE running".to_owned()));
    base.call(&["stop", "talk"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a_long_text_is_cut_and_a_hostile_one_fits_into_the_record() {
    let base = Base::new();
    let mut run = speaker(&base);
    for text in ["x".repeat(3000), "\x01".repeat(3000), "\\\"".repeat(1500)] {
        say(&mut run, &format!("status {text}"));
        until("a part of it is shown", || {
            status_text(&base).is_some_and(|kept| text.starts_with(&kept))
        });
        let kept = status_text(&base).expect("a text");
        assert!(kept.len() <= 240 && kept.len() >= 40, "{kept:?}");
    }
    run.finish().expect(0);
}

#[test]
fn its_word_that_it_stops_tells_when_it_saw_the_flag() {
    let base = Base::new();
    let mut run = speaker(&base);
    // Without a flag that is raised it means something else.
    say_and_wait(&base, &mut run, "stopping");
    run.signal(Signal::SIGTERM);
    run.wait_for("stopping talk");
    say_and_wait(&base, &mut run, "stopping");
    let shown = base.call(&["status", "talk"]);
    assert!(
        shown.out.contains("asked to stop, seen after "),
        "{shown:?}"
    );
    let seen = base.call(&["status", "talk", "--json"]).json();
    let worker = &seen["runs"][0]["workers"][0];
    assert!(worker["acknowledged_ms"].is_u64(), "{worker}");
    say_and_wait(&base, &mut run, "stopping");
    let end = run.finish();
    end.expect(0);
    let told = end.events.only("stop_acknowledged");
    assert_eq!(told["after_ms"], worker["acknowledged_ms"], "{told}");
}

#[test]
fn a_descendant_is_heard_wherever_it_went() {
    let base = Base::new();
    let run = base.scenario().name("talk").options(&["--notify"]);
    let run = run.environment("STOPCTL", Base::program()).sh(
        "\"$STOPCTL\" notify --status 'a child' && echo said
        setsid --wait \"$STOPCTL\" notify --status 'a child of another session' && echo said
        (\"$STOPCTL\" notify --status 'an orphan' && echo said) &
        wait; echo \"ready worker=0 pid=$$\"; read -r line",
    );
    let mut run = run.start();
    run.wait_for_each("said", 3);
    run.ready(1);
    wait_for_text(&base, Some("an orphan"));
    run.close_stdin();
    let end = run.finish();
    assert!(!end.err().contains("no process of a worker"), "{end:?}");
}

#[test]
fn a_script_that_is_not_supervised_speaks_to_nobody_without_an_error() {
    let base = Base::new();
    base.call(&["notify", "--ready", "--status", "x"]).expect(0);
    let mut supervised = base.stopctl(&["notify", "--ready"]);
    supervised.env("STOPCTL_FLAG", "/nowhere");
    let answer = base.answer(supervised);
    answer.expect(1).says("start with stopctl run --notify");
    for wrong in [
        &["notify"][..],
        &["notify", "--run", "talk"],
        &["notify", "--worker", "0", "--extend", "5s"],
        &["notify", "--run", "talk", "--extend", "5s", "--ready"],
        &["notify", "--extend", "soon"],
        &["notify", "--extend", "infinity"],
    ] {
        base.call(wrong).expect(2);
    }
    base.call(&["notify", "--run", "talk", "--extend", "5s"])
        .expect(3);
}

#[test]
fn r4_a_path_that_is_too_long_for_a_socket_is_refused_before_anything_starts() {
    let base = Base::new();
    let deep = base.root().join("d".repeat(100));
    let base = base.with_runs_at(deep);
    let run = base.scenario().options(&["--notify"]).zoo(&["polite"]);
    let end = run.start().finish();
    end.expect(125).says("at most 107 bytes");
    assert_eq!(end.out(), "");
    // Nothing else minds.
    base.scenario()
        .zoo(&["fdprinter"])
        .start()
        .finish()
        .expect(0);
}

#[test]
fn r4_the_longest_path_that_a_socket_can_have_is_used() {
    let base = Base::new();
    let used = base.root().as_os_str().len() + "/".len() + "/talk/notify".len();
    let deep = base.root().join("d".repeat(107 - used));
    let base = base.with_runs_at(deep);
    let mut run = speaker(&base);
    say(&mut run, "status far away");
    wait_for_text(&base, Some("far away"));
    run.finish().expect(0);
}

/// Speaks to this socket as a user that is neither root nor the run's.
fn stranger(base: &Base, socket: &Path) -> Answer {
    let mut command = base.command("setpriv");
    command.args(["--clear-groups", "--regid", "65533", "--reuid", "65533"]);
    command.arg(base.stopctl_path());
    command.args(["notify", "--status", "forged"]);
    command.env("NOTIFY_SOCKET", socket);
    base.answer(command)
}

#[test]
fn r8_a_stranger_is_named_and_not_heard_and_a_worker_that_changed_its_user_is() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::new().for_every_user();
    let run = speaker(&base);
    let socket = base.runs().join("talk/notify");
    for _ in 0..2 {
        stranger(&base, &socket).expect(0);
    }
    let end = run.finish();
    end.expect(0);
    let named = end
        .err()
        .matches("is no process of a worker: ignored")
        .count();
    assert_eq!(named, 1, "{}", end.err());
    let run = base.scenario().name("other").options(&["--notify"]);
    let run = run
        .environment("STOPCTL", base.stopctl_path())
        .sh("exec setpriv --clear-groups --regid 65533 --reuid 65533 \"$STOPCTL\" notify --ready");
    let end = run.start().finish();
    end.expect(0);
    assert_eq!(end.events.of("worker_ready").len(), 1, "{end:?}");
}

#[test]
fn r8_another_user_cannot_speak_to_the_run_of_one_who_is_not_root() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::new().for_every_user();
    fs::create_dir(base.runs()).expect("a directory");
    std::os::unix::fs::chown(base.runs(), Some(65532), Some(65532)).expect("chown");
    let run = base.scenario().name("talk").options(&["--notify"]);
    let run = run
        .without_events()
        .through("exec setpriv --clear-groups --regid 65532 --reuid 65532 \"$@\"");
    let run = run.zoo(&["polite"]).start();
    run.ready(1);
    let socket = base.runs().join("talk/notify");
    let mode = fs::metadata(&socket)
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    stranger(&base, &socket).expect(1).says("Permission denied");
    run.signal(Signal::SIGTERM);
    run.finish().expect(0);
}

#[test]
fn a_socket_that_was_deleted_is_there_again_and_the_old_one_is_heard_too() {
    let base = Base::new();
    let mut run = speaker(&base);
    fs::remove_dir_all(base.runs().join("talk")).expect("the run's directory");
    run.wait_for("put back");
    say(&mut run, "status again");
    wait_for_text(&base, Some("again"));
    run.finish().expect(0);
}
