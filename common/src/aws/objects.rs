//! The stack's bucket in S3.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};

use super::boxed;
use crate::object::{Location, Object, ObjectError, ObjectStore, VersionId};

/// How long an object may take beyond the time that its octets take at [`SLOWEST`].
const PATIENCE: Duration = Duration::from_secs(5);
/// The rate at which an object is expected to arrive at least, in octets a second.
const SLOWEST: u64 = 1024 * 1024;

/// The bucket of a stack.
#[derive(Debug, Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
}

/// Says that an object did not arrive in time.
#[derive(Debug, thiserror::Error)]
#[error("the object takes longer than {0:?}")]
struct TooSlow(Duration);

impl Objects {
    /// The bucket called `bucket`.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: String) -> Self {
        Self {
            client: Client::new(config),
            bucket,
        }
    }
}

impl ObjectStore for Objects {
    fn bucket(&self) -> &str {
        &self.bucket
    }

    async fn get(
        &self,
        location: &Location,
        version: Option<&VersionId>,
        limit: usize,
    ) -> Result<Object, ObjectError> {
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(location.key())
            .set_version_id(version.map(|version| version.as_str().to_owned()));
        let answer = request.send().await.map_err(refusal)?;
        let length = answer.content_length.unwrap_or_default();
        let length = usize::try_from(length).unwrap_or_default();
        if length > limit {
            // The answer is dropped, and its connection with it: the rest of the object stays where it is.
            return Err(ObjectError::TooLarge { limit });
        }
        let time = PATIENCE + Duration::from_secs(length as u64 / SLOWEST);
        tokio::time::timeout(time, whole(answer, length, limit))
            .await
            .unwrap_or_else(|_| Err(ObjectError::Unavailable(boxed(TooSlow(time)))))
    }
}

/// Reads an answer to its end, into room for the `length` that it said it has.
async fn whole(
    answer: GetObjectOutput,
    length: usize,
    limit: usize,
) -> Result<Object, ObjectError> {
    let version = answer.version_id.as_deref();
    let version = version.and_then(|version| VersionId::parse(version).ok());
    let mut content = Vec::with_capacity(length);
    let mut body = answer.body;
    while let Some(octets) = body
        .try_next()
        .await
        .map_err(|error| ObjectError::Unavailable(boxed(error)))?
    {
        if content.len() + octets.len() > limit {
            return Err(ObjectError::TooLarge { limit });
        }
        content.extend_from_slice(&octets);
    }
    Ok(Object { content, version })
}

/// What an error of S3 means. The codes are those of
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>; whatever else there is may end by itself, or by
/// a repair of the stack.
fn refusal<R>(error: SdkError<GetObjectError, R>) -> ObjectError
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    match code {
        // A version id that S3 never gave is an invalid argument; a marker of deletion allows no reading.
        "NoSuchKey" | "NoSuchVersion" | "InvalidArgument" | "MethodNotAllowed" => {
            ObjectError::Absent
        }
        "AccessDenied" | "InvalidObjectState" => ObjectError::Denied,
        _ => ObjectError::Unavailable(boxed(error)),
    }
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::mailbox::MailboxId;
    use crate::object::{ObjectKey, Prefix};

    /// Reads an object of up to ten octets from a server that gives one answer, and tells what the server was asked.
    async fn answered(
        version: Option<&VersionId>,
        answer: String,
    ) -> (Result<Object, ObjectError>, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked).unwrap()
        });
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::new("eu-west-1"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        let key = ObjectKey::parse("mailboxes/billing/März & more?.pdf").unwrap();
        let billing = Prefix::Mailbox(MailboxId::parse("billing").unwrap());
        let objects = Objects::new(&config, "bucket".to_owned());
        let read = objects
            .get(&billing.locate(&key).unwrap(), version, 10)
            .await;
        (read, server.await.unwrap())
    }

    fn refused(status: u16, code: &str) -> String {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        let length = body.len();
        format!("HTTP/1.1 {status} No\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn an_object_is_asked_for_by_its_key_and_its_version() {
        let whole =
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nx-amz-version-id: v.1\r\n\r\n0123456789";
        let version = VersionId::parse("v.1").unwrap();
        let (read, asked) = answered(Some(&version), whole.to_owned()).await;
        let object = read.unwrap();
        assert_eq!(object.content, b"0123456789");
        assert_eq!(object.version, Some(version));
        let path = "GET /bucket/mailboxes/billing/M%C3%A4rz%20%26%20more%3F.pdf?";
        assert!(asked.starts_with(path), "{asked}");
        let line = asked.lines().next().unwrap();
        assert!(line.contains("versionId=v.1"), "{line}");
    }

    #[tokio::test]
    async fn no_more_is_read_than_there_is_room_for() {
        // The server of the first never sends what it promises, so whoever waits for it waits for ever.
        let promised = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n";
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n";
        for answer in [promised, chunked] {
            let (read, _) = answered(None, answer.to_owned()).await;
            assert!(
                matches!(read, Err(ObjectError::TooLarge { limit: 10 })),
                "{read:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_may_end_by_itself_is_told_from_what_will_not() {
        for code in ["NoSuchKey", "NoSuchVersion"] {
            let (read, _) = answered(None, refused(404, code)).await;
            assert!(matches!(read, Err(ObjectError::Absent)), "{code}: {read:?}");
        }
        let (read, _) = answered(None, refused(403, "AccessDenied")).await;
        assert!(matches!(read, Err(ObjectError::Denied)), "{read:?}");
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234".to_owned();
        for answer in [
            refused(503, "SlowDown"),
            refused(500, "InternalError"),
            // The stack is broken, and can be repaired.
            refused(404, "NoSuchBucket"),
            refused(403, "RequestTimeTooSkewed"),
            cut,
            String::new(),
        ] {
            let (read, _) = answered(None, answer.clone()).await;
            assert!(
                matches!(read, Err(ObjectError::Unavailable(_))),
                "{answer}: {read:?}"
            );
        }
    }
}
