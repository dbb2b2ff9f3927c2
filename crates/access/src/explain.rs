//! Explains an unmet rule to the person: what was found, what is needed, and one thing to do.
//!
//! Words: です・ます, one idea a sentence. The action begins with what the reader can do.

use sekisho_ambient::Text;
use sekisho_profile::Code;

use crate::holder::{Affiliation, Ends, Holder, Training, shown};
use crate::rule::Rule;
use crate::size::{Size, expires};
use crate::{Facts, Gate, GpuAccessRequest, Reason, TrainingRule};

/// The texts that are shown beside the rule's own sentence.
struct Findings {
    found: Text,
    needed: Text,
    action: Text,
}

fn text(ja: impl Into<String>, en: impl Into<String>) -> Text {
    Text { ja: ja.into(), en: en.into() }
}

/// Joins several texts into one.
fn join(texts: &[Text]) -> Text {
    let all = |pick: fn(&Text) -> &str, between: &str| {
        texts.iter().map(pick).collect::<Vec<_>>().join(between)
    };
    text(all(|text| &text.ja, "、"), all(|text| &text.en, ", "))
}

/// The text for a credential that was not presented.
fn not_presented() -> Text {
    text("証明書が提示されていません", "No credential was presented")
}

/// Makes the reason for a rule whose own sentences are `ja` and `en`.
pub(crate) fn reason(
    rule: Rule,
    ja: String,
    en: String,
    facts: &Facts<'_>,
    holder: &Holder,
) -> Reason {
    let findings = match rule {
        Rule::Affiliation => affiliation(facts, holder.affiliation.as_ref()),
        Rule::Training => training(facts, holder.training.as_ref()),
        Rule::Partition => partition(facts.gate, facts.request),
        Rule::Size => size(facts, holder),
    };
    compose(rule.code(), text(ja, en), findings)
}

/// Makes the reason for a decision that could not be made.
pub(crate) fn system_error() -> Reason {
    let title = text(
        "利用条件を判定できなかったため、許可しませんでした。",
        "The conditions could not be evaluated, so access was not allowed.",
    );
    let findings = Findings {
        found: text("判定の途中で誤りが起きました", "An error occurred during the evaluation"),
        needed: text("すべての利用条件の判定", "An evaluation of all conditions"),
        action: text(
            "サービスの運営者に、この画面の参照番号を伝えてください。",
            "Tell the service's operator the reference number on this page.",
        ),
    };
    compose(Code::PolicyFault, title, findings)
}

fn compose(code: Code, title: Text, findings: Findings) -> Reason {
    let Findings { found, needed, action } = findings;
    Reason { code, title, found, needed, action }
}

fn affiliation(facts: &Facts<'_>, found: Option<&Affiliation>) -> Findings {
    let allowed = &facts.gate.allowed_affiliation_types;
    let kinds: Vec<Text> = allowed.iter().map(|kind| kind.words().into()).collect();
    let kinds = join(&kinds);
    let needed = text(format!("所属区分：{}", kinds.ja), format!("Affiliation: {}", kinds.en));
    let Some(found) = found else {
        return Findings {
            found: not_presented(),
            needed,
            action: text(
                "所属証明書をお持ちなら、もう一度提示し、ウォレットで選んでください。お持ちでないときは、所属組織に発行を依頼し、ウォレットに受け取ってください。",
                "If you have an affiliation credential, present again and choose it in the wallet. If not, ask your organization for one and receive it in your wallet.",
            ),
        };
    };
    if found.kind.is_none() {
        return Findings {
            found: text(
                "所属区分が提示されていません",
                "The type of affiliation was not presented",
            ),
            needed,
            action: text(
                "もう一度提示し、ウォレットで所属区分の提示を許可してください。",
                "Present again and allow your wallet to present the type of affiliation.",
            ),
        };
    }
    let ended = affiliation_end(facts, found);
    let action = if ended.is_some() {
        text(
            "所属組織に新しい所属証明書の発行を依頼してください。",
            "Ask your organization for a new affiliation credential.",
        )
    } else {
        text(
            "所属区分が正しいか、所属組織の管理者に確認してください。",
            "Ask your organization's administrator whether your affiliation is recorded correctly.",
        )
    };
    let parts: Vec<Text> = [found.kind.as_deref().map(kind), ended].into_iter().flatten().collect();
    Findings { found: join(&parts), needed, action }
}

/// Returns the words for a value of `affiliation_type`. An unknown value is shown as it is.
fn kind(name: &str) -> Text {
    match crate::AffiliationType::from_name(name) {
        Some(kind) => {
            let words = kind.words();
            text(format!("所属区分：{}", words.ja), format!("Affiliation: {}", words.en))
        }
        None => text(format!("所属区分：{}", shown(name)), format!("Affiliation: {}", shown(name))),
    }
}

/// Describes an end of the affiliation that has passed or cannot be read; `None` for any other.
fn affiliation_end(facts: &Facts<'_>, found: &Affiliation) -> Option<Text> {
    match &found.ends {
        Ends::On(day) if facts.now > day.end => Some(text(
            format!("所属の終了予定日 {} を過ぎています", day.text),
            format!("the affiliation ended on {}", day.text),
        )),
        Ends::Unreadable => Some(text(
            "所属の終了予定日を読み取れません",
            "the end of the affiliation cannot be read",
        )),
        Ends::On(_) | Ends::Unsaid => None,
    }
}

fn training(facts: &Facts<'_>, found: Option<&Training>) -> Findings {
    let Some(rule) = &facts.gate.training else {
        return Findings { found: not_presented(), needed: text("", ""), action: text("", "") };
    };
    let course = course(rule);
    let needed = match rule.max_age_days {
        None => text(
            format!("{}の修了証（有効期限内）", course.ja),
            format!("A valid certificate of {}", course.en),
        ),
        Some(days) => text(
            format!("{}の修了証（有効期限内、修了から{days}日以内）", course.ja),
            format!("A valid certificate of {}, completed at most {days} days ago", course.en),
        ),
    };
    let complete = text(
        format!(
            "修了証をお持ちなら、もう一度提示し、ウォレットで選んでください。お持ちでないときは、{}を修了し、実施機関から修了証をウォレットに受け取ってください。",
            course.ja
        ),
        format!(
            "If you have the certificate, present again and choose it in the wallet. If not, complete {} and receive the certificate in your wallet.",
            course.en
        ),
    );
    let Some(found) = found else {
        return Findings { found: not_presented(), needed, action: complete };
    };
    let wrong = wrong_training(facts, rule, found);
    let renew = wrong.iter().all(|(late, _)| *late);
    let parts: Vec<Text> = wrong.into_iter().map(|(_, text)| text).collect();
    let action = if renew {
        text(
            "研修を受け直し、新しい修了証をウォレットに受け取ってください。",
            "Take the training again and receive a new certificate in your wallet.",
        )
    } else {
        complete
    };
    Findings { found: join(&parts), needed, action }
}

/// Describes the training that a rule requires.
fn course(rule: &TrainingRule) -> Text {
    let names = rule.achievements.join("・");
    match rule.min_level {
        0 => {
            text(format!("研修「{names}」"), format!("training {}", rule.achievements.join(" or ")))
        }
        level => text(
            format!("研修「{names}」レベル{level}以上"),
            format!("training {}, level {level} or higher", rule.achievements.join(" or ")),
        ),
    }
}

/// Describes all that is wrong with the presented training. The boolean says whether that fault is
/// only one of time.
fn wrong_training(facts: &Facts<'_>, rule: &TrainingRule, found: &Training) -> Vec<(bool, Text)> {
    let achievement = match &found.achievement {
        None => Some(text("修了番号が提示されていません", "the achievement was not presented")),
        Some(id) if !rule.achievements.contains(id) => Some(text(
            format!("別の研修「{}」の修了証", shown(id)),
            format!("a certificate of another training ({})", shown(id)),
        )),
        Some(_) => None,
    };
    let level = match found.level {
        Some(level) if level < rule.min_level => {
            Some(text(format!("レベル{level}"), format!("level {level}")))
        }
        None if rule.min_level > 0 => {
            let needed = rule.min_level;
            Some(text(
                format!("レベル{needed}以上であることが示されていません"),
                format!("level {needed} or higher was not shown"),
            ))
        }
        _ => None,
    };
    let end = match &found.ends {
        None => Some(text("有効期限を読み取れません", "the end of validity cannot be read")),
        Some(day) if facts.now > day.end => Some(text(
            format!("有効期限 {} を過ぎています", day.text),
            format!("valid only through {}", day.text),
        )),
        Some(_) => None,
    };
    let age = rule.max_age_days.and_then(|days| wrong_date(facts, days, found));
    let wrong = [(false, achievement), (false, level), (true, end), (true, age)];
    wrong.into_iter().filter_map(|(late, text)| Some((late, text?))).collect()
}

/// Describes what is wrong with the day of completion, if anything is.
fn wrong_date(facts: &Facts<'_>, days: u32, found: &Training) -> Option<Text> {
    const DAY: i64 = 86_400;
    match &found.completed {
        None => {
            Some(text("修了日が提示されていません", "the date of completion was not presented"))
        }
        Some(day) if facts.now.since(day.end) > i64::from(days) * DAY => Some(text(
            format!("修了日 {} から{days}日を過ぎています", day.text),
            format!("completed on {}, more than {days} days ago", day.text),
        )),
        Some(day) if day.end.since(facts.now) >= DAY => Some(text(
            format!("修了日 {} はまだ来ていません", day.text),
            format!("completed on {}, which lies ahead", day.text),
        )),
        Some(_) => None,
    }
}

fn partition(gate: &Gate, request: &GpuAccessRequest) -> Findings {
    let asked = |ja: &str, en: &str, name: &Option<String>| {
        name.as_ref().map(|name| text(format!("{ja}：{name}"), format!("{en}: {name}")))
    };
    let offered = |ja: &str, en: &str, names: &[String], asked: &Option<String>| {
        asked.as_ref()?;
        let none = names.is_empty();
        let ja_names = if none { "指定できません".to_owned() } else { names.join("、") };
        let en_names = if none { "none can be named".to_owned() } else { names.join(", ") };
        Some(text(format!("{ja}：{ja_names}"), format!("{en}: {en_names}")))
    };
    let found: Vec<Text> = [
        asked("区画", "Partition", &request.partition),
        asked("機種", "Model", &request.gpu_model),
    ]
    .into_iter()
    .flatten()
    .collect();
    let needed: Vec<Text> = [
        offered("区画", "Partition", &gate.partitions, &request.partition),
        offered("機種", "Model", &gate.gpu_models, &request.gpu_model),
    ]
    .into_iter()
    .flatten()
    .collect();
    Findings {
        found: join(&found),
        needed: join(&needed),
        action: text(
            "使える区画と機種を選んで、もう一度申請してください。",
            "Request again with a partition and a model that are offered.",
        ),
    }
}

/// A figure that the request does not name is told if it follows from a named one, or if it is what
/// exceeds the limit.
fn size(facts: &Facts<'_>, holder: &Holder) -> Findings {
    let Facts { gate, request, .. } = facts;
    let size = Size::of(facts, expires(facts, holder));
    let over = size.gpu_hours > gate.max_gpu_hours.into();
    let hours = request.gpu_hours.is_some() || request.walltime_h.is_some() || over;
    let run = request.walltime_h.is_some() || size.walltime_h > size.longest_run;
    let found = [
        Some(text(format!("GPU {}基", request.gpus), format!("{} GPUs", request.gpus))),
        hours.then(|| gpu_hours(size.gpu_hours)),
        run.then(|| walltime(size.walltime_h)),
    ];
    let needed = [
        Some(text(
            format!("GPU {}基以下", gate.max_gpus),
            format!("{} GPUs at most", gate.max_gpus),
        )),
        hours.then(|| at_most(&gpu_hours(gate.max_gpu_hours.into()))),
        run.then(|| at_most(&walltime(size.longest_run))),
    ];
    let all = |texts: [Option<Text>; 3]| join(&texts.into_iter().flatten().collect::<Vec<_>>());
    Findings {
        found: all(found),
        needed: all(needed),
        action: text(
            "数または時間を減らして、もう一度申請してください。",
            "Request fewer GPUs or fewer hours.",
        ),
    }
}

fn gpu_hours(hours: u64) -> Text {
    text(format!("延べ{hours} GPU時間"), format!("{hours} GPU-hours"))
}

fn walltime(hours: u32) -> Text {
    text(format!("連続{hours}時間"), format!("a run of {hours} hours"))
}

fn at_most(limit: &Text) -> Text {
    text(format!("{}以下", limit.ja), format!("{} at most", limit.en))
}
