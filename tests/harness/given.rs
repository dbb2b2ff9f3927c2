//! What a broker has given out: one thing of each kind, and the steps at which it is used.

use serde_json::{Value, json};

use crate::{Browser, Expected, Page, Rp, Tokens, Wallet, World, http, parameter};

pub const SCOPE: &str = "openid profile gpu_access offline_access";

/// Every step at which something that was given is used.
pub const STEPS: [&str; 11] = [
    "userinfo",
    "introspection of an access token",
    "introspection of a refresh token",
    "refresh",
    "refresh for fewer GPUs",
    "code",
    "session",
    "consent page",
    "consent",
    "response code",
    "number",
];

fn details(gpus: u32) -> Value {
    json!([{
        "type": "gpu_access", "service": "console", "actions": ["submit"], "gpus": gpus,
    }])
}

pub fn request(rp: &Rp, more: &[(&str, &str)]) -> Expected {
    let details = details(16).to_string();
    rp.request(SCOPE, &[&[("authorization_details", details.as_str())], more].concat())
}

/// One thing of each kind that a broker has given out, each with a grant of its own.
pub struct Given {
    pub rp: Rp,
    /// A browser with a session.
    pub browser: Browser,
    pub tokens: Vec<Tokens>,
    pub code: (Expected, String),
    consent: Vec<(Browser, Page)>,
    answered: (Browser, String),
    number: (Browser, Page, String),
}

impl Given {
    pub async fn by(world: &World, rp: &Rp, wallet: &Wallet) -> Self {
        let mut wallet = wallet.clone();
        wallet.now = world.broker.site().clock().now();
        let mut browser = Browser::new();
        // These stop at the page that asks for consent.
        let mut consent = Vec::new();
        for _ in 0..2 {
            let mut browser = Browser::new();
            let asking = request(rp, &[("prompt", "consent")]);
            let page = browser.show(&wallet, &asking.url, rp).await;
            assert!(page.body.contains("consent-allow"), "{}", page.body);
            consent.push((browser, page));
        }
        let mut tokens = Vec::new();
        for _ in 0..5 {
            tokens.push(browser.log_in(&wallet, &request(rp, &[("prompt", "login")]), rp).await);
        }
        let silent = request(rp, &[("prompt", "none")]);
        let location = browser.get(&silent.url).await.location.unwrap();
        let code = rp.code(&silent, &location);

        let mut same = Browser::new();
        let page = same.begin(&request(rp, &[]).url, rp).await;
        let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();
        let mut other = Browser::new();
        let page = other.begin(&request(rp, &[]).url, rp).await;
        let link = page.attribute("id=\"qr-link\"", "value").unwrap();
        let phone = wallet.present(&link).await.redirect_uri();
        let phone = Browser::new().get(&phone).await;
        let digits = phone.body.split_once("id=\"match-number\"").unwrap().1;
        let digits = digits.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned();
        let entry = other.get(&page.url).await;
        Self {
            rp: rp.clone(),
            browser,
            tokens,
            code: (silent, code),
            consent,
            answered: (same, back),
            number: (other, entry, digits),
        }
    }

    pub fn access(&self, at: usize) -> &str {
        &self.tokens[at].access_token
    }

    pub fn refresh_token(&self, at: usize) -> &str {
        self.tokens[at].body["refresh_token"].as_str().unwrap()
    }

    /// The steps that are still possible. None of them uses up what another one needs.
    pub async fn good(&mut self) -> Vec<&'static str> {
        let mut good = Vec::new();
        for step in STEPS {
            if self.is_good(step).await {
                good.push(step);
            }
        }
        good
    }

    async fn is_good(&mut self, step: &str) -> bool {
        let rp = self.rp.clone();
        match step {
            "userinfo" => rp.userinfo(self.access(0)).await.0 == 200,
            "introspection of an access token" => is_active(&rp, self.access(1)).await,
            "introspection of a refresh token" => is_active(&rp, self.refresh_token(2)).await,
            "refresh" => refresh(&rp, self.refresh_token(3)).await.0 == 200,
            "refresh for fewer GPUs" => {
                let less = details(1).to_string();
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", self.refresh_token(4)),
                    ("authorization_details", &less),
                ];
                rp.token_request(&form).await.0 == 200
            }
            "code" => rp.redeem(&self.code.0, &self.code.1).await.0 == 200,
            "session" => {
                let silent = request(&rp, &[("prompt", "none")]);
                let location = self.browser.clone().get(&silent.url).await.location;
                location.is_some_and(|location| parameter(&location, "code").is_some())
            }
            "consent page" => {
                let (browser, page) = &mut self.consent[0];
                browser.get(&page.url).await.body.contains("consent-allow")
            }
            "consent" => {
                let (browser, page) = &mut self.consent[1];
                let answer = browser.decide(page, "allow", &[]).await.location;
                answer.is_some_and(|location| parameter(&location, "code").is_some())
            }
            "response code" => {
                let (browser, url) = &mut self.answered;
                let back = browser.get(url).await;
                ends_well(&browser.follow(back, &rp.redirect_uri).await)
            }
            "number" => {
                let (browser, entry, digits) = &mut self.number;
                let form = [("form_token", entry.form_token()), ("number", digits.clone())];
                let form: Vec<_> = form.iter().map(|(a, b)| (*a, b.as_str())).collect();
                let next = browser.post(&format!("{}/number", entry.url), &form).await;
                ends_well(&browser.follow(next, &rp.redirect_uri).await)
            }
            step => panic!("{step}"),
        }
    }
}

/// Whether a login goes on: to consent, or to the relying party with a code.
fn ends_well(page: &Page) -> bool {
    let code = page.location.as_ref().is_some_and(|to| parameter(to, "code").is_some());
    code || page.body.contains("consent-allow")
}

pub async fn refresh(rp: &Rp, token: &str) -> (u16, Value) {
    rp.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

pub async fn introspect(rp: &Rp, token: &str) -> Value {
    let secret = rp.secret.clone().unwrap();
    let request = http().post(format!("{}/introspect", rp.issuer));
    let answer = request.basic_auth(&rp.client_id, Some(secret)).form(&[("token", token)]).send();
    answer.await.unwrap().json().await.unwrap_or(Value::Null)
}

async fn is_active(rp: &Rp, token: &str) -> bool {
    introspect(rp, token).await["active"] == true
}
