use stopctl::words::pid::Pid;
use stopctl::words::worker_number::WorkerNumber;

use snapbox::assert::Action;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use super::{
    FEW, Line, Moment, Picture, RunRecord, Window, WorkerRecord, WorkerState, still_there,
};

const NOW: Moment = Moment::from_nanos(100_000_000_000);

/// Every way in which a worker can be there, or not any more.
const STATES: [(WorkerState, u8); 6] = [
    (WorkerState::Starting, 0),
    (WorkerState::Running, 0),
    (WorkerState::Stopping, 1),
    (WorkerState::Stopping, 2),
    (WorkerState::Stopping, 3),
    (WorkerState::Ended, 1),
];

fn worker(number: u32, state: WorkerState, level: u8) -> WorkerRecord {
    WorkerRecord {
        state,
        level,
        pid: Pid::new(48_210 + i32::try_from(number).unwrap())
            .filter(|_| state != WorkerState::Starting),
        looked: Some(number % 2 == 0 && state != WorkerState::Starting),
        deadline_ns: (level > 0).then_some(NOW.nanos() + 4_200_000_000 * u64::from(level)),
        ..WorkerRecord::default()
    }
}

fn run(workers: &[WorkerRecord]) -> RunRecord {
    let count = u32::try_from(workers.len()).expect("few workers");
    let pid = Pid::new(48_209).expect("a pid");
    RunRecord::new("train".to_owned(), pid, vec!["python".to_owned()], count)
}

fn drawn(workers: &[WorkerRecord], rows: u16, columns: u16) -> Vec<Line> {
    let run = run(workers);
    let all: Vec<WorkerNumber> = WorkerNumber::all_of(run.workers).collect();
    let is_there = |&one: &WorkerNumber| workers[one.get() as usize].state != WorkerState::Ended;
    let there: Vec<WorkerNumber> = all.iter().copied().filter(is_there).collect();
    let picture = Picture {
        head: format!("train: {}", still_there(&there, &all)),
        run: &run,
        workers,
        shown: &all,
    };
    let lines = picture.lines(NOW, Window { rows, columns });
    let lines = lines
        .into_iter()
        .map(|line| line.cut(usize::from(columns) - 1));
    lines.collect()
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text(false) + "\n").collect()
}

#[test]
fn few_workers_are_one_line_each() {
    let workers: Vec<WorkerRecord> = (0..)
        .zip(STATES)
        .map(|(number, (state, level))| worker(number, state, level))
        .collect();
    assert_eq!(
        text(&drawn(&workers, 24, 80)),
        "  train: 5 of 6 workers still there\n\
         \x20 worker 0                           starting\n\
         \x20 worker 1  pid 48211  never looked  running\n\
         \x20 worker 2  pid 48212  looked        asked to stop  SIGTERM in 5 s\n\
         \x20 worker 3  pid 48213  never looked  SIGTERM sent   SIGKILL in 9 s\n\
         \x20 worker 4  pid 48214  looked        SIGKILL sent   given up in 13 s\n"
    );
}

#[test]
fn many_workers_are_one_line_for_all_that_are_equally_far() {
    let workers: Vec<WorkerRecord> = (0..600)
        .map(|number| {
            let (state, level) = STATES[number as usize / 100];
            worker(number, state, level)
        })
        .collect();
    let odd = |from: u32| {
        let odd = (from..)
            .step_by(2)
            .take(20)
            .map(|number| number.to_string());
        odd.collect::<Vec<String>>().join(", ")
    };
    assert_eq!(
        text(&drawn(&workers, 24, 200)),
        format!(
            "  train: 500 of 600 workers still there\n\
             \x20 100  running                          workers 100-199\n\
             \x20 100  starting                         workers 0-99\n\
             \x20 100  asked to stop  SIGTERM in 5 s    workers 200-299\n\
             \x20 100  SIGTERM sent   SIGKILL in 9 s    workers 300-399\n\
             \x20 100  SIGKILL sent   given up in 13 s  workers 400-499\n\
             \x20 200  never looked                     workers {}, …\n",
            odd(101)
        )
    );
}

#[test]
fn a_terminal_that_is_low_has_the_summary_and_a_lower_one_a_single_line() {
    let workers: Vec<WorkerRecord> = (0..4)
        .map(|number| worker(number, WorkerState::Stopping, 1))
        .collect();
    let shown = |rows| text(&drawn(&workers, rows, 80));
    assert!(shown(6).contains("worker 3"), "{}", shown(6));
    for rows in [4, 5] {
        assert_eq!(
            shown(rows),
            "  train: 4 of 4 workers still there\n\
             \x20 4  asked to stop  SIGTERM in 5 s  workers 0-3\n\
             \x20 2  never looked                   workers 1, 3\n"
        );
    }
    for rows in [2, 3] {
        assert_eq!(
            shown(rows),
            "  train: 4 of 4 workers still there; SIGTERM in 5 s\n"
        );
    }
    assert_eq!(shown(1), "");
}

#[test]
fn a_narrow_terminal_cuts_every_line() {
    let workers = [worker(0, WorkerState::Stopping, 1)];
    assert_eq!(
        text(&drawn(&workers, 24, 20)),
        "  train: 1 of 1 wo…\n  worker 0  pid 48…\n"
    );
}

#[test]
fn nothing_is_drawn_of_a_run_that_nobody_is_left_of() {
    let workers = [worker(0, WorkerState::Ended, 1)];
    assert_eq!(drawn(&workers, 24, 80), []);
    assert_eq!(drawn(&[], 24, 80), []);
}

#[test]
fn whatever_the_size_and_the_states_it_fits_and_misses_nobody() {
    for count in [1, 2, 3, FEW, FEW + 1, 40, 1000] {
        for states in 1..1 << STATES.len() {
            let chosen: Vec<(WorkerState, u8)> = (0..STATES.len())
                .filter(|at| states & (1 << at) != 0)
                .map(|at| STATES[at])
                .collect();
            let workers: Vec<WorkerRecord> = (0..u32::try_from(count).expect("few"))
                .zip(chosen.iter().cycle())
                .map(|(number, &(state, level))| worker(number, state, level))
                .collect();
            let there = workers.iter().filter(|one| one.state != WorkerState::Ended);
            let there = there.count();
            for (rows, columns) in [
                (1, 80),
                (2, 1),
                (2, 80),
                (5, 2),
                (9, 40),
                (24, 10),
                (24, 80),
                (60, 200),
            ] {
                let lines = drawn(&workers, rows, columns);
                let shown = text(&lines);
                let case = format!("{count} in {states:b}, {columns}×{rows}:\n{shown}");
                assert!(lines.len() < usize::from(rows), "{case}");
                assert_eq!(lines.is_empty(), there == 0 || rows == 1, "{case}");
                for line in &lines {
                    assert!(line.width() < usize::from(columns), "{case}");
                }
                assert!(!shown.contains('\x1b'), "{case}");
                if there <= FEW && there + 1 < usize::from(rows) && columns >= 80 {
                    let named = shown.matches("  worker ").count();
                    assert_eq!(named, there, "{case}");
                } else if rows >= 9 && columns >= 200 {
                    let counts = lines.iter().skip(1).filter_map(|line| {
                        let text = line.text(false);
                        let is_state = !text.contains("never looked");
                        let count = text.split_whitespace().next()?.parse::<usize>().ok()?;
                        is_state.then_some(count)
                    });
                    assert_eq!(counts.sum::<usize>(), there, "{case}");
                }
            }
        }
    }
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let workers = STATES.map(|(state, level)| worker(1, state, level));
    for line in drawn(&workers, 24, 60) {
        let coloured = line.text(true);
        let mut plain = String::new();
        for (at, part) in coloured.split('\x1b').enumerate() {
            plain += if at == 0 {
                part
            } else {
                part.split_once('m').expect("the end of a sequence").1
            };
        }
        assert_eq!(plain, line.text(false));
    }
}

/// The picture in README.md: `STOPCTL_UPDATE=1 cargo test --bin stopctl` draws it anew.
#[test]
fn the_picture_in_the_readme_is_what_is_drawn() {
    let mut workers: Vec<WorkerRecord> = (0..4)
        .map(|number| worker(number, WorkerState::Stopping, 2))
        .collect();
    for one in [0, 2] {
        workers[one].state = WorkerState::Ended;
    }
    workers[3].looked = Some(true);
    let picture = drawn(&workers, 24, 80);
    let lines: String = picture.iter().map(|line| line.text(true) + "\n").collect();
    let said = [
        "stopping train: 4 workers asked; SIGTERM in 10 s at the latest",
        "train: workers 0, 2 left when asked; still there: workers 1, 3",
    ];
    let said = said.map(|line| format!("\x1b[1mstopctl:\x1b[0m {line}\n"));
    let screen = format!("$ stopctl stop train\n{}{lines}", said.concat());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/man/stop.svg");
    let is_update = std::env::var_os("STOPCTL_UPDATE").is_some();
    Assert::new()
        .action(if is_update {
            Action::Overwrite
        } else {
            Action::Verify
        })
        .eq(
            Data::text(screen).coerce_to(DataFormat::TermSvg),
            Data::read_from(path.as_ref(), Some(DataFormat::TermSvg)),
        );
}
