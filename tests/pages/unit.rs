//! `stopctl unit`: the text of a systemd unit.

use crate::committed;
use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks};

/// The settings of the unit, without comments.
fn settings(answer: &Answer) -> Vec<String> {
    answer.expect(0);
    let lines = answer.out.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter(|line| line.contains('='))
        .map(ToOwned::to_owned)
        .collect()
}

/// The value of the only setting of this name.
#[track_caller]
fn value(answer: &Answer, name: &str) -> String {
    let settings = settings(answer);
    let mut values = settings
        .iter()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let value = values
        .next()
        .unwrap_or_else(|| panic!("no {name}: {settings:#?}"));
    assert_eq!(values.next(), None, "{name} twice");
    value.to_owned()
}

#[test]
fn the_unit_has_what_is_easily_forgotten() {
    let base = Base::new();
    let unit = base.call(&[
        "unit", "train", "-n", "4", "--grace", "30s", "--", "sh", "train.sh",
    ]);
    let us = Base::program();
    let (runs, work) = (base.runs().display(), base.work().display());
    let start = value(&unit, "ExecStart");
    let (head, script) = start.rsplit_once(" -- ").expect("a command");
    assert_eq!(head, format!("{us} run --name train -n 4 --grace 30s"));
    assert!(
        script.starts_with('/') && script.ends_with("/sh train.sh"),
        "{script}"
    );
    for (name, wanted) in [
        ("Type", "notify"),
        ("ExecStop", &format!("{us} stop --if-running train")),
        ("KillMode", "mixed"),
        // 30 s, 10 s, the 5 s that SIGKILL may take, and 5 s.
        ("TimeoutStopSec", "50s"),
        ("SuccessExitStatus", "143"),
        ("Restart", "on-failure"),
        ("WorkingDirectory", &work.to_string()),
        ("Environment", &format!("STOPCTL_DIR={runs}")),
        ("Description", "train: sh train.sh"),
    ] {
        assert_eq!(value(&unit, name), wanted, "{name}");
    }
    assert!(!unit.out.contains("ExecReload"), "{}", unit.out);
}

#[test]
fn k16f_what_the_stop_signal_makes_of_a_worker_is_a_success() {
    let base = Base::new();
    for (signal, wanted) in [
        ("TERM", "143"),
        ("QUIT", "143 131 SIGQUIT"),
        ("int", "143 130 SIGINT"),
        ("RTMIN+3", "143 165 SIGRTMIN+3"),
    ] {
        let unit = base.call(&["unit", "u", "--signal", signal, "true"]);
        assert_eq!(value(&unit, "SuccessExitStatus"), wanted, "{signal}");
    }
}

#[test]
fn the_recipe_is_what_it_prints() {
    // Of another user it would be a unit of that user.
    if lacks(Need::Root) {
        return;
    }
    let base = Base::new();
    let unit = base.call(&["unit", "work", "-n", "4", "--", "/usr/bin/work"]);
    let printed = unit
        .expect(0)
        .out
        .replace(Base::program(), "/usr/bin/stopctl");
    let here = format!("WorkingDirectory={}\n", base.work().display());
    let printed = printed.replace(&here, "WorkingDirectory=/\n");
    let elsewhere = format!("Environment=STOPCTL_DIR={}\n", base.runs().display());
    let printed = printed.replace(&elsewhere, "");
    assert_eq!(printed, committed::read("man/engines/stopctl.service"));
}

#[test]
fn control_groups_of_workers_are_delegated_where_they_are_required() {
    let base = Base::new();
    for (options, delegates) in [
        (&[][..], false),
        (&["--cgroup", "off"], false),
        (&["--cgroup", "require"], true),
    ] {
        let unit = base.call(&[&["unit", "u"], options, &["true"]].concat());
        let found = settings(&unit).contains(&"Delegate=yes".to_owned());
        assert_eq!(found, delegates, "{options:?}");
    }
}

#[test]
fn systemd_waits_for_the_whole_ladder() {
    let base = Base::new();
    for (options, wanted) in [
        (&[][..], "30s"),
        (&["--stop-within", "9s"], "14s"),
        (&["-g", "1m30s", "-k", "500ms"], "101s"),
        (&["-g", "infinity"], "infinity"),
        (&["-k", "infinity"], "infinity"),
    ] {
        let words = [&["unit", "u"], options, &["true"]].concat();
        assert_eq!(
            value(&base.call(&words), "TimeoutStopSec"),
            wanted,
            "{options:?}"
        );
    }
    let mut command = base.stopctl(&["unit", "u", "true"]);
    command.env("STOPCTL_GRACE", "60s");
    let unit = base.answer(command);
    assert_eq!(value(&unit, "TimeoutStopSec"), "80s");
    assert!(
        unit.out.contains("\nEnvironment=STOPCTL_GRACE=60s\n"),
        "{}",
        unit.out
    );
}

#[test]
fn a_reload_is_there_if_it_reaches_the_workers() {
    let base = Base::new();
    let unit = base.call(&["unit", "web", "--forward", "HUP,USR1", "--", "./server"]);
    assert_eq!(value(&unit, "ExecReload"), "/bin/kill -HUP $MAINPID");
    assert!(value(&unit, "ExecStart").ends_with(" --forward HUP,USR1 -- ./server"));
}

#[test]
fn words_of_the_command_stay_what_they_are() {
    let base = Base::new();
    let words = [
        "unit",
        "odd",
        "--",
        "./a program",
        "50%",
        "$HOME",
        "a \"b\"",
        ";",
        "",
        "--name",
    ];
    let start = value(&base.call(&words), "ExecStart");
    let wanted = r#" run --name odd -- "./a program" 50%% $$HOME "a \"b\"" ";" "" --name"#;
    assert!(start.ends_with(wanted), "{start}");
}

#[test]
fn a_long_command_is_cut_in_the_description_and_nowhere_else() {
    let base = Base::new();
    let script = "\\".repeat(2000);
    let unit = base.call(&["unit", "long", "--", "printf", &script]);
    let title = value(&unit, "Description");
    assert!(
        title.starts_with("long: printf") && title.ends_with('…'),
        "{title}"
    );
    assert!(title.len() < 80, "{title}");
    let start = value(&unit, "ExecStart");
    assert_eq!(start.matches('\\').count(), 4000, "{start}");
}

#[test]
fn what_run_would_refuse_is_refused() {
    let base = Base::new();
    for words in [
        &["unit", "train"][..],
        &["unit", "../train", "true"],
        &["unit", "train", "--graec", "5s", "--", "true"],
        &["unit", "train", "--grace", "soon", "--", "true"],
        &["unit", "train", "--name", "other", "--", "true"],
        &["unit", "train", "-n", "0", "true"],
        &["unit", "train", "-n", "2"],
    ] {
        let answer = base.call(words);
        answer.expect(2);
        assert_eq!(answer.out, "", "{words:?}");
    }
}

#[test]
fn systemd_has_nothing_to_say_about_it() {
    if lacks(Need::Program("systemd-analyze")) {
        return;
    }
    let base = Base::new();
    for options in [&[][..], &["--forward", "HUP", "-g", "infinity"]] {
        let words = [
            &["unit", "checked"],
            options,
            &["--", "sh", "-c", "echo \"$0\" 50%; true"],
        ];
        let unit = base.call(&words.concat());
        unit.expect(0);
        let file = base.file("checked.service");
        std::fs::write(&file, &unit.out).expect("a file");
        let mut verify = base.command("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&file);
        let said = base.answer(verify);
        said.expect(0);
        let about_it = said.err.lines().filter(|line| line.contains("checked"));
        assert_eq!(about_it.count(), 0, "{}", said.err);
    }
}
