//! The line at the foot of every page: who operates this broker, and how to reach them.

use askama::Template;
use sekisho_broker::config::Operator;

use super::Lang;
use super::layout;
use crate::texts;

/// The place of the line in the frame. No value of a page can contain it, because values are
/// escaped.
const PLACE: &str = "<!-- operator -->";

#[derive(Template)]
#[template(path = "operator.html")]
struct OperatorLine<'a> {
    operator: &'a Operator,
    lang: Lang,
}

/// The page `html` with the line of its operator; without a line if there is nothing to say.
pub(crate) fn signed_by(operator: Option<&Operator>, html: String, lang: Lang) -> String {
    let Some(operator) = operator else { return html };
    html.replacen(PLACE, &layout::html(&OperatorLine { operator, lang }), 1)
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Text;

    use super::*;

    #[test]
    fn the_line_is_escaped_and_has_only_what_is_configured() {
        let name = Text { ja: "<b>北海</b>".to_owned(), en: "Hokkai".to_owned() };
        let contact_uri = Some("mailto:help@gpu.example.jp".to_owned());
        let operator = Operator { name, contact_uri, privacy_uri: None };
        let page = format!("<footer>{PLACE}</footer>");
        let signed = signed_by(Some(&operator), page.clone(), Lang::Ja);
        assert!(signed.contains("&#60;b&#62;北海") && signed.contains("mailto:help@"), "{signed}");
        assert_eq!(signed.matches("<a ").count(), 1);
        assert_eq!(signed_by(None, page.clone(), Lang::Ja), page);
    }
}
