//! The dense product: rows of any matrix times a panel of 64 columns.
//!
//! Each element of the product is one sum in ascending order from a single start, so its bits depend neither on
//! the rows computed beside it nor on the width of the registers; and a row of zeros and ones gives the bits of
//! adding the rows of the panel where it is one.

use super::TILE;
use crate::num::{Aligned, Float, Simd};

/// The left factor of a product: element `(i, k)` stands at `i * row + (k / 64) * part + (k % 64) * column`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left<'a, R> {
    pub data: &'a [R],
    pub row: usize,
    pub column: usize,
    pub part: usize,
}

impl<'a, R> Left<'a, R> {
    /// Element `(i, k)` at `i * row + k * column`.
    pub fn even(data: &'a [R], row: usize, column: usize) -> Self {
        Self {
            data,
            row,
            column,
            part: TILE * column,
        }
    }
}

/// Rows of the product that share each load of the panel.
const ROWS: usize = 6;

/// The right factor of a product: row `k`, 64 columns wide, stands at `k * row`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right<'a, R> {
    pub data: &'a [R],
    pub row: usize,
}

impl<'a, R> Right<'a, R> {
    /// Rows that stand one behind the other.
    pub fn packed(data: &'a [R]) -> Self {
        Self { data, row: TILE }
    }
}

/// `c[i][..64] = sum_k a(i, k) panel[k][..64]`, added to `c` if `keep`; row `i` of `c` stands at `i * stride`.
pub(crate) fn panel<R: Float>(
    rows: usize,
    depth: usize,
    a: Left<'_, R>,
    panel: Right<'_, R>,
    keep: bool,
    c: &mut [R],
    stride: usize,
) {
    match crate::num::simd() {
        Simd::Avx512 => R::vectorize(
            #[inline(always)]
            || product::<R, 64, true>(rows, depth, a, panel, keep, c, stride),
        ),
        Simd::Fused => R::vectorize(
            #[inline(always)]
            || product::<R, 16, true>(rows, depth, a, panel, keep, c, stride),
        ),
        Simd::Plain => product::<R, 16, false>(rows, depth, a, panel, keep, c, stride),
    }
}

#[inline(always)]
fn product<R: Float, const COLUMNS: usize, const FUSE: bool>(
    rows: usize,
    depth: usize,
    a: Left<'_, R>,
    panel: Right<'_, R>,
    keep: bool,
    c: &mut [R],
    stride: usize,
) {
    // Strips of nearly the same height: a low one would wait for its few sums.
    let strips = rows.div_ceil(ROWS);
    for n in 0..strips {
        let i = n * rows / strips;
        for column in (0..TILE).step_by(COLUMNS) {
            let at = (i, column);
            match (n + 1) * rows / strips - i {
                1 => strip::<R, COLUMNS, 1, FUSE>(at, depth, a, panel, keep, c, stride),
                2 => strip::<R, COLUMNS, 2, FUSE>(at, depth, a, panel, keep, c, stride),
                3 => strip::<R, COLUMNS, 3, FUSE>(at, depth, a, panel, keep, c, stride),
                4 => strip::<R, COLUMNS, 4, FUSE>(at, depth, a, panel, keep, c, stride),
                5 => strip::<R, COLUMNS, 5, FUSE>(at, depth, a, panel, keep, c, stride),
                _ => strip::<R, COLUMNS, ROWS, FUSE>(at, depth, a, panel, keep, c, stride),
            }
        }
    }
}

#[inline(always)]
fn strip<R: Float, const COLUMNS: usize, const N: usize, const FUSE: bool>(
    (i, column): (usize, usize),
    depth: usize,
    a: Left<'_, R>,
    panel: Right<'_, R>,
    keep: bool,
    c: &mut [R],
    stride: usize,
) {
    let mut sum = [[R::ZERO; COLUMNS]; N];
    for first in (0..depth).step_by(TILE) {
        let from = i * a.row + first / TILE * a.part;
        for k in 0..(depth - first).min(TILE) {
            // A copy, so that the rows share one load of each register.
            let mut row = [R::ZERO; COLUMNS];
            row.copy_from_slice(&panel.data[(first + k) * panel.row + column..][..COLUMNS]);
            for n in 0..N {
                let factor = a.data[from + n * a.row + k * a.column];
                multiply_add::<R, COLUMNS, FUSE>(&mut sum[n], factor, &row);
            }
        }
    }
    for n in 0..N {
        let out = &mut c[(i + n) * stride + column..][..COLUMNS];
        for j in 0..COLUMNS {
            out[j] = if keep { out[j] + sum[n][j] } else { sum[n][j] };
        }
    }
}

/// `sum += factor row`, rounded once if `FUSE`.
#[inline(always)]
pub(crate) fn multiply_add<R: Float, const N: usize, const FUSE: bool>(
    sum: &mut [R; N],
    factor: R,
    row: &[R],
) {
    let row = &row[..N];
    for j in 0..N {
        sum[j] = if FUSE {
            factor.fused(row[j], sum[j])
        } else {
            sum[j] + factor * row[j]
        };
    }
}

/// Panels `[tile][inputs][64]` of a matrix, turned into panels `[tile of inputs][outputs][64]` of its transpose.
pub(crate) fn transpose<R: Float>(panels: &[R], inputs: usize, outputs: usize) -> Aligned<R> {
    let mut out = Aligned::zeros(super::padded(inputs) * outputs);
    for (tile, panel) in panels.chunks(inputs * TILE).enumerate() {
        for (i, row) in panel.chunks_exact(TILE).enumerate() {
            for (j, &w) in row.iter().enumerate().take(outputs - tile * TILE) {
                out[((i / TILE) * outputs + tile * TILE + j) * TILE + i % TILE] = w;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, period: usize) -> Vec<f32> {
        (0..n)
            .map(|i| ((i * 37 % period) as f32 - 50.0) * 0.013)
            .collect()
    }

    #[test]
    fn product_is_the_sum_and_does_not_depend_on_its_company() {
        let (rows, depth) = (11, 65);
        let (a, b) = (numbers(rows * depth, 101), numbers(depth * TILE, 97));
        let left = |data| Left::even(data, depth, 1);
        let mut whole = vec![1.0; rows * TILE];
        panel(
            rows,
            depth,
            left(&a),
            Right::packed(&b),
            true,
            &mut whole,
            TILE,
        );
        for i in 0..rows {
            let mut row = vec![1.0; TILE];
            panel(
                1,
                depth,
                left(&a[i * depth..]),
                Right::packed(&b),
                true,
                &mut row,
                TILE,
            );
            assert_eq!(row, whole[i * TILE..][..TILE]);
            for j in 0..TILE {
                let exact: f64 = (0..depth)
                    .map(|k| f64::from(a[i * depth + k]) * f64::from(b[k * TILE + j]))
                    .sum();
                assert!((f64::from(row[j]) - 1.0 - exact).abs() < 1e-4);
            }
        }
        let mut turned = vec![0.0; rows * TILE];
        let t: Vec<f32> = (0..depth * rows)
            .map(|n| a[n % rows * depth + n / rows])
            .collect();
        let columns = Left::even(&t, 1, rows);
        panel(
            rows,
            depth,
            columns,
            Right::packed(&b),
            false,
            &mut turned,
            TILE,
        );
        for (w, t) in whole.iter().zip(&turned) {
            assert!((w - 1.0 - t).abs() < 1e-5);
        }
    }

    #[test]
    fn zeros_and_ones_give_the_bits_of_adding_rows() {
        let depth = 130;
        let b = numbers(depth * TILE, 89);
        let x: Vec<f32> = (0..depth).map(|k| f32::from(u8::from(k % 7 < 3))).collect();
        let mut dense = vec![0.0; TILE];
        let left = Left::even(&x, depth, 1);
        panel(1, depth, left, Right::packed(&b), false, &mut dense, TILE);
        let index: Vec<u32> = (0..depth as u32)
            .filter(|&k| x[k as usize] == 1.0)
            .collect();
        let mut sparse = crate::kernel::Lane::zero();
        super::super::add_rows(&mut sparse, &b, &index, None);
        assert_eq!(dense, sparse[..]);
    }

    #[test]
    fn the_transpose_of_the_transpose_is_the_matrix() {
        let (inputs, outputs) = (70, 100);
        let mut w = numbers(super::super::padded(outputs) * inputs, 103);
        for i in 0..inputs {
            for j in outputs..super::super::padded(outputs) {
                w[(j / TILE * inputs + i) * TILE + j % TILE] = 0.0;
            }
        }
        let t = transpose(&w, inputs, outputs);
        assert_eq!(transpose(&t, outputs, inputs)[..], w[..]);
    }
}
