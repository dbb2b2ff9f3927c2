//! Every sample in the template parses, and every error names its place.

use super::template::TlsSample;
use super::*;

fn sample(origin: &str, tls: TlsSample, wallet: Option<&str>) -> String {
    template(&Sample {
        origin,
        listen: vec!["127.0.0.1:8080".parse().unwrap()],
        data_dir: Path::new("data"),
        systemd: false,
        tls,
        wallet: wallet.map(str::to_owned),
        facts: false,
    })
}

fn plain() -> String {
    sample("http://localhost:8080", TlsSample::None, None)
}

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse(Path::new("/etc/sekisho/sekisho.toml"), text)
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn what_init_writes_can_be_read() {
    let settings = parse(&plain()).unwrap();
    assert_eq!(settings.data_dir, Path::new("/etc/sekisho/data"));
    assert_eq!(settings.admin_socket, Path::new("/etc/sekisho/data/admin.sock"));
    assert_eq!(settings.root_key, RootKeyPlace::File("/etc/sekisho/data/root.key".into()));
    assert_eq!(settings.broker.type_authority, "http://localhost:8080");
    assert_eq!(settings.broker.gates[0].max_gpus, 16);
    let https = "https://auth.example.jp";
    assert_eq!(parse(&sample(https, TlsSample::Own, None)).unwrap().tls, Tls::Own);
    let files = TlsSample::Files { certificate: "tls.pem".into(), key: "/k/tls \"1\".key".into() };
    let files = parse(&sample(https, files, None)).unwrap().tls;
    let certificate = "/etc/sekisho/tls.pem".into();
    assert_eq!(files, Tls::Files { certificate, key: "/k/tls \"1\".key".into() });
    let proxy = TlsSample::Proxy(vec!["10.0.0.2".parse().unwrap(), "::1".parse().unwrap()]);
    assert!(
        matches!(parse(&sample(https, proxy, None)).unwrap().tls, Tls::Proxy(a) if a.len() == 2)
    );
}

#[test]
fn word_15_how_far_a_wallets_clock_may_be_ahead_is_a_setting() {
    let with =
        |value: &str| plain().replace("# clock_ahead = 60", &format!("clock_ahead = {value}"));
    assert_eq!(parse(&plain()).unwrap().broker.clock_ahead.seconds(), 60);
    for seconds in [0, 10, 120] {
        let settings = parse(&with(&seconds.to_string())).unwrap();
        assert_eq!(settings.broker.clock_ahead.seconds(), seconds);
    }
    for value in ["121", "-1", "3600", "\"60\""] {
        assert!(refused(&with(value)).starts_with("/etc/sekisho/sekisho.toml:"), "{value}");
    }
    assert!(refused(&with("121")).contains("use 0 to 120"), "{}", refused(&with("121")));
}

#[test]
fn a_wallet_on_the_web_comes_before_the_wallet_of_the_device() {
    let url = "http://127.0.0.1:9000/authorize";
    let wallets = parse(&sample("http://localhost:1", TlsSample::None, Some(url))).unwrap();
    let wallets = wallets.broker.wallets;
    assert_eq!((wallets[0].authorization_endpoint.as_str(), wallets[0].preferred), (url, true));
    assert_eq!((wallets[1].name.as_str(), wallets[1].preferred), ("device", false));
}

#[test]
fn every_setting_that_the_template_shows_as_a_comment_can_be_used() {
    let mut text = String::new();
    for line in plain().lines() {
        let key = line.strip_prefix("# ").filter(|rest| {
            let name = rest.split(' ').next().unwrap_or_default();
            let word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let setting = rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = "));
            (word && setting) || ["[operator]", "[[resources]]", "[[guards]]"].contains(rest)
        });
        text.push_str(key.unwrap_or(line));
        text.push('\n');
    }
    assert_ne!(text, plain());
    let settings = parse(&text).unwrap();
    assert_eq!(settings.admin_socket, Path::new("/run/sekisho/admin.sock"));
    assert_eq!(settings.broker.type_authority, "https://types.example.jp");
    assert_eq!(settings.broker.gates[0].max_walltime_h, Some(12));
    let service = &settings.broker.services[0];
    assert!(service.tos_uri.is_some() && service.operator.is_some() && service.retention.is_some());
    let resource = &settings.broker.resources[0];
    assert!(resource.own_key && resource.audience == "urn:slurm:tokyo-1");
    let operator = settings.broker.operator.clone().unwrap();
    assert_eq!(operator.contact_uri.as_deref(), Some("mailto:help@gpu.example.jp"));
    let guard = &settings.broker.guards[0];
    assert_eq!((guard.id.as_str(), guard.proxies.len(), guard.groups.len()), ("lab", 2, 1));
    let ca_file = settings.broker.outbound.ca_file;
    assert_eq!(ca_file.as_deref(), Some("/etc/sekisho/issuers-tls-roots.pem"));
}

/// Nobody is told of an operator who does not exist, before somebody has written down who it is.
#[test]
fn word_29_sample_facts_are_comments() {
    let settings = parse(&plain()).unwrap();
    let service = &settings.broker.services[0];
    assert_eq!((&service.operator, &service.operator_number), (&None, &None));
    assert_eq!((&service.residency, &service.retention), (&None, &None));
    assert_eq!((&service.transfer_abroad, &settings.broker.operator), (&None, &None));
    for line in
        plain().lines().filter(|line| line.contains("北海") || line.contains("8900000000001"))
    {
        assert!(line.starts_with('#'), "{line}");
    }
}

#[test]
fn the_operators_links_are_links() {
    let operator = |links: &str| {
        format!("{}[operator]\nname = {{ ja = \"北海\", en = \"Hokkai\" }}\n{links}", plain())
    };
    parse(&operator("contact_uri = \"mailto:a@b.example\"")).unwrap();
    for links in ["contact_uri = \"javascript:1\"", "privacy_uri = \"mailto:a@b.example\""] {
        assert!(refused(&operator(links)).contains("https URL"), "{links}");
    }
}

#[test]
fn a_mistake_is_told_with_file_and_line() {
    let line = |text: &str, needle: &str| {
        text.lines().position(|line| line.starts_with(needle)).unwrap() + 1
    };
    let unknown = plain().replace("permit_hours = 24", "permit_hour = 24");
    let told = refused(&unknown);
    let place = format!("/etc/sekisho/sekisho.toml:{}: ", line(&unknown, "permit_hour "));
    assert!(told.starts_with(&place) && told.contains("permit_hour"), "{told}");
    let origin = plain().replace("\"http://localhost:8080\"", "\"http://auth.example.jp\"");
    let told = refused(&origin);
    assert!(told.starts_with(&format!("/etc/sekisho/sekisho.toml:{}: ", line(&origin, "origin"))));
    assert!(told.contains("loopback"), "{told}");
    let service = plain().replace("service = \"gpu-console\"", "service = \"gpu\"");
    let told = refused(&service);
    assert!(told.contains(&format!(":{}: gate", line(&service, "service = "))), "{told}");
    let syntax = plain().replace("listen = ", "listen ");
    assert!(refused(&syntax).contains(&format!(":{}: ", line(&syntax, "listen "))));
}

#[test]
fn who_ends_tls_must_fit_the_origin() {
    let https = "https://auth.example.jp";
    assert!(refused(&sample(https, TlsSample::None, None)).contains("the origin is https"));
    let own = sample("http://localhost:8080", TlsSample::Own, None);
    assert!(refused(&own).contains("the origin is http"));
    assert!(
        refused(&sample(https, TlsSample::Proxy(Vec::new()), None)).contains("without an address")
    );
}

#[test]
fn a_missing_file_says_what_to_do() {
    let told = Settings::read(Path::new("/nowhere/sekisho.toml")).unwrap_err().to_string();
    assert!(told.contains("sekisho init") && told.contains("--config"), "{told}");
}
