//! Tables for people: aligned columns, no lines, numbers to the right.

/// Rows of text with a heading.
pub struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns. A heading that starts with `#` is a number column.
    pub fn new(heading: &[&'static str]) -> Table {
        Table { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The whole table, a line a row.
    pub fn render(&self) -> String {
        let heading: Vec<String> =
            self.heading.iter().map(|h| h.trim_start_matches('#').to_owned()).collect();
        let widths: Vec<usize> = (0..heading.len())
            .map(|i| {
                self.rows
                    .iter()
                    .chain([&heading])
                    .map(|r| r.get(i).map_or(0, |c| c.chars().count()))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for row in [&heading].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (i, width) in widths.iter().enumerate() {
                let cell = row.get(i).map_or("", String::as_str);
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                let number = self.heading.get(i).is_some_and(|h| h.starts_with('#'));
                line.push_str(&if number {
                    format!("{pad}{cell}  ")
                } else {
                    format!("{cell}{pad}  ")
                });
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// A time of the wall clock for people, UTC to the millisecond; empty when there is none.
pub fn time(us: Option<i64>) -> String {
    let Some(us) = us else { return String::new() };
    match jiff::Timestamp::from_microsecond(us) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string(),
        Err(_) => us.to_string(),
    }
}

/// A length of time for people: the two largest units that say something.
pub fn span(ms: i64) -> String {
    let (ms, s) = (ms.max(0), ms.max(0) / 1000);
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_lines_have_no_trailing_space() {
        let mut table = Table::new(&["name", "#queued", "state"]);
        table.row(vec!["lab".into(), "7".into(), String::new()]);
        table.row(vec!["registry".into(), "1200".into(), "down".into()]);
        assert_eq!(
            table.render(),
            "name      queued  state\nlab            7\nregistry    1200  down\n"
        );
    }

    #[test]
    fn a_span_is_read_at_a_glance() {
        let spans = [0, 59_999, 61_000, 3_700_000, 90_000_000].map(span);
        assert_eq!(spans, ["0 ms", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
