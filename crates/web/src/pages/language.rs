//! Chooses the language of a page.
//!
//! The first of these that names a language counts: the person's own choice (`?lang=`), the
//! service's wish (`ui_locales`, OpenID Connect Core 1.0, section 3.1.2.1), the browser's wish
//! (`Accept-Language`, RFC 9110, section 12.5.4), Japanese. None of these can make a request fail.

pub use sekisho_ambient::Lang;

/// The language of a page, from the query's `lang`, the request's `ui_locales` (space-separated
/// language tags, most wanted first) and the header `Accept-Language`.
pub fn choose_language(
    query: Option<&str>,
    ui_locales: Option<&str>,
    accept_language: Option<&str>,
) -> Lang {
    query
        .and_then(from_tag)
        .or_else(|| ui_locales.and_then(from_ui_locales))
        .or_else(|| accept_language.and_then(from_accept_language))
        .unwrap_or(Lang::Ja)
}

/// The first language of `ui_locales` that we speak.
pub fn from_ui_locales(ui_locales: &str) -> Option<Lang> {
    ui_locales.split_ascii_whitespace().find_map(from_tag)
}

/// The language of ours to which `Accept-Language` gives the highest weight. A header that names
/// only other languages gives English. An empty one gives `None`.
pub fn from_accept_language(header: &str) -> Option<Lang> {
    let mut best: Option<(u16, Lang)> = None;
    let mut foreign = false;
    for range in header.split(',').take(32) {
        let (tag, weight) = weighed(range);
        if weight == 0 || tag.is_empty() || tag == "*" {
            continue;
        }
        match from_tag(tag) {
            Some(lang) if best.is_none_or(|(highest, _)| weight > highest) => {
                best = Some((weight, lang));
            }
            Some(_) => {}
            None => foreign = true,
        }
    }
    best.map(|(_, lang)| lang).or(foreign.then_some(Lang::En))
}

fn from_tag(tag: &str) -> Option<Lang> {
    let primary = tag.split(['-', '_']).next()?.trim();
    [Lang::Ja, Lang::En].into_iter().find(|lang| primary.eq_ignore_ascii_case(lang.tag()))
}

/// A language range and its weight in thousandths; a weight that cannot be read counts as none.
fn weighed(range: &str) -> (&str, u16) {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next().unwrap_or_default();
    let weight = match parts.find_map(|part| part.strip_prefix("q=")) {
        None => 1000,
        Some(text) => thousandths(text).unwrap_or(0),
    };
    (tag, weight)
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    let thousandths = whole.parse::<u16>().ok()?.checked_mul(1000)?.checked_add(fraction)?;
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_persons_choice_wins_over_the_services_and_the_browsers() {
        assert_eq!(choose_language(Some("en"), Some("ja"), Some("ja")), Lang::En);
        assert_eq!(choose_language(None, Some("fr-CA en"), Some("ja")), Lang::En);
        assert_eq!(choose_language(Some("<x>"), None, Some("en-GB, ja;q=0.5")), Lang::En);
        assert_eq!(choose_language(None, None, None), Lang::Ja);
    }

    #[test]
    fn the_browsers_weights_are_respected() {
        assert_eq!(from_accept_language("en;q=0.3, ja-JP;q=0.9"), Some(Lang::Ja));
        assert_eq!(from_accept_language("ja;q=0, en;q=0.1"), Some(Lang::En));
        assert_eq!(from_accept_language("ja;q=7, en;q=0.1"), Some(Lang::En));
        assert_eq!(from_accept_language("fr, de;q=0.5"), Some(Lang::En));
        assert_eq!(from_accept_language("*"), None);
        assert_eq!(from_accept_language(",;q=,,;;"), None);
    }
}
