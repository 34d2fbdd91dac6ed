//! Who may consent for a mailbox.

use super::Refusal;
use crate::address::EmailAddress;
use crate::grant::Account;
use crate::mailbox::Settings;

/// Decides whether an account, which its provider has vouched for, is the one that a mailbox sends as.
///
/// The ids decide as soon as any are known: those that the settings pin, or else those of the account that
/// consented before, because a name can be given to somebody else. Only a mailbox that nobody has connected
/// goes by the name. The ids of an earlier consent in another directory do not count.
///
/// # Errors
///
/// When it is another account.
pub fn check(
    settings: &Settings,
    before: Option<&Account>,
    account: &Account,
) -> Result<(), Refusal> {
    let before = before.filter(|before| before.tenant_id == account.tenant_id);
    let pinned = settings.object_id.as_deref();
    let (holds, refusal) = match (pinned, before) {
        (Some(pinned), _) => (
            pinned.eq_ignore_ascii_case(&account.object_id),
            Refusal::WrongAccount,
        ),
        (None, Some(before)) => (
            before.object_id == account.object_id,
            Refusal::OtherAccountThanBefore,
        ),
        (None, None) => (
            is_named(&account.name, &settings.username),
            Refusal::WrongAccount,
        ),
    };
    if holds { Ok(()) } else { Err(refusal) }
}

/// Names are compared without case, and international domains in one spelling.
fn is_named(name: &str, username: &EmailAddress) -> bool {
    EmailAddress::parse(name).is_ok_and(|name| name.is_same_as(username))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::MailboxId;

    fn settings(more: &str) -> Settings {
        let json = format!(
            r#"{{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app"{more}}}"#
        );
        Settings::parse(MailboxId::parse("billing").unwrap(), &json).unwrap()
    }

    fn account(tenant_id: &str, object_id: &str, name: &str) -> Account {
        let [tenant_id, object_id, name] = [tenant_id, object_id, name].map(str::to_owned);
        Account {
            tenant_id,
            object_id,
            name,
        }
    }

    #[test]
    fn the_first_consent_goes_by_the_name_without_case() {
        let check = |name: &str| check(&settings(""), None, &account("t", "o", name));
        assert_eq!(check("Billing@Contoso.COM"), Ok(()));
        for name in [
            "anna@contoso.com",
            "billing@contoso.com.evil.example",
            "",
            "billing",
        ] {
            assert_eq!(check(name), Err(Refusal::WrongAccount), "{name}");
        }
    }

    #[test]
    fn a_later_consent_goes_by_the_ids_of_the_earlier() {
        let before = account("t", "o", "billing@contoso.com");
        let check = |account| check(&settings(""), Some(&before), &account);
        assert_eq!(check(account("t", "o", "renamed@contoso.com")), Ok(()));
        assert_eq!(
            check(account("t", "other", "billing@contoso.com")),
            Err(Refusal::OtherAccountThanBefore),
            "a name may be given to somebody else"
        );
        assert_eq!(
            check(account("t2", "other", "billing@contoso.com")),
            Ok(()),
            "the mailbox has moved to another directory"
        );
    }

    #[test]
    fn a_pinned_id_decides_alone() {
        let settings = settings(r#","object_id":"AB-1""#);
        let before = account("t", "o", "billing@contoso.com");
        assert_eq!(
            check(
                &settings,
                Some(&before),
                &account("t", "ab-1", "anna@contoso.com")
            ),
            Ok(())
        );
        assert_eq!(
            check(&settings, None, &account("t", "o", "billing@contoso.com")),
            Err(Refusal::WrongAccount)
        );
    }
}
