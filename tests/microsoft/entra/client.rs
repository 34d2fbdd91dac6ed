//! The tenant in a path, and the application with its secret.

use jiff::Timestamp;

use super::super::directory::Tenant;
use super::Shared;
use super::aadsts::Refusal;

impl Shared {
    /// The tenant named in a path. Single-tenant applications, which all are here, cannot use the shared names.
    pub(super) fn tenant_of_path(&self, name: &str) -> Result<Tenant, Refusal> {
        if matches!(name, "common" | "organizations") {
            return Err(Refusal::numbered(50194));
        }
        self.directory.tenant(name).ok_or_else(|| {
            Refusal::numbered(90002).saying(format!(
                "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the \
                 correct cloud. Check with your subscription administrator, this may happen if there are no active \
                 subscriptions for the tenant."
            ))
        })
    }

    pub(super) fn check_client(
        &self,
        client_id: &str,
        secret: Option<&str>,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let app = self
            .directory
            .app(client_id)
            .filter(|app| app.tenant == tenant.id);
        let app = app.ok_or_else(|| {
            Refusal::numbered(700_016).saying(format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen if the \
                 application has not been installed by the administrator of the tenant or consented to by any user in \
                 the tenant. You may have sent your authentication request to the wrong tenant.",
                tenant.id
            ))
        })?;
        if !app.enabled {
            return Err(Refusal::numbered(7_000_112));
        }
        let secret = secret.ok_or_else(|| Refusal::numbered(7_000_218))?;
        let known = app.secrets.iter().find(|known| known.value == secret);
        let known = known.ok_or_else(|| {
            Refusal::numbered(7_000_215).saying(format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                 value, not the client secret ID, for a secret added to app '{}'.",
                app.client_id
            ))
        })?;
        if known.expires_at <= now {
            return Err(Refusal::numbered(7_000_222));
        }
        Ok(app.client_id)
    }
}
