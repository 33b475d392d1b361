//! Data sets by way of links, which must not lead out of the file.

use cortado_base::hdf5::File;
use rust_hdf5::H5File;

#[test]
fn no_link_leads_into_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for name in ["other.h5", "links.h5"] {
        let file = H5File::create(place(name)).unwrap();
        let group = file.create_group("events").unwrap();
        let set = group.new_dataset::<u32>().shape([3]).create("t").unwrap();
        set.write_raw(&[1u32, 2, 3]).unwrap();
        if name == "links.h5" {
            let other = place("other.h5");
            let other = other.to_str().unwrap();
            file.create_soft_link("soft", "/events/t").unwrap();
            file.create_soft_link("group", "events").unwrap();
            file.create_external_link("out", "other.h5", "/events/t")
                .unwrap();
            file.create_external_link("away", other, "/events").unwrap();
            file.create_soft_link("softly", "away").unwrap();
            file.create_soft_link("round", "round").unwrap();
        }
        file.close().unwrap();
    }
    let file = File::open(&place("links.h5")).unwrap();
    for name in ["events/t", "soft", "group/t", "/group/t"] {
        let set = file.dataset(name).unwrap().unwrap();
        assert_eq!(set.whole().unwrap().len(), 12, "{name}");
    }
    for name in ["out", "away/t", "softly/t", "round"] {
        let sentence = file.dataset(name).err().unwrap().to_string();
        let expected = format!("{name}: expected data in this file, got elsewhere");
        assert!(sentence.ends_with(&expected), "{sentence}");
        assert!(!file.has(name));
    }
    assert!(file.dataset("nothing").unwrap().is_none());
}
