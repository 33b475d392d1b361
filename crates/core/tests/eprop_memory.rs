//! What e-prop and online training through time hold does not grow with the length of a sample.
#![allow(unsafe_code)]

use cortado::learn::Loss;
use cortado::learn::eprop::{Options, Rule, Workspace};
use cortado::network::{Network, NetworkSpec};
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

#[test]
fn memory_does_not_grow_with_time() {
    let spec = NetworkSpec::new(1e-3)
        .linear("in", 20)
        .population("hidden", "alif", &[("v_threshold", 0.3)])
        .recurrent()
        .linear("out", 3)
        .population("readout", "li", &[]);
    let net = Network::<f32>::new(&[12], &spec, 1).unwrap();
    let objective = Loss::StepCrossEntropy { window: None }.into();
    // A fixed pattern, so that longer runs see nothing that the first has not seen.
    let input = |steps: usize| {
        let mut rng = Rng::new(2, 0, Purpose::Other, 0);
        let frame: Vec<f32> = (0..12 * 32)
            .map(|_| f32::from(u8::from(rng.uniform() < 0.2)))
            .collect();
        let dense: Vec<f32> = frame.iter().copied().cycle().take(12 * steps).collect();
        Input::<f32>::Spikes(Spikes::from_dense(1, steps, 12, &dense).unwrap())
    };
    for rule in [Rule::Eprop(&Options::default(), 0), Rule::Ottt] {
        let most = |steps: usize| {
            let input = input(steps);
            let mut workspace = Workspace::new();
            let before = HELD.load(Ordering::Relaxed);
            MOST.store(before, Ordering::Relaxed);
            let report = workspace.run(&net, &input, &[1u32], &objective, rule);
            assert!(report.unwrap().spikes > steps / 10);
            MOST.load(Ordering::Relaxed) - before
        };
        let (short, long) = (most(320), most(32 * 640));
        // Rows of spikes are as long as the busiest stretch of steps.
        assert!(long < short + 4096, "{rule:?}: {short} to {long} bytes");
        let tape = 32 * 640 * 20 * std::mem::size_of::<f32>() as i64;
        assert!(long < tape, "{long} bytes, a tape would be {tape}");
    }
}
