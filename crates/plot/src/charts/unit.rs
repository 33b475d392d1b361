//! The unit of a conventional network beside the spiking one, on the same input.

use crate::axes::{BODY, Panel, SMALL, legend};
use crate::colour::{DIM, INK};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{Time, extent, short};
use crate::svg::{Anchor, Font, Path, Svg};
use serde::Serialize;

/// Both units on the same input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unit {
    /// What it shows.
    pub title: String,
    /// A step in seconds.
    pub dt: f64,
    /// The inputs.
    pub inputs: Vec<UnitInput>,
    /// The weighted sum of the values.
    pub sum: f64,
    /// What the conventional unit makes of the sum.
    pub output: f64,
    /// The membrane in each step, before the reset.
    pub membrane: Vec<f64>,
    /// Where the membrane makes a spike.
    pub threshold: f64,
    /// The steps in which the spiking unit fired.
    pub spikes: Vec<usize>,
    /// `[weighted sum, spikes per step]` of the spiking unit under constant input.
    pub curve: Vec<[f64; 2]>,
}

/// An input: a number for one unit, spikes for the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitInput {
    /// The number.
    pub value: f64,
    /// Its weight.
    pub weight: f64,
    /// The steps of its spikes.
    pub spikes: Vec<usize>,
}

// What goes in, the conventional unit and the spiking unit.
const IN: &str = "#009E73";
const ANN: &str = "#D55E00";
const SNN: &str = "#0072B2";

impl Unit {
    /// Spikes per step of the spiking unit.
    pub fn rate(&self) -> f64 {
        self.spikes.len() as f64 / self.membrane.len().max(1) as f64
    }

    fn check(&self) -> Result<()> {
        let steps = self.membrane.len();
        if steps == 0 {
            return Err(Error::empty("steps", "unit"));
        }
        if self.inputs.is_empty() {
            return Err(Error::empty("inputs", "unit"));
        }
        let all = self
            .inputs
            .iter()
            .flat_map(|i| &i.spikes)
            .chain(&self.spikes);
        if let Some(s) = all.into_iter().find(|&&s| s >= steps) {
            return Err(Error::new(
                "spike",
                "unit",
                format!("a step below {steps}"),
                s,
            ));
        }
        Ok(())
    }

    /// The inputs with their weights, on lines to the sum.
    fn fan_in(&self, svg: &mut Svg, [left, top, high]: [f64; 3], sum: [f64; 2]) {
        let n = self.inputs.len() as f64;
        for (i, input) in self.inputs.iter().enumerate() {
            let y = top + (i as f64 + 0.5) * high / n;
            let from = [left + 62.0, y];
            let style = format!(r#"stroke="{DIM}" stroke-width="1.2""#);
            svg.line([from[0] + 5.0, y], sum, &style);
            svg.circle(from, 5.0, &format!(r#"fill="{IN}""#));
            let label = format!("{} = {}", name("x", i), short(input.value));
            svg.text([left, y + 4.0], Font::new(BODY), &label);
            // Above a line that falls or is level, below one that rises.
            let side = if y > sum[1] + 1.0 { 15.0 } else { -6.0 };
            let at = [(from[0] + sum[0]) / 2.0, (y + sum[1]) / 2.0 + side];
            let font = Font::new(SMALL).fill(DIM).anchor(Anchor::Middle);
            svg.text(at, font, &format!("× {}", short(input.weight)));
        }
    }

    /// Inputs, weighted sum, activation, one number: in the box from `left`, `wide` and `high`.
    fn conventional(&self, svg: &mut Svg, [left, top, wide, high]: [f64; 4]) {
        svg.begin(r#"class="ann""#);
        let [a, y] = [left + 0.5 * wide, top + high / 2.0];
        self.fan_in(svg, [left, top, high], [a, y]);
        let middle = |size| Font::new(size).anchor(Anchor::Middle);
        let outline = format!(r#"fill="white" stroke="{INK}" stroke-width="1.5""#);
        svg.circle([a, y], 17.0, &outline);
        svg.text([a, y + 6.0], middle(17.0), "Σ");
        svg.text(
            [a, y + 34.0],
            middle(BODY),
            &format!("a = {}", short(self.sum)),
        );
        let x = left + 0.72 * wide;
        svg.arrow([a + 17.0, y], [x - 27.0, y], INK);
        svg.rect([x - 26.0, y - 24.0, 52.0, 48.0], &outline);
        let start = Path::default().to([x - 18.0, y + 14.0]);
        let bend = start.to([x, y + 14.0]).to([x + 18.0, y - 14.0]);
        svg.path(
            bend.d(),
            &format!(r#"fill="none" stroke="{ANN}" stroke-width="2.5""#),
        );
        svg.text([x, y + 42.0], middle(SMALL).fill(DIM), "max(0, a)");
        svg.arrow([x + 26.0, y], [x + 54.0, y], INK);
        let font = Font::new(16.0).fill(ANN);
        svg.text([x + 59.0, y + 6.0], font, &short(self.output));
        svg.end();
    }

    /// How often the spiking unit fires against the weighted sum, beside what the other makes of it.
    fn response(&self, svg: &mut Svg, frame: [f64; 4]) {
        let xs = self.curve.iter().map(|p| p[0]).chain([self.sum, 0.0]);
        let [a, b] = extent(xs).unwrap_or([0.0, 1.0]);
        let relu = [[a, a.max(0.0)], [0.0, 0.0], [b, b.max(0.0)]];
        let ys = self
            .curve
            .iter()
            .map(|p| p[1])
            .chain([self.output, self.rate(), b.max(0.0)]);
        let top = extent(ys).map_or(1.0, |e| e[1]);
        let panel = Panel::new(frame, [a, b], [-0.04 * top, top * 1.06]);
        panel.begin(svg, "response");
        panel.axis_x(svg, "weighted sum a", true);
        panel.axis_y(svg, "output");
        panel.border(svg);
        let dashed = format!(r#"stroke="{ANN}" stroke-width="2" stroke-dasharray="6 4""#);
        panel.line(svg, "relu", relu, &dashed);
        let solid = format!(r#"stroke="{SNN}" stroke-width="2""#);
        panel.line(svg, "rate", self.curve.iter().copied(), &solid);
        for (v, colour) in [(self.output, ANN), (self.rate(), SNN)] {
            let at = panel.at([self.sum, v]);
            if at[0].is_finite() {
                let style =
                    format!(r#"class="dot" fill="white" stroke="{colour}" stroke-width="2.2""#);
                svg.circle(at, 4.5, &style);
            }
        }
        svg.end();
        let [left, _, wide, _] = frame;
        let entries = [
            ("max(0, a)".into(), dashed),
            ("spikes per step, leaky".into(), solid),
        ];
        legend(svg, [left, frame[1] - 24.0], wide, &entries);
    }

    /// Spikes of the inputs, the membrane, spikes of the output.
    fn spiking(&self, svg: &mut Svg, [left, top, wide, high]: [f64; 4]) {
        let time = Time::of(self.membrane.len() as f64 * self.dt);
        let step = self.dt * time.factor;
        let span = [-0.5 * step, (self.membrane.len() as f64 - 0.5) * step];
        let (n, row) = (self.inputs.len() as f64, 26.0);
        for (i, input) in self.inputs.iter().enumerate() {
            let frame = [left, top + i as f64 * row, wide, row - 6.0];
            let label = format!("{} × {}", name("x", i), short(input.weight));
            train(svg, (frame, span, step), (&label, IN), &input.spikes);
        }
        let frame = [
            left,
            top + n * row + 22.0,
            wide,
            high - (n + 1.0) * row - 28.0,
        ];
        let values = self.membrane.iter().copied();
        let [a, b] = extent(values.chain([0.0, self.threshold])).unwrap_or([0.0, 1.0]);
        let panel = Panel::new(frame, span, crate::scale::padded([a, b], 0.08));
        panel.begin(svg, "membrane");
        panel.axis_x(svg, "", false);
        panel.axis_y(svg, "membrane v");
        panel.border(svg);
        let at = panel.y.at(self.threshold);
        svg.line(
            [left, at],
            [left + wide, at],
            &format!(r#"class="threshold" stroke="{DIM}" stroke-dasharray="6 4""#),
        );
        let words = "at the threshold (dashed) it fires, and v is lowered by as much";
        let words = crate::text::cut(words, SMALL, wide);
        svg.text([left, frame[1] - 6.0], Font::new(SMALL).fill(DIM), &words);
        // Down to what the reset left, in the step of the spike.
        let after = |t: usize, v: f64| {
            self.spikes
                .contains(&t)
                .then_some([t as f64 * step, v - self.threshold])
        };
        let points = self.membrane.iter().enumerate();
        let points =
            points.flat_map(|(t, &v)| std::iter::once([t as f64 * step, v]).chain(after(t, v)));
        panel.line(
            svg,
            "membrane",
            points,
            &format!(r#"stroke="{SNN}" stroke-width="1.6""#),
        );
        svg.end();
        let frame = [left, top + high - row, wide, row - 6.0];
        train(svg, (frame, span, step), ("output", SNN), &self.spikes);
        let axis = Panel::new([left, top + high - 6.0, wide, 0.0], span, [0.0, 1.0]);
        axis.axis_x(svg, &time.label(), true);
    }
}

/// `x₁` of 0.
fn name(letter: &str, i: usize) -> String {
    let digits = (i + 1).to_string();
    let low = digits
        .chars()
        .filter_map(|c| char::from_u32(0x2080 + c.to_digit(10)?));
    format!("{letter}{}", low.collect::<String>())
}

/// A row of spikes.
fn train(
    svg: &mut Svg,
    (frame, span, step): ([f64; 4], [f64; 2], f64),
    (label, colour): (&str, &'static str),
    spikes: &[usize],
) {
    let panel = Panel::new(frame, span, [0.0, 1.0]);
    let [left, top, wide, high] = frame;
    panel.begin(svg, label);
    svg.line(
        [left, top + high],
        [left + wide, top + high],
        &format!(r#"stroke="{DIM}" stroke-width="0.8""#),
    );
    let font = Font::new(BODY).fill(colour).anchor(Anchor::End);
    svg.text([left - 8.0, top + high - 4.0], font, label);
    let mut path = Path::default();
    spikes
        .iter()
        .for_each(|&t| path.stroke(panel.x.at(t as f64 * step), top + 1.0, high - 1.0));
    let style = format!(
        r#"class="spikes" data-name="{label}" data-spikes="{}" stroke="{colour}" stroke-width="2" fill="none""#,
        spikes.len()
    );
    svg.path(path.d(), &style);
    svg.end();
}

impl Chart for Unit {
    fn draw(&self, width: f64) -> Result<Figure> {
        self.check()?;
        let mut svg = Svg::default();
        let top = heading(&mut svg, &self.title, page(width)?.max(640.0)) + 18.0;
        let width = width.max(640.0);
        let middle = 0.45 * width;
        let head = Font::new(13.0).anchor(Anchor::Start);
        svg.text(
            [MARGIN, top],
            head.fill(ANN),
            "conventional unit: one number",
        );
        svg.text(
            [middle, top],
            head.fill(SNN),
            "spiking unit: spikes over time",
        );
        let box_ = top + 16.0;
        self.conventional(&mut svg, [MARGIN, box_, middle - 2.0 * MARGIN, 150.0]);
        self.response(
            &mut svg,
            [
                MARGIN + 44.0,
                box_ + 200.0,
                middle - 3.0 * MARGIN - 60.0,
                140.0,
            ],
        );
        let left = middle + 76.0;
        self.spiking(&mut svg, [left, box_, width - left - MARGIN, 346.0]);
        let text = format!(
            "{} spikes in {} steps: {} per step",
            self.spikes.len(),
            self.membrane.len(),
            short(self.rate())
        );
        svg.text(
            [left, box_ + 346.0 + 46.0],
            Font::new(BODY).fill(SNN),
            &text,
        );
        Ok(Figure::new(
            &self.title,
            width,
            box_ + 346.0 + 46.0 + MARGIN + 4.0,
            svg,
        ))
    }
}
