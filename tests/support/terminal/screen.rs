//! What a terminal shows: the lines that were written on it, broken where it is too narrow, as
//! terminals do that break them anew when their width changes. It knows the few control sequences
//! that a picture needs, and fails at any other one.

pub(crate) struct Screen {
    rows: usize,
    columns: usize,
    /// From the first one on, those that have left it at the top included.
    lines: Vec<Vec<char>>,
    /// The line that the cursor is in, and how far from its beginning.
    line: usize,
    column: usize,
    /// A sequence, or a character, whose end has not come yet.
    partial: Vec<u8>,
}

impl Screen {
    pub(crate) fn new(rows: u16, columns: u16) -> Self {
        Self {
            rows: rows.into(),
            columns: columns.into(),
            lines: vec![Vec::new()],
            line: 0,
            column: 0,
            partial: Vec::new(),
        }
    }

    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        (self.rows, self.columns) = (rows.into(), columns.into());
    }

    /// Every line, without what is empty at the end.
    pub(crate) fn all(&self) -> String {
        let lines = self.lines.iter().map(|line| {
            let line: String = line.iter().collect();
            line.trim_end().to_owned() + "\n"
        });
        let all: String = lines.collect();
        all.trim_end_matches('\n').to_owned() + "\n"
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.partial.push(byte);
            let Ok(text) = std::str::from_utf8(&self.partial) else {
                continue;
            };
            if text == "\x1b" || text == "\x1b[" {
                continue;
            }
            if let Some(sequence) = text.strip_prefix("\x1b[") {
                if !sequence.ends_with(|last: char| ('@'..='~').contains(&last)) {
                    continue;
                }
                let sequence = sequence.to_owned();
                self.control(&sequence);
            } else {
                let character = text.chars().next().expect("a character");
                self.write(character);
            }
            self.partial.clear();
        }
    }

    fn write(&mut self, character: char) {
        match character {
            '\r' => self.column -= self.column % self.columns,
            '\n' => {
                self.line += 1;
                self.column = 0;
                if self.line == self.lines.len() {
                    self.lines.push(Vec::new());
                }
            }
            '\x07' | '\x08' => {}
            _ => {
                assert!(!character.is_control(), "unexpected {character:?}");
                let line = &mut self.lines[self.line];
                line.resize(line.len().max(self.column + 1), ' ');
                line[self.column] = character;
                self.column += 1;
            }
        }
    }

    fn control(&mut self, sequence: &str) {
        let (number, what) = sequence.split_at(sequence.len() - 1);
        match what {
            "m" => {}
            "A" => self.up(number.parse().unwrap_or(1)),
            "K" => self.lines[self.line].truncate(self.column),
            "J" => {
                self.lines[self.line].truncate(self.column);
                self.lines.truncate(self.line + 1);
            }
            _ => panic!("unexpected control sequence {sequence:?}"),
        }
    }

    /// Up by rows; no farther than the top of what is shown.
    fn up(&mut self, rows: usize) {
        let height = |line: &Vec<char>| line.len().div_ceil(self.columns).max(1);
        let heights: Vec<usize> = self.lines.iter().map(height).collect();
        let top = heights.iter().sum::<usize>().saturating_sub(self.rows);
        let row = heights[..self.line].iter().sum::<usize>() + self.column / self.columns;
        let mut wanted = row.saturating_sub(rows).max(top);
        for (line, height) in heights.into_iter().enumerate() {
            if wanted < height {
                (self.line, self.column) = (line, wanted * self.columns);
                return;
            }
            wanted -= height;
        }
    }
}
