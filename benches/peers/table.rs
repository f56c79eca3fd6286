//! Ratios, and the table of all of them.

/// How the table is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Markdown,
}

/// The lines that were measured.
pub(crate) struct Table {
    form: Form,
    rows: Vec<[String; 6]>,
}

const HEAD: [&str; 6] = [
    "what",
    "program",
    "median",
    "ratio: min, median, max",
    "to",
    "goal",
];

impl Table {
    pub(crate) fn new(form: Form) -> Self {
        let rows = Vec::new();
        Self { form, rows }
    }

    /// One program: what it cost in each round, and what the reference cost in the same one.
    pub(crate) fn row(
        &mut self,
        what: &str,
        (name, unit): (&str, &str),
        measured: &[f64],
        reference: Option<(&str, &[f64])>,
        goal: Option<f64>,
    ) {
        let cost = format!("{} {unit}", short(middle(measured).1));
        let (ratio, to) = reference.map_or_else(Default::default, |(name, reference)| {
            let each: Vec<f64> = measured.iter().zip(reference).map(|(a, b)| a / b).collect();
            let (least, median, most) = middle(&each);
            (
                format!("{least:.2}, {median:.2}, {most:.2}"),
                format!("{name}, {} {unit}", short(middle(reference).1)),
            )
        });
        let goal = goal.map_or_else(String::new, |goal| format!("{goal:.2}"));
        self.add([what.to_owned(), name.to_owned(), cost, ratio, to, goal]);
    }

    /// One number, and the most that it may be.
    pub(crate) fn count(
        &mut self,
        what: &str,
        (name, unit): (&str, &str),
        count: f64,
        goal: Option<f64>,
    ) {
        let cost = format!("{} {unit}", short(count));
        let goal = goal.map_or_else(String::new, |goal| format!("{} {unit}", short(goal)));
        let none = String::new;
        self.add([what.to_owned(), name.to_owned(), cost, none(), none(), goal]);
    }

    fn add(&mut self, row: [String; 6]) {
        // Seen at once: the whole takes minutes.
        println!("{}", row.join(" · "));
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        println!();
        match self.form {
            Form::Plain => {
                let widths = [28, 18, 16, 24, 24, 10];
                for row in std::iter::once(&HEAD.map(str::to_owned)).chain(&self.rows) {
                    let cells = row.iter().zip(widths);
                    let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
                    let line = cells.collect::<Vec<_>>().concat();
                    println!("{}", line.trim_end());
                }
            }
            Form::Markdown => {
                println!("| {} |\n|---|---|---|---|---|---|", HEAD.join(" | "));
                for row in &self.rows {
                    println!("| {} |", row.join(" | "));
                }
            }
        }
    }
}

/// The least, the median and the most.
pub(crate) fn middle(measured: &[f64]) -> (f64, f64, f64) {
    let mut sorted = measured.to_vec();
    sorted.sort_by(f64::total_cmp);
    (
        sorted[0],
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1],
    )
}

fn short(number: f64) -> String {
    match number {
        1000.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
