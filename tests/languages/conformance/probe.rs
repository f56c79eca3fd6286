//! Answers the questions of tests/languages/conformance.rs with the library.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the tests that speaks on its streams"
)]

use std::io;
use std::time::Duration;

use stopctl::StopFlag;

fn main() {
    let stop = StopFlag::from_env().unwrap_or_else(|error| {
        eprintln!("{error}; running unsupervised");
        StopFlag::unsupervised()
    });
    for line in io::stdin().lines().map_while(Result::ok) {
        println!("{}", answer(&stop, &line));
    }
}

fn answer(stop: &StopFlag, question: &str) -> String {
    let choose = |yes: bool, words: [&str; 2]| words[usize::from(yes)].to_owned();
    match question.split_once(' ') {
        Some(("wait", time)) => {
            let time = Duration::from_millis(time.parse().expect("milliseconds"));
            choose(stop.wait_timeout(time), ["timeout", "stop"])
        }
        None if question == "supervised" => choose(stop.is_supervised(), ["no", "yes"]),
        None if question == "look" => choose(stop.is_set(), ["run", "stop"]),
        None if question == "request" => request(stop),
        _ => panic!("no such question: {question}"),
    }
}

fn request(stop: &StopFlag) -> String {
    let Some(request) = stop.request() else {
        return "none".to_owned();
    };
    let reason = request.reason.as_ref().map_or("-", |word| word.as_str());
    let level = char::from(request.level);
    match request.deadline {
        Some(deadline) => format!("{level} {reason} {}", deadline.nanos()),
        None => format!("{level} {reason} -"),
    }
}
