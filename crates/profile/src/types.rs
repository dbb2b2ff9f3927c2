//! The credential types of this product, with their claims.
//!
//! Invariant: the metadata of a type never changes, because issued credentials carry its hash. If
//! the claims of a type change, it gets a new major version.

use sekisho_ambient::Words;
use sekisho_credential::types::{ClaimRule, CredentialType, Form, Rules, Selective};

use Selective::{Allowed, Always, Never};

/// The name of the login credential.
pub const LOGIN: &str = AFFILIATION.name;
/// The name of the training credential.
pub const TRAINING: &str = AI_TRAINING.name;
/// The claim of the login credential that distinguishes the people of one issuer.
pub const MEMBER_REF: &str = "member_ref";

/// The claim with the day on which what the credential attests ends. Where it is absent, there is no
/// such day, so nobody may hide it.
pub const VALID_THROUGH: &str = "valid_through";

/// Makes the rule for a claim that need not be issued.
const fn claim(
    path: &'static [&'static str],
    sd: Selective,
    form: Form,
    ja: &'static str,
    en: &'static str,
) -> ClaimRule {
    ClaimRule { path, sd, mandatory: false, form, label: Words { ja, en } }
}

/// Makes the claim mandatory.
const fn must(rule: ClaimRule) -> ClaimRule {
    ClaimRule { mandatory: true, ..rule }
}

/// All credential types.
pub static ALL: [CredentialType; 3] = [AFFILIATION, ORGANIZATION, AI_TRAINING];

/// 所属証明書: states that a person belongs to an organization.
pub const AFFILIATION: CredentialType = CredentialType {
    name: "affiliation",
    major: 1,
    display: Words { ja: "所属証明書", en: "Affiliation" },
    description: Words {
        ja: "組織に所属していることを証明します。",
        en: "Shows that a person belongs to an organization.",
    },
    organization_claim: Some("org_corporate_number"),
    max_days: 90,
    ends_with_fiscal_year: true,
    claims: &[
        must(claim(
            &["org_corporate_number"],
            Never,
            Form::CorporateNumber,
            "所属組織の法人番号",
            "Corporate number of the organization",
        )),
        must(claim(&["org_name"], Never, Form::Text, "所属組織", "Organization")),
        claim(&["org_name#en"], Never, Form::Text, "所属組織（英語）", "Organization (English)"),
        must(claim(
            &["affiliation_type"],
            Always,
            Form::OneOf(&[
                "regular",
                "fixed_term",
                "seconded",
                "dispatched",
                "contractor",
                "faculty",
                "staff",
                "student",
                "visiting",
            ]),
            "所属区分",
            "Type of affiliation",
        )),
        claim(
            &["home_org_corporate_number"],
            Always,
            Form::CorporateNumber,
            "出向元・派遣元の法人番号",
            "Corporate number of the home organization",
        ),
        must(claim(&["member_ref"], Always, Form::Text, "組織内の識別子", "Member reference")),
        claim(&["name"], Always, Form::Text, "氏名", "Name"),
        claim(&["name#ja-Hani-JP"], Always, Form::Text, "氏名（漢字）", "Name (kanji)"),
        claim(&["name#ja-Kana-JP"], Always, Form::Text, "氏名（カナ）", "Name (kana)"),
        claim(&["name#ja-Latn-JP"], Always, Form::Text, "氏名（ローマ字）", "Name (Latin letters)"),
        claim(&["email"], Always, Form::Email, "メールアドレス", "Email address"),
        claim(
            &["email_verified"],
            Always,
            Form::Boolean,
            "メールアドレスの確認",
            "Email address verified",
        ),
        claim(&["department"], Always, Form::Text, "部署", "Department"),
        claim(&["job_title"], Always, Form::Text, "役職", "Job title"),
        claim(&["roles"], Never, Form::Array, "役割", "Roles"),
        claim(&["roles", "*"], Always, Form::Text, "役割", "Role"),
        claim(&["valid_through"], Never, Form::Date, "所属の終了予定日", "Affiliation ends on"),
        claim(&["assurance"], Always, Form::Object, "本人確認", "Identity assurance"),
        claim(&["assurance", "ial"], Allowed, Form::Integer(1, 3), "保証レベル", "Assurance level"),
        claim(&["assurance", "method"], Allowed, Form::Text, "確認方法", "Method"),
        claim(&["assurance", "at"], Allowed, Form::Date, "確認日", "Checked on"),
    ],
};

/// 組織証明書: states who an organization is.
pub const ORGANIZATION: CredentialType = CredentialType {
    name: "organization",
    major: 1,
    display: Words { ja: "組織証明書", en: "Organization" },
    description: Words {
        ja: "組織の法人番号、名称、所在地を証明します。",
        en: "Shows an organization's corporate number, name and place.",
    },
    organization_claim: Some("corporate_number"),
    max_days: 365,
    ends_with_fiscal_year: false,
    claims: &[
        must(claim(
            &["corporate_number"],
            Never,
            Form::CorporateNumber,
            "法人番号",
            "Corporate number",
        )),
        must(claim(&["corporate_name"], Never, Form::Text, "名称", "Name")),
        claim(&["corporate_name#ja-Kana-JP"], Never, Form::Text, "名称（カナ）", "Name (kana)"),
        claim(&["corporate_name#en"], Never, Form::Text, "名称（英語）", "Name (English)"),
        claim(&["entity_type"], Never, Form::Text, "法人の種類", "Kind of entity"),
        claim(&["address_country"], Never, Form::Country, "所在国", "Country"),
        claim(&["address_region"], Never, Form::Region, "都道府県", "Prefecture"),
        claim(
            &["municipality_code"],
            Never,
            Form::MunicipalityCode,
            "市区町村コード",
            "Municipality code",
        ),
        claim(&["street"], Always, Form::Text, "番地", "Street"),
        claim(&["control_country"], Never, Form::Country, "支配国", "Country of control"),
        claim(&["verification"], Never, Form::Object, "確認", "Verification"),
        claim(&["verification", "method"], Never, Form::Text, "確認方法", "Method"),
        claim(&["verification", "checked_at"], Never, Form::Date, "確認日", "Checked on"),
        claim(&["verification", "by"], Never, Form::Text, "確認者", "Checked by"),
    ],
};

/// AI研修修了証: states that a person completed a training.
pub const AI_TRAINING: CredentialType = CredentialType {
    name: "ai-training",
    major: 1,
    display: Words { ja: "AI研修修了証", en: "AI training" },
    description: Words {
        ja: "AIの研修を修了したことを証明します。",
        en: "Shows that a person has completed a training on AI.",
    },
    organization_claim: None,
    max_days: 3 * 365,
    ends_with_fiscal_year: false,
    claims: &[
        must(claim(&["achievement_id"], Never, Form::Text, "研修ID", "Training ID")),
        must(claim(&["achievement_name"], Never, Form::Text, "研修名", "Training")),
        must(claim(
            &["framework"],
            Never,
            Form::OneOf(&["DSS-L", "DSS-P", "ITSS", "DiLite", "vendor", "internal"]),
            "基準",
            "Framework",
        )),
        must(claim(&["valid_through"], Never, Form::Date, "有効期限", "Valid through")),
        claim(&["level"], Always, Form::Integer(0, 4), "レベル", "Level"),
        claim(
            &["level_gte_1"],
            Always,
            Form::AtLeast("level", 1),
            "レベル1以上",
            "Level 1 or higher",
        ),
        claim(
            &["level_gte_2"],
            Always,
            Form::AtLeast("level", 2),
            "レベル2以上",
            "Level 2 or higher",
        ),
        claim(
            &["level_gte_3"],
            Always,
            Form::AtLeast("level", 3),
            "レベル3以上",
            "Level 3 or higher",
        ),
        claim(&["completed_on"], Always, Form::Date, "修了日", "Completed on"),
        claim(&["hours"], Always, Form::Number, "時間数", "Hours"),
        claim(&["score"], Always, Form::Number, "点数", "Score"),
    ],
};

/// Returns the type called `name`.
pub fn find(name: &str) -> Option<&'static CredentialType> {
    ALL.iter().find(|credential_type| credential_type.name == name)
}

/// Returns the type with this `vct`, `{authority}/types/{name}/{major}`, under any authority.
pub fn find_by_vct(vct: &str) -> Option<&'static CredentialType> {
    let (_, rest) = vct.rsplit_once("/types/")?;
    let (name, major) = rest.split_once('/')?;
    find(name).filter(|found| found.major.to_string() == major)
}

/// Returns the `vct` of the type called `name` under `authority`, in its current major version. An
/// unknown name gets version 1.
pub fn vct(authority: &str, name: &str) -> String {
    let major = find(name).map_or(1, |credential_type| credential_type.major);
    format!("{}/types/{name}/{major}", authority.trim_end_matches('/'))
}

/// Returns the rule for one claim.
pub fn rule(type_name: &str, path: &[String]) -> Option<&'static ClaimRule> {
    find(type_name)?.claims.iter().find(|rule| rule.path == path)
}

/// Returns the rules of all types, by `vct` under `authority`.
pub fn rules(authority: &str) -> Rules {
    ALL.iter().map(|credential_type| (credential_type.vct(authority), credential_type)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sekisho_credential::types::{integrity, metadata};
    use serde_json::Value;

    use super::*;

    const AUTHORITY: &str = "https://auth.example.jp";

    fn document(credential_type: &CredentialType) -> Value {
        serde_json::from_slice(&metadata(credential_type, AUTHORITY)).unwrap()
    }

    #[test]
    fn the_document_says_its_own_type() {
        let document = document(&AFFILIATION);
        assert_eq!(document["vct"], "https://auth.example.jp/types/affiliation/1");
        assert!(document.get("extends").is_none());
    }

    #[test]
    fn every_text_stands_in_both_languages() {
        for credential_type in &ALL {
            let document = document(credential_type);
            let claims = document["claims"].as_array().unwrap();
            let labels = claims.iter().map(|claim| (&claim["display"], "label", "name"));
            for (display, word, other) in labels.chain([(&document["display"], "name", "label")]) {
                let entry = |n: usize| (display[n]["locale"].as_str(), display[n][word].as_str());
                assert!(display[0].get(other).is_none() && display[1].get(other).is_none());
                assert_eq!((entry(0).0, entry(1).0), (Some("ja-JP"), Some("en-US")));
                assert!(entry(0).1.is_some_and(|name| !name.is_empty()));
                assert!(entry(1).1.is_some_and(str::is_ascii));
            }
        }
    }

    #[test]
    fn claims_have_distinct_paths_of_the_allowed_elements() {
        for credential_type in &ALL {
            let document = document(credential_type);
            let claims = document["claims"].as_array().unwrap();
            let paths: BTreeSet<String> = claims.iter().map(|c| c["path"].to_string()).collect();
            assert_eq!(paths.len(), claims.len());
            for claim in claims {
                assert!(claim["mandatory"].is_boolean());
                assert!(["always", "allowed", "never"].contains(&claim["sd"].as_str().unwrap()));
                let path = claim["path"].as_array().unwrap();
                assert!(path.iter().all(|element| element.is_string() || element.is_null()));
            }
        }
    }

    /// Issued credentials contain these hashes. If a hash changes, the type needs a new major
    /// version.
    #[test]
    fn the_bytes_never_change() {
        let hashes: Vec<String> =
            ALL.iter().map(|ty| integrity(&metadata(ty, AUTHORITY))).collect();
        assert_eq!(hashes, PINNED);
    }

    const PINNED: [&str; 3] = [
        "sha256-YYaOywczaOHD/y+4VmOHzU0y+DoKLMivYwk+lFTAZ/w=",
        "sha256-kFBUawvt1LDx/GASASFfJZQ1SC330wX1qgxBrNwcAEk=",
        "sha256-FRB+zJG9Mj0TUQ1nEccyChuzVqfFIUHYJU5O67IAJfA=",
    ];
}
