//! Ratios, and the table of all of them: a line for each thing that was measured of stopctl, with
//! its peers beside it.

/// What a program cost, and what that is compared with.
struct Measured {
    what: String,
    program: String,
    cost: String,
    compared: Option<Compared>,
    goal: Option<Goal>,
}

/// A program that had its turn in the same rounds, what it cost, and the ratios to that: the
/// least, the median and the most.
struct Compared {
    to: String,
    cost: String,
    ratios: (f64, f64, f64),
}

/// The most that it may be, and whether it is no more.
struct Goal {
    most: String,
    reached: bool,
}

/// How a build of ours is called; what follows tells which.
const OURS: &str = "stopctl";

/// All that was measured.
#[derive(Default)]
pub(crate) struct Table {
    costs: Vec<Measured>,
}

impl Table {
    /// One program: what it cost in each round, and what the reference cost in the same one.
    pub(crate) fn row(
        &mut self,
        what: &str,
        (name, unit): (&str, &str),
        measured: &[f64],
        (reference, theirs): (&str, &[f64]),
        goal: Option<f64>,
    ) {
        let each: Vec<f64> = measured.iter().zip(theirs).map(|(a, b)| a / b).collect();
        let ratios = middle(&each);
        self.add(Measured {
            what: what.to_owned(),
            program: name.to_owned(),
            cost: told(middle(measured).1, unit),
            compared: Some(Compared {
                to: reference.to_owned(),
                cost: told(middle(theirs).1, unit),
                ratios,
            }),
            goal: goal.map(|most| Goal {
                most: format!("{most:.2}"),
                reached: ratios.1 <= most,
            }),
        });
    }

    /// One number, and the most that it may be.
    pub(crate) fn count(
        &mut self,
        what: &str,
        (name, unit): (&str, &str),
        count: f64,
        goal: Option<f64>,
    ) {
        self.add(Measured {
            what: what.to_owned(),
            program: name.to_owned(),
            cost: told(count, unit),
            compared: None,
            goal: goal.map(|most| Goal {
                most: told(most, unit),
                reached: count <= most,
            }),
        });
    }

    fn add(&mut self, cost: Measured) {
        // Seen at once: the whole takes minutes.
        println!("{} · {} · {}", cost.what, cost.program, cost.cost);
        self.costs.push(cost);
    }

    /// In Markdown, which can be read as it is, too.
    pub(crate) fn print(&self) {
        let peers = self.peers();
        let ours = ["what", OURS, "ratio: min, median, max", "goal"];
        let head: Vec<&str> = ours.into_iter().chain(peers.iter().copied()).collect();
        println!("\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
        for cost in &self.costs {
            if let Some(build) = cost.program.strip_prefix(OURS) {
                let ratio = cost.compared.as_ref().map(|compared| {
                    let (least, median, most) = compared.ratios;
                    format!(
                        "{least:.2}, {median:.2}, {most:.2} × {}",
                        compared.to.trim_start_matches("GNU ")
                    )
                });
                let goal = cost.goal.as_ref().map(|goal| {
                    let missed = if goal.reached { "" } else { ", not reached" };
                    format!("{}{missed}", goal.most)
                });
                let mut cells = vec![
                    format!("{}{build}", cost.what),
                    cost.cost.clone(),
                    ratio.unwrap_or_default(),
                    goal.unwrap_or_default(),
                ];
                cells.extend(peers.iter().map(|peer| self.of_peer(peer, cost)));
                println!("| {} |", cells.join(" | "));
            }
        }
    }

    /// All but ours, in the order in which they were measured.
    fn peers(&self) -> Vec<&str> {
        let mut peers = Vec::new();
        for cost in &self.costs {
            let program = cost.program.as_str();
            if !program.starts_with(OURS) && !peers.contains(&program) {
                peers.push(program);
            }
        }
        peers
    }

    /// What a peer cost in the rounds of one of ours, and the median of its own ratios.
    fn of_peer(&self, peer: &str, ours: &Measured) -> String {
        let same = |cost: &&Measured| cost.what == ours.what && cost.program == peer;
        if let Some(cost) = self.costs.iter().find(same) {
            let other = cost.compared.as_ref().filter(|to| to.to != peer);
            let ratio = other.map_or_else(String::new, |to| format!(" ({:.2})", to.ratios.1));
            return format!("{}{ratio}", cost.cost);
        }
        let compared = ours.compared.as_ref().filter(|to| to.to == peer);
        compared.map_or_else(String::new, |to| to.cost.clone())
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

fn told(number: f64, unit: &str) -> String {
    let number = match number {
        1000.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}
