//! The entries of the table of codes, in the order of the codes.
//!
//! Words: です・ます, one idea a sentence. `user` names one thing to do. `admin` names where to look.
//! Where an endpoint's closed list of errors leaves a choice, `oauth_error` is the first one that a
//! relying party meets.

use super::{Code, Text};

const fn text(ja: &'static str, en: &'static str) -> Text {
    Text { ja, en }
}

/// All codes, in their order.
pub const ALL: &[Code] = &[
    Code {
        id: "A-1001",
        status: 400,
        oauth_error: "access_denied",
        cause: text(
            "時間が過ぎたため、このログインを続けられなくなりました。",
            "This login took too long and has ended.",
        ),
        user: text(
            "サービスの画面に戻り、もう一度ログインしてください。",
            "Go back to the service and log in again.",
        ),
        admin: text(
            "利用者の端末とサーバーの時計、ウォレットの応答時間を確認してください。",
            "Check the server's clock and how long the wallet takes to answer.",
        ),
    },
    Code {
        id: "A-1002",
        status: 400,
        oauth_error: "access_denied",
        cause: text(
            "ウォレットで提示が断られました。証明書は提示されていません。",
            "The wallet declined. No credential was presented.",
        ),
        user: text(
            "ログインするには、もう一度始めて、ウォレットで提示を許可してください。",
            "To log in, begin again and allow the presentation in your wallet.",
        ),
        admin: text(
            "利用者が断ったのでなければ、ウォレットが求められた証明書を持つか確認してください。",
            "If the person did not decline, check that the wallet holds the credential asked for.",
        ),
    },
    Code {
        id: "A-1003",
        status: 400,
        oauth_error: "access_denied",
        cause: text(
            "この端末で開けるウォレットが見つかりませんでした。",
            "No wallet that can be opened was found on this device.",
        ),
        user: text(
            "ウォレットを入れたスマートフォンでQRコードを読み取ってください。",
            "Scan the QR code with the phone that has your wallet.",
        ),
        admin: text(
            "登録済みのウォレットの起動用URLを確認してください。",
            "Check the URLs of the registered wallets.",
        ),
    },
    Code {
        id: "A-1004",
        status: 400,
        oauth_error: "access_denied",
        cause: text(
            "この提示はすでに一度使われています。",
            "This presentation has already been used once.",
        ),
        user: text(
            "サービスの画面に戻り、もう一度ログインしてください。覚えがないときは管理者に知らせてください。",
            "Go back to the service and log in again. If it was not you, tell your administrator.",
        ),
        admin: text(
            "監査記録で同じ参照番号の提示を探し、再送か不正な再使用かを確認してください。",
            "Look up the reference in the audit log: a repeated request, or a replay.",
        ),
    },
    Code {
        id: "A-1005",
        status: 400,
        oauth_error: "access_denied",
        cause: text(
            "ログインを始めたブラウザーとは別のブラウザーで開かれました。",
            "This was opened in a browser other than the one that began the login.",
        ),
        user: text(
            "ログインを始めたブラウザーに戻って続けてください。",
            "Continue in the browser in which you began.",
        ),
        admin: text(
            "Cookieが止められていないか、ウォレットが別のブラウザーを開いていないか確認してください。",
            "Check whether cookies are blocked, or whether the wallet opens another browser.",
        ),
    },
    Code {
        id: "A-1006",
        status: 400,
        oauth_error: "access_denied",
        cause: text(
            "確認番号が合わないか、入力の時間が過ぎたため、このログインを終えました。",
            "The number did not match or was typed too late, so this login has ended.",
        ),
        user: text(
            "サービスの画面に戻り、もう一度ログインしてください。自分で始めていないときは何もしないでください。",
            "Go back to the service and log in again. If you did not begin it, do nothing.",
        ),
        admin: text(
            "同じ人に繰り返し起きるときは、誘導による不正なログインを疑ってください。",
            "If it happens to one person again and again, suspect a phishing attempt.",
        ),
    },
    Code {
        id: "A-1007",
        status: 400,
        oauth_error: "access_denied",
        cause: text(
            "ウォレットの回答が、求めた内容と合っていません。",
            "The wallet's answer does not fit what was asked.",
        ),
        user: text(
            "ウォレットを最新の版にして、もう一度お試しください。直らないときは別のウォレットをお使いください。",
            "Update your wallet and try again. If that does not help, use another wallet.",
        ),
        admin: text(
            "ウォレットが OpenID4VP 1.0 と DCQL に対応しているか、ログの理由を見て確認してください。",
            "See the reason in the log, and whether the wallet supports OpenID4VP 1.0 and DCQL.",
        ),
    },
    Code {
        id: "C-2001",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "この証明書は発行元によって取り消されています。",
            "This credential was revoked by its issuer.",
        ),
        user: text(
            "発行元の管理者に確認してください。",
            "Ask the administrator of the organization that issued it.",
        ),
        admin: text(
            "取り消しの理由を記録で確認し、必要なら新しい証明書を発行してください。",
            "Look up why it was revoked; issue a new credential if that was a mistake.",
        ),
    },
    Code {
        id: "C-2002",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "この証明書は発行元によって一時停止されています。",
            "This credential is suspended by its issuer.",
        ),
        user: text(
            "再開の時期を発行元の管理者に確認してください。",
            "Ask the issuer's administrator when it will be resumed.",
        ),
        admin: text(
            "停止の理由がなくなったら、証明書を再開してください。",
            "Resume the credential when the reason for suspending it has gone.",
        ),
    },
    Code {
        id: "C-2003",
        status: 403,
        oauth_error: "access_denied",
        cause: text("この証明書は有効期限が切れています。", "This credential has expired."),
        user: text(
            "発行元から新しい証明書を受け取ってください。",
            "Get a new credential from its issuer.",
        ),
        admin: text(
            "有効期限の前に更新の案内が届いているか確認してください。",
            "Check that holders are told to renew before the end.",
        ),
    },
    Code {
        id: "C-2004",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "この証明書はまだ有効期間に入っていません。",
            "This credential is not valid yet.",
        ),
        user: text(
            "有効期間が始まってから、もう一度ログインしてください。",
            "Log in again once its validity has begun.",
        ),
        admin: text(
            "発行した日時と、発行元とこのサーバーの時計を確認してください。",
            "Check the time of issue, and the clocks of the issuer and of this server.",
        ),
    },
    Code {
        id: "C-2005",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "この証明書の発行元は、この種類の証明書について信頼先に登録されていません。",
            "The issuer of this credential is not trusted for credentials of this kind.",
        ),
        user: text(
            "信頼先の組織が発行した証明書を選んでください。",
            "Choose a credential issued by a trusted organization.",
        ),
        admin: text(
            "信頼先の一覧で、発行元、証明書の種類、組織の組み合わせを確認してください。",
            "Check issuer, credential type and organization in the list of trusted issuers.",
        ),
    },
    Code {
        id: "C-2006",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "証明書の署名を確認できませんでした。",
            "The credential's signature could not be verified.",
        ),
        user: text(
            "発行元から証明書を受け取り直してください。",
            "Get the credential again from its issuer.",
        ),
        admin: text(
            "発行元の鍵と証明書チェーンを確認してください。改ざんの可能性もあります。",
            "Check the issuer's keys and chain. It may also have been tampered with.",
        ),
    },
    Code {
        id: "C-2007",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "証明書の持ち主であることを確認できませんでした。",
            "It could not be proved that the holder of this credential presented it.",
        ),
        user: text(
            "証明書を受け取ったスマートフォンのウォレットから提示してください。",
            "Present it from the wallet that received it.",
        ),
        admin: text(
            "ウォレットの鍵の証明に含まれる宛先、ノンス、日時を確認してください。",
            "Check audience, nonce and time in the wallet's key binding.",
        ),
    },
    Code {
        id: "C-2008",
        status: 503,
        oauth_error: "temporarily_unavailable",
        cause: text(
            "証明書が取り消されていないことを、新しい情報で確認できませんでした。",
            "There is no recent information on whether this credential was revoked.",
        ),
        user: text("数分後にもう一度ログインしてください。", "Log in again in a few minutes."),
        admin: text(
            "発行元の状態リストが公開され、このサーバーから取得できるか確認してください。",
            "Check that the issuer's status list is published and can be fetched from here.",
        ),
    },
    Code {
        id: "C-2009",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "証明書に、認められていない暗号方式が使われています。",
            "The credential uses a cryptographic algorithm that is not accepted.",
        ),
        user: text(
            "発行元に、新しい方式の証明書を発行するよう依頼してください。",
            "Ask the issuer for a credential with an accepted algorithm.",
        ),
        admin: text(
            "発行元の署名方式をES256などの認められた方式に改めてください。",
            "Let the issuer sign with an accepted algorithm, such as ES256.",
        ),
    },
    Code {
        id: "C-2010",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "証明書に、扱ってはならない項目が含まれています。",
            "The credential contains an element that must not be handled here.",
        ),
        user: text(
            "その項目を含まない証明書を発行元に依頼してください。",
            "Ask the issuer for a credential without that element.",
        ),
        admin: text(
            "個人番号と適性評価の項目は、求めることも保存することもできません。発行元に削除を依頼してください。",
            "Individual numbers and statutory clearances are never requested or stored. Ask the issuer to remove them.",
        ),
    },
    Code {
        id: "P-3111",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "この利用が認められる所属区分ではありません。",
            "Your type of affiliation is not allowed for this use.",
        ),
        user: text(
            "所属区分が正しいか、所属組織の管理者に確認してください。",
            "Ask your organization's administrator whether your affiliation is recorded correctly.",
        ),
        admin: text(
            "ゲートの allowed_affiliation_types と、社員証の所属区分を確認してください。",
            "Compare the gate's allowed_affiliation_types with the affiliation credential.",
        ),
    },
    Code {
        id: "P-3201",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "必要な研修の水準または修了日を満たしていません。",
            "The required training level or date is not met.",
        ),
        user: text(
            "必要な研修を修了し、修了証をウォレットに受け取ってください。",
            "Complete the training and receive its certificate in your wallet.",
        ),
        admin: text(
            "ゲートの training の設定と、修了証の水準と修了日を確認してください。",
            "Compare the gate's training settings with the level and date of the certificate.",
        ),
    },
    Code {
        id: "P-3301",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "この区画または機種は、この入口では使えません。",
            "This partition or GPU model is not offered here.",
        ),
        user: text(
            "サービスの案内にある区画と機種を選び、もう一度申し込んでください。",
            "Choose a partition and a model that the service offers, and ask again.",
        ),
        admin: text(
            "ゲートの partitions と gpu_models の設定を確認してください。",
            "See partitions and gpu_models of the gate.",
        ),
    },
    Code {
        id: "P-3501",
        status: 403,
        oauth_error: "access_denied",
        cause: text(
            "求めたGPUの数または時間が上限を超えています。",
            "More GPUs or hours were requested than the limit allows.",
        ),
        user: text(
            "数または時間を減らして、もう一度申請してください。",
            "Request fewer GPUs or fewer hours.",
        ),
        admin: text(
            "ゲートの max_gpus と max_gpu_hours を確認してください。",
            "Check the gate's max_gpus and max_gpu_hours.",
        ),
    },
    Code {
        id: "R-4001",
        status: 400,
        oauth_error: "invalid_client",
        cause: text("このサービスは登録されていません。", "This service is not registered here."),
        user: text(
            "サービスの運営者に、この画面の参照番号を伝えてください。",
            "Tell the service's operator the reference number on this page.",
        ),
        admin: text(
            "client_id を `sekisho client list` の一覧と照らし合わせてください。",
            "Compare client_id with the output of `sekisho client list`.",
        ),
    },
    Code {
        id: "R-4002",
        status: 400,
        oauth_error: "invalid_request",
        cause: text(
            "サービスが指定した戻り先が、登録された戻り先と一致しません。",
            "The address to return to is not one that the service registered.",
        ),
        user: text(
            "サービスの運営者に、この画面の参照番号を伝えてください。",
            "Tell the service's operator the reference number on this page.",
        ),
        admin: text(
            "redirect_uri と post_logout_redirect_uri は、登録した値と一文字も違わないようにしてください。",
            "redirect_uri and post_logout_redirect_uri must equal a registered value, character for character.",
        ),
    },
    Code {
        id: "R-4003",
        status: 400,
        oauth_error: "invalid_scope",
        cause: text(
            "サービスが、登録にない範囲の情報を求めました。",
            "The service asked for a scope that it may not ask for.",
        ),
        user: text(
            "サービスの運営者に、この画面の参照番号を伝えてください。",
            "Tell the service's operator the reference number on this page.",
        ),
        admin: text(
            "scope に openid を含め、登録した値だけを指定してください。",
            "Include openid in scope, and only values that are registered.",
        ),
    },
    Code {
        id: "R-4004",
        status: 400,
        oauth_error: "invalid_request",
        cause: text(
            "サービスの要求に、横取りを防ぐための値 (PKCE) がないか、正しくありません。",
            "The value that guards the request against interception (PKCE) is missing or wrong.",
        ),
        user: text(
            "サービスの画面に戻り、もう一度ログインしてください。",
            "Go back to the service and log in again.",
        ),
        admin: text(
            "code_challenge_method に S256 を使い、同じ code_verifier を送ってください。照合に失敗するとトークンエンドポイントは invalid_grant を返します。",
            "Use code_challenge_method S256 and send the same code_verifier. When they do not match, the token endpoint answers invalid_grant.",
        ),
    },
    Code {
        id: "R-4005",
        status: 401,
        oauth_error: "invalid_client",
        cause: text(
            "サービス自身の認証に失敗しました。",
            "The service could not be authenticated.",
        ),
        user: text(
            "サービスの運営者に、この画面の参照番号を伝えてください。",
            "Tell the service's operator the reference number on this page.",
        ),
        admin: text(
            "登録した認証方式と client_secret を確認してください。認証方式は一つだけ使えます。",
            "Check the registered authentication method and client_secret. Exactly one method may be used.",
        ),
    },
    Code {
        id: "R-4006",
        status: 400,
        oauth_error: "invalid_request",
        cause: text(
            "ログアウトの要求が正しくありません。ログインはそのまま続いています。",
            "The request to log out contradicts itself. You are still logged in.",
        ),
        user: text(
            "サービスの運営者に、この画面の参照番号を伝えてください。",
            "Tell the service's operator the reference number on this page.",
        ),
        admin: text(
            "client_id は id_token_hint の aud と同じにし、同じパラメーターを二度送らないでください。",
            "client_id must equal aud of id_token_hint, and no parameter may come twice.",
        ),
    },
    Code {
        id: "S-5001",
        status: 503,
        oauth_error: "temporarily_unavailable",
        cause: text("ただいま混み合っています。", "The server is busy just now."),
        user: text("1分ほど待ってから、もう一度試してください。", "Wait a minute and try again."),
        admin: text(
            "書き込みの待ち行列とディスクの応答時間を確認してください。",
            "Check the queue of writes and the disk's latency.",
        ),
    },
    Code {
        id: "S-5002",
        status: 503,
        oauth_error: "server_error",
        cause: text(
            "サーバーの時計が正しくないため、処理を止めました。",
            "The server's clock is not right, so the request was stopped.",
        ),
        user: text("しばらく待ってから、もう一度試してください。", "Wait a while and try again."),
        admin: text(
            "時刻同期 (NTP) を直し、`sekisho doctor` で確認してください。",
            "Repair time synchronisation (NTP), then run `sekisho doctor`.",
        ),
    },
    Code {
        id: "S-5003",
        status: 503,
        oauth_error: "server_error",
        cause: text(
            "署名に使う鍵を利用できませんでした。",
            "A key needed for signing is not available.",
        ),
        user: text("しばらく待ってから、もう一度試してください。", "Wait a while and try again."),
        admin: text(
            "`sekisho key list` で、使用中の鍵と予備鍵の状態を確認してください。",
            "Look at the active and the spare keys with `sekisho key list`.",
        ),
    },
    Code {
        id: "S-5004",
        status: 503,
        oauth_error: "server_error",
        cause: text("記録の読み書きに失敗しました。", "Reading or writing the records failed."),
        user: text("しばらく待ってから、もう一度試してください。", "Wait a while and try again."),
        admin: text(
            "ディスクの空きとサーバーの記録を確認してください。",
            "Check free disk space and the server's log.",
        ),
    },
    Code {
        id: "S-5005",
        status: 500,
        oauth_error: "server_error",
        cause: text(
            "利用条件を判定できなかったため、許可しませんでした。",
            "The conditions could not be evaluated, so access was not allowed.",
        ),
        user: text(
            "サービスの運営者に、この画面の参照番号を伝えてください。",
            "Tell the service's operator the reference number on this page.",
        ),
        admin: text(
            "`sekisho policy check` でポリシーの誤りを確認してください。",
            "Find the fault in the policy with `sekisho policy check`.",
        ),
    },
];
