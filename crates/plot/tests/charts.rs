//! What stands in a picture is what went in: marks are counted, and their places read back in data coordinates.

mod common;

use common::{all, data, find, line, near, number, points, texts};
use cortado_plot::charts::*;
use cortado_plot::{Chart, Error};
use roxmltree::Document;

fn raster() -> Raster {
    Raster {
        title: "two populations".into(),
        dt: 2e-3,
        steps: 50,
        populations: vec![
            Population {
                name: "input".into(),
                neurons: 10,
                spikes: vec![[0, 0], [7, 3], [49, 9]],
            },
            Population {
                name: "hidden".into(),
                neurons: 4,
                spikes: (0..50).map(|t| [t, t % 4]).collect(),
            },
        ],
    }
}

#[test]
fn every_spike_of_a_raster_is_a_mark_in_its_place() {
    let chart = raster();
    let figure = chart.draw(720.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    for p in &chart.populations {
        let (panel, path) = (find(&doc, "panel", &p.name), find(&doc, "spikes", &p.name));
        assert_eq!(number(path, "data-spikes"), p.spikes.len() as f64);
        let marks = points(path);
        assert_eq!(marks.len(), 2 * p.spikes.len());
        for (mark, &[t, n]) in marks.chunks(2).zip(&p.spikes) {
            let middle = (mark[0].1[1] + mark[1].1[1]) / 2.0;
            // Time is in milliseconds, pixels have two decimals.
            near(
                data(panel, "data-x", mark[0].1[0]),
                f64::from(t) * 2.0,
                0.002,
            );
            near(data(panel, "data-y", middle), f64::from(n), 0.01);
        }
    }
    // One path for each population, whatever the number of spikes.
    assert_eq!(all(&doc, "spikes").len(), 2);
    let said = texts(&doc);
    for text in [
        "time (ms)",
        "rate (Hz)",
        "input: 10 neurons, 3 Hz each",
        "hidden: 4 neurons, 125 Hz each",
    ] {
        assert!(said.iter().any(|t| t == text), "{text}: {said:?}");
    }
}

#[test]
fn rates_are_spikes_over_neurons_and_time() {
    let chart = raster();
    let (bin, rates) = chart.rates();
    assert_eq!((bin, rates[0].len()), (1, 50));
    // One spike of ten neurons in 2 ms, and of four.
    assert_eq!(rates[0][7], 50.0);
    assert!(rates[1].iter().all(|&r| r == 125.0));
    // Bins: the mean over time stays, the last bin being shorter.
    let long = Raster {
        steps: 250,
        populations: vec![Population {
            name: "p".into(),
            neurons: 1,
            spikes: (0..250).map(|t| [t, 0]).collect(),
        }],
        ..chart.clone()
    };
    let (bin, rates) = long.rates();
    assert_eq!((bin, rates[0].len()), (3, 84));
    rates[0].iter().for_each(|&r| near(r, 500.0, 1e-9));
    let figure = chart.draw(720.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let panel = find(&doc, "panel", "rates");
    let path = panel
        .children()
        .find(|n| n.attribute("data-name") == Some("input"));
    let levels = line(panel, path.unwrap());
    assert_eq!(levels.len(), 100);
    // Step 7 reaches from 13 to 15 ms.
    near(levels[14][0], 13.0, 0.01);
    near(levels[15][0], 15.0, 0.01);
    near(levels[14][1], 50.0, 0.2);
}

#[test]
fn many_neurons_share_pixels_but_are_counted() {
    let spikes: Vec<[u32; 2]> = (0..20_000).map(|n| [0, n]).collect();
    let chart = Raster {
        populations: vec![Population {
            name: "p".into(),
            neurons: 20_000,
            spikes,
        }],
        ..raster()
    };
    let figure = chart.draw(480.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let path = find(&doc, "spikes", "p");
    assert_eq!(number(path, "data-spikes"), 20_000.0);
    assert!(points(path).len() < 1000 && figure.svg().len() < 40_000);
}

fn traces() -> Traces {
    let trace = |name: &str, values: Vec<f64>, spikes| Trace {
        name: name.into(),
        values,
        spikes,
        strong: false,
    };
    Traces {
        title: "membranes".into(),
        dt: 1e-3,
        membranes: vec![
            Membrane {
                name: "neuron 3".into(),
                unit: "V".into(),
                threshold: Some(1.0),
                traces: vec![trace(
                    "v",
                    vec![0.0, 0.6, 1.2, 0.2, f64::NAN, 1.1],
                    vec![2, 5],
                )],
            },
            Membrane {
                name: "readout".into(),
                unit: "V".into(),
                threshold: None,
                traces: vec![
                    trace("a", vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5], vec![]),
                    trace("b", vec![0.0, -0.1, -0.2, -0.3, -0.4, -0.5], vec![]),
                ],
            },
        ],
    }
}

#[test]
fn a_membrane_stands_under_its_threshold_and_spikes() {
    let figure = traces().draw(720.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let panel = find(&doc, "panel", "neuron 3");
    let path = find(&doc, "line", "v");
    let values = line(panel, path);
    // NaN is a gap: the line starts anew behind it.
    assert_eq!(values.len(), 5);
    assert_eq!(points(path).iter().filter(|p| p.0).count(), 2);
    for (p, (t, v)) in
        values
            .iter()
            .zip([(0.0, 0.0), (1.0, 0.6), (2.0, 1.2), (3.0, 0.2), (5.0, 1.1)])
    {
        near(p[0], t, 0.001);
        near(p[1], v, 0.003);
    }
    let threshold = panel
        .children()
        .find(|n| n.attribute("class") == Some("threshold"))
        .unwrap();
    near(data(panel, "data-y", number(threshold, "y1")), 1.0, 0.003);
    let spikes = panel
        .children()
        .find(|n| n.attribute("class") == Some("spikes"))
        .unwrap();
    let at: Vec<f64> = points(spikes)
        .iter()
        .step_by(2)
        .map(|p| data(panel, "data-x", p.1[0]))
        .collect();
    near(at[0], 2.0, 0.001);
    near(at[1], 5.0, 0.001);
    // The readout has neither.
    assert_eq!(
        (
            all(&doc, "threshold").len(),
            all(&doc, "spikes").len(),
            all(&doc, "legend").len()
        ),
        (1, 1, 1)
    );
}

#[test]
fn curves_and_the_dot_of_a_single_test() {
    let chart = Curves {
        along: "epoch".into(),
        title: String::new(),
        metrics: vec![Metric {
            name: "loss".into(),
            curves: vec![
                Curve {
                    name: "training".into(),
                    points: vec![[1.0, 2.0], [2.0, 1.0], [3.0, 0.5]],
                },
                Curve {
                    name: "test".into(),
                    points: vec![[3.0, 0.75]],
                },
            ],
        }],
    };
    let figure = chart.draw(480.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let panel = find(&doc, "panel", "loss");
    let curve = line(panel, find(&doc, "line", "training"));
    assert_eq!(curve.len(), 3);
    near(curve[1][0], 2.0, 0.01);
    near(curve[2][1], 0.5, 0.01);
    let dot = find(&doc, "dot", "test");
    near(data(panel, "data-x", number(dot, "cx")), 3.0, 0.01);
    near(data(panel, "data-y", number(dot, "cy")), 0.75, 0.01);
    assert!(texts(&doc).contains(&"0.75".to_string()));
}

#[test]
fn a_confusion_matrix_keeps_its_counts() {
    let chart = Confusion {
        title: String::new(),
        classes: ["a", "b", "c"].map(String::from).to_vec(),
        counts: vec![vec![8, 2, 0], vec![1, 9, 0], vec![0, 0, 0]],
    };
    assert_eq!(chart.rates(0), Some(vec![0.8, 0.2, 0.0]));
    assert_eq!(chart.rates(2), None);
    let figure = chart.draw(480.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let cells = all(&doc, "cell");
    assert_eq!(cells.len(), 9);
    for cell in cells {
        let [i, j] = ["data-class", "data-decision"].map(|k| number(cell, k) as usize);
        assert_eq!(number(cell, "data-count"), chart.counts[i][j] as f64);
    }
    let said = texts(&doc);
    for text in ["8", "9", "80.0", "90.0", "–", "true class", "decision"] {
        assert!(said.iter().any(|t| t == text), "{text}: {said:?}");
    }
}

#[test]
fn cells_of_a_heat_map_have_the_colour_of_their_value() {
    let data = vec![1.0, -1.0, -1.0, 0.0, f64::NAN, 0.5];
    let chart = Weights {
        title: "w".into(),
        unit: String::new(),
        values: Values::Heat {
            rows: "to".into(),
            columns: "from".into(),
            width: 3,
            data,
        },
    };
    let figure = chart.draw(480.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let image = find(&doc, "image", "");
    assert_eq!(number(image, "data-cells"), 6.0);
    let runs: Vec<(f64, Vec<[f64; 2]>)> = image
        .children()
        .filter(|n| n.has_tag_name("path"))
        .map(|p| {
            (
                number(p, "data-level"),
                points(p).into_iter().map(|p| p.1).collect(),
            )
        })
        .collect();
    // -1 is a run of two cells; 0 and NaN stay white.
    let expected = vec![
        (-1.0, vec![[1.0, 0.0], [3.0, 0.0]]),
        (0.5, vec![[2.0, 1.0], [3.0, 1.0]]),
        (1.0, vec![[0.0, 0.0], [1.0, 0.0]]),
    ];
    assert_eq!(runs, expected);
}

#[test]
fn tiles_and_bars_hold_all_numbers() {
    let chart = |values| Weights {
        title: "w".into(),
        unit: String::new(),
        values,
    };
    let names = (0..7).map(|i| i.to_string()).collect();
    let tiles = chart(Values::Tiles {
        names,
        size: [2, 3],
        data: vec![0.5; 42],
    });
    let figure = tiles.draw(480.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let cells: f64 = all(&doc, "image")
        .into_iter()
        .map(|n| number(n, "data-cells"))
        .sum();
    assert_eq!((all(&doc, "image").len(), cells), (7, 42.0));
    let data = (0..1000)
        .map(|i| f64::from(i) / 500.0 - 1.0)
        .chain([f64::NAN, f64::INFINITY]);
    let figure = chart(Values::Histogram {
        data: data.collect(),
    })
    .draw(480.0)
    .unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let counted: f64 = all(&doc, "bar")
        .into_iter()
        .map(|n| number(n, "data-count"))
        .sum();
    assert_eq!(counted, 1000.0);
    // Bars stand on either side of 0, unless nothing is negative.
    for (data, span) in [(vec![-1.0, 4.0], [-4.0, 4.0]), (vec![1.0, 4.0], [0.0, 4.0])] {
        let figure = chart(Values::Histogram { data }).draw(480.0).unwrap();
        let doc = Document::parse(figure.svg()).unwrap();
        let x = find(&doc, "panel", "w").attribute("data-x").unwrap();
        assert!(x.starts_with(&format!("{} {} ", span[0], span[1])), "{x}");
        let bars = all(&doc, "bar");
        let full: Vec<bool> = bars
            .iter()
            .map(|b| number(*b, "data-count") > 0.0)
            .collect();
        // The bar of 1 is 15 of 61 from 0 to 4.
        let low = if span[0] < 0.0 { 22 } else { 15 };
        assert!(full[low] && full[60], "{full:?}");
    }
}

#[test]
fn a_curve_that_is_called_as_its_panel_has_no_legend() {
    let chart = |name: &str| Curves {
        title: String::new(),
        along: "epoch".into(),
        metrics: vec![Metric {
            name: "loss".into(),
            curves: vec![Curve {
                name: name.into(),
                points: vec![[1.0, 2.0], [2.0, 1.0]],
            }],
        }],
    };
    for (name, times) in [("loss", 1), ("test", 2)] {
        let figure = chart(name).draw(480.0).unwrap();
        let doc = Document::parse(figure.svg()).unwrap();
        let said = texts(&doc).into_iter().filter(|t| t == "loss" || t == name);
        assert_eq!(said.count(), times, "{name}");
    }
}

#[test]
fn steps_show_both_curves() {
    let chart = Steps {
        title: String::new(),
        dt: 1e-3,
        steps: vec![1, 2, 4],
        accuracy: vec![0.1, 0.5, 0.9],
        activity: vec![Activity {
            name: "hidden".into(),
            spikes: vec![3.0, 7.0, 20.0],
        }],
    };
    let figure = chart.draw(480.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let accuracy = line(
        find(&doc, "panel", "accuracy"),
        find(&doc, "line", "accuracy"),
    );
    let activity = line(
        find(&doc, "panel", "activity"),
        find(&doc, "line", "hidden"),
    );
    near(accuracy[2][0], 4.0, 0.01);
    near(accuracy[2][1], 90.0, 0.1);
    near(activity[1][1], 7.0, 0.02);
}

#[test]
fn a_code_is_spikes_or_runs_of_current() {
    let chart = |coded| Encoding {
        title: String::new(),
        dt: 1e-3,
        steps: 3,
        neurons: 2,
        values: vec![0.5, 1.0],
        every: None,
        coded,
    };
    let figure = chart(Coded::Spikes(vec![[0, 1], [2, 0]]))
        .draw(480.0)
        .unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let (panel, path) = (find(&doc, "panel", "code"), find(&doc, "spikes", ""));
    let marks = points(path);
    near(data(panel, "data-x", marks[2].1[0]), 2.0, 0.01);
    near(
        data(panel, "data-y", (marks[2].1[1] + marks[3].1[1]) / 2.0),
        0.0,
        0.01,
    );
    // Neuron 0 has one current, neuron 1 changes after the first step.
    let figure = chart(Coded::Currents(vec![0.5, 0.0, 0.5, 1.0, 0.5, 1.0]))
        .draw(480.0)
        .unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let steps: Vec<f64> = all(&doc, "cell")
        .into_iter()
        .map(|c| number(c, "data-steps"))
        .collect();
    assert_eq!(steps, [3.0, 1.0, 2.0]);
}

#[test]
fn both_units_get_the_same_input() {
    let input = |value, weight, spikes| UnitInput {
        value,
        weight,
        spikes,
    };
    let chart = Unit {
        title: String::new(),
        dt: 1e-3,
        inputs: vec![input(0.5, 2.0, vec![0, 2]), input(0.25, -1.0, vec![1])],
        sum: 0.75,
        output: 0.75,
        membrane: vec![0.5, 1.5, 0.25, 1.25],
        threshold: 1.0,
        spikes: vec![1, 3],
        curve: vec![[0.0, 0.0], [0.75, 0.7], [1.0, 0.9]],
    };
    assert_eq!(chart.rate(), 0.5);
    let figure = chart.draw(960.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let counts: Vec<f64> = all(&doc, "spikes")
        .into_iter()
        .map(|s| number(s, "data-spikes"))
        .collect();
    assert_eq!(counts, [2.0, 1.0, 2.0]);
    // A spike takes the membrane down by the threshold within its step.
    let membrane = line(
        find(&doc, "panel", "membrane"),
        find(&doc, "line", "membrane"),
    );
    let expected = [
        [0.0, 0.5],
        [1.0, 1.5],
        [1.0, 0.5],
        [2.0, 0.25],
        [3.0, 1.25],
        [3.0, 0.25],
    ];
    assert_eq!(membrane.len(), expected.len());
    for (p, e) in membrane.iter().zip(expected) {
        near(p[0], e[0], 0.01);
        near(p[1], e[1], 0.01);
    }
    let response = find(&doc, "panel", "response");
    let dots: Vec<f64> = response
        .children()
        .filter(|n| n.attribute("class") == Some("dot"))
        .map(|d| data(response, "data-y", number(d, "cy")))
        .collect();
    near(dots[0], 0.75, 0.01);
    near(dots[1], 0.5, 0.01);
}

#[test]
fn a_grid_shows_lines_and_an_impulse() {
    let cell = |points: Vec<[f64; 2]>, impulse| Cell {
        title: "t".into(),
        note: "n".into(),
        lines: vec![Line { style: 0, points }],
        impulse,
    };
    let chart = Grid {
        title: String::new(),
        columns: 2,
        x: "x".into(),
        cells: vec![
            cell(vec![[-1.0, 0.0], [1.0, 0.5]], None),
            cell(vec![[0.0, 1.0]], Some(0.5)),
        ],
        legend: vec!["a".into()],
    };
    let figure = chart.draw(480.0).unwrap();
    let doc = Document::parse(figure.svg()).unwrap();
    let (panels, lines) = (all(&doc, "panel"), all(&doc, "line"));
    assert_eq!(
        (panels.len(), lines.len(), all(&doc, "impulse").len()),
        (2, 2, 1)
    );
    let points = line(panels[0], lines[0]);
    near(points[1][0], 1.0, 0.01);
    near(points[1][1], 0.5, 0.01);
    near(
        data(panels[1], "data-x", number(all(&doc, "impulse")[0], "x1")),
        0.5,
        0.01,
    );
}

#[test]
fn what_does_not_fit_is_a_sentence() {
    let mut chart = raster();
    chart.populations[0].spikes.push([50, 0]);
    assert_eq!(
        chart.draw(720.0).unwrap_err().to_string(),
        "spike at raster, 'input': expected a step below 50, a neuron below 10, got step 50, neuron 0"
    );
    assert!(raster().draw(f64::NAN).is_err() && raster().draw(10.0).is_err());
    let mut chart = traces();
    chart.membranes[1].traces[0].values.pop();
    assert!(
        chart
            .draw(720.0)
            .unwrap_err()
            .to_string()
            .contains("6 steps")
    );
    let empty: [Result<_, Error>; 4] = [
        Raster {
            populations: vec![],
            ..raster()
        }
        .draw(720.0),
        Traces {
            membranes: vec![],
            ..traces()
        }
        .draw(720.0),
        Curves {
            along: "epoch".into(),
            title: String::new(),
            metrics: vec![],
        }
        .draw(720.0),
        Confusion {
            title: String::new(),
            classes: vec![],
            counts: vec![],
        }
        .draw(720.0),
    ];
    for e in empty {
        assert!(e.unwrap_err().to_string().contains("at least one"));
    }
}

#[test]
fn the_numbers_behind_a_picture_are_json() {
    let json = serde_json::to_value(raster()).unwrap();
    assert_eq!(
        json["populations"][0]["spikes"][1],
        serde_json::json!([7, 3])
    );
    let heat = Values::Histogram { data: vec![1.5] };
    assert_eq!(
        serde_json::to_value(heat).unwrap(),
        serde_json::json!({ "kind": "histogram", "data": [1.5] })
    );
}
