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

impl Steps {
    fn check(&self) -> Result<()> {
        let n = self.steps.len();
        if n == 0 {
            return Err(Error::empty("steps", "steps"));
        }
        if self.accuracy.len() != n || self.activity.iter().any(|a| a.spikes.len() != n) {
            let got = format!("{} accuracies", self.accuracy.len());
            return Err(Error::new("lengths", "steps", format!("{n} of each"), got));
        }
        Ok(())
    }

    /// The time axis, and where each of the numbers of steps stands on it.
    fn time(&self) -> (Time, Vec<f64>) {
        let last = self.steps.last().map_or(0.0, |&t| t as f64 * self.dt);
        let time = Time::of(last);
        let at = self.steps.iter().map(|&t| t as f64 * self.dt * time.factor);
        (time, at.collect())
    }

    fn accuracy(&self, svg: &mut Svg, frame: [f64; 4], span: [f64; 2]) {
        let (time, at) = self.time();
        let panel = Panel::new(frame, span, [0.0, 105.0]);
        panel.begin(svg, "accuracy");
        panel.axis_x(svg, &time.label(), self.activity.is_empty());
        panel.axis_y(svg, "accuracy (%)");
        panel.border(svg);
        panel.caption(svg, "right decisions if it had to decide by then", INK);
        let points = || at.iter().zip(&self.accuracy).map(|(&x, a)| [x, 100.0 * a]);
        panel.line(svg, "accuracy", points(), &stroke(0, 2.0));
        let dots = points().filter(|_| at.len() <= 60).map(|p| panel.at(p));
        for p in dots.filter(|p| p[0].is_finite()) {
            svg.circle(p, 2.8, r##"class="dot" fill="#0072B2""##);
        }
        svg.end();
    }

    fn activity(&self, svg: &mut Svg, frame: [f64; 4], span: [f64; 2]) {
        let (time, at) = self.time();
        let top = extent(self.activity.iter().flat_map(|a| a.spikes.iter().copied()));
        let top = top.map_or(0.0, |t| t[1]);
        let panel = Panel::new(frame, span, [0.0, if top > 0.0 { 1.06 * top } else { 1.0 }]);
        panel.begin(svg, "activity");
        panel.axis_x(svg, &time.label(), true);
        panel.axis_y(svg, "spikes");
        panel.border(svg);
        panel.caption(svg, "spikes of a sample so far", INK);
        for (i, a) in self.activity.iter().enumerate() {
            let points = at.iter().zip(&a.spikes).map(|(&x, &s)| [x, s]);
            panel.line(svg, &a.name, points, &stroke(i + 1, 2.0));
        }
        svg.end();
    }
}

impl Chart for Steps {
    fn draw(&self, width: f64) -> Result<Figure> {
        self.check()?;
        let mut svg = Svg::default();
        let (left, wide) = (62.0, page(width)? - 62.0 - MARGIN - 4.0);
        let (_, at) = self.time();
        let span = [0.0, at.last().map_or(1.0, |t| t * 1.02)];
        let y = heading(&mut svg, &self.title, width) + 20.0;
        self.accuracy(&mut svg, [left, y, wide, 130.0], span);
        if self.activity.is_empty() {
            return Ok(Figure::new(&self.title, width, y + 172.0, svg));
        }
        let y = y + 130.0 + 34.0;
        self.activity(&mut svg, [left, y, wide, 110.0], span);
        let entry = |(i, a): (usize, &Activity)| (a.name.clone(), stroke(i + 1, 2.0));
        let entries: Vec<_> = self.activity.iter().enumerate().map(entry).collect();
        let bottom = legend(&mut svg, [left, y + 110.0 + 42.0], wide, &entries);
        Ok(Figure::new(&self.title, width, bottom + MARGIN, svg))
    }
}
