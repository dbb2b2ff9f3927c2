//! The kinds of affiliation that a credential of type `affiliation` names, and their words.

use serde::{Deserialize, Serialize};

/// How a person belongs to an organization (claim `affiliation_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AffiliationType {
    /// 正社員.
    Regular,
    /// 有期雇用.
    FixedTerm,
    /// 出向.
    Seconded,
    /// 派遣.
    Dispatched,
    /// 業務委託.
    Contractor,
    /// 教員.
    Faculty,
    /// 職員.
    Staff,
    /// 学生.
    Student,
    /// 客員.
    Visiting,
}

impl AffiliationType {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Regular,
        Self::FixedTerm,
        Self::Seconded,
        Self::Dispatched,
        Self::Contractor,
        Self::Faculty,
        Self::Staff,
        Self::Student,
        Self::Visiting,
    ];

    /// The value of the claim.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::FixedTerm => "fixed_term",
            Self::Seconded => "seconded",
            Self::Dispatched => "dispatched",
            Self::Contractor => "contractor",
            Self::Faculty => "faculty",
            Self::Staff => "staff",
            Self::Student => "student",
            Self::Visiting => "visiting",
        }
    }

    /// The kind with this value.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// In Japanese.
    pub fn ja(self) -> &'static str {
        match self {
            Self::Regular => "正社員",
            Self::FixedTerm => "有期雇用",
            Self::Seconded => "出向",
            Self::Dispatched => "派遣",
            Self::Contractor => "業務委託",
            Self::Faculty => "教員",
            Self::Staff => "職員",
            Self::Student => "学生",
            Self::Visiting => "客員",
        }
    }

    /// In English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Regular => "regular employee",
            Self::FixedTerm => "fixed-term employee",
            Self::Seconded => "seconded",
            Self::Dispatched => "dispatched worker",
            Self::Contractor => "contractor",
            Self::Faculty => "faculty",
            Self::Staff => "staff",
            Self::Student => "student",
            Self::Visiting => "visiting",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_configured_by_the_value_of_the_claim() {
        for kind in AffiliationType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(AffiliationType::from_name(kind.name()), Some(kind));
        }
        assert_eq!(AffiliationType::from_name("Regular"), None);
    }
}
