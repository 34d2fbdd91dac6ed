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

#[tokio::test]
async fn everything_ends_with_the_simulator() {
    let trial = Trial::start().await;
    let address = trial.microsoft.exchange().address();
    let mut dialogue = Dialogue::open(&trial.microsoft).await;
    trial.microsoft.shut_down().await;
    assert_eq!(dialogue.rest().await, "");
    TcpStream::connect(address).await.unwrap_err();
}
