//! The commands for an operator in README.md work as they are printed, in their order, while its first
//! command runs.

use super::block;
use super::demo::{Demo, WORKERS};

#[test]
fn the_commands_for_an_operator_work_one_after_the_other() {
    let Some(demo) = Demo::new() else { return };
    // The timeout is only what ends a test that went wrong.
    let mut running = demo.start("120s");
    demo.wait_for_work(&mut running);
    let commands = block("commands", "sh");
    for command in commands.lines() {
        let output = demo.shell(command).output().expect("sh");
        let said = String::from_utf8_lossy(&output.stdout);
        // A run that goes on is not over after a second, and that is the status of `wait`.
        let wanted = if command.starts_with("stopctl wait ") {
            124
        } else {
            0
        };
        assert_eq!(output.status.code(), Some(wanted), "{command}: {output:?}");
        if command.starts_with("stopctl list ") {
            assert!(said.contains("demo"), "{command}: {said}");
        }
    }
    let status = running.wait().expect("wait");
    assert_eq!(status.code(), Some(0));
    demo.assert_nothing_was_lost();
    let ended = demo.events();
    let ended = ended
        .iter()
        .filter(|event| event["event"] == "worker_ended");
    assert_eq!(ended.count(), WORKERS);
    demo.assert_nothing_is_left();
}
