//! Parameters of a request: a query or a form body, with repeated names kept (RFC 6749, 3.1 and 3.2).
//!
//! Invariant: a parameter without a value counts as absent. No reader can choose between two values
//! of one name: [`Params::one`] refuses a name that occurs twice. Unknown names are kept and
//! ignored.

use percent_encoding::percent_decode;
use thiserror::Error;

/// The most parameters that a query or body may have.
pub const MAX_PARAMETERS: usize = 128;

/// Decoded parameters in the order in which they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

/// Why a query or a form body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamsError {
    /// The decoded text is not UTF-8.
    #[error("a parameter is not UTF-8")]
    Encoding,
    /// There are more than [`MAX_PARAMETERS`].
    #[error("more than {MAX_PARAMETERS} parameters")]
    TooMany,
}

/// The name of a parameter that occurs more than once (checklist GEN-4).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("parameter {0} occurs more than once")]
pub struct Duplicate(pub String);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text: a query without `?`, or a form body.
    pub fn parse(text: &str) -> Result<Self, ParamsError> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name)?, decode(value)?));
            if pairs.len() > MAX_PARAMETERS {
                return Err(ParamsError::TooMany);
            }
        }
        Ok(Self::from_pairs(pairs))
    }

    /// Takes parameters that are already decoded. Those without a value are dropped.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of `name`, or `None` if it is absent or empty.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Duplicate> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Duplicate(name.to_owned())),
            (value, None) => Ok(value),
        }
    }

    /// All values of `name`, for the few parameters that may be repeated.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether `name` occurs with a value.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The first name that occurs twice and is not in `repeatable`.
    pub fn duplicate(&self, repeatable: &[&str]) -> Option<Duplicate> {
        let mut seen = std::collections::HashSet::new();
        self.0
            .iter()
            .map(|(name, _)| name.as_str())
            .find(|name| !repeatable.contains(name) && !seen.insert(*name))
            .map(|name| Duplicate(name.to_owned()))
    }

    /// Joins these parameters and those of `other`. A name that is in both then counts as repeated.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The same parameters as a query.
    pub fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.iter()).finish()
    }

    /// All names and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Prints only the names, because values may be secrets.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Decodes one name or value: `+` is a space, `%XX` is a byte.
pub(crate) fn decode(text: &str) -> Result<String, ParamsError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| ParamsError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded() {
        let params = Params::parse("scope=openid+email&state=%E7%A5%9E%26&x&=y&&b=1=2").unwrap();
        assert_eq!(params.one("scope"), Ok(Some("openid email")));
        assert_eq!(params.one("state"), Ok(Some("神&")));
        assert_eq!(params.one("b"), Ok(Some("1=2")));
        assert_eq!(params.one("x"), Ok(None));
        assert_eq!(params.one("none"), Ok(None));
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_however_it_is_spelt() {
        let params = Params::parse("state=a&%73tate=a").unwrap();
        assert_eq!(params.one("state"), Err(Duplicate("state".to_owned())));
        assert_eq!(params.duplicate(&[]), Some(Duplicate("state".to_owned())));
        assert_eq!(params.duplicate(&["state"]), None);
    }

    #[test]
    fn a_name_in_query_and_body_is_a_duplicate() {
        let (query, body) = (Params::parse("a=1").unwrap(), Params::parse("a=1").unwrap());
        assert!(query.and(body).one("a").is_err());
    }

    #[test]
    fn an_empty_value_is_absent() {
        let params = Params::parse("state=&state=x&nonce=").unwrap();
        assert_eq!(params.one("state"), Ok(Some("x")));
        assert!(!params.has("nonce"));
    }

    #[test]
    fn a_query_says_the_same_again() {
        let params = Params::parse("scope=openid+email&state=%E7%A5%9E%26&b=1=2&b=1").unwrap();
        assert_eq!(Params::parse(&params.to_query()), Ok(params));
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert_eq!(Params::parse("state=%ff"), Err(ParamsError::Encoding));
        assert_eq!(Params::parse("%c3=1"), Err(ParamsError::Encoding));
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        assert!(Params::parse(&"a=1&".repeat(MAX_PARAMETERS)).is_ok());
        assert_eq!(Params::parse(&"a=1&".repeat(MAX_PARAMETERS + 1)), Err(ParamsError::TooMany));
    }

    #[test]
    fn debug_shows_names_only() {
        let params = Params::parse("client_secret=hush").unwrap();
        assert_eq!(format!("{params:?}"), r#"["client_secret"]"#);
    }
}
