//! The layers that `src/lib.rs` draws: imports point down, or sideways within a layer.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top. A module may import from its own layer and from those below.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["server", "bench"],
    &["http", "ws"],
    &["transport"],
    &["chat"],
    &["sync", "auth"],
    &["journal"],
    &["delivery"],
    &["store", "registry", "bus"],
    &["wire"],
    &["domain"],
    &["limits"],
];

/// Modules of one layer that do not know each other.
const STRANGERS: &[[&str; 2]] = &[["http", "ws"], ["store", "registry"], ["sync", "auth"]];

/// Libraries that are used in these modules and nowhere else.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("hyper::", &["http", "ws", "transport", "server"]),
    ("hyper_util::", &["http", "ws"]),
    ("tokio_tungstenite::", &["ws"]),
    ("tokio_postgres::", &["store"]),
    ("rusqlite::", &["store"]),
    ("serde_json::", &["wire", "http", "bench"]),
    ("jsonwebtoken::", &["auth"]),
    ("argon2::", &["auth"]),
    ("clap::", &["server", "bench"]),
];

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| panic!("{module} is in no layer"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code, without comments and without what only its tests import.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "the sources are where they were");
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("lib.rs") && !file.to_string_lossy().ends_with("tests.rs")) {
        let place = file.strip_prefix(&root).unwrap();
        let module = place.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let code = code(file);
        for path in code.match_indices("crate::").chain(code.match_indices("chinwag::")) {
            let rest = &code[path.0 + path.1.len()..];
            let target: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            let is_stranger = STRANGERS.iter().any(|pair| pair.contains(&module) && pair.contains(&target.as_str()));
            if !target.is_empty() && (layer(&target) < layer(module) || is_stranger && target != module) {
                wrong.push(format!("{} imports {target}", place.display()));
            }
        }
        for (library, homes) in KEPT_IN {
            let uses = code
                .match_indices(library)
                .any(|(at, _)| !code[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()));
            if uses && !homes.contains(&module) {
                wrong.push(format!("{} uses {library}", place.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
