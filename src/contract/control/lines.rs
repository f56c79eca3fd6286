//! Splits what comes through the FIFO into lines, even if somebody leaves a line without an end.
//!
//! A request is written with one write(2), so what is read first after the FIFO was empty is the
//! beginning of a request. What somebody else has left before it without a newline must not swallow
//! it.

use super::{LONGEST, Line};

/// What has arrived and is not a whole line yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not arrived.
    partial: Vec<u8>,
    /// Where in it begins what arrived last, after the FIFO had been empty.
    fresh: usize,
    /// Whether that line is longer than any request and was reported. Then only what arrived last is
    /// kept of it.
    overlong: bool,
}

impl Lines {
    /// The FIFO has been read to its end: what arrives next is the beginning of something.
    pub(super) fn pause(&mut self) {
        if self.overlong {
            self.partial.clear();
        }
        self.fresh = self.partial.len();
    }

    /// Takes the next bytes, and adds the lines that they complete to `lines`.
    pub(super) fn take(&mut self, bytes: &[u8], lines: &mut Vec<Line>) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(part);
            if self.partial.len() > LONGEST {
                if !std::mem::replace(&mut self.overlong, true) {
                    lines.push(Line::Junk);
                }
                // What arrived last is too long for a request as well, or a request begins there.
                self.partial.drain(..self.fresh);
                self.fresh = 0;
                self.partial.truncate(LONGEST + 1);
            }
            if part.ends_with(b"\n") {
                self.end(lines);
            }
        }
    }

    /// Ends the line.
    fn end(&mut self, lines: &mut Vec<Line>) {
        let whole = Line::parse(&self.partial);
        let last = Line::parse(&self.partial[self.fresh..]);
        if !self.overlong && (whole != Line::Junk || last == Line::Junk) {
            lines.push(whole);
        } else {
            if !self.overlong {
                lines.push(Line::Junk);
            }
            lines.extend(Some(last).filter(|line| *line != Line::Junk));
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Line, Lines};
    use crate::words::worker_number::WorkerNumber;

    /// The lines that result from pieces between which the FIFO was empty.
    fn cut(pieces: &[&[u8]]) -> String {
        let (mut cutter, mut lines) = (Lines::default(), Vec::new());
        for piece in pieces {
            // In the pieces in which it is read: none is longer than a request can be.
            piece
                .chunks(LONGEST)
                .for_each(|part| cutter.take(part, &mut lines));
            cutter.pause();
        }
        let letter = |line: &Line| match line {
            Line::Stop(request) if request.worker == Some(WorkerNumber::new(7)) => '7',
            Line::Stop(_) => 'r',
            Line::Extension(_) => 'e',
            Line::Signalling(_) => 's',
            Line::Junk => '-',
        };
        lines.iter().map(letter).collect()
    }

    #[test]
    fn k3a_a_request_is_heard_whatever_stands_before_it_without_an_end() {
        let long = vec![b'x'; 300 * LONGEST];
        let almost = vec![b'x'; LONGEST - 3];
        let request: &[u8] = b"1 stop worker=7\n";
        for junk in [
            &b"1 stop"[..],
            b"1 stop worker=",
            b"1 stop worker=7 reason=x",
            b"1 extend worker=7 time_ms=1",
            b"\0",
            b"\xff\xfe",
            b"x",
            &almost,
            &long,
        ] {
            assert_eq!(
                cut(&[junk, request]),
                "-7",
                "{:?}",
                &junk[..junk.len().min(30)]
            );
            // No matter what arrived in between, the last request is whole.
            assert_eq!(cut(&[junk, b"more", request, request]), "-77");
        }
        assert_eq!(cut(&[b"1 st", b"1 extend time_ms=5\n", request]), "-e7");
    }

    #[test]
    fn k3f_a_line_that_is_too_long_is_none_whatever_it_begins_with() {
        let whole = |length: usize| {
            let mut line = b"1 stop worker=7 reason=user colour=".to_vec();
            line.resize(length - 1, b'7');
            line.push(b'\n');
            line
        };
        for (length, told) in [
            (LONGEST - 1, "7"),
            (LONGEST, "7"),
            (LONGEST + 1, "-"),
            (LONGEST + 2, "-"),
            (2 * LONGEST, "-"),
            (5 * LONGEST, "-"),
        ] {
            let line = whole(length);
            assert_eq!(cut(&[&line]), told, "{length}");
            assert_eq!(cut(&[&line, b"1 stop\n"]), format!("{told}r"), "{length}");
            let after_junk = if told == "7" { "-7" } else { told };
            assert_eq!(cut(&[b"x", &line]), after_junk, "{length}");
        }
    }

    #[test]
    fn a_request_in_pieces_is_one_and_junk_is_none() {
        assert_eq!(cut(&[b"1 st", b"op\nrubbish\n"]), "r-");
        assert_eq!(cut(&[b"1 ", b"stop wor", b"ker=7", b"\n"]), "7");
        assert_eq!(cut(&[b"1 stop\n1 stop worker=7\n\n"]), "r7-");
        // This was not written at once, so it is not a request, no matter what it contains.
        assert_eq!(cut(&[b"x1 stop\n"]), "-");
        let long = vec![b'x'; 300 * LONGEST];
        let inside = [&long[..], b"1 stop\n1 stop\n"].concat();
        assert_eq!(cut(&[&inside]), "-r");
        assert_eq!(cut(&[&long, &long, b"\n", b"1 stop\n"]), "-r");
        assert_eq!(cut(&[&long, b"1 stop", b" worker=7\n"]), "-");
    }
}
