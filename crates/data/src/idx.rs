//! IDX files of images and labels, the format of MNIST and Fashion-MNIST.
//!
//! All numbers are big-endian `u32`. An image file is the magic number 0x803, the number of images,
//! rows, columns, then one byte a pixel. A label file is 0x801, the number of labels, then one byte a
//! label. Either may be gzip-compressed; that is seen from the first two bytes, not from the name.

use std::path::Path;

use cortado::{Error, Result};

use crate::Dataset;
use cortado_base::source::Source;

const IMAGES: u32 = 0x803;
const LABELS: u32 = 0x801;

/// Reads an image file and its label file; pixels 0..=255 become 0..=1.
///
/// # Shapes
/// One sample is `[1, rows, columns]`.
///
/// # Errors
/// A file that cannot be read, corrupt gzip, a wrong magic number, no images, too few or too many bytes,
/// different numbers of images and labels, or a label that is not below `classes`.
///
/// ```
/// let folder = tempfile::tempdir().unwrap();
/// let (images, labels) = (folder.path().join("images"), folder.path().join("labels"));
/// // One image of one row and two columns, with the label 7.
/// std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 51, 255]).unwrap();
/// std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
/// let data = cortado_data::idx::read(&images, &labels, 10)?;
/// assert_eq!((data.shape.as_slice(), data.label(0)), (&[1, 1, 2][..], 7));
/// assert_eq!(data.values(0), [0.2, 1.0]);
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn read(images: &Path, labels: &Path, classes: usize) -> Result<Dataset> {
    let ([count, rows, columns], pixels) = read_file::<3>(images, IMAGES)?;
    let ([label_count], label_bytes) = read_file::<1>(labels, LABELS)?;
    if label_count != count {
        return Err(Error::invalid(
            "number of labels",
            labels.display().to_string(),
            format!("{count}, one for each image of {}", images.display()),
            label_count,
        ));
    }
    let samples = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    let label_numbers = label_bytes.iter().map(|&l| u32::from(l)).collect();
    Dataset::new(vec![1, rows, columns], classes, samples, label_numbers).map_err(|e| match e {
        // Sizes and pixels are right by now; what is left is a label, and it needs its file.
        Error::Invalid {
            what,
            at,
            expected,
            got,
        } => Error::invalid(what, format!("{}, {at}", labels.display()), expected, got),
        other => other,
    })
}

/// The `N` dimensions of a file of kind `magic`, all positive, and exactly as many bytes as they say.
fn read_file<const N: usize>(file: &Path, magic: u32) -> Result<([usize; N], Vec<u8>)> {
    let mut source = Source::open(file)?;
    let header = source.read(4 + 4 * N as u64)?;
    let words: Vec<u32> = header
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    if let Some(&got) = words.first().filter(|&&word| word != magic) {
        let kind = if magic == IMAGES { "images" } else { "labels" };
        return Err(source.invalid(
            "magic number",
            format!("{magic:#010x} ({kind})"),
            format!("{got:#010x}"),
        ));
    }
    if words.len() != N + 1 {
        return Err(source.invalid(
            "header length",
            format!("{} bytes", 4 + 4 * N),
            format!("{} (truncated)", header.len()),
        ));
    }
    let mut sizes = [0; N];
    for (i, size) in sizes.iter_mut().enumerate() {
        *size = words[i + 1] as usize;
        if *size == 0 {
            let what = ["number of items", "number of rows", "number of columns"][i];
            return Err(source.invalid(what, "at least 1".into(), 0));
        }
    }
    let shape = sizes.map(|d| d.to_string()).join(" x ");
    let Some(length) = sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) else {
        return Err(source.invalid("dimensions", "a size that fits in memory".into(), shape));
    };
    // One byte more than needed shows that there is more, however much that is.
    let data = source.read((length as u64).saturating_add(1))?;
    if data.len() != length {
        let got = if data.len() > length {
            format!("more (trailing bytes after the first {length})")
        } else {
            format!("{} (truncated)", data.len())
        };
        return Err(source.invalid("data length", format!("{length} bytes ({shape})"), got));
    }
    Ok((sizes, data))
}
