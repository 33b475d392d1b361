//! What a conversion kept, as text, as JSON and as a picture.

use crate::commands::{align, plot};
use anyhow::{Context, Result};
use cortado_convert::measure::{LayerReport, blame};
use cortado_plot::charts::{Curve, Curves, Metric};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// What a conversion kept.
pub struct Report {
    pub method: &'static str,
    /// Steps or digits; 0 without a clock.
    pub steps: usize,
    pub samples: usize,
    pub accuracy: f64,
    /// Share of the samples that are decided as by the trained network.
    pub agreement: f64,
    pub spikes_per_neuron: f64,
    /// Accuracy after each step, where there are steps.
    pub by_step: Vec<f64>,
    /// One for each layer of units.
    pub layers: Vec<LayerReport>,
    /// What else a method has to say.
    pub extra: Vec<(&'static str, f64)>,
}

impl Report {
    /// The last line.
    pub fn json(&self, ann: f64) -> Value {
        let mut line = json!({
            "method": self.method, "steps": self.steps, "samples": self.samples, "ann_accuracy": ann,
            "snn_accuracy": self.accuracy, "metric": self.accuracy, "metric_name": "accuracy",
            "agreement": self.agreement, "spikes_per_neuron": self.spikes_per_neuron,
        });
        if !self.by_step.is_empty() {
            line["accuracy_by_step"] = json!(self.by_step);
        }
        if !self.layers.is_empty() {
            line["layers"] = json!(self.layers);
        }
        for (name, value) in &self.extra {
            line[*name] = json!(value);
        }
        line
    }

    /// Tables of layers and of steps.
    pub fn print(&self) -> Result<()> {
        let mut out = std::io::stdout();
        let mut text = String::new();
        if !self.layers.is_empty() {
            let head = [
                "layer",
                "neurons",
                "scale",
                "correlation",
                "error",
                "saturated",
                "silent",
                "spikes",
                "agreement",
            ];
            let mut rows = vec![head.map(String::from).to_vec()];
            for l in &self.layers {
                rows.push(vec![
                    l.layer.clone(),
                    l.neurons.to_string(),
                    format!("{:.4}", l.scale),
                    format!("{:.4}", l.correlation),
                    format!("{:.4}", l.error),
                    format!("{:.4}", l.saturated),
                    format!("{:.3}", l.silent),
                    format!("{:.3}", l.spikes_per_neuron),
                    l.agreement.map_or("-".into(), |a| format!("{a:.4}")),
                ]);
            }
            text += &align(&rows, "  ");
        }
        if !self.by_step.is_empty() {
            let mut rows = vec![vec!["steps".to_string(), "accuracy".to_string()]];
            let n = self.by_step.len();
            let shown = (0..).map(|k| 1usize << k).take_while(|&t| t < n).chain([n]);
            rows.extend(shown.map(|t| vec![t.to_string(), format!("{:.4}", self.by_step[t - 1])]));
            text += &align(&rows, "  ");
        }
        write!(out, "{text}").context("cannot write to stdout")
    }

    /// The layer at which most decisions are lost.
    pub fn blame(&self) -> Option<&str> {
        Some(&blame(&self.layers)?.layer)
    }

    /// Accuracy against steps, beside that of the trained network.
    pub fn plot(&self, path: &Path, ann: f64) -> Result<()> {
        let points = self.by_step.iter().enumerate();
        let whole: Vec<[f64; 2]> = points.map(|(t, a)| [t as f64 + 1.0, 100.0 * a]).collect();
        let near = whole
            .iter()
            .copied()
            .filter(|p| p[1] > 100.0 * ann - 2.0)
            .collect();
        let last = self.by_step.len() as f64;
        let panel = |name: &str, points: Vec<[f64; 2]>| Metric {
            name: name.into(),
            curves: vec![
                Curve {
                    name: "trained network".into(),
                    points: vec![[1.0, 100.0 * ann], [last.max(2.0), 100.0 * ann]],
                },
                Curve {
                    name: "spiking".into(),
                    points,
                },
            ],
        };
        let chart = Curves {
            title: format!(
                "Accuracy of the converted network ({}), {} samples",
                self.method, self.samples
            ),
            along: "steps".into(),
            metrics: vec![
                panel("accuracy (%)", whole),
                panel("the same, where less than 2 points are lost", near),
            ],
        };
        plot::save(&chart, 960.0, path)
    }
}
