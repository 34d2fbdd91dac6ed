use super::*;

fn parse(json: &str) -> Result<Settings, InvalidSettings> {
    Settings::parse(MailboxId::parse("billing").expect("a mailbox id"), json)
}

fn faults(json: &str) -> Vec<String> {
    let InvalidSettings(faults) = parse(json).expect_err("the settings are faulty");
    faults
        .into_iter()
        .map(|fault| format!("{} {}", fault.field, fault.problem))
        .collect()
}

#[test]
fn three_fields_are_enough() {
    let settings = parse(r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app","username":"","more":{}}"#)
        .expect("the settings are complete");
    assert_eq!(settings.username.as_str(), "billing@contoso.com");
    assert_eq!(
        settings.token_endpoint.as_str(),
        "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
    );
    assert_eq!(
        settings.issuer.as_str(),
        "https://login.microsoftonline.com/contoso.com/v2.0"
    );
    assert_eq!(settings.smtp.host, "smtp.office365.com");
    assert_eq!(
        (
            settings.smtp.port,
            settings.messages_per_minute,
            settings.message_bytes
        ),
        (587, 30, 36_700_160)
    );
    assert_eq!(
        (settings.on_unknown, settings.activate),
        (OnUnknown::Hold, Activate::Automatic)
    );
}

#[test]
fn a_cloud_brings_its_authority_its_resource_and_its_host() {
    let table = [
        (
            "public",
            "contoso.com",
            "login.microsoftonline.com",
            "outlook.office.com",
            "smtp.office365.com",
        ),
        (
            "gcc-high",
            "contoso.com",
            "login.microsoftonline.us",
            "outlook.office365.us",
            "smtp.office365.us",
        ),
        (
            "dod",
            "contoso.com",
            "login.microsoftonline.us",
            "outlook.office365.us",
            "outlook-dod.office365.us",
        ),
        (
            "china",
            "contoso.cn",
            "login.partner.microsoftonline.cn",
            "partner.outlook.cn",
            "smtp.partner.outlook.cn",
        ),
        (
            "consumer",
            "consumers",
            "login.microsoftonline.com",
            "outlook.office.com",
            "smtp-mail.outlook.com",
        ),
    ];
    assert_eq!(table.len(), Cloud::ALL.len());
    for (cloud, tenant, authority, resource, host) in table {
        let json = format!(
            r#"{{"address":"a@contoso.com","tenant":"{tenant}","client_id":"app","cloud":"{cloud}"}}"#
        );
        let settings = parse(&json).expect("the settings are complete");
        let base = format!("https://{authority}/{tenant}");
        for (endpoint, path) in [
            (&settings.authorize_endpoint, "oauth2/v2.0/authorize"),
            (&settings.token_endpoint, "oauth2/v2.0/token"),
            (&settings.issuer, "v2.0"),
        ] {
            assert_eq!(endpoint.as_str(), format!("{base}/{path}"));
        }
        assert_eq!(settings.scopes.resource(), format!("https://{resource}"));
        assert_eq!(settings.smtp.host, host);
        assert!(settings.is_issued_by_microsoft());
    }
}

#[test]
fn every_fault_is_named_at_once() {
    let faults = faults(
        r#"{"address":"nobody","tenant":"common","cloud":"mars","smpt_host":"x","more":{"smtp_port":"0","senders":["ok@contoso.com","no"],
           "token_endpoint":"http://login.contoso.com/","transfer":"fax","scopes":"SMTP.Send"}}"#,
    );
    let fields: Vec<_> = faults
        .iter()
        .filter_map(|fault| fault.split(' ').next())
        .collect();
    assert_eq!(
        fields,
        [
            "cloud",
            "address",
            "tenant",
            "client_id",
            "more.scopes",
            "more.token_endpoint",
            "more.smtp_port",
            "more.transfer",
            "more.senders/1",
            "smpt_host"
        ],
        "{faults:?}"
    );
}

#[test]
fn only_another_server_than_microsofts_is_sent_to_faster_than_microsoft_allows() {
    let json = |more: &str| {
        format!(
            r#"{{"address":"a@contoso.com","tenant":"contoso.com","client_id":"app","more":{{"messages_per_minute":600{more}}}}}"#
        )
    };
    let to = |host: &str| json(&format!(r#","smtp_host":"{host}""#));
    for too_fast in [
        json(""),
        to("smtp.office365.com"),
        to("SMTP-mail.Outlook.com"),
    ] {
        assert_eq!(
            faults(&too_fast),
            ["more.messages_per_minute is not a whole number from 1 to 30"]
        );
    }
    let settings = parse(&to("smtp.hve.mx.microsoft")).unwrap();
    assert_eq!(settings.messages_per_minute, 600);
    assert_eq!(settings.limit().window, SignedDuration::from_mins(1));

    let window = r#","limit_window_seconds":6"#;
    assert_eq!(
        faults(&json(window))[1..],
        ["more.limit_window_seconds is not a whole number from 60 to 60"]
    );
    let elsewhere = format!(r#"{window},"smtp_host":"smtp.hve.mx.microsoft""#);
    let settings = parse(&json(&elsewhere)).unwrap();
    assert_eq!(settings.limit().window, SignedDuration::from_secs(6));
}

#[test]
fn a_field_is_not_set_twice() {
    let faults = faults(
        r#"{"address":"a@contoso.com","tenant":"contoso.com","client_id":"app","more":{"address":"b@contoso.com"}}"#,
    );
    assert_eq!(faults, ["more.address is set already, outside of `more`"]);
}

#[test]
fn personal_accounts_need_no_tenant() {
    let json = r#"{"address":"a@outlook.com","cloud":"consumer","tenant":"","client_id":"app"}"#;
    let settings = parse(json).expect("the settings are complete");
    assert_eq!(
        settings.token_endpoint.as_str(),
        "https://login.microsoftonline.com/consumers/oauth2/v2.0/token"
    );
    assert_eq!(settings.smtp.host, "smtp-mail.outlook.com");
}

#[test]
fn what_is_of_one_cloud_is_not_mixed_with_the_resource_of_another() {
    let json = |cloud: &str, name: &str, value: &str| {
        format!(
            r#"{{"address":"a@contoso.com","cloud":"{cloud}","tenant":"contoso.com","client_id":"app","more":{{"{name}":"{value}"}}}}"#
        )
    };
    let endpoint = |host: &str| format!("https://{host}/contoso.com/v2.0");
    for (name, us) in [
        ("authorize_endpoint", endpoint("login.microsoftonline.us")),
        ("token_endpoint", endpoint("login.microsoftonline.us")),
        ("issuer", endpoint("login.microsoftonline.us")),
        ("smtp_host", "smtp.office365.us".to_owned()),
    ] {
        let problem = "is of another Microsoft cloud than the resource of the scopes";
        let fault = format!("more.{name} {problem}");
        for cloud in ["public", "china"] {
            assert_eq!(faults(&json(cloud, name, &us)), [&*fault], "{cloud}");
        }
        assert!(parse(&json("dod", name, &us)).is_ok(), "{name}");
    }
    for (name, own) in [
        ("token_endpoint", endpoint("login.contoso.com")),
        ("smtp_host", "mail.contoso.com".to_owned()),
    ] {
        assert!(parse(&json("public", name, &own)).is_ok(), "{name}");
    }
}

#[test]
fn scopes_of_another_cloud_are_refused_unless_the_authority_is_given_too() {
    let json = |more: &str| {
        format!(
            r#"{{"address":"a@contoso.com","tenant":"contoso.com","client_id":"app","more":{{"scopes":"https://outlook.office365.us/SMTP.Send offline_access openid"{more}}}}}"#
        )
    };
    assert_eq!(
        faults(&json("")),
        ["more.scopes belong to the cloud `gcc-high`, whose authority is another"]
    );
    assert!(
        parse(&json(
            r#","token_endpoint":"https://login.contoso.com/token""#
        ))
        .is_ok()
    );
}
