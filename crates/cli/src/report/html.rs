//! Pieces of HTML.

use anyhow::Result;
use cortado_plot::Chart;
use serde_json::Value;

/// Width at which charts are drawn: text is readable on a telephone, and two stand side by side on a screen.
const WIDTH: f64 = 420.0;

/// Text as HTML holds it.
pub fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// A chart with words below it.
pub fn figure(chart: &impl Chart, caption: &str) -> Result<String> {
    let drawn = chart.draw(WIDTH)?;
    Ok(format!(
        "<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
        drawn.svg(),
        escape(caption)
    ))
}

/// Figures side by side where there is room.
pub fn figures(all: &[String]) -> Option<String> {
    (!all.is_empty()).then(|| format!("<div class=\"figures\">\n{}</div>\n", all.concat()))
}

/// A table in a box of its own that scrolls; columns from `numbers` on are numbers.
pub fn table(head: &[String], rows: &[Vec<String>], numbers: usize) -> String {
    let cell = |tag: &str, i: usize, text: &str| {
        let class = if i >= numbers { " class=\"n\"" } else { "" };
        format!("<{tag}{class}>{}</{tag}>", escape(text))
    };
    let line = |tag: &str, cells: &[String]| {
        let cells: String = cells
            .iter()
            .enumerate()
            .map(|(i, c)| cell(tag, i, c))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.iter().map(|r| line("td", r)).collect();
    let head = if head.is_empty() {
        String::new()
    } else {
        format!("<thead>{}</thead>\n", line("th", head))
    };
    let class = if rows.len() > 20 { "box long" } else { "box" };
    format!("<div class=\"{class}\"><table>\n{head}<tbody>{body}</tbody></table></div>\n")
}

/// Text as it stands, in a box that scrolls.
pub fn code(text: &str) -> String {
    format!(
        "<div class=\"box\"><pre>{}</pre></div>\n",
        escape(text.trim_end())
    )
}

/// A value of JSON in few characters.
pub fn short(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        Value::Array(a) => a.iter().map(short).collect::<Vec<_>>().join(", "),
        Value::Number(n) if n.is_f64() => {
            let v = n.as_f64().unwrap_or(0.0);
            let digits = match v.abs() {
                a if a >= 1000.0 => 0,
                a if a >= 100.0 => 1,
                a if a >= 10.0 => 2,
                _ => 4,
            };
            if v != 0.0 && v.abs() < 1e-3 {
                format!("{v:.2e}")
            } else {
                format!("{v:.digits$}")
            }
        }
        other => other.to_string(),
    }
}
