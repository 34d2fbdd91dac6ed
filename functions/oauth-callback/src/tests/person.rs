//! A person with a browser: keeps cookies, sends forms, follows what pages offer. Every answer is looked at for
//! its headers.

use std::collections::BTreeMap;

use serde_json::json;
use url::{Url, form_urlencoded};

use super::World;
use crate::event::{Answer, Event, Request};
use crate::handler::handle;

pub(super) struct Person<'a> {
    world: &'a World,
    pub(super) cookies: BTreeMap<String, String>,
    /// Every page that was shown, for a test to search.
    pub(super) seen: Vec<String>,
}

pub(super) type Fields<'a> = &'a [(&'a str, &'a str)];

impl<'a> Person<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self {
            world,
            cookies: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    pub(super) async fn get(&mut self, url: &Url) -> Answer {
        self.request("GET", url, None, &[]).await
    }

    pub(super) async fn post(&mut self, url: &Url, fields: Fields<'_>) -> Answer {
        self.request("POST", url, Some(&form(fields)), &[]).await
    }

    pub(super) async fn request(
        &mut self,
        method: &str,
        url: &Url,
        body: Option<&str>,
        headers: Fields<'_>,
    ) -> Answer {
        let mut sent = BTreeMap::from([
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "evil.example"),
        ]);
        sent.extend(headers.iter().copied());
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": url.path(),
            "rawQueryString": url.query().unwrap_or_default(),
            "cookies": cookies,
            "headers": sent,
            "requestContext": { "http": { "method": method, "path": url.path() } },
            "body": body,
            "isBase64Encoded": false,
        });
        let event: Event = serde_json::from_value(event).unwrap();
        let answer = handle(self.world, Request::from(event)).await;
        assert_strict(&answer);
        for cookie in &answer.cookies {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once("; ").unwrap();
            assert!(name.starts_with("__Host-consent-"), "{name}");
            assert_eq!(
                attributes,
                "Path=/; Max-Age=900; Secure; HttpOnly; SameSite=None"
            );
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        self.seen.push(answer.body.clone());
        answer
    }

    /// Opens the link and presses its button; answers where the page leads to.
    pub(super) async fn begin(&mut self, link: &Url) -> Url {
        let page = self.get(link).await;
        assert_eq!(page.status_code, 200, "{}", page.body);
        assert!(
            page.body.contains(r#"<form method="post">"#),
            "the form goes to the page's own address"
        );
        let page = self.post(link, &[]).await;
        assert_eq!(page.status_code, 200, "{}", page.body);
        let url = href(&page, "Continue to Microsoft");
        let refresh = format!(
            r#"<meta http-equiv="refresh" content="0;url={}">"#,
            escaped(url.as_str())
        );
        assert!(page.body.contains(&refresh), "{}", page.body);
        url
    }

    /// Comes back with an answer of the provider, and on to the result.
    pub(super) async fn return_with(&mut self, fields: Fields<'_>) -> Answer {
        let back = self.post(&callback(), fields).await;
        self.follow(&back).await
    }

    pub(super) async fn follow(&mut self, back: &Answer) -> Answer {
        assert_eq!(back.status_code, 303, "{}", back.body);
        let location: Url = back.headers["location"].parse().unwrap();
        assert!(
            location
                .as_str()
                .starts_with("https://mail.contoso.com/oauth/result?attempt=")
        );
        self.get(&location).await
    }

    /// The whole way, as the right person.
    pub(super) async fn connect(&mut self, link: &Url) -> Answer {
        let authorize = self.begin(link).await;
        let (code, state) = self.world.entra.sign_in(&authorize);
        self.return_with(&[
            ("code", &code),
            ("state", &state),
            ("session_state", "canary-session"),
        ])
        .await
    }
}

pub(super) fn callback() -> Url {
    "https://mail.contoso.com/oauth/callback".parse().unwrap()
}

pub(super) fn form(fields: Fields<'_>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// The address of the link with these words.
pub(super) fn href(page: &Answer, words: &str) -> Url {
    let (before, _) = page.body.split_once(&format!(">{words}</a>")).unwrap();
    let (_, href) = before.rsplit_once("href=\"").unwrap();
    let (href, _) = href.split_once('"').unwrap();
    href.replace("&#38;", "&").parse().unwrap()
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&#38;")
}

/// What every answer has to carry, whatever it is.
fn assert_strict(answer: &Answer) {
    let header = |name: &str| answer.headers.get(name).map(String::as_str);
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("referrer-policy"), Some("no-referrer"));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        header("strict-transport-security"),
        Some("max-age=31536000")
    );
    assert_eq!(header("x-frame-options"), Some("DENY"));
    let policy = header("content-security-policy").unwrap();
    let has_form = answer.body.contains("<form");
    let style = crate::answer::STYLE;
    let hash = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(common::digest::sha256(style.as_bytes()))
    };
    let action = if has_form { "'self'" } else { "'none'" };
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action {action}; frame-ancestors 'none'; base-uri 'none'"
        )
    );
    if answer.status_code == 303 {
        assert_eq!(answer.body, "");
        return;
    }
    assert_eq!(header("content-type"), Some("text/html; charset=utf-8"));
    let body = &answer.body;
    assert!(
        body.starts_with("<!doctype html>\n<html lang=\"en\">"),
        "{body}"
    );
    assert!(
        body.contains(&format!("<style>{style}</style>")),
        "the style is the one that the policy names"
    );
    assert_eq!(body.matches("<h1").count(), 1, "{body}");
    assert!(body.contains("<main>") && body.contains(r#"name="viewport""#));
    let quiet = body.to_ascii_lowercase();
    for forbidden in [
        "<script",
        " style=",
        "javascript:",
        "<img",
        "<iframe",
        " onclick",
        " onload",
    ] {
        assert!(!quiet.contains(forbidden), "{forbidden}: {body}");
    }
}
