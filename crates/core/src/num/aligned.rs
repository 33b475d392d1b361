//! Arrays that start where a cache line does.

use super::Float;
use aligned_vec::{AVec, ConstAlign};
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest register.
const LINE: usize = 64;

/// A vector whose first value stands at the start of a cache line: a load of a whole register that straddles two lines
/// takes twice as long, and an ordinary allocation lets all of them straddle.
///
/// ```
/// use cortado::num::Aligned;
/// let a = Aligned::<f32>::zeros(100);
/// assert_eq!((a.len(), a.as_ptr().align_offset(64)), (100, 0));
/// ```
#[derive(Clone, PartialEq)]
pub struct Aligned<R>(AVec<R, ConstAlign<LINE>>);

impl<R: Float> Aligned<R> {
    /// That many zeros.
    pub fn zeros(len: usize) -> Self {
        let mut new = Self::default();
        new.resize(len);
        new
    }

    /// Of another length: what is added is zero.
    #[inline]
    pub fn resize(&mut self, len: usize) {
        if len != self.0.len() {
            self.0.resize(len, R::ZERO);
        }
    }

    /// Adds values at the end.
    pub fn extend_from_slice(&mut self, values: &[R]) {
        self.0.extend_from_slice(values);
    }
}

impl<R> Aligned<R> {
    /// Takes all values out.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<R> Default for Aligned<R> {
    fn default() -> Self {
        Self(AVec::new(LINE))
    }
}

impl<R> Deref for Aligned<R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        &self.0
    }
}

impl<R> DerefMut for Aligned<R> {
    fn deref_mut(&mut self) -> &mut [R] {
        &mut self.0
    }
}

impl<R: std::fmt::Debug> std::fmt::Debug for Aligned<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
