//! Every text of the wallet that a person reads, in both languages.
//!
//! Invariant: an entry with one language only does not compile.

use sekisho_ambient::Words;

macro_rules! texts {
    ($($name:ident: $ja:literal / $en:literal;)+) => {
        $(#[doc = $en] pub const $name: Words = Words::new($ja, $en);)+
        #[cfg(test)]
        const ALL: &[(&str, Words)] = &[$((stringify!($name), $name)),+];
    };
}

texts! {
    // --- pages ---------------------------------------------------------------------------------
    WALLET: "手形（ウォレット）" / "Tegata wallet";
    OTHER_LANGUAGE: "English" / "日本語";
    LIST_TITLE: "証明書" / "Credentials";
    LIST_EMPTY: "証明書はまだありません。発行元から届いたリンクを開いて受け取ります。" / "There are no credentials yet. Open the link that an issuer sent you to receive one.";
    ISSUER: "発行元" / "Issuer";
    EXPIRES: "有効期限" / "Valid until";
    NO_EXPIRY: "期限なし" / "No expiry";
    EXPIRED: "期限切れ" / "Expired";
    RECEIVED: "受け取った日時" / "Received";
    ACCEPT_TITLE: "証明書を受け取りますか" / "Receive this credential?";
    ACCEPT_LEAD: "次の発行元が証明書を渡そうとしています。心当たりがなければ、受け取らないでください。" / "This issuer offers you a credential. Do not receive it unless you expect it.";
    OFFERED: "渡される証明書" / "Offered";
    TX_CODE: "受け取り番号" / "Transaction code";
    TX_CODE_HINT: "発行元から別の方法で届いた番号を入力してください。" / "Type the code that the issuer sent you by another way.";
    ACCEPT: "受け取る" / "Receive";
    CANCEL: "受け取らない" / "Do not receive";
    PRESENT_TITLE: "証明書を見せますか" / "Show your credentials?";
    ASKS: "提示先" / "Who asks";
    OPERATOR: "運営者" / "Operator";
    RESIDENCY: "国内所在" / "Residency in Japan";
    ADDRESS: "送り先" / "Sent to";
    VERIFIED: "証明書の連鎖を確認しました" / "Certificate chain verified";
    NOT_ANCHORED: "この提示先を保証する認証局は登録されていません" / "No registered authority vouches for this verifier";
    UNKNOWN_LEAD: "提示先の名前と目的は、本人がそう名乗っているだけです。心当たりがなければ、見せないでください。" / "Its name and its purpose are its own words. Do not show anything unless you expect this request.";
    WHY: "目的" / "Why";
    NO_REASON: "目的は示されていません" / "No purpose was given";
    LEAVES: "送る項目" / "What leaves this wallet";
    LEAVES_ALWAYS: "次の項目は証明書の一部として必ず送られます" / "These are part of the credential and always leave with it";
    NOT_HELD: "持っていないため送りません（任意）" / "Not in this wallet, so not sent (optional)";
    MISSING_TITLE: "必要な証明書がありません" / "A required credential is missing";
    MISSING_LEAD: "次の証明書がないため、見せることができません。発行元から受け取ってから、もう一度お試しください。" / "Without these credentials nothing can be shown. Receive them from their issuer, then try again.";
    PRESENT: "見せる" / "Show";
    DECLINE: "見せない" / "Do not show";
    DONE_TITLE: "証明書を見せました" / "Shown";
    DECLINED_TITLE: "見せませんでした" / "Not shown";
    DECLINED_LEAD: "証明書は送られていません。提示先に、見せないことだけを伝えました。" / "No credential was sent. The verifier was only told that you declined.";
    DONE_LEAD: "この画面を閉じて、元の画面に戻ってください。" / "Close this page and go back to where you began.";
    CONTINUE: "続ける" / "Continue";
    CONTINUE_LEAD: "提示先とは別のアドレスに進みます。" / "The next page is at another address than the verifier's.";
    ERROR_TITLE: "できませんでした" / "This did not work";
    BACK: "証明書の一覧へ" / "Back to the credentials";
    ENDED: "この画面は期限が切れたか、もう使われました。リンクを開き直してください。" / "This page has ended or was used already. Open the link again.";
    NOT_OURS: "この要求は、このウォレットの画面から送られたものではありません。" / "This request did not come from a page of this wallet.";
    YES: "はい" / "Yes";
    NO: "いいえ" / "No";
    // --- command line --------------------------------------------------------------------------
    CLI_CREATED: "ウォレットを作りました: {0}" / "Wallet created: {0}";
    CLI_TRUSTED: "信頼する認証局を {0} 件登録しました。" / "Registered {0} trusted authorities.";
    CLI_ACCEPTED: "受け取りました: {0}（発行元 {1}）" / "Received: {0} (issuer {1})";
    CLI_NONE: "証明書はまだありません。" / "There are no credentials yet.";
    CLI_REMOVED: "削除しました: {0}" / "Removed: {0}";
    CLI_ASK: "見せますか？ [y/N] " / "Show these? [y/N] ";
    CLI_TX_CODE: "受け取り番号: " / "Transaction code: ";
    CLI_PRESENTED: "見せました。" / "Shown.";
    CLI_CONTINUE: "次のページを、始めたブラウザで開いてください: {0}" / "Open the next page in the browser that began: {0}";
    CLI_SERVING: "ウォレットのページ: {0}" / "The wallet's page: {0}";
    CLI_AUTO: "注意: --yes のため、確認なしに見せます。" / "Note: because of --yes, credentials are shown without asking.";
    COLUMN_ID: "番号" / "ID";
    COLUMN_NAME: "証明書" / "Credential";
    // --- errors --------------------------------------------------------------------------------
    E_NO_WALLET: "ウォレットがありません: {0}。`tegata init` で作ってください。" / "There is no wallet in {0}. Make one with `tegata init`.";
    E_ALREADY_THERE: "ウォレットはもうあります: {0}" / "There is a wallet in {0} already.";
    E_KEY_MODE: "鍵のファイルをほかの人が読めます: {0}。chmod 600 で直してください。" / "Other people can read the key file {0}. Mend it with chmod 600.";
    E_FILE: "ウォレットのファイルを使えません: {0}" / "A file of the wallet cannot be used: {0}";
    E_CERTIFICATES: "認証局のファイルを読めません: {0}" / "The file of certificates cannot be read: {0}";
    E_LINK: "このリンクは使えません: {0}" / "This link cannot be used: {0}";
    E_TX_CODE: "受け取り番号を入力してください。番号が要らない証明書では空のままにしてください。" / "Type the transaction code. Leave it empty for a credential that needs none.";
    E_INSECURE: "安全でないアドレスのため中止しました: {0}" / "Stopped because the address is not secure: {0}";
    E_UNREACHABLE: "接続できませんでした: {0}。しばらくしてから、もう一度お試しください。" / "Could not reach {0}. Try again in a while.";
    E_ANSWER: "{0} の応答が規格に合いません: {1}" / "The answer of {0} does not follow the standard: {1}";
    E_REFUSED: "{0} が受け付けませんでした: {1}" / "{0} refused: {1}";
    E_OFFER: "この発行の案内は使えません: {0}" / "This offer cannot be used: {0}";
    E_CREDENTIAL: "届いた証明書を受け取りませんでした: {0}" / "The credential that came was not kept: {0}";
    E_REQUEST: "この提示の要求には答えません: {0}" / "This request is not answered: {0}";
    E_EXPIRED: "時間が過ぎたため、この要求は使えなくなりました。元の画面からやり直してください。" / "This request has ended. Begin again where you came from.";
    E_UNKNOWN: "登録した認証局が保証していない提示先のため、確認なしには見せません: {0}。`tegata trust` で認証局を登録するか、--yes を付けずに実行してください。" / "Nothing is shown without asking, because no registered authority vouches for {0}. Register one with `tegata trust`, or leave out --yes.";
    E_MISSING: "必要な証明書がありません: {0}" / "A required credential is missing: {0}";
    E_DECLINED: "見せませんでした。" / "Not shown.";
    E_NOT_FOUND: "その番号の証明書はありません: {0}" / "There is no credential {0}.";
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Lang;

    use super::*;

    #[test]
    fn places_are_filled_and_a_value_is_not_read_again() {
        assert_eq!(
            E_ANSWER.fill(Lang::En, &[("0", "a {1}"), ("1", "b")]),
            "The answer of a {1} does not follow the standard: b"
        );
    }

    #[test]
    fn both_languages_have_the_same_places() {
        for (name, text) in ALL {
            let places = |form: &str| {
                (0..3).map(|n| form.matches(&format!("{{{n}}}")).count()).collect::<Vec<_>>()
            };
            assert_eq!(places(text.ja), places(text.en), "{name}");
            assert!(!text.ja.is_empty() && !text.en.is_empty(), "{name}");
        }
    }
}
