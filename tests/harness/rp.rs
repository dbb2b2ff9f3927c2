//! A relying party that speaks plain OpenID Connect and knows nothing about wallets.

use sekisho_ambient::{Entropy, sha256};
use sekisho_jose::{Algorithm, Claims, Expected as Want, JwkSet, UnverifiedJwt, b64u};
use serde_json::{Value, json};

use crate::http;

/// A registered relying party, with its credentials.
#[derive(Clone, Debug)]
pub struct Rp {
    pub issuer: String,
    pub client_id: String,
    pub secret: Option<String>,
    pub method: String,
    pub redirect_uri: String,
    pub algorithm: Algorithm,
}

/// The values of a request that its response is compared with.
#[derive(Clone, Debug)]
pub struct Expected {
    pub url: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// A token response whose ID token was verified.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access_token: String,
    pub id_token: Claims,
    pub body: Value,
}

impl Rp {
    /// An authorization request for these scopes, with `more` parameters.
    pub fn request(&self, scope: &str, more: &[(&str, &str)]) -> Expected {
        let draw = Entropy::system();
        let (state, nonce) = (draw.id(), draw.id());
        let verifier = b64u::encode(draw.bytes::<32>());
        let challenge = b64u::encode(sha256(verifier.as_bytes()));
        let mut url = url::Url::parse(&format!("{}/authorize", self.issuer)).unwrap();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", scope)
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(more);
        Expected { url: url.into(), state, nonce, verifier }
    }

    /// A request for this number of GPUs, by `authorization_details`.
    pub fn gpu_request(&self, gpus: u32) -> Expected {
        let details = json!([{
            "type": "gpu_access", "service": "console", "gpus": gpus, "gpu_hours": gpus * 8,
            "actions": ["submit"],
        }]);
        let scope = "openid profile organization training gpu_access";
        self.request(scope, &[("authorization_details", &details.to_string())])
    }

    /// Checks `state` and `iss` of an authorization response, and returns its code.
    pub fn code(&self, expected: &Expected, location: &str) -> String {
        assert!(location.starts_with(&self.redirect_uri), "{location}");
        assert_eq!(crate::parameter(location, "error"), None, "{location}");
        assert_eq!(crate::parameter(location, "state").as_ref(), Some(&expected.state));
        assert_eq!(crate::parameter(location, "iss").as_ref(), Some(&self.issuer));
        crate::parameter(location, "code").expect("a code")
    }

    /// Sends a token request; returns the status and the body.
    pub async fn token_request(&self, form: &[(&str, &str)]) -> (u16, Value) {
        self.post("/token", form).await
    }

    /// Sends a form to an endpoint at which clients authenticate; returns the status and the body.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let mut form: Vec<(&str, &str)> = form.to_vec();
        let mut request = http().post(format!("{}{path}", self.issuer));
        let secret = self.secret.clone().unwrap_or_default();
        match self.method.as_str() {
            "client_secret_basic" => request = request.basic_auth(&self.client_id, Some(&secret)),
            "client_secret_post" => {
                form.push(("client_id", &self.client_id));
                form.push(("client_secret", &secret));
            }
            _ => form.push(("client_id", &self.client_id)),
        }
        let answer = request.form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn redeem(&self, expected: &Expected, code: &str) -> (u16, Value) {
        self.token_request(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &expected.verifier),
        ])
        .await
    }

    /// Redeems the code and verifies the ID token against the published keys.
    pub async fn tokens(&self, expected: &Expected, code: &str) -> Tokens {
        let (status, body) = self.redeem(expected, code).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["token_type"], "Bearer");
        let id_token = self.verify(body["id_token"].as_str().unwrap()).await;
        assert_eq!(id_token["iss"], self.issuer);
        assert_eq!(id_token["aud"], self.client_id);
        assert_eq!(id_token["nonce"], expected.nonce);
        let access_token = body["access_token"].as_str().unwrap().to_owned();
        Tokens { access_token, id_token, body }
    }

    /// Verifies an ID token; returns its claims.
    pub async fn verify(&self, id_token: &str) -> Claims {
        let document: Value =
            http().get(format!("{}/jwks", self.issuer)).send().await.unwrap().json().await.unwrap();
        let keys = JwkSet::from_value(&document).unwrap();
        let jwt = UnverifiedJwt::<Claims>::parse(id_token).unwrap();
        let kid = jwt.header().kid.clone().expect("a kid");
        let key = keys.with_kid(&kid).next().expect("a published key").verifying_key().unwrap();
        let algorithms = [self.algorithm];
        let want = Want { typ: &["JWT"], algorithms: &algorithms, allow_missing_typ: true };
        jwt.verify(&key, &want).unwrap().into_claims()
    }

    /// Sends a userinfo request; returns the status and the body.
    pub async fn userinfo(&self, access_token: &str) -> (u16, Value) {
        let request = http().get(format!("{}/userinfo", self.issuer)).bearer_auth(access_token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }
}
