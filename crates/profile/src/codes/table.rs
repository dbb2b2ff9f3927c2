//! The entries of the table of codes, sorted by code.
//!
//! Words: です・ます, one idea a sentence. `user` names one thing to do. `admin` names where to look. If
//! an endpoint's closed list of errors allows several, the OAuth error is the one that a relying
//! party meets first.

use sekisho_ambient::Words;

use super::Entry;

/// Makes the enum of codes and the entry of each code. An entry has a name, a code, an HTTP status,
/// an OAuth error and the three texts, Japanese before English.
macro_rules! codes {
    ($($name:ident = $id:literal, $status:literal, $oauth_error:literal {
        cause: $cause_ja:literal / $cause_en:literal,
        user: $user_ja:literal / $user_en:literal,
        admin: $admin_ja:literal / $admin_en:literal,
    })+) => {
        /// A code that a person can be told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $id, "`: ", $cause_en)] $name,)+
        }

        impl Code {
            /// All codes, sorted by code.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the entry of the code.
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry {
                        id: $id,
                        status: $status,
                        oauth_error: $oauth_error,
                        cause: Words { ja: $cause_ja, en: $cause_en },
                        user: Words { ja: $user_ja, en: $user_en },
                        admin: Words { ja: $admin_ja, en: $admin_en },
                    },)+
                }
            }
        }
    };
}

codes! {
    LoginExpired = "A-1001", 400, "access_denied" {
        cause: "時間が過ぎたため、このログインを続けられなくなりました。" / "This login took too long and has ended.",
        user: "サービスの画面に戻り、もう一度ログインしてください。" / "Go back to the service and log in again.",
        admin: "利用者の端末とサーバーの時計、ウォレットの応答時間を確認してください。" / "Check the server's clock and how long the wallet takes to answer.",
    }
    WalletDeclined = "A-1002", 400, "access_denied" {
        cause: "ウォレットで提示が断られました。証明書は提示されていません。" / "The wallet declined. No credential was presented.",
        user: "ログインするには、もう一度始めて、ウォレットで提示を許可してください。" / "To log in, begin again and allow the presentation in your wallet.",
        admin: "利用者が断ったのでなければ、ウォレットが求められた証明書を持つか確認してください。" / "If the person did not decline, check that the wallet holds the credential asked for.",
    }
    NoWallet = "A-1003", 400, "access_denied" {
        cause: "この端末で開けるウォレットが見つかりませんでした。" / "No wallet that can be opened was found on this device.",
        user: "ウォレットを入れたスマートフォンでQRコードを読み取ってください。" / "Scan the QR code with the phone that has your wallet.",
        admin: "登録済みのウォレットの起動用URLを確認してください。" / "Check the URLs of the registered wallets.",
    }
    AlreadyUsed = "A-1004", 400, "access_denied" {
        cause: "この提示はすでに一度使われています。" / "This presentation has already been used once.",
        user: "サービスの画面に戻り、もう一度ログインしてください。覚えがないときは管理者に知らせてください。" / "Go back to the service and log in again. If it was not you, tell your administrator.",
        admin: "監査記録で同じ参照番号の提示を探し、再送か不正な再使用かを確認してください。" / "Look up the reference in the audit log: a repeated request, or a replay.",
    }
    OtherBrowser = "A-1005", 400, "access_denied" {
        cause: "ログインを始めたブラウザーとは別のブラウザーで開かれました。" / "This was opened in a browser other than the one that began the login.",
        user: "ログインを始めたブラウザーに戻って続けてください。" / "Continue in the browser in which you began.",
        admin: "Cookieが止められていないか、ウォレットが別のブラウザーを開いていないか確認してください。" / "Check whether cookies are blocked, or whether the wallet opens another browser.",
    }
    WrongNumber = "A-1006", 400, "access_denied" {
        cause: "確認番号が合わなかったため、このログインを終えました。" / "The number did not match, so this login has ended.",
        user: "サービスの画面に戻り、もう一度ログインしてください。自分で始めていないときは何もしないでください。" / "Go back to the service and log in again. If you did not begin it, do nothing.",
        admin: "同じ人に繰り返し起きるときは、誘導による不正なログインを疑ってください。" / "If it happens to one person again and again, suspect a phishing attempt.",
    }
    AnswerDoesNotFit = "A-1007", 400, "access_denied" {
        cause: "ウォレットの回答が、求めた内容と合っていません。" / "The wallet's answer does not fit what was asked.",
        user: "ウォレットを最新の版にして、もう一度お試しください。直らないときは別のウォレットをお使いください。" / "Update your wallet and try again. If that does not help, use another wallet.",
        admin: "ウォレットが OpenID4VP 1.0 と DCQL に対応しているか、ログの理由を見て確認してください。" / "See the reason in the log, and whether the wallet supports OpenID4VP 1.0 and DCQL.",
    }
    RequestExpired = "A-1008", 400, "access_denied" {
        cause: "このQRコードまたはリンクは期限が切れているか、正しくありません。" / "This QR code or link has expired or is not complete.",
        user: "ログインの画面で、新しいQRコードを表示してください。" / "Show a new QR code on the login page.",
        admin: "ウォレットの応答時間と、利用者の端末とサーバーの時計を確認してください。" / "Check how long the wallet takes to answer, and the clocks of the device and of this server.",
    }
    TooManyAnswers = "A-1009", 400, "access_denied" {
        cause: "正しくない回答が続いたため、このQRコードまたはリンクは使えなくなりました。" / "Too many answers were refused, so this QR code or link has ended.",
        user: "ログインの画面で、新しいQRコードを表示してください。" / "Show a new QR code on the login page.",
        admin: "ログの理由を見て、ウォレットの種類と証明書を確認してください。" / "See the reasons in the log, and check the wallet and the credential.",
    }
    PageNotFound = "A-1010", 404, "invalid_request" {
        cause: "このページはありません。" / "There is no such page.",
        user: "サービスの画面に戻り、もう一度ログインしてください。" / "Go back to the service and log in again.",
        admin: "利用者が開いたリンクが途中で切れていないか確認してください。" / "Check whether the link that the person opened was cut off.",
    }
    SessionEnded = "A-1011", 400, "access_denied" {
        cause: "同意の前に、このブラウザーのログイン状態が終わりました。" / "The session of this browser ended before you agreed.",
        user: "サービスの画面に戻り、もう一度ログインしてください。" / "Go back to the service and log in again.",
        admin: "監査記録で、この人のセッションが終わった理由を確認してください。" / "Look up in the audit log why the session of this person ended.",
    }
    LateNumber = "A-1012", 400, "access_denied" {
        cause: "番号の入力の時間が過ぎたため、このログインを終えました。" / "The number was not typed in time, so this login has ended.",
        user: "もう一度ログインを始めてください。" / "Begin the login again.",
        admin: "番号は、ウォレットの回答から3分のあいだ使えます。" / "A number can be typed for three minutes after the wallet has answered.",
    }
    Cancelled = "A-1013", 400, "access_denied" {
        cause: "ログインを取りやめました。サービスには何も渡していません。" / "You stopped this login. Nothing was given to the service.",
        user: "ログインするには、もう一度始めてください。" / "To log in, begin again.",
        admin: "利用者が自分で取りやめました。対応は要りません。" / "The person stopped the login. There is nothing to do.",
    }
    NotAnswered = "A-1014", 400, "access_denied" {
        cause: "ウォレットの回答がまだ届いていません。" / "The wallet has not answered yet.",
        user: "ウォレットで提示を終えてから続けてください。" / "Finish in your wallet first.",
        admin: "ウォレットから回答用のURLに届くか確認してください。" / "Check that the wallet reaches the URL for its answer.",
    }
    UserCode = "A-1015", 400, "invalid_request" {
        cause: "このコードは使えません。違っているか、使い終わったか、期限が切れています。" / "This code cannot be used. It is wrong, was used before, or has expired.",
        user: "端末に表示されているコードを、もう一度確認して入力してください。期限が切れたときは、端末で最初からやり直してください。" / "Look at the code on your device and type it again. If it has expired, begin again on the device.",
        admin: "コードは10分で期限が切れ、1回だけ使えます。端末が別の認可サーバーに接続していないか確認してください。" / "A code lives for ten minutes and is used once. Check whether the device asked another server.",
    }
    TooManyUserCodes = "A-1016", 429, "temporarily_unavailable" {
        cause: "違うコードが続けて入力されたため、しばらく入力できません。" / "Wrong codes were typed too often, so none can be typed for a while.",
        user: "1分ほど待ってから、端末に表示されているコードを入力してください。" / "Wait for a minute, then type the code that your device shows.",
        admin: "同じネットワークから続くときは、コードを推測しようとする者がいないか確認してください。" / "If it goes on from one network, somebody may be guessing codes.",
    }
    Revoked = "C-2001", 403, "access_denied" {
        cause: "この証明書は発行元によって取り消されています。" / "This credential was revoked by its issuer.",
        user: "発行元の管理者に確認してください。" / "Ask the administrator of the organization that issued it.",
        admin: "取り消しの理由を記録で確認し、必要なら新しい証明書を発行してください。" / "Look up why it was revoked; issue a new credential if that was a mistake.",
    }
    Suspended = "C-2002", 403, "access_denied" {
        cause: "この証明書は発行元によって一時停止されています。" / "This credential is suspended by its issuer.",
        user: "再開の時期を発行元の管理者に確認してください。" / "Ask the issuer's administrator when it will be resumed.",
        admin: "停止の理由がなくなったら、証明書を再開してください。" / "Resume the credential when the reason for suspending it has gone.",
    }
    Expired = "C-2003", 403, "access_denied" {
        cause: "この証明書は有効期限が切れています。" / "This credential has expired.",
        user: "発行元から新しい証明書を受け取ってください。" / "Get a new credential from its issuer.",
        admin: "有効期限の前に更新の案内が届いているか確認してください。" / "Check that holders are told to renew before the end.",
    }
    NotYetValid = "C-2004", 403, "access_denied" {
        cause: "この証明書はまだ有効期間に入っていません。" / "This credential is not valid yet.",
        user: "有効期間が始まってから、もう一度ログインしてください。" / "Log in again once its validity has begun.",
        admin: "発行した日時と、発行元とこのサーバーの時計を確認してください。" / "Check the time of issue, and the clocks of the issuer and of this server.",
    }
    UntrustedIssuer = "C-2005", 403, "access_denied" {
        cause: "この証明書の発行元は、この種類の証明書について信頼先に登録されていません。" / "The issuer of this credential is not trusted for credentials of this kind.",
        user: "信頼先の組織が発行した証明書を選んでください。" / "Choose a credential issued by a trusted organization.",
        admin: "信頼先の一覧で、発行元、証明書の種類、組織の組み合わせを確認してください。" / "Check issuer, credential type and organization in the list of trusted issuers.",
    }
    BadSignature = "C-2006", 403, "access_denied" {
        cause: "証明書の署名を確認できませんでした。" / "The credential's signature could not be verified.",
        user: "発行元から証明書を受け取り直してください。" / "Get the credential again from its issuer.",
        admin: "発行元の鍵と証明書チェーンを確認してください。改ざんの可能性もあります。" / "Check the issuer's keys and chain. It may also have been tampered with.",
    }
    HolderKey = "C-2007", 403, "access_denied" {
        cause: "証明書の持ち主であることを確認できませんでした。" / "It could not be proved that the holder of this credential presented it.",
        user: "証明書を受け取ったスマートフォンのウォレットから提示してください。" / "Present it from the wallet that received it.",
        admin: "ウォレットの鍵の証明に含まれる宛先、ノンス、日時を確認してください。" / "Check audience, nonce and time in the wallet's key binding.",
    }
    StatusUnknown = "C-2008", 503, "temporarily_unavailable" {
        cause: "証明書が取り消されていないことを、新しい情報で確認できませんでした。" / "There is no recent information on whether this credential was revoked.",
        user: "数分後にもう一度ログインしてください。" / "Log in again in a few minutes.",
        admin: "発行元の状態リストが公開され、このサーバーから取得できるか確認してください。" / "Check that the issuer's status list is published and can be fetched from here.",
    }
    AlgorithmRefused = "C-2009", 403, "access_denied" {
        cause: "証明書に、認められていない暗号方式が使われています。" / "The credential uses a cryptographic algorithm that is not accepted.",
        user: "発行元に、新しい方式の証明書を発行するよう依頼してください。" / "Ask the issuer for a credential with an accepted algorithm.",
        admin: "発行元の署名方式をES256などの認められた方式に改めてください。" / "Let the issuer sign with an accepted algorithm, such as ES256.",
    }
    ForbiddenElement = "C-2010", 403, "access_denied" {
        cause: "証明書に、扱ってはならない項目が含まれています。" / "The credential contains an element that must not be handled here.",
        user: "その項目を含まない証明書を発行元に依頼してください。" / "Ask the issuer for a credential without that element.",
        admin: "個人番号と適性評価の項目は、求めることも保存することもできません。発行元に削除を依頼してください。" / "Individual numbers and statutory clearances are never requested or stored. Ask the issuer to remove them.",
    }
    NoMemberReference = "C-2011", 403, "access_denied" {
        cause: "証明書に、本人を区別するための組織内の識別子がありません。" / "The credential has no member reference, so it does not say who you are.",
        user: "証明書の発行元に、証明書の再発行を依頼してください。" / "Ask the issuer of the credential to issue it again.",
        admin: "発行元の所属証明書に member_ref が含まれるか確認してください。" / "Check that the issuer's affiliation credentials contain member_ref.",
    }
    HoldersNotLinked = "C-2012", 403, "access_denied" {
        cause: "提示された証明書どうしが、同じ人のものであることを確認できませんでした。" / "Nothing shows that the presented credentials belong to one person.",
        user: "すべて自分の証明書であれば、発行元に、ほかの証明書の持ち主を指定した発行を依頼してください。" / "If all of them are yours, ask the issuer to issue one again for the holder of the other.",
        admin: "`sekisho credential offer` の --holder に、持ち主がすでに持つ証明書のIDを指定して発行してください。" / "Offer the credential with `sekisho credential offer --holder`, which takes the id of a credential that the holder has.",
    }
    IssuerKeyCompromised = "C-2014", 403, "access_denied" {
        cause: "この証明書に署名した鍵は、他人に知られたおそれがあるため使えなくなりました。" / "The key that signed this credential may be in other hands and does not count any more.",
        user: "証明書の発行元に、証明書の再発行を依頼してください。" / "Ask the issuer of the credential to issue it again.",
        admin: "鍵の一覧で発行元の新しい鍵が使用中になっているか確認し、証明書を発行し直してください。" / "Check in the list of keys that a new key of the issuer is active, and issue the credential again.",
    }
    HolderClock = "C-2015", 403, "access_denied" {
        cause: "ウォレットのある端末の時計が、このサーバーの時計と合っていません。" / "The clock of the device with your wallet differs too much from this server's clock.",
        user: "端末の日付と時刻を自動設定にして、もう一度お試しください。" / "Let your device set its date and time automatically, then try again.",
        admin: "このサーバーの時刻同期 (NTP) を確認してください。許す進みは sekisho.toml の clock_ahead で決めます。" / "Check this server's time synchronisation (NTP). How far ahead a wallet's clock may be is clock_ahead in sekisho.toml.",
    }
    AgainstItsType = "C-2021", 403, "access_denied" {
        cause: "証明書が、その種類の決まりどおりに作られていません。" / "The credential is not made as its kind requires.",
        user: "証明書の発行元に、証明書の再発行を依頼してください。" / "Ask the issuer of the credential to issue it again.",
        admin: "ログの理由にある項目が欠けているか、形式が違うか、常に見えるべきなのに開示を選べるようになっています。発行元に伝えてください。" / "The claim named in the log is missing, malformed, or may be withheld although it must always be in the open. Tell the issuer.",
    }
    EndsTooLate = "C-2022", 403, "access_denied" {
        cause: "証明書に有効期限がないか、その種類に認められるより後の有効期限があります。" / "The credential has no end, or ends later than its kind allows.",
        user: "証明書の発行元に、期限の正しい証明書の再発行を依頼してください。" / "Ask the issuer of the credential to issue it again with a proper end.",
        admin: "所属証明書は90日と年度末まで、組織証明書は1年、研修修了証は3年が上限です。発行元に伝えてください。" / "An affiliation lasts 90 days and never past the fiscal year, an organization one year, a training three. Tell the issuer.",
    }
    EntryNotOurs = "C-2023", 403, "access_denied" {
        cause: "ここの組織が発行したとする証明書ですが、取り消しを確認する記録がここにありません。" / "The credential says that an organization here issued it, but its status entry is not one that was given out here for it.",
        user: "発行元から証明書を受け取り直してください。" / "Get the credential again from its issuer.",
        admin: "組織の鍵が他者の手にある疑いがあります。証明書の鍵を --compromised で取り消すことを検討してください。" / "The organization's key may be in other hands. Consider to withdraw its credential key with --compromised.",
    }
    NameTaken = "C-2031", 403, "access_denied" {
        cause: "あなたの証明書から決まる利用者名は、このサービスでは使えません。ほかの人が使っているか、以前使われていました。" / "The user name that your credential proposes cannot be yours at this service. Somebody has it, or had it before.",
        user: "サービスの管理者に、別の利用者名を割り当てるよう依頼してください。" / "Ask the administrator of the service to give you another user name.",
        admin: "sekisho name set で、この人に別の利用者名を割り当ててください。監査記録に本人の番号があります。" / "Give the person another user name with sekisho name set. The audit log names the person.",
    }
    NoUserName = "C-2032", 403, "access_denied" {
        cause: "あなたの証明書からは、このサービスで使える利用者名が決まりません。" / "Your credential proposes no user name that this service can use.",
        user: "サービスの管理者に、利用者名を割り当てるよう依頼してください。" / "Ask the administrator of the service to give you a user name.",
        admin: "sekisho name set で、この人に利用者名を割り当ててください。監査記録に本人の番号があります。" / "Give the person a user name with sekisho name set. The audit log names the person.",
    }
    AffiliationNotAllowed = "P-3111", 403, "access_denied" {
        cause: "この利用が認められる所属区分ではありません。" / "Your type of affiliation is not allowed for this use.",
        user: "所属区分が正しいか、所属組織の管理者に確認してください。" / "Ask your organization's administrator whether your affiliation is recorded correctly.",
        admin: "ゲートの allowed_affiliation_types と、所属証明書の所属区分を確認してください。" / "Compare the gate's allowed_affiliation_types with the affiliation credential.",
    }
    TrainingMissing = "P-3201", 403, "access_denied" {
        cause: "必要な研修の水準または修了日を満たしていません。" / "The required training level or date is not met.",
        user: "修了証をお持ちなら、もう一度提示し、ウォレットで選んでください。お持ちでないときは、必要な研修を修了し、修了証をウォレットに受け取ってください。" / "If you have the certificate, present again and choose it in the wallet. If not, complete the training and receive the certificate in your wallet.",
        admin: "ゲートの training の設定と、修了証の水準と修了日を確認してください。" / "Compare the gate's training settings with the level and date of the certificate.",
    }
    PartitionNotOffered = "P-3301", 403, "access_denied" {
        cause: "この区画または機種は、この入口では使えません。" / "This partition or GPU model is not offered here.",
        user: "サービスの案内にある区画と機種を選び、もう一度申請してください。" / "Choose a partition and a model that the service offers, and request again.",
        admin: "ゲートの partitions と gpu_models の設定を確認してください。" / "See partitions and gpu_models of the gate.",
    }
    RequestTooLarge = "P-3501", 403, "access_denied" {
        cause: "求めたGPUの数または時間が上限を超えています。" / "More GPUs or hours were requested than the limit allows.",
        user: "数または時間を減らして、もう一度申請してください。" / "Request fewer GPUs or fewer hours.",
        admin: "ゲートの max_gpus と max_gpu_hours を確認してください。" / "Check the gate's max_gpus and max_gpu_hours.",
    }
    GroupMissing = "P-3601", 403, "access_denied" {
        cause: "このサービスを使えるのは、決められたグループの人だけです。" / "This service is only for people of certain groups.",
        user: "グループに入っているはずのときは、所属組織の管理者に確認してください。" / "If you should be in such a group, ask your organization's administrator.",
        admin: "sekisho.toml の guards の scopes と groups を、所属証明書の役割と照らし合わせてください。" / "Compare scopes and groups of the guard in sekisho.toml with the roles in the affiliation credential.",
    }
    UnknownClient = "R-4001", 400, "invalid_client" {
        cause: "このサービスは登録されていません。" / "This service is not registered here.",
        user: "サービスの運営者に、この画面の参照番号を伝えてください。" / "Tell the service's operator the reference number on this page.",
        admin: "client_id を `sekisho client list` の一覧と照らし合わせてください。" / "Compare client_id with the output of `sekisho client list`.",
    }
    RedirectUri = "R-4002", 400, "invalid_request" {
        cause: "サービスが指定した戻り先が、登録された戻り先と一致しません。" / "The address to return to is not one that the service registered.",
        user: "サービスの運営者に、この画面の参照番号を伝えてください。" / "Tell the service's operator the reference number on this page.",
        admin: "redirect_uri と post_logout_redirect_uri は、登録した値と一文字も違わないようにしてください。" / "redirect_uri and post_logout_redirect_uri must equal a registered value, character for character.",
    }
    ScopeNotAllowed = "R-4003", 400, "invalid_scope" {
        cause: "サービスが、登録にない範囲の情報を求めました。" / "The service asked for a scope that it may not ask for.",
        user: "サービスの運営者に、この画面の参照番号を伝えてください。" / "Tell the service's operator the reference number on this page.",
        admin: "scope に openid を含め、登録した値だけを指定してください。" / "Include openid in scope, and only values that are registered.",
    }
    Pkce = "R-4004", 400, "invalid_request" {
        cause: "サービスの要求に、横取りを防ぐための値 (PKCE) がないか、正しくありません。" / "The value that guards the request against interception (PKCE) is missing or wrong.",
        user: "サービスの画面に戻り、もう一度ログインしてください。" / "Go back to the service and log in again.",
        admin: "code_challenge_method に S256 を使い、同じ code_verifier を送ってください。照合に失敗するとトークンエンドポイントは invalid_grant を返します。" / "Use code_challenge_method S256 and send the same code_verifier. When they do not match, the token endpoint answers invalid_grant.",
    }
    ClientAuthentication = "R-4005", 401, "invalid_client" {
        cause: "サービス自身の認証に失敗しました。" / "The service could not be authenticated.",
        user: "サービスの運営者に、この画面の参照番号を伝えてください。" / "Tell the service's operator the reference number on this page.",
        admin: "登録した認証方式と client_secret を確認してください。認証方式は一つだけ使えます。" / "Check the registered authentication method and client_secret. Exactly one method may be used.",
    }
    LogoutRequest = "R-4006", 400, "invalid_request" {
        cause: "ログアウトの要求が正しくありません。ログインはそのまま続いています。" / "The request to log out contradicts itself. You are still logged in.",
        user: "サービスの運営者に、この画面の参照番号を伝えてください。" / "Tell the service's operator the reference number on this page.",
        admin: "client_id は id_token_hint の aud と同じにし、同じパラメーターを二度送らないでください。" / "client_id must equal aud of id_token_hint, and no parameter may come twice.",
    }
    NotGuarded = "R-4007", 403, "invalid_request" {
        cause: "このサイトへのログインは、ここに登録されていません。" / "Logins to this site are not registered here.",
        user: "サービスの運営者に、この画面の参照番号を伝えてください。" / "Tell the service's operator the reference number on this page.",
        admin: "sekisho.toml の guards の origins と proxies を、ログにある値と照らし合わせてください。プロキシは /.sekisho/ をこのサーバーに渡します。" / "Compare origins and proxies of the guards in sekisho.toml with the values in the log. The proxy passes /.sekisho/ on to this server.",
    }
    Busy = "S-5001", 503, "temporarily_unavailable" {
        cause: "ただいま混み合っています。" / "The server is busy just now.",
        user: "1分ほど待ってから、もう一度試してください。" / "Wait a minute and try again.",
        admin: "書き込みの待ち行列とディスクの応答時間を確認してください。" / "Check the queue of writes and the disk's latency.",
    }
    Clock = "S-5002", 503, "server_error" {
        cause: "サーバーの時計が正しくないため、処理を止めました。" / "The server's clock is not right, so the request was stopped.",
        user: "しばらく待ってから、もう一度試してください。" / "Wait a while and try again.",
        admin: "時刻同期 (NTP) を直してから、`sekisho status` で応答を確認してください。" / "Repair time synchronisation (NTP), then see with `sekisho status` that the server answers.",
    }
    KeyUnavailable = "S-5003", 503, "server_error" {
        cause: "署名に使う鍵を利用できませんでした。" / "A key needed for signing is not available.",
        user: "しばらく待ってから、もう一度試してください。" / "Wait a while and try again.",
        admin: "`sekisho key list` で、使用中の鍵と予備鍵の状態を確認してください。" / "Look at the active and the spare keys with `sekisho key list`.",
    }
    Store = "S-5004", 503, "server_error" {
        cause: "記録の読み書きに失敗しました。" / "Reading or writing the records failed.",
        user: "しばらく待ってから、もう一度試してください。" / "Wait a while and try again.",
        admin: "ディスクの空きとサーバーの記録を確認してください。" / "Check free disk space and the server's log.",
    }
    PolicyFault = "S-5005", 500, "server_error" {
        cause: "利用条件を判定できなかったため、許可しませんでした。" / "The conditions could not be evaluated, so access was not allowed.",
        user: "サービスの運営者に、この画面の参照番号を伝えてください。" / "Tell the service's operator the reference number on this page.",
        admin: "サーバーのログで参照番号を探し、sekisho.toml のゲートの設定を確認してください。" / "Look for the reference in the server's log, and check the gates in sekisho.toml.",
    }
}
