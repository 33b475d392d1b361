//! Estimates of energy: closed numbers, and the law of break-even.

use cortado::cost::{Cost, Estimate, Meter, PRECISIONS, measure};
use cortado::network::{Network, NetworkSpec};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;

fn network() -> Network<f32> {
    let spec = NetworkSpec::new(1e-3)
        .linear("fc1", 8)
        .population("a", "lif", &[("v_threshold", 0.5)])
        .linear("fc2", 2)
        .population("readout", "li", &[]);
    let mut net = Network::<f32>::new(&[4], &spec, 0).unwrap();
    net.set("fc1.weight", &[1.0; 32]).unwrap();
    net
}

/// One spike in each of two steps: all eight neurons fire, the readout moves.
fn cost() -> Cost {
    let spikes = Spikes::from_dense(1, 2, 4, &[1., 0., 0., 0., 0., 1., 0., 0.]).unwrap();
    measure(&network(), &Input::Spikes(spikes)).unwrap()
}

#[test]
fn energies_are_counts_times_prices() {
    let (cost, close) = (cost(), |a: f64, b: f64| (a - b).abs() < 1e-9 * b);
    let t = cost.totals();
    assert_eq!(
        (t.effective_acs, t.spikes, t.input_spikes),
        (48.0, 16.0, 2.0)
    );
    assert_eq!(
        (t.membrane_updates, t.neuron_operations),
        (12.0, 8.0 * 4.0 + 4.0 * 2.0)
    );
    let e = Estimate::new(&cost, PRECISIONS[0]);
    assert!(close(e.accountings[1].snn_pj, 48.0 * 0.9));
    assert!(close(e.accountings[1].ann_pj, 48.0 * 4.6));
    // Eight updates of a LIF, whose membranes the second step leaves where they were, and four of the readout.
    let neurons = 8.0 * (3.7 + 3.0 * 0.9) + 4.0 * (3.7 + 0.9);
    assert!(close(
        e.accountings[2].snn_pj - e.accountings[1].snn_pj,
        neurons
    ));
    // Weights and sums, spikes read by projections, states, spikes written by neurons.
    let bytes = 48.0 * 12.0 + 18.0 * 4.0 + 12.0 * 8.0 + 16.0 * 4.0;
    assert!(close(e.snn.bytes, bytes) && close(e.snn.sram, bytes / 8.0 * 10.0));
    assert!(close(e.ann.bytes, 4.0 * (2.0 * 48.0 + 10.0)));
    assert!(close(e.spikes_per_neuron, 18.0 / 12.0));
    // Each spike costs what eight or two accumulates cost.
    let break_even = 4.6 / 0.9 * 18.0 / 12.0;
    assert!(close(e.accountings[1].break_even.unwrap(), break_even));
}

/// With as many spikes as break-even says, both sides are equal.
#[test]
fn break_even_breaks_even() {
    let cost = cost();
    for e in Estimate::all(&cost) {
        for (k, a) in e.accountings.iter().enumerate() {
            let Some(b) = a.break_even else { continue };
            // As many samples hold as many more spikes: still needs to be the same for each.
            let factor = b / e.spikes_per_neuron;
            let mut more = cost.clone();
            let scale = |x: &mut u64| *x = (*x as f64 * factor * 1e9).round() as u64;
            let keep = |x: &mut u64| *x *= 1_000_000_000;
            keep(&mut more.samples);
            keep(&mut more.steps);
            scale(&mut more.input_spikes);
            for p in &mut more.projections {
                for count in [&mut p.acs, &mut p.acs_hoisted, &mut p.nonzero] {
                    scale(count);
                }
                keep(&mut p.dense);
            }
            for p in &mut more.populations {
                if p.spiking {
                    scale(&mut p.nonzero);
                }
                keep(&mut p.updates);
            }
            let at = Estimate::new(&more, e.precision).accountings[k];
            let off = (at.snn_pj - at.ann_pj).abs() / at.ann_pj;
            assert!(off < 1e-6, "{}: {off}", a.counted);
        }
    }
    assert!(
        Estimate::new(&cost, PRECISIONS[0]).accountings[1]
            .break_even
            .is_some()
    );
}

#[test]
fn nothing_counted_costs_nothing() {
    let net = network();
    let e = Estimate::new(&Meter::new(&net, 1).cost(), PRECISIONS[0]);
    assert_eq!(
        (e.snn.synapses(), e.snn.neurons, e.snn.bytes),
        (0.0, 0.0, 0.0)
    );
    assert!(e.accountings.iter().all(|a| a.break_even.is_none()));
}
