//! Tables whose columns line up although they mix Japanese and Latin letters. An East Asian wide
//! character takes two columns of a terminal (Unicode Standard Annex 11).

use std::fmt;

use unicode_width::UnicodeWidthStr as _;

/// A table with a heading for each column.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: [String; N]) -> Self {
        Self { rows: vec![head] }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        self.rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.width())
            .max()
            .unwrap_or(0)
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let gap = self.width(column).saturating_sub(cell.width()) + 2;
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
        let mut table = Table::new(["番号".to_owned(), "Name".to_owned()]);
        table.row(["a".to_owned(), "瀬戸内".to_owned()]);
        assert_eq!(table.to_string(), "番号  Name\na     瀬戸内\n");
    }
}
