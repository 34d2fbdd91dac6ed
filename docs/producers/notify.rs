//! Puts a notification on a mailbox's queue.

use std::error::Error;

use aws_sdk_sqs::Client;
use serde_json::json;

/// Asks for one mail. The id names what happened, so asking again for the same invoice is no second mail.
pub async fn notify(
    sqs: &Client,
    queue_url: &str,
    invoice: &str,
    to: &str,
) -> Result<(), Box<dyn Error>> {
    let notification = json!({
        "id": format!("invoice-{invoice}-issued"),
        "to": to,
        "subject": format!("Your invoice {invoice}"),
        "text": "Dear customer,\n\nyour invoice is ready.\n\nContoso",
    });
    sqs.send_message()
        .queue_url(queue_url)
        .message_body(notification.to_string())
        .send()
        .await?;
    Ok(())
}
