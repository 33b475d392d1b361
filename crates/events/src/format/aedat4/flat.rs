//! As much of FlatBuffers as AEDAT 4 needs, every access within bounds.
//!
//! A buffer begins with its size and the offset of the root table, followed by four letters that name its kind. All
//! offsets are relative to where they stand. A table begins with the offset, backwards, of a list of 16-bit numbers: its
//! size, the table's size, and for each field its place in the table, or 0 for a field that is not there.

/// A table in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    place: usize,
}

fn read<const N: usize>(bytes: &[u8], place: usize) -> Option<[u8; N]> {
    bytes.get(place..)?.first_chunk::<N>().copied()
}

/// What an offset that stands at a place points to.
fn target(bytes: &[u8], place: usize) -> Option<usize> {
    place.checked_add(u32::from_le_bytes(read(bytes, place)?) as usize)
}

/// The root table of a buffer of a kind, which begins with its size; what follows it is left out.
pub(super) fn root<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<Table<'a>> {
    let size = u32::from_le_bytes(read(bytes, 0)?) as usize;
    let bytes = bytes.get(..size.checked_add(4)?)?;
    (read(bytes, 8)? == *kind).then_some(())?;
    let place = target(bytes, 4)?;
    Some(Table { bytes, place })
}

/// The number of elements of the vector in the root table of a buffer, of which only the start may be there.
pub(super) fn count(bytes: &[u8]) -> Option<u32> {
    let place = target(bytes, 4)?;
    let table = Table { bytes, place };
    let vector = target(bytes, table.field(0)?)?;
    Some(u32::from_le_bytes(read(bytes, vector)?))
}

impl<'a> Table<'a> {
    /// The place of a field, if it is there.
    fn field(self, number: usize) -> Option<usize> {
        let back = i32::from_le_bytes(read(self.bytes, self.place)?);
        let list = usize::try_from(self.place as i64 - i64::from(back)).ok()?;
        let size = usize::from(u16::from_le_bytes(read(self.bytes, list)?));
        let entry = 4 + 2 * number;
        (entry + 2 <= size).then_some(())?;
        let field = u16::from_le_bytes(read(self.bytes, list.checked_add(entry)?)?);
        (field != 0).then(|| self.place + usize::from(field))
    }

    /// Bytes of a field that is not an offset.
    pub fn value<const N: usize>(self, number: usize) -> Option<[u8; N]> {
        read(self.bytes, self.field(number)?)
    }

    /// A number of 64 bits, 0 if it is not there.
    pub fn long(self, number: usize) -> i64 {
        self.value(number).map_or(0, i64::from_le_bytes)
    }

    /// Place and number of the elements of a vector, each of `size` bytes; none for one that is not there. `None` if it is
    /// not within the buffer.
    fn elements(self, number: usize, size: usize) -> Option<(usize, usize)> {
        let Some(field) = self.field(number) else {
            return Some((0, 0));
        };
        let place = target(self.bytes, field)?;
        let count = u32::from_le_bytes(read(self.bytes, place)?) as usize;
        let start = place.checked_add(4)?;
        let end = start.checked_add(count.checked_mul(size)?)?;
        (end <= self.bytes.len()).then_some((start, count))
    }

    /// The bytes of a vector with elements of `size` bytes; `None` if it is not within the buffer.
    pub fn vector(self, number: usize, size: usize) -> Option<&'a [u8]> {
        let (start, count) = self.elements(number, size)?;
        Some(&self.bytes[start..start + count * size])
    }

    /// The tables of a vector of offsets; each may be `None` if its offset points outside of the buffer.
    pub fn tables(self, number: usize) -> Option<impl Iterator<Item = Option<Table<'a>>>> {
        let (start, count) = self.elements(number, 4)?;
        Some((0..count).map(move |i| {
            let place = target(self.bytes, start + 4 * i)?;
            Some(Table { place, ..self })
        }))
    }
}
