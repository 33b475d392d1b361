//! throw-away
use cortado_events::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&a[1]).unwrap();
    let format = *format::Format::ALL
        .iter()
        .find(|f| f.name() == a[2])
        .unwrap();
    let head = bytes.windows(6).position(|w| w == b"% end\n").map_or_else(
        || {
            // lines with %
            let mut p = 0;
            while bytes[p] == b'%' {
                p += bytes[p..].iter().position(|&b| b == b'\n').unwrap() + 1;
            }
            p
        },
        |p| p + 6,
    );
    let mut big = bytes[..head].to_vec();
    while big.len() < 64 << 20 {
        big.extend(&bytes[head..]);
    }
    let mut out = Recording::default();
    for _ in 0..8 {
        let s = std::time::Instant::now();
        decode(&big, format, &Options::default(), "x", &mut out).unwrap();
        let e = s.elapsed().as_secs_f64();
        println!(
            "{} M events {:.1} M/s",
            out.events.len() as f64 / 1e6,
            out.events.len() as f64 / e / 1e6
        );
    }
}
