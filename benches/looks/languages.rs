//! The languages whose tools are on this machine, and how to start a program of each.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{CALLS, LOADS, Language, PROCESSES, SHELL_READS, SYSTEM_CALLS};

/// The languages whose tools are here, built below `place`.
pub(crate) fn languages(place: &Path) -> Vec<Language> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = |name: &str| here.join("benches/looks").join(name).display().to_string();
    let client = |name: &str| here.join("clients").join(name);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let built = |name: &str| place.join(name).display().to_string();
    let own = std::env::current_exe().expect("this program");
    let mut found = vec![Language {
        environment: Vec::new(),
        looks: Vec::new(),
        wake: Some(("Rust, wait_timeout", vec![own.display().to_string()])),
    }];
    let mut add = |look: &'static str, looks: u32, wake: &'static str, command: Vec<String>| {
        found.push(Language {
            environment: vec![("PYTHONPATH", client("python"))],
            looks: vec![(look, looks, command.clone())],
            wake: Some((wake, command)),
        });
    };

    let include = format!("-I{}", client("c").display());
    let options = [
        "-std=c11",
        "-O2",
        &include,
        &source("looks.c"),
        "-o",
        &built("c"),
    ];
    if build(here, "gcc", &options) {
        add(
            "C, stopctl_is_set",
            LOADS,
            "C, stopctl_wait",
            vec![built("c")],
        );
    }
    if go(place, here) {
        add("Go, IsSet", LOADS, "Go, Done", vec![built("go/looks")]);
    }
    let files = [
        client("java/Stopctl.java"),
        here.join("benches/looks/Looks.java"),
    ];
    let files = files.map(|file| file.display().to_string());
    if build(here, "javac", &["-d", &built("java"), &files[0], &files[1]]) {
        let command = words(&["java", "-cp", &built("java"), "Looks"]);
        add("Java, isSet", LOADS, "Java, awaitStop (50 ms)", command);
    }
    if is_here("node") {
        let command = words(&["node", &source("looks.mjs")]);
        add("Node, isSet", SYSTEM_CALLS, "Node, wait", command);
    }
    if client("python/stopctl").exists() && is_here("python3") {
        let command = words(&["python3", &source("looks.py")]);
        add("Python, is_set", CALLS, "Python, wait", command);
    }
    for (shell, start) in [
        ("dash", &["dash"][..]),
        ("bash", &["bash"]),
        ("busybox sh", &["busybox", "sh"]),
    ] {
        if is_here(start[0]) {
            found.push(in_shell(
                shell,
                start,
                &source("looks.sh"),
                &client("sh/stopctl.sh"),
            ));
        }
    }
    found
}

/// The client, and the two programs that do the same.
fn in_shell(name: &str, start: &[&str], script: &str, client: &Path) -> Language {
    let command = |look: &str| {
        let words = [start, &[script, "--", look]].concat();
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let program = env!("CARGO_BIN_EXE_stopctl");
    let mut looks = Vec::new();
    let mut wake = None;
    let keep_going = command("keep_going");
    match name {
        "dash" => {
            looks.push(("dash, keep_going", SHELL_READS, keep_going.clone()));
            let (look, sleep) = (
                format!("{program} keep-going"),
                format!("{program} sleep 0"),
            );
            looks.push(("stopctl keep-going", PROCESSES, command(&look)));
            looks.push(("stopctl sleep 0", PROCESSES, command(&sleep)));
            wake = Some(("stopctl sleep", keep_going));
        }
        "bash" => looks.push(("bash, keep_going", SHELL_READS, keep_going)),
        _ => looks.push(("busybox sh, keep_going", SHELL_READS, keep_going)),
    }
    // So that keep_sleeping finds this program, and not one that happens to be installed.
    let first = Path::new(program).parent().expect("a directory");
    let path = format!(
        "{}:{}",
        first.display(),
        std::env::var("PATH").expect("a PATH")
    );
    Language {
        environment: vec![("STOPCTL_SH", client.to_owned()), ("PATH", path.into())],
        looks,
        wake,
    }
}

/// The program as a package of the client's module, because it imports it by its name.
fn go(place: &Path, here: &Path) -> bool {
    let module = place.join("go");
    let put = |from: &str, to: &str| {
        let to = module.join(to);
        std::fs::create_dir_all(to.parent().expect("a directory")).expect("make a directory");
        std::fs::copy(here.join(from), to).expect("copy a source");
    };
    put("clients/go/go.mod", "go.mod");
    put("clients/go/stopctl.go", "stopctl.go");
    put("benches/looks/looks.go", "program/main.go");
    build(&module, "go", &["build", "-o", "looks", "./program"])
}

/// Runs a compiler, if it is here. What it builds must be right.
fn build(directory: &Path, tool: &str, words: &[&str]) -> bool {
    if !is_here(tool) {
        return false;
    }
    let status = Command::new(tool)
        .args(words)
        .current_dir(directory)
        .status();
    assert!(status.expect(tool).success(), "{tool} {words:?}");
    true
}

fn is_here(tool: &str) -> bool {
    let mut look = Command::new("sh");
    let look = look.args(["-c", "command -v \"$0\"", tool]);
    let found = look.stdout(Stdio::null()).status();
    let found = found.expect("a shell").success();
    if !found {
        println!("({tool} is not here)");
    }
    found
}
