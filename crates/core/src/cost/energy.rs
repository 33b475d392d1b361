//! An estimate of energy: counts times what an operation takes, and what that leaves out.

use super::{Cost, Projection, Signal};
use serde::Serialize;

/// Energies of arithmetic, in picojoules (`horowitz2014`), and sizes of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Precision {
    /// Its name.
    pub name: &'static str,
    /// The process.
    pub node: &'static str,
    /// A multiplication.
    pub multiply_pj: f64,
    /// An addition into the sum.
    pub add_pj: f64,
    /// Bytes of a weight or an activation.
    pub weight_bytes: f64,
    /// Bytes of a sum or a state variable.
    pub sum_bytes: f64,
}

impl Precision {
    const fn new(name: &'static str, energies: [f64; 2], bytes: [f64; 2]) -> Self {
        Self {
            name,
            node: "45 nm",
            multiply_pj: energies[0],
            add_pj: energies[1],
            weight_bytes: bytes[0],
            sum_bytes: bytes[1],
        }
    }

    /// A multiply-accumulate: a product and an addition.
    pub fn mac_pj(&self) -> f64 {
        self.multiply_pj + self.add_pj
    }

    /// An accumulate: an addition.
    pub fn ac_pj(&self) -> f64 {
        self.add_pj
    }
}

/// What is known of the process.
///
/// ```
/// let f32 = cortado::cost::PRECISIONS[0];
/// assert_eq!((f32.name, f32.ac_pj()), ("f32", 0.9));
/// assert!((f32.mac_pj() - 4.6).abs() < 1e-12 && (f32.mac_pj() / f32.ac_pj() - 5.11).abs() < 2e-3);
/// ```
pub const PRECISIONS: [Precision; 3] = [
    Precision::new("f32", [3.7, 0.9], [4.0, 4.0]),
    Precision::new("int8", [0.2, 0.03], [1.0, 1.0]),
    Precision::new("int8, int32 sums", [0.2, 0.1], [1.0, 4.0]),
];

/// Picojoules of 64 bits from or to a static memory of 8 kB (`horowitz2014`).
pub const SRAM_PJ: f64 = 10.0;

/// Picojoules of 64 bits from or to dynamic memory, at least and at most (`horowitz2014`).
pub const DRAM_PJ: [f64; 2] = [1300.0, 2600.0];

/// Bytes of a spike's address, written by its neuron and read by each projection.
pub const BYTES_PER_EVENT: f64 = 4.0;

/// What an estimate leaves out.
pub const LEFT_OUT: &str = "Left out: control, instructions, clock, network on chip, leakage, input and output, encoding, \
     biases, pooling, batch norm, exponential functions. Memory: every access goes to the same memory, nothing is cached; a \
     synaptic operation of the SNN reads a weight and reads and writes a sum, a neuron update reads and writes its state, a \
     spike is an address of 4 bytes; a multiply-accumulate of the ANN reads a weight and an activation and keeps its sum in a \
     register. The ANN is dense: how many of its activations would be zero is not known.";

/// Energy of a sample in picojoules, by what takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Column {
    /// Accumulates.
    pub accumulates: f64,
    /// Multiply-accumulates.
    pub multiply_accumulates: f64,
    /// Neuron updates.
    pub neurons: f64,
    /// Bytes that go from and to memory.
    pub bytes: f64,
    /// These bytes, if the memory is static and of 8 kB.
    pub sram: f64,
    /// These bytes, if the memory is dynamic: at least and at most.
    pub dram: [f64; 2],
}

impl Column {
    fn with_memory(mut self) -> Self {
        let words = self.bytes / 8.0;
        self.sram = words * SRAM_PJ;
        self.dram = DRAM_PJ.map(|pj| words * pj);
        self
    }

    /// Synaptic operations alone.
    pub fn synapses(&self) -> f64 {
        self.accumulates + self.multiply_accumulates
    }
}

/// SNN beside ANN under one way of accounting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accounting {
    /// What is counted.
    pub counted: &'static str,
    /// Picojoules of a sample in the SNN.
    pub snn_pj: f64,
    /// Picojoules of a sample in the ANN.
    pub ann_pj: f64,
    /// Spikes of a neuron in a presentation at which both take the same, every projection's share of the operations kept;
    /// none if the SNN takes more without a spike, or has no spikes.
    pub break_even: Option<f64>,
}

/// An estimate for one precision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Energies of an operation.
    pub precision: Precision,
    /// Picojoules of a multiply-accumulate.
    pub mac_pj: f64,
    /// Picojoules of an accumulate.
    pub ac_pj: f64,
    /// The network.
    pub snn: Column,
    /// An ANN of the same shape, dense.
    pub ann: Column,
    /// Spikes of a neuron in a presentation, inputs that spike among the neurons.
    pub spikes_per_neuron: f64,
    /// Both side by side, from the narrowest to the widest accounting.
    pub accountings: Vec<Accounting>,
}

impl Estimate {
    /// From the counts of some samples.
    pub fn new(cost: &Cost, precision: Precision) -> Self {
        let all = snn(cost, &precision, false);
        // What it takes without a spike: multiplications of currents, and neurons.
        let still = snn(cost, &precision, true);
        let ann = ann(cost, &precision);
        let once = once(cost, &precision);
        let spikes_per_neuron = spikes_per_neuron(cost);
        let account = |counted, of: fn(&Column) -> f64| {
            compare(counted, [of(&all), of(&still), of(&ann)], spikes_per_neuron)
        };
        let synapses = Column::synapses;
        Self {
            precision,
            mac_pj: precision.mac_pj(),
            ac_pj: precision.ac_pj(),
            snn: all,
            ann,
            spikes_per_neuron,
            accountings: vec![
                compare(
                    "synaptic operations, what stays the same once",
                    [once[0], once[1], synapses(&ann)],
                    spikes_per_neuron,
                ),
                account("synaptic operations", synapses),
                account("and neuron updates", |c| c.synapses() + c.neurons),
                account("and 8 kB static memory", |c| {
                    c.synapses() + c.neurons + c.sram
                }),
                account("and dynamic memory, at least", |c| {
                    c.synapses() + c.neurons + c.dram[0]
                }),
                account("and dynamic memory, at most", |c| {
                    c.synapses() + c.neurons + c.dram[1]
                }),
            ],
        }
    }

    /// For all precisions.
    pub fn all(cost: &Cost) -> Vec<Self> {
        PRECISIONS.map(|p| Self::new(cost, p)).into()
    }
}

/// One way of accounting, from the energies of the SNN, of the SNN without a spike, and of the ANN.
fn compare(counted: &'static str, [snn_pj, still, ann_pj]: [f64; 3], spikes: f64) -> Accounting {
    let driven = snn_pj - still;
    let known = driven > 0.0 && spikes > 0.0 && ann_pj > still;
    Accounting {
        counted,
        snn_pj,
        ann_pj,
        break_even: known.then(|| (ann_pj - still) / driven * spikes),
    }
}

/// Synaptic operations of an engine that computes once what stays the same in all steps, and those of currents alone.
fn once(cost: &Cost, p: &Precision) -> [f64; 2] {
    let each = 1.0 / (cost.samples.max(1) as f64);
    let of = |q: &Projection| {
        (q.acs_hoisted as f64 * p.ac_pj() + q.macs_hoisted as f64 * p.mac_pj()) * each
    };
    let currents = |q: &&Projection| q.signal == Signal::Current;
    [
        cost.projections.iter().map(of).sum(),
        cost.projections.iter().filter(currents).map(of).sum(),
    ]
}

/// What a sample takes; if `still`, without what spikes cause.
fn snn(cost: &Cost, p: &Precision, still: bool) -> Column {
    let each = 1.0 / (cost.samples.max(1) as f64);
    let (mut acs, mut macs, mut read) = (0.0, 0.0, 0.0);
    let counts = |q: &&Projection| !still || q.signal == Signal::Current;
    for q in cost.projections.iter().filter(counts) {
        acs += q.acs as f64 * each;
        macs += q.macs as f64 * each;
        let bytes = match q.signal {
            Signal::Spikes => BYTES_PER_EVENT,
            _ => p.weight_bytes,
        };
        read += q.nonzero as f64 * each * bytes;
    }
    let (mut arithmetic, mut moved) = (0.0, 0.0);
    for q in &cost.populations {
        let updates = q.updates as f64 * each;
        let (m, a) = (q.operations.multiplications, q.operations.additions);
        arithmetic += updates * (m as f64 * p.multiply_pj + a as f64 * p.add_pj);
        moved += updates * 2.0 * q.states as f64 * p.sum_bytes;
        if !still {
            moved += q.spikes() as f64 * each * BYTES_PER_EVENT;
        }
    }
    Column {
        accumulates: acs * p.ac_pj(),
        multiply_accumulates: macs * p.mac_pj(),
        neurons: arithmetic,
        bytes: (acs + macs) * (p.weight_bytes + 2.0 * p.sum_bytes) + read + moved,
        ..Column::default()
    }
    .with_memory()
}

/// The network as an ANN: all synapses multiply.
fn ann(cost: &Cost, p: &Precision) -> Column {
    let macs = cost.ann_macs();
    let outputs: u64 = cost.projections.iter().map(|q| q.outputs).sum();
    let written = cost.ann_passes() * outputs as f64;
    Column {
        multiply_accumulates: macs * p.mac_pj(),
        bytes: (2.0 * macs + written) * p.weight_bytes,
        ..Column::default()
    }
    .with_memory()
}

/// Spikes of a neuron in a presentation, inputs among the neurons if they spike.
fn spikes_per_neuron(cost: &Cost) -> f64 {
    let spiking = cost.populations.iter().filter(|p| p.spiking);
    let (mut neurons, mut spikes) =
        spiking.fold((0, 0), |(n, s), p| (n + p.neurons, s + p.spikes()));
    let driven = |p: &Projection| p.signal == Signal::Current;
    if !cost.projections.iter().any(driven) {
        neurons += cost.inputs;
        spikes += cost.input_spikes;
    }
    spikes as f64 / (neurons * cost.samples).max(1) as f64
}
