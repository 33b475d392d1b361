//! The event-driven engine takes no memory for an event, once it has seen as many at a time.
#![allow(unsafe_code)]

use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind, Values};
use cortado::rng::{Purpose, Rng};
use cortado::sim::event::Engine;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, counted.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A loop with a delay, weights with delays of their own, and a readout.
fn network(model: &str, readout: &str) -> Network<f32> {
    let refractory: &[(&str, f64)] = match model {
        "if" => &[],
        _ => &[("t_ref", 1e-3)],
    };
    let mut spec = NetworkSpec::new(1e-3)
        .linear("in", 30)
        .linear("rec", 30)
        .population("hidden", model, refractory)
        .linear("out", 7)
        .population("readout", readout, &[]);
    let node = |name: &str| EdgeSpec::Node(name.into());
    let late = DelayedEdge {
        node: "hidden".into(),
        delay: 2e-3,
    };
    for n in &mut spec.nodes {
        match &n.name[..] {
            "rec" => n.from = Some(vec![EdgeSpec::Delayed(late.clone())]),
            "hidden" => n.from = Some(vec![node("in"), node("rec")]),
            _ => {}
        }
        if let NodeKind::Linear {
            scale,
            mean,
            delays,
            ..
        } = &mut n.kind
        {
            let strong = match model {
                "cuba_lif" => 4.0,
                "izhikevich" if n.name != "out" => 60.0,
                _ => 1.0,
            };
            (*scale, *mean) = (strong, 0.3 * strong);
            if n.name == "out" {
                let values = (0..210).map(|k| f64::from(k % 5) * 1e-3).collect();
                *delays = Some(Values::Each(values).into());
            }
        }
    }
    Network::new(&[12], &spec, 1).unwrap()
}

#[test]
fn no_event_takes_memory() {
    for (model, readout) in [
        ("lif", "lif"),
        ("cuba_lif", "cuba_li"),
        ("alif", "li"),
        ("if", "if"),
        ("izhikevich", "cuba_lif"),
    ] {
        let mut engine = Engine::new(&network(model, readout)).unwrap();
        if readout.ends_with("li") {
            engine.watch(10.0).unwrap();
        }
        let mut rng = Rng::new(2, 0, Purpose::Other, 0);
        let (mut spikes, mut calls) = (0, 0);
        // The same thousand milliseconds five times over: the first time warms up.
        let given: Vec<(f64, usize)> = (0..1000)
            .flat_map(|t| (0..12).map(move |i| (f64::from(t) * 1e-3, i)))
            .filter(|_| rng.uniform() < 0.1)
            .collect();
        for round in 0..5 {
            engine.reset();
            let before = CALLS.load(Ordering::Relaxed);
            for &(t, i) in &given {
                engine.run(t, |_| spikes += 1).unwrap();
                engine.feed(t, i).unwrap();
            }
            engine.run(1.0, |_| spikes += 1).unwrap();
            if round > 0 {
                calls += CALLS.load(Ordering::Relaxed) - before;
            }
        }
        assert!(spikes > 1000, "{model}: {spikes} spikes");
        assert_eq!(calls, 0, "{model}: calls of the allocator");
    }
}
