//! The account's default bus in EventBridge.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::Builder;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use tokio::time::{sleep, timeout};

use crate::event::{Event, EventBus, LONGEST, NotPut, SOURCE};
use crate::telemetry::chain;

/// How long putting events may take altogether.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long one try may take.
const TRY: Duration = Duration::from_millis(1500);
/// How often entries are tried that the bus could not take for now.
const TRIES: u32 = 3;
/// How many entries one call takes.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const MOST: usize = 10;

/// The default bus.
#[derive(Debug, Clone)]
pub struct Events {
    client: Client,
}

impl Events {
    /// The bus of the function's account and region.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(TRY)
            .operation_timeout(PATIENCE)
            .build();
        let config = Builder::from(config).timeout_config(timeouts).build();
        Self {
            client: Client::from_conf(config),
        }
    }

    /// Puts what one call takes, and answers what the bus has not taken, and why.
    async fn put_together(
        &self,
        mut entries: Vec<PutEventsRequestEntry>,
    ) -> (Vec<PutEventsRequestEntry>, Option<String>) {
        let mut reason = None;
        for number in 1..=TRIES {
            let put = self.client.put_events();
            let answer = match put.set_entries(Some(entries.clone())).send().await {
                Ok(answer) => answer,
                // The client has tried it again as often as it makes sense.
                Err(error) => return (entries, Some(chain(&error))),
            };
            let results = answer.entries.unwrap_or_default();
            let refused = entries.into_iter().zip(results);
            let refused: Vec<_> = refused
                .filter(|(_, result)| result.event_id.is_none())
                .collect();
            reason = refused.iter().find_map(|(_, result)| why(result));
            let may_end = refused.iter().all(|(_, result)| is_for_now(result));
            entries = refused.into_iter().map(|(entry, _)| entry).collect();
            if entries.is_empty() || !may_end {
                break;
            }
            sleep(Duration::from_millis(100) * number).await;
        }
        (entries, reason)
    }
}

impl EventBus for Events {
    async fn publish(&self, events: &[Event]) -> Result<(), NotPut> {
        let mut count = events.len();
        let mut reason = None;
        let putting = async {
            for together in together(events) {
                let length = together.len();
                let (left, why) = self.put_together(together).await;
                count -= length - left.len();
                reason = reason.take().or(why);
            }
        };
        let ended = timeout(PATIENCE, putting).await;
        match (count, ended) {
            (0, _) => Ok(()),
            (count, Ok(())) => Err(NotPut {
                count,
                reason: reason.unwrap_or_else(|| "it did not say why".to_owned()),
            }),
            (count, Err(_)) => Err(NotPut {
                count,
                reason: format!("no answer within {PATIENCE:?}"),
            }),
        }
    }
}

/// The entries of events, as one call takes them: ten, and no more octets than one event may have.
fn together(events: &[Event]) -> Vec<Vec<PutEventsRequestEntry>> {
    let mut calls: Vec<Vec<_>> = Vec::new();
    let mut room = 0;
    for event in events {
        let detail = event.detail();
        let length = detail.len();
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(event.kind().as_str())
            .time(DateTime::from_millis(event.about().at.as_millisecond()))
            .detail(detail)
            .build();
        match calls.last_mut() {
            Some(call) if call.len() < MOST && length <= room => {
                call.push(entry);
                room -= length;
            }
            Some(_) | None => {
                calls.push(vec![entry]);
                room = LONGEST.saturating_sub(length);
            }
        }
    }
    calls
}

/// Whether an entry may be taken a moment later. The codes are those of PutEventsResultEntry.
fn is_for_now(result: &PutEventsResultEntry) -> bool {
    matches!(
        result.error_code(),
        Some(
            "ThrottlingException" | "InternalFailure" | "InternalException" | "ServiceUnavailable"
        )
    )
}

fn why(result: &PutEventsResultEntry) -> Option<String> {
    let code = result.error_code()?;
    Some(format!(
        "{code}: {}",
        result.error_message().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_eventbridge::config::{Credentials, SharedCredentialsProvider};
    use serde_json::Value;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::event::{About, Email, Kind, Sent};
    use crate::mailbox::MailboxId;
    use crate::naming::StackName;

    fn event(number: usize, reply: String) -> Event {
        let stack = StackName::parse("pillarbox").unwrap();
        let mailbox = MailboxId::parse("billing").unwrap();
        let occasion = number.to_string();
        let at = jiff::Timestamp::UNIX_EPOCH;
        Event::EmailSent(Box::new(Sent {
            about: About::new(Kind::EmailSent, (&stack, &mailbox), &[&occasion], at),
            email: Email::default(),
            reply,
        }))
    }

    fn events(count: usize) -> Vec<Event> {
        (0..count)
            .map(|number| event(number, String::new()))
            .collect()
    }

    /// Puts events on a bus that gives one answer to each call, and is silent when it has no more; tells the calls.
    async fn put(events: &[Event], answers: &[(u16, &str)]) -> (Result<(), NotPut>, Vec<Value>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut answers: Vec<_> = answers
            .iter()
            .rev()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let server = tokio::spawn(async move {
            let mut held = Vec::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.unwrap();
                    let line = line.to_lowercase();
                    if let Some(given) = line.strip_prefix("content-length:") {
                        length = given.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.unwrap();
                seen.lock()
                    .unwrap()
                    .push(serde_json::from_slice(&body).unwrap());
                match answers.pop() {
                    Some((status, body)) => {
                        let length = body.len();
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {length}\r\n\r\n{body}"
                        );
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                    None => held.push(stream),
                }
            }
        });
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::new("eu-west-1"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        let put = Events::new(&config).publish(events).await;
        server.abort();
        let calls = calls.lock().unwrap().clone();
        (put, calls)
    }

    fn taken(count: usize) -> String {
        let entries = vec![r#"{"EventId":"1"}"#; count].join(",");
        format!(r#"{{"FailedEntryCount":0,"Entries":[{entries}]}}"#)
    }

    #[tokio::test]
    async fn ten_events_travel_together() {
        let answers = [taken(10), taken(2)];
        let answers = [(200, answers[0].as_str()), (200, answers[1].as_str())];
        let events = events(12);
        let (put, calls) = put(&events, &answers).await;
        assert!(put.is_ok(), "{put:?}");
        let entries = |call: &Value| call["Entries"].as_array().unwrap().clone();
        assert_eq!(
            calls
                .iter()
                .map(|call| entries(call).len())
                .collect::<Vec<_>>(),
            [10, 2]
        );
        let first = &entries(&calls[0])[0];
        assert_eq!(first["Source"], "pillarbox");
        assert_eq!(first["DetailType"], "Email Sent");
        assert_eq!(first["Detail"], events[0].detail());
        assert_eq!(first["Time"], 0);
        assert!(first["EventBusName"].is_null(), "the default bus");
    }

    #[test]
    fn long_events_travel_alone() {
        let reply = || "a".repeat(LONGEST / 2);
        let events = [
            event(1, reply()),
            event(2, reply()),
            event(3, String::new()),
        ];
        let lengths: Vec<_> = together(&events).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2]);
    }

    #[tokio::test]
    async fn what_the_bus_could_not_take_for_now_is_put_again_and_nothing_else() {
        let partly = r#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"},{"EventId":"3"}]}"#;
        let rest = taken(1);
        let events = events(3);
        let (put, calls) = put(&events, &[(200, partly), (200, &rest)]).await;
        assert!(put.is_ok(), "{put:?}");
        let again = calls[1]["Entries"].as_array().unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0]["Detail"], events[1].detail());
    }

    #[tokio::test]
    async fn what_the_bus_does_not_take_is_counted() {
        let partly = r#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"NotAuthorizedForSourceException","ErrorMessage":"no"}]}"#;
        let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
        for (status, answer, count, said) in [
            (200, partly, 1, "NotAuthorizedForSourceException"),
            (400, denied, 2, "AccessDenied"),
        ] {
            let (put, calls) = put(&events(2), &[(status, answer)]).await;
            let not_put = put.unwrap_err();
            assert_eq!((not_put.count, calls.len()), (count, 1), "{not_put}");
            assert!(not_put.reason.contains(said), "{not_put}");
        }
    }

    #[tokio::test]
    async fn a_bus_that_is_silent_holds_nobody_up_for_long() {
        let begun = std::time::Instant::now();
        let (put, calls) = put(&events(2), &[]).await;
        assert_eq!(put.unwrap_err().count, 2);
        assert_eq!(calls.len(), 1);
        assert!(begun.elapsed() < PATIENCE * 2, "{:?}", begun.elapsed());
    }
}
