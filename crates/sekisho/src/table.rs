//! Prints tables on a terminal, where a Japanese letter takes two columns.

use std::fmt;

use sekisho_ambient::is_invisible;
use unicode_width::UnicodeWidthStr as _;

/// A table: headings and rows.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these headings.
    pub(crate) fn new<'h>(headings: impl IntoIterator<Item = &'h str>) -> Self {
        Self { rows: vec![headings.into_iter().map(str::to_owned).collect()] }
    }

    /// Adds a row. Characters in it that cannot be seen are removed.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let clean = |cell: String| {
            let cell: String = cell.chars().filter(|c| !is_invisible(*c)).collect();
            if cell.is_empty() { "-".to_owned() } else { cell }
        };
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let gap = self.width(column).saturating_sub(cell.width()).saturating_add(2);
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', gap));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_take_two_columns() {
        let mut table = Table::new(["番号", "Name"]);
        table.row(["1".to_owned(), "a\u{1b}[2J\u{202e}b".to_owned()]);
        table.row(["瀬戸内".to_owned(), String::new()]);
        assert_eq!(table.to_string(), "番号    Name\n1       a[2Jb\n瀬戸内  -\n");
    }
}
