//! `cortado models`, `completions` and `man`: what is said of models and of the command has one source.

mod common;

use common::{done, failed, json};
use serde_json::Value;

#[test]
fn models_say_what_their_tables_hold() {
    let all = json(&done(&["models", "--json"]));
    let all = all.as_array().unwrap();
    let specs = cortado::neuron::models();
    assert_eq!(all.len(), specs.len());
    for (value, spec) in all.iter().zip(specs) {
        assert_eq!(value["name"], spec.name);
        assert_eq!(value["equations"], spec.equations);
        let params = value["params"].as_array().unwrap();
        assert_eq!(params.len(), spec.params.len());
        for (p, s) in params.iter().zip(spec.params) {
            assert_eq!((&p["name"], &p["unit"]), (&s.name.into(), &s.unit.into()));
            assert_eq!(p["default"].as_f64(), Some(s.default));
            assert!(p["min"].as_f64() <= p["default"].as_f64());
            assert!(p["default"].as_f64() <= p["max"].as_f64());
        }
        let source = value["source"]["text"].as_str().unwrap();
        assert!(source.len() > 30, "{source}");
        let resets = value["resets"].as_array().unwrap().len();
        assert_eq!(resets, if value["output"] == "spikes" { 3 } else { 0 });
    }
    let one = json(&done(&["models", "lif", "--json"]));
    assert_eq!(one.as_array().unwrap().len(), 1);
    let tau = one[0]["params"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "tau_mem");
    assert_eq!(tau.unwrap()["default"], 0.02);
    assert_eq!(
        (&one[0]["nir"], &one[0]["order"]),
        (&"LIF".into(), &Value::Null)
    );
    let text = done(&["models", "lif"]);
    for word in ["tau_mem", "Gerstner", "exact", "v_threshold"] {
        assert!(text.contains(word), "{text}");
    }
    assert!(failed(&["models", "liff"]).contains("there are if, lif"));
}

/// The verbs in the help, each with a page and a completion.
#[test]
fn one_definition_feeds_help_pages_and_completions() {
    let help = done(&["--help"]);
    let (_, rest) = help.split_once("Commands:").unwrap();
    let lines = rest.lines().skip(1).take_while(|l| !l.is_empty());
    let verbs: Vec<&str> = lines.filter_map(|l| l.split_whitespace().next()).collect();
    let verbs: Vec<&str> = verbs.into_iter().filter(|v| *v != "help").collect();
    assert!(verbs.contains(&"sweep") && verbs.len() > 8, "{verbs:?}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    done(&["man", "--out", out.to_str().unwrap()]);
    assert!(done(&["man"]).contains("cortado"));
    let names = std::fs::read_dir(&out).unwrap().count();
    assert_eq!(names, verbs.len() + 1);
    let scripts =
        ["bash", "zsh", "fish", "elvish", "powershell"].map(|s| done(&["completions", s]));
    for verb in verbs {
        let page = std::fs::read_to_string(out.join(format!("cortado-{verb}.1"))).unwrap();
        let options = done(&[verb, "--help"]);
        for option in options
            .split_whitespace()
            .filter(|w| w.starts_with("--") && w.len() > 5)
        {
            let name = option.trim_matches(|c: char| !c.is_alphabetic());
            let name = name
                .split(['=', '[', ']', ',', '.', ':', ';'])
                .next()
                .unwrap();
            assert!(page.replace("\\-", "-").contains(name), "{verb} {name}");
        }
        assert!(scripts.iter().all(|s| s.contains(verb)), "{verb}");
    }
    assert_eq!(
        common::cortado(&["completions", "tcsh"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
}
