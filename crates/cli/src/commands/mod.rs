//! One file for each verb of the command line.

pub mod bench;
pub mod eval;
mod limits;
pub mod models;
pub mod recipes;
pub mod train;

/// Rows as columns, each as wide as its widest cell, with `indent` before each row.
pub fn align<const N: usize>(rows: &[[String; N]], indent: &str) -> String {
    let width: [usize; N] = std::array::from_fn(|c| {
        let cells = rows.iter().map(|r| r[c].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(width)
            .map(|(cell, w)| format!("{cell:w$}"))
            .collect();
        text += &format!("{indent}{}\n", cells.join("  ").trim_end());
    }
    text
}
