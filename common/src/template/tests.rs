//! Templates in a bucket in memory.

use serde_json::json;

use super::*;
use crate::fakes::MemoryObjects;

const LIMIT: usize = 10_000;

fn template(locale: Option<&str>, data: Value) -> Template {
    let Value::Object(data) = data else {
        panic!("data is an object");
    };
    Template {
        name: TemplateName::parse("invoice").unwrap(),
        version: TemplateName::parse("3").unwrap(),
        locale: locale.map(|locale| Locale::parse(locale).unwrap()),
        data,
    }
}

fn bucket(files: &[(&str, &str)]) -> MemoryObjects {
    let bucket = MemoryObjects::default();
    for (name, content) in files {
        bucket.put(&format!("templates/{name}"), *content);
    }
    bucket
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

async fn render(bucket: &MemoryObjects, template: &Template) -> Result<Rendered, TemplateError> {
    let cache = TemplateCache::default();
    template.render(&cache, bucket, LIMIT, at(0)).await
}

async fn problem(files: &[(&str, &str)], data: Value) -> String {
    match render(&bucket(files), &template(None, data)).await {
        Err(TemplateError::Faulty(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn html_is_escaped_and_text_is_not() {
    let bucket = bucket(&[
        ("invoice/3/subject.txt", "Invoice {{ number }}\n"),
        ("invoice/3/text.txt", "Dear {{ name }}"),
        (
            "invoice/3/html.html",
            "<p>{{ name }}</p>{% include 'partials/footer.html' %}",
        ),
        ("partials/footer.html", "<small>{{ name }}</small>"),
    ]);
    let data = json!({ "number": 7, "name": "Müller & <Sons>" });
    let rendered = render(&bucket, &template(None, data)).await.unwrap();
    assert_eq!(rendered.subject, "Invoice 7");
    assert_eq!(rendered.text.as_deref(), Some("Dear Müller & <Sons>"));
    let escaped = "Müller &amp; &lt;Sons&gt;";
    let html = format!("<p>{escaped}</p><small>{escaped}</small>");
    assert_eq!(rendered.html, Some(html));
}

#[tokio::test]
async fn a_language_falls_back_to_the_next_one_that_there_is() {
    let bucket = bucket(&[
        ("invoice/3/subject.txt", "Invoice"),
        ("invoice/3/subject.de.txt", "Rechnung"),
        ("invoice/3/text.txt", "Hello"),
        ("invoice/3/text.de-AT.txt", "Servus"),
    ]);
    for (locale, subject, text) in [
        (Some("de-AT"), "Rechnung", "Servus"),
        (Some("de-CH-1996"), "Rechnung", "Hello"),
        (Some("fr"), "Invoice", "Hello"),
        (None, "Invoice", "Hello"),
    ] {
        let rendered = render(&bucket, &template(locale, json!({}))).await.unwrap();
        let said = (rendered.subject.as_str(), rendered.text.as_deref());
        assert_eq!(said, (subject, Some(text)), "{locale:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place_and_without_the_data() {
    const SUBJECT: (&str, &str) = ("invoice/3/subject.txt", "Invoice");
    let secret = json!({ "customer": { "name": "Geheimrat" }, "rows": "Geheimrat" });
    let text = |content: &'static str| [SUBJECT, ("invoice/3/text.txt", content)];
    for (files, expected) in [
        (
            text("Dear\n{{ customer.vat }}").to_vec(),
            "templates/invoice/3/text.txt line 2: `customer.vat` is undefined",
        ),
        (
            text("{% if nothing %}{% endif %}").to_vec(),
            "templates/invoice/3/text.txt line 1: `nothing` is undefined",
        ),
        (
            text("{% include 'partials/none.txt' %}").to_vec(),
            "templates/invoice/3/text.txt line 1: tried to include non-existing template 'partials/none.txt'",
        ),
        (
            text("{% include '../mailboxes/billing/secret' %}").to_vec(),
            "templates/invoice/3/text.txt line 1: tried to include non-existing template '../mailboxes/billing/secret'",
        ),
        (
            text("{% include customer.name %}").to_vec(),
            "templates/invoice/3/text.txt line 1: the data names a file to include that is not there",
        ),
        (
            text("{{ customer.name | shout }}").to_vec(),
            "templates/invoice/3/text.txt line 1: filter shout is unknown",
        ),
        (
            text("{{ customer.name + 1 }}").to_vec(),
            "templates/invoice/3/text.txt line 1: invalid operation",
        ),
        (
            text("{% for row in range(100000) %}{% for row in range(100000) %}{% endfor %}{% endfor %}").to_vec(),
            "templates/invoice/3/text.txt line 1 takes more than 1000000 steps",
        ),
        (
            text("{% for row in range(20000) %}x{% endfor %}").to_vec(),
            "templates/invoice/3/text.txt makes more than 10000 octets",
        ),
        (
            vec![SUBJECT],
            "templates/invoice/3 has neither text.txt nor html.html",
        ),
        (
            vec![("invoice/3/text.txt", "Hello")],
            "templates/invoice/3 has no subject.txt",
        ),
    ] {
        let problem = problem(&files, secret.clone()).await;
        assert_eq!(problem, expected);
    }
    let unclosed = problem(&text("{% if rows %}"), secret).await;
    assert!(unclosed.starts_with("templates/invoice/3/text.txt line 1: "));
    assert!(!unclosed.contains("Geheimrat"), "{unclosed}");
}

#[tokio::test]
async fn what_may_be_missing_is_no_error() {
    let bucket = bucket(&[
        ("invoice/3/subject.txt", "Invoice"),
        (
            "invoice/3/text.txt",
            "{% include 'none.txt' ignore missing %}{{ vat | default('none') }}{% if vat is defined %}!{% endif %}",
        ),
    ]);
    let rendered = render(&bucket, &template(None, json!({}))).await.unwrap();
    assert_eq!(rendered.text.as_deref(), Some("none"));
}

#[tokio::test]
async fn a_template_that_includes_itself_ends() {
    let endless = "{% include 'invoice/3/text.txt' %}";
    let files = [
        ("invoice/3/subject.txt", "Invoice"),
        ("invoice/3/text.txt", endless),
    ];
    let problem = problem(&files, json!({})).await;
    assert!(
        problem.starts_with("templates/invoice/3/text.txt"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_file_is_read_once_in_five_minutes_whether_it_is_there_or_not() {
    let bucket = bucket(&[
        ("invoice/3/subject.txt", "Invoice"),
        ("invoice/3/text.txt", "Hello"),
    ]);
    let (cache, template) = (TemplateCache::default(), template(Some("de"), json!({})));
    let mut reads = Vec::new();
    for second in [0, 299, 300] {
        let before = bucket.calls.made().len();
        template
            .render(&cache, &bucket, LIMIT, at(second))
            .await
            .unwrap();
        reads.push(bucket.calls.made().len() - before);
    }
    // Subject and text, each for the language and without; html likewise.
    assert_eq!(reads, [6, 0, 6]);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_no_fault_of_the_template() {
    let bucket = bucket(&[("invoice/3/subject.txt", "Invoice")]);
    bucket.calls.break_after(1);
    let outcome = render(&bucket, &template(None, json!({}))).await;
    assert!(
        matches!(outcome, Err(TemplateError::Unavailable(_))),
        "{outcome:?}"
    );
}

#[test]
fn names_and_languages_are_what_can_stand_in_a_key() {
    for name in ["invoice", "3", "2026-11_b.v2", &"x".repeat(64)] {
        assert!(TemplateName::parse(name).is_ok(), "{name}");
    }
    for name in ["", ".", "..", ".hidden", "a/b", "a b", "ä", &"x".repeat(65)] {
        assert!(TemplateName::parse(name).is_err(), "{name}");
    }
    for locale in ["de", "de-AT", "zh-Hant-TW", "de-CH-1996"] {
        assert!(Locale::parse(locale).is_ok(), "{locale}");
    }
    for locale in ["", "d", "de_AT", "de-", "de-../x", "deutschland", "de/AT"] {
        assert!(Locale::parse(locale).is_err(), "{locale}");
    }
}
