//! The inbox: waiting, files.

use super::super::Options;
use super::*;

const MESSAGE: &str = "From: billing@contoso.com\r\nSubject: x\r\n\r\nx";

#[tokio::test]
async fn waiting_ends_with_the_message_and_not_before() {
    let trial = Trial::start().await;
    let inbox = trial.microsoft.inbox().clone();
    inbox.wait_for(1, Duration::ZERO).await.unwrap_err();
    let waiting = tokio::spawn(async move { inbox.wait_for(1, PATIENCE).await });
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    dialogue
        .submit("billing@contoso.com", "lena@example.com", MESSAGE)
        .await;
    let messages = waiting.await.unwrap().unwrap();
    assert_eq!(messages[0].number, 1);
}

#[tokio::test]
async fn messages_are_kept_as_files() {
    let directory = tempfile::tempdir().unwrap();
    let trial = Trial::with(Options {
        inbox_directory: Some(directory.path().join("inbox")),
        ..Options::default()
    })
    .await;
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    for _ in 0..2 {
        dialogue
            .submit("billing@contoso.com", "lena@example.com", MESSAGE)
            .await;
    }
    let read = |name: &str| std::fs::read(directory.path().join("inbox").join(name)).unwrap();
    assert_eq!(read("0002.eml"), format!("{MESSAGE}\r\n").as_bytes());
    let envelope: Value = serde_json::from_slice(&read("0002.json")).unwrap();
    assert_eq!(envelope["account"], "billing@contoso.com");
    assert_eq!(envelope["envelope"]["forward_paths"][0], "lena@example.com");
}

const RICH: &str = "From: =?utf-8?q?B=C3=ADlling?= <billing@contoso.com>\r\nTo: lena@example.com\r\n\
    Subject: <b>Invoice</b>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n\
    --m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n\
    --r\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick=x>Hello</p><img src=\"cid:logo@contoso\">\r\n\
    --r\r\nContent-Type: image/png\r\nContent-ID: <logo@contoso>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n\
    --r--\r\n\
    --m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"in voice.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n\
    --m--";

#[tokio::test]
async fn a_person_reads_the_messages_on_pages() {
    let trial = Trial::start().await;
    let mut browser = trial.person("anna@contoso.com");
    let browser = browser.browser();
    let mut open = async |url: String| browser.open(&url, |_| true).await.unwrap().page().unwrap();
    let inbox = trial.microsoft.inbox_url();
    assert!(
        open(inbox.clone())
            .await
            .text
            .contains("Nothing was accepted yet")
    );

    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    dialogue
        .submit("billing@contoso.com", "lena@example.com", RICH)
        .await;
    let list = open(inbox.clone()).await;
    assert_eq!(list.links[0].text, "<b>Invoice</b>", "shown, not obeyed");
    assert!(list.text.contains("Bílling <billing@contoso.com>"));

    let message = open(list.links[0].url.to_string()).await;
    assert!(message.html.contains("<iframe sandbox=\"\""));
    assert!(message.text.contains("in voice.pdf"));
    let html = open(format!("{inbox}/1/html")).await;
    assert!(
        html.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("sandbox; default-src 'none';")
    );
    assert!(
        html.html
            .contains("<img src=\"data:image/png;base64,iVBORw0K\">"),
        "{}",
        html.html
    );
    let attachment = message
        .links
        .iter()
        .find(|link| link.text == "in voice.pdf")
        .unwrap();
    let attachment = open(attachment.url.to_string()).await;
    assert_eq!(attachment.html, "%PDF-");
    assert_eq!(
        attachment.headers["content-disposition"],
        "attachment; filename*=UTF-8''in%20voice.pdf"
    );
    assert_eq!(
        open(format!("{inbox}/1/raw")).await.html,
        format!("{RICH}\r\n")
    );
    assert_eq!(open(format!("{inbox}/2")).await.status, 404);
}

#[tokio::test]
async fn everything_ends_with_the_simulator() {
    let trial = Trial::start().await;
    let address = trial.microsoft.exchange().address();
    let mut dialogue = Dialogue::open(&trial.microsoft).await;
    let inbox = trial.microsoft.inbox_url();
    assert!(trial.http.get(&inbox).send().await.is_ok());
    trial.microsoft.shut_down().await;
    assert!(
        trial.http.get(&inbox).send().await.is_err(),
        "not even on the old connection"
    );
    assert_eq!(dialogue.rest().await, "");
    TcpStream::connect(address).await.unwrap_err();
}
