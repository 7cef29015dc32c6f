//! The fuzzer's seeds, and inputs that once broke something: see `fuzz/Cargo.toml`.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks.rs"]
mod checks;

#[test]
fn nothing_of_the_fuzz_corpus_breaks_anything() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, check) in [
        ("dispatch", checks::dispatch as fn(&[u8])),
        ("frames", checks::frames),
        ("router", checks::router),
        ("socket", checks::socket),
    ] {
        let files: Vec<_> = fs::read_dir(corpus.join(target)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() >= 5, "the corpus of {target} is where it was");
        for file in files {
            // The name is shown only if the next check panics.
            println!("{}", file.display());
            let bytes = fs::read(file).unwrap();
            check(&bytes);
            // Every prefix must be harmless too.
            for end in 0..bytes.len() {
                check(&bytes[..end]);
            }
        }
    }
}
