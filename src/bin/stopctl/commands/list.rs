//! `stopctl list`: the runs of this user.

use stopctl::words::duration::in_words;

use crate::cli::ListArgs;
use crate::exit::Leave;
use crate::runs::{self, Missing, Run};
use crate::{json, show, voice};

pub(crate) fn list(args: &ListArgs) -> Leave {
    let (runs, problems) = match runs::all() {
        Ok(found) => found,
        Err(Missing::None(none)) => return Leave::FAILED.saying(&none.what),
        Err(Missing::Several(what) | Missing::Failed(what)) => return Leave::FAILED.saying(&what),
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
            .map(|run| run.name.as_str())
            .flat_map(|name| [name, "\n"])
            .collect();
        show::out(&lines.concat())
    } else if runs.is_empty() {
        show::out("no runs\n")
    } else {
        let rows: Vec<_> = runs.iter().map(row).collect();
        show::out(&show::table(
            ["NAME", "STATE", "WORKERS", "AGE", "COMMAND"],
            &rows,
        ))
    };
    if problems.is_empty() {
        listed
    } else {
        Leave::FAILED
    }
}

fn row(run: &Run) -> [String; 5] {
    [
        run.name.clone(),
        run.state().in_words(),
        run.seen.run.workers.to_string(),
        in_words(run.age()),
        run.command(),
    ]
}
