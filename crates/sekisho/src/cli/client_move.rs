//! `sekisho client move`.

use clap::Args;
use sekisho_broker::admin::{MoveClient, MovedClient};

use super::Rehearsal;
use super::session::{Session, body};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, words};

#[derive(Args)]
pub(super) struct Move {
    /// Its id
    client_id: String,
    /// The sector to which it goes [default: the host of the first redirect URI, or the client alone]
    #[arg(long, value_name = "NAME")]
    sector: Option<String>,
    /// Its redirect URIs from now on, once for each; by default those that it has
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Does not ask for the id to be typed
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    rehearsal: Rehearsal,
}

impl Session<'_, '_> {
    pub(super) async fn move_client(&mut self, moved: Move) -> Result<(), Failure> {
        let Move { client_id, sector, redirect_uri, yes, rehearsal } = moved;
        self.confirm(&client_id, yes, rehearsal.dry_run)?;
        let redirect_uris = (!redirect_uri.is_empty()).then_some(redirect_uri);
        let to = MoveClient { sector, redirect_uris };
        let call = Call::post(format!("/v1/clients/{}/move", segment(&client_id)), body(&to)?);
        self.change(call, rehearsal.dry_run, Self::moved_client).await
    }

    fn moved_client(&mut self, moved: MovedClient) {
        self.fact(&words::CLIENT_ID, &moved.client_id);
        self.fact(&words::SECTOR, &format!("{} → {}", moved.from, moved.to));
        if moved.people.is_empty() {
            self.remark(&words::NOBODY_MOVED);
            return;
        }
        let lang = self.lang;
        let headings = [
            words::PERSON,
            words::SUBJECT_BEFORE,
            words::SUBJECT_NOW,
            words::USER_NAME_BEFORE,
            words::USER_NAME_NOW,
        ];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for person in moved.people {
            table.row([
                person.person,
                person.subject_before,
                person.subject,
                person.username_before.unwrap_or_default(),
                person.username.unwrap_or_default(),
            ]);
        }
        self.say(&table.to_string());
    }
}
