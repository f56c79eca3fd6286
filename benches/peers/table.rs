//! What was measured, and the two tables of it: our own programs beside the goals, and the peers.

use std::fmt;

use crate::goals::{self, STATIC};
use crate::numbers::Spread;
use crate::program::Program;

/// What one program cost.
struct Row {
    what: String,
    unit: &'static str,
    program: &'static str,
    /// In each round.
    costs: Vec<f64>,
    beside: Option<Beside>,
}

/// The program that had its turn in the same rounds.
struct Beside {
    program: &'static str,
    costs: Vec<f64>,
    /// Ours over that, in each round.
    ratios: Vec<f64>,
}

/// All that was measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// What each of `programs` cost in each round. The first is what the others are compared with.
    pub(crate) fn beside(
        &mut self,
        what: &str,
        unit: &'static str,
        programs: &[Program],
        costs: &[Vec<f64>],
    ) {
        let (first, theirs) = (programs[0].name, &costs[0]);
        for (program, costs) in programs.iter().zip(costs) {
            let ratios = costs.iter().zip(theirs).map(|(a, b)| a / b);
            let beside = Beside {
                program: first,
                costs: theirs.clone(),
                ratios: ratios.collect(),
            };
            self.add(Row {
                what: what.to_owned(),
                unit,
                program: program.name,
                costs: costs.clone(),
                beside: (program.name != first).then_some(beside),
            });
        }
    }

    /// A number that needs no comparison.
    pub(crate) fn count(
        &mut self,
        what: &str,
        unit: &'static str,
        program: &'static str,
        count: f64,
    ) {
        self.add(Row {
            what: what.to_owned(),
            unit,
            program,
            costs: vec![count],
            beside: None,
        });
    }

    fn add(&mut self, row: Row) {
        // Seen at once: the whole takes minutes.
        println!("{} · {} · {}", row.what, row.program, row.cost());
        self.rows.push(row);
    }

    /// All but our own, in the order in which they were measured.
    fn peers(&self) -> Vec<&'static str> {
        let mut peers = Vec::new();
        for row in self.rows.iter().filter(|row| !row.is_ours()) {
            if !peers.contains(&row.program) {
                peers.push(row.program);
            }
        }
        peers
    }

    /// Goals without a row: what counts is not on the machine, or the largest run was too small.
    fn unmeasured(&self) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
        let is_measured = |what, program| {
            let mut rows = self.rows.iter();
            rows.any(|row| row.what == what && row.program == program)
        };
        let goals = goals::GOALS.into_iter();
        goals.filter(move |&(what, program, _)| !is_measured(what, program))
    }

    /// What a program cost, and the median of its own ratios.
    fn of(&self, what: &str, program: &str) -> String {
        let mut rows = self.rows.iter();
        let row = rows.find(|row| row.what == what && row.program == program);
        row.map_or_else(String::new, |row| match &row.beside {
            None => row.median(),
            Some(beside) => {
                let ratio = Spread::of(&beside.ratios).median;
                format!("{} ({})", row.median(), short(ratio))
            }
        })
    }
}

/// In Markdown, which can be read as it is, too.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goals = ["what", "program", "measured", "goal", "", "cost", "beside"];
        head(f, &goals)?;
        for row in self.rows.iter().filter(|row| row.is_ours()) {
            line(f, &row.beside_its_goal())?;
        }
        for (what, program, most) in self.unmeasured() {
            let cells = [what, program, "", &short(most), "not measured", "", ""];
            line(f, &cells.map(str::to_owned))?;
        }
        let peers = self.peers();
        let names = ["what", STATIC].into_iter().chain(peers.iter().copied());
        head(f, &names.collect::<Vec<_>>())?;
        for row in self.rows.iter().filter(|row| row.program == STATIC) {
            let columns = [STATIC].into_iter().chain(peers.iter().copied());
            let mut cells = vec![row.what.clone()];
            cells.extend(columns.map(|program| self.of(&row.what, program)));
            line(f, &cells)?;
        }
        Ok(())
    }
}

impl Row {
    fn is_ours(&self) -> bool {
        self.program.starts_with(STATIC)
    }

    fn median(&self) -> String {
        with_unit(Spread::of(&self.costs).median, self.unit)
    }

    fn cost(&self) -> String {
        spread(&self.costs, self.unit)
    }

    /// What is judged, and by what: a ratio, if there is one.
    fn beside_its_goal(&self) -> Vec<String> {
        let (judged, unit) = match &self.beside {
            None => (&self.costs, self.unit),
            Some(beside) => (&beside.ratios, "×"),
        };
        let most = goals::most(&self.what, self.program);
        let is_reached = most.map(|most| Spread::of(judged).median <= most);
        let verdict = match is_reached {
            None => "",
            Some(true) => "ok",
            Some(false) => "**not**",
        };
        let (cost, beside) = self
            .beside
            .as_ref()
            .map_or_else(Default::default, |beside| {
                let theirs = spread(&beside.costs, self.unit);
                (self.cost(), format!("{}: {theirs}", beside.program))
            });
        let goal = most.map_or_else(String::new, |most| with_unit(most, unit));
        vec![
            self.what.clone(),
            self.program.to_owned(),
            spread(judged, unit),
            goal,
            verdict.to_owned(),
            cost,
            beside,
        ]
    }
}

fn head(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    writeln!(
        f,
        "\n| {} |\n|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    )
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[String]) -> fmt::Result {
    writeln!(f, "| {} |", cells.join(" | "))
}

/// The median and, in brackets, the quartiles: of one number only itself.
fn spread(measured: &[f64], unit: &str) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = Spread::of(measured);
    if measured.len() == 1 {
        return with_unit(median, unit);
    }
    let (lower, median, upper) = (short(lower), short(median), short(upper));
    format!("{median} [{lower}, {upper}] {unit}")
}

fn with_unit(number: f64, unit: &str) -> String {
    format!("{} {unit}", short(number)).trim_end().to_owned()
}

/// In three digits, or all of a larger number; a whole one as it is.
fn short(number: f64) -> String {
    match number {
        _ if number.fract() == 0.0 => format!("{number:.0}"),
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
