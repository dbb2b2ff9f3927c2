//! Turns what the broker decided into the words of the pages.
//!
//! Nothing is decided here. Texts are chosen by language, claims get their labels, and values
//! become text that a person can read.

use sekisho_access::{Action, AffiliationType};
use sekisho_ambient::{Handle, Text, Words};
use sekisho_grants::GrantedPermit;
use sekisho_login::consent::{AskedResource, ConsentQuestion, ReleasedClaim};
use sekisho_login::{DeniedLogin, ServiceFacts, asked as ask};
use sekisho_oauth::device::WaitingDevice;
use sekisho_profile::Code;
use sekisho_registry::sectors::chosen_name;
use sekisho_site::paths;
use serde_json::Value;

use crate::pages::{ClaimItem, ConsentView, DeniedView, Fact, Lang, Reason, ServiceCard, WayBack};
use crate::texts;

/// The card of the service that asks.
pub(crate) fn service_card(facts: &ServiceFacts, lang: Lang) -> ServiceCard {
    let name = facts.name();
    let purpose = &facts.party.purpose;
    let card = ServiceCard {
        name_ja: name.ja,
        name_en: name.en,
        purpose: say(lang, purpose),
        device: facts.device.as_ref().map(|device| device_notice(device, lang)),
        ..ServiceCard::default()
    };
    let Some(service) = &facts.service else { return card };
    ServiceCard {
        operator_name: service.operator.as_ref().map(|name| say(lang, name)).unwrap_or_default(),
        corporate_number: service.operator_number.clone(),
        residency: service.residency.as_ref().map(|place| say(lang, place)),
        policy_url: service.policy_uri.clone(),
        tos_url: service.tos_uri.clone(),
        ..card
    }
}

/// What a person has to know before going on for a device: when it asked, and that it has to be one's
/// own.
fn device_notice(device: &WaitingDevice, lang: Lang) -> String {
    let time = match lang {
        Lang::Ja => device.asked.to_japanese(),
        Lang::En => device.asked.to_english(),
    };
    let place = device.place.as_deref().unwrap_or_else(|| texts::DEVICE_UNKNOWN.say(lang));
    texts::DEVICE_NOTICE.fill(lang, &[("time", &time), ("place", place)])
}

/// The page of a denial, with every condition that is not met.
pub(crate) fn denied_view(
    facts: &ServiceFacts,
    denied: &DeniedLogin,
    login: &Handle,
    (way_back, again): (Option<WayBack>, Option<String>),
    lang: Lang,
) -> DeniedView {
    let reason = |reason: &sekisho_access::Reason| Reason {
        code: reason.code,
        title: say(lang, &reason.title),
        found: say(lang, &reason.found),
        needed: say(lang, &reason.needed),
        action: say(lang, &reason.action),
        link: None,
    };
    DeniedView {
        lang,
        service: service_card(facts, lang),
        login_path: paths::login(login.expose()),
        what: String::new(),
        unmet: denied.reasons.iter().map(reason).collect(),
        total: denied.conditions,
        reference: login.key().reference(),
        time: denied.time,
        way_back,
        again: again.filter(|_| denied.reasons.iter().any(|reason| presentable(reason.code))),
    }
}

/// Whether the person may meet the condition by choosing another credential in the wallet.
fn presentable(code: Code) -> bool {
    matches!(code, Code::AffiliationNotAllowed | Code::TrainingMissing)
}

/// The page that asks for consent.
pub(crate) fn consent_view(
    question: &ConsentQuestion,
    consent_path: String,
    form_token: String,
    lang: Lang,
) -> ConsentView {
    let service = question.facts.service.as_ref();
    let told = |text: Option<&Text>| {
        text.map_or_else(|| texts::NOT_TOLD.say(lang).to_owned(), |text| say(lang, text))
    };
    let (optional, required): (Vec<_>, Vec<_>) =
        question.released.iter().partition(|claim| claim.optional);
    let chosen = chosen_name(&question.facts.party.sector).is_some();
    let item = |claim: &&ReleasedClaim| ClaimItem {
        id: claim.name.clone(),
        label: released_label(&claim.name, chosen)
            .map_or_else(|| claim.name.clone(), |label| label.say(lang).to_owned()),
        value: released(&claim.name, &claim.value, lang),
    };
    let purpose = &question.facts.party.purpose;
    ConsentView {
        lang,
        service: service_card(&question.facts, lang),
        consent_path,
        form_token,
        required: required.iter().map(item).collect(),
        optional: optional.iter().map(item).collect(),
        purpose: say(lang, purpose),
        retention: told(service.and_then(|service| service.retention.as_ref())),
        transfer_abroad: told(service.and_then(|service| service.transfer_abroad.as_ref())),
        not_given: question.not_released.iter().map(|name| asked(name, lang)).collect(),
        offline: question.offline,
        resources: question
            .resources
            .iter()
            .map(|resource| resource_fact(resource, lang))
            .collect(),
        shared: question.shared.iter().map(|name| say(lang, name)).collect(),
        gpu: question.permit.as_ref().map(|permit| gpu_facts(permit, lang)),
    }
}

/// A server that gets an access token, with the scopes that it has there.
fn resource_fact(resource: &AskedResource, lang: Lang) -> Fact {
    let scopes = resource.scopes.join(" ");
    let value = if scopes.is_empty() { texts::CONSENT_RESOURCE_PLAIN.say(lang) } else { &scopes };
    Fact { label: say(lang, &resource.name), value: value.to_owned() }
}

/// The label of a claim that a wallet is asked for, by the name `type/claim`.
pub(crate) fn asked(name: &str, lang: Lang) -> String {
    ask::label(name).map_or_else(|| name.to_owned(), |label| label.say(lang).to_owned())
}

/// The GPU permit that was granted, in the order in which a person asks about it.
fn gpu_facts(permit: &GrantedPermit, lang: Lang) -> Vec<Fact> {
    let rows = [
        ("actions", texts::GPU_ACTIONS),
        ("partition", texts::GPU_PARTITION),
        ("gpu_model", texts::GPU_MODEL),
        ("gpus", texts::GPU_COUNT),
        ("gpu_hours", texts::GPU_HOURS),
        ("walltime_h", texts::GPU_WALLTIME),
    ];
    rows.iter()
        .filter_map(|(member, label)| {
            let value = permit.details.get(*member)?;
            let plain = readable(value, lang);
            let value = match *member {
                "actions" => actions(value, lang),
                "gpus" => texts::GPU_COUNTED.fill(lang, &[("value", &plain)]),
                _ => plain,
            };
            Some(Fact { label: label.say(lang).to_owned(), value })
        })
        .collect()
}

/// The granted actions in words.
fn actions(value: &Value, lang: Lang) -> String {
    let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    let words = names.map(|name| {
        Action::from_name(name)
            .map_or_else(|| name.to_owned(), |it| it.words().say(lang).to_owned())
    });
    words.collect::<Vec<_>>().join(texts::LIST_COMMA.say(lang))
}

/// The label of a claim by its name in the relying party's answer. In a sector that an operator chose,
/// the user name is not one service's own.
fn released_label(name: &str, chosen: bool) -> Option<Words> {
    Some(match name {
        "name" => texts::CLAIM_NAME,
        "name#ja-Hani-JP" => texts::CLAIM_NAME_KANJI,
        "name#ja-Kana-JP" => texts::CLAIM_NAME_KANA,
        "name#ja-Latn-JP" => texts::CLAIM_NAME_LATIN,
        "preferred_username" if chosen => texts::CLAIM_USERNAME_SHARED,
        "preferred_username" => texts::CLAIM_USERNAME,
        "locale" => texts::CLAIM_LOCALE,
        "email" => texts::CLAIM_EMAIL,
        "email_verified" => texts::CLAIM_EMAIL_VERIFIED,
        "organization" => texts::CLAIM_ORGANIZATION,
        "groups" => texts::CLAIM_GROUPS,
        "uid_number" => texts::CLAIM_UID,
        "gid_number" => texts::CLAIM_GID,
        "eduperson_entitlement" => texts::CLAIM_ENTITLEMENT,
        "training" => texts::CLAIM_TRAINING,
        _ => return None,
    })
}

/// The value of a released claim as a person reads it.
fn released(name: &str, value: &Value, lang: Lang) -> String {
    match (name, value) {
        ("email_verified", Value::Bool(true)) => texts::VERIFIED.say(lang).to_owned(),
        ("uid_number" | "gid_number", Value::Null) => texts::VALUE_ASSIGNED.say(lang).to_owned(),
        ("email_verified", Value::Bool(false)) => texts::NOT_VERIFIED.say(lang).to_owned(),
        _ => readable(value, lang),
    }
}

/// A value as a person reads it: a text unchanged, a list or object as its values.
fn readable(value: &Value, lang: Lang) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => texts::YES.say(lang).to_owned(),
        Value::Bool(false) => texts::NO.say(lang).to_owned(),
        Value::Array(values) => {
            let texts = values.iter().map(|value| readable(value, lang));
            texts.collect::<Vec<_>>().join(texts::LIST_COMMA.say(lang))
        }
        Value::Object(members) => {
            let texts = members.iter().map(|(name, value)| member(name, value, lang));
            texts.collect::<Vec<_>>().join(texts::LIST_COMMA.say(lang))
        }
        Value::Null => String::new(),
        Value::Number(number) => number.to_string(),
    }
}

/// A member of a released claim. If the value alone says too little, words around it explain it.
fn member(name: &str, value: &Value, lang: Lang) -> String {
    let plain = readable(value, lang);
    let value = ("value", plain.as_str());
    match name {
        "corporate_number" => texts::VALUE_CORPORATE_NUMBER.fill(lang, &[value]),
        "affiliation_type" => AffiliationType::from_name(&plain)
            .map_or_else(|| plain.clone(), |kind| kind.words().say(lang).to_owned()),
        "level_gte" => texts::VALUE_LEVEL.fill(lang, &[value]),
        "until" => texts::VALUE_UNTIL.fill(lang, &[value]),
        _ => plain,
    }
}

fn say(lang: Lang, text: &Text) -> String {
    text.say(lang).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_claim_that_a_relying_party_can_get_has_a_label() {
        let scopes: Vec<String> =
            sekisho_profile::scopes::supported().into_iter().map(str::to_owned).collect();
        let protocol =
            ["sub", "auth_time", "acr", "amr", "sid", "authorization_details", "svc_residency"];
        for name in sekisho_profile::scopes::claims_supported(&scopes) {
            assert!(protocol.contains(&name) || released_label(name, false).is_some(), "{name}");
        }
    }

    #[test]
    fn every_claim_that_a_wallet_is_asked_for_has_a_label() {
        let scopes: Vec<String> =
            sekisho_profile::scopes::supported().into_iter().map(str::to_owned).collect();
        for (type_name, paths) in sekisho_profile::scopes::wallet_claims(&scopes, &[]) {
            for path in paths {
                let name = ask::asked_name(&type_name, &path);
                assert!(ask::label(&name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn values_are_read_without_their_syntax() {
        let value = json!({"name": "瀬戸内工業", "roles": ["gpu-user", "lead"], "verified": true});
        assert_eq!(readable(&value, Lang::En), "瀬戸内工業, gpu-user, lead, Yes");
    }

    #[test]
    fn an_address_is_verified_or_not() {
        let said = |verified: bool| released("email_verified", &json!(verified), Lang::Ja);
        assert_eq!((said(true).as_str(), said(false).as_str()), ("確認済み", "未確認"));
    }

    #[test]
    fn values_that_say_too_little_have_words() {
        let value = json!({"corporate_number": "7900000000002", "affiliation_type": "seconded"});
        assert_eq!(readable(&value, Lang::Ja), "法人番号 7900000000002、出向");
        let value = json!([{"achievement": "safety", "level_gte": 1, "until": "2027-11-25"}]);
        assert_eq!(readable(&value, Lang::Ja), "safety、レベル1以上、2027-11-25まで有効");
        assert_eq!(readable(&value, Lang::En), "safety, level 1 or higher, valid until 2027-11-25");
        let value = json!({"affiliation_type": "of another kind"});
        assert_eq!(readable(&value, Lang::En), "of another kind");
    }
}
