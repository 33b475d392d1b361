//! Accuracy and activity against time.

use crate::axes::{Panel, legend, stroke};
use crate::colour::INK;
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{Time, extent};
use crate::svg::Svg;
use serde::Serialize;

/// What decisions after some steps are worth, and what they cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Steps {
    /// What it shows.
    pub title: String,
    /// A step in seconds.
    pub dt: f64,
    /// Numbers of steps after which a decision was taken, ascending.
    pub steps: Vec<usize>,
    /// The share of right decisions after each.
    pub accuracy: Vec<f64>,
    /// Spikes so far, by population.
    pub activity: Vec<Activity>,
}

/// Spikes of a population.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// Spikes of a sample up to each of the numbers of steps.
    pub spikes: Vec<f64>,
}

impl Chart for Steps {
    fn draw(&self, width: f64) -> Result<Figure> {
        let n = self.steps.len();
        if n == 0 {
            return Err(Error::empty("steps", "steps"));
        }
        if self.accuracy.len() != n || self.activity.iter().any(|a| a.spikes.len() != n) {
            let got = format!("{} accuracies", self.accuracy.len());
            return Err(Error::new("lengths", "steps", format!("{n} of each"), got));
        }
        let mut svg = Svg::default();
        let (left, wide) = (62.0, page(width)? - 62.0 - MARGIN - 4.0);
        let last = self.steps[n - 1] as f64 * self.dt;
        let time = Time::of(last);
        let at = |i: usize| self.steps[i] as f64 * self.dt * time.factor;
        let span = [0.0, last * time.factor * 1.02];
        let y = heading(&mut svg, &self.title, width) + 20.0;
        let fires = !self.activity.is_empty();
        let panel = Panel::new([left, y, wide, 130.0], span, [0.0, 105.0]);
        panel.begin(&mut svg, "accuracy");
        panel.axis_x(&mut svg, &time.label(), !fires);
        panel.axis_y(&mut svg, "accuracy (%)");
        panel.border(&mut svg);
        panel.caption(&mut svg, "right decisions if it had to decide by then", INK);
        let points = || (0..n).map(|i| [at(i), 100.0 * self.accuracy[i]]);
        panel.line(&mut svg, "accuracy", points(), &stroke(0, 2.0));
        for p in points()
            .filter(|_| n <= 60)
            .map(|p| panel.at(p))
            .filter(|p| p[0].is_finite())
        {
            svg.circle(p, 2.8, r##"class="dot" fill="#0072B2""##);
        }
        svg.end();
        if !fires {
            return Ok(Figure::new(&self.title, width, y + 172.0, svg));
        }
        let y = y + 130.0 + 34.0;
        let top = extent(self.activity.iter().flat_map(|a| a.spikes.iter().copied()));
        let top = top.map_or(1.0, |t| if t[1] > 0.0 { t[1] * 1.06 } else { 1.0 });
        let panel = Panel::new([left, y, wide, 110.0], span, [0.0, top]);
        panel.begin(&mut svg, "activity");
        panel.axis_x(&mut svg, &time.label(), true);
        panel.axis_y(&mut svg, "spikes");
        panel.border(&mut svg);
        panel.caption(&mut svg, "spikes of a sample so far", INK);
        for (i, a) in self.activity.iter().enumerate() {
            let points = (0..n).map(|k| [at(k), a.spikes[k]]);
            panel.line(&mut svg, &a.name, points, &stroke(i + 1, 2.0));
        }
        svg.end();
        let entries: Vec<_> = self
            .activity
            .iter()
            .enumerate()
            .map(|(i, a)| (a.name.clone(), stroke(i + 1, 2.0)))
            .collect();
        let bottom = legend(&mut svg, [left, y + 110.0 + 42.0], wide, &entries);
        Ok(Figure::new(&self.title, width, bottom + MARGIN, svg))
    }
}
