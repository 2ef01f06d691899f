//! What the demo prints: a heading per step, aligned facts, tables; progress where something takes longer than a second.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A step of the story.
pub(crate) fn heading(text: &str) {
    if std::io::stdout().is_terminal() {
        println!("\n\x1b[1m{text}\x1b[0m");
    } else {
        println!("\n{text}");
    }
}

/// Something that is so now.
pub(crate) fn fact(name: &str, value: impl Display) {
    println!("  {name:<12} {value}");
}

/// A table, its columns as wide as what is in them. Columns of numbers stand on the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let is_number = |column: usize| {
        !rows.is_empty()
            && rows.iter().all(|row| {
                row[column].starts_with(|first: char| first.is_ascii_digit()) && !row[column].contains(':')
            })
    };
    let columns: Vec<_> = (0..head.len()).map(|column| (width(column), is_number(column))).collect();
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(&columns).map(|(cell, (width, number))| {
            if *number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(head);
    for row in rows {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// Progress on a terminal; elsewhere one line at the end, when it took longer than a second.
pub(crate) struct Bar {
    name: &'static str,
    drawn: ProgressBar,
    started: Instant,
}

impl Bar {
    /// So many things to do.
    pub(crate) fn start(name: &'static str, total: usize) -> Self {
        let template = "  {msg} {bar:30} {pos}/{len} {elapsed}";
        Self::with(name, ProgressBar::new(total as u64), template)
    }

    /// Nobody knows how long.
    pub(crate) fn waiting(name: &'static str) -> Self {
        Self::with(name, ProgressBar::new_spinner(), "  {spinner} {msg} {elapsed}")
    }

    fn with(name: &'static str, bar: ProgressBar, template: &str) -> Self {
        // On anything but a terminal indicatif draws nothing by itself.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(name);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { name, drawn: bar, started: Instant::now() }
    }

    pub(crate) fn advance(&self) {
        self.drawn.inc(1);
    }

    pub(crate) fn done(self) {
        self.drawn.finish_and_clear();
        let took = self.started.elapsed();
        if took > Duration::from_secs(1) {
            eprintln!("  {}: {:.1} s", self.name, took.as_secs_f64());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Basis points as percent.
pub(crate) fn percent(rollout_bp: u64) -> String {
    match (rollout_bp / 100, rollout_bp % 100) {
        (whole, 0) => format!("{whole} %"),
        (whole, rest) => format!("{whole}.{rest:02} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(percent(2500), "25 %");
        assert_eq!(percent(10_000), "100 %");
        assert_eq!(percent(5), "0.05 %");
    }
}
