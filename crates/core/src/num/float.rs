//! The two floats of the engines, and the widest instructions that the processor has.

use super::{Over, Real};
use fearless_simd::{Level, Simd as _, SimdBase as _, SimdMask as _, f32x16};
use std::sync::OnceLock;

/// A plain float that the engines run on: `f32`, and `f64` as its oracle.
pub trait Float:
    Real
    + Over<Self>
    + Default
    + PartialOrd
    + std::ops::AddAssign
    + std::iter::Sum
    + Send
    + Sync
    + std::fmt::Debug
    + std::fmt::Display
    + 'static
{
    /// The negative number closest to zero: to be above it is to be zero or more.
    const UNDER: Self;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// From `f64`, rounded to nearest.
    fn of(x: f64) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Appends its bytes, the lowest first.
    fn put(self, out: &mut Vec<u8>);
    /// From as many bytes as it has, the lowest first; zero from another number of them.
    fn get(bytes: &[u8]) -> Self;
    /// Whether neither infinite nor not a number.
    fn finite(self) -> bool;
    /// Runs `f` with the widest vector instructions that this processor has.
    ///
    /// Nothing is fused unless [`Float::fused`] says so.
    fn vectorize<T>(f: impl FnOnce() -> T) -> T;
    /// `self * a + b`, rounded once.
    fn fused(self, a: Self, b: Self) -> Self;
    /// A bit for each of 64 lanes that is above `edge`.
    fn above(lanes: &[Self; 64], edge: Self) -> u64;
}

/// What a dense product may count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// 32 registers of 512 bits and a fused multiply-add.
    Avx512,
    /// A fused multiply-add.
    Fused,
    /// Neither.
    Plain,
}

/// What this processor has.
pub fn simd() -> Simd {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    {
        let level = simd_level();
        if level.as_avx512().is_some() {
            return Simd::Avx512;
        }
        if level.as_avx2().is_some() {
            return Simd::Fused;
        }
        Simd::Plain
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
    Simd::Fused
}

static LEVEL: OnceLock<Level> = OnceLock::new();

/// The instruction level used at run time: detected once.
pub fn simd_level() -> Level {
    *LEVEL.get_or_init(Level::new)
}

/// `exp` for `f32` as straight-line arithmetic, so that loops over it vectorise.
///
/// Cody and Waite reduction to |r| <= ln(2)/2 and Taylor's polynomial of degree 7; at most 2 ulp from exact in
/// [-87, 88]; saturates outside.
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    let x = if x > 88.3 { 88.3 } else { x };
    let x = if x < -87.3 { -87.3 } else { x };
    // Adding 1.5 * 2^23 rounds to the nearest integer in the low mantissa bits.
    let magic = 12_582_912.0f32;
    let shifted = x * std::f32::consts::LOG2_E + magic;
    let n = shifted - magic;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ]
    .into_iter()
    .fold(1.0 / 5040.0, |p: f32, c: f32| c + r * p);
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    p * scale
}

macro_rules! float {
    ($f:ty, $exp:expr, $vectorize:expr, $above:expr) => {
        impl Over<$f> for $f {
            #[inline(always)]
            fn lift(c: $f) -> Self {
                c
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                <$f>::floor(self)
            }
            #[inline(always)]
            fn below(self, o: Self) -> bool {
                self < o
            }
            #[inline(always)]
            fn select(cond: bool, a: Self, b: Self) -> Self {
                if cond { a } else { b }
            }
        }
        impl Real for $f {
            #[inline(always)]
            fn c(x: f64) -> Self {
                x as $f
            }
            #[inline(always)]
            fn value(self) -> f64 {
                f64::from(self)
            }
        }
        impl Float for $f {
            const UNDER: Self = -<$f>::from_bits(1);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $f
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$f>::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$f>::sqrt(self)
            }
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                bytes.try_into().map_or(0.0, Self::from_le_bytes)
            }
            #[inline(always)]
            fn finite(self) -> bool {
                self.is_finite()
            }
            #[inline(always)]
            fn vectorize<T>(f: impl FnOnce() -> T) -> T {
                $vectorize(f)
            }
            #[inline(always)]
            fn fused(self, a: Self, b: Self) -> Self {
                self.mul_add(a, b)
            }
            #[inline(always)]
            fn above(lanes: &[Self; 64], edge: Self) -> u64 {
                $above(lanes, edge)
            }
        }
    };
}

/// The oracle runs as it was compiled.
#[inline(always)]
fn plain<T>(f: impl FnOnce() -> T) -> T {
    f()
}

#[inline(always)]
fn widest<T>(f: impl FnOnce() -> T) -> T {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    {
        let level = simd_level();
        if let Some(s) = level.as_avx512() {
            return s.vectorize(f);
        }
        if let Some(s) = level.as_avx2() {
            return s.vectorize(f);
        }
    }
    f()
}

/// A byte for each lane first, then eight at a time by a multiplication that moves the lowest bit of each byte into the
/// highest byte.
#[inline(always)]
fn above_bytes<R: PartialOrd + Copy>(lanes: &[R; 64], edge: R) -> u64 {
    let mut bytes = [0u8; 64];
    for j in 0..64 {
        bytes[j] = u8::from(lanes[j] > edge);
    }
    let mut bits = 0;
    for (n, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        let one = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= one << (8 * n);
    }
    bits
}

/// By the comparison that sets a mask, under the instructions that [`widest`] chose.
#[inline(always)]
fn above_masks(lanes: &[f32; 64], edge: f32) -> u64 {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    {
        #[inline(always)]
        fn masks<S: fearless_simd::Simd>(simd: S, lanes: &[f32; 64], edge: f32) -> u64 {
            let mut bits = 0;
            for n in 0..4 {
                let lanes = f32x16::from_slice(simd, &lanes[16 * n..][..16]);
                bits |= lanes.simd_gt(edge).to_bitmask() << (16 * n);
            }
            bits
        }
        // Not through `simd_level`, whose first call would stand in the inner loops.
        let level = LEVEL.get();
        if let Some(s) = level.and_then(|level| level.as_avx512()) {
            return masks(s, lanes, edge);
        }
        if let Some(s) = level.and_then(|level| level.as_avx2()) {
            return masks(s, lanes, edge);
        }
    }
    above_bytes(lanes, edge)
}

float!(f32, exp_f32, widest, above_masks);
float!(f64, f64::exp, plain, above_bytes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_above_the_edge_has_its_bit() {
        for j in 0..64 {
            let mut z = [-1.0f32; 64];
            (z[j], z[63 - j]) = (0.0, 0.25);
            let both = f32::vectorize(|| f32::above(&z, f32::UNDER));
            assert_eq!(both, 1 << j | 1 << (63 - j));
            assert_eq!(f32::above(&z, 0.0), 1 << (63 - j));
            assert_eq!(above_bytes(&z, f32::UNDER), both);
            assert_eq!(f64::above(&z.map(f64::from), f64::UNDER), both);
        }
    }

    #[test]
    fn exp_f32_is_close_to_exact() {
        let mut worst = 0.0f64;
        for i in -87_000..88_000 {
            let x = i as f32 * 1e-3;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp_f32(x)) / exact - 1.0).abs());
        }
        assert!(worst < 2.4e-7, "{worst}");
        assert!(exp_f32(1e9).is_finite() && exp_f32(-1e9) >= 0.0);
    }
}
