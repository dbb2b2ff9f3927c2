//! Every text of the command line for people, in both languages. Data and error texts come from the
//! API and are in English.

use sekisho_ambient::Words;
use sekisho_keyring::plan::{PlanAct, PlanStep};

const fn text(ja: &'static str, en: &'static str) -> Words {
    Words { ja, en }
}

macro_rules! words {
    ($($name:ident = $ja:literal, $en:literal;)*) => {
        $(pub(crate) const $name: Words = text($ja, $en);)*
    };
}

words! {
    // headings
    ACTION = "操作", "Action";
    ACTOR = "実行者", "Actor";
    ALGORITHM = "方式", "Algorithm";
    AGENTS = "代理クライアント", "Agents";
    ALIASES = "別の名前", "Further names";
    ANCHORS = "ルート証明書", "Roots";
    AUDIENCE = "識別子 (aud)", "Identifier (aud)";
    RESERVE = "ディスクの予備領域", "Reserve on the disk";
    RESERVE_IN_USE =
        "ディスクの予備領域を使用中です。空きができると元に戻ります。",
        "The reserve on the disk is in use. It is made whole again when there is room.";
    AUDIT_RECORDS = "監査記録", "Audit records";
    CHECKPOINT = "チェックポイント", "Checkpoint";
    CLAIMS = "クレーム", "Claims";
    CLIENT_ID = "クライアントID", "Client ID";
    CLIENT_SECRET = "クライアントシークレット", "Client secret";
    CLIENTS = "クライアント", "Clients";
    CORPORATE_NUMBER = "法人番号", "Corporate number";
    CREDENTIALS = "証明書", "Credentials";
    CREDENTIAL_ENDS = "証明書の期限", "Credential ends";
    ENDED_GRANTS = "いっしょに終了した許可", "Grants that ended with it";
    ENDS = "期限", "Ends";
    FOR_ADMINISTRATORS = "管理者ができること", "For administrators";
    FOR_USERS = "利用者ができること", "For users";
    GATE = "ゲート", "Gate";
    GRANTED = "許可", "Granted";
    HTTP_STATUS = "HTTP ステータス", "HTTP status";
    FORMAT = "形式", "Format";
    ID = "ID", "ID";
    JWKS_URI = "公開鍵", "Public keys";
    LIFETIME = "有効期間（秒）", "Lifetime (seconds)";
    ISSUED = "発行", "Issued";
    ISSUER = "発行元", "Issuer";
    KEY = "鍵", "Key";
    KEYS = "鍵", "Keys";
    LINK = "リンク", "Link";
    LOGGED_IN = "ログイン", "Logged in";
    METHOD = "認証方式", "Authentication";
    NAME = "名称", "Name";
    NUMBER = "番号", "No.";
    OAUTH_ERROR = "OAuth エラー", "OAuth error";
    OBJECT = "対象", "Object";
    OFFER_ENDS = "受け取りの期限", "Offer ends";
    ORGANIZATIONS = "組織", "Organizations";
    OUTCOME = "結果", "Outcome";
    PERSON = "本人", "Person";
    POLICY_VERSION = "規則の版", "Policy version";
    PURPOSE = "用途", "Purpose";
    REASON = "理由", "Reason";
    REDIRECT_URI = "戻り先", "Redirect URI";
    SCOPES = "スコープ", "Scopes";
    SECTOR = "セクター", "Sector";
    SERVER = "サーバー", "Server";
    SERVICE = "サービス", "Service";
    SID = "サービスから見えるID (sid)", "ID for services (sid)";
    SINCE = "開始", "Since";
    STATE = "状態", "State";
    STEP = "手順", "Step";
    TIME = "日本時間", "Time (JST)";
    TRUSTED = "信頼する発行元", "Trusted issuers";
    TX_CODE = "受け取りコード", "Transaction code";
    TYPE = "種類", "Type";
    UNTIL = "次の変更", "Until";
    USER_NAME = "利用者名", "User name";
    USER_NAMES = "利用者名の候補", "User names from";
    SUBJECT_BEFORE = "これまでの sub", "sub until now";
    SUBJECT_NOW = "新しい sub", "sub from now on";
    USER_NAME_BEFORE = "これまでの利用者名", "User name until now";
    USER_NAME_NOW = "新しい利用者名", "User name from now on";
    NOBODY_MOVED =
        "有効な許可を持つ人はいません。以前に利用した人は、次のログインで新しい sub になります。",
        "Nobody has a living grant. Whoever used it before comes with a new sub at the next login.";
    ACCOUNT_IDS = "UID:GID", "UID:GID";
    ID_RANGES = "UIDの範囲", "UIDs";
    GIVEN_BY = "決めた人", "Given by";
    VERSION = "版", "Version";
    WHOSE = "組織・リソース", "Organization or resource";
    // clients
    CLAIMS_IN_ID_TOKEN = "IDトークンにもクレームを入れる", "Claims in the ID token too";
    CROSS_DEVICE = "別の端末のウォレット", "Wallets on another device";
    FOUND_NOTE = "注意", "note";
    FOUND_OK = "正常", "ok";
    FOUND_WRONG = "誤り", "wrong";
    GRANTS = "許可の方式", "Grants";
    ID_TOKEN_ALG = "IDトークンの署名方式", "ID token algorithm";
    MAX_AGE = "ログインの有効時間（秒）", "Longest age of a login (s)";
    NATIVE = "利用者の端末で動くプログラム", "Program on people's own devices";
    NO = "いいえ", "no";
    NONE = "なし", "none";
    NO_CHANGE = "登録はすでにそのとおりです。", "It is registered so already.";
    OLD_SECRET_ENDS = "旧シークレットの期限", "The secret before ends";
    OLDER_SECRET_ENDED =
        "有効なシークレットは二つまでです。{ends} まで有効だったさらに古いシークレットは、今終了しました。",
        "Two secrets are good at most: an even older one, good until {ends}, has ended now.";
    PKCE_DEMANDED = "PKCE を必須にする", "PKCE demanded";
    POST_LOGOUT_URI = "ログアウト後の戻り先", "Redirect URI after log-out";
    READ_MORE = "くわしい説明", "Read more";
    REGISTERED = "登録", "Registered";
    REQUIRED_ACR = "必要な acr", "Required acr";
    SECRET_ENDS = "{issued} に発行、{ends} まで有効", "made {issued}, ends {ends}";
    SECRET_SINCE = "{issued} に発行、使用中", "made {issued}, in use";
    SETTINGS = "サービスの設定:", "Settings for the service:";
    SNIPPET_BACK = "戻り先 (redirect_uri) の処理", "At the redirect URI";
    SNIPPET_INSTALL = "準備: {command}", "First: {command}";
    SNIPPET_KEEP = "利用者のセッションに保存する値", "Keep these in the user's session";
    SNIPPET_MORE = "くわしい説明: {page}", "Read more: {page}";
    YES = "はい", "yes";
    // what proposes a user name, and who gave it
    NAMES_OPAQUE = "自動", "chance (opaque)";
    NAMES_EMAIL = "メールアドレス", "the e-mail address";
    NAMES_MEMBER_REF = "組織内の識別子", "the member reference";
    BY_OPERATOR = "管理者", "an operator";
    BY_LOGIN = "最初のログイン", "the first login";
    // steps of a rotation
    STEP_ACTIVATE = "公開済みの予備鍵を使用", "use the published spare";
    STEP_PUBLISH_SPARE = "新しい予備鍵を公開", "publish a new spare";
    STEP_RETIRE = "旧鍵を検証専用にする", "keep the old key for verifying only";
    STEP_SIGN_LISTS_ONLY = "旧鍵は自身の状態リストだけに署名", "let the old key sign its own status lists only";
    STEP_UNPUBLISH = "旧鍵を公開リストから外す", "take the old key off the documents";
    STEP_WITHDRAW = "旧鍵をすぐに取り消す", "withdraw the old key at once";
    // remarks
    AUDIT_ID = "監査ID: {id}", "Audit ID: {id}";
    AUDIT_SOUND =
        "監査記録 {records} 件に誤りはありません。最後の記録: {hash}",
        "All {records} records of the audit log are sound. The last is {hash}";
    CHECKPOINTS_AGREE =
        "チェックポイント {checked} 件と監査記録は一致しています。最後は {time}、{records} 件の時点です。",
        "The audit log agrees with {checked} checkpoints; the newest is of {time}, at {records} records";
    INIT_DONE =
        "{config} と {data_dir} を作りました。\n\n次の手順:\n  1. {config} を確認する（サービス、条件、ウォレット）\n  2. sekisho --config {config} serve\n  3. sekisho --config {config} org add 法人番号 --name-ja … --name-en …\n  4. sekisho --config {config} client add …\n\n{data_dir}/root.key がないと保管データは開きません。別の場所に控えを取ってください。\n{ca_file} は、このブローカーのルート証明書です。ウォレットに渡してください。",
        "Made {config} and {data_dir}.\n\nNext:\n  1. look through {config} (services, gates, wallets)\n  2. sekisho --config {config} serve\n  3. sekisho --config {config} org add NUMBER --name-ja … --name-en …\n  4. sekisho --config {config} client add …\n\nWithout {data_dir}/root.key the store does not open: keep a copy elsewhere.\n{ca_file} is the root of this broker's certificates: give it to wallets.";
    MORE =
        "続きがあります: --after {next} を付けてください。",
        "There are more: add --after {next}.";
    NO_RECORD =
        "この参照番号の監査記録はありません。ウォレットが回答する前の失敗は監査記録に残りません。サーバーのログで {reference} を探してください。",
        "No audit record has this reference. What failed before a wallet answered is in no record: look for {reference} in the server's log.";
    CHECKPOINT_FAILED = "書き込めていません: {failure}", "not written: {failure}";
    NOT_CONFIRMED =
        "同じ文字が入力されなかったため、何も変更していません。スクリプトでは --yes を付けてください。",
        "Nothing was changed: what was typed is not the same. In scripts, add --yes.";
    NOT_RUNNING =
        "動いていません（保管データを直接開きました）",
        "not running (the store was opened directly)";
    MORE_ROWS =
        "{rows} 件を表示しました。続きは --after {after} を付けて表示できます。",
        "{rows} rows are shown, and there are more: add --after {after}";
    NOTHING = "ありません。", "There are none.";
    DISK_FULL =
        "ディスクがいっぱいです。取り消し、セッションと許可の終了、鍵の無効化だけを受け付けます。ログインは空きができるまで受け付けません。",
        "The disk is full. Only revocations, ends of sessions and grants, and compromised keys are taken; logins wait until there is room.";
    PLAIN_HTTP =
        "このブローカーは http で動いています。試用のためだけに使ってください。",
        "This broker speaks http: for trying out only. Cookies have neither Secure nor __Host-.";
    PLAN = "計画 (dry-run)", "Plan (dry run): nothing was changed";
    RUNNING = "動いています", "running";
    RESOURCE_CONFIGURED =
        "このリソースは sekisho.toml に書かれています。変更はそのファイルで行い、再起動してください。",
        "This resource stands in sekisho.toml: change it there and restart.";
    RESOURCE_SECRET = "リソースのシークレット", "Resource secret";
    SECRETS = "シークレットの期間", "Secrets count";
    SECRET_ONCE =
        "シークレットは今だけ表示しています。",
        "The secret is shown this once.";
    SIGNS_ONLY_LISTS = "{state}（自身の状態リストだけに署名）", "{state} (signs only its own status lists)";
    TYPE_ID =
        "元に戻せません。続けるには {id} と入力してください: ",
        "This cannot be undone. Type {id} to go on: ";
}

/// The words for a step of a rotation.
pub(crate) fn step(step: &PlanStep) -> Words {
    match step.step {
        PlanAct::Activate => STEP_ACTIVATE,
        PlanAct::PublishSpare => STEP_PUBLISH_SPARE,
        PlanAct::Retire if step.signs_lists => STEP_SIGN_LISTS_ONLY,
        PlanAct::Retire => STEP_RETIRE,
        PlanAct::Unpublish => STEP_UNPUBLISH,
        PlanAct::Withdraw => STEP_WITHDRAW,
    }
}
