//! `stopctl list`: the runs of this user.

use stopctl::words::duration::in_words;

use crate::cli::ListArgs;
use crate::exit::Leave;
use crate::say::found;
use crate::say::voice;
use crate::show;
use crate::show::json;
use stopctl::outside::find;
use stopctl::outside::found::Run;
use stopctl::outside::state::State;

pub(crate) fn list(args: &ListArgs) -> Leave {
    let (runs, problems) = match find::all() {
        Ok(found) => found,
        Err(error) => return Leave::FAILED.saying(&error),
    };
    // The others are listed all the same.
    for problem in &problems {
        voice::error(problem);
    }
    let listed = if args.json {
        show::out(&json::document(&runs))
    } else if args.names {
        let lines: Vec<_> = runs
            .iter()
            .map(Run::name)
            .flat_map(|name| [name, "\n"])
            .collect();
        show::out(&lines.concat())
    } else if runs.is_empty() {
        show::out("no runs\n")
    } else {
        let rows: Vec<_> = runs.iter().map(row).collect();
        show::out(&show::table(&HEADS, &rows))
    };
    if problems.is_empty() {
        listed
    } else {
        Leave::FAILED
    }
}

const HEADS: [&str; 5] = ["NAME", "STATE", "WORKERS", "AGE", "COMMAND"];

fn row(run: &Run) -> Vec<String> {
    vec![
        run.name().to_owned(),
        found::state(State::of(run)),
        run.seen().run.workers.to_string(),
        in_words(run.seen().run.age()),
        found::command(&run.seen().run),
    ]
}
