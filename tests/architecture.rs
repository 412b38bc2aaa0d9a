//! Holds the layering: who may use whom. Parses every path in `src`, so that a new arrow has to be drawn here first.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// Module, the modules of ours that it may use, the outside crates that only some may use.
const MAY_USE: &[(&str, &[&str], &[&str])] = &[
    ("tag", &[], &[]),
    ("queue", &[], &["tokio"]),
    ("access", &[], &[]),
    ("audit", &["tag", "access"], &[]),
    ("expression", &["tag"], &["winnow"]),
    ("alarm", &["tag", "access", "expression"], &[]),
    ("screen", &["tag"], &[]),
    ("command", &["tag", "access", "audit"], &[]),
    ("automation", &["tag", "expression", "command", "access", "audit"], &[]),
    ("handover", &["tag", "alarm", "audit", "command"], &[]),
    (
        "driver",
        &["tag", "command", "audit", "queue"],
        &["tokio", "tokio_serial", "tokio_rustls", "rustls", "rumqttc", "prost", "socket2"],
    ),
    (
        "engine",
        &["tag", "access", "audit", "expression", "alarm", "automation", "command", "driver", "screen"],
        &["tokio"],
    ),
    ("disk", &["tag"], &["rusqlite"]),
    ("recorder", &["tag", "access", "audit", "alarm", "queue", "disk"], &["tokio", "rusqlite"]),
    ("historian", &["tag", "queue", "disk"], &["tokio", "rusqlite", "pco", "rustix"]),
    (
        "config",
        &["tag", "access", "expression", "alarm", "automation", "command", "driver", "engine", "screen"],
        &["rumqttc"],
    ),
    (
        "station",
        &[
            "tag",
            "access",
            "audit",
            "alarm",
            "command",
            "driver",
            "engine",
            "recorder",
            "historian",
            "config",
            "queue",
            "screen",
            "disk",
            "sound",
            "handover",
            "outbox",
        ],
        &["tokio", "rusqlite"],
    ),
    ("outbox", &["tag", "driver", "queue", "disk"], &["tokio", "rusqlite"]),
    ("sound", &["tag", "alarm"], &[]),
    ("simulate", &["tag", "command", "config", "driver", "queue"], &["tokio", "tokio_serial", "rumqttc"]),
    ("demo", &["queue"], &["tokio", "tokio_modbus", "rumqttc"]),
    (
        "gui",
        &[
            "tag",
            "alarm",
            "audit",
            "command",
            "driver",
            "engine",
            "historian",
            "recorder",
            "screen",
            "station",
            "queue",
        ],
        &["egui", "eframe", "egui_plot"],
    ),
    ("headless", &["tag", "alarm", "command", "driver", "engine", "queue", "station"], &["tokio"]),
    (
        "cli",
        &[
            "tag",
            "access",
            "alarm",
            "audit",
            "command",
            "config",
            "demo",
            "disk",
            "driver",
            "engine",
            "gui",
            "headless",
            "historian",
            "recorder",
            "simulate",
            "sound",
            "station",
        ],
        &[],
    ),
];

/// Crates that only those may use who name them above.
const GUARDED: &[&str] = &[
    "tokio",
    "tokio_serial",
    "tokio_modbus",
    "tokio_rustls",
    "rustls",
    "prost",
    "rumqttc",
    "rusqlite",
    "pco",
    "rustix",
    "socket2",
    "winnow",
    "egui",
    "eframe",
    "egui_plot",
];

#[derive(Default)]
struct Paths(BTreeSet<String>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&names);
        syn::visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &mut Vec::new());
    }

    /// Tests may look further.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

impl Paths {
    fn add(&mut self, names: &[String]) {
        match names {
            [first, second, ..] if first == "crate" => drop(self.0.insert(format!("crate::{second}"))),
            [first, _, ..] => drop(self.0.insert(first.clone())),
            _ => {}
        }
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before);
                before.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before)),
            syn::UseTree::Name(name) => self.leaf(&name.ident, before),
            syn::UseTree::Rename(name) => self.leaf(&name.ident, before),
            syn::UseTree::Glob(_) => self.add(&[before.clone(), vec!["*".to_owned()]].concat()),
        }
    }

    fn leaf(&mut self, ident: &syn::Ident, before: &[String]) {
        self.add(&[before.to_vec(), vec![ident.to_string()]].concat());
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

fn module_of(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

#[test]
fn every_path_keeps_to_the_layers() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    assert!(all.len() > 60, "the sources were not found");
    let mut wrong = Vec::new();
    for file in all {
        let module = module_of(&source, &file);
        if module == "main" || module == "lib" {
            continue;
        }
        let (_, ours, outside) = MAY_USE.iter().find(|(name, _, _)| *name == module).unwrap_or_else(|| {
            panic!("{} is a new module: say in tests/architecture.rs whom it may use", file.display())
        });
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(&std::fs::read_to_string(&file).unwrap()).unwrap());
        for path in paths.0 {
            let fine = match path.strip_prefix("crate::") {
                Some(other) => other == module || ours.contains(&other),
                None => !GUARDED.contains(&path.as_str()) || outside.contains(&path.as_str()),
            };
            if !fine {
                wrong.push(format!("{} uses {path}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whom a certificate does not vouch for is not spoken to: nothing here may look away from it, not even by an option.
#[test]
fn nothing_skips_the_check_of_a_certificate() {
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let speaks_tls = all.iter().filter(|file| std::fs::read_to_string(file).unwrap().contains("rustls::"));
    assert!(speaks_tls.count() > 0, "the sources were not found");
    for file in all {
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase().replace(['_', '-'], "");
        for word in [
            "dangerous",
            "servercertverif",
            "certverifier",
            "withcustomcertificate",
            "acceptinvalid",
            "acceptanycert",
            "dangeraccept",
            "skipverif",
            "noverif",
            "insecure",
            "verifynone",
        ] {
            assert!(!text.contains(word), "{} has \"{word}\": certificates are always checked", file.display());
        }
    }
}

/// The pure modules read no clock and do no I/O of their own.
#[test]
fn the_core_does_no_io() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in
        ["tag", "expression", "access", "audit", "alarm", "automation", "command", "engine", "handover", "screen"]
    {
        let mut all = Vec::new();
        files(&source.join(module), &mut all);
        for file in all {
            let text = std::fs::read_to_string(&file).unwrap();
            for word in ["std::fs", "std::net", "std::thread", "println!", "std::io", "std::env"] {
                assert!(!text.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}
