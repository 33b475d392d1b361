//! How long folders of recordings take to load without the cache of samples, with an empty one and with a full one:
//!
//! ```text
//! cargo run --release -p cortado-data --example cache [ROUNDS]
//! ```
//! Recordings are made up: ascending times, pixels anywhere. Files are in the disk's cache. `crop_time` changes nothing, which shows what
//! the cache costs a format that it does not serve without changes. The least of 5 rounds each.

use std::path::Path;
use std::time::Instant;

use cortado_base::rng::{Purpose, Rng};
use cortado_data::cache::Cache;
use cortado_data::recordings::{Changes, load};
use cortado_events::format::Format;
use cortado_events::transform::Pipeline;
use cortado_events::{Event, Geometry, Recording, write};

/// Format, ending, files, events of each, side of the sensor.
const SETS: [(Format, &str, usize, usize, u16); 6] = [
    (Format::Nmnist, "bin", 2000, 4100, 34),
    (Format::Aedat2, "aedat", 50, 131_072, 128),
    (Format::Aedat31, "aedat", 50, 131_072, 128),
    (Format::Aedat4, "aedat4", 50, 131_072, 128),
    (Format::Csv, "csv", 50, 65_536, 128),
    (Format::Dsec, "h5", 50, 131_072, 128),
];

const CHANGES: [(&str, &str); 4] = [
    ("none", "[]"),
    ("crop_time", r#"[{"type": "crop_time", "start": 0}]"#),
    (
        "crop, denoise",
        r#"[{"type": "crop", "x": 0, "y": 0, "width": 128, "height": 128}, {"type": "denoise", "filter_time": 5000}]"#,
    ),
    (
        "drop_event, time_jitter",
        r#"[{"type": "drop_event", "p": 0.1}, {"type": "time_jitter", "std": 100}]"#,
    ),
];

fn recording(file: usize, events: usize, side: u16) -> Recording {
    let mut rng = Rng::new(1, file as u32, Purpose::Events, 0);
    let mut t = 0;
    let mut event = || {
        t += u64::from(rng.below(150));
        let [x, y] = [0; 2].map(|_| rng.below(side.into()) as u16);
        let p = rng.below(2) == 0;
        Event { t, x, y, p }
    };
    Recording {
        events: (0..events).map(|_| event()).collect(),
        geometry: Some(Geometry::new(side, side)),
        ..Recording::default()
    }
}

/// Writes the recordings, half for training; gives their bytes.
fn make(
    folder: &Path,
    (format, ending, files, events, side): (Format, &str, usize, usize, u16),
) -> u64 {
    let mut bytes = 0;
    for i in 0..files {
        let part = ["train", "test"][i % 2];
        let folder = folder.join(part).join((i / 2 % 10).to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{i:05}.{ending}"));
        write(&path, format, &recording(i, events, side)).unwrap();
        bytes += std::fs::metadata(&path).unwrap().len();
    }
    bytes
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let rounds: usize = rounds.unwrap_or(5);
    println!("| format | files | MB | changes | MB kept | without, ms | empty, ms | full, ms |");
    println!("|---|---|---|---|---|---|---|---|");
    for set in SETS {
        let folder = tempfile::tempdir().unwrap();
        let megabytes = make(folder.path(), set) as f64 * 1e-6;
        for (name, json) in CHANGES {
            let transforms: Pipeline = serde_json::from_str(json).unwrap();
            let time = |cache: &Cache| {
                let changes = Changes {
                    transforms: &transforms,
                    seed: 0,
                    cache,
                };
                let start = Instant::now();
                load("set", folder.path(), "", &changes).unwrap();
                start.elapsed().as_secs_f64() * 1e3
            };
            let mut least = [f64::INFINITY; 3];
            let mut kept = 0;
            for _ in 0..rounds {
                let place = tempfile::tempdir().unwrap();
                let caches = [
                    Cache::off(),
                    Cache::at(place.path()),
                    Cache::at(place.path()),
                ];
                for (least, cache) in least.iter_mut().zip(&caches) {
                    *least = least.min(time(cache));
                }
                kept = caches[2].usage().unwrap().bytes;
            }
            let [without, empty, full] = least;
            println!(
                "| {} | {} | {megabytes:.0} | {name} | {:.0} | {without:.0} | {empty:.0} | {full:.0} |",
                set.0.name(),
                set.2,
                kept as f64 * 1e-6,
            );
        }
    }
}
