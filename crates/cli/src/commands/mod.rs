//! One file for each verb of the command line.

pub mod bench;
pub mod compare;
pub mod completions;
pub mod convert;
pub mod cost;
pub mod data;
mod engines;
pub mod eval;
pub mod events;
pub mod inspect;
mod limits;
pub mod man;
pub mod models;
pub mod nir;
pub mod plot;
pub mod recipes;
pub mod report;
pub mod run;
pub mod sweep;
pub mod train;

/// The threads of a command; all cores if absent.
pub fn pool(threads: Option<usize>) -> anyhow::Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0));
    Ok(pool.build()?)
}

/// Rows as columns, each as wide as its widest cell, with `indent` before each row.
pub fn align<R: AsRef<[String]>>(rows: &[R], indent: &str) -> String {
    let columns = rows.iter().map(|r| r.as_ref().len()).max().unwrap_or(0);
    let mut width = vec![0; columns];
    for row in rows {
        for (w, cell) in width.iter_mut().zip(row.as_ref()) {
            *w = cell.chars().count().max(*w);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.as_ref().iter().zip(&width);
        let cells: Vec<String> = cells.map(|(cell, &w)| format!("{cell:w$}")).collect();
        text += &format!("{indent}{}\n", cells.join("  ").trim_end());
    }
    text
}
