//! The recipes for Python: a download, a training alone and distributed, a task queue.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::base::Base;
use crate::support::python::{client, example, python, with};
use crate::support::scenario::Scenario;
use crate::support::started::Started;

fn recipe<'b>(base: &'b Base, command: &[&str]) -> Scenario<'b> {
    base.scenario()
        .name("recipe")
        .command(command)
        .environment("PYTHONPATH", client())
        .environment("PYTHONDONTWRITEBYTECODE", "1")
}

fn is_its_number((number, line): (usize, &str)) -> bool {
    line.parse() == Ok(number)
}

#[test]
fn a_download_stops_in_the_middle_and_goes_on_there() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let mut server = base.command(&python);
    server
        .arg(client().join("tests/slow_server.py"))
        .stdin(Stdio::piped());
    let server = Started::begin(server, base.root(), None);
    let port = server.wait_for("port").number("port");
    let url = format!("http://127.0.0.1:{port}/numbers");
    let download = example("download.py");
    let command = [python.as_str(), &download, ".", &url];
    let run = recipe(&base, &command).start();
    run.wait_for("from byte 0:");
    base.call(&["stop", "recipe"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.out().contains("0 of 1 files"), "{}", end.out());
    let have = fs::metadata(base.file("numbers.part"))
        .expect("a part")
        .len();

    let run = recipe(&base, &command).start();
    run.wait_for(&format!("from byte {have}:"));
    let end = run.finish();
    end.expect(0);
    assert!(end.out().contains("1 of 1 files"), "{}", end.out());
    let whole = fs::read_to_string(base.file("numbers")).expect("the file");
    assert!(whole.lines().enumerate().all(is_its_number));
    assert_eq!(whole.lines().count(), 100_000);
    server.finish().expect(0);
}

#[test]
fn a_training_saves_when_asked_and_goes_on_from_there() {
    let Some(python) = with("torch") else {
        return;
    };
    let base = Base::new();
    let train = example("torch_train.py");
    let command = [python.as_str(), &train, "checkpoint.pt"];
    let mut reached = 0;
    for _ in 0..2 {
        let run = recipe(&base, &command).start();
        run.wait_for(&format!("training from step {reached}"));
        base.call(&["stop", "recipe"]).expect(0);
        reached = run.wait_for("saved at step").number("step");
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["flag"]);
    }
}

#[test]
fn ranks_of_a_training_leave_together() {
    let Some(python) = with("torch.distributed") else {
        return;
    };
    let base = Base::new();
    let port = free_port();
    let train = example("torch_distributed.py");
    let run = recipe(&base, &[&python, &train])
        .workers(3)
        .environment("MASTER_ADDR", "127.0.0.1")
        .environment("MASTER_PORT", port)
        .start();
    run.wait_for_each("training", 3);
    // One is asked; the others agree.
    base.call(&["stop", "recipe", "--worker", "1"]).expect(0);
    let left = run.wait_for_each("left at step", 3);
    let steps: Vec<i64> = left.iter().map(|line| line.number("step")).collect();
    assert!(steps.iter().all(|step| *step == steps[0]), "{steps:?}");
    run.finish().expect(0);
}

/// As on two nodes: two runs, of which one is stopped.
#[test]
fn ranks_of_two_runs_leave_together_when_one_of_them_is_stopped() {
    let Some(python) = python() else { return };
    let (port, ranks) = (free_port(), example("ranks.py"));
    let nodes = [Base::new(), Base::new()];
    let [first, second] = [0, 1].map(|task| {
        recipe(&nodes[task], &[&python, &ranks])
            .workers(2)
            .environment("MASTER_ADDR", "127.0.0.1")
            .environment("MASTER_PORT", &port)
            .environment("SLURM_PROCID", task.to_string())
            .environment("SLURM_NTASKS", "2")
            .start()
    });
    first.wait_for_each("works", 2);
    second.wait_for_each("works", 2);
    nodes[1].call(&["stop", "recipe"]).expect(0);
    let mut left = first.wait_for_each("left at step", 2);
    left.extend(second.wait_for_each("left at step", 2));
    let steps: Vec<i64> = left.iter().map(|line| line.number("step")).collect();
    assert!(steps.iter().all(|step| *step == steps[0]), "{steps:?}");
    first.finish().expect(0);
    second.finish().expect(0);
}

/// A port that nobody has, for whoever is started at once.
fn free_port() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    port.local_addr().expect("an address").port().to_string()
}

/// The tasks in the queue, without the messages that workers exchange.
fn tasks(queue: &Path) -> usize {
    let files = fs::read_dir(queue).expect("the queue").flatten();
    files
        .filter(|file| file.path().to_string_lossy().ends_with(".celery.msg"))
        .count()
}

#[test]
fn a_celery_task_stops_in_the_middle_and_its_rest_is_put_back() {
    let Some(python) = with("celery") else { return };
    let base = Base::new();
    let queue = base.file("queue");
    let examples = client().join("examples");
    let path = std::env::join_paths([client(), examples]).expect("paths without colons");
    let mut ask = base.command(&python);
    ask.arg(example("celery_worker.py"))
        .env("PYTHONPATH", &path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CELERY_QUEUE_DIRECTORY", &queue);
    base.answer(ask).expect(0);

    let module = ["-m", "celery", "-A", "celery_worker", "worker"];
    let mut command = vec![python.as_str()];
    command.extend(module);
    command.extend(["--concurrency", "2", "--hostname", "recipe@localhost"]);
    let run = recipe(&base, &command)
        .options(&["--grace", "50s"])
        .environment("PYTHONPATH", &path)
        .environment("CELERY_QUEUE_DIRECTORY", &queue)
        .start();
    run.wait_for("counting from 0");
    assert_eq!(tasks(&queue), 0, "it was taken");
    base.call(&["stop", "recipe"]).expect(0);
    let end = run.finish();
    end.expect(0).says("put back from");
    assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
    assert!(tasks(&queue) > 0, "the rest is in the queue");
}
