//! Half-precision numbers (IEEE 754 binary16), which the standard library does not have yet.

/// The value of a half-precision number; every one is a `f32` exactly.
///
/// One sign bit, five of exponent `e`, ten of fraction `f`:
/// `(-1)^s 2^(e - 15) (1 + f / 1024)`, for `e = 0` `(-1)^s 2^-14 f / 1024`, for `e = 31` infinity or not a number.
pub fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        0 => {
            let size = fraction as f32 * 2f32.powi(-24);
            f32::from_bits(sign | size.to_bits())
        }
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    /// All finite values against the formula in double precision, and the order of the bits is the order of values.
    #[test]
    fn every_value_follows_the_formula() {
        for bits in 0..0x7c00u16 {
            let (e, f) = (i32::from(bits >> 10), f64::from(bits & 0x3ff));
            let expected = if e == 0 {
                2f64.powi(-14) * f / 1024.0
            } else {
                2f64.powi(e - 15) * (1.0 + f / 1024.0)
            };
            assert_eq!(f64::from(half(bits)), expected, "{bits:#x}");
            assert_eq!(f64::from(half(bits | 0x8000)), -expected, "{bits:#x}");
        }
        assert!(half(0x8000).is_sign_negative());
        assert_eq!(half(0x7c00), f32::INFINITY);
        assert_eq!(half(0xfc00), f32::NEG_INFINITY);
        assert!((0x7c01..0x8000).all(|bits| half(bits).is_nan()));
    }
}
