//! The global heap of an HDF5 file, where rows of variable length lie.
//!
//! A collection is `GCOL`, a version 1, three bytes, its size (`u64`), and then objects: an index (`u16`), a count of
//! references (`u16`), four bytes, a size (`u64`), and that many bytes, padded to a multiple of eight. Index 0 is what
//! is free, at the end. A row is the number of its elements (`u32`), the address of a collection (`u64`) and an index
//! in it (`u32`). All is little-endian.
//!
//! Whatever a file says, memory is bounded by its length: in a whole file objects do not overlap, so there are no more
//! of them than fit, and what is taken out of them for one data set is no longer than the file.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

/// Bytes before the first object of a collection, and before the data of an object.
const HEAD: u64 = 16;
/// The address of what is nowhere.
const NOWHERE: u64 = u64::MAX;

type Found<T> = std::result::Result<T, String>;

pub(super) struct Heap {
    file: BufReader<File>,
    length: u64,
    /// Where address 0 is.
    base: u64,
    /// Place and size of each object of the collections seen so far.
    objects: HashMap<(u64, u32), (u64, u64)>,
    collections: HashSet<u64>,
    /// Objects that there may be, and bytes that may yet be taken.
    objects_left: u64,
    bytes_left: u64,
}

impl Heap {
    pub fn new(file: File, length: u64, base: u64) -> Self {
        Self {
            file: BufReader::new(file),
            length,
            base,
            objects: HashMap::new(),
            collections: HashSet::new(),
            objects_left: length / HEAD,
            bytes_left: length,
        }
    }

    /// Begins another data set.
    pub fn restart(&mut self) {
        self.bytes_left = self.length;
    }

    /// The bytes of a row whose elements take `size` bytes each.
    pub fn object(&mut self, reference: &[u8], size: usize) -> Found<Vec<u8>> {
        let &[n0, n1, n2, n3, ref address @ .., i0, i1, i2, i3] = reference else {
            return Err(format!("{} bytes for the place of a row", reference.len()));
        };
        let address =
            <[u8; 8]>::try_from(address).map_err(|_| "addresses of another size than 8")?;
        let (address, index) = (
            u64::from_le_bytes(address),
            u32::from_le_bytes([i0, i1, i2, i3]),
        );
        let length = u64::from(u32::from_le_bytes([n0, n1, n2, n3])) * size as u64;
        if length == 0 {
            return Ok(Vec::new());
        }
        if address == 0 || address == NOWHERE {
            return Err("a row that is nowhere".into());
        }
        if self.collections.insert(address) {
            self.index(address)?;
        }
        let missing = || format!("no object {index} in the heap at {address}");
        let &(place, held) = self.objects.get(&(address, index)).ok_or_else(missing)?;
        if length > held {
            return Err(format!("a row of {length} bytes in an object of {held}"));
        }
        let left = self.bytes_left.checked_sub(length);
        self.bytes_left = left.ok_or("rows that are longer than the file together")?;
        let mut bytes = vec![0; length as usize];
        self.read(place, &mut bytes)?;
        Ok(bytes)
    }

    /// Lists the objects of a collection.
    fn index(&mut self, address: u64) -> Found<()> {
        let start = self
            .base
            .checked_add(address)
            .ok_or("an address beyond the file")?;
        let mut head = [0; HEAD as usize];
        self.read(start, &mut head)?;
        let [b'G', b'C', b'O', b'L', 1, _, _, _, size @ ..] = head else {
            return Err(format!("no heap at {address}"));
        };
        let end = start.saturating_add(u64::from_le_bytes(size));
        let outside = || format!("a heap at {address} that does not fit");
        if end > self.length {
            return Err(outside());
        }
        let mut place = start + HEAD;
        while place + HEAD <= end {
            self.read(place, &mut head)?;
            let [i0, i1, _, _, _, _, _, _, size @ ..] = head;
            let (index, size) = (u16::from_le_bytes([i0, i1]), u64::from_le_bytes(size));
            if index == 0 {
                break;
            }
            let left = self.objects_left.checked_sub(1);
            self.objects_left = left.ok_or("heaps that overlap")?;
            let data = place + HEAD;
            let after = size
                .checked_next_multiple_of(8)
                .and_then(|s| data.checked_add(s));
            place = after.filter(|&p| p <= end).ok_or_else(outside)?;
            self.objects
                .insert((address, u32::from(index)), (data, size));
        }
        Ok(())
    }

    /// Fills `bytes` from a place in the file; nearby places come from the buffer.
    fn read(&mut self, place: u64, bytes: &mut [u8]) -> Found<()> {
        let end = place.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(format!("{} bytes at {place} beyond the file", bytes.len()));
        }
        let seek = self.file.stream_position().and_then(|now| {
            match i64::try_from(place)
                .ok()
                .and_then(|p| p.checked_sub_unsigned(now))
            {
                Some(step) => self.file.seek_relative(step),
                None => self.file.seek(SeekFrom::Start(place)).map(|_| ()),
            }
        });
        seek.and_then(|()| self.file.read_exact(bytes))
            .map_err(|e| e.to_string())
    }
}
