//! What rules that learn online hold does not grow with the length of a sample.
#![allow(unsafe_code)]

use cortado::learn::eprop::{Options, Rule};
use cortado::learn::{BatchReport, Loss, Objective, decolle, eprop};
use cortado::network::{Network, NetworkSpec, NodeKind};
use cortado::neuron::Reset;
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

/// The system's allocator, measured.
struct Measuring;

static HELD: AtomicI64 = AtomicI64::new(0);
static MOST: AtomicI64 = AtomicI64::new(0);

fn hold(bytes: i64) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Measuring {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        hold(layout.size() as i64);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        hold(-(layout.size() as i64));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        hold(size as i64 - layout.size() as i64);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static MEASURING: Measuring = Measuring;

fn network(model: &str) -> Network<f32> {
    let mut spec = NetworkSpec::new(1e-3)
        .linear("in", 20)
        .population("hidden", model, &[("v_threshold", 0.3)])
        .recurrent()
        .linear("out", 3)
        .population("readout", "li", &[]);
    for node in &mut spec.nodes {
        if let NodeKind::Population { reset, .. } = &mut node.kind {
            *reset = Reset::Subtract;
        }
    }
    Network::new(&[12], &spec, 1).unwrap()
}

type Learn<'a> = &'a dyn Fn(&Input<f32>) -> BatchReport;

/// Bytes that a rule holds at most while it learns from one sample of so many steps.
fn most(steps: usize, learn: Learn) -> i64 {
    // A fixed pattern, so that longer runs see nothing that the first has not seen.
    let mut rng = Rng::new(2, 0, Purpose::Other, 0);
    let frame: Vec<f32> = (0..12 * 32)
        .map(|_| f32::from(u8::from(rng.uniform() < 0.2)))
        .collect();
    let dense: Vec<f32> = frame.iter().copied().cycle().take(12 * steps).collect();
    let input = Input::Spikes(Spikes::from_dense(1, steps, 12, &dense).unwrap());
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let report = learn(&input);
    assert!(report.spikes > steps / 10);
    MOST.load(Ordering::Relaxed) - before
}

#[test]
fn memory_does_not_grow_with_time() {
    let objective: Objective = Loss::StepCrossEntropy { window: None }.into();
    let (adaptive, plain) = (network("alif"), network("lif"));
    let online = |input: &Input<f32>, rule| {
        let run = eprop::gradients(&adaptive, input, &[1u32], &objective, rule);
        run.unwrap().1
    };
    let (options, local) = (Options::default(), decolle::Local::default());
    let rules: [(&str, Learn); 3] = [
        ("eprop", &|input| online(input, Rule::Eprop(&options, 0))),
        ("ottt", &|input| online(input, Rule::Ottt)),
        ("decolle", &|input| {
            let run = decolle::gradients(&plain, input, &[1u32], &objective, &local);
            run.unwrap().1
        }),
    ];
    for (name, learn) in rules {
        let (short, long) = (most(320, learn), most(32 * 640, learn));
        // Rows of spikes are as long as the busiest stretch of steps.
        assert!(long < short + 4096, "{name}: {short} to {long} bytes");
        let tape = 32 * 640 * 20 * std::mem::size_of::<f32>() as i64;
        assert!(long < tape, "{name}: {long} bytes, a tape would be {tape}");
    }
}
