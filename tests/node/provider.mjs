// An OAuth server that nobody here wrote: oidc-provider, set up as strictly as it goes. PKCE is demanded, refresh tokens
// are rotated and a used one ends its grant, the redirect URI has to match to the letter.
//
// It reads one JSON object from its argument, listens on a free port of 127.0.0.1, and prints its issuer as its only line.

import https from "node:https";
import { randomBytes } from "node:crypto";
import Provider from "oidc-provider";

const { certificate, key, client_id, client_secret, redirect_uri } = JSON.parse(process.argv[2]);
const sending = "https://outlook.office.com/SMTP.Send";

const server = https.createServer({ cert: certificate, key });
server.listen(0, "127.0.0.1", () => {
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id,
      client_secret,
      redirect_uris: [redirect_uri],
      response_types: ["code"],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "client_secret_post",
    }],
    scopes: ["openid", "profile", "offline_access", sending],
    claims: { openid: ["sub"], profile: ["preferred_username"] },
    // The account is named in the id token itself.
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
    pkce: { required: () => true, methods: ["S256"] },
    rotateRefreshToken: true,
    cookies: { keys: [randomBytes(32).toString("hex")] },
    ttl: { AccessToken: 3600, RefreshToken: 86400, IdToken: 3600, Grant: 86400, Session: 3600, Interaction: 600 },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
});
