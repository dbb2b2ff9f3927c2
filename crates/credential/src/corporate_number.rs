//! 法人番号: thirteen digits, of which the first is a check digit over the others (the National Tax
//! Agency's ordinance on corporate numbers, article 2).
//!
//! Invariant: a [`CorporateNumber`] has a valid check digit. Only input forms normalise what people
//! type; credentials and tokens contain just the thirteen digits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// The number of a Japanese corporation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CorporateNumber(String);

/// The reason why a text is not a corporate number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CorporateNumberError {
    /// The text is not exactly thirteen ASCII digits.
    #[error("a corporate number has 13 digits")]
    Shape,
    /// The check digit is wrong.
    #[error("the check digit is {found}, expected {expected}")]
    CheckDigit {
        /// The first digit of the text.
        found: u32,
        /// The check digit that belongs to the other twelve digits.
        expected: u32,
    },
}

impl CorporateNumber {
    /// Reads exactly thirteen digits and verifies the check digit.
    pub fn parse(text: &str) -> Result<Self, CorporateNumberError> {
        let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(10)).collect();
        let digits =
            digits.filter(|digits| digits.len() == 13).ok_or(CorporateNumberError::Shape)?;
        let (&found, others) = digits.split_first().ok_or(CorporateNumberError::Shape)?;
        let expected = check_digit(others);
        if found != expected {
            return Err(CorporateNumberError::CheckDigit { found, expected });
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the thirteen digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Computes 9 − (Σ Pₙ·Qₙ mod 9), where Pₙ is the n-th digit from the right and Qₙ is 1 for odd n
/// and 2 for even n. The result is never 0.
fn check_digit(others: &[u32]) -> u32 {
    let sum: u32 = others.iter().rev().zip([1, 2].into_iter().cycle()).map(|(p, q)| p * q).sum();
    9 - sum % 9
}

/// Normalises a number that a person typed: converts full-width digits and removes spaces, hyphens
/// and a leading `T` (as invoices write it). The result may still not be a corporate number.
pub fn normalise_input(text: &str) -> String {
    let narrow = text.trim().chars().filter_map(|character| match character {
        '０'..='９' => char::from_digit(u32::from(character) - u32::from('０'), 10),
        'Ｔ' | 'ｔ' | 't' => Some('T'),
        ' ' | '\u{3000}' | '\t' | '-' | '‐' | '‑' | '–' | '—' | '−' | 'ー' | '－' => {
            None
        }
        other => Some(other),
    });
    let narrow: String = narrow.collect();
    narrow.strip_prefix('T').unwrap_or(&narrow).to_owned()
}

impl fmt::Display for CorporateNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CorporateNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_and_sample_numbers_pass() {
        for number in [
            "7123456789012",
            "8900000000001",
            "7900000000002",
            "6900000000003",
            "5900000000004",
            "4900000000005",
        ] {
            assert_eq!(CorporateNumber::parse(number).unwrap().as_str(), number);
        }
    }

    #[test]
    fn a_wrong_check_digit_is_refused() {
        for number in ["8900000000002", "0900000000009", "7123456789021"] {
            let refused = CorporateNumber::parse(number);
            assert!(matches!(refused, Err(CorporateNumberError::CheckDigit { .. })), "{number}");
        }
    }

    #[test]
    fn only_thirteen_plain_digits_are_read() {
        for number in [
            "",
            "890000000000",
            "89000000000010",
            "T8900000000001",
            "８900000000001",
            " 8900000000001",
        ] {
            assert_eq!(
                CorporateNumber::parse(number),
                Err(CorporateNumberError::Shape),
                "{number}"
            );
        }
    }

    #[test]
    fn what_people_type_is_normalised() {
        for typed in
            ["Ｔ８９００-0000-00001", " 8 9000 0000 0001 ", "t8900000000001", "8900‐0000−00001"]
        {
            assert_eq!(normalise_input(typed), "8900000000001", "{typed}");
        }
        assert_eq!(normalise_input("TT8900000000001"), "T8900000000001");
    }
}
