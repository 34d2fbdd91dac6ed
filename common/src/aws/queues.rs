//! The queues of mailboxes.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use tokio::sync::Mutex;

use super::boxed;

/// The queues of the account, by their names.
#[derive(Debug)]
pub struct Queues {
    client: Client,
    urls: Mutex<HashMap<String, String>>,
}

/// Says that a queue did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the queue {queue} cannot be reached")]
pub struct QueueError {
    /// The queue.
    pub queue: String,
    /// What SQS said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// How many messages a queue holds, as far as SQS knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Depth {
    /// Waiting to be received.
    pub waiting: u64,
    /// Received, and hidden until they are done or their time is up.
    pub in_flight: u64,
    /// Not yet visible for the first time.
    pub delayed: u64,
}

impl Queues {
    /// The queues of the account.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
            urls: Mutex::default(),
        }
    }

    /// Puts a message on a queue, with text attributes.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses.
    pub async fn send(
        &self,
        queue: &str,
        body: &str,
        attributes: &[(&str, &str)],
    ) -> Result<String, QueueError> {
        self.send_after(queue, body, attributes, Duration::ZERO)
            .await
    }

    /// Puts a message on a queue, with text attributes, to be seen after a delay of 900 seconds at most.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses.
    pub async fn send_after(
        &self,
        queue: &str,
        body: &str,
        attributes: &[(&str, &str)],
        delay: Duration,
    ) -> Result<String, QueueError> {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let mut send = self
            .client
            .send_message()
            .queue_url(self.url(queue).await?)
            .delay_seconds(seconds)
            .message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(*value)
                .build();
            send = send.message_attributes(*name, value.map_err(|error| fault(queue, error))?);
        }
        let sent = send.send().await.map_err(|error| fault(queue, error))?;
        Ok(sent.message_id.unwrap_or_default())
    }

    /// Hides a received message for some seconds more, 43,200 at most.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses, as it does when the message's time was up already.
    pub async fn hide(&self, queue: &str, receipt: &str, seconds: i32) -> Result<(), QueueError> {
        let change = self
            .client
            .change_message_visibility()
            .queue_url(self.url(queue).await?);
        let change = change.receipt_handle(receipt).visibility_timeout(seconds);
        change
            .send()
            .await
            .map(|_| ())
            .map_err(|error| fault(queue, error))
    }

    /// Counts what a queue holds.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses.
    pub async fn depth(&self, queue: &str) -> Result<Depth, QueueError> {
        use QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let get = self
            .client
            .get_queue_attributes()
            .queue_url(self.url(queue).await?);
        let answer = get
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| fault(queue, error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name: Name| {
            attributes
                .get(&name)
                .and_then(|count| count.parse().ok())
                .unwrap_or_default()
        };
        let [waiting, in_flight, delayed] = names.map(count);
        Ok(Depth {
            waiting,
            in_flight,
            delayed,
        })
    }

    async fn url(&self, queue: &str) -> Result<String, QueueError> {
        let mut urls = self.urls.lock().await;
        if let Some(url) = urls.get(queue) {
            return Ok(url.clone());
        }
        let answer = self
            .client
            .get_queue_url()
            .queue_name(queue)
            .send()
            .await
            .map_err(|error| fault(queue, error))?;
        let url = answer.queue_url.unwrap_or_default();
        urls.insert(queue.to_owned(), url.clone());
        Ok(url)
    }
}

fn fault(queue: &str, error: impl std::error::Error + Send + Sync + 'static) -> QueueError {
    QueueError {
        queue: queue.to_owned(),
        source: boxed(error),
    }
}
