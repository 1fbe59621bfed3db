// oidc-provider from npm, unmodified: an OpenID provider on loopback, for tests/compat/test_oidc_provider.py.
// Standard input: {"redirect": "https://…/callback", "client": "…", "secret": "…"}; standard output: its issuer.

import { createServer } from "node:http";
import Provider from "oidc-provider";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { redirect, client, secret } = JSON.parse(Buffer.concat(chunks));

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: client, client_secret: secret, redirect_uris: [redirect] }],
    claims: { email: ["email", "email_verified"], profile: ["name"] },
    pkce: { required: () => true },
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: id, email: `${id}@example.com`, email_verified: id !== "eve" }),
    }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
