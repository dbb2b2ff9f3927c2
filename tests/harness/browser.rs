//! A browser with cookies and forms, which follows redirects one at a time and has no JavaScript.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT_LANGUAGE, COOKIE, LOCATION, SET_COOKIE, USER_AGENT};

/// The response that a browser got.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub url: String,
    pub location: Option<String>,
    pub policy: Option<String>,
    pub body: String,
}

impl Page {
    /// The value of the first `attribute` after `marker` in the page's HTML.
    pub fn attribute(&self, marker: &str, attribute: &str) -> Option<String> {
        let after = self.body.split_once(marker)?.1;
        let value = after.split_once(&format!("{attribute}=\""))?.1;
        Some(unescape(value.split_once('"')?.0))
    }

    /// The URL of the link with this id.
    pub fn link(&self, id: &str) -> String {
        self.attribute(&format!("id=\"{id}\""), "href")
            .unwrap_or_else(|| panic!("no link {id} on {}:\n{}", self.url, self.body))
    }

    /// The anti-forgery token in the page's forms.
    pub fn form_token(&self) -> String {
        self.attribute("name=\"form_token\"", "value")
            .unwrap_or_else(|| panic!("no form on {}:\n{}", self.url, self.body))
    }

    /// The error code of the page; `None` if it is not an error page.
    pub fn code(&self) -> Option<String> {
        let after = self.body.split_once("id=\"error\"")?.1;
        let code = after.split_once("<span class=\"code\">")?.1;
        Some(code.split_once('<')?.0.to_owned())
    }

    /// The codes of the reasons on a page that denies access.
    pub fn reasons(&self) -> Vec<String> {
        let list = self.body.split_once("class=\"reasons\"").map_or("", |(_, list)| list);
        let list = list.split_once("</ol>").map_or("", |(list, _)| list);
        let heads = list.split("<span class=\"code\">").skip(1);
        heads.filter_map(|rest| Some(rest.split_once('<')?.0.to_owned())).collect()
    }
}

fn unescape(text: &str) -> String {
    let named =
        [("&#38;", "&"), ("&#x26;", "&"), ("&amp;", "&"), ("&quot;", "\""), ("&#34;", "\"")];
    named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A browser with its cookies.
#[derive(Clone)]
pub struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<(String, String), String>,
    language: String,
    agent: Option<String>,
}

impl Default for Browser {
    fn default() -> Self {
        Self {
            client: crate::http(),
            cookies: BTreeMap::new(),
            language: "ja".to_owned(),
            agent: None,
        }
    }
}

impl Browser {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn speaking(language: &str) -> Self {
        Self { language: language.to_owned(), ..Self::default() }
    }

    /// A browser that names itself so.
    pub fn named(agent: &str) -> Self {
        Self { agent: Some(agent.to_owned()), ..Self::default() }
    }

    /// Takes the cookies of another tab of this browser.
    pub fn take_cookies(&mut self, tab: &Self) {
        self.cookies.extend(tab.cookies.clone());
    }

    /// Sends a GET request, and follows no redirect.
    pub async fn get(&mut self, url: &str) -> Page {
        let request = self.client.get(url);
        self.send(url, request).await
    }

    /// Posts a form, and follows no redirect.
    pub async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let request = self.client.post(url).form(form);
        self.send(url, request).await
    }

    /// Follows redirects from `page` until there is no redirect, or until the next URL begins with
    /// `stop`.
    pub async fn follow(&mut self, mut page: Page, stop: &str) -> Page {
        for _ in 0..10 {
            match page.location.clone() {
                Some(next) if !next.starts_with(stop) => page = self.get(&next).await,
                _ => return page,
            }
        }
        panic!("too many redirects, the last to {:?}", page.location);
    }

    /// The cookie called `name` for the host of `url`.
    pub fn cookie(&self, url: &str, name: &str) -> Option<&String> {
        self.cookies.get(&(host(url), name.to_owned()))
    }

    /// The `Cookie` header that this browser sends to the host of `url`.
    pub fn cookie_header(&self, url: &str) -> String {
        let host = host(url);
        let mine = self.cookies.iter().filter(|((at, _), _)| *at == host);
        mine.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// The name and the value of the cookie that was set last for a login at the host of `url`.
    pub fn login_cookie(&self, url: &str) -> Option<(String, String)> {
        let host = host(url);
        let mut login = self.cookies.iter().filter(|((at, name), _)| {
            *at == host && name.trim_start_matches("__Host-").starts_with("sekisho-login-")
        });
        login.next().map(|((_, name), value)| (name.clone(), value.clone()))
    }

    /// How many cookies of logins there are.
    pub fn login_cookies(&self) -> usize {
        let names = self.cookies.keys().map(|(_, name)| name.trim_start_matches("__Host-"));
        names.filter(|name| name.starts_with("sekisho-login-")).count()
    }

    pub fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    async fn send(&mut self, url: &str, request: reqwest::RequestBuilder) -> Page {
        let host = host(url);
        let cookies = self.cookie_header(url);
        let request = request.header(ACCEPT_LANGUAGE, &self.language);
        let request = match &self.agent {
            Some(agent) => request.header(USER_AGENT, agent),
            None => request,
        };
        let request = if cookies.is_empty() { request } else { request.header(COOKIE, cookies) };
        let answer = request.send().await.unwrap();
        for line in answer.headers().get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            let key = (host.clone(), name.trim().to_owned());
            if line.contains("Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        let header = |name: reqwest::header::HeaderName| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let base = url::Url::parse(url).unwrap();
        let location = header(LOCATION).map(|to| base.join(&to).unwrap().to_string());
        Page {
            status: answer.status().as_u16(),
            url: url.to_owned(),
            location,
            policy: header(reqwest::header::CONTENT_SECURITY_POLICY),
            body: answer.text().await.unwrap(),
        }
    }
}

fn host(url: &str) -> String {
    url::Url::parse(url).unwrap().host_str().unwrap().to_owned()
}
