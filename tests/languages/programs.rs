//! Well-known programs, which know nothing of flags, with the options that stopctl-programs(7) has for them:
//! each finishes in its own way, and none needs SIGKILL.

use std::fs;

use crate::committed;
use crate::support::base::Base;
use crate::support::events;
use crate::support::need::{Need, lacks};
use crate::support::processes::signal_set;
use crate::support::started::{End, Started};
use crate::support::until::until;

/// Far above what any of them takes to finish, so that SIGKILL is never the machine's fault.
const TO_FINISH: &str = "60s";

/// The options that the page has for `program`: those of its row in the table of servers, or those
/// beside its name.
fn options(program: &str) -> Vec<String> {
    let page = committed::read("man/stopctl-programs.7").replace("\\-", "-");
    let row = format!("{program} *\t");
    let tag = format!(".RB \"{program} *: \" \"");
    let options = page.lines().find_map(|line| {
        let row = line.strip_prefix(&row);
        let row = row.and_then(|rest| rest.split('\t').next());
        row.or_else(|| line.strip_prefix(&tag)?.strip_suffix('"'))
    });
    let options = options.unwrap_or_else(|| panic!("the page marks no {program} as tried"));
    options.split_whitespace().map(str::to_owned).collect()
}

/// Starts `command` as the page says for `program`, and stops it when it is `ready`. The signal is sent at
/// once: nobody looks at the flag.
fn stopped(base: &Base, program: &str, command: &[&str], ready: impl FnOnce(&Started)) -> End {
    let options = options(program);
    let mut all = vec!["--unaware-grace", "0", "--kill-after", TO_FINISH];
    all.extend(options.iter().map(String::as_str));
    let scenario = base.scenario().name("it").options(&all).command(command);
    let run = scenario.start();
    ready(&run);
    base.call(&["stop", "it"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["term"], "{program}: {}", end.err());
    let wanted = options.iter().skip_while(|word| *word != "-s").nth(1);
    let wanted = format!("SIG{}", wanted.map_or("TERM", String::as_str));
    assert_eq!(end.events.signals(0)[0], wanted, "{program}");
    end
}

/// The same for one that writes a line when it is ready.
fn stopped_after(base: &Base, program: &str, command: &[&str], line: &str) -> End {
    stopped(base, program, command, |run| {
        let _ = run.wait_for(line);
    })
}

#[track_caller]
fn assert_said(end: &End, words: &str) {
    let said = end.out() + &end.err();
    assert!(said.contains(words), "does not say {words:?}:\n{said}");
}

#[test]
fn nginx_lets_its_workers_finish() {
    if lacks(Need::Program("nginx")) {
        return;
    }
    let base = Base::new();
    let folder = base.work().display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|path| format!("{path}_temp_path {folder}/{path};"));
    let configuration = format!(
        "pid {folder}/pid;\nerror_log stderr notice;\nevents {{}}\n\
         http {{\naccess_log off;\n{}\nserver {{ listen unix:{folder}/socket; }}\n}}\n",
        paths.join("\n")
    );
    let file = base.file("nginx.conf");
    fs::write(&file, configuration).expect("write the configuration");
    let file = file.to_str().expect("UTF-8");
    let command = ["nginx", "-e", "stderr", "-c", file, "-g", "daemon off;"];
    let end = stopped_after(&base, "nginx", &command, "start worker process ");
    end.expect(0);
    assert_said(&end, "gracefully shutting down");
}

#[test]
fn haproxy_ends_with_its_workers() {
    if lacks(Need::Program("haproxy")) {
        return;
    }
    let base = Base::new();
    let configuration = "defaults\n mode http\n timeout client 5s\n timeout connect 5s\n \
                         timeout server 5s\nfrontend it\n bind unix@socket\n";
    fs::write(base.file("configuration"), configuration).expect("write the configuration");
    let command = ["haproxy", "-Ws", "-f", "configuration"];
    let end = stopped(&base, "haproxy -Ws", &command, |run| {
        run.wait_for_events("worker_ready", 1);
        let master = events::number(run.events_so_far().only("worker_started"), "pid");
        let master = i32::try_from(master).expect("a pid");
        // It says that it is ready a moment before it would survive SIGTERM.
        until("it handles SIGTERM", || {
            signal_set(master, "SigCgt") & (1 << (libc::SIGTERM - 1)) != 0
        });
    });
    end.expect(0);
    assert_said(&end, "All workers exited");
}

#[test]
fn redis_saves_to_the_disk() {
    if lacks(Need::Program("redis-server")) {
        return;
    }
    let base = Base::new();
    let command = ["redis-server", "--port", "0", "--unixsocket", "socket"];
    let end = stopped_after(&base, "redis", &command, "eady to accept connections");
    end.expect(0);
    assert_said(&end, "DB saved on disk");
}

#[test]
fn memcached_ends() {
    if lacks(Need::Program("memcached")) {
        return;
    }
    let base = Base::new();
    let command = ["memcached", "-vv", "-u", "root", "-s", "socket"];
    stopped_after(&base, "memcached", &command, "server listening").expect(0);
}

#[test]
fn node_runs_the_handler_of_the_program() {
    if lacks(Need::Program("node")) {
        return;
    }
    let base = Base::new();
    let program = "process.on('SIGTERM', () => { console.log('saved'); process.exit(0) }); \
                   setInterval(() => {}, 1000); console.log('ready')";
    let end = stopped_after(&base, "Node", &["node", "-e", program], "ready");
    end.expect(0);
    assert_said(&end, "saved");
}

#[test]
fn java_runs_its_shutdown_hooks() {
    if lacks(Need::Program("javac")) {
        return;
    }
    let base = Base::new();
    let program = "class Hook { public static void main(String[] none) throws Exception {\n\
                   Thread saving = new Thread(() -> System.out.println(\"saved\"));\n\
                   Runtime.getRuntime().addShutdownHook(saving);\n\
                   System.out.println(\"ready\"); Thread.sleep(1_000_000); } }\n";
    fs::write(base.file("Hook.java"), program).expect("write the program");
    let end = stopped_after(&base, "Java", &["java", "Hook.java"], "ready");
    end.expect(143);
    assert_said(&end, "saved");
}

#[test]
fn python_runs_finally() {
    if lacks(Need::Program("python3")) {
        return;
    }
    let base = Base::new();
    let program = "import time\ntry:\n    print('ready', flush=True)\n    time.sleep(1000)\n\
                   finally:\n    print('saved')\n";
    let end = stopped_after(&base, "Python", &["python3", "-c", program], "ready");
    end.expect_signal(2);
    assert_said(&end, "saved");
}

#[test]
fn pytest_tears_its_fixtures_down() {
    if lacks(Need::Program("pytest")) {
        return;
    }
    let base = Base::new();
    let test = "import pytest, time\n@pytest.fixture\ndef it():\n    yield\n    print('torn down')\n\
                def test(it):\n    print('ready', flush=True)\n    time.sleep(1000)\n";
    fs::write(base.file("test_it.py"), test).expect("write the test");
    let command = ["pytest", "-s", "-p", "no:cacheprovider", "test_it.py"];
    let end = stopped_after(&base, "pytest", &command, "ready");
    end.expect(2);
    assert_said(&end, "torn down");
}

#[test]
fn zstd_removes_its_partial_output() {
    if lacks(Need::Program("zstd")) {
        return;
    }
    let base = Base::new();
    // It waits for its input, with the output open.
    let end = stopped(&base, "zstd", &["zstd", "-q", "-o", "partial.zst"], |_| {
        until("it has opened its output", || {
            base.file("partial.zst").exists()
        });
    });
    end.expect(2);
    assert!(!base.file("partial.zst").exists(), "{}", end.err());
}

#[test]
fn a_shell_runs_its_trap_at_once() {
    let base = Base::new();
    // Whoever says that it is ready is what the shell waits for.
    let script = r"trap 'echo saved; exit 0' TERM
        sh -c 'echo ready; exec sleep 1000'
        echo never";
    let command = ["sh", "-c", script];
    let end = stopped_after(&base, "a shell with a trap", &command, "ready");
    end.expect(0);
    assert_said(&end, "saved");
    assert!(!end.out().contains("never"), "{}", end.out());
}
