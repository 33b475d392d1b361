//! What the machine can do at most, measured: nothing that a kernel does can be faster than these.

use cortado::num::{Aligned, Float};
use rayon::prelude::*;
use std::fmt;
use std::hint::black_box;
use std::time::Instant;

/// Rates of all threads together.
pub struct Limits {
    threads: usize,
    /// Bytes copied from memory to memory, 10^9 a second.
    copy: f64,
    /// Multiply-adds in registers, 10^9 a second.
    multiply_add: f64,
    /// Additions of rows of 64 weights that stand in the first cache, and in the second, 10^9 weights a second.
    row_add: [f64; 2],
}

/// The best rate of several runs on all threads, in 10^9 `units` a second.
fn best(units: f64, work: impl Fn() + Sync) -> f64 {
    let threads = rayon::current_num_threads();
    let mut least = f64::INFINITY;
    for _ in 0..7 {
        let start = Instant::now();
        (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|_| work());
        least = least.min(start.elapsed().as_secs_f64());
    }
    units * threads as f64 / least * 1e-9
}

/// Independent chains of multiply-adds: enough to hide their latency.
const CHAINS: usize = 12;
const ROUNDS: usize = 1 << 20;

/// A multiply-add in each lane.
#[inline(always)]
fn step(lanes: &mut [f32; 16], factor: f32) {
    for lane in lanes {
        *lane = lane.fused(factor, factor);
    }
}

#[inline(always)]
fn multiply_adds(rounds: usize) -> [[f32; 16]; CHAINS] {
    let mut sum = [[0.5f32; 16]; CHAINS];
    let factor = black_box(0.999f32);
    // Each chain by its own name stays in a register; a loop over chains is kept in memory, at a hundredth of the rate.
    let [a, b, c, d, e, f, g, h, i, j, k, l] = &mut sum;
    for _ in 0..rounds {
        step(a, factor);
        step(b, factor);
        step(c, factor);
        step(d, factor);
        step(e, factor);
        step(f, factor);
        step(g, factor);
        step(h, factor);
        step(i, factor);
        step(j, factor);
        step(k, factor);
        step(l, factor);
    }
    sum
}

#[inline(always)]
fn row_adds(weights: &[f32], index: &[u32]) -> [f32; 64] {
    let mut sum = [0.0; 64];
    for &i in index {
        let row = &weights[i as usize * 64..][..64];
        for j in 0..64 {
            sum[j] += row[j];
        }
    }
    sum
}

impl Limits {
    /// Measures for about a second on the current threads.
    pub fn measure() -> Self {
        const COPY: usize = 1 << 25;
        let buffers: Vec<_> = (0..rayon::current_num_threads())
            .map(|_| std::sync::Mutex::new((vec![1u8; COPY], vec![0u8; COPY])))
            .collect();
        let copy = best(COPY as f64, || {
            let i = rayon::current_thread_index().unwrap_or(0);
            if let Ok(mut pair) = buffers[i].lock() {
                let (from, to) = &mut *pair;
                to.copy_from_slice(black_box(from));
                black_box(to);
            }
        });
        Self {
            threads: rayon::current_num_threads(),
            copy,
            multiply_add: best((ROUNDS * CHAINS * 16) as f64, || {
                let sum = f32::vectorize(
                    #[inline(always)]
                    || multiply_adds(ROUNDS),
                );
                black_box(sum);
            }),
            row_add: [96, 2048].map(|rows| {
                let mut weights = Aligned::<f32>::zeros(rows * 64);
                weights.fill(1.0);
                let index: Vec<u32> = (0..1u32 << 20)
                    .map(|i| i.wrapping_mul(2_654_435_761) % rows as u32)
                    .collect();
                best((index.len() * 64) as f64, || {
                    let sum = f32::vectorize(
                        #[inline(always)]
                        || row_adds(&weights, &index),
                    );
                    black_box(sum);
                })
            }),
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "limits of this machine on {} threads:", self.threads)?;
        writeln!(
            f,
            "  copy, memory to memory             {:8.1} GB/s",
            self.copy
        )?;
        writeln!(
            f,
            "  multiply-add, in registers         {:8.1} G/s",
            self.multiply_add
        )?;
        writeln!(
            f,
            "  rows of weights added, first cache {:8.1} G weights/s",
            self.row_add[0]
        )?;
        writeln!(
            f,
            "  rows of weights added, second cache{:8.1} G weights/s",
            self.row_add[1]
        )
    }
}
