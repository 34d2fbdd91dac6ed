//! Where a command shows things: a person's terminal gets colour and tables as wide as it is, a pipe gets plain lines
//! with tabs between fields, and a program gets JSON.
//!
//! What is shown is made as text by pure functions ([`Paper`]) and printed at one place.

use std::io::{IsTerminal, Write};

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table};
use common::telemetry::chain;
use serde_json::Value;

use crate::arguments::Consent;
use crate::trouble::Trouble;

/// The width that is assumed where a terminal does not say.
const USUAL_WIDTH: u16 = 80;
/// Wider lines are hard to read.
const WIDEST: u16 = 120;

/// Where things are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    medium: Medium,
    width: u16,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// A person at a terminal.
    Terminal,
    /// A pipe or a file.
    Lines,
    /// A program.
    Json,
}

/// A text with what it means for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    text: String,
    tone: Tone,
}

/// What a text means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    Plain,
    /// It is well.
    Good,
    /// It needs somebody.
    Bad,
    /// It may need somebody.
    Doubtful,
    /// It matters less.
    Aside,
}

impl Screen {
    /// Looks at who reads standard output.
    pub(crate) fn detect(json: bool) -> Self {
        let terminal = console::Term::stdout();
        let medium = match (json, terminal.is_term()) {
            (true, _) => Medium::Json,
            (false, true) => Medium::Terminal,
            (false, false) => Medium::Lines,
        };
        let width = terminal
            .size_checked()
            .map_or(USUAL_WIDTH, |(_, columns)| columns);
        Self {
            medium,
            width: width.min(WIDEST),
        }
    }

    /// Who reads.
    pub(crate) fn medium(self) -> Medium {
        self.medium
    }

    /// An empty paper of this screen's kind.
    pub(crate) fn paper(self) -> Paper {
        Paper {
            screen: self,
            text: String::new(),
        }
    }

    /// Shows an answer: to a program as it came, to a person as `tell` writes it.
    pub(crate) fn show(self, answer: &Value, tell: impl FnOnce(&mut Paper)) {
        match self.medium {
            Medium::Json => print(&format!("{answer}\n")),
            Medium::Terminal | Medium::Lines => {
                let mut paper = self.paper();
                tell(&mut paper);
                print(&paper.text);
            }
        }
    }

    /// Shows an answer in place of the one before.
    pub(crate) fn show_again(self, answer: &Value, tell: impl FnOnce(&mut Paper)) {
        if self.medium == Medium::Terminal {
            // A terminal that cannot be cleared shows the answers below each other.
            let _ = console::Term::stdout().clear_screen();
        }
        self.show(answer, tell);
    }

    /// Asks for a yes to what cannot be taken back. Where nobody can answer, it has to be on the command line.
    pub(crate) fn ask(self, question: &str, consent: Consent) -> Result<(), Trouble> {
        if consent.yes {
            return Ok(());
        }
        if self.medium != Medium::Terminal || !std::io::stdin().is_terminal() {
            let text = "it cannot be taken back: say --yes";
            return Err(Trouble::Usage(text.to_owned()));
        }
        let mut paper = self.paper();
        paper.line(question);
        print(&format!("{}[y/N] ", paper.text));
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        match (read, answer.trim()) {
            (Ok(_), "y" | "Y" | "yes") => Ok(()),
            (Ok(_) | Err(_), _) => Err(Trouble::Declined),
        }
    }

    /// Shows why a command came to no verdict.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        let medium = if std::io::stderr().is_terminal() {
            Medium::Terminal
        } else {
            Medium::Lines
        };
        let text = Self { medium, ..self }.told(trouble);
        // Nobody is left to tell when standard error is gone.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn told(self, trouble: &Trouble) -> String {
        let mut paper = self.paper();
        paper.line(Text::from(chain(trouble)).toned(Tone::Bad));
        paper.text
    }
}

fn print(text: &str) {
    // A question ends in no line break, and is to be seen before its answer.
    let mut output = std::io::stdout();
    // Nobody is left to tell when standard output is gone.
    let _ = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
}

/// What is about to be shown.
#[derive(Debug)]
pub(crate) struct Paper {
    screen: Screen,
    text: String,
}

impl Paper {
    /// Whether a person at a terminal reads it.
    pub(crate) fn is_for_a_person(&self) -> bool {
        self.screen.medium == Medium::Terminal
    }

    /// Writes a line as it is, however long.
    pub(crate) fn verbatim(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Writes a line of its own.
    pub(crate) fn line(&mut self, text: impl Into<Text>) {
        self.rows([[text.into()]]);
    }

    /// Leaves a line empty below what is written, where a person reads.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.space();
        }
    }

    /// Leaves a line empty, where a person reads; also below what is on the screen already.
    pub(crate) fn space(&mut self) {
        if self.screen.medium == Medium::Terminal {
            self.text.push('\n');
        }
    }

    /// Writes a table. Its head is for people only: what follows it on a pipe is one thing a line.
    pub(crate) fn table<const N: usize>(&mut self, head: [&str; N], rows: Vec<[Text; N]>) {
        if self.screen.medium == Medium::Terminal && !rows.is_empty() {
            let head = head.map(|name| Text::from(name).toned(Tone::Aside));
            self.rows(std::iter::once(head).chain(rows));
        } else {
            self.rows(rows);
        }
    }

    /// Writes rows of a table that grows. What fits the ruler stands in line with the rows of the other pieces.
    pub(crate) fn ruled<const N: usize>(&mut self, ruler: [&str; N], rows: Vec<[Text; N]>) {
        if self.screen.medium == Medium::Terminal && !rows.is_empty() {
            let rows: Vec<_> = std::iter::once(ruler.map(Text::from)).chain(rows).collect();
            for line in self.screen.table(&rows).lines().skip(1) {
                self.verbatim(line.trim_end());
            }
        } else {
            self.rows(rows);
        }
    }

    /// Writes named values; what has no value is left out.
    pub(crate) fn facts<const N: usize>(&mut self, facts: [(&str, Option<Text>); N]) {
        let rows = facts.into_iter().filter_map(|(name, value)| {
            let name = Text::from(name).toned(Tone::Aside);
            Some([name, value?])
        });
        self.rows(rows);
    }

    fn rows<const N: usize>(&mut self, rows: impl IntoIterator<Item = [Text; N]>) {
        let rows: Vec<_> = rows.into_iter().collect();
        if self.screen.medium == Medium::Terminal && !rows.is_empty() {
            let table = self.screen.table(&rows);
            for line in table.lines() {
                self.verbatim(line.trim_end());
            }
        } else {
            for row in rows {
                let fields = row.map(|field| field.text.replace(['\n', '\t'], " "));
                self.verbatim(&fields.join("\t"));
            }
        }
    }
}

impl Screen {
    /// The rows as a table. Its last column is broken to fit; the others are too only where that is not enough.
    fn table<const N: usize>(self, rows: &[[Text; N]]) -> Table {
        const GAP: u16 = 2;
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(self.width);
        table.enforce_styling();
        for row in rows {
            table.add_row(row.iter().map(Text::cell));
        }
        let widths = table.column_max_content_widths();
        let but_last: u16 = widths.iter().take(N - 1).map(|width| width + GAP).sum();
        let is_enough = but_last + self.width / 5 <= self.width;
        for column in table.column_iter_mut() {
            let is_last = column.index + 1 == N;
            column.set_padding((0, if is_last { 0 } else { GAP }));
            if !is_last && (is_enough || column.index == 0) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }
}

impl Text {
    /// The same text with another meaning.
    pub(crate) fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    fn cell(&self) -> Cell {
        let cell = Cell::new(&self.text);
        if !console::colors_enabled() {
            return cell;
        }
        match self.tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::Green),
            Tone::Bad => cell.fg(Color::Red).add_attribute(Attribute::Bold),
            Tone::Doubtful => cell.fg(Color::Yellow),
            Tone::Aside => cell.add_attribute(Attribute::Dim),
        }
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Plain,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a command writes for a medium, on 80 columns.
    pub(crate) fn written(medium: Medium, tell: impl FnOnce(&mut Paper)) -> String {
        let screen = Screen { medium, width: 80 };
        let mut paper = screen.paper();
        tell(&mut paper);
        paper.text
    }

    /// What a person at a terminal of 80 columns sees, of which no line is wider than that.
    pub(crate) fn seen(tell: impl FnOnce(&mut Paper)) -> String {
        let text = written(Medium::Terminal, tell);
        let text = console::strip_ansi_codes(&text).into_owned();
        for line in text.lines().filter(|line| !line.starts_with("https://")) {
            assert!(console::measure_text_width(line) <= 80, "{line}");
        }
        text
    }

    #[test]
    fn a_pipe_gets_one_thing_a_line_without_colour_or_head() {
        let text = written(Medium::Lines, |paper| {
            paper.gap();
            let bad = Text::from("two\nlines\there").toned(Tone::Bad);
            paper.table(["A", "B"], vec![["one".into(), bad]]);
        });
        assert_eq!(text, "one\ttwo lines here\n");
    }

    #[test]
    fn trouble_is_no_wider_than_the_terminal() {
        let trouble = Trouble::Usage("a fault that is longer than the line ".repeat(4));
        let screen = Screen {
            medium: Medium::Terminal,
            width: 80,
        };
        let text = screen.told(&trouble);
        let text = console::strip_ansi_codes(&text);
        assert!(text.lines().count() > 1, "{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }

    #[test]
    fn only_the_last_column_is_broken_to_fit() {
        let sentence = "a sentence that is longer than the line ".repeat(4);
        let text = seen(|paper| {
            paper.table(
                ["Name", "What"],
                vec![["an-id-that-must-stay-whole".into(), sentence.clone().into()]],
            );
        });
        assert!(
            text.contains("\nan-id-that-must-stay-whole  a sentence"),
            "{text}"
        );
        let words = text
            .split_whitespace()
            .filter(|word| *word == "sentence")
            .count();
        assert_eq!(words, 4, "{text}");
    }
}
