//! Plays every input that is kept, with any toolchain.
#![allow(missing_docs)]

use std::fs;
use std::path::Path;

#[test]
fn every_input_that_is_kept() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in stheno_fuzz::TARGETS {
        let mut files: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no inputs");
        for file in &files {
            let bytes = fs::read(file).unwrap();
            if std::panic::catch_unwind(|| run(&bytes)).is_err() {
                panic!("{}", file.display());
            }
        }
        println!("{name}: {} inputs", files.len());
    }
}
