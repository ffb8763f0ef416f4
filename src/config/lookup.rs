//! Which of a configuration's values holds for a layer: hls4ml's order.
//!
//! For a type: name, name's default, class, class's default, model, model's default. For all else:
//! name over class over model. Names match exactly, classes in any case.

use std::collections::BTreeMap;
use std::fmt;

use super::{Config, LayerConfig, Strategy, Weights};
use crate::precision::{Precision, Role, Settings};

/// Where in the configuration a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `LayerName`.
    Name,
    /// `LayerType`.
    Type,
    /// `Model`.
    Model,
}

/// A precision and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookup<'a> {
    /// What it is.
    pub precision: Precision,
    /// In which part of the configuration.
    pub level: Level,
    /// Key in that part; empty for the model.
    pub key: &'a str,
    /// Whether it is that part's default, not listed for the role.
    pub default: bool,
}

impl fmt::Display for Lookup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Name => write!(f, "user: LayerName {}", self.key)?,
            Level::Type => write!(f, "user: LayerType {}", self.key)?,
            Level::Model => write!(f, "user: Model")?,
        }
        f.write_str(if self.default { " (default)" } else { "" })
    }
}

/// Whether hls4ml has a built-in format for the type, which no default of the user replaces.
pub(crate) fn has_builtin(kind: &str, role: Role) -> bool {
    use Role::{ExpTable, InpNorm, InvInp, InvTable, Shift, Slope, Table};
    matches!(role, Table | ExpTable | InvTable | InvInp | InpNorm | Slope | Shift)
        || (matches!(kind, "Softmax" | "LayerNormalization") && role == Role::Accum)
}

/// Whether hls4ml reads the type only from a key ending in `_t`.
pub(crate) fn attribute_only(role: Role) -> bool {
    has_builtin("", role)
}

impl Config {
    /// The entries that hold for a layer, most specific first.
    fn entries<'a>(
        &'a self,
        name: &str,
        kind: &str,
    ) -> impl Iterator<Item = (Level, &'a str, &'a LayerConfig)> {
        let by_name = self.layer_name.get_key_value(name);
        let by_name = by_name.map(|(key, it)| (Level::Name, key.as_str(), it));
        // hls4ml's generator writes `InputLayer`, which its lookup then misses.
        let alias = (kind == "Input" && !self.is_compat()).then_some("InputLayer");
        let by_type = find(&self.layer_type, kind)
            .or_else(|| find(&self.layer_type, alias?))
            .map(|(key, it)| (Level::Type, key, it));
        by_name.into_iter().chain(by_type).chain([(Level::Model, "", &self.model)])
    }

    /// The first value that an entry holding for the layer has.
    fn value<T>(
        &self,
        name: &str,
        kind: &str,
        value: impl Fn(&LayerConfig) -> Option<T>,
    ) -> Option<T> {
        self.entries(name, kind).find_map(|(_, _, entry)| value(entry))
    }

    /// What the user asked for, for one type of a layer.
    pub fn precision(&self, name: &str, kind: &str, role: Role) -> Option<Lookup<'_>> {
        if self.is_compat() {
            return self.hls4ml_precision(name, kind, role);
        }
        let builtin = has_builtin(kind, role);
        self.entries(name, kind).find_map(|(level, key, entry)| {
            let types = &entry.precision;
            let listed = types.roles.get(&role).or(types.attributes.get(&role)).copied();
            let default = types.default.filter(|_| !builtin);
            Some(Lookup { precision: listed.or(default)?, level, key, default: listed.is_none() })
        })
    }

    /// hls4ml sets accumulators and tables from `_t` keys, and everything but tables from `Precision`.
    fn hls4ml_precision(&self, name: &str, kind: &str, role: Role) -> Option<Lookup<'_>> {
        let attribute = |(level, key, entry): (Level, _, &LayerConfig)| {
            let precision = *entry.precision.attributes.get(&role)?;
            (level != Level::Model).then_some(Lookup { precision, level, key, default: false })
        };
        if (role == Role::Accum || attribute_only(role))
            && !matches!(role, Role::Slope | Role::Shift)
            && let Some(found) = self.entries(name, kind).find_map(attribute)
        {
            return Some(found);
        }
        if attribute_only(role) {
            return None;
        }
        // There all that is remembered has the type of the result.
        let role = if role == Role::State { Role::Result } else { role };
        self.entries(name, kind).find_map(|(level, key, entry)| {
            let listed = entry.precision.roles.get(&role).copied();
            let precision = listed.or(entry.precision.default)?;
            Some(Lookup { precision, level, key, default: listed.is_none() })
        })
    }

    /// How often a multiplier of the layer is used for one sample.
    pub fn reuse_factor(&self, name: &str, kind: &str) -> u32 {
        self.value(name, kind, |it| it.reuse_factor).unwrap_or(1)
    }

    /// How the products of the layer are built.
    pub fn strategy(&self, name: &str, kind: &str) -> Strategy {
        self.value(name, kind, |it| it.strategy).unwrap_or_default()
    }

    /// Where the weights of the layer come from.
    pub fn weights(&self, name: &str, kind: &str) -> Weights {
        self.value(name, kind, |it| it.weights).unwrap_or_default()
    }

    /// Whether one cell makes all steps of a recurrent layer. A direction of a bidirectional layer may be
    /// told by the name and the class of the whole.
    pub fn is_static(&self, name: &str, kind: &str) -> bool {
        let whole = ["_forward", "_backward"].iter().find_map(|it| name.strip_suffix(it));
        let named = |name: &str| self.layer_name.get(name).and_then(|it| it.is_static);
        let typed = |kind: &str| find(&self.layer_type, kind).and_then(|it| it.1.is_static);
        let told = named(name).or_else(|| named(whole?)).or_else(|| typed(kind));
        let told = told.or_else(|| whole.and_then(|_| typed("Bidirectional")));
        told.or(self.model.is_static).unwrap_or(true)
    }

    /// Positions of a convolution computed at once; `None` leaves it to the strategy.
    pub fn parallelization_factor(&self, name: &str, kind: &str) -> Option<u32> {
        self.value(name, kind, |it| it.parallelization_factor)
    }

    /// The numbers of an activation that are not formats.
    pub fn settings(&self, name: &str, kind: &str) -> Settings {
        let default = Settings::default();
        // hls4ml's table of roots is longer than its others.
        let entries = if kind == "LayerNormalization" { 4096 } else { default.table_size };
        Settings {
            table_size: self.value(name, kind, |it| it.table_size).unwrap_or(entries),
            exp_table_size: self.value(name, kind, |it| it.exp_table_size),
            inv_table_size: self.value(name, kind, |it| it.inv_table_size),
            softmax: self.value(name, kind, |it| it.softmax).unwrap_or_default(),
            skip: self.value(name, kind, |it| it.skip).unwrap_or(default.skip),
            width: self.width.unwrap_or(default.width),
            weights: self.weights(name, kind),
        }
    }
}

/// The entry of a class: in its own case if there is one, else in any.
fn find<'a, T>(map: &'a BTreeMap<String, T>, class: &str) -> Option<(&'a str, &'a T)> {
    let exact = map.get_key_value(class);
    let any = || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(class));
    exact.or_else(any).map(|(key, value)| (key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::read("test.yml", text).unwrap().0
    }

    #[test]
    fn hls4mls_order() {
        let all = "Model: {Precision: {default: 'fixed<1,0>', weight: 'fixed<2,0>'}}\n\
                   LayerType: {Dense: {Precision: {default: 'fixed<3,0>', weight: 'fixed<4,0>'}}}\n\
                   LayerName: {fc: {Precision: {default: 'fixed<5,0>', weight: 'fixed<6,0>'}}}";
        let of = |text: &str, role| {
            config(text)
                .precision("fc", "Dense", role)
                .map(|it| it.to_string() + ": " + &it.precision.to_string())
        };
        let mut text = all.to_owned();
        for (remove, expected) in [
            (", weight: 'fixed<6,0>'", "user: LayerName fc: fixed<6,0>"),
            ("{Precision: {default: 'fixed<5,0>'}}", "user: LayerName fc (default): fixed<5,0>"),
            (", weight: 'fixed<4,0>'", "user: LayerType Dense: fixed<4,0>"),
            ("{Precision: {default: 'fixed<3,0>'}}", "user: LayerType Dense (default): fixed<3,0>"),
            (", weight: 'fixed<2,0>'", "user: Model: fixed<2,0>"),
            ("{Precision: {default: 'fixed<1,0>'}}", "user: Model (default): fixed<1,0>"),
        ] {
            assert_eq!(of(&text, Role::Weight).as_deref(), Some(expected), "{text}");
            assert!(text.contains(remove), "{text}");
            let rest = if remove.starts_with('{') { "{}" } else { "" };
            text = text.replace(remove, rest);
        }
        assert_eq!(of(&text, Role::Weight), None);
    }

    #[test]
    fn built_in_formats_are_not_replaced_by_defaults() {
        let config = config(
            "Model: {Precision: 'fixed<8,3>'}\nLayerName: {sm: {Precision: 'fixed<9,3>', exp_table_t: 'fixed<12,4>'}}",
        );
        let of = |role| config.precision("sm", "Softmax", role).map(|it| it.precision.to_string());
        assert_eq!(of(Role::ExpTable).as_deref(), Some("fixed<12,4>"));
        assert_eq!(of(Role::InvTable), None);
        assert_eq!(of(Role::Accum), None);
        assert_eq!(of(Role::Result).as_deref(), Some("fixed<9,3>"));
    }

    #[test]
    fn names_exactly_and_classes_in_any_case() {
        let config = config(
            "LayerName: {FC: {ReuseFactor: 4}, fc: {ReuseFactor: 2}}\n\
             LayerType: {dense: {Strategy: resource}}",
        );
        assert_eq!(config.reuse_factor("FC", "Dense"), 4);
        assert_eq!(config.reuse_factor("fc", "Dense"), 2);
        assert_eq!(config.reuse_factor("Fc", "Dense"), 1);
        assert_eq!(config.strategy("other", "Dense"), Strategy::Resource);
        assert_eq!(config.strategy("other", "Conv2D"), Strategy::Latency);
    }
}
