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
    TX_CODE: "受け取りコード" / "Transaction code";
    TX_CODE_HINT: "発行元から別の方法で届いた受け取りコードを入力してください。" / "Type the code that the issuer sent you by another way.";
    ACCEPT: "受け取る" / "Receive";
    CANCEL: "受け取らない" / "Do not receive";
    PRESENT_TITLE: "証明書を提示しますか" / "Present your credentials?";
    ASKS: "提示先" / "Who asks";
    OPERATOR: "運営者" / "Operator";
    RESIDENCY: "所在地" / "Location";
    ADDRESS: "送り先" / "Sent to";
    VERIFIED: "提示先の証明書を確認済み" / "Verifier's certificate checked";
    NOT_ANCHORED: "この提示先を保証する認証局は登録されていません" / "No registered authority vouches for this verifier";
    UNKNOWN_LEAD: "提示先の名前と目的は、本人がそう名乗っているだけです。心当たりがなければ、提示しないでください。" / "Its name and its purpose are its own words. Do not present anything unless you expect this request.";
    WHY: "目的" / "Why";
    NO_REASON: "目的は示されていません" / "No purpose was given";
    LEAVES: "送る項目" / "What leaves this wallet";
    LEAVES_ALWAYS: "次の項目は証明書の一部として必ず送られます" / "These are part of the credential and always leave with it";
    NOT_HELD: "持っていないため送りません（任意）" / "Not in this wallet, so not sent (optional)";
    MISSING_TITLE: "必要な証明書がありません" / "A required credential is missing";
    MISSING_LEAD: "次の証明書がないため、提示できません。発行元から受け取ってから、もう一度お試しください。" / "Without these credentials nothing can be presented. Receive them from their issuer, then try again.";
    PRESENT: "提示する" / "Present";
    DECLINE: "提示しない" / "Do not present";
    DONE_TITLE: "証明書を提示しました" / "Presented";
    DECLINED_TITLE: "提示しませんでした" / "Not presented";
    DECLINED_LEAD: "証明書は送られていません。提示先に、提示しないことだけを伝えました。" / "No credential was sent. The verifier was only told that you declined.";
    DONE_LEAD: "この画面を閉じて、元の画面に戻ってください。" / "Close this page and go back to where you began.";
    CONTINUE: "続ける" / "Continue";
    CONTINUE_LEAD: "提示先とは別のアドレスに進みます。" / "The next page is at another address than the verifier's.";
    PRESENT_FAILED: "証明書を提示できませんでした" / "Your credentials were not presented";
    ACCEPT_FAILED: "証明書を受け取れませんでした" / "The credential was not received";
    ERROR_TITLE: "この操作はできませんでした" / "This could not be done";
    AGAIN: "もう一度試す" / "Try again";
    OPEN_TITLE: "ウォレットを開いてください" / "Open your wallet first";
    OPEN_LEAD: "このウォレットの画面は、持ち主だけが開けます。`tegata serve` または `sekisho demo` を始めたターミナルに表示された、ウォレットのリンクを開いてください。" / "Only its owner can open the pages of this wallet. Open the link to the wallet that `tegata serve` or `sekisho demo` printed when it started.";
    OPEN_THEN: "ウォレットが開いたら、この画面に戻って読み込み直すと続けられます。" / "Once the wallet has opened, come back to this page and reload it to go on.";
    ANOTHER_USER: "このウォレットは、このコンピューターの別の利用者のものです。" / "This wallet belongs to another user of this computer.";
    EMBEDDED: "ウォレットの画面は、リンクやボタンからだけ開けます。ほかのページに埋め込んだり、裏で読み込んだりはできません。" / "The pages of this wallet open only by a link or a button. They cannot be embedded or loaded in the background.";
    LOCAL_TITLE: "このコンピューターのプログラムに接続しますか" / "Connect to a program on this computer?";
    LOCAL_LEAD: "開いたリンクは、このコンピューターで動いているプログラムへの接続を求めています。自分で始めた操作でなければ、接続しないでください。" / "The link that you opened leads to a program that runs on this computer. Do not connect unless you began this yourself.";
    LOCAL_TARGET: "接続先" / "Program";
    LOCAL_CONNECT: "接続する" / "Connect";
    LOCAL_CANCEL: "接続しない" / "Do not connect";
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
    CLI_ASK: "提示しますか？ [y/N] " / "Present these? [y/N] ";
    CLI_TX_CODE: "受け取りコード: " / "Transaction code: ";
    CLI_PRESENTED: "提示しました。" / "Presented.";
    CLI_CONTINUE: "次のページを、始めたブラウザで開いてください: {0}" / "Open the next page in the browser that began: {0}";
    CLI_SERVING: "ウォレットを開くリンク（ほかの人に見せないでください）: {0}" / "The link that opens the wallet (keep it to yourself): {0}";
    CLI_AUTO: "注意: --yes のため、確認なしに提示します。" / "Note: because of --yes, credentials are presented without asking.";
    COLUMN_ID: "番号" / "ID";
    COLUMN_NAME: "証明書" / "Credential";
    // --- errors --------------------------------------------------------------------------------
    E_NO_WALLET: "ウォレットがありません: {0}。`tegata init` で作ってください。" / "There is no wallet in {0}. Make one with `tegata init`.";
    E_ALREADY_THERE: "ウォレットはもうあります: {0}" / "There is a wallet in {0} already.";
    E_KEY_MODE: "鍵のファイルをほかの人が読めます: {0}。chmod 600 で直してください。" / "Other people can read the key file {0}. Mend it with chmod 600.";
    E_FILE: "ウォレットのファイルを使えません: {0}" / "A file of the wallet cannot be used: {0}";
    E_CERTIFICATES: "認証局のファイルを読めません: {0}" / "The file of certificates cannot be read: {0}";
    E_LINK: "このリンクは使えません。発行元か提示先から届いたリンクの全体を開いてください。" / "This link cannot be used. Open the whole link that came from the issuer or the verifier.";
    E_LISTEN: "ウォレットの画面は、このコンピューターの中のアドレスだけで使えます: {0}" / "The wallet's page can be served only at an address of this computer: {0}";
    E_TX_CODE: "受け取りコードを入力してください。受け取りコードが要らない証明書では空のままにしてください。" / "Type the transaction code. Leave it empty for a credential that needs none.";
    E_WRONG_TX_CODE: "受け取りコードが違います。発行元から届いた受け取りコードを確かめて、もう一度入力してください。" / "That is not the transaction code. Look again at the code that the issuer sent you, and type it again.";
    E_TX_CODE_OR_ENDED: "受け取りコードが違います。受け取りコードが正しいときは、この案内は使用済みか、期限が切れています。発行元に新しい案内を依頼してください。" / "That is not the transaction code. If it is right, this offer was used already or has expired; ask the issuer for a new one.";
    E_OFFER_ENDED: "この案内は使用済みか、期限が切れています。発行元に新しい案内を依頼してください。" / "This offer was used already or has expired. Ask the issuer for a new one.";
    E_THIS_MACHINE: "このコンピューターのプログラムには、確認なしに接続しません: {0}" / "The wallet does not connect to a program on this computer without asking: {0}";
    E_INSECURE: "安全でないアドレスが使われているため、中止しました。" / "Stopped because an address is not secure.";
    E_UNREACHABLE: "接続できませんでした: {0}。しばらくしてから、もう一度お試しください。" / "Could not reach {0}. Try again in a while.";
    E_ANSWER: "{0} の応答を読み取れませんでした。しばらくしてから、もう一度お試しください。" / "The answer of {0} could not be read. Try again in a while.";
    E_REFUSED: "相手が受け付けませんでした。元の画面に戻り、もう一度始めてください。" / "The other side did not accept this. Go back to where you began, and begin again.";
    E_REFUSED_BECAUSE: "相手が受け付けませんでした。相手の説明は「{0}」です。元の画面に戻り、もう一度始めてください。" / "The other side did not accept this. It says: “{0}”. Go back to where you began, and begin again.";
    E_OFFER: "この案内は使えません。発行元に確認してください。" / "This offer cannot be used. Ask the issuer.";
    E_CREDENTIAL: "届いた証明書は受け取りませんでした。{0}" / "The credential that came was not kept. {0}";
    E_REQUEST: "この提示の要求には答えません。要求の内容が正しくないか、このウォレットが対応していません。元の画面に戻り、もう一度始めてください。" / "This request is not answered: it is not in order, or this wallet does not support it. Go back to where you began, and begin again.";
    E_EXPIRED: "時間が過ぎたため、この要求は使えなくなりました。元の画面からやり直してください。" / "This request has ended. Begin again where you came from.";
    E_CLOCK: "この端末の時計が、提示先の時計と合っていません。日付と時刻を自動設定にして、もう一度お試しください。" / "The clock of this device differs from the verifier's. Let the device set its date and time automatically, then try again.";
    E_VERIFIER_CERTIFICATE: "提示先の証明書が有効期間の外にあるため、提示しません。提示先の管理者に知らせてください。" / "Nothing is presented, because the verifier's certificate has expired or is not valid yet. Tell the verifier's administrator.";
    E_UNKNOWN: "登録した認証局が保証していない提示先のため、確認なしには提示しません: {0}。`tegata trust` で認証局を登録するか、--yes を付けずに実行してください。" / "Nothing is presented without asking, because no registered authority vouches for {0}. Register one with `tegata trust`, or leave out --yes.";
    E_MISSING: "必要な証明書がありません: {0}" / "A required credential is missing: {0}";
    E_DECLINED: "提示しませんでした。" / "Not presented.";
    E_NOT_FOUND: "その番号の証明書はありません: {0}" / "There is no credential {0}.";
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Lang;

    use super::*;

    #[test]
    fn places_are_filled_and_a_value_is_not_read_again() {
        assert_eq!(
            CLI_ACCEPTED.fill(Lang::En, &[("0", "a {1}"), ("1", "b")]),
            "Received: a {1} (issuer b)"
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
