//! The goals, in one place. `benches/README.md` says what each of them means.

/// How the release is called, which is static, and the other builds and forms of it.
pub(crate) const STATIC: &str = "stopctl";
pub(crate) const STATIC_OPTIONS: &str = "stopctl with options";
pub(crate) const DYNAMIC: &str = "stopctl, dynamic";
pub(crate) const DYNAMIC_OPTIONS: &str = "stopctl with options, dynamic";

/// What is measured, of which program, and the most that it may be: a ratio if another program
/// has its turn in the same rounds, and else a number in the unit of its row.
pub(crate) const GOALS: [(&str, &str, f64); 32] = [
    ("`true`", STATIC, 1.05),
    ("`true`", STATIC_OPTIONS, 1.10),
    ("`true`", DYNAMIC, 1.15),
    ("worker's end to ours", STATIC, 1.30),
    ("worker's end to ours", STATIC_OPTIONS, 1.30),
    ("instructions", STATIC, 350.0),
    ("instructions", STATIC_OPTIONS, 350.0),
    ("system calls", STATIC, 150.0),
    ("system calls", STATIC_OPTIONS, 150.0),
    ("page faults", STATIC, 115.0),
    ("page faults", STATIC_OPTIONS, 115.0),
    ("USS, 1", STATIC, 1050.0),
    ("USS, 100", STATIC, 1950.0),
    ("USS, each further", STATIC, 6.0),
    ("switches while idle, 1", STATIC, 0.0),
    ("switches while idle, 100", STATIC, 0.0),
    ("switches while idle, 1000", STATIC, 0.0),
    ("start, 100", STATIC, 1.15),
    ("start, 1000", STATIC, 1.15),
    ("start, 10000", STATIC, 1.15),
    ("start, exponent of N", STATIC, 1.03),
    ("last awake, 1", STATIC, 1.00),
    ("last awake, 10", STATIC, 1.35),
    ("last awake, 100", STATIC, 1.25),
    ("last awake, 1000", STATIC, 1.10),
    ("SIGTERM to the end, 1", STATIC, 1.60),
    ("SIGTERM to the end, 10", STATIC, 1.70),
    ("SIGTERM to the end, 100", STATIC, 1.50),
    ("SIGTERM to the end, 1000", STATIC, 1.40),
    ("stop command, 1", STATIC, 1.70),
    ("stop command, 100", STATIC, 1.50),
    ("stop command, 1000", STATIC, 1.50),
];

pub(crate) fn most(what: &str, program: &str) -> Option<f64> {
    let goal = GOALS
        .iter()
        .find(|goal| goal.0 == what && goal.1 == program);
    goal.map(|goal| goal.2)
}
