//! Arrays of numbers of one type.

use crate::{Error, Result};

/// NumPy has no more.
pub(crate) const MAX_DIMENSIONS: usize = 64;

/// An array of numbers, the last index running fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions; none for a single number.
    pub shape: Vec<usize>,
    /// As many numbers as the product of `shape`.
    pub data: Data,
}

/// A number as the conversions of [`Array`] see it.
trait Number: Copy + ToString {
    fn as_f32(self) -> f32;
    fn as_f64(self) -> f64;
    /// The number if it is whole; beyond 128 bits the nearest that there is.
    fn whole(self) -> Option<i128>;
}

macro_rules! number {
    ($whole:expr; $($type:ty),*) => {$(
        impl Number for $type {
            fn as_f32(self) -> f32 {
                self as f32
            }
            fn as_f64(self) -> f64 {
                self as f64
            }
            fn whole(self) -> Option<i128> {
                $whole(self.as_f64()).then_some(self as i128)
            }
        }
    )*};
}
number!(|_| true; u8, u16, u32, u64, i8, i16, i32, i64);
number!(|x: f64| x.fract() == 0.0; f32, f64);

impl Number for bool {
    fn as_f32(self) -> f32 {
        f32::from(u8::from(self))
    }
    fn as_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    fn whole(self) -> Option<i128> {
        Some(i128::from(self))
    }
}

macro_rules! kinds {
    ($($kind:ident($type:ty) $descr:literal),*) => {
        /// The numbers of an [`Array`], in the type that they are stored as.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Data {
            $(
                #[doc = concat!("`", stringify!($type), "`, in a file `", $descr, "`.")]
                $kind(Vec<$type>),
            )*
        }

        $(impl From<Vec<$type>> for Data {
            fn from(numbers: Vec<$type>) -> Self {
                Self::$kind(numbers)
            }
        })*

        impl Data {
            /// NumPy's name of the type in which the numbers are written.
            pub fn descr(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $descr,)*
                }
            }
        }

        /// Runs an expression on the vector inside, whatever its type.
        macro_rules! each {
            ($data:expr, $numbers:ident => $do:expr) => {
                match $data {
                    $(Data::$kind($numbers) => $do,)*
                }
            };
        }
    };
}
kinds!(
    Bool(bool) "|b1",
    U8(u8) "|u1",
    U16(u16) "<u2",
    U32(u32) "<u4",
    U64(u64) "<u8",
    I8(i8) "|i1",
    I16(i16) "<i2",
    I32(i32) "<i4",
    I64(i64) "<i8",
    F32(f32) "<f4",
    F64(f64) "<f8"
);

impl Data {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        each!(self, numbers => numbers.len())
    }

    /// Bytes that the numbers take.
    pub(crate) fn bytes(&self) -> u64 {
        each!(self, numbers => size_of_val(numbers.as_slice()) as u64)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The number of elements of a shape; nothing where sizes other than zero multiply to more than a `usize` holds.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    let product = shape
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d.max(1)))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// A shape as it stands in errors.
pub(crate) fn text(shape: &[usize]) -> String {
    let sizes: Vec<_> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(", "))
}

impl Array {
    /// An array of `shape` from numbers with the last index running fastest.
    ///
    /// # Errors
    /// A shape of more than 64 dimensions, or of another number of elements than there are numbers.
    ///
    /// ```
    /// let array = cortado_base::npy::Array::new(vec![2, 2], vec![1i16, 2, 3, 4])?;
    /// assert_eq!(array.to_f32(), [1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(array.data.descr(), "<i2");
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    pub fn new(shape: Vec<usize>, data: impl Into<Data>) -> Result<Self> {
        let data = data.into();
        let array = Self { shape, data };
        array.check("a new array")?;
        Ok(array)
    }

    pub(crate) fn check(&self, at: &str) -> Result<()> {
        if self.shape.len() > MAX_DIMENSIONS {
            let expected = format!("at most {MAX_DIMENSIONS} dimensions");
            return Err(Error::invalid("shape", at, expected, self.shape.len()));
        }
        if elements(&self.shape) != Some(self.data.len()) {
            let expected = format!("as many numbers as the shape {} has", text(&self.shape));
            return Err(Error::invalid("array data", at, expected, self.data.len()));
        }
        Ok(())
    }

    /// All numbers, rounded to the nearest `f32`.
    pub fn to_f32(&self) -> Vec<f32> {
        each!(&self.data, n => n.iter().map(|x| x.as_f32()).collect())
    }

    /// All numbers, rounded to the nearest `f64`.
    pub fn to_f64(&self) -> Vec<f64> {
        each!(&self.data, n => n.iter().map(|x| x.as_f64()).collect())
    }

    /// All numbers as `i64`; `at` says in an error where the array is from.
    ///
    /// # Errors
    /// A number with a fraction, or beyond an `i64`.
    pub fn to_i64(&self, at: &str) -> Result<Vec<i64>> {
        self.to_whole(at, "a whole number that fits i64")
    }

    /// All numbers as `u64`; `at` says in an error where the array is from.
    ///
    /// # Errors
    /// A number with a fraction, below zero, or beyond a `u64`.
    ///
    /// ```
    /// let array = cortado_base::npy::Array::new(vec![2], vec![3.0f32, -0.5])?;
    /// assert_eq!(
    ///     array.to_u64("labels.npy").unwrap_err().to_string(),
    ///     "array value at labels.npy, element 1: expected a whole number that fits u64, got -0.5"
    /// );
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    pub fn to_u64(&self, at: &str) -> Result<Vec<u64>> {
        self.to_whole(at, "a whole number that fits u64")
    }

    fn to_whole<T: TryFrom<i128>>(&self, at: &str, expected: &str) -> Result<Vec<T>> {
        each!(&self.data, numbers => numbers.iter().enumerate().map(|(i, &x)| {
            x.whole().and_then(|w| T::try_from(w).ok()).ok_or_else(|| {
                Error::invalid("array value", format!("{at}, element {i}"), expected, x)
            })
        }).collect())
    }
}
