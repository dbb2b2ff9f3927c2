//! Sample views, and what has to hold for every page that they make.
//!
//! `SEKISHO_PAGES=<folder> cargo test -p sekisho-web pages` writes all pages there as HTML files.

use sekisho_ambient::Timestamp;
use sekisho_profile::Code;

use super::*;

/// Makes the value of a field from its sample text.
type Make<'a> = &'a dyn Fn(&str) -> String;

fn pick(lang: Lang, ja: &'static str, en: &'static str) -> &'static str {
    if lang == Lang::Ja { ja } else { en }
}

fn service(lang: Lang, make: Make<'_>) -> ServiceCard {
    ServiceCard {
        name_ja: make("北海GPUクラウド 石狩"),
        name_en: make("Hokkai GPU Cloud Ishikari"),
        purpose: make(pick(
            lang,
            "計算資源の利用者を確認するため",
            "To know who uses the machines",
        )),
        operator_name: make(pick(lang, "北海AI計算基盤株式会社", "Hokkai AI Compute")),
        corporate_number: Some(make("8900000000001")),
        residency: Some(make(pick(
            lang,
            "北海道 (第三者が2026年10月1日に確認)",
            "Hokkaido (attested by a third party on 2026-10-01)",
        ))),
        policy_url: Some(make("https://gpu.example.jp/privacy")),
        tos_url: Some(make("https://gpu.example.jp/terms")),
        device: None,
    }
}

fn wallet(name: &str, preferred: bool, make: Make<'_>) -> WalletLink {
    WalletLink {
        name: make(name),
        label_ja: make(if preferred { "手形" } else { "市民ウォレット" }),
        label_en: make(if preferred { "Tegata" } else { "Citizen Wallet" }),
        url: make(
            "openid4vp://?client_id=x509_hash%3Aabc&request_uri=https%3A%2F%2Fauth.example.jp",
        ),
        preferred,
    }
}

fn login_view(lang: Lang, make: Make<'_>) -> LoginView {
    LoginView {
        lang,
        service: service(lang, make),
        wallets: vec![wallet("tegata", true, make), wallet("citizen", false, make)],
        cross: Some(CrossDevice {
            qr_url: make(
                "openid4vp://?client_id=x509_hash%3AUvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk\
                 &request_uri=https%3A%2F%2Fauth.example.jp%2Frequest%2FdGhpcyBpcyBhIHNhbXBsZSBoYW5kbGU\
                 &request_uri_method=post",
            ),
            expires_at: Timestamp::from_unix(1_795_239_120),
            remaining_s: 270,
        }),
        login_path: make("/login/4f1c"),
        form_token: make("tok"),
        asks: vec![
            make(pick(lang, "所属組織の法人番号", "Corporate number of the organization")),
            make(pick(lang, "所属内の識別子", "Member reference")),
            make(pick(lang, "氏名", "Name")),
        ],
        expired: false,
        refused: None,
    }
}

fn expired(lang: Lang, make: Make<'_>) -> LoginView {
    let mut view = login_view(lang, make);
    view.wallets.clear();
    view.expired = true;
    if let Some(cross) = &mut view.cross {
        cross.remaining_s = 0;
    }
    view
}

fn refused(lang: Lang, make: Make<'_>) -> LoginView {
    LoginView { refused: Some((Code::Revoked, 2)), ..login_view(lang, make) }
}

fn answered_view(lang: Lang, make: Make<'_>) -> AnsweredView {
    AnsweredView {
        lang,
        service: service(lang, make),
        login_path: make("/login/4f1c"),
        form_token: make("tok"),
    }
}

fn elsewhere_view(lang: Lang, make: Make<'_>) -> ElsewhereView {
    let place = Some(make("Safari (iPhone)"));
    let number = Some((make("4821"), 52));
    let reference = make("7Q2M-9T4B");
    ElsewhereView { lang, service: service(lang, make), place, number, reference }
}

fn device_view(lang: Lang, wrong: bool, make: Make<'_>) -> DeviceView {
    let (device_path, form_token) = (make("/device"), make("tok"));
    DeviceView { lang, device_path, form_token, linked: true, wrong }
}

fn no_wallet(lang: Lang, make: Make<'_>) -> LoginView {
    LoginView { wallets: Vec::new(), cross: None, ..login_view(lang, make) }
}

fn entry_view(lang: Lang, wrong: bool, make: Make<'_>) -> NumberEntryView {
    NumberEntryView {
        lang,
        service: service(lang, make),
        login_path: make("/login/4f1c"),
        form_token: make("tok"),
        digits: 4,
        tries_left: if wrong { 2 } else { 3 },
        wrong,
        remaining_s: 52,
    }
}

fn show_view(lang: Lang, make: Make<'_>) -> NumberShowView {
    NumberShowView {
        lang,
        service: service(lang, make),
        number: make("4821"),
        place: Some(make(pick(lang, "Windows の Firefox、北海道", "Firefox on Windows, Hokkaido"))),
        remaining_s: 52,
    }
}

fn claim(id: &str, label: &str, value: &str, make: Make<'_>) -> ClaimItem {
    ClaimItem { id: make(id), label: make(label), value: make(value) }
}

fn consent_view(lang: Lang, make: Make<'_>) -> ConsentView {
    let say = |ja, en| make(pick(lang, ja, en));
    ConsentView {
        lang,
        service: service(lang, make),
        consent_path: make("/consent/4f1c"),
        form_token: make("tok"),
        required: vec![
            claim("org", pick(lang, "法人番号", "Corporate number"), "7900000000002", make),
            claim("name", pick(lang, "氏名", "Name"), "山田 太郎", make),
            claim("kana", pick(lang, "氏名 (カナ)", "Name (kana)"), "ヤマダ タロウ", make),
        ],
        optional: vec![
            claim("email", pick(lang, "電子メール", "Email"), "taro@setouchi.example", make),
            claim("department", pick(lang, "部署", "Department"), "研究開発部 第二課", make),
        ],
        purpose: say("計算資源の利用者を確認するため", "To know who uses the machines"),
        retention: say("利用の終わりから1年", "One year after the use ends"),
        transfer_abroad: say("ありません", "None"),
        offline: true,
        resources: vec![Fact {
            label: say("データ保管庫", "Data store"),
            value: make("storage.read:/data compute.read"),
        }],
        shared: vec![say("計算クラスター", "Compute cluster")],
        not_given: vec![say("生年月日", "Date of birth"), say("住所", "Address")],
        gpu: Some(vec![
            Fact { label: say("区画", "Partition"), value: make("h100-ishikari") },
            Fact { label: say("GPUの数", "GPUs"), value: make("8") },
            Fact { label: say("時間", "GPU hours"), value: make("64") },
        ]),
    }
}

fn denied_view(lang: Lang, make: Make<'_>) -> DeniedView {
    let say = |ja, en| make(pick(lang, ja, en));
    DeniedView {
        lang,
        service: service(lang, make),
        login_path: make("/login/4f1c"),
        what: String::new(),
        unmet: vec![
            Reason {
                code: Code::TrainingMissing,
                title: say(
                    "AI安全研修の水準が足りません",
                    "The AI safety training is below the level",
                ),
                found: say("水準1 (2024年4月1日に修了)", "Level 1, completed on 2024-04-01"),
                needed: say("水準2以上、修了から2年以内", "Level 2 or higher, at most 2 years old"),
                action: say("水準2の研修を修了してください。", "Complete the training of level 2."),
                link: Some(ReasonLink {
                    url: make("https://training.example.jp/ai-2"),
                    label: say("研修を申請する", "Sign up for the training"),
                }),
            },
            Reason {
                code: Code::RequestTooLarge,
                title: say("GPUの数が上限を超えています", "More GPUs than the limit"),
                found: say("16基", "16"),
                needed: say("8基以下", "8 or fewer"),
                action: say("8基以下で申請してください。", "Request 8 or fewer."),
                link: None,
            },
        ],
        total: 8,
        reference: make("7Q2M-9T4B"),
        time: Timestamp::from_unix(1_795_239_120),
        way_back: Some(way_back(
            make("https://gpu.example.jp/callback?error=access_denied&state=s"),
            Vec::new(),
        )),
        again: Some(make("/authorize?client_id=portal")),
    }
}

fn error_view(lang: Lang, code: Code, make: Make<'_>) -> ErrorView {
    ErrorView {
        lang,
        code,
        reference: make("7Q2M-9T4B"),
        time: Timestamp::from_unix(1_795_239_120),
        status: 400,
        again: None,
        way_back: Some(way_back(make("https://gpu.example.jp/login"), Vec::new())),
        logging_out: false,
    }
}

fn way_back(url: String, fields: Vec<(&'static str, String)>) -> WayBack {
    WayBack { url, fields }
}

fn pages(lang: Lang, make: Make<'_>) -> Vec<(&'static str, String)> {
    let logout = LogoutView {
        lang,
        logout_path: make("/logout/4f1c"),
        form_token: make("tok"),
        service_name: Some(make(pick(lang, "北海GPUクラウド", "Hokkai GPU Cloud"))),
    };
    let answer = vec![("code", make("c0de")), ("state", make("s")), ("iss", make("https://a.jp"))];
    let posted = way_back(make("https://gpu.example.jp/callback"), answer);
    let mut refused_by_form = error_view(lang, Code::Revoked, make);
    refused_by_form.way_back = Some(posted.clone());
    let out = SignedOutView { lang, return_url: Some(make("https://gpu.example.jp/")) };
    vec![
        ("login", login(&login_view(lang, make))),
        ("login-expired", login(&expired(lang, make))),
        ("login-no-wallet", login(&no_wallet(lang, make))),
        ("number-entry", number_entry(&entry_view(lang, false, make))),
        ("number-entry-wrong", number_entry(&entry_view(lang, true, make))),
        ("number-show", number_show(&show_view(lang, make))),
        ("consent", consent(&consent_view(lang, make))),
        ("denied", denied(&denied_view(lang, make))),
        ("denied-with-own-words", {
            denied(&DeniedView { what: make("拒否"), ..denied_view(lang, make) })
        }),
        ("denied-by-form", {
            denied(&DeniedView { way_back: Some(posted.clone()), ..denied_view(lang, make) })
        }),
        ("error", error(&error_view(lang, Code::Revoked, make))),
        ("error-by-form", error(&refused_by_form)),
        ("form-post", form_post(&posted, lang)),
        ("logout", logout_confirm(&logout)),
        ("signed-out", signed_out(&out)),
        ("declined", message(&MessageView { lang, message: Message::DeclinedOnPhone })),
        ("answered", answered(&answered_view(lang, make))),
        ("done", done(&DoneView { lang, service: service(lang, make), device: false })),
        ("device", device(&device_view(lang, false, make))),
        ("device-wrong", device(&device_view(lang, true, make))),
        ("device-done", done(&DoneView { lang, service: service(lang, make), device: true })),
        ("login-of-a-device", {
            let service = ServiceCard { device: Some(make("端末")), ..service(lang, make) };
            login(&LoginView { service, ..login_view(lang, make) })
        }),
        ("consent-to-a-device", {
            let service = ServiceCard { device: Some(make("端末")), ..service(lang, make) };
            consent(&ConsentView { service, ..consent_view(lang, make) })
        }),
        ("elsewhere", elsewhere(&elsewhere_view(lang, make))),
        ("login-refused", login(&refused(lang, make))),
        ("stayed", message(&MessageView { lang, message: Message::StillLoggedIn })),
    ]
}

/// Every page in both languages, with the values of an honest service.
fn honest() -> Vec<(String, Lang, String)> {
    let mut all = Vec::new();
    for lang in [Lang::Ja, Lang::En] {
        for (name, html) in pages(lang, &str::to_owned) {
            all.push((format!("{name}.{lang}"), lang, html));
        }
    }
    all
}

/// All start tags of a page.
fn tags(html: &str) -> Vec<&str> {
    html.split('<')
        .filter_map(|part| part.split_once('>').map(|(tag, _)| tag))
        .filter(|tag| !tag.starts_with(['/', '!']))
        .collect()
}

/// The value of a tag's attribute.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

#[test]
fn every_page_has_its_frame_in_its_language() {
    for (name, lang, html) in honest() {
        assert!(html.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{lang}\">")), "{name}");
        for once in ["<h1", "<main id=\"main\"", "<title>", "<footer", "class=\"skip\""] {
            assert_eq!(html.matches(once).count(), 1, "{name}: {once}");
        }
        assert!(html.trim_end().ends_with("</html>"), "{name}");
        let (_, body) = html.split_once("<body>").unwrap();
        let text = body.replace("{m}", "").replace("{s}", "");
        assert!(!text.contains(['{', '}']), "{name}: a value was not filled in");
    }
    if let Some(folder) = std::env::var_os("SEKISHO_PAGES") {
        write_all(std::path::Path::new(&folder));
    }
}

fn write_all(folder: &std::path::Path) {
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    for (path, _, body) in ASSETS {
        std::fs::write(folder.join(path.trim_start_matches('/')), body).unwrap();
    }
    for (name, _, html) in honest() {
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
}

/// AUTH-27, GEN-20.
#[test]
fn no_page_needs_anything_inline_or_from_elsewhere() {
    for (name, _, html) in honest() {
        for tag in tags(&html) {
            assert!(
                !tag.starts_with("style") && attribute(tag, "style").is_none(),
                "{name}: {tag}"
            );
            let handler = tag.split(' ').any(|part| part.starts_with("on") && part.contains('='));
            assert!(!handler, "{name}: {tag}");
            if tag.starts_with("script") || tag.starts_with("link") || tag.starts_with("img") {
                let from = attribute(tag, "src").or(attribute(tag, "href")).unwrap();
                assert!(ASSETS.iter().any(|(path, ..)| *path == from), "{name}: {tag}");
            }
        }
    }
}

/// OI-08.
#[test]
fn markup_in_any_field_is_shown_and_never_run() {
    const PAYLOAD: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&{{7*7}}";
    for lang in [Lang::Ja, Lang::En] {
        for (name, html) in pages(lang, &|_| PAYLOAD.to_owned()) {
            assert!(!html.contains("<script>"), "{name}");
            assert!(!html.contains("<img"), "{name}");
            assert!(!html.contains("alert(1)</script"), "{name}");
            assert!(!html.contains("\"'>"), "{name}");
        }
    }
    let html = consent(&consent_view(Lang::Ja, &|_| PAYLOAD.to_owned()));
    assert!(html.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
}

/// OI-08.
#[test]
fn a_link_with_a_script_leads_nowhere() {
    let make = |sample: &str| {
        if sample.starts_with('/') { sample.to_owned() } else { "javascript:alert(1)".to_owned() }
    };
    for lang in [Lang::Ja, Lang::En] {
        for (name, html) in pages(lang, &make) {
            for attribute in ["href", "action"] {
                assert!(!html.contains(&format!("{attribute}=\"javascript:")), "{name}");
            }
        }
    }
}

#[test]
fn no_template_switches_escaping_off() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["safe", "{% call", "escape"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn every_form_posts_with_a_token() {
    for (name, _, html) in honest() {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            // The answer to a relying party is its own proof.
            if form.contains("name=\"code\"") {
                assert!(form.contains("method=\"post\" action=\"https://gpu.example.jp"), "{name}");
                assert!(form.contains("name=\"iss\"") && !form.contains("form_token"), "{name}");
                continue;
            }
            assert!(form.contains("method=\"post\" action=\"/"), "{name}");
            assert!(form.contains("name=\"form_token\" value=\"tok\""), "{name}");
        }
    }
}

#[test]
fn ids_are_unique_and_whatever_refers_to_one_finds_it() {
    for (name, _, html) in honest() {
        let tags = tags(&html);
        let mut ids: Vec<_> = tags.iter().filter_map(|tag| attribute(tag, "id")).collect();
        for tag in &tags {
            let refers = ["for", "aria-labelledby", "aria-describedby"];
            for target in refers.iter().filter_map(|name| attribute(tag, name)) {
                assert!(target.split(' ').all(|id| ids.contains(&id)), "{name}: {tag}");
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}");
    }
}

#[test]
fn every_field_has_a_label() {
    for (name, _, html) in honest() {
        for tag in tags(&html).into_iter().filter(|tag| tag.starts_with("input")) {
            let labelled = match attribute(tag, "type") {
                Some("hidden") => true,
                Some("checkbox") => html.contains(&format!("<label class=\"choice\"><{tag}>")),
                _ => attribute(tag, "id")
                    .is_some_and(|id| html.contains(&format!("<label for=\"{id}\">"))),
            };
            assert!(labelled, "{name}: {tag}");
        }
    }
}

#[test]
fn headings_go_down_one_level_at_a_time() {
    for (name, _, html) in honest() {
        let mut last = 0;
        for tag in tags(&html) {
            let mut letters = tag.chars();
            let (Some('h'), Some(level)) = (letters.next(), letters.next()) else { continue };
            let Some(level) = level.to_digit(10) else { continue };
            assert!(level <= last + 1, "{name}: {tag}");
            last = level;
        }
    }
}

/// AUTH-27.
#[test]
fn the_login_page_offers_each_wallet_and_says_who_asks() {
    let view = login_view(Lang::Ja, &str::to_owned);
    let html = login(&view);
    for id in ["wallet-open", "wallet-tegata", "wallet-citizen", "login-renew", "login-cancel"] {
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
    }
    for text in [
        "北海GPUクラウド 石狩",
        "8900000000001",
        "残り4分30秒",
        "2026年11月21日 14時32分</span>まで",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let (button, qr) = (html.find("id=\"wallet-open\""), html.find("<path d=\"M4 4"));
    assert!(button.is_some() && qr.is_some() && button < qr);
    assert!(html.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"));
    assert!(html.contains("href=\"/login/4f1c?lang=en\""));
}

#[test]
fn an_expired_code_is_not_shown() {
    let html = login(&expired(Lang::Ja, &str::to_owned));
    assert!(html.contains("A-1008") && html.contains("id=\"login-renew\""));
    assert!(!html.contains("request_uri_method") && !html.contains("http-equiv=\"refresh\""));
}

fn style() -> &'static str {
    ASSETS.iter().find(|(_, kind, _)| kind.starts_with("text/css")).unwrap().2
}

/// The QR code is for another device: a narrow screen shows it only when somebody opens it, and a
/// login without a wallet on this device shows it at once.
#[test]
fn word_29_the_other_devices_code_is_closed_until_it_is_wanted() {
    let other = |view: &LoginView| {
        let html = login(view);
        let (_, rest) = html.split_once("<details class=\"elsewhere\"").unwrap();
        assert!(rest.split("</details>").next().unwrap().contains("aria-labelledby=\"qr-title\""));
        rest.split('>').next().unwrap().contains("open")
    };
    let view = login_view(Lang::Ja, &str::to_owned);
    assert!(!other(&view));
    assert!(other(&LoginView { wallets: Vec::new(), ..view }));
    let css = style();
    let (_, wide) = css.split_once("details.elsewhere::details-content").unwrap();
    assert!(wide.starts_with(" { content-visibility: visible;"), "a wide screen shows it");
}

/// A date or an amount stays on one line.
#[test]
fn word_29_dates_and_amounts_never_break() {
    let html = denied(&denied_view(Lang::Ja, &str::to_owned));
    for whole in ["2024年4月1日", "16基", "8基以下"] {
        assert!(html.contains(&format!("<span class=\"whole\">{whole}</span>")), "{whole}: {html}");
    }
    let css = style();
    assert!(css.contains("time, .whole, [role=\"timer\"] { white-space: nowrap; }"));
}

#[test]
fn consent_offers_two_equal_buttons_and_chooses_nothing_beforehand() {
    let html = consent(&consent_view(Lang::Ja, &str::to_owned));
    let (allow, deny) = (html.find("consent-allow").unwrap(), html.find("consent-deny").unwrap());
    assert!(allow < deny, "what most people want comes first");
    let tags = tags(&html);
    let class = |id| {
        let button = tags.iter().find(|tag| attribute(tag, "id") == Some(id)).unwrap();
        attribute(button, "class").unwrap()
    };
    assert_eq!(class("consent-allow"), class("consent-deny"));
    assert!(html.contains("name=\"decision\" value=\"allow\""));
    assert!(html.contains("name=\"optional\" value=\"email\""));
    assert!(!tags.iter().any(|tag| tag.contains("checked")));
}

#[test]
fn a_denial_lists_every_unmet_condition() {
    let html = denied(&denied_view(Lang::Ja, &str::to_owned));
    for text in [
        "<h1>GPUを割り当てられませんでした。</h1>",
        "8つの条件のうち2つを満たしていません。",
        "P-3201",
        "P-3501",
        "7Q2M-9T4B",
        "2026年11月21日 14時32分",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn an_error_holds_its_code_and_reference_in_one_element() {
    let html = error(&error_view(Lang::En, Code::Revoked, &str::to_owned));
    let (_, rest) = html.split_once("id=\"error\"").unwrap();
    let (element, _) = rest.split_once("</div>\n<h2>").unwrap();
    assert!(element.contains("C-2001") && element.contains("7Q2M-9T4B"));
    assert!(element.contains("This credential was revoked by its issuer."));
}

#[test]
fn a_name_is_shown_byte_for_byte() {
    for name in ["髙橋", "山\u{fa11}", "𠮷田", "葛\u{e0100}城", "\u{fa19}"] {
        assert!(consent(&consent_view(Lang::Ja, &|_| name.to_owned())).contains(name), "{name}");
    }
}
