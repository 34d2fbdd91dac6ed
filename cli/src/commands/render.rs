//! `render`: how a notification would look.

use serde_json::{Value, json};

use super::request;
use crate::answer::{self, Rendered};
use crate::arguments::Render;
use crate::letter::read_json;
use crate::screen::{Paper, Screen, Text, Tone};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};

/// Shows how a notification would look.
pub(super) async fn render(
    stack: &Stack,
    screen: &Screen,
    flags: &Render,
) -> Result<Verdict, Trouble> {
    let mut request = request("render", &flags.of.mailbox);
    request["notification"] = notification(flags)?;
    let answer = stack.ask(&request).await?;
    let rendered: Rendered = answer::read(&answer)?;
    if flags.eml && rendered.message.is_none() {
        let text = "a part of the message is in the bucket, so it cannot be shown whole";
        return Err(Trouble::NotThere(text.to_owned()));
    }
    screen.show(&answer, |paper| tell(paper, &rendered, flags.eml));
    Ok(Verdict::Well)
}

/// The notification that the flags name.
fn notification(flags: &Render) -> Result<Value, Trouble> {
    let (None, Some((name, version))) = (&flags.file, &flags.template) else {
        return flags.file.as_deref().map_or(Ok(Value::Null), read_json);
    };
    let mut template = json!({ "name": name, "version": version });
    if let Some(data) = &flags.data {
        template["data"] = read_json(data)?;
    }
    if let Some(locale) = &flags.locale {
        template["locale"] = json!(locale);
    }
    Ok(json!({ "to": flags.to, "template": template }))
}

fn tell(paper: &mut Paper, rendered: &Rendered, eml: bool) {
    if let (true, Some(message)) = (eml, &rendered.message) {
        paper.verbatim(message.replace("\r\n", "\n").trim_end());
        return;
    }
    let subject = rendered.subject.as_deref().map(Text::from);
    paper.facts([("subject", subject)]);
    let parts = [("text", &rendered.text), ("html", &rendered.html)];
    for (name, part) in parts {
        if let Some(part) = part {
            paper.gap();
            paper.line(Text::from(name).toned(Tone::Aside));
            paper.verbatim(part.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};
    use crate::screen::Medium;
    use crate::screen::tests::written;

    #[test]
    fn a_template_is_named_with_its_version() {
        let line = [
            "pillarbox",
            "render",
            "billing",
            "--locale",
            "de",
            "--template",
        ];
        let read = |template| Arguments::try_parse_from(line.iter().chain([&template]));
        let Command::Render(flags) = read("invoice/3").unwrap().command else {
            panic!("another command");
        };
        assert_eq!(
            notification(&flags).unwrap(),
            json!({ "to": "reader@example.com", "template": { "name": "invoice", "version": "3", "locale": "de" } })
        );
        assert!(read("invoice").is_err());
        assert!(Arguments::try_parse_from(["pillarbox", "render", "billing"]).is_err());
    }

    #[test]
    fn the_words_are_shown_as_they_are_or_the_whole_message_is() {
        let rendered: Rendered = answer::read(&json!({
            "subject": "Invoice 7", "html": "<p>\n7</p>\n", "message": "Subject: Invoice 7\r\n\r\n7\r\n",
        }))
        .unwrap();
        let shown = |eml| written(Medium::Lines, |paper| tell(paper, &rendered, eml));
        assert_eq!(shown(false), "subject\tInvoice 7\nhtml\n<p>\n7</p>\n");
        assert_eq!(shown(true), "Subject: Invoice 7\n\n7\n");
    }
}
