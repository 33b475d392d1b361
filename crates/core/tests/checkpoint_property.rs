//! A damaged checkpoint is refused with a sentence, or was not damaged in what counts; nothing panics.

use cortado::learn::{Fit, FitSpec, Loss, Objective, OptimizerSpec};
use cortado::network::{Network, NetworkSpec};
use proptest::prelude::*;
use proptest::sample::Index;
use sha2::{Digest, Sha256};
use std::path::Path;

const MANIFEST: &str = "manifest.json";
const NUMBERS: &str = "numbers-0.safetensors";

fn save(folder: &Path) -> Fit<f32> {
    let nodes = NetworkSpec::new(1e-3).linear("w", 3);
    let spec = nodes.population("p", "lif", &[("tau_mem", 0.02)]);
    let fit = FitSpec {
        rule: cortado::learn::Rule::Bptt,
        wake: 0.0,
        eprop: Default::default(),
        decolle: Default::default(),
        epochs: 1,
        batch: 1,
        objective: Objective::from(Loss::CountCrossEntropy),
        optimizer: OptimizerSpec::default(),
    };
    let fit = Fit::new(Network::new(&[2], &spec, 1).unwrap(), fit).unwrap();
    fit.save(folder, "note".into()).unwrap();
    fit
}

/// Replaces bytes, none of them by a digit: a network of a billion neurons would be no damage.
fn damage() -> impl Strategy<Value = (Vec<(Index, u8)>, Option<Index>)> {
    let byte = any::<u8>().prop_filter("no digit", |b| !b.is_ascii_digit());
    (
        prop::collection::vec((any::<Index>(), byte), 0..4),
        prop::option::of(any::<Index>()),
    )
}

fn apply((bytes, end): &(Vec<(Index, u8)>, Option<Index>), to: &mut Vec<u8>) {
    for (at, byte) in bytes {
        let at = at.index(to.len());
        to[at] = *byte;
    }
    if let Some(end) = end {
        to.truncate(end.index(to.len()));
    }
}

fn weights(fit: &Fit<f32>) -> Vec<f32> {
    fit.net.param("w.weight").unwrap().values()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Numbers that changed on disk are noticed, whatever changed.
    #[test]
    fn damaged_numbers_are_refused(change in damage()) {
        let folder = tempfile::tempdir().unwrap();
        let fit = save(folder.path());
        let path = folder.path().join(NUMBERS);
        let before = std::fs::read(&path).unwrap();
        let mut after = before.clone();
        apply(&change, &mut after);
        std::fs::write(&path, &after).unwrap();
        match Fit::<f32>::load(folder.path()) {
            Ok((read, _)) => {
                prop_assert_eq!(after, before);
                prop_assert_eq!(weights(&read), weights(&fit));
            }
            Err(e) => prop_assert!(after != before && e.to_string().contains("SHA-256"), "{e}"),
        }
    }

    /// The same, with a manifest that says that they are right: then their own form is looked at.
    #[test]
    fn damaged_tensors_are_read_or_refused(change in damage()) {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path());
        let [numbers, manifest] = [NUMBERS, MANIFEST].map(|name| folder.path().join(name));
        let mut bytes = std::fs::read(&numbers).unwrap();
        let digest = |bytes: &[u8]| -> String {
            Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
        };
        let was = digest(&bytes);
        apply(&change, &mut bytes);
        std::fs::write(&numbers, &bytes).unwrap();
        let text = std::fs::read_to_string(&manifest).unwrap();
        prop_assert!(text.contains(&was));
        std::fs::write(&manifest, text.replace(&was, &digest(&bytes))).unwrap();
        if let Ok((fit, _)) = Fit::<f32>::load(folder.path()) {
            prop_assert_eq!(weights(&fit).len(), 6);
        }
    }

    /// A manifest that changed.
    #[test]
    fn damaged_manifests_are_read_or_refused(change in damage()) {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path());
        let path = folder.path().join(MANIFEST);
        let mut bytes = std::fs::read(&path).unwrap();
        apply(&change, &mut bytes);
        std::fs::write(&path, bytes).unwrap();
        if let Ok((fit, _)) = Fit::<f32>::load(folder.path()) {
            prop_assert_eq!(weights(&fit).len(), 6);
        }
    }
}
