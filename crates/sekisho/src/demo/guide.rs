//! Prints, once everything is ready, one line of JSON for scripts or a guide for people.

use std::path::Path;

use sekisho_ambient::{Lang, Words};
use sekisho_broker::admin::{AddedClient, Offered};
use serde_json::{Value, json};

use super::cast::Cast;
use super::stage::Place;
use crate::settings::Settings;

/// The addresses of the three programs.
pub(super) struct Addresses {
    pub(super) issuer: String,
    pub(super) console: String,
    pub(super) wallet: String,
    /// What opens the wallet's page.
    pub(super) opener: tegata::Opener,
}

impl Addresses {
    /// The offer as a link to the wallet's page.
    fn accept(&self, offer: &Offered) -> String {
        let query = offer.uri.split_once('?').map_or("", |(_, query)| query);
        self.opener.link(&format!("{}/accept?{query}", self.wallet))
    }
}

/// The line of JSON for scripts.
pub(super) fn line(addresses: &Addresses, settings: &Settings, cast: &Cast) -> String {
    let client = |client: &AddedClient| {
        json!({
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "redirect_uris": client.redirect_uris,
        })
    };
    let offer = |offer: &Offered| {
        json!({
            "type": offer.type_name,
            "uri": offer.uri,
            "tx_code": offer.tx_code,
            "wallet_page": addresses.accept(offer),
        })
    };
    let ca_file = settings.ca_file().display().to_string();
    let mut line = json!({
        "issuer": addresses.issuer,
        "console": addresses.console,
        "wallet": addresses.wallet,
        "wallet_link": addresses.opener.link(&addresses.wallet),
        "admin_socket": settings.admin_socket.display().to_string(),
        "config": settings.path.display().to_string(),
        "trust_file": ca_file,
        "clients": [client(&cast.console), client(&cast.own)],
        "offers": cast.offers.iter().map(offer).collect::<Vec<Value>>(),
    });
    if let (true, Some(line)) = (settings.broker.origin.is_secure(), line.as_object_mut()) {
        line.insert("ca_file".to_owned(), json!(ca_file));
    }
    line.to_string()
}

/// The guide for people, in the language that the user chose, or else in both.
pub(super) fn guide(
    addresses: &Addresses,
    settings: &Settings,
    cast: &Cast,
    place: &Place,
    lang: Option<Lang>,
) -> String {
    let in_page = Wares::of(cast.offers.get(..2), addresses);
    let at_hand = Wares::of(cast.offers.get(2..), addresses);
    let trust = quoted(&settings.ca_file());
    let secure = settings.broker.origin.is_secure();
    let values = [
        ("issuer", addresses.issuer.clone()),
        ("console", addresses.console.clone()),
        ("wallet", addresses.opener.link(&addresses.wallet)),
        ("affiliation", in_page.affiliation_page),
        ("affiliation_code", in_page.code),
        ("training", in_page.training_page),
        ("programs", programs()),
        ("config", quoted(&settings.path)),
        ("other_wallet", quoted(&place.other_wallet())),
        ("ca", if secure { format!("--ca {trust} ") } else { String::new() }),
        ("trust", trust),
        ("affiliation_uri", at_hand.affiliation),
        ("affiliation_uri_code", at_hand.code),
        ("training_uri", at_hand.training),
    ];
    let values: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let langs = lang.map_or(vec![Lang::Ja, Lang::En], |lang| vec![lang]);
    let guides: Vec<String> = langs.into_iter().map(|lang| GUIDE.fill(lang, &values)).collect();
    guides.join("\n")
}

/// The offers to one wallet, as the guide prints them.
#[derive(Default)]
struct Wares {
    affiliation: String,
    affiliation_page: String,
    code: String,
    training: String,
    training_page: String,
}

impl Wares {
    fn of(offers: Option<&[Offered]>, addresses: &Addresses) -> Self {
        let Some([affiliation, training]) = offers else { return Self::default() };
        Self {
            affiliation: affiliation.uri.clone(),
            affiliation_page: addresses.accept(affiliation),
            code: affiliation.tx_code.clone().unwrap_or_default(),
            training: training.uri.clone(),
            training_page: addresses.accept(training),
        }
    }
}

/// Shell commands that let a shell find this program and the wallet. If the wallet is not built, an
/// alias runs it by cargo.
fn programs() -> String {
    let Ok(program) = std::env::current_exe() else { return String::new() };
    let folder = program.parent().map(quoted).unwrap_or_default();
    let built = program.with_file_name("tegata").exists();
    let wallet =
        if built { "" } else { "\n  alias tegata='cargo run -q --release --bin tegata --'" };
    format!("export PATH={folder}:\"$PATH\"{wallet}")
}

/// Quotes a path as one word of a shell command.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

const GUIDE: Words = Words {
    ja: "
関所の体験環境ができました。Ctrl+C で終わります。

  ブローカー      {issuer}
  GPU コンソール  {console}
  ウォレット      {wallet}

ブラウザで試す
  1. 所属証明書をウォレットに入れます。受け取りコードは {affiliation_code} です。
     {affiliation}
  2. GPU コンソールで GPU を 8 基申請し、ウォレットでログインします。
     研修の修了証がないため断られ、足りない条件が示されます（P-3201）。
     {console}
  3. 研修の修了証をウォレットに入れます。
     {training}
  4. もう一度申請します。だれに何を渡すかを確認して同意すると、割り当てられます。
  5. 別のターミナルで所属証明書を取り消します（下の export の後）。次の申請は断られます（C-2001）。
     sekisho credential revoke --last affiliation --yes

コマンドで試す（別のターミナル、別のウォレット）
  {programs}
  export SEKISHO_CONFIG={config} TEGATA_WALLET={other_wallet}
  tegata {ca}init --trust {trust}
  tegata {ca}accept '{affiliation_uri}' --tx-code {affiliation_uri_code}
  GPU コンソールで申請し、ログインの画面で「この端末のウォレット」のリンク（openid4vp://…）を
  コピーします（右クリック）。
  tegata {ca}present 'リンク' --yes
  表示された URL を同じブラウザで開くと、断られた理由が示されます。QRコードの下のリンクを使うと、
  開いた画面に番号が表示されます。その番号をログインの画面に入力してください。
  修了証を受け取り、もう一度申請し、新しいリンクで提示します。
  tegata {ca}accept '{training_uri}'
  tegata {ca}present 'リンク' --yes
  sekisho credential revoke --last affiliation --yes
  sekisho audit tail
  sekisho audit verify
",
    en: "
Sekisho is ready to be tried out. Ctrl-C ends it.

  Broker       {issuer}
  GPU console  {console}
  Wallet       {wallet}

In a browser
  1. Put the affiliation credential into the wallet. The transaction code is {affiliation_code}.
     {affiliation}
  2. Request 8 GPUs at the console and log in with the wallet. You are refused and told which
     condition is not met: the training is missing (P-3201).
     {console}
  3. Put the training credential into the wallet.
     {training}
  4. Request again. Look at who asks for what, consent, and the GPUs are yours.
  5. Revoke the affiliation in another terminal (after the exports below). The next request is
     refused (C-2001).
     sekisho credential revoke --last affiliation --yes

With commands (another terminal, another wallet)
  {programs}
  export SEKISHO_CONFIG={config} TEGATA_WALLET={other_wallet}
  tegata {ca}init --trust {trust}
  tegata {ca}accept '{affiliation_uri}' --tx-code {affiliation_uri_code}
  Request GPUs at the console. On the login page, copy the link “Wallet on this device”
  (openid4vp://…, by a right click).
  tegata {ca}present 'LINK' --yes
  Open the URL that it prints in the same browser to see why you are refused. If you took the link
  below the QR code, the page at that URL shows a number: type it into the login page.
  Receive the training, request again, and present with the new link.
  tegata {ca}accept '{training_uri}'
  tegata {ca}present 'LINK' --yes
  sekisho credential revoke --last affiliation --yes
  sekisho audit tail
  sekisho audit verify
",
};
