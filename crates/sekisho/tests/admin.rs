//! The admin API on its socket, and its answers to bad input.

use crate::support::{Home, Running, TENANT, http};
use axum::body::Body;
use axum::http::Request;
use sekisho::settings::Settings;
use sekisho_ambient::{Clock, Entropy};
use sekisho_broker::Broker;
use sekisho_store::{Backend, Options, RootKey, Store};
use serde_json::{Value, json};
use tower::ServiceExt as _;

fn client(server: &Running) -> reqwest::Client {
    let socket = server.text("admin_socket");
    let socket = std::path::Path::new(&socket);
    reqwest::Client::builder().unix_socket(socket).tls_certs_only([]).build().unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn url(path: &str) -> String {
    format!("http://sekisho{path}")
}

/// A server whose socket is given by its absolute path.
fn serve(home: &Home) -> Running {
    home.init();
    let config = home.path("sekisho.toml").display().to_string();
    home.start(&["--config", &config, "serve", "--json"])
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_changes_nothing() {
    let home = Home::new();
    let server = serve(&home);
    let http = client(&server);
    let org = json!({"corporate_number": TENANT, "name": {"ja": "瀬戸内", "en": "Setouchi"}});
    let post = |path: &str, body: &str| http.post(url(path)).body(body.to_owned());
    let unknown = json!({"corporate_number": TENANT, "name": {"ja": "a", "en": "b"}, "x": 1});
    for (path, body) in [
        ("/v1/organizations?dryrun=true", org.to_string()),
        ("/v1/organizations?dry_run=yes", org.to_string()),
        ("/v1/organizations?dry_run=true&dry_run=false", org.to_string()),
        ("/v1/organizations", unknown.to_string()),
        ("/v1/organizations", String::new()),
        ("/v1/organizations", "{".to_owned()),
    ] {
        let (status, body) = answer(post(path, &body)).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid")), "{path}: {body}");
        assert!(body["message"].is_string());
    }
    for path in ["/v1/audit?limit=-1", "/v1/keys?all=1", "/v1/status?x=1", "/v1/audit?limit=a"] {
        assert_eq!(answer(http.get(url(path))).await.0, 400, "{path}");
    }
    assert_eq!(answer(http.get(url("/v2/status"))).await.0, 404);
    assert_eq!(answer(http.get(url("/authorize"))).await.0, 404, "the public surface is elsewhere");
    assert_eq!(answer(http.delete(url("/v1/status"))).await.0, 405);
    assert_eq!(answer(http.delete(url("/v1/clients/nobody"))).await.0, 404);
    assert_eq!(answer(http.delete(url("/v1/trust"))).await.0, 400);
    let (_, listed) = answer(http.get(url("/v1/organizations"))).await;
    assert_eq!(listed["organizations"], json!([]));

    assert_eq!(answer(post("/v1/organizations", &org.to_string())).await.0, 200);
    let (status, body) = answer(post("/v1/organizations", &org.to_string())).await;
    assert_eq!((status, &body["error"]), (409, &json!("exists")));
    let root = http.get(url("/v1/root")).send().await.unwrap().text().await.unwrap();
    assert_eq!(root, std::fs::read_to_string(home.path("data/ca.pem")).unwrap());
    assert_eq!(server.stop(), 0);
}

#[tokio::test]
async fn the_public_address_knows_nothing_of_the_admin_api() {
    let home = Home::new();
    let server = serve(&home);
    let http = http().build().unwrap();
    let status = http.get(format!("{}/v1/status", server.text("issuer"))).send().await.unwrap();
    assert_eq!(status.status(), 404);
    assert_eq!(server.stop(), 0);
}

#[tokio::test]
async fn a_request_that_nobody_vouches_for_is_refused() {
    let home = Home::new();
    home.init();
    let settings = Settings::read(&home.path("sekisho.toml")).unwrap();
    let root = RootKey::read_file(&home.path("data/root.key")).unwrap();
    let entropy = Entropy::system();
    let (file, options) = (settings.store_file(), Options::default());
    let store = Store::open_on(Backend::Redb(&file), &root, entropy.clone(), options).unwrap();
    let broker = Broker::open(settings.broker, store, Clock::system(), entropy).await.unwrap();
    let router = sekisho_web::admin::router(broker);
    for path in ["/v1/status", "/v1/root", "/v1/organizations", "/v1/keys", "/v1/audit"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 403, "{path}");
    }
    for path in ["/v1/organizations", "/v1/clients", "/v1/trust", "/v1/keys/rotate"] {
        let request = Request::post(path).body(Body::from("{}")).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 403, "{path}");
    }
}
