//! Forms that the value of a claim can have.
//!
//! Names are kept byte for byte: a form accepts or refuses a value and never normalises it.

use serde_json::Value;

use crate::corporate_number::CorporateNumber;

/// The longest text of a claim, in bytes.
const MAX_TEXT: usize = 512;
/// The most elements of an array.
const MAX_ELEMENTS: usize = 64;

/// The form that a value must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text of 1 to 512 bytes without control characters. It is not normalised.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// 法人番号: thirteen digits, one of them a check digit.
    CorporateNumber,
    /// A country (ISO 3166-1): two capital letters.
    Country,
    /// A Japanese prefecture (ISO 3166-2): `JP-01` to `JP-47`.
    Region,
    /// A Japanese municipality: five digits and a check digit.
    MunicipalityCode,
    /// A day: `YYYY-MM-DD`.
    Date,
    /// An email address with one `@`.
    Email,
    /// An integer from the first to the second number.
    Integer(u64, u64),
    /// A number that is not negative.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `true` or `false`: whether the number in the claim of this name is this high or higher.
    AtLeast(&'static str, u64),
    /// An object. Its members have rules of their own.
    Object,
    /// An array of 1 to 64 elements. The elements have a rule of their own.
    Array,
}

impl Form {
    /// Whether `value` has this form.
    pub fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Boolean | Self::AtLeast(..), Value::Bool(_)) => true,
            (Self::Object, Value::Object(members)) => !members.is_empty(),
            (Self::Array, Value::Array(elements)) => (1..=MAX_ELEMENTS).contains(&elements.len()),
            (Self::Integer(from, to), Value::Number(number)) => {
                number.as_u64().is_some_and(|number| (from..=to).contains(&number))
            }
            (Self::Number, Value::Number(number)) => {
                number.as_f64().is_some_and(|number| number.is_finite() && number >= 0.0)
            }
            (form, Value::String(text)) => form.accepts_text(text),
            _ => false,
        }
    }

    fn accepts_text(self, text: &str) -> bool {
        match self {
            Self::Text => is_text(text),
            Self::OneOf(texts) => texts.contains(&text),
            Self::CorporateNumber => CorporateNumber::parse(text).is_ok(),
            Self::Country => text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
            Self::Region => is_region(text),
            Self::MunicipalityCode => is_municipality_code(text),
            Self::Date => {
                sekisho_ambient::Timestamp::end_of_day_jst(text).is_some() && is_date(text)
            }
            Self::Email => is_text(text) && is_email(text),
            _ => false,
        }
    }
}

fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_region(text: &str) -> bool {
    let number = text.strip_prefix("JP-").filter(|number| number.len() == 2);
    number
        .and_then(digits)
        .and_then(|d| Some(d.first()? * 10 + d.get(1)?))
        .is_some_and(|n| (1..=47).contains(&n))
}

/// Checks five digits and the check digit (11 − Σ d·w mod 11) mod 10, w = 6, 5, 4, 3, 2.
fn is_municipality_code(text: &str) -> bool {
    let Some(digits) = digits(text).filter(|digits| digits.len() == 6) else { return false };
    let sum: u32 = digits.iter().zip([6, 5, 4, 3, 2]).map(|(digit, weight)| digit * weight).sum();
    digits.last() == Some(&((11 - sum % 11) % 10))
}

/// Whether the text is four, two and two digits. Another check makes sure that the day exists.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(|part| digits(part).is_some())
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let domain_ok = domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.');
    !local.is_empty() && domain_ok && !domain.contains('@') && !text.contains(char::is_whitespace)
}

fn digits(text: &str) -> Option<Vec<u32>> {
    text.chars().map(|digit| digit.to_digit(10)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(form: Form, accepted: &[Value], refused: &[Value]) {
        for value in accepted {
            assert!(form.accepts(value), "{form:?} {value}");
        }
        for value in refused {
            assert!(!form.accepts(value), "{form:?} {value}");
        }
    }

    #[test]
    fn text_is_kept_as_it_is_and_bounded() {
        let names = ["髙", "﨑", "𠮷", "葛\u{e0100}", "\u{fa19}", "山田 太郎"];
        let names: Vec<Value> = names.into_iter().map(Value::from).collect();
        check(Form::Text, &names, &[json!(""), json!("a\nb"), json!("x".repeat(513)), json!(1)]);
    }

    #[test]
    fn a_municipality_code_carries_its_check_digit() {
        let codes = ["131016", "012351", "122173", "271403", "281000"].map(Value::from);
        let wrong = ["131017", "13101", "1310160", "13101a"].map(Value::from);
        check(Form::MunicipalityCode, &codes, &wrong);
    }

    #[test]
    fn a_region_is_one_of_forty_seven() {
        let wrong = ["JP-00", "JP-48", "JP-1", "US-01", "jp-01", "JP-013"].map(Value::from);
        check(Form::Region, &["JP-01", "JP-47"].map(Value::from), &wrong);
    }

    #[test]
    fn a_date_is_a_day_that_exists() {
        let wrong = ["2026-02-29", "2026-3-31", "20260331", "2026-03-31T00:00:00Z"];
        check(Form::Date, &[json!("2028-02-29")], &wrong.map(Value::from));
    }

    #[test]
    fn the_other_forms_accept_their_own_kind_only() {
        check(Form::Country, &[json!("JP")], &[json!("jp"), json!("JPN"), json!(1)]);
        check(
            Form::Email,
            &[json!("taro@setouchi.example")],
            &["@a.b", "a@b", "a@b@c.d", "a b@c.d", "a@.b"].map(Value::from),
        );
        check(
            Form::Integer(0, 4),
            &[json!(0), json!(4)],
            &[json!(5), json!(-1), json!(1.5), json!("1")],
        );
        check(Form::Number, &[json!(1.5), json!(0)], &[json!(-1), json!("1")]);
        check(Form::Boolean, &[json!(true)], &[json!("true"), json!(1)]);
        check(Form::OneOf(&["a"]), &[json!("a")], &[json!("b"), json!(["a"])]);
        check(Form::Array, &[json!([1])], &[json!([]), json!(vec![0; 65])]);
        check(Form::Object, &[json!({"a": 1})], &[json!({}), json!([])]);
        check(Form::CorporateNumber, &[json!("8900000000001")], &[json!("8900000000002")]);
    }
}
