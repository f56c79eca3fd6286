//! `--forward`: which signals are passed on to the workers, and do not ask for a stop.

use stopctl::words::signal_name::{parse_signal, signal_name};

/// Those that are passed on if nothing was typed.
const USUAL: [i32; 3] = [libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH];

/// What a stop is made of, what nobody can catch, and what a crash sends.
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

/// Reads what was typed, in its order: a name adds a signal to the usual ones, and one behind a
/// `-` takes it away.
pub(super) fn forward(typed: &[String]) -> Result<Vec<i32>, String> {
    let mut signals = USUAL.to_vec();
    let words = typed.iter().flat_map(|list| list.split(','));
    for word in words.filter(|word| !word.is_empty()) {
        let (goes, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word),
        };
        let signal = parse_signal(name).map_err(|error| format!("--forward: {error}"))?;
        signals.retain(|&other| other != signal);
        if goes {
            continue;
        }
        if NEVER.contains(&signal) {
            let signal = signal_name(signal);
            return Err(format!("--forward: {signal} cannot be passed on"));
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
        forward(&typed)
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
