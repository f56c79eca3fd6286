//! What a worker inherits: the environment as it is, and its program found as execvp(3) finds it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};

/// A program that executes its arguments with an environment that no shell can make.
const ODD: &str = r#"
#include <stdlib.h>
#include <unistd.h>
int main(int n, char **v)
{
    char *env[] = {"Z=1", "A=first", getenv("DIR"), "STOPCTL_WORKER=77", "A=second", "NOEQUALS",
                   "STOPCTL_FLAG", "=x", "NOTIFY_SOCKET=/n", "B=2", "STOPCTL_FLAG=/f", "", "B==", NULL};
    return n > 1 ? execve(v[1], v + 1, env) : 1;
}
"#;

#[test]
fn k21a_the_environment_is_inherited_in_order_with_duplicates_and_what_is_no_variable() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    let (source, odd) = (base.file("odd.c"), base.file("odd"));
    fs::write(&source, ODD).expect("write");
    let built = Command::new("gcc")
        .args([&source, Path::new("-o"), &odd])
        .status();
    assert!(built.expect("gcc").success());
    let dir = format!("STOPCTL_DIR={}", base.runs().display());
    let mut command = base.command(&odd);
    command.env("DIR", &dir).args([
        Base::program(),
        "run",
        "--name",
        "odd",
        "--",
        "/bin/cat",
        "/proc/self/environ",
    ]);
    let answer = base.answer(command);
    answer.expect(0);
    let entries: Vec<&str> = answer.out.trim_end_matches('\n').split('\0').collect();
    let inherited = [
        "Z=1",
        "A=first",
        &dir,
        "A=second",
        "NOEQUALS",
        "STOPCTL_FLAG",
        "=x",
        "B=2",
        "",
        "B==",
    ];
    assert_eq!(entries[..inherited.len()], inherited, "K21");
    let ours: Vec<&str> = entries[inherited.len()..]
        .iter()
        .map(|entry| entry.split('=').next().unwrap_or_default())
        .collect();
    let expected = [
        "STOPCTL_FLAG",
        "STOPCTL_RUN",
        "STOPCTL_WORKER",
        "STOPCTL_WORKERS",
        "",
    ];
    assert_eq!(ours, expected, "K21");
}

#[test]
fn k21b_sockets_that_were_handed_to_us_are_the_workers() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .through(r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$@""#)
        .sh(r#"[ "$LISTEN_FDS $LISTEN_PID" = "1 $$" ]"#)
        .start();
    run.finish().expect(0);
    // Those of another process stay that process's.
    let run = base
        .scenario()
        .through(r#"LISTEN_FDS=1 LISTEN_PID=1 exec "$@""#)
        .sh(r#"[ "$LISTEN_FDS $LISTEN_PID" = "1 1" ]"#)
        .start();
    run.finish().expect(0);
}

/// Puts an empty /dev in the place of ours, but for /dev/shm.
const EMPTY_DEV: &str = r#"exec unshare -m sh -c '
    mkdir shm && mount --rbind /dev/shm shm && mount -t tmpfs none /dev && mkdir /dev/shm &&
    mount --rbind shm /dev/shm && exec "$@"' sh "$@""#;

#[test]
fn k21c_without_dev_null_the_error_names_it_and_who_needs_none_runs() {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    let base = Base::new();
    let begin = |options: &[&str]| {
        let _ = fs::remove_dir(base.file("shm"));
        let run = base.scenario().without_events().options(options);
        run.through(EMPTY_DEV).sh("read line; exit 3").start()
    };
    for options in [&["-n", "2"][..], &["--stdin", "null"]] {
        let end = begin(options).finish();
        end.expect(125).says("/dev/null").says("--stdin inherit");
    }
    let mut run = begin(&["-n", "2", "--stdin", "inherit"]);
    run.close_stdin();
    run.finish().expect(3);
}

/// An executable file without a first line that names an interpreter.
fn script(base: &Base, place: &str, text: &str) {
    let file = base.file(place);
    fs::create_dir_all(file.parent().expect("a directory")).expect("made");
    fs::write(&file, text).expect("write");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("chmod");
}

/// What env(1), which uses execvp(3), and `stopctl run` make of a command.
fn is_as_with_env(base: &Base, path: Option<&str>, command: &[&str]) -> String {
    let with = |words: &[&str]| {
        let mut wrapper = base.command(words[0]);
        wrapper.args(&words[1..]).args(command);
        match path {
            Some(path) => wrapper.env("PATH", path),
            None => wrapper.env_remove("PATH"),
        };
        let answer = base.answer(wrapper);
        (format!("{:?}", answer.ended), answer.out)
    };
    let ours = with(&[Base::program(), "run", "--"]);
    assert_eq!(
        ours,
        with(&["/usr/bin/env"]),
        "K21: {command:?} in {path:?}"
    );
    ours.0
}

#[test]
fn k21d_a_program_is_found_and_refused_as_env_does_it() {
    let base = Base::new();
    let said = r#"echo "$0" "$#" "$@""#;
    script(&base, "one/plain", said);
    script(&base, "two/plain", "echo the second");
    script(&base, "here", said);
    script(&base, "two/broken", "#!/no/such/interpreter\n");
    fs::create_dir(base.file("two/dir")).expect("made");
    fs::write(base.file("two/denied"), said).expect("write");
    script(&base, "three/denied", "echo found after all");
    let work = base.work().display();
    let (one, two, three) = (
        format!("{work}/one"),
        format!("{work}/two"),
        format!("{work}/three"),
    );
    let long = "x".repeat(300);
    let far = format!("{}:{one}", "y".repeat(5000));
    let cases: &[(&str, Option<&str>, &[&str])] = &[
        (
            "0",
            Some(&format!("{one}:{two}")),
            &["plain", "a b", "", "c"],
        ),
        ("0", Some(&format!("{two}:{one}")), &["plain"]),
        (
            "0",
            Some(&format!("/nowhere:{work}/here:{one}")),
            &["plain", "x"],
        ),
        ("0", Some(&format!("{one}:")), &["here", "x"]),
        ("0", Some(""), &["here"]),
        ("0", Some(&far), &["plain"]),
        ("0", None, &["echo", "by default"]),
        ("0", Some("/nowhere"), &["./here", "x"]),
        ("0", Some(&format!("{two}:{three}")), &["denied"]),
        ("126", Some(&two), &["denied"]),
        ("126", Some(&format!("{two}:/nowhere")), &["denied"]),
        ("126", Some(&two), &["dir"]),
        ("127", Some(&two), &["broken"]),
        ("127", Some(&two), &["nothing"]),
        ("127", Some(&two), &["./nothing"]),
        ("127", Some(&two), &[""]),
        ("126", Some(&two), &[&long]),
    ];
    for (status, path, command) in cases {
        let ended = is_as_with_env(&base, *path, command);
        assert_eq!(
            ended,
            format!("Code({status})"),
            "K21: {command:?} in {path:?}"
        );
    }
}
