//! The cookie that binds an attempt to the browser that began it.
//!
//! One cookie an attempt, told apart by the first digits of the state's hash, so that two tabs do not clash.
//! `__Host-` keeps it to this host over HTTPS; `SameSite=None` because the provider's answer is a form post from
//! another site.

use common::consent::{Browser, LIFE, StateHash};

use crate::event::Cookies;

const PREFIX: &str = "__Host-consent-";

/// The value of `Set-Cookie` for an attempt.
pub(crate) fn set(state: &StateHash, browser: &Browser) -> String {
    format!(
        "{PREFIX}{}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=None",
        state.tag(),
        browser.expose(),
        LIFE.as_secs()
    )
}

/// The browser that holds the cookie of this attempt.
pub(crate) fn of(cookies: &Cookies, tag: &str) -> Option<Browser> {
    Browser::parse(cookies.get(&format!("{PREFIX}{tag}"))?)
}

/// The tag of the one attempt that the browser has a cookie of.
pub(crate) fn only(cookies: &Cookies) -> Option<&str> {
    let mut tags = cookies.tags(PREFIX);
    let tag = tags.next()?;
    tags.next().is_none().then_some(tag)
}
