//! As the entrypoint of a container, which is its first process: under podman, with both of its
//! runtimes, and under Docker. Both engines answer to the same commands.

use std::time::Duration;

use crate::beside::{DEAF, Engine, LOOKS};
use crate::committed;

/// What engines wait between SIGTERM and SIGKILL, unless they are told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// Less than the grace of a first process: nobody can have needed a signal. Alone on a machine, a
/// stop takes 0.2 s.
const AT_ONCE: Duration = Duration::from_secs(7);

const ENGINES: [Engine; 3] = [Engine::Runc, Engine::Crun, Engine::Docker];

/// Defines `start OPTIONS… -- RUN OPTIONS… -- SCRIPT`, which starts the container `box` and waits until
/// `$workers` of its workers are ready, and `ended`, which tells how it ended.
fn script(engine: Engine, text: &str) -> String {
    let client = engine.client();
    format!(
        r#"engine() {{ {client} "$@"; }}
ready() {{ [ "$(engine logs box 2>&1 | grep -c '^ready')" = "$workers" ]; }}
start() {{
    local options=()
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    engine run -d --name box --network none "${{options[@]}}" localhost/stopctl stopctl run "$@" >/dev/null || exit
    until_true ready
}}
ended() {{
    echo "exit=$(engine wait box)"
    engine logs box 2>&1
}}
{text}"#
    )
}

#[test]
fn a_stop_of_workers_that_look_takes_no_time_and_is_status_0() {
    for engine in ENGINES {
        let text = r#"workers=2
        start -- --name work -n 2 -- sh -c "$1"
        timed stop engine stop -t 10 box
        ended"#;
        let Some(seen) = engine.run(&script(engine, text), &[LOOKS]) else {
            return;
        };
        seen.is("stop.status", "0").is("exit", "0");
        seen.took_less("stop", AT_ONCE);
        seen.says("went 0", 1)
            .says("went 1", 1)
            .says("2 left when asked (workers 0, 1)", 1);
    }
}

#[test]
fn the_recipe_builds_and_its_container_leaves_by_the_flag() {
    let recipe = committed::read("man/engines/Containerfile");
    for engine in [Engine::Runc, Engine::Docker] {
        let client = engine.client();
        let text = r#"engine() { "$client" "$@"; }
        ready() { [ "$(engine logs box 2>&1 | grep -c '^ready')" = 2 ]; }
        engine tag localhost/stopctl localhost/busybox
        mkdir /run/recipe
        printf '%s' "$1" >/run/recipe/Containerfile
        printf '#!/bin/sh\n%s\n' "$2" >/run/recipe/work
        chmod 755 /run/recipe/work
        cp "$STOPCTL" /run/recipe/stopctl
        engine build -q -t work -f /run/recipe/Containerfile /run/recipe || exit
        engine run -d --name box --network none work || exit
        until_true ready
        timed stop engine stop box
        echo "exit=$(engine wait box)"
        engine logs box 2>&1"#;
        let text = format!("client={client}\n{text}");
        let Some(seen) = engine.run(&text, &[&recipe, LOOKS]) else {
            return;
        };
        seen.is("exit", "0").took_less("stop", AT_ONCE);
        seen.each(&["went 0", "went 1"], 1);
    }
}

#[test]
fn the_pod_is_stopped_by_its_hook_as_a_kubelet_does_it() {
    // No kubelet is here. It runs the hook in the container, waits for its end, sends SIGTERM, and
    // SIGKILL when the grace period, counted from the hook on, is over.
    let recipe = committed::read("man/engines/pod.yaml");
    let mut commands = recipe.lines().filter_map(|line| {
        let list = line.trim().strip_prefix("command: ")?;
        let words: Vec<String> = serde_json::from_str(list).expect("a list of strings");
        Some(
            words
                .iter()
                .fold(String::new(), |all, word| format!("{all} '{word}'")),
        )
    });
    let (command, hook) = (commands.next().expect("a command"), commands.next());
    let hook = hook.expect("a hook");
    let patience = recipe.split("terminationGracePeriodSeconds: ").nth(1);
    let patience = patience
        .and_then(|rest| rest.lines().next())
        .expect("a time");
    let text = r#"workers=2
    printf '#!/bin/sh\n%s\n' "$1" >/run/work
    chmod 755 /run/work
    engine run -d --name box --network none -v /run/work:/bin/work localhost/stopctl COMMAND || exit
    until_true ready
    timed hook engine exec box HOOK
    timed stop engine stop -t PATIENCE box
    ended"#;
    let text = text.replace("COMMAND", &command).replace("HOOK", &hook);
    let text = text.replace("PATIENCE", patience);
    for engine in [Engine::Runc, Engine::Docker] {
        let work = format!("{LOOKS}; cat $STOPCTL_FLAG");
        let Some(seen) = engine.run(&script(engine, &text), &[&work]) else {
            return;
        };
        // 137: the container ended, and the hook with it, before it could tell.
        assert!(["0", "137"].contains(&seen.fact("hook.status")), "{seen}");
        seen.is("exit", "0").took_less("stop", AT_ONCE);
        seen.each(&["went 0", "went 1"], 1).says("1   pod ", 2);
    }
}

#[test]
fn one_that_is_deaf_is_told_from_one_that_is_not_before_the_engine_kills_both() {
    for engine in [Engine::Runc, Engine::Docker] {
        let text = r#"workers=2
        start -- --name work -n 2 -- sh -c '[ $STOPCTL_WORKER = 0 ] && eval "$1"; eval "$2"' sh "$1" "$2"
        timed stop engine stop -t 10 box
        ended"#;
        let looks = format!("{LOOKS}; exit");
        let Some(seen) = engine.run(&script(engine, text), &[&looks, DEAF]) else {
            return;
        };
        // The default of a first process: 9 s for the whole ladder.
        seen.is("exit", "137").took_less("stop", PATIENCE + AT_ONCE);
        seen.says("went 0", 1).says("SIGTERM to worker 1;", 1).says(
            " s: 1 left when asked (worker 0), 1 needed SIGKILL (worker 1)",
            1,
        );
    }
}

#[test]
fn a_container_that_was_killed_can_be_started_again_under_the_same_name() {
    for engine in [Engine::Runc, Engine::Docker] {
        let text = r#"workers=2
        start -- --name work -n 2 -- sh -c "$1"
        engine kill box >/dev/null
        echo "killed=$(engine wait box)"
        engine start box >/dev/null
        workers=4
        until_true ready
        timed stop engine stop -t 10 box
        ended"#;
        let Some(seen) = engine.run(&script(engine, text), &[LOOKS]) else {
            return;
        };
        seen.is("killed", "137").is("exit", "0");
        seen.took_less("stop", AT_ONCE)
            .says("went 0", 1)
            .says("went 1", 1);
    }
}

#[test]
fn a_pause_costs_no_worker_its_grace() {
    for engine in [Engine::Runc, Engine::Docker] {
        // Longer than the whole ladder.
        let text = r#"workers=1
        start -- --name work --stop-within 2s -- sh -c "$1"
        engine pause box >/dev/null
        sleep 3
        engine unpause box >/dev/null
        engine exec box stopctl status work
        timed stop engine stop -t 10 box
        ended"#;
        let Some(seen) = engine.run(&script(engine, text), &[LOOKS]) else {
            return;
        };
        seen.is("exit", "0").took_less("stop", AT_ONCE);
        seen.says("went 0", 1)
            .says("1 left when asked (worker 0)", 1);
    }
}

#[test]
fn status_and_stop_work_from_inside() {
    for engine in [Engine::Runc, Engine::Docker] {
        let text = r#"workers=2
        start -- --name work -n 2 -- sh -c "$1"
        timed status engine exec box stopctl status --json work
        timed one engine exec box stopctl stop work --worker 1
        timed all engine exec box stopctl stop work
        ended"#;
        let Some(seen) = engine.run(&script(engine, text), &[LOOKS]) else {
            return;
        };
        seen.is("status.status", "0")
            .says(r#""state":"running""#, 1);
        seen.is("one.status", "0").is("exit", "0");
        // 137: the container ended, and the command with it, before it could tell.
        assert!(["0", "137"].contains(&seen.fact("all.status")), "{seen}");
        seen.each(&["went 0", "went 1"], 1);
    }
}

#[test]
fn a_full_shared_memory_keeps_no_run_from_stopping_and_is_named_at_a_start() {
    let engine = Engine::Runc;
    let text = r#"workers=2
    start --shm-size 64m -- --name work -n 2 -- sh -c "$1"
    engine exec box sh -c 'dd if=/dev/zero of=/dev/shm/full bs=64k 2>&1; df /dev/shm'
    timed second engine exec box stopctl run -- true 2>&1
    timed stop engine stop -t 10 box
    ended"#;
    let Some(seen) = engine.run(&script(engine, text), &[LOOKS]) else {
        return;
    };
    seen.says("No space left on device", 1)
        .is("second.status", "125");
    seen.says("the file system is full (space or inodes)", 1);
    seen.is("exit", "0")
        .took_less("stop", AT_ONCE)
        .says("went 0", 1)
        .says("went 1", 1);
}

#[test]
fn without_proc_sys_a_guard_still_knows_whose_workers_they_are() {
    // Docker hides no directory of one's choice.
    for engine in [Engine::Runc, Engine::Crun] {
        let text = r#"workers=2
        start --security-opt mask=/proc/sys -- --name work -n 2 -- sh -c "$1"
        engine exec box sh -c '[ -e /proc/sys/kernel/random/boot_id ] || echo hidden'
        engine exec box stopctl status work
        engine exec box sh -c 'stopctl run -v --name inner --stop-within 1s -- sh -c "$1" 2>/tmp/inner &
            until grep -q "guard started" /tmp/inner; do sleep 0.1; done
            kill -9 $!
            stopctl wait inner
            # The guard says it when the run is gone, and "wait" answers at that moment too.
            for n in $(seq 100); do grep -q "is over after" /tmp/inner && break; sleep 0.1; done
            cat /tmp/inner' sh "$2" 2>&1
        timed stop engine stop -t 10 box
        ended"#;
        let Some(seen) = engine.run(&script(engine, text), &[LOOKS, DEAF]) else {
            return;
        };
        seen.each(&["hidden", "goes on", "inner is over after"], 1);
        seen.each(&["cannot be verified", "could not be ended"], 0);
        seen.is("exit", "0").took_less("stop", AT_ONCE);
        seen.each(&["went 0", "went 1"], 1);
    }
}

#[test]
fn neither_root_nor_capabilities_nor_a_root_that_can_be_written_are_needed() {
    for engine in ENGINES {
        let text = r#"workers=2
        start --read-only --user 1234:1234 --cap-drop ALL -- --name work -n 2 -- sh -c "$1"
        engine exec box sh -c 'id -u; touch /file' 2>&1
        timed stop engine stop -t 10 box
        ended"#;
        let Some(seen) = engine.run(&script(engine, text), &[LOOKS]) else {
            return;
        };
        seen.says("Read-only file system", 1).is("exit", "0");
        seen.took_less("stop", AT_ONCE)
            .says("went 0", 1)
            .says("went 1", 1);
    }
}
