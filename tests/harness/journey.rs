//! Steps that many tests share: from a request to a page, from a page to consent, and on to the
//! tokens.

use serde_json::Value;

use crate::{Browser, Expected, OPERATOR, Page, Rp, TENANT, Tokens, Wallet, World};

impl World {
    /// Makes a wallet that has the person's affiliation.
    pub async fn member(&self) -> Wallet {
        let mut wallet = Wallet::new(self.broker.site().clock().now());
        let offer = self.offer(TENANT, "affiliation", crate::affiliation()).await;
        wallet.accept(&offer.uri, None).await;
        wallet
    }

    /// Makes a wallet that also has the training that the gate requires.
    pub async fn trained_member(&self) -> Wallet {
        let mut wallet = self.member().await;
        self.train(&mut wallet).await;
        wallet
    }

    pub async fn train(&self, wallet: &mut Wallet) {
        let offer = self.offer(OPERATOR, "ai-training", crate::training()).await;
        wallet.accept(&offer.uri, None).await;
    }
}

impl Browser {
    /// Opens an authorization request; returns its login page.
    pub async fn begin(&mut self, url: &str, rp: &Rp) -> Page {
        let begun = self.get(url).await;
        let page = self.follow(begun, &rp.redirect_uri).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page
    }

    /// Opens an authorization request and answers it with a wallet on this device; returns the next
    /// page.
    pub async fn show(&mut self, wallet: &Wallet, url: &str, rp: &Rp) -> Page {
        let page = self.begin(url, rp).await;
        let answer = wallet.present(&page.link("wallet-open")).await;
        let back = self.get(&answer.redirect_uri()).await;
        self.follow(back, &rp.redirect_uri).await
    }

    /// Answers a consent page. The response is usually a redirect to the relying party.
    pub async fn decide(&mut self, page: &Page, decision: &str, optional: &[&str]) -> Page {
        let token = page.form_token();
        let mut form = vec![("form_token", token.as_str()), ("decision", decision)];
        form.extend(optional.iter().map(|name| ("optional", *name)));
        self.post(&page.url, &form).await
    }

    /// Agrees on a consent page; returns the URL of the redirect to the relying party.
    pub async fn agree(&mut self, page: &Page) -> String {
        assert!(page.body.contains("consent-allow"), "{}", page.body);
        self.decide(page, "allow", &[]).await.location.expect("a redirect to the relying party")
    }

    /// Logs in completely; returns the URL of the redirect to the relying party, with the code.
    pub async fn answer_of(&mut self, wallet: &Wallet, expected: &Expected, rp: &Rp) -> String {
        let page = self.show(wallet, &expected.url, rp).await;
        match page.location.clone() {
            Some(location) => location,
            None => self.agree(&page).await,
        }
    }

    /// Types the code of a device that asks, and agrees. Somebody has to be logged in. Returns the device
    /// code.
    pub async fn approve_device(&mut self, origin: &str, asked: &Value) -> String {
        let page = self.get(&format!("{origin}/device")).await;
        let (token, code) = (page.form_token(), asked["user_code"].as_str().unwrap());
        let typed = self.post(&page.url, &[("form_token", &token), ("user_code", code)]).await;
        let consent = self.follow(typed, "nowhere:").await;
        self.agree(&consent).await;
        asked["device_code"].as_str().unwrap().to_owned()
    }

    /// Logs in completely; returns the tokens.
    pub async fn log_in(&mut self, wallet: &Wallet, expected: &Expected, rp: &Rp) -> Tokens {
        let location = self.answer_of(wallet, expected, rp).await;
        rp.tokens(expected, &rp.code(expected, &location)).await
    }
}

impl Rp {
    /// A request for a login without GPUs.
    pub fn plain_request(&self) -> Expected {
        self.request("openid profile organization", &[])
    }

    /// Sends a token request that is refused; returns its status and its `error`.
    pub async fn refused(&self, form: &[(&str, &str)]) -> (u16, String) {
        let (status, body) = self.token_request(form).await;
        (status, error_of(&body))
    }
}

/// The member `error` of a JSON response.
pub fn error_of(body: &Value) -> String {
    body["error"].as_str().unwrap_or_default().to_owned()
}
