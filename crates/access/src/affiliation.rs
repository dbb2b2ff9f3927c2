//! The kinds of affiliation in a credential of type `affiliation`, and their names for people.

use sekisho_ambient::Words;
use sekisho_profile::values;
use serde::{Deserialize, Serialize};

/// How a person belongs to an organization (the claim `affiliation_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AffiliationType {
    /// 正社員: a regular employee.
    Regular,
    /// 有期雇用: an employee with a fixed term.
    FixedTerm,
    /// 出向: seconded from another organization.
    Seconded,
    /// 派遣: dispatched by an agency.
    Dispatched,
    /// 業務委託: a contractor.
    Contractor,
    /// 教員: a member of the faculty.
    Faculty,
    /// 職員: a member of the staff.
    Staff,
    /// 学生: a student.
    Student,
    /// 客員: a visiting member.
    Visiting,
}

impl AffiliationType {
    /// All kinds of affiliation.
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

    /// Returns the value of the claim.
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

    /// Returns the kind with this value; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the name for people.
    pub fn words(self) -> Words {
        let name = self.name();
        values::choice(name).unwrap_or(Words::new(name, name))
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
