//! A flow of mails whose words a template makes.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::contoso::Contoso;

use crate::SOON;
use crate::connected;
use crate::letters::mails;
use crate::objects::put;
use crate::operating::at_a_terminal;

const MAILBOX: &str = "templated";

/// The files of the template, by their names below `templates/`.
const FILES: [(&str, &str); 5] = [
    ("invoice/1/subject.txt", "Invoice {{ number }}\n"),
    ("invoice/1/subject.de.txt", "Rechnung {{ number }}\n"),
    ("invoice/1/text.txt", "Please pay {{ number }}."),
    (
        "invoice/1/html.html",
        "<p>{{ customer.name }}</p>{% include \"partials/footer.html\" %}",
    ),
    ("partials/footer.html", "<small>Contoso</small>"),
];

/// A template is shown before anything is sent, then makes a mail in the language of its reader; data that it lacks is named.
pub(crate) async fn a_template_is_shown_and_then_makes_the_mail(contoso: &Contoso) -> Result<()> {
    connected(contoso, MAILBOX).await?;
    for (name, content) in FILES {
        put(contoso, &format!("templates/{name}"), content.into()).await?;
    }
    let data = json!({ "number": "4711", "customer": { "name": "Müller & Sons" } });

    let directory = tempfile::tempdir()?;
    let file = directory.path().join("data.json");
    fs::write(&file, data.to_string())?;
    let file = file.to_str().context("a path that is no text")?;
    let line = [
        "render",
        MAILBOX,
        "--template",
        "invoice/1",
        "--locale",
        "de-AT",
        "--data",
        file,
    ];
    let (code, text) = at_a_terminal(contoso, &line).await?;
    ensure!(code == Some(0), "{text}");
    for said in [
        "Rechnung 4711",
        "Please pay 4711.",
        "Müller &amp; Sons",
        "<small>Contoso",
    ] {
        ensure!(text.contains(said), "{said} is missing:\n{text}");
    }
    let (code, text) = at_a_terminal(contoso, &line[..4]).await?;
    ensure!(code == Some(3), "{text}");
    ensure!(text.contains("`number` is undefined"), "{text}");

    let template =
        |data| json!({ "name": "invoice", "version": "1", "locale": "de-AT", "data": data });
    let form =
        json!({ "id": "invoice-4711", "to": "erika@fabrikam.com", "template": template(data) });
    contoso.enqueue(MAILBOX, &form.to_string()).await?;
    let received = mails(contoso, "Rechnung 4711", 1, SOON).await?;
    let parsed = received[0].parsed()?;
    let html = parsed.body_html(0).context("a mail without html")?;
    ensure!(html.contains("<p>Müller &amp; Sons</p>"), "{html}");

    let lacking = json!({ "id": "invoice-4712", "to": "erika@fabrikam.com", "template": template(json!({ "number": 1 })) });
    contoso.enqueue(MAILBOX, &lacking.to_string()).await?;
    let failed = contoso.take_failed(MAILBOX, 1, SOON).await?;
    assert_eq!(failed[0].report["class"], "invalid_message");
    let reply = failed[0].report["reply"].as_str().unwrap_or_default();
    ensure!(
        reply.contains("templates/invoice/1/html.html line 1: `customer"),
        "{reply}"
    );
    Ok(())
}
