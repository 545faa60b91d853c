//! The laws of the fuzz targets, over their seeds and over noise.

#[path = "../../../fuzz/laws.rs"]
mod held;

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;

type Law = fn(&[u8]);

const LAWS: [(&str, Law); 24] = [
    ("www_authenticate", held::www_authenticate),
    ("oci_tag", held::oci_tag),
    ("link", held::link),
    ("location", held::location),
    ("retry_after", held::retry_after),
    ("warning", held::warning),
    ("token", held::token),
    ("no_proxy", held::no_proxy),
    ("journal", held::journal),
    ("manifest", held::manifest),
    ("docker_config", held::docker_config),
    ("layout_tar", held::layout_tar),
    ("layout_index", held::layout_index),
    ("template", held::template),
    ("message", held::message),
    ("git_tag", held::git_tag),
    ("policy", held::policy),
    ("bake", held::bake),
    ("workflow", held::workflow),
    ("goreleaser", held::goreleaser),
    ("leg", held::leg),
    ("dockerfile", held::dockerfile),
    ("credential_key", held::credential_key),
    ("push_door", held::push_door),
];

/// The seeds of a target: where the fuzzer begins.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let files = fs::read_dir(&place).unwrap_or_else(|error| panic!("{name}: {error}"));
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn every_target_has_a_law_and_its_seeds_obey_it() {
    for (name, law) in LAWS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        seeds.iter().for_each(|seed| law(seed));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let targets: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().with_extension(""))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let laws: BTreeSet<String> = LAWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets, laws);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// A seed with a piece of noise in it.
    #[test]
    fn noise_obeys(noise in prop::collection::vec(any::<u8>(), 0..12), at in any::<prop::sample::Index>(), which in any::<prop::sample::Index>()) {
        for (name, law) in LAWS {
            let seeds = seeds(name);
            let mut input = seeds[which.index(seeds.len())].clone();
            let at = at.index(input.len() + 1);
            let end = (at + noise.len()).min(input.len());
            input.splice(at..end, noise.iter().copied());
            law(&input);
        }
    }
}
