//! The floors of the house, as `ARCHITECTURE.md` draws them: each room imports what its floor allows and nothing else of the crate,
//! and inside a room no two files need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// Strangers to each other, who speak the words of `model`.
const ROOMS: &[&str] = &[
    "mapping", "input", "ledger", "register", "vlens", "report", "sandbox",
];

/// What a room may import beside itself.
fn allowed(room: &str) -> Vec<&'static str> {
    // Names are compared, headers shown and words known the same way everywhere.
    let ground = ["error", "model", "failpoint", "mapping::names"];
    match room {
        "error" | "failpoint" => Vec::new(),
        "model" => vec!["error"],
        "clock" => vec!["model"],
        // Who waits has a clock.
        "register" | "vlens" => [&ground[..], &["clock"]].concat(),
        room if ROOMS.contains(&room) => ground.to_vec(),
        "send" => [&ground, ROOMS, &["clock"]].concat(),
        "cli" => [&ground, ROOMS, &["clock", "send"]].concat(),
        // The shell around the house: it opens the door.
        "" | "main" => vec!["cli"],
        other => panic!("src has a room `{other}` that the floors do not know"),
    }
}

#[test]
fn every_room_imports_what_its_floor_allows() {
    let house = House::read();
    let mut wrong = Vec::new();
    for (module, file) in &house.files {
        let room = module.first().map_or("", String::as_str);
        let allowed = allowed(room);
        for path in file
            .imports
            .iter()
            .filter_map(|path| house.absolute(module, path))
        {
            let other = path[0].as_str();
            let is_allowed = other == room
                || allowed.contains(&other)
                || allowed.contains(&path[..path.len().min(2)].join("::").as_str());
            // A path that begins with one of the file's own names, not with a room.
            if house.files.contains_key(&path[..1]) && !room.is_empty() && !is_allowed {
                wrong.push(format!("{} imports {}", file.name, path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_ledger_and_the_register_speak_to_a_database() {
    for path in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&path).expect("a file of ours");
        for (library, room) in [("rusqlite", "ledger"), ("tokio_postgres", "register")] {
            let is_there = path.components().any(|part| part.as_os_str() == room);
            assert!(
                is_there || !text.contains(library),
                "{}: {library}",
                path.display()
            );
        }
    }
}

#[test]
fn no_files_need_each_other() {
    let house = House::read();
    let mut arrows = house.arrows();
    let seen: usize = arrows.values().map(BTreeSet::len).sum();
    assert!(seen > 300, "only {seen} imports found");
    // Whoever needs nobody, or is needed by nobody, is in no circle.
    let mut before = usize::MAX;
    while arrows.len() < before {
        before = arrows.len();
        let needed: BTreeSet<Module> = arrows.values().flatten().cloned().collect();
        arrows.retain(|from, to| !to.is_empty() && needed.contains(from));
        let left: BTreeSet<Module> = arrows.keys().cloned().collect();
        for to in arrows.values_mut() {
            to.retain(|to| left.contains(to));
        }
    }
    assert!(arrows.is_empty(), "these need each other: {arrows:#?}");
}

#[test]
fn every_error_and_finding_that_is_named_has_its_sentences_and_fills_their_gaps() {
    names_have_sentences(&["Error", "Finding"], "errors.toml", ["message", "hint"]);
    names_have_sentences(&["Fault", "Note"], "model/faults.toml", ["en", "ar"]);
}

/// Of what `KIND::of(name, fills)` tells by this table, in these parts.
fn names_have_sentences(kinds: &'static [&'static str], table: &str, parts: [&str; 2]) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let text = std::fs::read_to_string(src.join(table)).expect("a file of ours");
    let tables: BTreeMap<String, toml::Table> = toml::from_str(&text).expect("sentences");
    // Faults stand below their codes.
    let below = tables.values().flatten();
    let below = below.filter_map(|(name, told)| Some((name.clone(), told.as_table()?.clone())));
    let mut sentences: BTreeMap<String, toml::Table> = below.collect();
    if sentences.is_empty() {
        sentences = tables;
    }
    let gaps = |name: &str| {
        let told = &sentences[name];
        let texts = parts.map(|part| {
            told.get(part)
                .map_or("", |text| text.as_str().unwrap_or(""))
        });
        let numbers = (1..9).filter(|number| texts.concat().contains(&format!("{{{number}}}")));
        numbers.collect::<Vec<usize>>()
    };
    let mut literals = String::new();
    for path in rust_files(&src) {
        let text = std::fs::read_to_string(&path).expect("a file of ours");
        let mut told = Told(kinds, Vec::new());
        told.visit_file(&syn::parse_file(&text).expect("Rust"));
        for (name, fills) in told.1 {
            assert_eq!(gaps(&name), (1..=fills).collect::<Vec<_>>(), "{name}");
        }
        literals += &text;
    }
    // Such a command is completed, to mean the config and ledger at hand.
    assert!(!text.contains("`vlens-batch "), "{table}");
    let acts = |name: &str| {
        sentences
            .get(name)
            .is_some_and(|told| told.contains_key("kind"))
    };
    let is_clear = |name: &String| acts(name) || name.split('.').next().is_some_and(acts);
    assert!(
        table != "errors.toml" || sentences.keys().all(is_clear),
        "who acts?"
    );
    let is_unused = |name: &&String| !literals.contains(&format!("\"{name}\""));
    let unused: Vec<&String> = sentences.keys().filter(is_unused).collect();
    assert!(unused.is_empty(), "nobody tells {unused:?}");
}

/// What of a kind a file tells by name, each with how many gaps it fills.
struct Told(&'static [&'static str], Vec<(String, usize)>);

impl<'ast> Visit<'ast> for Told {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        use syn::{Expr, Lit};
        let is_path = |path: &syn::Path| {
            let mut steps = path.segments.iter().map(|step| step.ident.to_string());
            let kind = steps.next().unwrap_or_default();
            self.0.contains(&&*kind) && steps.eq(["of"])
        };
        if let Expr::Path(function) = &*call.func
            && is_path(&function.path)
            && let [Expr::Lit(name), Expr::Reference(fills)] = [&call.args[0], &call.args[1]]
            && let (Lit::Str(name), Expr::Array(fills)) = (&name.lit, &*fills.expr)
        {
            self.1.push((name.value(), fills.elems.len()));
        }
        visit::visit_expr_call(self, call);
    }
}

/// The names on the way to a module, from the crate's root.
type Module = Vec<String>;
/// A path as it is written, `crate`, `super` and `self` included.
type Path_ = Vec<String>;

struct House {
    files: BTreeMap<Module, File>,
}

#[derive(Default)]
struct File {
    name: String,
    /// Every path that may lead to another file.
    imports: Vec<Path_>,
    /// What a `use` makes known under a name, and what `use …::*` does.
    aliases: BTreeMap<String, Path_>,
    globs: Vec<Path_>,
    /// `mod name;`
    children: BTreeSet<String>,
}

impl House {
    fn read() -> House {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        for path in rust_files(&src) {
            let name = path.strip_prefix(&src).ok().and_then(Path::to_str);
            let name = name.expect("a name in UTF-8");
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let mut file = File {
                name: format!("src/{name}"),
                ..File::default()
            };
            file.visit_file(&syn::parse_file(&text).expect(name));
            let module = name.trim_end_matches(".rs").trim_end_matches("/mod");
            let module = match module {
                "lib" => Vec::new(),
                module => module.split('/').map(str::to_owned).collect(),
            };
            files.insert(module, file);
        }
        assert!(files.len() > 50, "only {} files found", files.len());
        // Test modules are not declared where it counts.
        let is_declared = |module: &Module| match module.split_last() {
            Some((name, parent)) if name != "main" => files
                .get(parent)
                .is_some_and(|parent: &File| parent.children.contains(name)),
            _ => true,
        };
        let modules = files.keys().filter(|module| !is_declared(module));
        let tests: Vec<Module> = modules.cloned().collect();
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        House { files }
    }

    /// The path from the crate's root; none for a path into another crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut base = module.clone();
        let mut rest = path;
        match path[0].as_str() {
            "crate" => base.clear(),
            "super" | "self" => {}
            name if self.files[module].children.contains(name) => {}
            _ => return None,
        }
        while let Some(step @ ("crate" | "self" | "super")) = rest.first().map(String::as_str) {
            if step == "super" {
                base.pop();
            }
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        (!base.is_empty()).then_some(base)
    }

    /// The module of the file that defines what `path` names from the crate's root.
    fn defining(&self, path: &[String], depth: u8) -> Module {
        let known = (0..=path.len())
            .rev()
            .find(|&end| self.files.contains_key(&path[..end]));
        let end = known.unwrap_or(0);
        let module = path[..end].to_vec();
        let Some(name) = path.get(end).filter(|_| depth < 8) else {
            return module;
        };
        let file = &self.files[&module];
        let through = |target: &Path_, rest: &[String]| {
            let target = self.absolute(&module, target)?;
            Some([&target, rest].concat())
        };
        if let Some(target) = file
            .aliases
            .get(name)
            .and_then(|target| through(target, &path[end + 1..]))
        {
            return self.defining(&target, depth + 1);
        }
        for target in file
            .globs
            .iter()
            .filter_map(|target| through(target, &path[end..]))
        {
            let found = self.defining(&target, depth + 1);
            let is_there = self
                .files
                .get(&found)
                .is_some_and(|file| file.aliases.contains_key(name));
            if is_there {
                return found;
            }
        }
        module
    }

    /// From each file to those that it needs, or declares.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut arrows = BTreeMap::new();
        for (module, file) in self.files.iter().filter(|(module, _)| !module.is_empty()) {
            let mut to: BTreeSet<Module> = file
                .imports
                .iter()
                .filter_map(|path| self.absolute(module, path))
                .map(|path| self.defining(&path, 0))
                .collect();
            to.extend(
                file.children
                    .iter()
                    .map(|child| [module, std::slice::from_ref(child)].concat()),
            );
            to.retain(|to| to != module && !to.is_empty() && self.files.contains_key(to));
            arrows.insert(module.clone(), to);
        }
        arrows
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    let is_test =
        |list: &syn::MetaList| list.path.is_ident("cfg") && list.tokens.to_string() == "test";
    attributes
        .iter()
        .any(|attribute| matches!(&attribute.meta, syn::Meta::List(list) if is_test(list)))
}

impl File {
    fn add_use(&mut self, tree: &syn::UseTree, mut path: Path_) {
        match tree {
            syn::UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.add_use(&step.tree, path);
            }
            syn::UseTree::Group(group) => {
                group
                    .items
                    .iter()
                    .for_each(|tree| self.add_use(tree, path.clone()));
            }
            syn::UseTree::Glob(_) => {
                self.imports.push(path.clone());
                self.globs.push(path);
            }
            syn::UseTree::Name(name) => self.add_name(&name.ident, &name.ident, path),
            syn::UseTree::Rename(name) => self.add_name(&name.ident, &name.rename, path),
        }
    }

    fn add_name(&mut self, name: &syn::Ident, known_as: &syn::Ident, mut path: Path_) {
        if name != "self" {
            path.push(name.to_string());
        }
        let known_as = if known_as == "self" {
            path.last().cloned()
        } else {
            Some(known_as.to_string())
        };
        self.imports.push(path.clone());
        self.aliases
            .extend(known_as.map(|known_as| (known_as, path)));
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() {
            self.children.insert(item.ident.to_string());
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            self.imports.push(
                path.segments
                    .iter()
                    .map(|step| step.ident.to_string())
                    .collect(),
            );
        }
        visit::visit_path(self, path);
    }

    /// What stands inside a macro's brackets is no syntax yet: its paths are found by their first word.
    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        let text = found.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            if word.starts_with("crate::") || word.starts_with("super::") {
                self.imports
                    .push(word.split("::").map(str::to_owned).collect());
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
