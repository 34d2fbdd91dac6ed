//! Answers, all with the same strict headers.
//!
//! Nothing is stored by anybody on the way, no page can be framed, no address travels in a referrer, nothing is
//! loaded and no script runs. The one style sheet is named by its hash. Only the page with a form may send one,
//! and only to ourselves: `form-action` would also hold against every redirect after a form, so the way to the
//! provider is a link and never a redirect.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::digest;
use url::Url;

use crate::event::Answer;

/// The style sheet of every page.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(digest::sha256(STYLE.as_bytes())));

/// Where a page may send a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    None,
    ToOurselves,
}

/// A page.
pub(crate) fn page(status: u16, page: &impl Template, forms: Forms) -> Answer {
    let Ok(body) = page.render() else {
        // Rendering into memory fails only where a template asks for it, and ours do not.
        return answer(500, String::new(), Forms::None);
    };
    let mut answer = answer(status, body, forms);
    answer
        .headers
        .insert("content-type", "text/html; charset=utf-8".to_owned());
    answer
}

/// The way on to another page of ours, by GET.
pub(crate) fn see_other(url: &Url) -> Answer {
    let mut answer = answer(303, String::new(), Forms::None);
    answer.headers.insert("location", url.to_string());
    answer
}

fn answer(status_code: u16, body: String, forms: Forms) -> Answer {
    let form_action = match forms {
        Forms::None => "'none'",
        Forms::ToOurselves => "'self'",
    };
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    );
    let fixed = [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-robots-tag", "noindex, nofollow"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    let mut headers: BTreeMap<_, _> = fixed.map(|(name, value)| (name, value.to_owned())).into();
    headers.insert("content-security-policy", policy);
    Answer {
        status_code,
        headers,
        cookies: Vec::new(),
        body,
    }
}
