//! CI services: how they stop a step, replayed signal by signal, and what `--annotations` tells
//! them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::committed;
use crate::support::base::Base;
use crate::support::processes;
use crate::support::started::{Started, send};

/// GitHub's runner to the top process of a step that is cancelled: each signal, and how long it
/// waits before the next.
const GITHUB: [(Signal, Duration); 2] = [
    (Signal::SIGINT, Duration::from_millis(7500)),
    (Signal::SIGTERM, Duration::from_millis(2500)),
];

/// How long GitLab's runner waits between SIGTERM to the group of a job's shell and SIGKILL.
const GITLAB: Duration = Duration::from_secs(10);

/// Worker 0 leaves when asked; worker 1 does not, nor on SIGTERM.
const ONE_OF_TWO: &str = r#"[ "$STOPCTL_WORKER" = 0 ] && exec "$0" polite; exec "$0" deaf"#;

/// Cancels a step as GitHub does. Answers whether it ended before it would have been killed.
fn cancelled(step: &Started) -> bool {
    GITHUB.into_iter().any(|(signal, patience)| {
        let since = Instant::now();
        send(step.pid(), signal);
        while since.elapsed() < patience {
            // Nobody reaps it before `finish`.
            if processes::state(step.pid()) == Some('Z') {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    })
}

#[test]
fn g8_a_cancelled_github_step_is_over_and_told_before_the_runner_kills() {
    let base = Base::new();
    let summary = base.file("summary.md");
    fs::write(&summary, "before\n").expect("a summary");
    let run = base
        .scenario()
        .name("step")
        .workers(2)
        .options(&["--stop-within", "9s", "--annotations", "github"])
        .environment("GITHUB_STEP_SUMMARY", &summary)
        .sh(ONE_OF_TWO)
        .zoo_as_argument()
        .start();
    run.ready(2);
    assert!(cancelled(&run), "G8");
    let end = run.finish();
    end.expect_signal(Signal::SIGINT as i32)
        .says("1 left when asked (worker 0), 1 needed SIGKILL (worker 1)");
    assert_eq!(end.events.outcomes(), ["flag", "kill"], "G8");
    assert_eq!(end.events.only("run_ended")["reason"], "interrupt", "G8");
    let said = end.err();
    let commands: Vec<&str> = said.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(commands.len(), 1, "{said}");
    let begins = "::warning title=stopctl step::worker 1 needed SIGKILL, 8.";
    assert!(commands[0].starts_with(begins), "{said}");
    assert!(!end.out().contains("::"), "{}", end.out());
    let table = fs::read_to_string(&summary).expect("a summary");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "before", "it is added to: {table}");
    assert!(lines[1].starts_with("### step is over after 8."), "{table}");
    assert_eq!(lines[4], "| --- | --- | --- | --- | --- |");
    assert!(
        lines[5].starts_with("| 0 | left when asked | exit status 0 | "),
        "{table}"
    );
    assert!(
        lines[6].starts_with("| 1 | needed SIGKILL | killed by SIGKILL | "),
        "{table}"
    );
    assert!(lines[6].ends_with(" | yes |"), "{table}");
}

/// The shell command of a recipe in man/engines, as the service would run it: with `stopctl` on the
/// PATH, and `./work` in the current directory.
fn recipe(base: &Base, name: &str, work: &str) -> Command {
    let text = committed::read(&format!("man/engines/{name}"));
    let line = text.lines().find(|line| line.contains("stopctl run"));
    let line = line.unwrap_or_else(|| panic!("{name} runs no stopctl"));
    let line = line
        .trim()
        .trim_start_matches("- ")
        .trim_start_matches("run: ");
    let line = line.trim_start_matches("sh '").trim_end_matches('\'');
    let step = base.file("step.sh");
    fs::write(&step, format!("{line}\n")).expect("a script");
    let program = base.file("work");
    fs::write(&program, format!("#!/bin/sh\n{work}\n")).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut command = base.command("bash");
    let own = Path::new(Base::program()).parent().expect("a folder");
    let path = std::env::var("PATH").expect("PATH");
    command
        .arg("-e")
        .arg(&step)
        .env("PATH", format!("{}:{path}", own.display()))
        .env("CI", "true");
    command
}

/// A worker in sh that looks at its flag between two pieces of work.
const LOOKS: &str = r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do :; done
echo left"#;

#[test]
fn the_github_recipe_is_over_at_once_and_needs_no_warning() {
    let base = Base::new();
    let summary = base.file("summary.md");
    let mut step = recipe(&base, "github.yml", LOOKS);
    step.env("GITHUB_STEP_SUMMARY", &summary);
    let step = Started::begin(step, base.root(), None);
    step.ready(4);
    let since = step.signal(Signal::SIGINT);
    step.wait_for_exit();
    assert!(since.elapsed() < GITHUB[0].1);
    let end = step.finish();
    end.expect_signal(Signal::SIGINT as i32);
    assert_eq!(end.out().matches("left").count(), 4);
    let said = end.err();
    assert!(
        !said.contains("warning") && !said.contains("'exec"),
        "{said}"
    );
    let table = fs::read_to_string(&summary).expect("a summary");
    assert!(table.contains("| 3 | left when asked |"), "{table}");
}

#[test]
fn a_step_that_does_not_exec_stopctl_keeps_the_signals_to_its_shell() {
    // What the warning under CI is about. GitHub runs a step as `bash -e FILE`.
    let base = Base::new();
    let script = base.file("step.sh");
    let run = |exec: &str| {
        let text = format!("{exec} \"$STOPCTL\" run --name step -- \"$ZOO\" polite\nexit $?\n");
        fs::write(&script, text).expect("a script");
        let mut step = base.command("bash");
        step.arg("-e")
            .arg(&script)
            .env("CI", "true")
            .env("STOPCTL", Base::program())
            .env("ZOO", crate::support::examples::zoo());
        Started::begin(step, base.root(), None)
    };
    let kept = run("");
    kept.wait_for("write 'exec stopctl run ...'");
    kept.ready(1);
    send(kept.pid(), Signal::SIGTERM);
    kept.wait_for_exit();
    base.call(&["status", "step"]).expect(0);
    base.call(&["stop", "step"]).expect(0);
    kept.finish();

    let heard = run("exec");
    heard.ready(1);
    send(heard.pid(), Signal::SIGTERM);
    let end = heard.finish();
    end.expect(0);
    assert!(!end.err().contains("write 'exec"), "{}", end.err());
}

#[test]
fn the_gitlab_recipe_is_over_before_the_runner_kills_its_group() {
    let base = Base::new();
    let work = format!(r#"[ "$STOPCTL_WORKER" = 1 ] && exec "$ZOO" deaf; {LOOKS}"#);
    let mut job = recipe(&base, "gitlab-ci.yml", &work);
    // The runner signals the process group of the job's shell: stopctl is in it, workers are not.
    job.env("GITLAB_CI", "true")
        .env("ZOO", crate::support::examples::zoo());
    job.process_group(0);
    let job = Started::begin(job, base.root(), None);
    job.ready(4);
    let since = Instant::now();
    killpg(Pid::from_raw(job.pid()), Signal::SIGTERM).expect("the group of the job");
    let end = job.finish();
    assert!(since.elapsed() < GITLAB);
    let said = end.err();
    end.says("worker 1 needed SIGKILL, 8.");
    assert!(said.contains("\x1b[33mstopctl: warning: work-"), "{said}");
    let (_, section) = said
        .split_once("[collapsed=true]\r\x1b[0Kstopctl: ")
        .unwrap_or_else(|| panic!("{said}"));
    let (section, _) = section
        .split_once("\x1b[0Ksection_end:")
        .unwrap_or_else(|| panic!("{said}"));
    assert!(
        section.contains("\n3       left when asked  exit status 0"),
        "{section}"
    );
    assert!(!end.out().contains("section"), "{}", end.out());
    assert!(!said.contains("'exec"), "{said}");
}

#[test]
fn the_jenkins_recipe_shields_its_workers_from_a_signal_to_every_process() {
    // Jenkins signals each process that has the cookie of the build in its environment.
    let base = Base::new();
    let mut build = recipe(&base, "Jenkinsfile", LOOKS);
    build
        .env("JENKINS_URL", "http://localhost/")
        .env("JENKINS_NODE_COOKIE", base.root());
    let build = Started::begin(build, base.root(), None);
    build.ready(4);
    for pid in processes::with_in_environment(base.root()) {
        // Some have left before their turn: for those before them in the list.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    let end = build.finish();
    end.says(": 4 left when asked (workers 0-3)");
    assert!(!end.err().contains("'exec"), "{}", end.err());
    assert_eq!(end.out().matches("left").count(), 4);
}

#[test]
fn github_is_told_of_the_eleventh_in_one_line_with_the_tenth() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("many")
        .workers(12)
        .times("100ms", "10s")
        .options(&["--annotations", "github", "--quiet"])
        .zoo(&["handler", "0"])
        .start();
    run.ready(12);
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    end.expect(0);
    let said = end.err();
    let commands: Vec<&str> = said.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(commands.len(), 10, "{said}");
    let last = commands[9];
    assert!(last.contains("::3 more needed force: workers "), "{said}");
    assert!(!said.contains("stopctl: "), "quiet: {said}");
}

#[test]
fn a_summary_that_cannot_be_written_is_a_warning_and_no_failure() {
    let base = Base::new();
    let mut command = base.stopctl(&["run", "--annotations", "github", "--", "true"]);
    command.env("GITHUB_STEP_SUMMARY", "/proc/nowhere");
    base.answer(command)
        .expect(0)
        .says("GITHUB_STEP_SUMMARY: No such file");
}
