//! Workers that do not find their flag, or are somebody else by the time they look.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::base::Base;
use crate::support::examples;
use crate::support::need::{Need, lacks};
use crate::support::python;
use crate::support::started::Started;

/// The clients in Rust, C, Python and sh, as far as this machine can build and run them; in places
/// where everybody may read them.
fn clients(base: &Base) -> Vec<(&'static str, Vec<String>)> {
    let source = |path: &str| format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let copy = |from: &Path, name: &str| {
        let to = base.file(name);
        Base::copy_program(from, &to);
        to.display().to_string()
    };
    let rust = copy(&examples::probe(), "probe-rust");
    let mut clients = vec![("rust", vec![rust])];
    if !lacks(Need::Program("cc")) {
        let built = base.file("probe-c").display().to_string();
        let compiler = Command::new("cc")
            .args(["-O2", "-I", &source("clients/c"), "-o", &built])
            .arg(source("tests/languages/conformance/probe.c"))
            .status();
        assert!(compiler.expect("a C compiler").success());
        clients.push(("c", vec![built]));
    }
    if let Some(python) = python::python() {
        let probe = source("tests/languages/conformance/probe.py");
        clients.push(("python", vec![python, "-B".into(), probe]));
    }
    clients
}

/// A path names one start of one worker for ever: whoever inherited it can neither read a newer run
/// nor be taken for one of its workers.
#[test]
fn n1_a_flag_of_a_run_that_is_over_is_said_once_and_is_never_that_of_a_newer_run() {
    let base = Base::new();
    let older = base.scenario().name("again").sh("echo \"$STOPCTL_FLAG\"");
    let end = older.start().finish();
    let leaked = end.out().trim().to_owned();
    assert!(leaked.starts_with('/'), "{leaked}");
    let newer = base.scenario().name("again").zoo(&["polite"]).start();
    newer.ready(1);
    let mut probes = Vec::new();
    for (client, words) in clients(&base) {
        let mut command = base.command(&words[0]);
        command
            .args(&words[1..])
            .env("STOPCTL_FLAG", &leaked)
            .stdin(Stdio::piped());
        let mut probe = Started::begin(command, base.root(), None);
        probe.wait_for(&leaked);
        for (question, answer) in [
            ("supervised", "no"),
            ("look", "run"),
            ("wait 20", "timeout"),
        ] {
            ask(&mut probe, question);
            let line = probe.wait_for(answer).text;
            assert_eq!(line, answer, "N1 {client}: {question}");
        }
        probes.push((client, probe));
    }
    let mut shell = base.stopctl(&["keep-going"]);
    shell.env("STOPCTL_FLAG", &leaked);
    let shell = base.answer(shell);
    shell
        .expect(1)
        .says("the run is over, or hidden from this process");
    base.call(&["stop", "again"]).expect(0);
    newer.finish().expect(0);
    for (client, mut probe) in probes {
        ask(&mut probe, "look");
        assert_eq!(probe.wait_for("run").text, "run", "N1 {client}");
        let end = probe.finish();
        end.expect(0);
        assert_eq!(end.err().lines().count(), 1, "N1 {client}: {}", end.err());
        assert!(end.err().contains(&leaked), "N1 {client}: {}", end.err());
    }
}

fn ask(probe: &mut Started, question: &str) {
    use std::io::Write as _;
    writeln!(probe.stdin(), "{question}").expect("it reads");
}

/// Two questions, then nothing more to do.
const TELLS: &str = r#"exec "$@" <<'.'
supervised
wait 60000
request
.
"#;

#[test]
fn n2_a_worker_with_a_shared_memory_of_its_own_is_told_and_stopped_by_sigterm() {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    let base = Base::new();
    for (client, words) in clients(&base) {
        // The client itself stays visible.
        let hide = format!(
            "exec unshare -m sh -c 'mount -t tmpfs none {} && {{ {TELLS} }}' sh \"$@\"",
            base.runs().display()
        );
        let hide = hide.replace("<<'.'", "<<.");
        let mut command = vec!["/bin/sh", "-c", &hide, "sh"];
        command.extend(words.iter().map(String::as_str));
        let run = base
            .scenario()
            .name("hidden")
            .times("100ms", "10s")
            .command(&command)
            .start();
        run.wait_for("cannot be used");
        run.wait_for("no");
        base.call(&["stop", "hidden"]).expect(0);
        let end = run.finish();
        end.says("has never looked at its flag");
        assert_eq!(end.events.outcomes(), ["term"], "N2 {client}");
    }
}

#[test]
fn n3_a_worker_that_dropped_its_uid_reads_its_flag() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::new();
    fs::set_permissions(base.work(), fs::Permissions::from_mode(0o755)).expect("chmod");
    for (client, words) in clients(&base) {
        if client == "python" {
            // Its interpreter may lie in a home directory.
            continue;
        }
        let script = format!(
            r#"echo ready
            set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
            {TELLS}"#
        );
        let mut command = vec!["/bin/sh", "-c", &script, "sh"];
        command.extend(words.iter().map(String::as_str));
        let run = base.scenario().name("dropped").command(&command).start();
        run.wait_for("yes");
        base.call(&["stop", "dropped"]).expect(0);
        let end = run.finish();
        end.expect(0);
        assert!(end.out().contains("1 user "), "N3 {client}: {}", end.out());
        assert_eq!(end.events.outcomes(), ["flag"], "N3 {client}");
    }
}
