//! The layers of `src/lib.rs`: imports point down, or sideways within a layer.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top. A module may import from its own layer and from those below.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["server", "bench", "console"],
    &["http", "ws"],
    &["transport"],
    &["api"],
    &["chat"],
    &["sync", "auth"],
    &["journal"],
    &["delivery"],
    &["store", "registry", "bus"],
    &["wire"],
    &["domain"],
    &["limits"],
];

/// Modules of one layer that do not import each other.
const STRANGERS: &[[&str; 2]] = &[["http", "ws"], ["store", "registry"], ["sync", "auth"]];

/// Libraries that only these modules use.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("hyper::", &["http", "ws", "transport", "server", "console"]),
    ("hyper_util::", &["http", "ws", "console"]),
    ("tokio_tungstenite::", &["ws", "console"]),
    ("async_nats::", &["bus", "bench"]),
    ("tokio_postgres::", &["store"]),
    ("rusqlite::", &["store"]),
    ("serde_json::", &["wire", "http", "bench", "console"]),
    ("jsonwebtoken::", &["auth"]),
    ("argon2::", &["auth"]),
    ("clap::", &["server", "bench", "console"]),
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

/// Returns the code without comments and without the imports of its tests.
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

/// Returns the names of the siblings that a file or a folder imports from.
fn imports_of(place: &Path, folder: &Path, root: &Path, siblings: &[String]) -> Vec<String> {
    let mut files = Vec::new();
    if place.is_dir() {
        sources(place, &mut files);
    } else {
        files.push(place.to_owned());
    }
    let absolute: String = folder
        .strip_prefix(root)
        .unwrap()
        .iter()
        .fold("crate".to_owned(), |path, part| format!("{path}::{}", part.to_str().unwrap()));
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !file.to_string_lossy().ends_with("tests.rs")) {
        let code = code(file);
        // A file in a sibling folder reaches them by one more `super`.
        let depth = file.strip_prefix(folder).unwrap().iter().count();
        let relative = "super::".repeat(depth - usize::from(file.ends_with("mod.rs")));
        for prefix in [format!("{absolute}::"), relative] {
            for (at, _) in code.match_indices(&prefix).filter(|(at, _)| !code[..*at].ends_with("super::")) {
                let rest = &code[at + prefix.len()..];
                let names: Vec<&str> = match rest.strip_prefix('{') {
                    Some(list) => list.split('}').next().unwrap().split(',').map(str::trim).collect(),
                    None => vec![rest],
                };
                for name in names {
                    let name: String = name.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                    if siblings.contains(&name) {
                        found.push(name);
                    }
                }
            }
        }
    }
    found
}

/// Returns a cycle of imports among sibling files and folders, if there is one.
fn circle(graph: &[(String, Vec<String>)]) -> Option<Vec<String>> {
    fn walk(name: &str, graph: &[(String, Vec<String>)], path: &mut Vec<String>, done: &mut Vec<String>) -> bool {
        if let Some(start) = path.iter().position(|other| other == name) {
            path.drain(..start);
            return true;
        }
        if done.iter().any(|other| other == name) {
            return false;
        }
        path.push(name.to_owned());
        let imports = graph.iter().find(|(other, _)| other == name).map(|(_, imports)| imports);
        if imports.into_iter().flatten().any(|import| import != name && walk(import, graph, path, done)) {
            return true;
        }
        done.push(path.pop().unwrap());
        false
    }
    let (mut path, mut done) = (Vec::new(), Vec::new());
    graph.iter().any(|(name, _)| walk(name, graph, &mut path, &mut done)).then_some(path)
}

fn folders(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            folders(&path, found);
            found.push(path);
        }
    }
}

#[test]
fn files_inside_a_folder_import_in_no_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    folders(&root, &mut all);
    assert!(all.len() > 15, "the folders are where they were");
    let mut circles = Vec::new();
    for folder in all {
        let places: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let name = |place: &Path| place.file_stem().unwrap().to_str().unwrap().to_owned();
        let places: Vec<_> = places.into_iter().filter(|place| name(place) != "mod").collect();
        let names: Vec<String> = places.iter().map(|place| name(place)).collect();
        let graph: Vec<_> =
            places.iter().map(|place| (name(place), imports_of(place, &folder, &root, &names))).collect();
        if let Some(circle) = circle(&graph) {
            circles.push(format!("{}: {}", folder.strip_prefix(&root).unwrap().display(), circle.join(" → ")));
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}
