//! Contoso, a company that uses Pillarbox: the simulated Microsoft and the local stack, introduced to each other.
//!
//! What an administrator of Contoso does by hand (register the callback, put the client secret) is done here; what
//! Pillarbox does is left to the deployed functions. Nothing reaches into them: they are driven by their queue,
//! their schedule, their pages and `operator`, as a customer's are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use common::failed::{ID_ATTRIBUTE, REPORT_ATTRIBUTE};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::microsoft::person::Page;
use crate::microsoft::{Authority, Microsoft, Options as MicrosoftOptions, Person, named_guid};
use crate::stack::{Kind, Options as StackOptions, Progress, Stack, Worker};

/// The id of the mailbox that the template makes.
pub const MAILBOX: &str = "billing";
/// The address of that mailbox.
pub const ADDRESS: &str = "billing@contoso.com";

/// What is kept between runs, and what differs between the demo and the flows.
#[derive(Debug, Default)]
pub struct Setup {
    /// Where the inbox writes what it accepts.
    pub inbox_directory: Option<PathBuf>,
    /// Where the certificate authority is kept; a new one each time when absent.
    pub authority_directory: Option<PathBuf>,
    /// More resources for the template, as YAML.
    pub more_resources: String,
    /// Where the pages are, as a browser sees it.
    pub sites: Sites,
}

/// On which sites the pages of Pillarbox and of Microsoft are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sites {
    /// On one, whose certificate a person who tries the demo has to accept once.
    #[default]
    One,
    /// On three, as in the world: Pillarbox, Microsoft's endpoints, and another of Microsoft's where people sign in.
    /// What browsers do between sites (cookies, forms, referrers) shows only here.
    Three,
}

/// The company.
pub struct Contoso {
    /// Its provider.
    pub microsoft: Microsoft,
    /// Its Pillarbox.
    pub stack: Stack,
}

/// A copy in the failed queue.
#[derive(Debug, Clone)]
pub struct FailedCopy {
    /// The body, as the producer sent it.
    pub body: String,
    /// The attribute `pillarbox`.
    pub report: Value,
    /// The attribute `pillarbox-id`.
    pub id: Option<String>,
}

impl Contoso {
    /// Starts both, and does the administrator's part.
    ///
    /// # Errors
    ///
    /// When something cannot be started; the error says what a person has to do.
    pub async fn start(setup: Setup, progress: Progress) -> Result<Self> {
        let step = progress.step("Start the simulated Microsoft");
        let authority = setup
            .authority_directory
            .map(|directory| Authority::load_or_create(&directory))
            .transpose()?;
        let mut options = MicrosoftOptions {
            authority,
            inbox_directory: setup.inbox_directory,
            ..MicrosoftOptions::default()
        };
        match setup.sites {
            Sites::One => {}
            // The functions have to reach the endpoints too, and the C library knows no name below localhost.
            Sites::Three => {
                options.entra_host = "127.0.0.1".to_owned();
                options.sign_in_host = Some("login.localhost".to_owned());
            }
        }
        let microsoft = Microsoft::start(options).await?;
        step.done(microsoft.entra().origin());

        let mut options = StackOptions::new(microsoft.authority().server_config(&[b"http/1.1"])?);
        options.parameters = Self::parameters(&microsoft);
        options.more_resources = setup.more_resources;
        // The local AWS does not tell the functions what the template says of the level. This is louder than it allows.
        let level = ("AWS_LAMBDA_LOG_LEVEL".to_owned(), "TRACE".to_owned());
        options.environment.push(level);
        let stack = Stack::start(options, progress).await?;
        let contoso = Self { microsoft, stack };
        progress
            .run(
                "Register the callback and put the client secret",
                contoso.administer(),
            )
            .await?;
        Ok(contoso)
    }

    /// The template's parameters for a mailbox at the simulated Microsoft.
    fn parameters(microsoft: &Microsoft) -> BTreeMap<String, String> {
        let parameters = [
            ("MailboxId", MAILBOX.to_owned()),
            ("MailboxAddress", ADDRESS.to_owned()),
            ("Tenant", "contoso.com".to_owned()),
            ("ClientId", client_id()),
            ("TrustedCertificate", microsoft.authority().pem().to_owned()),
            ("MoreSettings", Self::more_settings(microsoft).to_string()),
        ];
        parameters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Where this Microsoft is, in the words of a mailbox's settings.
    #[must_use]
    pub fn more_settings(microsoft: &Microsoft) -> Value {
        Self::more_settings_of(microsoft, "contoso.com")
    }

    /// The same for another directory, given by GUID or domain.
    #[must_use]
    pub fn more_settings_of(microsoft: &Microsoft, tenant: &str) -> Value {
        json!({
            "authorize_endpoint": microsoft.entra().authorize_endpoint(tenant),
            "token_endpoint": microsoft.entra().token_endpoint(tenant),
            "issuer": microsoft.entra().issuer(tenant),
            "smtp_host": microsoft.exchange().host(),
            "smtp_port": microsoft.exchange().port(),
        })
    }

    async fn administer(&self) -> Result<()> {
        let directory = self.microsoft.directory();
        self.register_callback(&client_id())?;
        let app = directory
            .app(&client_id())
            .context("the app is not registered")?;
        let secret = app.secrets.first().context("the app has no secret")?;
        self.put_client_secret(&secret.value).await
    }

    /// Registers the callback with an app, as the administrator of its directory does.
    ///
    /// # Errors
    ///
    /// When Entra refuses it, or there is no such app.
    pub fn register_callback(&self, client_id: &str) -> Result<()> {
        let callback = self.stack.output("CallbackUrl")?;
        self.microsoft
            .directory()
            .add_redirect_uri(client_id, callback)
    }

    /// Puts a client secret where the README says.
    ///
    /// # Errors
    ///
    /// When the secret does not exist.
    pub async fn put_client_secret(&self, value: &str) -> Result<()> {
        let secrets = aws_sdk_secretsmanager::Client::new(self.stack.sdk_config());
        let name = format!("{}/clients/default", self.stack.name());
        secrets
            .put_secret_value()
            .secret_id(name)
            .secret_string(value)
            .send()
            .await?;
        Ok(())
    }

    /// Asks the operator for a link with which a person connects a mailbox.
    ///
    /// # Errors
    ///
    /// When the operator has none.
    pub async fn link(&self, mailbox: &str) -> Result<String> {
        let answer = self
            .operator(&json!({ "command": "connect", "mailbox": mailbox }))
            .await?;
        answer["link"]
            .as_str()
            .map(str::to_owned)
            .context("the operator answers no link")
    }

    /// Asks the operator for a link with which an administrator approves the app.
    ///
    /// # Errors
    ///
    /// When the operator has none.
    pub async fn approval_link(&self, mailbox: &str) -> Result<String> {
        let request = json!({ "command": "connect", "mailbox": mailbox, "admin": true });
        let answer = self.operator(&request).await?;
        let link = answer["link"].as_str().map(str::to_owned);
        link.context("the operator answers no link")
    }

    /// Lets a person connect a mailbox, and gives the page that they end on.
    ///
    /// # Errors
    ///
    /// When the way does not lead to Microsoft and back.
    pub async fn connect(&self, mailbox: &str, upn: &str) -> Result<Page> {
        let link = self.link(mailbox).await?;
        Person::new(&self.microsoft, upn)?.connect(&link).await
    }

    /// Asks the operator.
    ///
    /// # Errors
    ///
    /// When the operator fails.
    pub async fn operator(&self, request: &Value) -> Result<Value> {
        self.stack.invoke("operator", request).await
    }

    /// What the operator says of a mailbox.
    ///
    /// # Errors
    ///
    /// When the operator fails.
    pub async fn status(&self, mailbox: &str) -> Result<Value> {
        let answer = self
            .operator(&json!({ "command": "status", "mailbox": mailbox }))
            .await?;
        Ok(answer["mailboxes"][0].clone())
    }

    /// Waits until what the operator says of a mailbox is as asked for.
    ///
    /// # Errors
    ///
    /// When the time is over first; the error shows the last status.
    pub async fn wait_for_status(
        &self,
        mailbox: &str,
        patience: Duration,
        is_wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + patience;
        let mut rounds = interval(Duration::from_millis(200));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let status = self.status(mailbox).await?;
            if is_wanted(&status) {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "the mailbox is still: {status:#}"
            );
        }
    }

    /// The worker of `send-email` at the client's end of a connection to Exchange.
    ///
    /// # Errors
    ///
    /// When there is no such connection, or its worker has ended.
    pub fn worker_of(&self, connection: u64) -> Result<Worker> {
        let connections = self.microsoft.exchange().connections();
        let peer = connections
            .iter()
            .find(|one| one.number == connection)
            .context("the connection is not recorded")?
            .peer;
        let worker = self.stack.worker_at(peer, "send-email");
        worker.context("no worker holds the connection")
    }

    /// Puts a body on a mailbox's queue, as a producer does.
    ///
    /// # Errors
    ///
    /// When SQS refuses it.
    pub async fn enqueue(&self, mailbox: &str, body: &str) -> Result<()> {
        self.enqueue_named(mailbox, body, None).await
    }

    /// Puts a body on a mailbox's queue, with its id in the attribute `pillarbox-id` if one is given.
    ///
    /// # Errors
    ///
    /// When SQS refuses it.
    pub async fn enqueue_named(&self, mailbox: &str, body: &str, id: Option<&str>) -> Result<()> {
        let queue = self
            .queue(&format!("{}_{mailbox}", self.stack.name()))
            .await?;
        let mut send = self
            .sqs()
            .send_message()
            .queue_url(queue)
            .message_body(body);
        if let Some(id) = id {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(id)
                .build()?;
            send = send.message_attributes(ID_ATTRIBUTE, value);
        }
        send.send().await?;
        Ok(())
    }

    /// Takes the copies out of a mailbox's failed queue, waiting until there are as many as asked for.
    ///
    /// # Errors
    ///
    /// When the time is over first.
    pub async fn take_failed(
        &self,
        mailbox: &str,
        count: usize,
        patience: Duration,
    ) -> Result<Vec<FailedCopy>> {
        let sqs = self.sqs();
        let queue = self
            .queue(&format!("{}_{mailbox}_failed", self.stack.name()))
            .await?;
        let deadline = Instant::now() + patience;
        let mut copies = Vec::new();
        loop {
            let received = sqs
                .receive_message()
                .queue_url(&queue)
                .max_number_of_messages(10)
                .wait_time_seconds(1)
                .message_attribute_names("All")
                .send()
                .await?;
            for message in received.messages.unwrap_or_default() {
                let receipt = message.receipt_handle.as_deref().unwrap_or_default();
                sqs.delete_message()
                    .queue_url(&queue)
                    .receipt_handle(receipt)
                    .send()
                    .await?;
                self.see_copy(&queue, &message);
                copies.push(FailedCopy::of(&message)?);
            }
            if copies.len() >= count {
                return Ok(copies);
            }
            ensure!(
                Instant::now() < deadline,
                "{} of {count} copies are in the failed queue",
                copies.len()
            );
        }
    }

    /// Shows a message of a queue to the witness, attributes and all.
    pub fn see_copy(&self, queue: &str, message: &aws_sdk_sqs::types::Message) {
        let text = format!("{:?}\n{:?}", message.body, message.message_attributes);
        self.stack.witness().see(Kind::Copy, queue, text);
    }

    /// How many messages a mailbox's queue holds, hidden ones included.
    ///
    /// # Errors
    ///
    /// When there is no such queue.
    pub async fn waiting(&self, mailbox: &str) -> Result<u64> {
        let queue = self
            .queue(&format!("{}_{mailbox}", self.stack.name()))
            .await?;
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let answer = self
            .sqs()
            .get_queue_attributes()
            .queue_url(queue)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(names
            .iter()
            .filter_map(|name| attributes.get(name)?.parse::<u64>().ok())
            .sum())
    }

    /// The URL of a queue.
    ///
    /// # Errors
    ///
    /// When there is no such queue.
    pub async fn queue(&self, name: &str) -> Result<String> {
        let answer = self.sqs().get_queue_url().queue_name(name).send().await?;
        answer.queue_url.context("a queue without a URL")
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(self.stack.sdk_config())
    }

    /// Ends both.
    ///
    /// # Errors
    ///
    /// When a process of the stack cannot be waited for.
    pub async fn stop(self) -> Result<()> {
        let stopped = self.stack.stop().await;
        self.microsoft.shut_down().await;
        stopped
    }
}

impl FailedCopy {
    fn of(message: &aws_sdk_sqs::types::Message) -> Result<Self> {
        let attributes = message.message_attributes.clone().unwrap_or_default();
        let text = |name: &str| {
            attributes
                .get(name)
                .and_then(MessageAttributeValue::string_value)
        };
        let report = text(REPORT_ATTRIBUTE).context("a failed copy without a reason")?;
        Ok(Self {
            body: message.body.clone().unwrap_or_default(),
            report: serde_json::from_str(report)?,
            id: text(ID_ATTRIBUTE).map(str::to_owned),
        })
    }
}

/// The client id of Contoso's app registration.
#[must_use]
pub fn client_id() -> String {
    named_guid("app", "Pillarbox")
}
