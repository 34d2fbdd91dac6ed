//! The queues of mailboxes.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::boxed;
use crate::failed::{Attribute, FailedCopy, Value};

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

impl Depth {
    /// All that is on the queue.
    #[must_use]
    pub fn all(self) -> u64 {
        self.waiting + self.in_flight + self.delayed
    }
}

/// How many messages SQS gives or takes at once.
const MOST: usize = 10;

impl Queues {
    /// The queues of the account.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
            urls: Mutex::default(),
        }
    }

    /// Puts a message on a queue.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses.
    pub async fn send(
        &self,
        queue: &str,
        body: &str,
        attributes: &[Attribute],
    ) -> Result<(), QueueError> {
        self.send_after(queue, body, attributes, Duration::ZERO)
            .await
    }

    /// Puts a message on a queue, to be seen after a delay of 900 seconds at most.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses.
    pub async fn send_after(
        &self,
        queue: &str,
        body: &str,
        attributes: &[Attribute],
        delay: Duration,
    ) -> Result<(), QueueError> {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let mut send = self
            .client
            .send_message()
            .queue_url(self.url(queue).await?)
            .delay_seconds(seconds)
            .message_body(body);
        for attribute in attributes {
            let value = to_sdk(attribute).map_err(|error| fault(queue, error))?;
            send = send.message_attributes(&attribute.name, value);
        }
        let sent = send.send().await;
        sent.map(|_| ()).map_err(|error| fault(queue, error))
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

    /// Takes up to ten copies from a failed queue and hides them; none when there is nothing to see.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses.
    pub async fn receive(
        &self,
        queue: &str,
        hidden_for: Duration,
    ) -> Result<Vec<FailedCopy>, QueueError> {
        let receive = self
            .client
            .receive_message()
            .queue_url(self.url(queue).await?);
        let answer = receive
            .max_number_of_messages(MOST as i32)
            .visibility_timeout(i32::try_from(hidden_for.as_secs()).unwrap_or(i32::MAX))
            // A short wait asks all servers that keep the queue, and not some of them.
            .wait_time_seconds(1)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|error| fault(queue, error))?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages.into_iter().map(from_sdk).collect())
    }

    /// Deletes a received message.
    ///
    /// # Errors
    ///
    /// When SQS does not answer or refuses.
    pub async fn delete(&self, queue: &str, receipt: &str) -> Result<(), QueueError> {
        let delete = self
            .client
            .delete_message()
            .queue_url(self.url(queue).await?);
        let deleted = delete.receipt_handle(receipt).send().await;
        deleted.map(|_| ()).map_err(|error| fault(queue, error))
    }

    /// Shows received messages again at once, every one that can be.
    ///
    /// # Errors
    ///
    /// When SQS does not answer for one of them, or refuses it.
    pub async fn release(&self, queue: &str, receipts: &[String]) -> Result<(), QueueError> {
        let url = self.url(queue).await?;
        let show = |receipt| {
            let change = self.client.change_message_visibility().queue_url(&url);
            change.receipt_handle(receipt).visibility_timeout(0).send()
        };
        let mut shown = Ok(());
        for receipts in receipts.chunks(MOST) {
            for answer in join_all(receipts.iter().map(show)).await {
                shown = shown.and(answer.map(drop).map_err(|error| fault(queue, error)));
            }
        }
        shown
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

fn from_sdk(message: Message) -> FailedCopy {
    let sent = message
        .attributes
        .unwrap_or_default()
        .remove(&MessageSystemAttributeName::SentTimestamp);
    let milliseconds = sent.and_then(|sent| sent.parse().ok());
    let attribute = |(name, value): (String, MessageAttributeValue)| Attribute {
        name,
        value: match (value.string_value, value.binary_value) {
            (None, Some(octets)) => Value::Octets(octets.into_inner()),
            (text, _) => Value::Text(text.unwrap_or_default()),
        },
        kind: value.data_type,
    };
    let mut attributes: Vec<_> = message
        .message_attributes
        .unwrap_or_default()
        .into_iter()
        .map(attribute)
        .collect();
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    FailedCopy {
        copy: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes,
        enqueued_at: milliseconds.and_then(|sent| Timestamp::from_millisecond(sent).ok()),
    }
}

fn to_sdk(attribute: &Attribute) -> Result<MessageAttributeValue, BuildError> {
    let value = MessageAttributeValue::builder().data_type(&attribute.kind);
    match &attribute.value {
        Value::Text(text) => value.string_value(text),
        Value::Octets(octets) => value.binary_value(Blob::new(octets.as_slice())),
    }
    .build()
}

fn fault(queue: &str, error: impl std::error::Error + Send + Sync + 'static) -> QueueError {
    QueueError {
        queue: queue.to_owned(),
        source: boxed(error),
    }
}
