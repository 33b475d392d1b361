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

/// The half-precision number of this value; nothing if there is none of exactly this value.
///
/// ```
/// use cortado_base::half::bits_of;
/// assert_eq!(bits_of(-1.5), Some(0xbe00));
/// assert_eq!(bits_of(0.1), None);
/// ```
pub fn bits_of(value: f64) -> Option<u16> {
    if value.is_nan() {
        return Some(0x7e00);
    }
    // The order of the bits is the order of values.
    let (mut low, mut high) = (0u16, 0x7c00u16);
    while low < high {
        let middle = low + (high - low) / 2;
        match f64::from(half(middle)) < value.abs() {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    let sign = u16::from(value.is_sign_negative()) << 15;
    (f64::from(half(low)) == value.abs()).then_some(low | sign)
}

#[cfg(test)]
mod tests {
    use super::{bits_of, half};

    #[test]
    fn bits_are_those_of_the_value() {
        for bits in (0..=0x7c00).chain(0x8000..=0xfc00u16) {
            let value = f64::from(half(bits));
            assert_eq!(bits_of(value), Some(bits), "{value}");
            assert_eq!(
                bits_of(value * (1.0 + 1e-9)).is_some(),
                value == 0.0 || value.is_infinite()
            );
        }
        assert!(f64::from(half(bits_of(f64::NAN).unwrap())).is_nan());
        assert_eq!(bits_of(65520.0), None);
    }

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
