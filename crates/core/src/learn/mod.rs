//! Learning: losses, optimisers, and a step of backpropagation through time.

mod loss;
mod optim;

pub use loss::{Loss, LossValue};
pub use optim::{Adam, cosine};

use crate::Result;
use crate::network::Network;
use crate::neuron::Lanes;
use crate::sim::clock::{Gradients, Input};

/// What a batch gave.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchReport {
    /// Mean loss of a sample.
    pub loss: f64,
    /// Number of samples classified rightly.
    pub correct: usize,
    /// Number of samples.
    pub samples: usize,
    /// Spikes of all populations.
    pub spikes: usize,
    /// Weights added because a spike arrived.
    pub synops: usize,
}

/// Loss and gradients of a batch by backpropagation through time.
///
/// # Errors
/// Those of [`Network::forward`] and of [`Loss::of`].
pub fn gradients<R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    labels: &[u32],
    loss: Loss,
) -> Result<(Gradients<R>, BatchReport)> {
    let record = net.forward(input, true)?;
    let value = loss.of(net, &record, labels)?;
    let report = report(net, input, &record, &value);
    Ok((net.backward(input, record, &value.error), report))
}

/// Loss and accuracy of a batch, without gradients.
///
/// # Errors
/// As [`gradients`].
pub fn evaluate<R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    labels: &[u32],
    loss: Loss,
) -> Result<BatchReport> {
    let record = net.forward(input, false)?;
    let value = loss.of(net, &record, labels)?;
    Ok(report(net, input, &record, &value))
}

fn report<R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    record: &crate::sim::clock::Record<R>,
    value: &LossValue<R>,
) -> BatchReport {
    let mut arriving = match input {
        Input::Spikes(s) => s.count(),
        Input::Current { .. } => 0,
    };
    let (mut spikes, mut synops) = (0, 0);
    for (p, a) in net.populations.iter().zip(&record.activity) {
        let own = if p.recurrent.is_some() {
            a.spikes.count()
        } else {
            0
        };
        synops += (arriving + own) * p.spec.n;
        arriving = a.spikes.count();
        spikes += arriving;
    }
    BatchReport {
        loss: value.loss,
        correct: value.correct,
        samples: input.extent().0,
        spikes,
        synops,
    }
}
