//! Names of credential types and claims in both languages, for the types that are built in. Any
//! other type or claim is shown under its own name.

use sekisho_ambient::Text;
use sekisho_credential::claim_path::{ClaimPath, PathElement};
use sekisho_credential::types::ClaimRule;
use sekisho_profile::{types, values};
use serde_json::Value;

use crate::fetch::printable;

/// The name of the type `vct`.
pub(crate) fn credential_type(vct: &str) -> Text {
    match types::find_by_vct(vct) {
        Some(found) => found.display.into(),
        None => Text::same(printable(vct)),
    }
}

/// The name of the claim at `path` (names and indexes) in the type `vct`.
pub(crate) fn claim(vct: &str, path: &[String]) -> Text {
    match rule(vct, path) {
        Some((_, rule)) => rule.label.into(),
        None => Text::same(printable(&path.join(" / "))),
    }
}

/// The words for the value of the claim at `path`. `None` if the value is a text for people.
pub(crate) fn value(vct: &str, path: &[String], value: &Value) -> Option<Text> {
    let form = rule(vct, path).filter(|(_, rule)| rule.path.len() == path.len());
    values::words(form.map(|(_, rule)| &rule.form), value)
}

/// The position of the claim at `path` in the table of its type. An unknown claim comes last.
pub(crate) fn position(vct: &str, path: &[String]) -> usize {
    rule(vct, path).map_or(usize::MAX, |(position, _)| position)
}

/// The most specific rule for a claim: a rule for `assurance / method` is preferred to one for
/// `assurance`.
fn rule(vct: &str, path: &[String]) -> Option<(usize, &'static ClaimRule)> {
    let fits = |step: &&str, part: &String| {
        *step == part || (*step == "*" && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let covers = |rule: &ClaimRule| {
        rule.path.len() <= path.len()
            && rule.path.iter().zip(path).all(|(step, part)| fits(step, part))
    };
    let rules = types::find_by_vct(vct).into_iter().flat_map(|found| found.claims).enumerate();
    rules.filter(|(_, rule)| covers(rule)).max_by_key(|(_, rule)| rule.path.len())
}

/// The name of a claim that a verifier asks for.
pub(crate) fn asked(vct: &str, path: &ClaimPath) -> Text {
    let part = |element: &PathElement| match element {
        PathElement::Name(name) => name.clone(),
        PathElement::Index(index) => index.to_string(),
        PathElement::All => "0".to_owned(),
    };
    claim(vct, &path.0.iter().map(part).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Words;

    use super::*;

    const VCT: &str = "https://auth.example/types/affiliation/1";

    #[test]
    fn types_and_claims_of_ours_are_named_in_both_languages() {
        assert_eq!(credential_type(VCT), Text::from(Words::new("所属証明書", "Affiliation")));
        let label = claim(VCT, &["org_name".to_owned()]);
        assert_eq!(label, Text::from(Words::new("所属組織", "Organization")));
        let role = claim(VCT, &["roles".to_owned(), "0".to_owned()]);
        assert_ne!(role, Text::same("roles / 0"));
    }

    #[test]
    fn values_of_ours_are_shown_in_words() {
        let said = |name: &str, value_of: Value| {
            value(VCT, &[name.to_owned()], &value_of).map(|text| (text.ja, text.en))
        };
        let words = |ja: &str, en: &str| Some((ja.to_owned(), en.to_owned()));
        assert_eq!(said("affiliation_type", "regular".into()), words("正社員", "regular employee"));
        assert_eq!(said("anything", true.into()), words("はい", "Yes"));
        assert_eq!(said("name", "regular".into()), None);
    }

    #[test]
    fn what_is_foreign_is_called_by_its_own_name() {
        assert_eq!(credential_type("https://a.example/pid"), Text::same("https://a.example/pid"));
        assert_eq!(claim(VCT, &["shoe".to_owned(), "size".to_owned()]), Text::same("shoe / size"));
        assert_eq!(
            claim("https://auth.example/types/affiliation/2", &["org_name".to_owned()]),
            Text::same("org_name")
        );
    }
}
