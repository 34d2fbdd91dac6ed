//! What is measured, as lines of the log that CloudWatch makes metrics of (its embedded metric format).
//!
//! Every metric is one row of the table below, with its unit and its meaning; alarms and dashboards name
//! nothing else. A function gathers what it knows of a mailbox, or of the stack as a whole, in a
//! [`Measurement`] and writes it as one line. A lost line is a gap in a curve: nothing decides by it.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::class::Class;
use crate::mailbox::MailboxId;
use crate::naming::StackName;

/// The namespace of every metric.
pub const NAMESPACE: &str = "Pillarbox";

/// The units that the metrics have, in CloudWatch's words. It knows none for minutes and days: their metrics
/// are plain numbers, and say in their names what they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// Octets.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// A number that the metric's name explains.
    None,
}

/// What a metric stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Stack and mailbox.
    Mailbox,
    /// The stack alone.
    Stack,
    /// Stack and mailbox, and the stack alone besides, for an alarm over all mailboxes.
    Both,
    /// Stack and mailbox, and besides these with the class of a failure.
    Class,
}

const OF_MAILBOX: &[&str] = &["Stack", "Mailbox"];
const OF_CLASS: &[&str] = &["Stack", "Mailbox", "Class"];
const OF_STACK: &[&str] = &["Stack"];

impl Per {
    /// The sets of dimensions that a metric is written with, as far as they are known where it is measured.
    #[must_use]
    pub const fn dimensions(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Mailbox => &[OF_MAILBOX],
            Self::Stack => &[OF_STACK],
            Self::Both => &[OF_MAILBOX, OF_STACK],
            Self::Class => &[OF_MAILBOX, OF_CLASS],
        }
    }
}

macro_rules! metrics {
    ($($(#[doc = $meaning:literal])* $metric:ident, $unit:ident, $per:ident;)*) => {
        /// Something that is measured; its name in CloudWatch is the variant's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[doc = $meaning])* $metric,)*
        }

        impl Metric {
            /// Every metric.
            pub const ALL: &'static [Self] = &[$(Self::$metric,)*];

            /// The metric's name in CloudWatch.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$metric => stringify!($metric),)* }
            }

            /// Its unit.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Self::$metric => Unit::$unit,)* }
            }

            /// What it stands under.
            #[must_use]
            pub const fn per(self) -> Per {
                match self { $(Self::$metric => Per::$per,)* }
            }

            /// What it means, in a sentence for a dashboard.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$metric => concat!($($meaning),*).trim_ascii(),)* }
            }
        }
    };
}

metrics! {
    /// Minutes that the access token has left; below zero when it has ended.
    AccessTokenMinutesLeft, None, Mailbox;
    /// Days since the provider last renewed the grant. It dies after 90.
    DaysSinceRefresh, None, Mailbox;
    /// Days until the client secret expires, where the settings say when.
    ClientSecretDaysLeft, None, Mailbox;
    /// Length of the access token. Servers may refuse a long one.
    AccessTokenBytes, Bytes, Mailbox;
    /// 1 while only a new consent helps, else 0.
    NeedsConsent, Count, Mailbox;
    /// 1 while the mail server or a policy refuses the mailbox, else 0.
    Blocked, Count, Mailbox;
    /// 1 while the valve lets the queue feed the mailbox, 0 while it is closed; nothing while it turns. As the tick finds it, before it sets it.
    ValveOpen, Count, Mailbox;
    /// Mailboxes that token-refresh could not visit: faulty settings, or secrets or state out of reach.
    VisitsFailed, Count, Both;
    /// Mailboxes that a tick left for the next one because its time was up.
    MailboxesLeft, Count, Stack;
    /// Messages that the server accepted. What became of them later it does not say.
    Accepted, Count, Mailbox;
    /// Recipients that the server refused for good.
    RecipientsRefused, Count, Mailbox;
    /// Notifications that went to the failed queue, those whose end nobody knows among them.
    Failed, Count, Class;
    /// Notifications of which nobody knows whether they went out.
    Unknown, Count, Mailbox;
    /// Answers of the server that the mailbox is too fast or has used up a quota.
    Throttled, Count, Mailbox;
    /// Copies that went back to the queue, for whatever reason. Waiting is normal.
    PutBack, Count, Mailbox;
    /// Events that EventBridge did not take.
    EventsNotPut, Count, Mailbox;
    /// Time from the first enqueuing, or from a later `send_at`, to the server's acceptance.
    QueueToAccepted, Milliseconds, Mailbox;
    /// Time from MAIL to the server's final reply, for each message.
    Submission, Milliseconds, Mailbox;
    /// Time to resolve the server's name, connect, and hear what it offers, for each connection that was opened.
    Connect, Milliseconds, Mailbox;
    /// Time from STARTTLS to what the server offers inside TLS, for each connection that was opened.
    Tls, Milliseconds, Mailbox;
    /// Time that the server took to accept the token, for each connection that was opened.
    Auth, Milliseconds, Mailbox;
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

/// What was measured of a mailbox, or of the stack as a whole, at one moment.
#[derive(Debug, Clone)]
pub struct Measurement {
    stack: String,
    mailbox: Option<String>,
    class: Option<Class>,
    values: BTreeMap<Metric, Vec<i64>>,
}

impl Measurement {
    /// Something measured of a mailbox.
    #[must_use]
    pub fn of_mailbox(stack: &StackName, mailbox: &MailboxId) -> Self {
        Self {
            mailbox: Some(mailbox.to_string()),
            ..Self::of_stack(stack)
        }
    }

    /// Something measured of the stack as a whole.
    #[must_use]
    pub fn of_stack(stack: &StackName) -> Self {
        Self {
            stack: stack.to_string(),
            mailbox: None,
            class: None,
            values: BTreeMap::new(),
        }
    }

    /// A measurement of the same mailbox or stack, with nothing measured yet.
    #[must_use]
    pub fn alike(&self) -> Self {
        Self {
            values: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// The same, of failures of one class.
    #[must_use]
    pub fn of_class(self, class: Class) -> Self {
        Self {
            class: Some(class),
            ..self
        }
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The same with one value more. A metric may have up to 100 in one line.
    #[must_use]
    pub fn with(mut self, metric: Metric, value: i64) -> Self {
        self.values.entry(metric).or_default().push(value);
        self
    }

    /// The same with one value more, if there is one.
    #[must_use]
    pub fn with_known(self, metric: Metric, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.with(metric, value),
            None => self,
        }
    }

    /// The line for the log. It has a timestamp and a level, without which Lambda's filter for JSON logs would
    /// take it for one of level INFO, and drop it where less is wanted.
    #[must_use]
    pub fn line(&self, now: Timestamp) -> String {
        let is_known = |set: &[&str]| {
            (self.mailbox.is_some() || !set.contains(&"Mailbox"))
                && (self.class.is_some() || !set.contains(&"Class"))
        };
        let listed = |set: &[&str]| -> Vec<Value> {
            let metrics = self.values.keys();
            metrics
                .filter(|metric| metric.per().dimensions().contains(&set))
                .map(|metric| json!({ "Name": metric.as_str(), "Unit": metric.unit().as_str() }))
                .collect()
        };
        let directives: Vec<_> = [OF_MAILBOX, OF_CLASS, OF_STACK]
            .into_iter()
            .filter(|set| is_known(set))
            .map(|set| (set, listed(set)))
            .filter(|(_, metrics)| !metrics.is_empty())
            .map(|(set, metrics)| json!({ "Namespace": NAMESPACE, "Dimensions": [set], "Metrics": metrics }))
            .collect();

        let mut line = Map::new();
        line.insert("timestamp".to_owned(), now.to_string().into());
        line.insert("level".to_owned(), "INFO".into());
        line.insert("message".to_owned(), "measured".into());
        line.insert("Stack".to_owned(), self.stack.clone().into());
        if let Some(mailbox) = &self.mailbox {
            line.insert("Mailbox".to_owned(), mailbox.clone().into());
        }
        if let Some(class) = self.class {
            line.insert("Class".to_owned(), class.as_str().into());
        }
        for (metric, values) in &self.values {
            let value = match values[..] {
                [value] => value.into(),
                _ => values.clone().into(),
            };
            line.insert(metric.as_str().to_owned(), value);
        }
        let timestamp = now.as_millisecond();
        let metadata = json!({ "Timestamp": timestamp, "CloudWatchMetrics": directives });
        line.insert("_aws".to_owned(), metadata);
        Value::Object(line).to_string()
    }
}

/// Takes what was measured.
pub trait Meter: Sync {
    /// Takes a measurement of the present moment.
    fn record(&self, measurement: &Measurement, now: Timestamp);
}

/// Standard output, where Lambda takes the lines for the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogMeter;

impl Meter for LogMeter {
    fn record(&self, measurement: &Measurement, now: Timestamp) {
        let line = measurement.line(now) + "\n";
        // Without standard output there is no log either, and nobody to tell.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn stack() -> StackName {
        StackName::parse("mail").expect("a stack name")
    }

    fn billing() -> Measurement {
        let mailbox = MailboxId::parse("billing").expect("a mailbox id");
        Measurement::of_mailbox(&stack(), &mailbox)
    }

    fn line(measurement: &Measurement) -> Value {
        let now = "2027-03-01T12:00:00.5Z".parse().expect("a time");
        let line = measurement.line(now);
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).expect("a line of JSON")
    }

    #[test]
    fn a_line_names_its_metrics_under_stack_and_mailbox() {
        let measured = billing()
            .with(Metric::NeedsConsent, 1)
            .with(Metric::AccessTokenBytes, 2048)
            .with_known(Metric::ClientSecretDaysLeft, None);
        assert_eq!(
            line(&measured),
            json!({
                "timestamp": "2027-03-01T12:00:00.5Z",
                "level": "INFO",
                "message": "measured",
                "Stack": "mail",
                "Mailbox": "billing",
                "NeedsConsent": 1,
                "AccessTokenBytes": 2048,
                "_aws": {
                    "Timestamp": 1_803_902_400_500_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Pillarbox",
                        "Dimensions": [["Stack", "Mailbox"]],
                        "Metrics": [
                            { "Name": "AccessTokenBytes", "Unit": "Bytes" },
                            { "Name": "NeedsConsent", "Unit": "Count" },
                        ],
                    }],
                },
            })
        );
    }

    #[test]
    fn what_an_alarm_over_all_mailboxes_needs_stands_under_the_stack_alone_too() {
        let directives = |measurement: &Measurement| {
            let line = line(measurement);
            let directives = line["_aws"]["CloudWatchMetrics"].as_array().cloned();
            let dimensions = |directive: &Value| directive["Dimensions"].to_string();
            let directives = directives.expect("a list of directives");
            directives.iter().map(dimensions).collect::<Vec<_>>()
        };
        assert_eq!(
            directives(&billing().with(Metric::VisitsFailed, 1)),
            [r#"[["Stack","Mailbox"]]"#, r#"[["Stack"]]"#]
        );
        let left = Measurement::of_stack(&stack()).with(Metric::MailboxesLeft, 3);
        assert_eq!(directives(&left), [r#"[["Stack"]]"#]);
        assert_eq!(line(&left)["Mailbox"], Value::Null);
    }

    #[test]
    fn several_values_of_one_metric_travel_in_one_line() {
        let measured = billing()
            .with(Metric::VisitsFailed, 1)
            .with(Metric::VisitsFailed, 0);
        assert_eq!(line(&measured)["VisitsFailed"], json!([1, 0]));
    }

    #[test]
    fn every_metric_has_a_name_and_a_meaning_of_its_own() {
        let names: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.as_str()).collect();
        let meanings: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.meaning()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        assert_eq!(meanings.len(), Metric::ALL.len());
        for meaning in meanings {
            assert!(meaning.ends_with('.'), "{meaning}");
        }
    }

    #[test]
    fn a_failure_counts_for_its_mailbox_and_for_its_class() {
        let measured = billing().with(Metric::Failed, 1).of_class(Class::Expired);
        let line = line(&measured);
        assert_eq!(line["Class"], "expired");
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        let dimensions: Vec<_> = directives
            .iter()
            .map(|directive| directive["Dimensions"][0].clone())
            .collect();
        assert_eq!(
            dimensions,
            [
                json!(["Stack", "Mailbox"]),
                json!(["Stack", "Mailbox", "Class"])
            ]
        );
    }
}
