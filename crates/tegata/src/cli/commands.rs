//! The commands of the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sekisho_ambient::{Lang, Words};
use serde_json::json;

use super::table::Table;
use super::{Session, read_file};
use crate::held::Claim;
use crate::text;
use crate::{
    Credential, Opener, Prepared, PresentOutcome, Wallet, WalletError, WalletServer, read_anchors,
    serve,
};

impl Session<'_, '_> {
    pub(super) fn init(&mut self, trust: Option<PathBuf>) -> Result<(), WalletError> {
        let anchors =
            trust.map(|path| read_anchors(&read_file(path)?)).transpose()?.unwrap_or_default();
        let wallet = Wallet::create(&self.dir, self.surroundings.clone())?;
        if !anchors.is_empty() {
            wallet.trust(&anchors)?;
        }
        let dir = self.dir.display().to_string();
        if self.json {
            let document = json!({"wallet": dir, "holder_key": wallet.holder_key().minimal(), "anchors": anchors.len()});
            self.say(&document.to_string());
        } else {
            self.say(&text::CLI_CREATED.fill(self.lang, &[("0", &dir)]));
        }
        Ok(())
    }

    pub(super) fn trust(&mut self, pem: &Path) -> Result<(), WalletError> {
        let anchors = read_anchors(&read_file(pem)?)?;
        self.open(None)?.trust(&anchors)?;
        let count = anchors.len().to_string();
        if self.json {
            let subjects: Vec<String> =
                anchors.iter().map(sekisho_jose::x5c::TrustAnchor::subject).collect();
            self.say(&json!({"trusted": subjects}).to_string());
        } else {
            self.say(&text::CLI_TRUSTED.fill(self.lang, &[("0", &count)]));
        }
        Ok(())
    }

    pub(super) async fn accept(
        &mut self,
        link: &str,
        tx_code: Option<String>,
        trust: Option<PathBuf>,
    ) -> Result<(), WalletError> {
        let wallet = self.open(trust)?;
        let offer = wallet.prepare_offer(link).await?;
        let issuer = format!("{} ({})", offer.issuer_name.say(self.lang), offer.issuer);
        self.item(text::ISSUER, &issuer);
        for name in &offer.credentials {
            self.item(text::OFFERED, name.say(self.lang));
        }
        let tx_code = match tx_code {
            None if offer.tx_code.is_some() => {
                self.ask(text::CLI_TX_CODE.say(self.lang)).filter(|typed| !typed.is_empty())
            }
            given => given,
        };
        let received = wallet.receive(&offer, tx_code.as_deref()).await?;
        if self.json {
            self.say(&json!({"received": received}).to_string());
            return Ok(());
        }
        for credential in &received {
            let name = credential.name.say(self.lang);
            let line = text::CLI_ACCEPTED
                .fill(self.lang, &[("0", name), ("1", credential.issuer_name.say(self.lang))]);
            self.say(&line);
        }
        Ok(())
    }

    pub(super) fn list(&mut self) -> Result<(), WalletError> {
        let credentials = self.open(None)?.credentials()?;
        if self.json {
            self.say(&json!({"credentials": credentials}).to_string());
            return Ok(());
        }
        if credentials.is_empty() {
            self.say(text::CLI_NONE.say(self.lang));
            return Ok(());
        }
        let lang = self.lang;
        let head = [text::COLUMN_ID, text::COLUMN_NAME, text::ISSUER, text::EXPIRES];
        let mut table = Table::new(head.map(|text| text.say(lang).to_owned()));
        for credential in &credentials {
            table.row(row(credential, lang));
        }
        self.say(table.to_string().trim_end());
        Ok(())
    }

    pub(super) fn remove(&mut self, id: &str) -> Result<(), WalletError> {
        self.open(None)?.remove(id)?;
        if self.json {
            self.say(&json!({"removed": id}).to_string());
        } else {
            self.say(&text::CLI_REMOVED.fill(self.lang, &[("0", id)]));
        }
        Ok(())
    }

    /// `answer` is the answer if the command line gives one, so that nobody is asked.
    pub(super) async fn present(
        &mut self,
        link: &str,
        answer: Option<bool>,
        trust: Option<PathBuf>,
    ) -> Result<(), WalletError> {
        let wallet = self.open(trust)?;
        let prepared = wallet.prepare(link).await?;
        self.show(&prepared);
        match answer {
            Some(true) => prepared.unattended()?,
            None if !prepared.missing.is_empty() => {
                return Err(WalletError::Missing(prepared.missing));
            }
            _ => {}
        }
        let yes = answer.unwrap_or_else(|| {
            let typed = self.ask(text::CLI_ASK.say(self.lang)).unwrap_or_default();
            matches!(typed.to_ascii_lowercase().as_str(), "y" | "yes" | "はい")
        });
        let report = prepared.clone();
        let outcome =
            if yes { wallet.present(prepared).await? } else { wallet.decline(prepared).await? };
        self.presented(&report, yes, &outcome);
        if yes { Ok(()) } else { Err(WalletError::Declined) }
    }

    /// Prints who asks, for what and why.
    fn show(&mut self, prepared: &Prepared) {
        let lang = self.lang;
        let who = &prepared.who;
        let mut name = who.name.say(lang).to_owned();
        if !who.operator.is_empty() {
            name = format!("{name} / {}", who.operator.say(lang));
        }
        if let Some(number) = &who.corporate_number {
            name = format!("{name} ({number})");
        }
        self.item(text::ASKS, &name);
        if !who.residency.is_empty() {
            self.item(text::RESIDENCY, who.residency.say(lang));
        }
        if !who.anchored {
            self.note(text::UNKNOWN_LEAD.say(lang));
        }
        let proof = if who.anchored { text::VERIFIED } else { text::NOT_ANCHORED };
        self.item(text::ADDRESS, &format!("{} ({})", who.address, proof.say(lang)));
        let why = if prepared.why.is_empty() {
            text::NO_REASON.say(lang)
        } else {
            prepared.why.say(lang)
        };
        self.item(text::WHY, why);
        for chosen in &prepared.chosen {
            self.item(text::LEAVES, chosen.name.say(lang));
            self.claims(&chosen.leaves);
            if !chosen.always.is_empty() {
                self.note(&format!("  {}:", text::LEAVES_ALWAYS.say(lang)));
                self.claims(&chosen.always);
            }
        }
        for name in &prepared.not_held {
            self.item(text::NOT_HELD, name.say(lang));
        }
    }

    fn item(&mut self, name: Words, value: &str) {
        self.note(&format!("{}: {value}", name.say(self.lang)));
    }

    fn claims(&mut self, claims: &[Claim]) {
        for claim in claims {
            self.note(&format!(
                "  - {}: {}",
                claim.label.say(self.lang),
                claim.shown.say(self.lang)
            ));
        }
    }

    fn presented(&mut self, prepared: &Prepared, yes: bool, outcome: &PresentOutcome) {
        if self.json {
            let document = json!({
                "presented": yes,
                "redirect_uri": outcome.redirect_uri,
                "who": prepared.who,
                "why": prepared.why,
                "asks": prepared.asks,
                "chosen": if yes { prepared.chosen.as_slice() } else { &[] },
                "not_held": prepared.not_held,
            });
            self.say(&document.to_string());
            return;
        }
        if yes {
            self.say(text::CLI_PRESENTED.say(self.lang));
        }
        if let Some(to) = &outcome.redirect_uri {
            self.say(&text::CLI_CONTINUE.fill(self.lang, &[("0", to)]));
        }
    }

    pub(super) async fn serve(
        &mut self,
        listen: SocketAddr,
        auto: bool,
        trust: Option<PathBuf>,
    ) -> Result<(), WalletError> {
        let wallet = self.open(trust)?;
        if !listen.ip().is_loopback() {
            // Other machines would send the secret over the network in clear.
            return Err(WalletError::Listen(listen));
        }
        let unreachable = |error: std::io::Error| WalletError::Unreachable {
            address: listen.to_string(),
            why: error.to_string(),
        };
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(unreachable)?;
        let address = format!("http://{}", listener.local_addr().map_err(unreachable)?);
        let opener = Opener::draw(&self.surroundings.entropy);
        let link = opener.link(&address);
        if self.json {
            self.say(&json!({"listening": address, "link": link, "auto": auto}).to_string());
        } else {
            self.say(&text::CLI_SERVING.fill(self.lang, &[("0", &link)]));
        }
        if auto {
            self.note(text::CLI_AUTO.say(self.lang));
        }
        let _ = self.terminal.output.flush();
        let server = WalletServer { wallet, auto, lang: self.lang, known: Vec::new() };
        serve(listener, server, &opener, interrupted()).await.map_err(unreachable)
    }
}

/// Completes at Ctrl-C or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

fn row(credential: &Credential, lang: Lang) -> [String; 4] {
    let expires = match credential.expires {
        None => text::NO_EXPIRY.say(lang).to_owned(),
        Some(expires) => expires.to_rfc3339_jst(),
    };
    [
        credential.id.clone(),
        credential.name.say(lang).to_owned(),
        credential.issuer_name.say(lang).to_owned(),
        expires,
    ]
}
