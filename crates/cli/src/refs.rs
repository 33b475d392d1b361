//! The bibliography, `docs/refs.bib`, embedded.

const BIB: &str = include_str!("../../../docs/refs.bib");

/// An entry in one line, `Author and Author. Title. Place volume, pages, year. doi`; `None` for an unknown key.
pub fn find(key: &str) -> Option<String> {
    entry(BIB, key)
}

fn entry(bib: &str, key: &str) -> Option<String> {
    let start = bib.split('@').skip(1).find(|e| {
        let head = e.split_once('{').map(|(_, rest)| rest);
        head.and_then(|h| h.split_once(','))
            .is_some_and(|(k, _)| k.trim() == key)
    })?;
    let field = |name| field(start, name);
    let place = ["journal", "booktitle", "publisher", "howpublished"]
        .iter()
        .find_map(|k| field(k));
    let numbers = [
        field("volume"),
        field("pages").map(|p| p.replace("--", "-")),
    ];
    let numbers: Vec<String> = numbers.into_iter().flatten().collect();
    let mut last = place.unwrap_or_default();
    if !numbers.is_empty() {
        last = format!("{last} {}", numbers.join(", "));
    }
    let year = field("year");
    last = [Some(last).filter(|l| !l.is_empty()), year]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ");
    let doi = field("doi").map(|d| format!("doi:{d}"));
    let parts = [
        field("author"),
        field("title"),
        Some(last),
        doi,
        field("url"),
    ];
    let parts = parts.into_iter().flatten();
    // An initial at the end has its full stop already.
    let parts: Vec<String> = parts.map(|p| p.trim_end_matches('.').to_string()).collect();
    Some(parts.join(". "))
}

/// The value of a field: what stands between its braces, without those inside it.
fn field(entry: &str, name: &str) -> Option<String> {
    let at = entry.match_indices(name).find_map(|(i, _)| {
        let before = entry[..i].trim_end().ends_with([',', '{']);
        let rest = entry[i + name.len()..].trim_start().strip_prefix('=')?;
        before
            .then(|| rest.trim_start().strip_prefix('{'))
            .flatten()
    })?;
    let (mut depth, mut value) = (1, String::new());
    for c in at.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c => value.push(c),
        }
        if depth == 0 {
            break;
        }
    }
    let words: Vec<&str> = value.split_whitespace().collect();
    Some(accents(&words.join(" ")))
}

/// The few accents of TeX that names need.
fn accents(text: &str) -> String {
    let table = [
        ("\\\"a", "ä"),
        ("\\\"o", "ö"),
        ("\\\"u", "ü"),
        ("\\'e", "é"),
        ("\\'a", "á"),
        ("\\'o", "ó"),
        ("\\&", "&"),
    ];
    let all = table.iter();
    all.fold(text.to_string(), |t, (from, to)| t.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_one_line_and_of_many() {
        let bib = "@book{a1, author = {G{\\\"o}ltz, J. and B, C.}, title = {A {SNN}}, year = {2001}}\n\
                   @article{b2,\n  title = {T},\n  journal = {J},\n  volume = {3},\n  pages = {1--2},\n year = {1999},\n}";
        assert_eq!(
            entry(bib, "a1").as_deref(),
            Some("Göltz, J. and B, C. A SNN. 2001")
        );
        assert_eq!(entry(bib, "b2").as_deref(), Some("T. J 3, 1-2, 1999"));
        assert_eq!(entry(bib, "a"), None);
    }

    #[test]
    fn every_model_has_its_source() {
        for spec in cortado::neuron::models() {
            let text = find(spec.reference);
            assert!(text.is_some_and(|t| t.len() > 30), "{}", spec.name);
        }
    }
}
