//! Input from JSON lines: a stream, in memory that does not grow.

use super::model::Model;
use super::source::{Source, Timed};
use anyhow::{Context, Result, bail};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use serde::Deserialize;
use std::io::{BufRead, Read};

/// Bytes of the longest line.
const LONGEST: u64 = 1 << 26;

/// A stream of lines.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    name: String,
    /// Lines read.
    number: u64,
    inputs: usize,
    dt: f64,
    /// Steps of a sample.
    window: Option<usize>,
    kind: Option<Kind>,
    /// A step that was read and not handed out.
    ahead: Option<Row>,
    /// Spikes of events: the step they stand in, the step of the next row, and the time of the last.
    events: Events,
    /// Steps handed out of the sample under way.
    done: usize,
    end: bool,
    /// Without a clock: samples begun, the step at which the last one did, and the rest of the row at hand, backwards.
    samples: u64,
    start: u64,
    rest: Vec<u32>,
}

#[derive(Default)]
struct Events {
    pending: Option<(u64, u32)>,
    next: u64,
    last: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Events,
    Spikes,
    Currents,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "{\"t\": seconds, \"i\": channel}",
            Self::Spikes => "{\"spikes\": [..]}",
            Self::Currents => "{\"x\": [..]}",
        }
    }
}

/// What a line may be.
fn kinds() -> String {
    [Kind::Events, Kind::Spikes, Kind::Currents]
        .map(Kind::name)
        .join(" or ")
}

enum Row {
    Spikes(Vec<u32>),
    Currents(Vec<f32>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    t: Option<f64>,
    i: Option<u32>,
    spikes: Option<Vec<u32>>,
    x: Option<Vec<f32>>,
}

impl Lines {
    /// For a model; a sample ends after `window` steps, or with the stream.
    pub fn new(
        reader: Box<dyn BufRead + Send>,
        name: String,
        model: &Model,
        window: Option<usize>,
    ) -> Self {
        Self {
            reader,
            name,
            number: 0,
            inputs: model.net.inputs(),
            dt: model.dt(),
            window,
            kind: None,
            ahead: None,
            events: Events::default(),
            done: 0,
            end: false,
            samples: 0,
            start: 0,
            rest: Vec::new(),
        }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let mut limited = self.reader.by_ref().take(LONGEST);
            limited
                .read_until(b'\n', &mut bytes)
                .with_context(|| format!("cannot read {}", self.name))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            if bytes.len() as u64 == LONGEST && bytes.last() != Some(&b'\n') {
                bail!("{}: expected a line of at most {LONGEST} bytes", self.at());
            }
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            // An array would be read as the fields in their order.
            let object = bytes.trim_ascii_start().starts_with(b"{");
            return match serde_json::from_slice(&bytes) {
                Ok(line) if object => Ok(Some(line)),
                Ok(_) => bail!("{}: expected {}, got no object", self.at(), kinds()),
                Err(e) => {
                    let (text, column) = (e.to_string(), e.column());
                    let what = text.split(" at line").next().unwrap_or_default();
                    bail!(
                        "{}, column {column}: expected {}: {what}",
                        self.at(),
                        kinds()
                    )
                }
            };
        }
    }

    fn at(&self) -> String {
        format!("{}, line {}", self.name, self.number)
    }

    /// Checks that a line is of the kind of those before it.
    fn kind(&mut self, line: &Line) -> Result<Kind> {
        let kind = match line {
            Line {
                t: Some(_),
                i: Some(_),
                spikes: None,
                x: None,
            } => Kind::Events,
            Line {
                t: None,
                i: None,
                spikes: Some(_),
                x: None,
            } => Kind::Spikes,
            Line {
                t: None,
                i: None,
                spikes: None,
                x: Some(_),
            } => Kind::Currents,
            _ => {
                bail!("{}: expected one of {}", self.at(), kinds());
            }
        };
        match self.kind {
            Some(before) if before != kind => bail!(
                "{}: expected {} as the lines before, got {}",
                self.at(),
                before.name(),
                kind.name()
            ),
            _ => self.kind = Some(kind),
        }
        Ok(kind)
    }

    /// The next step of the stream.
    fn row(&mut self) -> Result<Option<Row>> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        if self.end {
            return Ok(None);
        }
        if self.kind == Some(Kind::Events) {
            return self.bin();
        }
        let Some(line) = self.line()? else {
            self.end = true;
            return Ok(None);
        };
        match self.kind(&line)? {
            Kind::Events => {
                self.event(&line)?;
                self.bin()
            }
            _ => Ok(Some(self.step(line)?)),
        }
    }

    /// The step in a line of spikes or currents.
    fn step(&self, line: Line) -> Result<Row> {
        if let Some(mut row) = line.spikes {
            row.sort_unstable();
            row.dedup();
            if let Some(i) = row.last().filter(|&&i| i as usize >= self.inputs) {
                bail!(
                    "{}: expected channels below {}, got {i}",
                    self.at(),
                    self.inputs
                );
            }
            return Ok(Row::Spikes(row));
        }
        let row = line.x.unwrap_or_default();
        if row.len() != self.inputs {
            bail!(
                "{}: expected {} currents, got {}",
                self.at(),
                self.inputs,
                row.len()
            );
        }
        if let Some(i) = row.iter().position(|v| !v.is_finite()) {
            bail!(
                "{}: expected finite currents, got {} at {i}",
                self.at(),
                row[i]
            );
        }
        Ok(Row::Currents(row))
    }

    /// Takes in an event.
    fn event(&mut self, line: &Line) -> Result<()> {
        let (Some(t), Some(i)) = (line.t, line.i) else {
            return Ok(());
        };
        if i as usize >= self.inputs {
            bail!(
                "{}: expected a channel below {}, got {i}",
                self.at(),
                self.inputs
            );
        }
        if !(t >= self.events.last && t.is_finite()) {
            bail!(
                "{}: expected a time of at least {} s, got {t}",
                self.at(),
                self.events.last
            );
        }
        let step = t / self.dt;
        // A time that is written as a whole number of steps is one, whatever the last bit says.
        let near = step.round();
        let step = if (step - near).abs() < 1e-6 {
            near
        } else {
            step.floor()
        };
        if step >= (1u64 << 53) as f64 {
            bail!(
                "{}: expected a time of less than 2^53 steps, got {t:e} s",
                self.at()
            );
        }
        self.events.last = t;
        self.events.pending = Some((step as u64, i));
        Ok(())
    }

    /// The spikes of the next step, all of which have come once a later one is seen.
    fn bin(&mut self) -> Result<Option<Row>> {
        let now = self.events.next;
        let mut row = Vec::new();
        loop {
            match self.events.pending {
                Some((step, i)) if step == now => row.push(i),
                Some(_) => break,
                None => {
                    self.end = true;
                    break;
                }
            }
            self.events.pending = None;
            if let Some(line) = self.line()? {
                self.kind(&line)?;
                self.event(&line)?;
            }
        }
        if self.end && row.is_empty() {
            return Ok(None);
        }
        self.events.next += 1;
        row.sort_unstable();
        row.dedup();
        Ok(Some(Row::Spikes(row)))
    }

    /// Reads the first line, which says what all are: whether they are currents.
    pub fn first(&mut self) -> Result<bool> {
        if self.kind.is_none() {
            match self.line()? {
                None => self.end = true,
                Some(line) => match self.kind(&line)? {
                    Kind::Events => self.event(&line)?,
                    _ => self.ahead = Some(self.step(line)?),
                },
            }
        }
        Ok(self.kind == Some(Kind::Currents))
    }

    /// The next event, if it has come: it stays where it is.
    fn peek(&mut self) -> Result<Option<(u64, u32)>> {
        if self.events.pending.is_none() && !self.end {
            match self.line()? {
                Some(line) => {
                    self.kind(&line)?;
                    self.event(&line)?;
                }
                None => self.end = true,
            }
        }
        Ok(self.events.pending)
    }

    /// A step without input.
    fn silence(&self) -> Row {
        match self.kind {
            Some(Kind::Currents) => Row::Currents(vec![0.0; self.inputs]),
            _ => Row::Spikes(Vec::new()),
        }
    }
}

impl Source for Lines {
    fn next(&mut self) -> Result<Option<usize>> {
        self.done = 0;
        self.ahead = self.row()?;
        Ok(self.ahead.is_some().then_some(1))
    }

    fn steps(&mut self, most: usize) -> Result<Option<Input<f32>>> {
        let left = self.window.map_or(most, |w| most.min(w - self.done));
        let (mut spikes, mut currents) = (Vec::new(), Vec::new());
        let mut steps = 0;
        while steps < left {
            let row = match self.row()? {
                Some(row) => row,
                None if self.window.is_some() => self.silence(),
                None => break,
            };
            match row {
                Row::Spikes(row) => spikes.push(row),
                Row::Currents(row) => currents.extend(row),
            }
            steps += 1;
        }
        self.done += steps;
        if steps == 0 {
            return Ok(None);
        }
        Ok(Some(match self.kind {
            Some(Kind::Currents) => Input::Currents {
                samples: 1,
                steps,
                data: currents,
            },
            _ => Input::Spikes(Spikes::from_rows(1, steps, self.inputs, spikes)?),
        }))
    }

    fn chunk(&self) -> usize {
        1
    }
}

/// Events keep their times; the spikes of a step stand at its start.
impl Timed for Lines {
    fn begin(&mut self) -> Result<bool> {
        if self.first()? {
            bail!(
                "{}: expected spikes: currents are read by the steps of a clock (--engine clock)",
                self.at()
            );
        }
        if let Some(window) = self.window {
            self.start = self.samples * window as u64;
        }
        self.samples += 1;
        self.done = 0;
        if self.kind == Some(Kind::Events) {
            return Ok(self.peek()?.is_some());
        }
        self.ahead = self.row()?;
        Ok(self.ahead.is_some())
    }

    fn spike(&mut self) -> Result<Option<(f64, u32)>> {
        if self.kind == Some(Kind::Events) {
            let Some((step, i)) = self.peek()? else {
                return Ok(None);
            };
            let step = (step - self.start) as usize;
            if self.window.is_some_and(|w| step >= w) {
                return Ok(None);
            }
            self.events.pending = None;
            self.done = step + 1;
            let since = self.start as f64 * self.dt;
            return Ok(Some(((self.events.last - since).max(0.0), i)));
        }
        while self.rest.is_empty() {
            if self.window == Some(self.done) {
                return Ok(None);
            }
            let Some(Row::Spikes(row)) = self.row()? else {
                return Ok(None);
            };
            self.rest = row;
            self.rest.reverse();
            self.done += 1;
        }
        let t = self.done.saturating_sub(1) as f64 * self.dt;
        Ok(self.rest.pop().map(|i| (t, i)))
    }

    fn duration(&self) -> f64 {
        self.window.unwrap_or(self.done) as f64 * self.dt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortado::learn::{Loss, Rule};
    use cortado::network::{Network, NetworkSpec};
    use proptest::prelude::*;
    use std::io::Cursor;

    fn model() -> Model {
        let spec = NetworkSpec::new(1e-3).population("p", "lif", &[]);
        Model {
            net: Network::new(&[3], &spec, 0).unwrap(),
            loss: Loss::SpikeSum,
            rule: Rule::Bptt,
            recipe: None,
            readout: "p".into(),
            report: None,
        }
    }

    fn lines(text: &str, window: Option<usize>) -> Lines {
        let reader = Box::new(Cursor::new(text.as_bytes().to_vec()));
        Lines::new(reader, "text".into(), &model(), window)
    }

    /// The spikes of each step, sample by sample.
    fn all(mut lines: Lines, chunk: usize) -> Result<Vec<Vec<Vec<u32>>>> {
        let mut samples = Vec::new();
        while lines.next()?.is_some() {
            let mut rows = Vec::new();
            while let Some(input) = lines.steps(chunk)? {
                let Input::Spikes(s) = input else { break };
                rows.extend((0..s.steps).map(|t| s.row(0, t).to_vec()));
            }
            samples.push(rows);
        }
        Ok(samples)
    }

    #[test]
    fn times_of_whole_steps_stand_in_their_step() {
        let text: String = (0..200)
            .map(|t| format!("{{\"t\": {}, \"i\": {}}}\n", f64::from(t) * 1e-3, t % 3))
            .collect();
        let rows = &all(lines(&text, None), 7).unwrap()[0];
        assert_eq!(rows.len(), 200);
        assert!((0..200).all(|t| rows[t] == [t as u32 % 3]));
    }

    proptest! {
        /// Events in any order of channels, at any times, cut anywhere: each stands in the step of its time.
        #[test]
        fn events_are_binned_whatever_the_chunk(
            mut events in prop::collection::vec((0u32..4000, 0u32..3), 0..40),
            chunk in 1usize..20,
            window in prop::option::of(1usize..30),
        ) {
            events.sort();
            let line = |&(t, i): &(u32, u32)| format!("{{\"t\":{}e-6,\"i\":{i}}}\n", t * 10 + 5);
            let text: String = events.iter().map(line).collect();
            let samples = all(lines(&text, window), chunk).unwrap();
            if let Some(window) = window {
                prop_assert!(samples.iter().all(|s| s.len() == window));
            }
            let rows: Vec<Vec<u32>> = samples.concat();
            let last = events.last().map_or(0, |e| e.0 as usize / 100 + 1);
            prop_assert!(rows.len() >= last && rows.len() < last + window.unwrap_or(1));
            for (t, row) in rows.iter().enumerate() {
                let mut due: Vec<u32> =
                    events.iter().filter(|e| e.0 as usize / 100 == t).map(|e| e.1).collect();
                due.sort();
                due.dedup();
                prop_assert_eq!(row, &due);
            }
        }

        /// Pieces of lines in any order are read or refused with a line.
        #[test]
        fn nothing_panics(parts in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", "\"t\"", "\"i\"", "\"x\"", "\"spikes\"", ":", ",", "0", "1", "-3", "1e400", "\n",
                "null", "{\"t\":0.1,\"i\":2}\n", "{\"spikes\":[0]}\n", "{\"x\":[1,2,3]}\n",
            ]), 0..30), chunk in 1usize..5) {
            if let Err(e) = all(lines(&parts.concat(), Some(3)), chunk) {
                prop_assert!(e.to_string().contains("line "), "{}", e);
            }
        }
    }
}
