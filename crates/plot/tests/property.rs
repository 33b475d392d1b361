//! Any numbers and any text: a picture that is XML and holds no NaN, or a sentence.

mod common;

use cortado_plot::charts::*;
use cortado_plot::{Chart, Scale, ticks};
use proptest::prelude::*;
use roxmltree::Document;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -2.0..2.0f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e308, -1e308, 5e-324]),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,20}",
        any::<String>(),
        Just("<&\">'\u{0}\u{1b}\u{ffff}]]>".to_string())
    ]
}

/// A picture is XML, and every number in it is finite.
fn check(chart: &impl Chart, width: f64) -> Result<(), TestCaseError> {
    if let Ok(figure) = chart.draw(width) {
        let doc = Document::parse(figure.svg())
            .map_err(|e| TestCaseError::fail(format!("{e}: {}", figure.svg())))?;
        for node in doc.descendants() {
            for a in node.attributes().filter(|a| a.name() != "data-name") {
                let v = a.value();
                prop_assert!(
                    !v.contains("NaN") && !v.contains("inf"),
                    "{}: {v}",
                    a.name()
                );
            }
        }
        prop_assert!(figure.height > 0.0 && figure.height.is_finite());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rasters(
        title in word(), name in word(), dt in number(), steps in 0usize..300, neurons in 0usize..50,
        spikes in prop::collection::vec([0u32..310, 0u32..52], 0..60), width in number(),
    ) {
        let spikes: Vec<[u32; 2]> = spikes.into_iter().map(|[t, n]| [t % steps.max(1) as u32, n % neurons.max(1) as u32]).collect();
        let one = Population { name, neurons, spikes };
        let chart = Raster { title, dt: dt.abs(), steps, populations: vec![one.clone(), one] };
        check(&chart, 480.0)?;
        check(&chart, width)?;
    }

    #[test]
    fn membranes(
        title in word(), name in word(), threshold in prop::option::of(number()),
        values in prop::collection::vec(number(), 0..40), spike in 0usize..40,
    ) {
        let trace = Trace { name: name.clone(), values, spikes: vec![spike], strong: true };
        let chart = Traces {
            title, dt: 1e-3,
            membranes: vec![Membrane { name: name.clone(), unit: name, threshold, traces: vec![trace.clone(), trace] }],
        };
        check(&chart, 480.0)?;
    }

    #[test]
    fn curves_and_grids(title in word(), points in prop::collection::vec([number(), number()], 0..30)) {
        let curve = |name: &str| Curve { name: name.into(), points: points.clone() };
        let metric = Metric { name: title.clone(), curves: vec![curve("a"), curve("b")] };
        check(&Curves { title: title.clone(), along: title.clone(), metrics: vec![metric.clone(), metric] }, 480.0)?;
        let lines = (0..3).map(|style| Line { style, points: points.clone() }).collect();
        let cell = Cell { title: title.clone(), note: title.clone(), lines, impulse: Some(0.0) };
        check(&Grid { title, columns: 3, x: "x".into(), cells: vec![cell; 4], legend: vec!["a".into()] }, 480.0)?;
    }

    #[test]
    fn matrices(title in word(), n in 0usize..14, counts in prop::collection::vec(any::<u32>(), 196)) {
        let rows = (0..n).map(|i| (0..n).map(|j| u64::from(counts[i * 14 + j])).collect()).collect();
        check(&Confusion { classes: vec![title.clone(); n], title, counts: rows }, 480.0)?;
    }

    #[test]
    fn weights(title in word(), data in prop::collection::vec(number(), 0..60), width in 0usize..8, high in 0usize..5) {
        let chart = |values| Weights { title: title.clone(), unit: "V".into(), values };
        let (rows, columns) = (title.clone(), title.clone());
        check(&chart(Values::Heat { rows, columns, width, data: data.clone() }), 480.0)?;
        let tiles = data.len() / (width * high).max(1);
        let names = vec![title.clone(); tiles];
        check(&chart(Values::Tiles { names, size: [high, width], data: data.clone() }), 480.0)?;
        check(&chart(Values::Histogram { data }), 480.0)?;
    }

    #[test]
    fn the_rest(title in word(), v in prop::collection::vec(number(), 4), every in prop::option::of(number()), spike in 0usize..6) {
        let activity = vec![Activity { name: title.clone(), spikes: v.clone() }];
        check(&Steps { title: title.clone(), dt: v[0], steps: vec![1, 2, 3, 9], accuracy: v.clone(), activity }, 480.0)?;
        let coded = Coded::Currents(v.clone());
        let chart = Encoding { title: title.clone(), dt: v[1], steps: 2, neurons: 2, values: v.clone(), every, coded };
        check(&chart, 480.0)?;
        let input = UnitInput { value: v[0], weight: v[1], spikes: vec![spike] };
        let chart = Unit {
            title, dt: v[3], inputs: vec![input; 3], sum: v[0], output: v[1], membrane: v.clone(), threshold: v[2],
            spikes: vec![spike], curve: vec![[v[0], v[1]], [v[2], v[3]]],
        };
        check(&chart, 960.0)?;
    }

    /// Ticks lie in the domain, ascend, are few, and are read off their labels again.
    #[test]
    fn ticks_are_round(a in -1e9..1e9f64, size in -12.0..12.0f64, count in 1usize..12) {
        let b = a + 10f64.powf(size);
        let (values, labels) = ticks([a, b], count);
        prop_assert!(values.len() == labels.len() && values.len() <= 2 * count + 2, "{values:?}");
        let slack = 1e-6 * (b - a) + 1e-9 * a.abs();
        prop_assert!(values.iter().all(|v| *v >= a - slack && *v <= b + slack), "{values:?}");
        prop_assert!(values.windows(2).all(|w| w[0] < w[1]), "{values:?}");
    }

    /// A scale takes the ends of the domain to the ends of the range, and what is between to between.
    #[test]
    fn scales_are_linear(a in number(), b in number(), u in 0.0..1.0f64) {
        let s = Scale::new([a, b], [10.0, 110.0]);
        let [a, b] = s.domain;
        prop_assert!(a < b);
        prop_assert!((s.at(a) - 10.0).abs() < 1e-3 && (s.at(b) - 110.0).abs() < 1e-3);
        let v = a * (1.0 - u) + b * u;
        prop_assert!((s.at(v) - (10.0 + 100.0 * u)).abs() < 1e-3, "{} {}", s.at(v), u);
    }
}
