//! The console's pages, in Japanese and English, without a script.

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sekisho_ambient::Timestamp;
use sekisho_web::pages::Lang;
use serde_json::{Map, Value};

use super::routes::{DEFAULT_GPU_HOURS, DEFAULT_GPUS};
use super::visitors::Session;

const STYLE: &str = include_str!("../../templates/console/console.css");

/// The fixed texts of the pages.
struct Words {
    title: &'static str,
    lead: &'static str,
    gpus: &'static str,
    hours: &'static str,
    ask: &'static str,
    other: &'static str,
    other_lang: &'static str,
    granted: &'static str,
    who: &'static str,
    again: &'static str,
    logout: &'static str,
    refused: &'static str,
    code: &'static str,
    retry: &'static str,
}

const JA: Words = Words {
    title: "GPU コンソール",
    lead: "使いたいGPUを申請します。ログインは、お使いのウォレットで行います。",
    gpus: "GPUの数",
    hours: "GPU時間の合計",
    ask: "申請する",
    other: "English",
    other_lang: "en",
    granted: "GPUが割り当てられました",
    who: "利用者",
    again: "もう一度申請する",
    logout: "ログアウト",
    refused: "GPUを割り当てられませんでした",
    code: "コード",
    retry: "申請に戻る",
};

const EN: Words = Words {
    title: "GPU Console",
    lead: "Request the GPUs that you want to use. You log in with your wallet.",
    gpus: "GPUs",
    hours: "GPU hours in total",
    ask: "Request GPUs",
    other: "日本語",
    other_lang: "ja",
    granted: "Your GPUs are allocated",
    who: "User",
    again: "Request again",
    logout: "Log out",
    refused: "No GPU was allocated",
    code: "Code",
    retry: "Back to the request",
};

fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

#[derive(Template)]
#[template(path = "console/index.html")]
struct Index<'a> {
    lang: &'static str,
    words: &'a Words,
    gpus: u32,
    gpu_hours: u32,
    rows: Option<Vec<(&'static str, String)>>,
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct Refused<'a> {
    lang: &'static str,
    words: &'a Words,
    error: &'a str,
    description: &'a str,
}

/// The page with the form, and with what the last login was granted.
pub(super) fn index(issuer: &str, lang: Lang, session: Option<&Session>) -> Response {
    let page = Index {
        lang: lang.tag(),
        words: words(lang),
        gpus: DEFAULT_GPUS,
        gpu_hours: DEFAULT_GPU_HOURS,
        rows: session.map(|session| rows(lang, session)),
    };
    html(issuer, StatusCode::OK, page.render())
}

/// The page that says why nobody was logged in.
pub(super) fn error(
    issuer: &str,
    lang: Lang,
    status: StatusCode,
    error: &str,
    description: &str,
) -> Response {
    let page = Refused { lang: lang.tag(), words: words(lang), error, description };
    html(issuer, status, page.render())
}

pub(super) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], STYLE)
        .into_response()
}

/// The rows of a session: the person, and what was granted.
fn rows(lang: Lang, session: &Session) -> Vec<(&'static str, String)> {
    let organization = session.userinfo.get("organization").and_then(|it| it.get("name"));
    let who = [session.userinfo.get("name"), organization];
    let who: Vec<String> = who.into_iter().flatten().map(readable).collect();
    let mut rows = vec![(words(lang).who, who.join(" / "))];
    let labels = [
        ("gpus", "GPUの数", "GPUs"),
        ("gpu_hours", "GPU時間の合計", "GPU hours in total"),
        ("partition", "区画", "Partition"),
        ("gpu_model", "機種", "Model"),
        ("expires", "期限", "Until"),
    ];
    for (name, ja, en) in labels {
        if let Some(value) = session.granted.get(name) {
            let time = (name == "expires").then(|| time(lang, value)).flatten();
            let text = time.unwrap_or_else(|| readable(value));
            rows.push((if lang == Lang::Ja { ja } else { en }, text));
        }
    }
    rows.extend(residency(lang, &session.userinfo));
    rows
}

fn residency(lang: Lang, userinfo: &Map<String, Value>) -> Option<(&'static str, String)> {
    let label = if lang == Lang::Ja { "所在地" } else { "Location" };
    userinfo.get("svc_residency").map(|value| (label, readable(value)))
}

/// Formats a time in Japan Standard Time.
fn time(lang: Lang, value: &Value) -> Option<String> {
    let time = Timestamp::from_rfc3339(value.as_str()?)?;
    Some(if lang == Lang::Ja { time.to_japanese() } else { time.to_english() })
}

fn readable(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A page that loads its own style and nothing else. Its form leads to the provider.
fn html(issuer: &str, status: StatusCode, page: Result<String, askama::Error>) -> Response {
    let Ok(page) = page else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {issuer}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    (status, headers, page).into_response()
}
