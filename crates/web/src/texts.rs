//! Every fixed text of the pages, in both languages: the one table that they are taken from.
//!
//! Texts of codes stand in [`sekisho_profile::codes`]. A missing language does not compile; a test
//! compares the `{values}` of the two. Japanese: です・ます, one idea a sentence, verb-first buttons.

use sekisho_ambient::Words;

macro_rules! texts {
    ($($name:ident: $ja:literal, $en:literal;)*) => {
        $(pub(crate) const $name: Words = Words { ja: $ja, en: $en };)*

        #[cfg(test)]
        const ALL: &[(&str, Words)] = &[$((stringify!($name), $name)),*];
    };
}

texts! {
    // Every page.
    SKIP: "本文へ移動", "Skip to content";
    LANGUAGE: "表示言語", "Language";
    CONTACT: "お問い合わせ", "Contact";
    LEFT_SECONDS: "残り{s}秒", "{s} s left";
    LEFT: "残り{m}分{s}秒", "{m} min {s} s left";
    REFERENCE: "参照番号", "Reference";
    TIME: "日時", "Time";
    CODE: "コード", "Code";
    BACK_TO_SERVICE: "サービスに戻る", "Return to the service";

    // The page that carries an answer by a form.
    POST_TITLE: "サービスに戻ります", "Returning to the service";
    POST_LEAD: "自動で戻らないときは、ボタンを押してください。", "If you are not taken back by yourself, press the button.";

    // The service's card.
    SERVICE: "ログイン先", "Logging in to";
    PURPOSE: "目的", "Purpose";
    OPERATOR: "運営者", "Operator";
    CORPORATE_NUMBER: "法人番号", "Corporate number";
    RESIDENCY: "所在地", "Location";
    RESIDENCY_UNKNOWN: "確認されていません", "Not attested";
    POLICY: "個人情報の取り扱い", "Privacy policy";
    TERMS: "利用規約", "Terms of use";
    ASKS: "求める情報", "Information asked for";

    // Login.
    LOGIN_TITLE: "ウォレットでログイン", "Log in with your wallet";
    LOGIN_LEAD: "パスワードは使いません。スマートフォンのウォレットにある証明書を提示してログインします。", "No password. You log in by presenting a credential from the wallet on your phone.";
    WALLET_HERE: "この端末のウォレットを使う", "Use a wallet on this device";
    WALLET_OPEN: "ウォレットを開く", "Open the wallet";
    WALLET_CHOOSE: "ウォレットを選ぶ", "Choose a wallet";
    WALLET_ONLY: "開くウォレット", "Opens";
    WALLET_NONE: "この画面から開けるウォレットがありません。サービスの運営者に確認してください。(A-1003)", "There is no wallet that this page can open. Ask the service's operator. (A-1003)";
    CROSS_TITLE: "別の端末のウォレットを使う", "Use a wallet on another device";
    STEP_OPEN: "スマートフォンのウォレットを開きます。", "Open the wallet on your phone.";
    STEP_SCAN: "QRコードを読み取り、提示する証明書を確認します。", "Scan the QR code and check what you will present.";
    STEP_TYPE: "スマートフォンに表示された番号を、この画面に入力します。", "Type the number shown on your phone into this screen.";
    QR_ALT: "ログイン用のQRコード。スマートフォンのウォレットで読み取ります。", "QR code for this login, to be scanned with the wallet on your phone.";
    QR_TOO_LONG: "QRコードを表示できません。下のリンクを使ってください。", "The QR code cannot be shown. Use the link below.";
    QR_UNTIL: "{time}まで", "until {time}";
    QR_EXPIRED: "時間が過ぎたため、QRコードを使えなくなりました。新しいQRコードを表示してください。(A-1008)", "The QR code has expired. Show a new QR code. (A-1008)";
    QR_RENEW: "新しいQRコードを表示する", "Show a new QR code";
    QR_HELP: "QRコードを読み取れないとき", "If you cannot scan the QR code";
    QR_LINK: "このリンクを、ウォレットのある端末で開いてください。", "Open this link on the device that has your wallet.";
    QR_OPEN: "リンクを開く", "Open the link";
    COPY: "リンクをコピー", "Copy the link";
    COPIED: "リンクをコピーしました。", "The link was copied.";
    WAITING: "ウォレットでの提示が終わると、この画面は次に進みます。", "This screen moves on when you have presented in your wallet.";
    CHECK_NOW: "今すぐ確認する", "Check now";
    CANCEL: "ログインをやめる", "Cancel this login";

    // The code of a device.
    DEVICE_TITLE: "端末に表示されたコードを入力してください", "Type the code that your device shows";
    DEVICE_LEAD: "ターミナルのプログラムや、ブラウザーのない端末で始めたログインを、この画面で続けます。", "Here you go on with a login that you began in a program at a terminal, or on a device without a browser.";
    DEVICE_LINKED: "リンクやQRコードから開いても、コードは自動では入りません。端末の画面を見て入力してください。", "A link or a QR code does not fill in the code. Look at your device and type it.";
    DEVICE_LABEL: "8文字のコード", "Code of 8 letters";
    DEVICE_HELP: "小文字でも、ハイフンがなくてもかまいません。", "Lower case will do, and the hyphen may be left out.";
    DEVICE_ONLY: "入力するのは、自分の端末に表示されたコードだけです。誰かから送られたコードやリンクを使うと、その人があなたの名前でログインします。", "Type only a code that your own device shows. If you use a code or a link that somebody sent you, that person is logged in under your name.";
    DEVICE_SUBMIT: "続ける", "Continue";
    DEVICE_UNKNOWN: "種類は不明", "of unknown kind";
    DEVICE_NOTICE: "端末 ({place}) が{time}に始めたログインです。自分の端末で始めたのでなければ、続けないでください。誰かからコードやリンクを受け取ったときは、この画面を閉じてください。", "A device ({place}) began this login at {time}. Go on only if you began it on your own device. If somebody sent you the code or the link, close this page.";
    DEVICE_DONE_TITLE: "端末のログインを許可しました", "Your device is logged in";
    DEVICE_DONE_LEAD: "端末の画面に戻ってください。この画面は閉じてかまいません。", "Go back to your device. You can close this page.";

    // The number.
    ENTRY_TITLE: "スマートフォンに表示された番号を入力してください", "Type the number shown on your phone";
    ENTRY_LEAD: "ウォレットからの提示を受け取りました。ご本人の確認のため、番号を入力してください。", "Your wallet has answered. Type the number to confirm that it is you.";
    ENTRY_LABEL: "{digits}桁の番号", "Number of {digits} digits";
    ENTRY_TRIES: "入力できるのは、あと{tries}回です。", "Tries left: {tries}.";
    ENTRY_WRONG: "番号が違います。スマートフォンの画面をもう一度確認してください。", "That is not the number. Look at your phone again.";
    ENTRY_SUBMIT: "ログインする", "Log in";
    SHOW_TITLE: "この番号を、ログインを始めた画面に入力してください", "Type this number into the screen on which you began";
    SHOW_PLACE: "始めた場所", "Began at";
    SHOW_NUMBER: "番号", "Number";
    SHOW_ONLY: "入力するのは、ログインを始めた画面だけです。電話やメールで聞かれても教えないでください。", "Type it only into the screen on which you began. Never tell it to anybody who asks by phone or mail.";
    SHOW_NOT_YOU: "自分で始めていないときは、何も入力せずにこの画面を閉じてください。", "If you did not begin this login, type nothing and close this page.";

    // Consent.
    CONSENT_TITLE: "サービスに渡す情報を確認してください", "Review what you share";
    CONSENT_LEAD: "「{service}」に、次の情報を渡します。", "The following is shared with “{service}”.";
    CONSENT_REQUIRED: "必須の情報", "Required information";
    CONSENT_OPTIONAL: "任意の情報", "Optional information";
    CONSENT_OPTIONAL_HELP: "渡してもよいものだけを選んでください。選ばなくてもログインできます。", "Choose only what you want to share. You can log in without any of it.";
    CONSENT_GPU: "許可されるGPU利用", "GPU use that is allowed";
    CONSENT_USE: "情報の扱い", "How it is handled";
    CONSENT_RETENTION: "保存する期間", "Kept for";
    CONSENT_ABROAD: "国外への移転", "Transfer abroad";
    CONSENT_OFFLINE: "不在のときの利用", "While you are away";
    CONSENT_OFFLINE_YES: "サービスは、最長30日間、あなたがいないときも同じ情報を読み直せます。証明書が失効すると読めなくなります。", "For up to 30 days, the service may read the same again without you. This ends when your credential is revoked.";
    CONSENT_RESOURCES: "ほかのサーバーの利用", "Other servers";
    CONSENT_RESOURCES_HELP: "サービスは、あなたとして次のサーバーを利用できるようになります。", "The service may use these servers as you.";
    CONSENT_RESOURCE_PLAIN: "利用", "Use";
    CONSENT_SHARED: "同じ利用者だと分かるサービス", "Services that know you by the same name";
    CONSENT_SHARED_WHY: "このサービスは、次のサービスと同じ識別子と利用者名であなたを識別します。あなたが同じ人であることを互いに確認できます。", "This service knows you by the same identifier and user name as the following ones. They can tell each other that you are the same person.";
    CONSENT_NOT_GIVEN: "渡さない情報", "What is not shared";
    NOT_TOLD: "サービスは示していません", "Not stated by the service";
    YES: "はい", "Yes";
    NO: "いいえ", "No";
    GPU_ACTIONS: "できること", "Actions";
    VERIFIED: "確認済み", "verified";
    NOT_VERIFIED: "未確認", "not verified";
    GPU_PARTITION: "区画", "Partition";
    GPU_MODEL: "GPUの機種", "GPU model";
    GPU_COUNT: "GPUの数", "GPUs";
    GPU_HOURS: "GPU時間", "GPU hours";
    GPU_WALLTIME: "1回の最長時間（時間）", "Longest run (hours)";
    GPU_COUNTED: "{value}基", "{value}";
    CLAIM_NAME: "氏名", "Name";
    CLAIM_NAME_KANJI: "氏名（漢字）", "Name (kanji)";
    CLAIM_NAME_KANA: "氏名（カナ）", "Name (kana)";
    CLAIM_NAME_LATIN: "氏名（ローマ字）", "Name (Latin letters)";
    CLAIM_USERNAME: "このサービスだけで使う利用者名", "User name, for this service only";
    CLAIM_USERNAME_SHARED: "複数のサービスに共通の利用者名", "User name, the same at several services";
    CLAIM_LOCALE: "言語", "Language";
    CLAIM_EMAIL: "メールアドレス", "Email address";
    CLAIM_EMAIL_VERIFIED: "メールアドレスの確認", "Email address check";
    CLAIM_ORGANIZATION: "所属組織", "Organization";
    CLAIM_GROUPS: "役割", "Roles";
    CLAIM_ENTITLEMENT: "所属組織ごとの役割", "Roles by organization";
    CLAIM_UID: "利用者番号（UID）", "User number (UID)";
    CLAIM_GID: "グループ番号（GID）", "Group number (GID)";
    VALUE_ASSIGNED: "ログインのときに割り当てます", "assigned when you log in";
    CLAIM_TRAINING: "修了した研修", "Completed training";
    VALUE_CORPORATE_NUMBER: "法人番号 {value}", "corporate number {value}";
    VALUE_LEVEL: "レベル{value}以上", "level {value} or higher";
    VALUE_UNTIL: "{value}まで有効", "valid until {value}";
    LIST_COMMA: "、", ", ";
    CONSENT_DENY: "同意しない", "Don't share";
    CONSENT_ALLOW: "同意してログイン", "Share and log in";

    // Denied.
    DENIED_WHAT: "GPUを割り当てられませんでした。", "No GPU was allocated.";
    DENIED_COUNT: "{total}つの条件のうち{unmet}つを満たしていません。", "Conditions not met: {unmet} of {total}.";
    DENIED_COUNT_MANY: "{total}件の条件のうち{unmet}件を満たしていません。", "Conditions not met: {unmet} of {total}.";
    DENIED_LIST: "満たしていない条件", "Conditions not met";
    DENIED_FOUND: "現在", "Found";
    DENIED_NEEDED: "必要", "Needed";
    DENIED_ACTION: "次にすること", "What to do";
    DENIED_AGAIN: "もう一度提示する", "Present again";
    DENIED_ASK: "問い合わせるときは、次の番号を伝えてください。", "If you ask for help, give this number.";

    // Errors.
    ERROR_TITLE: "ログインできませんでした", "You could not log in";
    ERROR_LOGOUT_TITLE: "ログアウトできませんでした", "You could not log out";
    ERROR_PAGE_TITLE: "ページを表示できませんでした", "This page could not be shown";
    ERROR_ACTION: "次にすること", "What to do";
    ERROR_RETRY: "もう一度始める", "Begin again";
    ERROR_ADMIN: "管理者、開発者の方へ", "For administrators and developers";

    // Log-out and messages.
    LOGOUT_TITLE: "ログアウトしますか", "Log out?";
    LOGOUT_LEAD: "このブラウザーでのログインを終えます。", "This ends your login in this browser.";
    LOGOUT_SERVICE: "「{service}」からログアウトが要求されました。", "“{service}” asked to log you out.";
    LOGOUT_YES: "ログアウトする", "Log out";
    LOGOUT_NO: "ログインを続ける", "Stay logged in";
    SIGNED_OUT_TITLE: "ログアウトしました", "You are logged out";
    SIGNED_OUT_LEAD: "この画面は閉じてかまいません。", "You can close this page.";
    STAYED_TITLE: "ログインを続けています", "You are still logged in";
    STAYED_LEAD: "この画面は閉じてかまいません。", "You can close this page.";
    ANSWERED_TITLE: "ウォレットが回答しました", "Your wallet has answered";
    ANSWERED_LEAD: "ウォレットが開いた画面でログインを続けてください。この画面は自動で進みます。進まないときは、もう一度始めることも、やめることもできます。", "Go on in the page that your wallet opened. This page follows by itself. If it does not, you can begin again or cancel.";
    DONE_TITLE: "ログインは完了しました", "You are logged in";
    DONE_LEAD: "サービスの画面で続けてください。この画面は閉じてかまいません。", "Go on at the service. You can close this page.";
    ELSEWHERE_TITLE: "別のブラウザーがログインを待っています", "Another browser is waiting for this login";
    ELSEWHERE_LEAD: "ウォレットの回答は届きましたが、このブラウザーではログインを始めていません。始めたブラウザーの画面に戻り、そこでもう一度始めてください。", "Your wallet's answer has arrived, but this browser did not begin the login. Go back to the browser in which you began, and begin again there.";
    ELSEWHERE_NUMBER: "ウォレットの回答は届きましたが、このブラウザーではログインを始めていません。始めたブラウザーの画面に、この番号を入力してください。", "Your wallet's answer has arrived, but this browser did not begin the login. Type this number into the browser in which you began.";
    ELSEWHERE_PLACE: "待っているブラウザー", "Waiting browser";
    DECLINED_TITLE: "提示しませんでした", "You did not present anything";
    DECLINED_LEAD: "証明書は提示されていません。この画面は閉じてかまいません。もう一方の画面で、もう一度始められます。", "No credential was presented. You can close this page. On the other screen you can begin again.";
    REFUSED_TITLE: "ウォレットの回答を受け付けられませんでした", "Your wallet's answer was refused";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<&str> {
        let mut names: Vec<_> =
            text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn both_languages_name_the_same_values() {
        for (name, text) in ALL {
            assert_eq!(values(text.ja), values(text.en), "{name}");
        }
    }

    #[test]
    fn no_text_is_empty_or_in_the_other_language() {
        let japanese = |text: &str| text.chars().any(|c| ('\u{3000}'..='\u{9fff}').contains(&c));
        for (name, text) in ALL {
            assert!(japanese(text.ja), "{name}");
            assert!(!text.en.is_empty() && !japanese(text.en), "{name}");
        }
    }
}
