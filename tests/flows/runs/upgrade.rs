//! The upgrade run: the stack is deployed again while notifications are on their way.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::contoso::{ADDRESS, Contoso, MAILBOX, Setup};
use tests::stack::Progress;

use crate::connected;
use crate::letters::{drained, letter, subjects};

const LETTERS: usize = 50;
/// So many have left when the upgrade begins; the others leave during it and after it.
const BEFORE: usize = 10;
/// 30 notifications leave in a minute. The connections of a worker that does not come to its end are free for others when
/// its time is over, five minutes later.
const PATIENCE: Duration = Duration::from_secs(500);

/// Functions and mapping are updated while some notifications are accepted, some in hand and some on the queue. The old
/// version sends some and the new one others; each is accepted once, and none has failed.
pub(crate) async fn an_upgrade_loses_and_doubles_nothing_on_the_way(_town: &Contoso) -> Result<()> {
    // An upgrade is of everything, so it has a stack to itself.
    let mut contoso = Contoso::start(Setup::default(), Progress::detect()).await?;
    let outcome = upgraded(&mut contoso).await;
    contoso.stop().await?;
    outcome
}

async fn upgraded(contoso: &mut Contoso) -> Result<()> {
    connected(contoso, MAILBOX).await?;
    // After which what such a worker had in hand returns.
    let hidden = Duration::from_secs(2);
    contoso.stack.hide_for(MAILBOX, hidden).await?;
    let sent: BTreeSet<_> = (1..=LETTERS)
        .map(|number| format!("on the way {number}"))
        .collect();
    for subject in &sent {
        contoso
            .enqueue(MAILBOX, &letter(subject).to_string())
            .await?;
    }
    let inbox = contoso.microsoft.inbox();
    let first = inbox.wait_until(|messages| messages.len() >= BEFORE, PATIENCE);
    first.await.context("nothing leaves")?;

    let before = contoso.stack.live_version("send-email").await?;
    let is_upgraded = [("LogLevel".to_owned(), "DEBUG".to_owned())];
    contoso.stack.update(is_upgraded, "").await?;
    let after = contoso.stack.live_version("send-email").await?;
    ensure!(
        before != after,
        "version {before} does all of the work still"
    );
    let left = subjects(contoso, ADDRESS).len();
    ensure!(left < LETTERS, "all had left before the upgrade was over");

    drained(contoso, MAILBOX, PATIENCE).await?;
    let arrived = subjects(contoso, ADDRESS);
    assert_eq!(arrived.len(), LETTERS, "each once");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), sent);
    let status = contoso.status(MAILBOX).await?;
    assert_eq!(status["failed_queue"]["waiting"], json!(0), "{status:#}");
    let senders = senders(&contoso.stack.logs("send-email").await?);
    assert_eq!(senders, [before, after].into(), "old and new");
    Ok(())
}

/// The versions of a function that had a message accepted, by its log. The lines of an invocation stand together, from
/// `START` on.
fn senders(lines: &[String]) -> BTreeSet<String> {
    let mut senders = BTreeSet::new();
    let mut version = "";
    for line in lines {
        if let Some((_, started)) = line.split_once("Version: ") {
            version = started.trim();
        } else if line.contains("the message was accepted") {
            senders.insert(version.to_owned());
        }
    }
    senders
}

/// The local AWS has no CodeDeploy, so the template is shown to SAM alone: with `canary` each function's alias is moved by a
/// tenth first, and back when the function fails; without it nothing of CodeDeploy is there.
pub(crate) async fn a_canary_is_made_by_its_parameter_alone(contoso: &Contoso) -> Result<()> {
    let of = |kind: &'static str, template: &Value| {
        let resources = template["Resources"].as_object().into_iter().flatten();
        resources
            .map(|(_, resource)| resource.clone())
            .filter(|resource| resource["Type"] == kind)
            .collect::<Vec<_>>()
    };
    let at_once = contoso.stack.transformed("Rollout", "at-once").await?;
    let aliases = of("AWS::Lambda::Alias", &at_once);
    assert_eq!(aliases.len(), 3);
    for alias in aliases {
        assert_eq!(alias["UpdatePolicy"], Value::Null, "{alias:#}");
    }
    ensure!(!at_once.to_string().contains("AWS::CodeDeploy"));

    let canary = contoso.stack.transformed("Rollout", "canary").await?;
    for alias in of("AWS::Lambda::Alias", &canary) {
        let policy = &alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
        let group = policy["DeploymentGroupName"]["Ref"].as_str();
        let group = group.context("an alias that moves at once")?;
        let group = &canary["Resources"][group]["Properties"];
        let function = alias["Properties"]["FunctionName"]["Ref"].as_str();
        let alarm = format!("{}Errors", function.context("an alias of no function")?);
        let alarms = json!({ "Enabled": true, "Alarms": [{ "Name": { "Ref": alarm } }] });
        assert_eq!(group["AlarmConfiguration"], alarms);
        let comes_back = &group["AutoRollbackConfiguration"];
        assert_eq!(comes_back["Enabled"], true);
        let events = comes_back["Events"].as_array().into_iter().flatten();
        assert!(
            events
                .into_iter()
                .any(|event| event == "DEPLOYMENT_STOP_ON_ALARM")
        );
        let tenth = &group["DeploymentConfigName"]["Fn::Sub"][1]["ConfigName"];
        assert_eq!(tenth, "Canary10Percent10Minutes");
    }
    assert_eq!(of("AWS::CodeDeploy::DeploymentGroup", &canary).len(), 3);
    Ok(())
}
