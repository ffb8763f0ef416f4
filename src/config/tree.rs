//! YAML and JSON as one plain tree: what a configuration file says, before anyone knows the keys.
//!
//! Keys are strings in file order, and a key that occurs twice is an error in both formats. YAML tags
//! (`!keras_model`, `!!python/tuple`) are dropped: hls4ml writes them, and their contents say enough.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A value of a configuration file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// `null`, `~` or nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Named values, in file order.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads a file; JSON if that is what it is, else YAML.
    pub(crate) fn read(text: &str) -> Result<Tree, NotRead> {
        Tree::read_as(text, serde_saphyr::Options::default())
    }

    /// The same, where `y`, `on` and the like are names and no truth values.
    pub(crate) fn read_names(text: &str) -> Result<Tree, NotRead> {
        Tree::read_as(text, serde_saphyr::options! { strict_booleans: true })
    }

    fn read_as(text: &str, options: serde_saphyr::Options) -> Result<Tree, NotRead> {
        if text.trim_start().starts_with('{') {
            // YAML has the same braces, so that its opinion counts when JSON's is no.
            match serde_json::from_str(text) {
                Ok(tree) => return Ok(tree),
                Err(error) => {
                    return serde_saphyr::from_str_with_options(text, options)
                        .map_err(|_| NotRead::Json(error));
                }
            }
        }
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| NotRead::Yaml(Box::new(error)))
    }
}

/// Why a file is no tree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRead {
    #[error("not valid JSON")]
    Json(#[source] serde_json::Error),
    #[error("not valid YAML")]
    Yaml(#[source] Box<serde_saphyr::Error>),
}

impl fmt::Display for Tree {
    /// Short, for messages: containers by kind only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Null => f.write_str("null"),
            Tree::Bool(v) => v.fmt(f),
            Tree::Int(v) => v.fmt(f),
            Tree::Float(v) => v.fmt(f),
            Tree::Text(v) => write!(f, "{v:?}"),
            Tree::List(_) => f.write_str("a list"),
            Tree::Map(_) => f.write_str("a map"),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Tree, E> {
        Ok(Tree::Int(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Tree, E> {
        Ok(i64::try_from(v).map_or(Tree::Float(v as f64), Tree::Int))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Tree, E> {
        Ok(Tree::Float(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Tree, E> {
        Ok(Tree::Text(v.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        while let Some((key, value)) = map.next_entry::<String, Tree>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("{key:?} occurs twice")));
            }
            entries.push((key, value));
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(v: &str) -> Tree {
        Tree::Text(v.to_owned())
    }

    #[test]
    fn yaml_with_pythons_tags() {
        let tree = Tree::read(
            "KerasModel: !keras_model 'a/keras_model.keras'\nInputShape: !!python/tuple\n- 3\n\
             ClockUncertainty: 27%\nStamp: 1e5\nLayerName:\n  1: {Precision: 'fixed<16,6>'}\n  on: ~\n",
        )
        .unwrap();
        let Tree::Map(entries) = tree else { panic!("a map") };
        assert_eq!(entries[0], ("KerasModel".to_owned(), text("a/keras_model.keras")));
        assert_eq!(entries[1].1, Tree::List(vec![Tree::Int(3)]));
        assert_eq!(entries[2].1, text("27%"));
        let Tree::Map(layers) = &entries[4].1 else { panic!("a map") };
        assert_eq!(layers[0].0, "1");
        assert_eq!(layers[1], ("on".to_owned(), Tree::Null));
    }

    #[test]
    fn a_key_that_occurs_twice_is_an_error() {
        assert!(Tree::read("a: 1\na: 2\n").is_err());
        assert!(Tree::read(r#"{"a": 1, "a": 2}"#).is_err());
    }

    #[test]
    fn json_and_flow_yaml() {
        let expected = Tree::Map(vec![("a".into(), Tree::Bool(true)), ("b".into(), text("c"))]);
        assert_eq!(Tree::read(r#"{"a": true, "b": "c"}"#).unwrap(), expected);
        assert_eq!(Tree::read("{a: true, b: c}").unwrap(), expected);
        assert!(matches!(Tree::read("{\"a\": ]"), Err(NotRead::Json(_))));
        assert!(matches!(Tree::read("a: [1"), Err(NotRead::Yaml(_))));
    }
}
