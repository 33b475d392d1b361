//! Arrays against NumPy, there and back.

mod common;

use std::path::Path;
use std::process::Command;

use common::{fixture, real_data};
use cortado_base::npy::{self, Array, Data};
use cortado_base::npz;
use proptest::prelude::*;

/// What tests/oracle/npz.py put into a member of `types.npz`.
fn expected(kind: &str) -> Data {
    macro_rules! whole {
        ($type:ty, $first:expr) => {
            Data::from(vec![
                $first,
                $first + 7,
                $first + 14,
                $first + 21,
                <$type>::MIN,
                <$type>::MAX,
            ])
        };
    }
    match kind {
        "b1" => Data::Bool(vec![true, false, true, false, false, true]),
        "u1" => whole!(u8, 1),
        "u2" => whole!(u16, 1),
        "u4" => whole!(u32, 1),
        "u8" => whole!(u64, 1),
        "i1" => whole!(i8, -15),
        "i2" => whole!(i16, -15),
        "i4" => whole!(i32, -15),
        "i8" => whole!(i64, -15),
        "f8" => Data::F64((0..6).map(|i| f64::from(i) * 0.375 - 1.0).collect()),
        _ => Data::F32((0..6).map(|i| i as f32 * 0.375 - 1.0).collect()),
    }
}

#[test]
fn every_type_in_both_orders() {
    for file in ["types.npz", "types-stored.npz"] {
        let arrays = npz::read(&fixture(file), npz::LIMIT).unwrap();
        assert_eq!(arrays.len(), 45);
        for (name, array) in arrays {
            assert_eq!(array.shape, [2, 3], "{name}");
            assert_eq!(array.data, expected(&name[..2]), "{name}");
        }
    }
}

#[test]
fn shapes_and_halves() {
    let arrays = npz::read(&fixture("shapes.npz"), npz::LIMIT).unwrap();
    assert_eq!(arrays["scalar"], Array::new(vec![], vec![2.5f64]).unwrap());
    assert_eq!(
        arrays["empty"],
        Array::new(vec![0, 3], Vec::<f32>::new()).unwrap()
    );
    let counted = Array::new(vec![2, 3, 4], (0..24i16).collect::<Vec<_>>()).unwrap();
    assert_eq!(arrays["fortran3"], counted);
    let halves = arrays["halves"].to_f32();
    let bits: Vec<u32> = halves.iter().map(|x| x.to_bits()).collect();
    let third = 1365.0 / 4096.0f32; // The nearest half to 1/3.
    let finite = [
        0.0,
        -0.0,
        third,
        65504.0,
        2f32.powi(-24),
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];
    assert_eq!(bits[..7], finite.map(f32::to_bits));
    assert!(halves[7].is_nan());
    assert_eq!(halves[8], 2f32.powi(-14));
}

#[test]
fn versions_of_the_header() {
    for version in 1..=3 {
        let array = npy::read(&fixture(&format!("version{version}.npy"))).unwrap();
        assert_eq!(array, Array::new(vec![5], vec![0i32, 1, 2, 3, 4]).unwrap());
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for (file, descr) in [("record", "[("), ("text", "<U2"), ("complex", "<c16")] {
        let e = npy::read(&fixture(&format!("{file}.npy")))
            .unwrap_err()
            .to_string();
        assert!(e.contains("expected descr") && e.contains(descr), "{e}");
    }
}

fn header(text: &str) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// A header that lies about the size costs no memory.
#[test]
fn sizes_that_are_not_there() {
    for (shape, word) in [
        ("(4611686018427387904,)", "fits in memory"),
        ("(4294967296, 4294967296, 0)", "fits in memory"),
        ("(1000000000000,)", "got fewer"),
        ("(-1,)", "fortran_order"),
        ("(1.5,)", "fortran_order"),
        ("(1,), 'shape': (1,)", "fortran_order"),
        ("()", "got more"),
    ] {
        let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}");
        let bytes = [header(&text), vec![0; 16]].concat();
        let e = npy::decode(&bytes, "a test").unwrap_err().to_string();
        assert!(e.contains(word), "{shape}: {e}");
    }
    let many = format!(
        "{{'descr': '<f8', 'fortran_order': False, 'shape': ({})}}",
        "1, ".repeat(65)
    );
    let e = npy::decode(&header(&many), "a test")
        .unwrap_err()
        .to_string();
    assert!(e.contains("at most 64 dimensions, got 65"), "{e}");
    let long = [b"\x93NUMPY\x02\x00".to_vec(), vec![255; 4]].concat();
    let e = npy::decode(&long, "a test").unwrap_err().to_string();
    assert!(e.contains("length of the header"), "{e}");
}

/// Zeros pack a thousand times over; the limit is on what comes out.
#[test]
fn a_bomb_is_refused() {
    let zeros = Array::new(vec![4 << 20], vec![0u8; 4 << 20]).unwrap();
    let bytes = npz::encode(&[("a", &zeros), ("b", &zeros)]).unwrap();
    assert!(bytes.len() < 20_000);
    let limit = 7 << 20;
    let e = npz::decode(&bytes, "a test", limit)
        .unwrap_err()
        .to_string();
    assert!(
        e.contains("member b.npy") && e.contains("at most 3145728 bytes"),
        "{e}"
    );
    assert_eq!(npz::decode(&bytes, "a test", 8 << 20).unwrap()["b"], zeros);
}

#[test]
fn whole_numbers_only_where_asked() {
    let array = |data: Data| Array::new(vec![data.len()], data).unwrap();
    let big = array(vec![u64::MAX].into());
    assert_eq!(big.to_u64("t").unwrap(), [u64::MAX]);
    assert!(big.to_i64("t").is_err());
    assert_eq!(array(vec![-3.0f32].into()).to_i64("t").unwrap(), [-3]);
    for x in [0.5, f64::NAN, f64::INFINITY, 1e30, -1e300] {
        assert!(array(vec![x].into()).to_i64("t").is_err(), "{x}");
    }
    assert_eq!(array(vec![true, false].into()).to_u64("t").unwrap(), [1, 0]);
}

#[test]
fn names_are_written_once() {
    let one = Array::new(vec![1], vec![1u8]).unwrap();
    assert!(npz::encode(&[("a", &one), ("a", &one)]).is_err());
    let wrong = Array {
        shape: vec![2],
        data: vec![1u8].into(),
    };
    let e = npz::encode(&[("a", &wrong)]).unwrap_err().to_string();
    assert!(
        e.contains("as many numbers as the shape [2] has, got 1"),
        "{e}"
    );
}

#[test]
fn the_same_arrays_give_the_same_bytes() {
    let one = Array::new(vec![3], vec![1.5f32, 2.5, 3.5]).unwrap();
    let [a, b] = [(); 2].map(|()| npz::encode(&[("x", &one)]).unwrap());
    assert_eq!(a, b);
}

/// Where NumPy is at hand, it reads what is written here; otherwise this is said.
#[test]
fn numpy_reads_it() {
    let python = std::env::var("CORTADO_PYTHON").unwrap_or("python3".into());
    let has = Command::new(&python).args(["-c", "import numpy"]).output();
    if !has.is_ok_and(|out| out.status.success()) {
        common::skipped("no NumPy for python3 (CORTADO_PYTHON names another)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.npz");
    let arrays = [
        ("a", Array::new(vec![2, 1], vec![0.5f32, -1.0]).unwrap()),
        ("b", Array::new(vec![], vec![i64::MIN]).unwrap()),
        ("c", Array::new(vec![3], vec![true, false, true]).unwrap()),
        ("d", Array::new(vec![0, 2], Vec::<u16>::new()).unwrap()),
    ];
    npz::write(&file, &arrays.each_ref().map(|(n, a)| (*n, a))).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/npz_read.py");
    let out = Command::new(&python)
        .arg(script)
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&out.stdout),
        "a <f4 (2, 1) True 0.5 -1.0\nb <i8 () True -9.223372036854776e+18\n\
         c |b1 (3,) True 1.0 0.0 1.0\nd <u2 (0, 2) True\n",
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn a_real_archive() {
    let Some(folder) = real_data("braille") else {
        return;
    };
    let arrays = npz::read(&folder.join("braille/braille.npz"), npz::LIMIT).unwrap();
    assert_eq!(arrays["taxels"].shape, [1350, 77, 12]);
    let mut count = [0; 27];
    for label in arrays["labels"].to_u64("labels").unwrap() {
        count[label as usize] += 1;
    }
    assert_eq!(count, [50; 27]);
    let lengths = arrays["lengths"].to_u64("lengths").unwrap();
    assert!(lengths.iter().all(|l| (76..=77).contains(l)));
}

fn any_array() -> impl Strategy<Value = Array> {
    prop::collection::vec(0usize..4, 0..4).prop_flat_map(|shape| {
        let n: usize = shape.iter().product();
        macro_rules! some {
            ($type:ty) => {
                prop::collection::vec(any::<$type>(), n).prop_map(Data::from)
            };
        }
        let data = prop_oneof![
            some!(bool),
            some!(u8),
            some!(u16),
            some!(u32),
            some!(u64),
            some!(i8),
            some!(i16),
            some!(i32),
            some!(i64),
            some!(f32),
            some!(f64)
        ];
        data.prop_map(move |data| Array {
            shape: shape.clone(),
            data,
        })
    })
}

proptest! {
    #[test]
    fn there_and_back(arrays in prop::collection::btree_map("[a-z_/]{1,8}", any_array(), 0..4)) {
        let folder = tempfile::tempdir().unwrap();
        let list: Vec<_> = arrays.iter().map(|(n, a)| (n.as_str(), a)).collect();
        let file = folder.path().join("a.npz");
        npz::write(&file, &list).unwrap();
        prop_assert_eq!(npz::read(&file, npz::LIMIT).unwrap(), arrays.clone());
        for array in arrays.values() {
            let file = folder.path().join("a.npy");
            npy::write(&file, array).unwrap();
            prop_assert_eq!(&npy::read(&file).unwrap(), array);
        }
    }
}
