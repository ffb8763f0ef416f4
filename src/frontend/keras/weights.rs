//! Which stored tensor belongs to which layer, under which role.
//!
//! Keras 3 (and the `.keras` of 2.12-2.15) files weights by *path*: the class names of the layers in
//! the order of the configuration, then an index. HDF5 models file them by layer *name*.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use hdf5_reader::Datatype;

use super::error::KerasError;
use super::h5::{H5, join};
use super::hgq;
use super::model::Layer;
use super::roles;
use super::table::{self, Object};
use crate::source::Tensor;

/// The weights of a model.
pub(super) struct Weights {
    h5: H5,
    layout: Layout,
    /// Whether the file was saved together with the configuration, so that names must agree.
    together: bool,
    used: RefCell<BTreeSet<String>>,
}

enum Layout {
    /// By path below this container: `layers`.
    Paths(&'static str),
    /// By name in this group: `model_weights`.
    Names(&'static str),
}

/// Where the weights of a layer are expected.
pub(super) struct Place<'a> {
    /// By path: the layer's group.
    pub(super) path: Option<String>,
    /// By name: the layers from the outermost nested model down to the layer itself.
    pub(super) chain: &'a [&'a str],
}

type Found = BTreeMap<String, Tensor>;

impl Weights {
    /// Finds out how a file is organized.
    pub(super) fn new(h5: H5, together: bool) -> Result<Weights, KerasError> {
        let layout = if h5.has_group("model_weights") {
            Layout::Names("model_weights")
        } else if h5.texts("", "layer_names").is_some() {
            Layout::Names("")
        } else if h5.has_group("_layer_checkpoint_dependencies") {
            Layout::Paths("_layer_checkpoint_dependencies")
        } else if h5.has_group("layers") || together {
            Layout::Paths("layers")
        } else {
            return Err(KerasError::NotWeights);
        };
        Ok(Weights { h5, layout, together, used: RefCell::default() })
    }

    /// The group that holds the layers of a model, given the model's own group.
    pub(super) fn container(&self, model: &str) -> Option<String> {
        match self.layout {
            Layout::Paths(container) => Some(join(model, container)),
            Layout::Names(_) => None,
        }
    }

    /// The weights of a layer by role.
    pub(super) fn of(
        &self,
        layer: &Layer,
        place: &Place<'_>,
        version: i64,
    ) -> Result<Found, KerasError> {
        let objects = table::objects(&layer.op, &layer.config, version);
        let found = match (&self.layout, &place.path) {
            (Layout::Names(root), _) => self.by_name(layer, root, place.chain)?,
            (Layout::Paths(_), Some(path)) => self.by_path(layer, path, &objects)?,
            (Layout::Paths(_), None) => return Ok(Found::new()),
        };
        let required = objects.iter().flat_map(|object| {
            object.names.iter().take(object.required).map(|name| format!("{}{name}", object.prefix))
        });
        let missing: Vec<_> = required.filter(|role| !found.contains_key(role)).collect();
        match missing.is_empty() {
            true => Ok(found),
            false => Err(KerasError::MissingWeights { roles: missing.join(", ") }),
        }
    }

    /// Stored weights that no layer has taken, training state aside.
    pub(super) fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.h5
            .paths()
            .filter(|path| !used.contains(*path) && !roles::is_bookkeeping(path))
            .filter(|path| match self.layout {
                Layout::Names(root) => super::h5::below(path, root).is_some(),
                Layout::Paths(_) => true,
            })
            .map(str::to_owned)
            .collect()
    }

    fn take(&self, path: &str) -> Result<Option<Tensor>, KerasError> {
        self.used.borrow_mut().insert(path.to_owned());
        self.h5.read(path)
    }

    fn by_path(&self, layer: &Layer, group: &str, objects: &[Object]) -> Result<Found, KerasError> {
        if let Some(name) = self.h5.text(&join(group, "vars"), "name")
            && self.together
            && name != layer.name
        {
            let (path, found) = (group.to_owned(), name.to_owned());
            return Err(KerasError::ForeignWeights { path, found });
        }
        let mut found = Found::new();
        for (part, mut keys) in parts(self.h5.below(group)) {
            if hgq::is_unread(&layer.op, part) {
                continue;
            }
            let part_path = join(group, part);
            self.drop_training_cost(&part_path, &mut keys);
            let names = self.names(part, &part_path, &keys, objects);
            for (at, key) in keys.iter().enumerate() {
                let path = format!("{part_path}/{key}");
                let role = match &names {
                    Some(names) => names.get(at).cloned(),
                    None => Some(roles::of_path(part, key)),
                };
                // A variable too many stays unused, which tells of a mistake.
                let Some(role) = role else { continue };
                found.extend(self.take(&path)?.map(|tensor| (role, tensor)));
            }
        }
        Ok(found)
    }

    /// Roles of the variables of a part of a layer, if they are known.
    fn names(
        &self,
        part: &str,
        path: &str,
        keys: &[String],
        objects: &[Object],
    ) -> Option<Vec<String>> {
        let numbered = keys.iter().all(|it| it.trim_start_matches("vars/").parse::<u32>().is_ok());
        if !numbered {
            return None;
        }
        if roles::is_quantizer(part) {
            let kind = self.h5.text(&format!("{path}/vars"), "name")?;
            let is_byte = |at: usize| {
                let dataset = self.h5.dataset(&format!("{path}/{}", keys.get(at)?))?;
                Some(matches!(dataset.dtype(), Datatype::FixedPoint { size: 1, .. }))
            };
            let names = roles::quantizer(kind, is_byte(1)?, is_byte(2)?)?;
            return Some(names.iter().map(|name| roles::of_path(part, name)).collect());
        }
        let plain = roles::without_underscores(part);
        let object = objects.iter().find(|it| it.path == plain && !it.names.is_empty())?;
        Some(object.names.iter().map(|name| format!("{}{name}", object.prefix)).collect())
    }

    /// HGQ2 layers end their trainable variables with `beta` (f32) and `ebops` (u32), two scalars
    /// that only the cost of the training knows.
    fn drop_training_cost(&self, part: &str, keys: &mut Vec<String>) {
        let is_scalar = |key: &String, unsigned: bool| {
            self.h5.dataset(&format!("{part}/{key}")).is_some_and(|it| {
                let kind = match it.dtype() {
                    Datatype::FloatingPoint { size: 4, .. } => !unsigned,
                    Datatype::FixedPoint { size: 4, signed: false, .. } => unsigned,
                    _ => false,
                };
                kind && it.shape().is_empty()
            })
        };
        let at = (1..keys.len())
            .find(|at| is_scalar(&keys[at - 1], false) && is_scalar(&keys[*at], true));
        if let Some(at) = at {
            for key in keys.drain(at - 1..=at) {
                self.used.borrow_mut().insert(format!("{part}/{key}"));
            }
        }
    }

    fn by_name(&self, layer: &Layer, root: &str, chain: &[&str]) -> Result<Found, KerasError> {
        let group = join(root, chain.first().copied().unwrap_or(&layer.name));
        let all = self.h5.texts(&group, "weight_names").unwrap_or_default();
        let nested = chain.len() > 1;
        let mine = |name: &&&str| !nested || roles::is_within(name, &[layer.name.as_str()]);
        // Equal names in several nested models: the one whose path tells all the models.
        let exact = all.iter().any(|it| nested && roles::is_within(it, chain));
        let mine = |name: &&&str| mine(name) && (!exact || roles::is_within(name, chain));
        let names: Vec<_> = all.iter().filter(mine).collect();
        let inner =
            layer.config.get("layer").and_then(|it| it.get("config")?.get("name")?.as_str());
        let inner = inner.filter(|_| layer.op == "TimeDistributed");
        let has_cost = names.iter().any(|it| it.ends_with("/ebops"));
        let mut found = Found::new();
        let mut seen = Vec::new();
        for name in names {
            let path = join(&group, name);
            let role = roles::of_name(&layer.op, &layer.name, inner, name);
            let role = hgq::by_name(&layer.op, role, &mut seen);
            if hgq::is_unread(&layer.op, &role) {
                continue;
            }
            let scalar = self.h5.dataset(&path).is_some_and(|it| it.shape().is_empty());
            let is_cost = has_cost && scalar && matches!(role.as_str(), "beta" | "ebops");
            if is_cost || roles::is_bookkeeping(name) {
                self.used.borrow_mut().insert(path);
                continue;
            }
            let role = if found.contains_key(&role) { (*name).to_owned() } else { role };
            found.extend(self.take(&path)?.map(|tensor| (role, tensor)));
        }
        Ok(found)
    }
}

/// Splits `cell/vars/0` into a part and a key, keys in the order of their numbers.
fn parts(paths: Vec<&str>) -> BTreeMap<&str, Vec<String>> {
    let mut parts = BTreeMap::<&str, Vec<String>>::new();
    for path in paths.into_iter().filter(|it| !roles::is_bookkeeping(it)) {
        let at = match path.starts_with("vars/") {
            true => Some(0),
            false => path.rfind("/vars/").map(|it| it + 1),
        };
        let (part, key) = path.split_at(at.unwrap_or(0));
        parts.entry(part.trim_end_matches('/')).or_default().push(key.to_owned());
    }
    for keys in parts.values_mut() {
        keys.sort_by_cached_key(|it| {
            (it.trim_start_matches("vars/").parse::<u32>().ok(), it.clone())
        });
    }
    parts
}
