//! `stopctl list`: the runs of this user, or of all.

use nix::unistd::Uid;
use stopctl::linux::users::Users;
use stopctl::words::duration::in_words;

use crate::cli::ListArgs;
use crate::commands::whose;
use crate::exit::Leave;
use crate::say::found;
use crate::say::letters::escaped;
use crate::say::users;
use crate::say::voice;
use crate::show;
use crate::show::json;
use stopctl::outside::find;
use stopctl::outside::found::{Run, Unusable};
use stopctl::outside::state::State;

pub(crate) fn list(args: &ListArgs) -> Leave {
    if args.all_users {
        return list_all_users(args);
    }
    if let Err(leave) = whose::act_as(args.whose.user.as_deref()) {
        return leave;
    }
    let (runs, problems) = match find::all() {
        Ok(found) => found,
        Err(error) => return Leave::FAILED.saying(&error),
    };
    let told = tell("", &problems);
    let listed = if args.json {
        show::out(&json::document(&runs))
    } else if args.names {
        let lines: Vec<_> = runs
            .iter()
            .map(Run::name)
            .flat_map(|name| [name, "\n"])
            .collect();
        show::out(&lines.concat())
    } else {
        table(&HEADS, &runs.iter().map(row).collect::<Vec<_>>())
    };
    if told == Leave::OK { listed } else { told }
}

/// Looks at one user after the other, and keeps nothing open of them: whatever one of them has put there
/// is no reason not to list the runs of the others.
fn list_all_users(args: &ListArgs) -> Leave {
    if !Uid::effective().is_root() {
        return Leave::USAGE.saying(&users::ALL_FOR_ROOT);
    }
    let names = Users::read();
    let uids = match find::users() {
        Ok(uids) => uids,
        Err(error) => return Leave::FAILED.saying(&error),
    };
    let (mut rows, mut values, mut told) = (Vec::new(), Vec::new(), Leave::OK);
    for uid in uids {
        let (runs, problems) = match find::all_of(uid) {
            Ok(found) => found,
            Err(error) => {
                told = Leave::FAILED.saying(&error);
                continue;
            }
        };
        let name = names.name_of(uid);
        let user = name.map_or_else(|| uid.to_string(), escaped);
        if tell(&format!("{user}: "), &problems) != Leave::OK {
            told = Leave::FAILED;
        }
        for run in &runs {
            if args.json {
                values.push(json::run_of(uid.as_raw(), name, run));
            } else {
                let cells = std::iter::once(user.clone()).chain(row(run));
                rows.push(cells.collect());
            }
        }
    }
    let listed = if args.json {
        show::out(&json::document_of(&values))
    } else {
        let heads: Vec<&str> = std::iter::once("USER").chain(HEADS).collect();
        table(&heads, &rows)
    };
    if told == Leave::OK { listed } else { told }
}

/// Names what cannot be listed, after `whose` it is. The others are listed all the same.
fn tell(whose: &str, problems: &[Unusable]) -> Leave {
    for problem in problems {
        voice::error(&format_args!("{whose}{problem}"));
    }
    if problems.is_empty() {
        Leave::OK
    } else {
        Leave::FAILED
    }
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> Leave {
    if rows.is_empty() {
        show::out("no runs\n")
    } else {
        show::out(&show::table(heads, rows))
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
