//! Damage to the bytes of a file, the same for the same seed.

/// Numbers that decide what is done (SplitMix64).
pub struct Choices(pub u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A place in something of this length, half of the time near its start, where headers are.
    fn place(&mut self, length: usize) -> usize {
        let near = self.below(2) == 0;
        self.below(if near { length.min(512) } else { length }.max(1))
    }
}

/// Values at which sizes and counts go wrong, in text and in bytes.
const TEXTS: [&str; 10] = [
    "0",
    "-1",
    "1",
    "65535",
    "2147483648",
    "4294967295",
    "18446744073709551615",
    "99999999999999999999",
    "1e308",
    "nan",
];
const VALUES: [u64; 8] = [
    0,
    1,
    u64::MAX,
    1 << 63,
    (1 << 63) - 1,
    0x7fff_ffff,
    0x8000_0000,
    0x7fff_7fff_7fff_7fff,
];

/// The bytes after one to four changes of any kind.
pub fn damaged(bytes: &[u8], choices: &mut Choices) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=choices.below(4) {
        change(&mut bytes, choices);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, choices: &mut Choices) {
    let at = choices.place(bytes.len());
    let kind = choices.below(8);
    match (kind, bytes.get_mut(at)) {
        (0, Some(byte)) => *byte ^= 1 << choices.below(8),
        (1, Some(byte)) => *byte = choices.next() as u8,
        (2, _) => bytes.truncate(at),
        (3, _) => {
            let new: Vec<u8> = (0..=choices.below(20))
                .map(|_| choices.next() as u8)
                .collect();
            bytes.splice(at..at, new);
        }
        (4, _) => {
            let end = (at + choices.below(64)).min(bytes.len());
            let piece: Vec<u8> = bytes.drain(at.min(end)..end).collect();
            if choices.below(2) == 0 {
                let to = choices.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
        }
        (5 | 6, _) => {
            let value = VALUES[choices.below(VALUES.len())].wrapping_add(choices.below(3) as u64);
            let size = [1, 2, 4, 8][choices.below(4)];
            let all = if choices.below(4) == 0 {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            };
            for (byte, new) in bytes.iter_mut().skip(at).zip(&all[..size]) {
                *byte = *new;
            }
        }
        _ => number(bytes, at, choices),
    }
}

/// Puts another number in the place of one that is written in digits, the first from a place on.
fn number(bytes: &mut Vec<u8>, at: usize, choices: &mut Choices) {
    let from = |start: usize, digit: bool| {
        let rest = bytes.iter().skip(start);
        rest.take_while(|b| b.is_ascii_digit() != digit).count() + start
    };
    let start = from(at, true);
    let end = from(start, false);
    let new = TEXTS[choices.below(TEXTS.len())];
    bytes.splice(start.min(end)..end, new.bytes());
}
