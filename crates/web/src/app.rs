//! The state of the router, and the parts of the broker that handlers take from it.

use axum::extract::FromRef;
use sekisho_broker::Broker;
use sekisho_broker::forward::ForwardAuth;
use sekisho_broker::token::TokenEndpoint;
use sekisho_grants::Grants;
use sekisho_issuer::Issuer;
use sekisho_login::Logins;
use sekisho_registry::Registry;
use sekisho_site::Site;
use sekisho_standing::Standing;

/// The state of the public router. Handlers take only a part of it, never all.
#[derive(Clone)]
pub(crate) struct App(pub(crate) Broker);

impl FromRef<App> for Site {
    fn from_ref(app: &App) -> Self {
        app.0.site().clone()
    }
}

impl FromRef<App> for Logins {
    fn from_ref(app: &App) -> Self {
        app.0.logins().clone()
    }
}

impl FromRef<App> for Registry {
    fn from_ref(app: &App) -> Self {
        app.0.registry().clone()
    }
}

impl FromRef<App> for Grants {
    fn from_ref(app: &App) -> Self {
        app.0.grants().clone()
    }
}

impl FromRef<App> for Issuer {
    fn from_ref(app: &App) -> Self {
        app.0.issuer().clone()
    }
}

impl FromRef<App> for Standing {
    fn from_ref(app: &App) -> Self {
        app.0.standing().clone()
    }
}

impl FromRef<App> for TokenEndpoint {
    fn from_ref(app: &App) -> Self {
        app.0.token_endpoint()
    }
}

impl FromRef<App> for ForwardAuth {
    fn from_ref(app: &App) -> Self {
        app.0.forward_auth()
    }
}
