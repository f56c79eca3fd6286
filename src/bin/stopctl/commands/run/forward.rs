//! `--forward`: which signals are passed on to the workers instead of asking for a stop.

use anyhow::{Context as _, bail};
use stopctl::words::signal_name::{parse_signal, signal_name};

/// The signals that are passed on unless something else was typed.
const USUAL: [i32; 3] = [libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH];

/// The signals that a stop is made of, that nobody can catch, or that a crash sends.
const NEVER: [i32; 11] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGQUIT,
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGCHLD,
    libc::SIGSEGV,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGBUS,
    libc::SIGABRT,
];

/// Reads what was typed, from left to right: a name adds a signal to the usual ones, and a name
/// behind a `-` takes it away.
pub(super) fn forward(typed: &[String]) -> anyhow::Result<Vec<i32>> {
    let mut signals = USUAL.to_vec();
    let words = typed.iter().flat_map(|list| list.split(','));
    for word in words.filter(|word| !word.is_empty()) {
        let (goes, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word),
        };
        let signal = parse_signal(name).context("--forward")?;
        signals.retain(|&other| other != signal);
        if goes {
            continue;
        }
        if NEVER.contains(&signal) {
            let signal = signal_name(signal);
            bail!("--forward: {signal} cannot be passed on");
        }
        signals.push(signal);
    }
    Ok(signals)
}

#[cfg(test)]
mod tests {
    use super::{USUAL, forward};
    use libc::{SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

    fn read(typed: &[&str]) -> Result<Vec<i32>, String> {
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        forward(&typed).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_name_adds_to_the_usual_ones_and_a_minus_takes_away() {
        for (typed, expected) in [
            (&[][..], USUAL.to_vec()),
            (&[""], USUAL.to_vec()),
            (&["HUP"], vec![SIGUSR1, SIGUSR2, SIGWINCH, SIGHUP]),
            (&["-USR2"], vec![SIGUSR1, SIGWINCH]),
            (&["HUP,-sigusr2"], vec![SIGUSR1, SIGWINCH, SIGHUP]),
            (&["HUP", "-12"], vec![SIGUSR1, SIGWINCH, SIGHUP]),
            (&["-USR1,-USR2,-WINCH"], vec![]),
            (&["USR1"], vec![SIGUSR2, SIGWINCH, SIGUSR1]),
            (&["HUP,-HUP"], USUAL.to_vec()),
            (&["-HUP,HUP"], vec![SIGUSR1, SIGUSR2, SIGWINCH, SIGHUP]),
            (&["-TERM"], USUAL.to_vec()),
        ] {
            assert_eq!(read(typed), Ok(expected), "{typed:?}");
        }
    }

    #[test]
    fn what_a_stop_is_made_of_is_refused_and_so_is_what_is_no_signal() {
        let refused = read(&["HUP,TERM"]).unwrap_err();
        assert_eq!(refused, "--forward: SIGTERM cannot be passed on");
        for typed in ["NOTHING", "-", "--name", "-NOTHING", "HUP USR1"] {
            let refused = read(&[typed]).unwrap_err();
            assert!(refused.contains("is not a signal"), "{refused}");
        }
    }
}
