//! Flows of what is in the stack's bucket.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::primitives::ByteStream;
use serde_json::json;
use tests::contoso::Contoso;

use crate::letters::{drained, letter, mails};
use crate::{SOON, connected};

/// How long a large mail may take on a machine that is busy.
const LARGE: Duration = Duration::from_secs(120);

/// Puts an object into the bucket, as a producer does, and answers its version.
pub(crate) async fn put(contoso: &Contoso, key: &str, content: Vec<u8>) -> Result<String> {
    let put = aws_sdk_s3::Client::new(contoso.stack.sdk_config())
        .put_object()
        .bucket(contoso.stack.output("BucketName")?)
        .key(key)
        .body(ByteStream::from(content))
        .send()
        .await?;
    put.version_id.context("an object without a version")
}

/// An attachment is sent in the version that its notification names. What is not in the bucket, and what is another
/// mailbox's, is in the failed queue with its place, and goes out once it is there.
pub(crate) async fn a_file_of_the_bucket_arrives_and_a_missing_one_is_named(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "enclosing";
    connected(contoso, mailbox).await?;
    let key = format!("mailboxes/{mailbox}/2026/Rechnung März (1).pdf");
    let file: Vec<u8> = (0..1_500_000_u32).map(|octet| octet as u8).collect();
    let version = put(contoso, &key, file.clone()).await?;
    put(contoso, &key, b"a later one".to_vec()).await?;
    let mut enclosed = letter("with a file of the bucket");
    enclosed["attachments"] = json!([{
        "filename": "Rechnung.pdf",
        "content_type": "application/pdf",
        "s3": { "key": key, "version_id": version, "size": file.len() },
    }]);
    contoso.enqueue(mailbox, &enclosed.to_string()).await?;
    let received = mails(contoso, "with a file of the bucket", 1, LARGE).await?;
    let parsed = received[0].parsed()?;
    let attachment = parsed.attachment(0).context("a mail without the file")?;
    ensure!(attachment.contents() == file, "the file is another one");

    let key = format!("mailboxes/{mailbox}/late.txt");
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let mut missing = letter("with a file that is missing");
    missing["attachments"] =
        json!([{ "filename": "late.txt", "s3": { "key": key, "sha256": hash } }]);
    contoso.enqueue(mailbox, &missing.to_string()).await?;
    let failed = contoso.take_failed(mailbox, 1, SOON).await?;
    assert_eq!(failed[0].report["class"], "attachment_unavailable");
    let reply = failed[0].report["reply"].as_str().unwrap_or_default();
    ensure!(
        reply.starts_with("/attachments/0/s3 is not there"),
        "{reply}"
    );
    let mut foreign = letter("with a file of another mailbox");
    foreign["attachments"] =
        json!([{ "filename": "a", "s3": { "key": "mailboxes/orders/a", "sha256": hash } }]);
    contoso.enqueue(mailbox, &foreign.to_string()).await?;
    let failed = contoso.take_failed(mailbox, 1, SOON).await?;
    assert_eq!(failed[0].report["class"], "invalid_message");
    let reply = failed[0].report["reply"].as_str().unwrap_or_default();
    let place = format!("/attachments/0/s3/key does not begin with mailboxes/{mailbox}/");
    assert_eq!(reply, place);

    // Once the file is there, the same notification is sent.
    put(contoso, &key, b"abc".to_vec()).await?;
    contoso.enqueue(mailbox, &missing.to_string()).await?;
    mails(contoso, "with a file that is missing", 1, SOON).await?;
    drained(contoso, mailbox, SOON).await
}

/// What the SQS extended client leaves on the queue leads to the body that it has put into the bucket; a copy of the pointer
/// is the same mail.
pub(crate) async fn a_body_that_the_queue_does_not_take_arrives_from_the_bucket(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "outgrown";
    connected(contoso, mailbox).await?;
    let mut large = letter("larger than the queue");
    let line = "A line of a mail that is larger than a queue takes.";
    large["text"] = json!(format!("{line}\r\n").repeat(25_000));
    let body = large.to_string();
    ensure!(body.len() > 1024 * 1024, "{} octets", body.len());
    let key = format!("mailboxes/{mailbox}/5d0a3c9e-6a54-5c7b-9f8e-2f6a1c1f0001");
    put(contoso, &key, body.into_bytes()).await?;
    let bucket = contoso.stack.output("BucketName")?;
    let pointer = |bucket: &str, key: &str| {
        let at = json!({ "s3BucketName": bucket, "s3Key": key });
        json!(["software.amazon.payloadoffloading.PayloadS3Pointer", at]).to_string()
    };
    for _ in 0..2 {
        contoso.enqueue(mailbox, &pointer(bucket, &key)).await?;
    }
    let received = mails(contoso, "larger than the queue", 1, LARGE).await?;
    let parsed = received[0].parsed()?;
    let read = parsed.body_text(0).context("a mail without a text")?;
    let lines: Vec<_> = read.trim_end().lines().collect();
    assert_eq!(lines.len(), 25_000);
    ensure!(
        lines.iter().all(|one| *one == line),
        "the text is another one"
    );

    let foreign = pointer("another-bucket", &key);
    contoso.enqueue(mailbox, &foreign).await?;
    let failed = contoso.take_failed(mailbox, 1, SOON).await?;
    assert_eq!(failed[0].report["class"], "invalid_message");
    assert_eq!(failed[0].body, foreign, "the body is unchanged");
    let reply = failed[0].report["reply"].as_str().unwrap_or_default();
    ensure!(
        reply.starts_with("/1/s3BucketName is another bucket"),
        "{reply}"
    );
    drained(contoso, mailbox, LARGE).await?;
    assert_eq!(
        mails(contoso, "larger than the queue", 1, SOON)
            .await?
            .len(),
        1
    );
    Ok(())
}
