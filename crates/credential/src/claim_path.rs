//! Claims path pointers (OpenID4VP 1.0, section 7; SD-JWT VC, section 9.1).
//!
//! Invariant: if a path meets a value of another kind than it expects, it selects nothing at all,
//! as section 7.1 demands, and not the values that remain.

use std::fmt;

use sekisho_jose::Claims;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

/// The most elements of a path.
pub const MAX_ELEMENTS: usize = 32;

/// One element of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathElement {
    /// The member of this name.
    Name(String),
    /// The element at this index, from 0.
    Index(u64),
    /// All elements of an array; `null` in JSON.
    All,
}

/// A path into the claims of a credential.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimPath(pub Vec<PathElement>);

/// The reason why a value is not a path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// The value is not an array of 1 to [`MAX_ELEMENTS`] elements.
    #[error("a claims path is an array of 1 to {MAX_ELEMENTS} elements")]
    Shape,
    /// An element is neither a string, null nor a non-negative integer.
    #[error("element {0} of a claims path is not a string, null or a non-negative integer")]
    Element(usize),
}

impl ClaimPath {
    /// Makes the path of a member at the top level.
    pub fn name(name: impl Into<String>) -> Self {
        Self(vec![PathElement::Name(name.into())])
    }

    /// Reads a path from JSON.
    pub fn from_value(value: &Value) -> Result<Self, PathError> {
        let elements = value.as_array().ok_or(PathError::Shape)?;
        if elements.is_empty() || elements.len() > MAX_ELEMENTS {
            return Err(PathError::Shape);
        }
        let read = |(position, element): (usize, &Value)| match element {
            Value::String(name) => Ok(PathElement::Name(name.clone())),
            Value::Null => Ok(PathElement::All),
            other => other.as_u64().map(PathElement::Index).ok_or(PathError::Element(position)),
        };
        elements.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Writes the path as JSON.
    pub fn to_value(&self) -> Value {
        self.0.iter().map(PathElement::to_value).collect()
    }
}

impl PathElement {
    fn to_value(&self) -> Value {
        match self {
            Self::Name(name) => name.as_str().into(),
            Self::Index(index) => (*index).into(),
            Self::All => Value::Null,
        }
    }
}

/// Writes the path for messages: `name/*/0`.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, element) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("/")?;
            }
            match element {
                PathElement::Name(name) => f.write_str(name)?,
                PathElement::Index(index) => write!(f, "{index}")?,
                PathElement::All => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

impl Serialize for ClaimPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClaimPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

/// One step to a value that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of this name.
    Name(String),
    /// The element at this index.
    Index(usize),
}

/// A value with its place.
pub(crate) type Placed<'v> = (Vec<Step>, &'v Value);

/// Returns the values that `path` selects in `value`, in their order. Returns none if the path
/// leads nowhere or meets a value of another kind (section 7.1).
pub fn select<'v>(value: &'v Value, path: &ClaimPath) -> Vec<&'v Value> {
    select_from(vec![(Vec::new(), value)], &path.0).into_iter().map(|(_, value)| value).collect()
}

/// Returns the values that `path` selects in `claims`.
pub fn select_claims<'v>(claims: &'v Claims, path: &ClaimPath) -> Vec<&'v Value> {
    place_claims(claims, path).into_iter().map(|(_, value)| value).collect()
}

/// Returns the values that `path` selects in `claims`, each with its place.
pub(crate) fn place_claims<'v>(claims: &'v Claims, path: &ClaimPath) -> Vec<Placed<'v>> {
    let Some((PathElement::Name(first), rest)) = path.0.split_first() else { return Vec::new() };
    match claims.get(first) {
        Some(value) => select_from(vec![(vec![Step::Name(first.clone())], value)], rest),
        None => Vec::new(),
    }
}

fn select_from<'v>(mut selected: Vec<Placed<'v>>, path: &[PathElement]) -> Vec<Placed<'v>> {
    for element in path {
        let mut next = Vec::new();
        for (place, value) in selected {
            if !step(&place, value, element, &mut next) {
                return Vec::new();
            }
        }
        selected = next;
    }
    selected
}

/// Takes one step from `value`. Returns false if `value` is of another kind than the step expects.
fn step<'v>(
    place: &[Step],
    value: &'v Value,
    element: &PathElement,
    next: &mut Vec<Placed<'v>>,
) -> bool {
    let then = |step: Step| [place, std::slice::from_ref(&step)].concat();
    match (element, value) {
        (PathElement::Name(name), Value::Object(members)) => {
            let member = members.get(name);
            next.extend(member.map(|member| (then(Step::Name(name.clone())), member)));
        }
        (PathElement::Index(index), Value::Array(elements)) => {
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            next.extend(elements.get(index).map(|element| (then(Step::Index(index)), element)));
        }
        (PathElement::All, Value::Array(elements)) => {
            let all = elements.iter().enumerate();
            next.extend(all.map(|(index, element)| (then(Step::Index(index)), element)));
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "literals are moved")]
    fn path(value: Value) -> ClaimPath {
        ClaimPath::from_value(&value).unwrap()
    }

    /// The example of OpenID4VP 1.0, section 7.3.
    fn credential() -> Value {
        json!({
            "name": "Arthur Dent",
            "address": {"street_address": "42 Market Street", "locality": "Milliways"},
            "degrees": [
                {"type": "Bachelor of Science", "university": "University of Betelgeuse"},
                {"type": "Master of Science", "university": "University of Betelgeuse"},
            ],
            "nationalities": ["British", "Betelgeusian"],
        })
    }

    #[test]
    fn the_examples_of_the_specification_select_what_it_says() {
        let credential = credential();
        let selected = |value| select(&credential, &path(value));
        assert_eq!(selected(json!(["name"])), [&json!("Arthur Dent")]);
        assert_eq!(selected(json!(["address"])), [&credential["address"]]);
        assert_eq!(selected(json!(["address", "street_address"])), [&json!("42 Market Street")]);
        assert_eq!(
            selected(json!(["degrees", null, "type"])),
            [&json!("Bachelor of Science"), &json!("Master of Science")]
        );
        assert_eq!(selected(json!(["nationalities", 1])), [&json!("Betelgeusian")]);
    }

    #[test]
    fn a_path_that_meets_another_kind_of_value_selects_nothing() {
        let mixed = json!({"a": [{"b": 1}, 2]});
        assert!(select(&mixed, &path(json!(["a", null, "b"]))).is_empty());
        for other in [json!(["name", "x"]), json!(["name", null]), json!(["address", 0])] {
            assert!(select(&credential(), &path(other)).is_empty());
        }
    }

    #[test]
    fn what_lacks_a_member_is_left_out() {
        let some = json!({"a": [{"b": 1}, {"c": 2}, {"b": 3}]});
        assert_eq!(select(&some, &path(json!(["a", null, "b"]))), [&json!(1), &json!(3)]);
        assert!(select(&some, &path(json!(["a", 7]))).is_empty());
    }

    #[test]
    fn the_first_element_names_a_claim() {
        let claims = credential().as_object().unwrap().clone();
        assert_eq!(select_claims(&claims, &path(json!(["name"]))), [&json!("Arthur Dent")]);
        assert!(select_claims(&claims, &path(json!([null]))).is_empty());
        assert!(select_claims(&claims, &path(json!([0]))).is_empty());
    }

    #[test]
    fn a_path_is_read_strictly_and_written_as_it_was() {
        let value = json!(["a", null, 3]);
        assert_eq!(path(value.clone()).to_value(), value);
        assert_eq!(path(value).to_string(), "a/*/3");
        for (value, error) in [
            (json!([]), PathError::Shape),
            (json!("a"), PathError::Shape),
            (Value::Array(vec![Value::Null; 33]), PathError::Shape),
            (json!(["a", -1]), PathError::Element(1)),
            (json!(["a", 1.5]), PathError::Element(1)),
            (json!([true]), PathError::Element(0)),
            (json!([["a"]]), PathError::Element(0)),
        ] {
            assert_eq!(ClaimPath::from_value(&value), Err(error), "{value}");
        }
    }
}
