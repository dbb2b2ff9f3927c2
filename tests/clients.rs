//! What a client is registered for, and what becomes of it: grants, changes, secrets.

use sekisho_broker::admin::GrantType;
use sekisho_tests::{Browser, Rp, World, parameter};

/// A client for which nobody logs in.
async fn machine(world: &World) -> Rp {
    world
        .rp_with(|add| {
            add.grant_types = vec![GrantType::ClientCredentials];
            add.redirect_uris.clear();
            add.scopes.clear();
            add.purpose = sekisho_ambient::Text::default();
        })
        .await
}

/// TOK-1: a client gets nothing for a grant that it is not registered for, and is asked first who it
/// is.
#[tokio::test]
async fn tokens_05_a_grant_that_is_not_registered_is_refused() {
    let world = World::start().await;
    let machine = machine(&world).await;
    let online = world
        .rp_with(|add| {
            add.grant_types = vec![GrantType::AuthorizationCode];
            add.scopes = ["openid", "profile"].map(str::to_owned).to_vec();
        })
        .await;
    let code = [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "x")];
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    for (rp, form) in [(&machine, &code[..]), (&machine, &refresh), (&online, &refresh)] {
        assert_eq!(rp.refused(form).await, (400, "unauthorized_client".to_owned()), "{form:?}");
        let thief = Rp { secret: Some("guessed".to_owned()), ..rp.clone() };
        assert_eq!(thief.refused(form).await, (401, "invalid_client".to_owned()), "{form:?}");
    }
    assert_eq!(online.refused(&code).await.1, "invalid_grant");
    let other = [("grant_type", "password"), ("username", "x")];
    assert_eq!(machine.refused(&other).await.1, "unsupported_grant_type");
}

/// AUTH-4: without the grant nobody is asked to log in. A client that has a redirect URI is told so
/// there; for one that has none, the browser stays.
#[tokio::test]
async fn tokens_05_a_client_without_the_grant_asks_nobody_to_log_in() {
    let world = World::start().await;
    let device = world.rp_with(|add| add.grant_types = vec![GrantType::DeviceCode, GrantType::RefreshToken]);
    let device = device.await;
    let asked = device.plain_request();
    let answer = Browser::new().get(&asked.url).await.location.expect("a redirect");
    assert!(answer.starts_with(&device.redirect_uri), "{answer}");
    assert_eq!(parameter(&answer, "error").as_deref(), Some("unauthorized_client"));
    assert_eq!(parameter(&answer, "state"), Some(asked.state));
    assert_eq!(parameter(&answer, "iss").as_ref(), Some(&world.origin));

    let machine = Rp { redirect_uri: "https://rp.example/cb".to_owned(), ..machine(&world).await };
    let page = Browser::new().get(&machine.plain_request().url).await;
    assert_eq!((page.code().as_deref(), page.location), (Some("R-4002"), None));
}
