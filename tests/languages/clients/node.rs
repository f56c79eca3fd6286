//! The client for Node.js.

use std::fs;
use std::process::{Command, Stdio};

use super::asked_to_stop;
use crate::support::base::Base;
use crate::support::need::{Need, lacks};

#[test]
fn a_worker_in_node_leaves_by_its_abort_signal() {
    if lacks(Need::Program("node")) {
        return;
    }
    let base = Base::new();
    let script = crate::committed::path("clients/node/examples/loop.mjs");
    let worker = ["node", script.to_str().expect("UTF-8")];
    let said = asked_to_stop(&base, base.scenario().command(&worker));
    assert!(
        said.starts_with("ready\nasked to stop: user; done "),
        "{said}"
    );
}

/// Every name that the types declare, as a program uses it; the last line must be refused.
const TYPED: &str = r#"
import { flag, leave, StopError, StopFlag, StopRequest } from "./stopctl.mjs";
const stop: StopFlag = flag();
const others: StopFlag[] = [StopFlag.fromEnv(), new StopFlag(), new StopFlag("/dev/shm/flag")];
const request: StopRequest | undefined = stop.request();
const words: [string?, string?, bigint?, number?] = [
    request?.level, request?.reason, request?.deadline, request?.deadlineUnix,
];
const left: number | undefined = stop.remaining;
const signal: AbortSignal = stop.signal;
const asked: Promise<boolean> = stop.wait(30_000);
const looks: boolean[] = [stop.isSet(), stop.isSupervised];
const why: string = new StopError({ level: "1" }).request.level;
stop.asSignal("SIGTERM");
const last: () => never = leave;
export default [others, words, left, signal, asked, looks, why, last];
"#;

#[test]
fn the_types_of_the_client_in_node_fit_its_module() {
    if lacks(Need::Program("tsc")) || lacks(Need::Program("node")) {
        return;
    }
    let base = Base::new();
    for name in ["stopctl.mjs", "stopctl.d.mts"] {
        let text = crate::committed::read(&format!("clients/node/{name}"));
        fs::write(base.file(name), text).expect("write");
    }
    let checked = |program: &str| {
        fs::write(base.file("typed.mts"), program).expect("write");
        let mut tsc = Command::new("tsc");
        tsc.args(["--strict", "--noEmit", "--target", "es2022"])
            .args(["--lib", "es2022,dom", "--module", "node16"])
            .arg(base.file("typed.mts"));
        let output = tsc.stdin(Stdio::null()).output().expect("tsc");
        (output.status.success(), output.stdout)
    };
    let (fits, said) = checked(TYPED);
    assert!(fits, "{}", String::from_utf8_lossy(&said));
    let (fits, _) = checked(&format!(
        "{TYPED}\nconst level: number = new StopFlag().isSet();\n"
    ));
    assert!(!fits, "the types are not looked at");
    // Whatever the types promise is there.
    let module = base.file("stopctl.mjs");
    let script = format!(
        "import * as client from '{}'; const stop = client.flag(); console.log(\
         [typeof client.StopError, typeof client.StopFlag.fromEnv, typeof stop.isSet, \
         typeof stop.request, typeof stop.wait, typeof stop.isSupervised, typeof stop.remaining, \
         typeof stop.asSignal, typeof client.leave, stop.signal instanceof AbortSignal].join(' '))",
        module.display()
    );
    let mut node = base.command("node");
    node.args(["--input-type=module", "--eval", &script]);
    let said = base.answer(node).expect(0).out.clone();
    let kinds = "function function function function function boolean undefined \
                 function function true\n";
    assert_eq!(said, kinds);
}

#[test]
fn nothing_of_the_client_keeps_node_alive() {
    if lacks(Need::Program("node")) {
        return;
    }
    let base = Base::new();
    let module = crate::committed::path("clients/node/stopctl.mjs");
    let script = format!(
        "import {{ flag }} from '{}'; flag().signal.addEventListener('abort', () => {{}});",
        module.display()
    );
    let worker = ["node", "--input-type=module", "--eval", &script];
    base.scenario().command(&worker).start().finish().expect(0);
}
