//! Requests that pass, and one that each check refuses.

use super::*;
use crate::client::tests::{SCOPES, client as confidential};
use crate::client::{ApplicationType, ClientAuthentication};
use crate::pkce::CodeChallenge;
use crate::token::GrantType;

const ISS: &str = "https://auth.example.jp";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A complete request, changed: `Some` sets a parameter, `None` takes it away.
fn request(changes: &[(&str, Option<&str>)]) -> Params {
    let plain = [
        ("client_id", "portal"),
        ("redirect_uri", "https://rp.example/cb"),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "st&te 神"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = plain.iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    let set = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let pairs = kept.copied().chain(set).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Params::from_pairs(pairs)
}

fn run(changes: &[(&str, Option<&str>)]) -> Result<AuthorizationRequest, AuthorizationError> {
    validate(&request(changes), Some(&confidential()), &rules())
}

/// A server with a few scopes, each of which releases a claim of its name and one more.
fn rules() -> ServerRules<'static> {
    ServerRules {
        issuer: ISS,
        scopes_supported: SCOPES.to_vec(),
        claims_of: |scopes| {
            let all = [("openid", "sub"), ("profile", "name"), ("email", "email")];
            let asked = all.into_iter().filter(|(scope, _)| scopes.iter().any(|s| s == scope));
            asked.map(|(_, claim)| claim).collect()
        },
        targets: &[],
        authorization_details_types_supported: vec!["gpu_access"],
    }
}

fn public() -> Client {
    Client { authentication: ClientAuthentication::None, ..confidential() }
}

/// Where the browser is sent.
fn sent_to(answer: &AuthorizationResponse) -> String {
    match answer.encode() {
        Encoded::Redirect(url) => url,
        Encoded::Form { .. } => panic!("a form"),
    }
}

/// The error that is redirected.
fn redirected(result: Result<AuthorizationRequest, AuthorizationError>) -> ErrorRedirect {
    match result.unwrap_err() {
        AuthorizationError::Redirect(error) => error,
        page @ AuthorizationError::Page(_) => panic!("{page}"),
    }
}

fn code(changes: &[(&str, Option<&str>)]) -> &'static str {
    redirected(run(changes)).error.name()
}

fn page(result: Result<AuthorizationRequest, AuthorizationError>) -> PageErrorCode {
    match result.unwrap_err() {
        AuthorizationError::Page(code) => code,
        redirect @ AuthorizationError::Redirect(_) => panic!("{redirect}"),
    }
}

#[test]
fn the_order_of_the_checks_is_pinned() {
    let names: Vec<_> = CHECKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "redirect_uri",
            "state",
            "duplicates",
            "response_mode",
            "request_object",
            "response_type",
            "grant",
            "resources",
            "scope",
            "nonce",
            "prompt",
            "max_age",
            "hints",
            "claims",
            "pkce",
            "authorization_details",
            "something_asked",
        ]
    );
}

/// For who writes a client: all that is wrong is told at once.
#[test]
fn every_fault_of_a_request_is_found() {
    let found = |changes: &[(&str, Option<&str>)]| -> Vec<&'static str> {
        let faults = faults(&request(changes), &confidential(), &rules());
        faults.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(found(&[]), [""; 0]);
    let wrong = [
        ("redirect_uri", Some("https://evil.example/cb")),
        ("response_mode", Some("form_post")),
        ("response_type", Some("token")),
        ("max_age", Some("x")),
        ("code_challenge_method", Some("plain")),
    ];
    assert_eq!(found(&wrong), ["redirect_uri", "response_type", "max_age", "pkce"]);
    assert_eq!(found(&[("scope", Some("unknown"))]), ["something_asked"]);
}

#[test]
fn a_complete_request_passes() {
    let details = r#"[{"type":"gpu_access","gpus":2}]"#;
    let request = run(&[
        ("nonce", Some("n")),
        ("prompt", Some("login consent create")),
        ("max_age", Some("0")),
        ("ui_locales", Some("ja en")),
        ("login_hint", Some("山田")),
        ("acr_values", Some("phrh phr")),
        ("response_mode", Some("query")),
        ("authorization_details", Some(details)),
        ("claims", Some("{\"userinfo\":{\"name\":null}}")),
        ("access_type", Some("offline")),
    ])
    .unwrap();
    assert_eq!(request.scopes, ["openid", "profile"]);
    assert_eq!(request.state.as_deref(), Some("st&te 神"));
    assert_eq!(request.prompt, [Prompt::Login, Prompt::Consent]);
    assert_eq!(request.max_age, Some(0));
    assert_eq!(request.ui_locales, ["ja", "en"]);
    assert_eq!(request.acr_values, ["phrh", "phr"]);
    assert_eq!(request.authorization_details[0]["gpus"].to_string(), "2");
    let challenge = CodeChallenge::from_parameters(Some(CHALLENGE), Some("S256"));
    assert_eq!(request.code_challenge, challenge.unwrap());
    assert!(request.redirect_uri_in_request);
}

#[test]
fn a_request_can_be_asked_again_and_stored() {
    let details = Some(r#"[{"type":"gpu_access","gpus":2}]"#);
    let request = run(&[("max_age", Some("60")), ("authorization_details", details)]).unwrap();
    let again = Params::parse(&request.to_query()).unwrap();
    let again = validate(&again, Some(&confidential()), &rules()).unwrap();
    assert_eq!(again, request);
    let stored = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<AuthorizationRequest>(&stored).unwrap(), request);
}

#[test]
fn what_is_asked_for_can_be_looked_up() {
    let request = run(&[("prompt", Some("login"))]).unwrap();
    assert!(request.prompts(Prompt::Login) && !request.prompts(Prompt::Consent));
    assert!(request.asks_for("profile") && !request.asks_for("email"));
}

#[test]
fn a_query_has_what_was_asked_for_and_nothing_else() {
    let plain = run(&[]).unwrap().to_query();
    for absent in ["claims", "authorization_details", "prompt", "ui_locales", "acr_values"] {
        assert!(!plain.contains(absent), "{absent} in {plain}");
    }
    let changes = [
        ("prompt", Some("consent")),
        ("claims", Some("{\"userinfo\":{\"name\":null}}")),
        ("ui_locales", Some("ja en")),
        ("acr_values", Some("phr")),
    ];
    let request = run(&changes).unwrap();
    assert!(!request.claims.is_empty());
    let again = Params::parse(&request.to_query()).unwrap();
    let again = validate(&again, Some(&confidential()), &rules()).unwrap();
    assert_eq!(again, request);
}

#[test]
fn claims_that_are_malformed_are_refused() {
    assert_eq!(code(&[("claims", Some("[]"))]), "invalid_request");
    assert_eq!(code(&[("claims", Some("{\"userinfo\":1}"))]), "invalid_request");
}

#[test]
fn an_unknown_client_is_told_on_a_page() {
    let rules = rules();
    assert_eq!(page(validate(&request(&[]), None, &rules)), PageErrorCode::UnknownClient);
    for id in [None, Some("other")] {
        let changed = request(&[("client_id", id)]);
        assert_eq!(
            page(validate(&changed, Some(&confidential()), &rules)),
            PageErrorCode::UnknownClient
        );
    }
    let twice = Params::parse("client_id=portal&client_id=portal").unwrap();
    assert_eq!(client_id(&twice), Err(PageErrorCode::UnknownClient));
    assert_eq!(page(validate(&twice, Some(&confidential()), &rules)), PageErrorCode::UnknownClient);
}

#[test]
fn a_wrong_redirect_uri_is_told_on_a_page_whatever_else_is_wrong() {
    for uri in [None, Some(""), Some("https://evil.test/cb"), Some("https://rp.example/cb?x=1")] {
        for prompt in ["none", "login"] {
            let result = run(&[
                ("redirect_uri", uri),
                ("prompt", Some(prompt)),
                ("response_type", None),
                ("scope", Some("\"")),
            ]);
            assert_eq!(page(result), PageErrorCode::RedirectUri, "{uri:?}");
        }
    }
    let twice = request(&[]).and(Params::parse("redirect_uri=https://rp.example/cb").unwrap());
    let result = validate(&twice, Some(&confidential()), &rules());
    assert_eq!(page(result), PageErrorCode::RedirectUri);
}

#[test]
fn a_native_client_chooses_its_loopback_port() {
    let uri = "http://127.0.0.1:51004/cb";
    let registered = vec!["http://127.0.0.1/cb".to_owned()];
    let native =
        Client { application_type: ApplicationType::Native, redirect_uris: registered, ..public() };
    let params = request(&[("redirect_uri", Some(uri))]);
    let request = validate(&params, Some(&native), &rules()).unwrap();
    assert_eq!(request.redirect_uri, uri);
}

#[test]
fn any_parameter_that_occurs_twice_is_refused() {
    let all = "response_type=code&scope=openid&state=a&nonce=n&prompt=login&max_age=1&ui_locales=ja\
               &login_hint=x&acr_values=phr&response_mode=query&code_challenge_method=S256&unknown=1\
               &authorization_details=[]&claims={}&display=page&id_token_hint=x&dpop_jkt=x&audience=x";
    for pair in all.split('&') {
        let repeated = Params::parse(&format!("{pair}&{pair}")).unwrap();
        let name = pair.split('=').next().unwrap();
        let params = request(&[(name, None)]).and(repeated);
        let result = validate(&params, Some(&confidential()), &rules());
        assert_eq!(redirected(result).error.name(), "invalid_request", "{name}");
    }
    let resource = Params::parse("resource=urn:a&resource=urn:b").unwrap();
    let params = request(&[]).and(resource);
    // Neither is registered here.
    let result = validate(&params, Some(&confidential()), &rules());
    assert_eq!(redirected(result).error.name(), "invalid_target");
}

#[test]
fn a_repeated_state_is_not_echoed() {
    let params = request(&[("state", None)]).and(Params::parse("state=a&state=b").unwrap());
    let error = redirected(validate(&params, Some(&confidential()), &rules()));
    assert_eq!(error.state, None);
    let url = sent_to(&error.into());
    assert!(!url.contains("state="), "{url}");
}

#[test]
fn long_states_and_nonces_are_echoed_whole_or_refused() {
    for name in ["state", "nonce"] {
        let (long, longer) = ("x".repeat(4096), "x".repeat(4097));
        let request = run(&[(name, Some(&long))]).unwrap();
        let kept = if name == "state" { request.state } else { request.nonce };
        assert_eq!(kept, Some(long));
        assert_eq!(code(&[(name, Some(&longer))]), "invalid_request");
    }
    // What it belongs to has to be known even then.
    let longer = "x".repeat(4097);
    let params = request(&[("state", Some(&longer))]);
    let error = redirected(validate(&params, Some(&confidential()), &rules()));
    assert_eq!(error.state, Some(longer));
}

/// OAuth 2.0 Form Post Response Mode, 2: code and errors alike are sent as fields of a form.
#[test]
fn a_form_carries_code_and_errors() {
    let request = run(&[("response_mode", Some("form_post"))]).unwrap();
    assert_eq!(request.response_mode, ResponseMode::FormPost);
    let Encoded::Form { to, fields } =
        request.answer(ISS, ResponseBody::Code("c0de".to_owned())).encode()
    else {
        panic!("a form")
    };
    let state = request.state.unwrap();
    let sent = |name: &'static str, value: &str| (name, value.to_owned());
    assert_eq!(to, "https://rp.example/cb");
    let iss = sent("iss", ISS);
    assert_eq!(fields, [sent("code", "c0de"), sent("state", &state), iss]);
    for (name, value) in [
        ("scope", "\""),
        ("nonce", &"x".repeat(4097)),
        ("max_age", "x"),
        ("state", &"x".repeat(4097)),
    ] {
        let params = self::request(&[("response_mode", Some("form_post")), (name, Some(value))]);
        let error = redirected(validate(&params, Some(&confidential()), &rules()));
        let Encoded::Form { fields, .. } = AuthorizationResponse::from(error).encode() else {
            panic!("a form for {name}")
        };
        assert!(fields.iter().any(|(name, _)| *name == "error"));
    }
    let registered = vec!["jp.example.app:/cb".to_owned()];
    let native =
        Client { application_type: ApplicationType::Native, redirect_uris: registered, ..public() };
    let params = self::request(&[
        ("redirect_uri", Some("jp.example.app:/cb")),
        ("response_mode", Some("form_post")),
    ]);
    let error = redirected(validate(&params, Some(&native), &rules()));
    assert_eq!((error.error.name(), error.mode), ("invalid_request", ResponseMode::Query));
}

#[test]
fn other_response_modes_and_types_are_refused() {
    for mode in ["FORM_POST", "fragment", "query.jwt", "jwt", "web_message", "Query"] {
        assert_eq!(code(&[("response_mode", Some(mode))]), "invalid_request", "{mode}");
    }
    for kind in ["token", "id_token", "code id_token", "none", "CODE", "code code"] {
        assert_eq!(code(&[("response_type", Some(kind))]), "unsupported_response_type", "{kind}");
    }
    assert_eq!(code(&[("response_type", None)]), "invalid_request");
}

/// AUTH-4: a client that is not registered for codes gets none, whatever else it asks for.
#[test]
fn a_client_without_the_grant_gets_no_code() {
    let other = Client { grant_types: vec![GrantType::ClientCredentials], ..confidential() };
    let error = redirected(validate(&request(&[("scope", None)]), Some(&other), &rules()));
    assert_eq!(error.error.name(), "unauthorized_client");
    assert_eq!(error.state.as_deref(), Some("st&te 神"));
    let kind = request(&[("response_type", Some("token"))]);
    let error = redirected(validate(&kind, Some(&other), &rules()));
    assert_eq!(error.error.name(), "unsupported_response_type");
}

#[test]
fn request_objects_and_registration_are_refused_by_name() {
    assert_eq!(code(&[("request", Some("e30.e30."))]), "request_not_supported");
    let uri = Some("https://rp.example/r");
    assert_eq!(code(&[("request_uri", uri)]), "request_uri_not_supported");
    assert_eq!(code(&[("registration", Some("{}"))]), "registration_not_supported");
}

#[test]
fn scopes_that_cannot_be_had_are_ignored_but_some_must_be_left() {
    let request = run(&[("scope", Some("openid phone email"))]).unwrap();
    assert_eq!(request.scopes, ["openid", "email"]);
    for scope in [None, Some("phone"), Some("open\"id")] {
        assert_eq!(code(&[("scope", scope)]), "invalid_scope", "{scope:?}");
    }
    let narrow = Client { scopes: vec!["openid".to_owned()], ..confidential() };
    let params = super::tests::request(&[("scope", Some("openid email"))]);
    let request = validate(&params, Some(&narrow), &rules()).unwrap();
    assert_eq!(request.scopes, ["openid"]);
}

#[test]
fn prompt_none_stands_alone() {
    assert_eq!(run(&[("prompt", Some("none"))]).unwrap().prompt, [Prompt::None]);
    for prompt in ["none login", "consent none", "none create", "select_account none"] {
        assert_eq!(code(&[("prompt", Some(prompt))]), "invalid_request", "{prompt}");
    }
}

#[test]
fn max_age_is_a_number_or_the_clients_default() {
    for text in ["-1", "+1", "1.5", "1e3", "x", " 1", "99999999999999999999"] {
        assert_eq!(code(&[("max_age", Some(text))]), "invalid_request", "{text}");
    }
    let client = Client { default_max_age: Some(3600), ..confidential() };
    let rules = rules();
    let default = validate(&request(&[]), Some(&client), &rules).unwrap();
    assert_eq!(default.max_age, Some(3600));
    let asked = validate(&request(&[("max_age", Some("5"))]), Some(&client), &rules).unwrap();
    assert_eq!(asked.max_age, Some(5));
}

#[test]
fn no_hint_breaks_the_flow() {
    let long = "x".repeat(10_000);
    for name in ["login_hint", "id_token_hint", "ui_locales", "acr_values", "display"] {
        for text in [long.as_str(), "\u{0}\u{feff}", "☃ ☃", "{\"id_token\":"] {
            assert!(run(&[(name, Some(text))]).is_ok(), "{name}");
        }
    }
    assert_eq!(run(&[("login_hint", Some(&long))]).unwrap().login_hint, None);
}

#[test]
fn pkce_is_s256_and_cannot_be_left_out_by_those_who_need_it() {
    let none = [("code_challenge", None), ("code_challenge_method", None)];
    assert_eq!(run(&none).unwrap().code_challenge, None);
    let strict = Client { require_pkce: true, ..confidential() };
    for client in [public(), strict] {
        let result = validate(&request(&none), Some(&client), &rules());
        assert_eq!(redirected(result).error.name(), "invalid_request");
    }
    for method in [None, Some("plain"), Some("S512")] {
        assert_eq!(code(&[("code_challenge_method", method)]), "invalid_request", "{method:?}");
    }
    assert_eq!(code(&[("code_challenge", None)]), "invalid_request");
    assert_eq!(code(&[("code_challenge", Some("short"))]), "invalid_request");
}

#[test]
fn authorization_details_of_unknown_types_or_forms_are_refused() {
    for text in [
        "{}",
        "[]",
        "x",
        "[1]",
        "[{}]",
        r#"[{"type":1}]"#,
        r#"[{"type":"payment_initiation"}]"#,
        r#"[{"type":"openid"}]"#,
        r#"[{"type":"gpu_access"},{"type":"GPU_ACCESS"}]"#,
        r#"[{"type":"gpu_access","type":"gpu_access"}]"#,
        r#"[{"type":"gpu_access"}] x"#,
    ] {
        let refused = code(&[("authorization_details", Some(text))]);
        assert_eq!(refused, "invalid_authorization_details", "{text}");
    }
    let many = format!("[{}]", [r#"{"type":"gpu_access"}"#; 16].join(","));
    assert!(run(&[("authorization_details", Some(&many))]).is_ok());
    let many = format!("[{}]", [r#"{"type":"gpu_access"}"#; 17].join(","));
    assert_eq!(code(&[("authorization_details", Some(&many))]), "invalid_authorization_details");
}

#[test]
fn authorization_details_need_leave_to_ask_for_them() {
    let details = ("authorization_details", Some(r#"[{"type":"gpu_access"}]"#));
    let narrow = Client { scopes: vec!["openid".to_owned()], ..confidential() };
    let result = validate(&request(&[details]), Some(&narrow), &rules());
    assert_eq!(redirected(result).error.name(), "invalid_authorization_details");
    assert!(run(&[details, ("scope", None)]).is_ok());
}

#[test]
fn an_answer_carries_iss_and_the_state_as_it_was() {
    let request = run(&[]).unwrap();
    let url = sent_to(&request.answer(ISS, ResponseBody::Code("c0de".to_owned())));
    let (uri, query) = url.split_once('?').unwrap();
    assert_eq!(uri, "https://rp.example/cb");
    let answer = Params::parse(query).unwrap();
    let members: Vec<_> = answer.iter().collect();
    assert_eq!(members, [("code", "c0de"), ("state", "st&te 神"), ("iss", ISS)]);

    let error = redirected(run(&[("prompt", Some("none login"))]));
    let url = sent_to(&error.into());
    let answer = Params::parse(url.split_once('?').unwrap().1).unwrap();
    assert_eq!(answer.one("error"), Ok(Some("invalid_request")));
    assert_eq!(answer.one("state"), Ok(Some("st&te 神")));
    assert_eq!(answer.one("iss"), Ok(Some(ISS)));
    assert_eq!(answer.one("code"), Ok(None));
}

#[test]
fn an_answer_keeps_a_registered_query() {
    let denied = AuthorizationErrorCode::AccessDenied;
    for (uri, expected) in [
        ("https://a.jp/?t=1", "https://a.jp/?t=1&error=access_denied&iss=i"),
        ("https://a.jp/?", "https://a.jp/?error=access_denied&iss=i"),
        ("https://a.jp", "https://a.jp?error=access_denied&iss=i"),
        ("jp.a:/cb", "jp.a:/cb?error=access_denied&iss=i"),
    ] {
        let (to, mode, iss) = (uri.to_owned(), ResponseMode::Query, "i".to_owned());
        let body = ResponseBody::Error { error: denied, description: None };
        let answer = AuthorizationResponse { to, mode, state: None, iss, body };
        assert_eq!(sent_to(&answer), expected);
    }
}

#[test]
fn a_description_from_outside_cannot_break_the_answer() {
    let error = redirected(run(&[(
        "authorization_details",
        Some("[{\"type\":\"x\\\"\\r\\n&code=stolen#神\"}]"),
    )]));
    let text = error.description.as_str();
    assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\'), "{text}");
    let url = sent_to(&error.into());
    assert!(!url.contains("&code="), "{url}");
}
