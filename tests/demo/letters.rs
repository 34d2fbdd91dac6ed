//! The three notifications of the demo.

use serde_json::{Value, json};

/// A text, an HTML mail with an image in it, and a mail with a file.
pub(crate) fn all() -> [Value; 3] {
    [
        json!({
            "id": "demo-text",
            "to": "Erika Mustermann <erika@fabrikam.com>",
            "subject": "Your order 4711 is on its way",
            "text": "Dear Erika,\n\nyour order 4711 left our warehouse today.\n\nContoso",
        }),
        json!({
            "id": "demo-html",
            "from": "Contoso Billing <billing@contoso.com>",
            "to": [{ "name": "Łukasz Żółć", "email": "lukasz@fabrikam.com" }],
            "cc": "archive@fabrikam.com",
            "subject": "Rechnung für März – 1 250,00 €",
            "html": "<h1>Thank you!</h1><p>Your invoice of <b>1 250,00 €</b> is paid.</p><p><img src=\"cid:logo\" alt=\"Contoso\"></p>",
            "attachments": [{
                "filename": "logo.svg",
                "content_type": "image/svg+xml",
                "content_id": "logo",
                "disposition": "inline",
                "content": LOGO,
            }],
        }),
        json!({
            "id": "demo-attachment",
            "to": "erika@fabrikam.com",
            "reply_to": "support@contoso.com",
            "subject": "Your statement",
            "text": "Your statement is attached.",
            "attachments": [{
                "filename": "statement.csv",
                "content_type": "text/csv",
                "content": "ZGF0ZSxhbW91bnQKMjAyNy0wMy0wMSwxMjUwLjAwCg==",
            }],
        }),
    ]
}

/// A red circle, as SVG in base64.
const LOGO: &str = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI0OCIgaGVpZ2h0PSI0OCI+PGNpcmNsZSBjeD0iMjQiIGN5PSIyNCIgcj0iMjAiIGZpbGw9IiNjMDM5MmIiLz48L3N2Zz4=";
