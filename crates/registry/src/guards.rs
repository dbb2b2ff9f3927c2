//! Sites behind a reverse proxy that asks us, for every request, whether it may pass (forward-auth).
//!
//! Invariant: in [`Guards`], ids are unique and an origin belongs to one guard. A guard says whom it
//! believes (the addresses of its proxies), through which client people log in, and what it demands.
//! What no guard names is not guarded, and nothing passes for it.

use std::net::IpAddr;

use sekisho_oauth::client::OFFLINE_ACCESS;
use sekisho_profile::scopes;
use sekisho_site::{NameError, Origin, check_names, paths};
use serde::Deserialize;

/// A site, or the sites of one domain, that a reverse proxy guards with our help.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Its id, which is part of the name of its cookie.
    pub id: String,
    /// The origins at which browsers reach the guarded services.
    pub origins: Vec<String>,
    /// The client through which people log in.
    pub client: String,
    /// The audience of the resource whose access tokens count here; without one, tokens of `client`
    /// that are for no resource.
    #[serde(default)]
    pub resource: Option<String>,
    /// The addresses of the proxies that are believed about the request they ask for.
    pub proxies: Vec<IpAddr>,
    /// What people are asked for when they log in, and what an access token must have. With
    /// `gpu_access`, a permit must stand.
    #[serde(default = "openid")]
    pub scopes: Vec<String>,
    /// The groups of which a person must have one; empty if none is needed.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The domain for which its cookies are set, if one login is for all origins.
    #[serde(default)]
    pub cookie_domain: Option<String>,
}

fn openid() -> Vec<String> {
    vec!["openid".to_owned()]
}

/// Why guards are refused.
#[derive(Debug, thiserror::Error)]
pub enum GuardsError {
    /// An id is malformed, or two guards have the same.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A guard cannot work as it is written.
    #[error("guard {id:?}: {why}")]
    Guard {
        /// The id of the guard.
        id: String,
        /// What was found and what to do.
        why: String,
    },
}

impl Guard {
    /// Whether the proxy at this address is believed.
    pub fn believes(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.to_canonical() == peer.to_canonical())
    }

    /// Whether a permit for a GPU service is demanded.
    pub fn demands_permit(&self) -> bool {
        self.scopes.iter().any(|scope| scope == scopes::GPU_ACCESS)
    }

    /// Where a login that begins at `origin` ends: at the same origin, or with a domain at the first.
    pub fn callback(&self, origin: &str) -> String {
        let at = self.cookie_domain.as_ref().and_then(|_| self.origins.first());
        format!("{}{}", at.map_or(origin, String::as_str), paths::GUARD_CALLBACK)
    }

    /// Where a session counts that began at `origin`: at that origin, or in the whole domain.
    pub fn realm<'g>(&'g self, origin: &'g str) -> &'g str {
        self.cookie_domain.as_deref().unwrap_or(origin)
    }

    fn check(&self, own: &Origin) -> Result<(), String> {
        if self.origins.is_empty() {
            return Err("origins is empty: name the origin at which browsers reach it".to_owned());
        }
        for text in &self.origins {
            let origin = Origin::parse(text).map_err(|error| error.to_string())?;
            if origin == *own {
                return Err(format!("{text:?} is the origin of this broker itself"));
            }
            self.check_domain(&origin)?;
        }
        if self.proxies.is_empty() {
            return Err("proxies is empty: list the addresses of the proxy".to_owned());
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return Err("scopes lacks \"openid\"".to_owned());
        }
        let known = scopes::supported();
        let wrong = |scope: &&String| !known.contains(&scope.as_str()) || *scope == OFFLINE_ACCESS;
        match self.scopes.iter().find(wrong) {
            Some(scope) => Err(format!("the scope {scope:?} gives nothing to a guarded site")),
            None => Ok(()),
        }
    }

    /// A cookie for a domain reaches each of the origins, over https alone, and no other domain.
    fn check_domain(&self, origin: &Origin) -> Result<(), String> {
        let Some(domain) = &self.cookie_domain else { return Ok(()) };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let named = domain.contains('.')
            && domain.chars().all(plain)
            && domain.split('.').all(|label| !label.is_empty())
            && domain.parse::<IpAddr>().is_err();
        let below = origin.host().strip_suffix(domain.as_str());
        let inside = below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        match (named, inside, origin.is_secure()) {
            (false, ..) => Err(format!("cookie_domain {domain:?} is not a domain with two labels")),
            (_, false, _) => {
                Err(format!("{:?} is not in cookie_domain {domain:?}", origin.as_str()))
            }
            (.., false) => Err("a cookie_domain is for https alone".to_owned()),
            _ => Ok(()),
        }
    }
}

/// All guards.
#[derive(Clone, Debug, Default)]
pub struct Guards(Vec<Guard>);

impl Guards {
    /// Checks each guard, and that no two have an id or an origin in common. `own` is the origin of
    /// this broker, which cannot be guarded.
    pub fn new(guards: Vec<Guard>, own: &Origin) -> Result<Self, GuardsError> {
        check_names("guard", guards.iter().map(|guard| guard.id.as_str()))?;
        let refuse = |guard: &Guard, why| GuardsError::Guard { id: guard.id.clone(), why };
        let mut seen = Vec::new();
        for guard in &guards {
            guard.check(own).map_err(|why| refuse(guard, why))?;
            for origin in &guard.origins {
                if seen.contains(&origin) {
                    return Err(refuse(guard, format!("{origin:?} is guarded twice")));
                }
                seen.push(origin);
            }
        }
        Ok(Self(guards))
    }

    /// The guard of this origin, with the origin as it is configured.
    pub fn at(&self, origin: &str) -> Option<(&Guard, &str)> {
        self.0.iter().find_map(|guard| {
            let own = guard.origins.iter().find(|own| *own == origin)?;
            Some((guard, own.as_str()))
        })
    }

    /// Whether a login of this client that ends at `redirect_uri` is one of a guarded site.
    pub fn is_callback(&self, client_id: &str, redirect_uri: &str) -> bool {
        self.0
            .iter()
            .filter(|guard| guard.client == client_id)
            .any(|guard| guard.origins.iter().any(|origin| guard.callback(origin) == redirect_uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(origins: &[&str], cookie_domain: Option<&str>) -> Guard {
        Guard {
            id: "lab".to_owned(),
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            client: "lab".to_owned(),
            resource: None,
            proxies: vec!["127.0.0.1".parse().unwrap()],
            scopes: openid(),
            groups: Vec::new(),
            cookie_domain: cookie_domain.map(str::to_owned),
        }
    }

    fn checked(guards: Vec<Guard>) -> Result<Guards, String> {
        let own = Origin::parse("https://auth.example.jp").unwrap();
        Guards::new(guards, &own).map_err(|error| error.to_string())
    }

    #[test]
    fn a_guard_is_whole() {
        checked(vec![guard(&["https://a.lab.jp", "https://lab.jp"], Some("lab.jp"))]).unwrap();
        checked(vec![guard(&["http://127.0.0.1:8080"], None)]).unwrap();
        let plain = || guard(&["https://a.lab.jp"], None);
        for (wrong, why) in [
            (guard(&[], None), "origins is empty"),
            (guard(&["https://a.lab.jp/"], None), "without a path"),
            (guard(&["http://a.lab.jp"], None), "http on a host"),
            (guard(&["https://auth.example.jp"], None), "this broker itself"),
            (guard(&["https://a.lab.jp"], Some("jp")), "two labels"),
            (guard(&["https://a.lab.jp"], Some(".lab.jp")), "two labels"),
            (guard(&["https://a.lab.jp"], Some("b.jp")), "is not in"),
            (guard(&["https://alab.jp"], Some("lab.jp")), "is not in"),
            (guard(&["http://127.0.0.1:1"], Some("127.0.0.1")), "two labels"),
            (Guard { proxies: Vec::new(), ..plain() }, "proxies is empty"),
            (Guard { scopes: vec!["profile".to_owned()], ..plain() }, "lacks"),
            (
                Guard { scopes: vec!["openid".to_owned(), "offline_access".to_owned()], ..plain() },
                "gives nothing",
            ),
            (
                Guard { scopes: vec!["openid".to_owned(), "admin".to_owned()], ..plain() },
                "gives nothing",
            ),
        ] {
            let error = checked(vec![wrong]).unwrap_err();
            assert!(error.contains(why), "{error}, not {why}");
        }
        let other = Guard { id: "other".to_owned(), ..plain() };
        assert!(checked(vec![plain(), other]).unwrap_err().contains("guarded twice"));
        assert!(checked(vec![plain(), plain()]).unwrap_err().contains("twice"));
    }

    #[test]
    fn a_domain_has_one_callback_and_one_realm() {
        let domain = guard(&["https://a.lab.jp", "https://b.lab.jp"], Some("lab.jp"));
        assert_eq!(domain.callback("https://b.lab.jp"), "https://a.lab.jp/.sekisho/callback");
        assert_eq!(domain.realm("https://b.lab.jp"), "lab.jp");
        let each = guard(&["https://a.lab.jp", "https://b.lab.jp"], None);
        assert_eq!(each.callback("https://b.lab.jp"), "https://b.lab.jp/.sekisho/callback");
        assert_eq!(each.realm("https://b.lab.jp"), "https://b.lab.jp");
        let guards = checked(vec![each]).unwrap();
        assert!(guards.is_callback("lab", "https://b.lab.jp/.sekisho/callback"));
        assert!(!guards.is_callback("portal", "https://b.lab.jp/.sekisho/callback"));
        assert!(!guards.is_callback("lab", "https://c.lab.jp/.sekisho/callback"));
    }
}
