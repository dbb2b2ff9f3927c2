//! A relying party built with the crate `openidconnect`, unmodified: it discovers, logs in,
//! refreshes, introspects, revokes and logs out.

use std::time::{Duration, UNIX_EPOCH};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreRequestTokenError,
    CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IntrospectionUrl, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl,
    RevocationUrl, Scope, TokenIntrospectionResponse, TokenResponse,
};
use sekisho_jose::Algorithm;
use sekisho_tests::{Browser, Rp, World, parameter};

const GOODBYE: &str = "http://127.0.0.1:4000/goodbye";

/// A client that knows the endpoints from discovery, and those for introspection and revocation.
type Party = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointSet,
    EndpointSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Sends a request of the crate, which has no HTTP client for our version of reqwest. The crate
/// revokes only over https, which this world does not speak; such a call goes to the same place
/// over http.
async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (parts, body) = request.into_parts();
    let url = parts.uri.to_string().replacen("https:", "http:", 1);
    let request =
        sekisho_tests::http().request(parts.method, url).headers(parts.headers).body(body);
    let answer = request.send().await?;
    let mut response = HttpResponse::default();
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.to_vec();
    Ok(response)
}

/// The parts of a request that its answer must match.
struct Asked {
    url: String,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

fn ask(party: &Party, scopes: &[&str]) -> Asked {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let request = party
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .set_pkce_challenge(challenge)
        .add_extra_param("prompt", "consent")
        .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
    let (url, state, nonce) = request.url();
    Asked { url: url.into(), state, nonce, verifier }
}

async fn party(rp: &Rp, auth: AuthType) -> (Party, ProviderMetadataWithLogout) {
    let issuer = IssuerUrl::new(rp.issuer.clone()).unwrap();
    let metadata = ProviderMetadataWithLogout::discover_async(issuer, &send).await.unwrap();
    let secret = rp.secret.clone().map(ClientSecret::new);
    let id = ClientId::new(rp.client_id.clone());
    let secure = rp.issuer.replacen("http:", "https:", 1);
    let party = CoreClient::from_provider_metadata(metadata.clone(), id, secret)
        .set_redirect_uri(RedirectUrl::new(rp.redirect_uri.clone()).unwrap())
        .set_introspection_url(IntrospectionUrl::new(format!("{}/introspect", rp.issuer)).unwrap())
        .set_revocation_url(RevocationUrl::new(format!("{secure}/revoke")).unwrap())
        .set_auth_type(auth);
    (party, metadata)
}

/// IDT-1, TOK-9, INTR-1, REV-1, OUT-1: all of that works with each method that uses a secret and
/// with each algorithm.
#[tokio::test]
async fn it_logs_in_refreshes_revokes_and_logs_out() {
    let world = World::start().await;
    let wallet = world.member().await;
    for (method, auth, algorithm, name) in [
        ("client_secret_basic", AuthType::BasicAuth, Algorithm::Rs256, "RS256"),
        ("client_secret_post", AuthType::RequestBody, Algorithm::Es256, "ES256"),
    ] {
        let rp = world
            .rp_with(|add| {
                method.clone_into(&mut add.token_endpoint_auth_method);
                add.id_token_signed_response_alg = algorithm;
                add.post_logout_redirect_uris = vec![GOODBYE.to_owned()];
            })
            .await;
        let (party, metadata) = party(&rp, auth).await;
        let asked = ask(&party, &["profile", "organization", "offline_access"]);
        let mut browser = Browser::new();
        let page = browser.show(&wallet, &asked.url, &rp).await;
        let answer = browser.agree(&page).await;
        assert_eq!(parameter(&answer, "state").as_ref(), Some(asked.state.secret()));

        let code = AuthorizationCode::new(parameter(&answer, "code").unwrap());
        let exchange = party.exchange_code(code.clone()).unwrap();
        let tokens = exchange.set_pkce_verifier(asked.verifier).request_async(&send).await.unwrap();
        let id_token = tokens.id_token().unwrap();
        let algorithms: Vec<CoreJwsSigningAlgorithm> =
            serde_json::from_str(&format!("[\"{name}\"]")).unwrap();
        // The crate must use the time of the world, which the test moves.
        let now = Duration::from_secs(world.broker.site().clock().now().unix().try_into().unwrap());
        let verifier = party
            .id_token_verifier()
            .set_allowed_algs(algorithms)
            .set_time_fn(move || (UNIX_EPOCH + now).into());
        let claims = id_token.claims(&verifier, &asked.nonce).unwrap();
        assert_eq!(claims.auth_context_ref().unwrap().as_str(), "phr");
        let stolen = id_token.claims(&verifier, &Nonce::new("another".to_owned()));
        assert!(matches!(stolen, Err(ClaimsVerificationError::InvalidNonce(_))));
        let subject = claims.subject().clone();
        let userinfo = |token: &AccessToken| party.user_info(token.clone(), Some(subject.clone()));
        let asked = userinfo(tokens.access_token()).unwrap();
        let about: CoreUserInfoClaims = asked.request_async(&send).await.unwrap();
        assert_eq!(about.name().unwrap().get(None).unwrap().as_str(), "山田 太郎");

        let refresh = tokens.refresh_token().unwrap();
        let exchange = party.exchange_refresh_token(refresh).unwrap();
        let next = exchange.request_async(&send).await.unwrap();
        let fresh = next.id_token().unwrap();
        let fresh = fresh.claims(&verifier, |nonce: Option<&Nonce>| match nonce {
            None => Ok(()),
            Some(_) => Err("a nonce of another request".to_owned()),
        });
        assert_eq!(fresh.unwrap().subject(), &subject);
        let described = party.introspect(next.access_token());
        let described = described.request_async(&send).await.unwrap();
        assert!(described.active());
        assert_eq!(described.sub(), Some(subject.as_str()));

        let end = metadata.additional_metadata().end_session_endpoint.clone().unwrap();
        let leave = LogoutRequest::from(end)
            .set_id_token_hint(next.id_token().unwrap())
            .set_client_id(ClientId::new(rp.client_id.clone()))
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(GOODBYE.to_owned()).unwrap())
            .set_state(CsrfToken::new("bye".to_owned()));
        let left = browser.get(leave.http_get_url().as_str()).await;
        assert_eq!(left.location.as_deref(), Some(&*format!("{GOODBYE}?state=bye")));

        // The refresh token outlives the session, and ends when the client revokes it.
        let last = next.refresh_token().unwrap();
        party.revoke_token(last.into()).unwrap().request_async(&send).await.unwrap();
        let gone = party.exchange_refresh_token(last).unwrap().request_async(&send).await;
        assert_eq!(refusal(gone.unwrap_err()), "invalid_grant");
        let described = party.introspect(next.access_token());
        assert!(!described.request_async(&send).await.unwrap().active());
        let again = party.exchange_code(code).unwrap().request_async(&send).await;
        assert_eq!(refusal(again.unwrap_err()), "invalid_grant");
    }
}

/// The error code in a refusal of the token endpoint.
fn refusal<E: std::error::Error>(error: CoreRequestTokenError<E>) -> String {
    match error {
        CoreRequestTokenError::ServerResponse(response) => response.error().to_string(),
        other => panic!("{other}"),
    }
}
