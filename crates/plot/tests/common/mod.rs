//! Reads numbers back out of a picture.
#![allow(dead_code)]

use roxmltree::{Document, Node};

/// The only element of that class, with that name if it is not empty.
pub fn find<'a>(doc: &'a Document, class: &str, name: &str) -> Node<'a, 'a> {
    let all = all(doc, class);
    let fits = |n: &&Node| name.is_empty() || n.attribute("data-name") == Some(name);
    let found: Vec<_> = all.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{class} '{name}'");
    *found[0]
}

/// All elements of that class.
pub fn all<'a>(doc: &'a Document, class: &str) -> Vec<Node<'a, 'a>> {
    let fits = |n: &Node| n.attribute("class") == Some(class);
    doc.descendants().filter(fits).collect()
}

pub fn number(node: Node, name: &str) -> f64 {
    let text = node.attribute(name).unwrap_or_else(|| panic!("no {name}"));
    text.parse().unwrap()
}

/// The scale that a panel says it has, from pixels to data.
pub fn data(panel: Node, axis: &str, pixel: f64) -> f64 {
    let text = panel.attribute(axis).unwrap();
    let v: Vec<f64> = text.split(' ').map(|v| v.parse().unwrap()).collect();
    let [a, b, p, q] = v[..] else {
        panic!("{text}")
    };
    a + (pixel - p) / (q - p) * (b - a)
}

/// The end points of a path of `M`, `L`, `h` and `v`, and whether each starts a new line.
pub fn points(path: Node) -> Vec<(bool, [f64; 2])> {
    let mut out: Vec<(bool, [f64; 2])> = Vec::new();
    let d = path.attribute("d").unwrap();
    let mut rest = d;
    while let Some(word) = rest.chars().next() {
        let end = rest[1..].find(|c: char| c.is_ascii_alphabetic());
        let (now, next) = rest.split_at(end.map_or(rest.len(), |e| e + 1));
        let v: Vec<f64> = now[1..]
            .split_whitespace()
            .map(|v| v.parse().unwrap())
            .collect();
        let last = out.last().map_or([0.0; 2], |p| p.1);
        match (word, &v[..]) {
            ('M', &[x, y]) => out.push((true, [x, y])),
            ('L', &[x, y]) => out.push((false, [x, y])),
            ('h', &[w]) => out.push((false, [last[0] + w, last[1]])),
            ('v', &[h]) => out.push((false, [last[0], last[1] + h])),
            ('Z', &[]) => {}
            _ => panic!("{now}"),
        }
        rest = next;
    }
    out
}

/// The points of a line in the data of its panel.
pub fn line(panel: Node, path: Node) -> Vec<[f64; 2]> {
    let turn = |(_, [x, y]): (bool, [f64; 2])| [data(panel, "data-x", x), data(panel, "data-y", y)];
    points(path).into_iter().map(turn).collect()
}

pub fn near(a: f64, b: f64, by: f64) {
    assert!((a - b).abs() <= by, "{a} is not {b}");
}

/// All text of a picture.
pub fn texts(doc: &Document) -> Vec<String> {
    let all = doc.descendants().filter(|n| n.has_tag_name("text"));
    all.filter_map(|n| n.text().map(String::from)).collect()
}
