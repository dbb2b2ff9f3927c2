//! The words for values of claims that are written for programs: kinds of affiliation, frameworks,
//! countries, prefectures, yes and no, days.
//!
//! A value without an entry is shown as it is, because it was written for people.

use sekisho_ambient::{Text, Words};
use sekisho_credential::types::Form;
use serde_json::Value;

/// What `true` says.
pub const YES: Words = Words::new("はい", "Yes");
/// What `false` says.
pub const NO: Words = Words::new("いいえ", "No");

/// The values of claims of the form [`Form::OneOf`].
const CHOICES: &[(&str, Words)] = &[
    ("regular", Words::new("正社員", "regular employee")),
    ("fixed_term", Words::new("有期雇用", "fixed-term employee")),
    ("seconded", Words::new("出向", "seconded")),
    ("dispatched", Words::new("派遣", "dispatched worker")),
    ("contractor", Words::new("業務委託", "contractor")),
    ("faculty", Words::new("教員", "faculty")),
    ("staff", Words::new("職員", "staff")),
    ("student", Words::new("学生", "student")),
    ("visiting", Words::new("客員", "visiting")),
    ("DSS-L", Words::new("DXリテラシー標準 (DSS-L)", "DX literacy standard (DSS-L)")),
    ("DSS-P", Words::new("DX推進スキル標準 (DSS-P)", "DX skill standard (DSS-P)")),
    ("ITSS", Words::new("ITスキル標準 (ITSS)", "IT skill standard (ITSS)")),
    ("DiLite", Words::new("デジタルリテラシー (Di-Lite)", "digital literacy (Di-Lite)")),
    ("vendor", Words::new("製品の提供者による基準", "set by a vendor")),
    ("internal", Words::new("組織内の基準", "set by the organization itself")),
];

/// The prefectures in the order of ISO 3166-2, from JP-01.
const PREFECTURES: [Words; 47] = [
    Words::new("北海道", "Hokkaido"),
    Words::new("青森県", "Aomori"),
    Words::new("岩手県", "Iwate"),
    Words::new("宮城県", "Miyagi"),
    Words::new("秋田県", "Akita"),
    Words::new("山形県", "Yamagata"),
    Words::new("福島県", "Fukushima"),
    Words::new("茨城県", "Ibaraki"),
    Words::new("栃木県", "Tochigi"),
    Words::new("群馬県", "Gunma"),
    Words::new("埼玉県", "Saitama"),
    Words::new("千葉県", "Chiba"),
    Words::new("東京都", "Tokyo"),
    Words::new("神奈川県", "Kanagawa"),
    Words::new("新潟県", "Niigata"),
    Words::new("富山県", "Toyama"),
    Words::new("石川県", "Ishikawa"),
    Words::new("福井県", "Fukui"),
    Words::new("山梨県", "Yamanashi"),
    Words::new("長野県", "Nagano"),
    Words::new("岐阜県", "Gifu"),
    Words::new("静岡県", "Shizuoka"),
    Words::new("愛知県", "Aichi"),
    Words::new("三重県", "Mie"),
    Words::new("滋賀県", "Shiga"),
    Words::new("京都府", "Kyoto"),
    Words::new("大阪府", "Osaka"),
    Words::new("兵庫県", "Hyogo"),
    Words::new("奈良県", "Nara"),
    Words::new("和歌山県", "Wakayama"),
    Words::new("鳥取県", "Tottori"),
    Words::new("島根県", "Shimane"),
    Words::new("岡山県", "Okayama"),
    Words::new("広島県", "Hiroshima"),
    Words::new("山口県", "Yamaguchi"),
    Words::new("徳島県", "Tokushima"),
    Words::new("香川県", "Kagawa"),
    Words::new("愛媛県", "Ehime"),
    Words::new("高知県", "Kochi"),
    Words::new("福岡県", "Fukuoka"),
    Words::new("佐賀県", "Saga"),
    Words::new("長崎県", "Nagasaki"),
    Words::new("熊本県", "Kumamoto"),
    Words::new("大分県", "Oita"),
    Words::new("宮崎県", "Miyazaki"),
    Words::new("鹿児島県", "Kagoshima"),
    Words::new("沖縄県", "Okinawa"),
];

/// Returns the words for `name`, a value of a claim of the form [`Form::OneOf`].
pub fn choice(name: &str) -> Option<Words> {
    CHOICES.iter().find(|(value, _)| *value == name).map(|(_, words)| *words)
}

/// Returns the words for a value of a claim. `form` is the form of the claim, if its type is known.
/// `None` if the value is a text for people.
pub fn words(form: Option<&Form>, value: &Value) -> Option<Text> {
    match (form, value) {
        (_, Value::Bool(yes)) => Some(if *yes { YES } else { NO }.into()),
        (Some(Form::OneOf(_)), Value::String(name)) => choice(name).map(Text::from),
        (Some(Form::Country), Value::String(code)) if code == "JP" => {
            Some(Words::new("日本", "Japan").into())
        }
        (Some(Form::Region), Value::String(code)) => prefecture(code).map(Text::from),
        (Some(Form::Date), Value::String(day)) => date(day),
        _ => None,
    }
}

fn prefecture(code: &str) -> Option<Words> {
    let number: usize = code.strip_prefix("JP-")?.parse().ok()?;
    PREFECTURES.get(number.checked_sub(1)?).copied()
}

/// A day such as `2026-11-25`, as people write it.
fn date(day: &str) -> Option<Text> {
    let mut parts = day.split('-').map(|part| part.parse::<u32>().ok());
    let (Some(Some(y)), Some(Some(m)), Some(Some(d)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    Some(Text::new(format!("{y}年{m}月{d}日"), day.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types;

    #[test]
    fn every_value_of_a_choice_has_words() {
        let rules = types::ALL.iter().flat_map(|credential_type| credential_type.claims);
        for rule in rules {
            let Form::OneOf(names) = &rule.form else { continue };
            for name in *names {
                let words = choice(name).unwrap_or_else(|| panic!("{name}"));
                assert!(words.ja != *name && !words.en.is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn values_for_programs_have_words_and_others_are_left() {
        let say = |form: Form, value: Value| words(Some(&form), &value).map(|text| text.ja);
        assert_eq!(say(Form::Region, json!("JP-01")).unwrap(), "北海道");
        assert_eq!(say(Form::Region, json!("JP-47")).unwrap(), "沖縄県");
        assert_eq!(say(Form::Date, json!("2027-03-31")).unwrap(), "2027年3月31日");
        assert_eq!(say(Form::Country, json!("JP")).unwrap(), "日本");
        assert_eq!(words(None, &json!(true)).unwrap().ja, "はい");
        for (form, value) in [
            (Form::Region, json!("JP-00")),
            (Form::Region, json!("JP-48")),
            (Form::Date, json!("soon")),
            (Form::Country, json!("FR")),
            (Form::Text, json!("regular")),
        ] {
            assert_eq!(say(form, value), None);
        }
    }
}
