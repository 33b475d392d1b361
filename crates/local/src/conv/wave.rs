//! A wave of spikes: one a neuron at most, each in a bin of time.

/// The time of a neuron that does not fire.
pub const NEVER: u8 = u8::MAX;

/// First spikes of a sheet of neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// Rows, columns, maps.
    pub shape: [usize; 3],
    /// `[row][column][map]`: the bin of the spike, or [`NEVER`].
    pub times: Vec<u8>,
}

impl Wave {
    /// A sheet on which nothing has fired.
    pub fn silent(shape: [usize; 3]) -> Self {
        Self {
            shape,
            times: vec![NEVER; shape.iter().product()],
        }
    }

    /// Number of spikes.
    pub fn spikes(&self) -> usize {
        self.times.iter().filter(|&&t| t != NEVER).count()
    }

    /// Neurons that fire, by bins, within a bin by place; and where each of `bins` starts.
    pub fn order(&self, bins: usize) -> (Vec<u32>, Vec<usize>) {
        let mut starts = vec![0; bins + 1];
        let early = |t: u8| usize::from(t) < bins;
        for &t in self.times.iter().filter(|&&t| early(t)) {
            starts[usize::from(t) + 1] += 1;
        }
        for b in 0..bins {
            starts[b + 1] += starts[b];
        }
        let mut at = starts.clone();
        let mut order = vec![0; starts[bins]];
        for (i, &t) in self.times.iter().enumerate().filter(|(_, t)| early(**t)) {
            order[at[usize::from(t)]] = i as u32;
            at[usize::from(t)] += 1;
        }
        (order, starts)
    }

    /// The first spike of each square of `size`, map by map; squares at the far edges may be cut.
    pub fn pooled(&self, size: usize) -> Self {
        let [rows, columns, maps] = self.shape;
        let mut out = Self::silent([rows.div_ceil(size), columns.div_ceil(size), maps]);
        for (i, times) in self.times.chunks_exact(maps.max(1)).enumerate() {
            let at = (i / columns / size * out.shape[1] + i % columns / size) * maps;
            for (o, &t) in out.times[at..at + maps].iter_mut().zip(times) {
                *o = t.min(*o);
            }
        }
        out
    }
}

/// The largest value of each square of `size` of `[row][column][map]`, as [`Wave::pooled`].
pub fn largest(values: &[f32], shape: [usize; 3], size: usize) -> Vec<f32> {
    let [rows, columns, maps] = shape;
    let wide = columns.div_ceil(size);
    let mut out = vec![f32::NEG_INFINITY; rows.div_ceil(size) * wide * maps];
    for (i, values) in values.chunks_exact(maps.max(1)).enumerate() {
        let at = (i / columns / size * wide + i % columns / size) * maps;
        for (o, &x) in out[at..at + maps].iter_mut().zip(values) {
            *o = if x > *o { x } else { *o };
        }
    }
    out
}
