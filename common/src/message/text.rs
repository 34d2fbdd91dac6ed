//! Texts as mail carries them, and the text of a mail that has only html.

use html2text::config;

/// The width of text made from html, as mail is written.
const WIDTH: usize = 76;
/// How deep html may be nested to be turned into text. Rendering deeper html takes time and space out of proportion.
const MAX_DEPTH: usize = 100;

/// Why html is not turned into text.
#[derive(Debug, thiserror::Error)]
pub enum Untextable {
    /// It would take too long.
    #[error("it is nested more than 100 levels deep")]
    TooDeep,
    /// There is no room left for words beside indentation.
    #[error("its lists, quotations or tables leave no room for words")]
    TooNarrow,
}

/// Ends every line in CRLF: those that ended in CR, LF or CRLF.
///
/// lettre does it too, but in quadratic time and not for a CR alone, which some servers take for the end of a line.
pub(super) fn with_crlf(text: &str) -> String {
    let mut normal = String::with_capacity(text.len() + text.len() / 32);
    let mut rest = text;
    while let Some(end) = rest.find(['\r', '\n']) {
        normal.push_str(&rest[..end]);
        normal.push_str("\r\n");
        let ending = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + ending..];
    }
    normal.push_str(rest);
    normal
}

/// Makes the text that stands beside html, links listed at its end.
pub(super) fn from_html(html: &str) -> Result<String, Untextable> {
    if nesting(html) > MAX_DEPTH {
        return Err(Untextable::TooDeep);
    }
    let text = config::plain()
        .no_table_borders()
        .no_link_wrapping()
        .string_from_read(html.as_bytes(), WIDTH)
        .map_err(|_| Untextable::TooNarrow)?;
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_matches('\n').to_owned())
}

/// Estimates how deep the elements of a document are nested, without reading it as a browser would.
fn nesting(html: &str) -> usize {
    /// Elements without content, and those that the next of their kind ends.
    const FLAT: &[&str] = &[
        "area", "base", "body", "br", "col", "dd", "dt", "embed", "head", "hr", "html", "img",
        "input", "li", "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot",
        "th", "thead", "tr", "track", "wbr",
    ];
    let (mut depth, mut deepest) = (0_usize, 0);
    for tag in html.split('<').skip(1) {
        let (is_end, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let name = tag
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        if name.is_empty() || FLAT.iter().any(|flat| name.eq_ignore_ascii_case(flat)) {
            continue;
        }
        depth = if is_end {
            depth.saturating_sub(1)
        } else {
            depth + 1
        };
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_ends_in_crlf_whatever_it_ended_in() {
        assert_eq!(
            with_crlf("a\nb\rc\r\nd\r\r\n\n\re"),
            "a\r\nb\r\nc\r\nd\r\n\r\n\r\n\r\ne"
        );
        assert_eq!(with_crlf("one line"), "one line");
        assert_eq!(with_crlf(""), "");
    }

    #[test]
    fn html_becomes_text_that_a_person_would_have_written() {
        let html = "<html><head><title>no</title><style>p { color: red }</style></head><body>\
            <h1>Invoice 4711</h1><p>Dear <b>Anna</b> &amp; <i>Bob</i>,<br>please \
            <a href=\"https://pay.example.com/4711\">pay here</a>.</p>\
            <table><tr><td>Item</td><td>12 €</td></tr></table><ul><li>one</li><li>two</li></ul>\
            <img src=\"cid:logo\" alt=\"Contoso\"><img src=\"cid:line\"><script>alert(1)</script></body></html>";
        let text = "# Invoice 4711\n\nDear **Anna** & Bob,\nplease [pay here][1].\n\nItem 12 €\n\
            * one\n* two\n[Contoso]\n\n[1]: https://pay.example.com/4711";
        assert_eq!(from_html(html).unwrap(), text);
    }

    #[test]
    fn html_without_words_has_no_text() {
        assert_eq!(from_html("<img src=\"cid:poster\">").unwrap(), "");
    }

    #[test]
    fn html_that_would_take_too_long_is_refused() {
        let deep = format!("{}x", "<DIV class=a>".repeat(100_000));
        assert!(matches!(from_html(&deep), Err(Untextable::TooDeep)));
        let narrow = format!("{}x", "<blockquote>".repeat(60));
        assert!(matches!(from_html(&narrow), Err(Untextable::TooNarrow)));
    }

    #[test]
    fn long_html_is_not_deep_html() {
        let long = "<p>one<br>two<li>three<b>four</b><td>five".repeat(1000);
        assert_eq!(nesting(&long), 1);
        assert!(from_html(&long).is_ok());
    }

    proptest! {
        #[test]
        fn no_html_makes_the_renderer_panic(html in "(<(/?(a|b|p|div|ul|ol|li|table|tr|td|th|pre|h1|blockquote|img|br|dl|dt|dd|sup|s|code|svg|math|template|select|option|style|script|title|body|html|frameset)|!--|!doctype)( (href|colspan|rowspan|start|width|id|name|alt|src|style)=[\"']?[0-9a-z:#-]{0,6}[\"']?){0,2}/?>|[a-z&;#0-9é日 \n\t]{0,20}|\\PC{0,3}){0,30}") {
            let text = from_html(&html);
            prop_assert!(text.is_err() || text.is_ok_and(|text| !text.contains('\0')));
        }
    }
}
