//! The list of cases, read from its file, which explains its own form.

use crate::committed;

/// How a client reads the flag, where the contract lets it differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From a descriptor that stays open.
    Reads,
    /// By a new open at each look: shells.
    Reopens,
    /// By a load from a mapping.
    Maps,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Reopens => "reopens",
            Self::Maps => "maps",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// What the flag and the owner are to be: the words of their lines.
    pub(crate) flag: Vec<String>,
    pub(crate) owner: String,
    pub(crate) steps: Vec<Step>,
    /// How many lines on standard error; not told for a client that dies.
    pub(crate) warns: Option<usize>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Do(String),
    Ask {
        question: String,
        during: Option<String>,
        answer: String,
        /// The answer of one kind of client that differs.
        but: Option<(String, String)>,
    },
}

impl Step {
    /// What this kind of client answers.
    pub(crate) fn expected<'s>(
        answer: &'s str,
        but: Option<&'s (String, String)>,
        kind: Kind,
    ) -> &'s str {
        match but {
            Some((other, differs)) if other == kind.word() => differs,
            Some(_) | None => answer,
        }
    }
}

pub(crate) fn all() -> Vec<Case> {
    let text = committed::read("tests/languages/conformance/cases.txt");
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (verb, rest) = line.split_once(' ').expect("a verb and what follows");
        if verb == "case" {
            cases.push(Case {
                name: rest.to_owned(),
                flag: Vec::new(),
                owner: "none".to_owned(),
                steps: Vec::new(),
                warns: None,
            });
            continue;
        }
        let case = cases.last_mut().expect("a case before everything else");
        match verb {
            "flag" => case.flag = rest.split(' ').map(str::to_owned).collect(),
            "owner" => rest.clone_into(&mut case.owner),
            "warns" => case.warns = Some(rest.parse().expect("a number of lines")),
            "do" => case.steps.push(Step::Do(rest.to_owned())),
            "ask" => case.steps.push(ask(rest)),
            other => panic!("{other}: {line}"),
        }
    }
    assert!(cases.len() > 30, "the list was not read to its end");
    cases
}

fn ask(line: &str) -> Step {
    let (asked, answers) = line.split_once(" = ").expect("an answer");
    let (answer, but) = match answers.split_once("; ") {
        Some((answer, but)) => (answer, but.split_once(": ")),
        None => (answers, None),
    };
    let (question, during) = match asked.split_once(" while ") {
        Some((question, change)) => (question, Some(change.to_owned())),
        None => (asked, None),
    };
    Step::Ask {
        question: question.to_owned(),
        during,
        answer: answer.to_owned(),
        but: but.map(|(kind, answer)| (kind.to_owned(), answer.to_owned())),
    }
}
