//! The pages that nobody wants to see, and the headers of all of them.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use tests::browser::Kind;
use tests::contoso::Contoso;

use super::Visitor;

/// Addresses that are wrong in one way each, and what the page says.
const WRONG: [(&str, &str); 6] = [
    ("/nothing/here", "There is no such page"),
    ("/oauth/start", "A link is needed"),
    ("/oauth/start?ticket=cut-short", "This link is not valid"),
    ("/status", "This link shows nothing any more"),
    ("/oauth/result", "There is nothing to show here"),
    (
        "/oauth/callback?admin_consent=True&tenant=contoso.com",
        "Microsoft has taken the approval",
    ),
];

pub(crate) async fn every_notice_can_be_read_by_everybody(contoso: &Contoso) -> Result<()> {
    let visitor = Visitor::at(Kind::Chromium, contoso).await?;
    for (path, heading) in WRONG {
        let url = format!("{}{path}", contoso.stack.public_url());
        visitor.browser.go(&url).await?;
        visitor.sees(heading).await?;
    }
    visitor.leaves().await
}

/// As they arrive at a browser, through the API and its front: pages, redirects, 404 and 405.
pub(crate) async fn every_answer_has_strict_headers(contoso: &Contoso) -> Result<()> {
    let http = contoso.microsoft.authority().http_client()?.build()?;
    let base = contoso.stack.public_url();
    let mut requests: Vec<(Method, String, u16)> = vec![
        (
            Method::GET,
            contoso.link(crate::consent::STRANGER).await?,
            200,
        ),
        (Method::PUT, format!("{base}/oauth/start"), 405),
        (Method::DELETE, format!("{base}/oauth/callback"), 405),
        (Method::PUT, format!("{base}/status"), 405),
        (Method::POST, format!("{base}/oauth/result"), 405),
        (Method::GET, format!("{base}/favicon.ico"), 404),
        (Method::POST, format!("{base}/"), 404),
    ];
    let statuses = [404, 400, 404, 410, 404, 200];
    requests.extend(
        WRONG
            .iter()
            .zip(statuses)
            .map(|((path, _), status)| (Method::GET, format!("{base}{path}"), status)),
    );
    for (method, url, status) in requests {
        let answer = http.request(method.clone(), &url).send().await?;
        let path = url.split('?').next().unwrap_or_default();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", "max-age=31536000"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(header(name), Some(value), "{name} of {method} {path}");
        }
        let policy = header("content-security-policy").context("no policy")?;
        ensure!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
    Ok(())
}
