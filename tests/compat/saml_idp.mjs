// samlify from npm, unmodified: identity providers of SAML 2.0 on loopback, for tests/compat/test_saml.py.
// Standard input: {"port": …, "sp": "http://…/saml/metadata", "key": "PEM", "certificate": "PEM"}; a line on standard
// output: ready. Each of KINDS is one below /<kind>/; the header X-Person says who signs in.

import { createServer } from "node:http";
import * as samlify from "samlify";

const { Constants, IdentityProvider, SamlLib, ServiceProvider } = samlify.default ?? samlify;
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
console.warn = () => {};
const { port, sp: place, key, certificate } = JSON.parse(Buffer.concat(chunks));
(samlify.default ?? samlify).setSchemaValidator({ validate: async () => "not looked at" });

const KINDS = {
  redirect: { binding: "redirect" },
  post: { binding: "post", signs: true },
  gcm: { binding: "redirect", data: "http://www.w3.org/2009/xmlenc11#aes256-gcm" },
  cbc: { binding: "redirect", data: "http://www.w3.org/2001/04/xmlenc#aes256-cbc", signs: true },
};
const NAMES = { redirect: "HTTP-Redirect", post: "HTTP-POST" };
const PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const context = SamlLib.defaultLoginResponseTemplate.context.replace(
  "{AuthnStatement}",
  '<saml:AuthnStatement AuthnInstant="{IssueInstant}"><saml:AuthnContext><saml:AuthnContextClassRef>' +
  "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>",
);
const attribute = (name) => ({ name, valueTag: name, nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", valueXsiType: "xs:string" });

const provider = (name, { binding, data }) => IdentityProvider({
  entityID: `http://127.0.0.1:${port}/${name}/metadata`,
  privateKey: key, signingCert: certificate, wantAuthnRequestsSigned: true,
  requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
  nameIDFormat: [PERSISTENT], isAssertionEncrypted: Boolean(data), dataEncryptionAlgorithm: data,
  keyEncryptionAlgorithm: "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
  singleSignOnService: [{ Binding: Constants.namespace.binding[binding], Location: `http://127.0.0.1:${port}/${name}/sso` }],
  loginResponseTemplate: { context, attributes: [attribute("mail"), attribute("displayName")] },
});

async function known(signs) {
  const metadata = await (await fetch(place)).text();
  return ServiceProvider({ metadata, wantMessageSigned: Boolean(signs) });
}

async function answered(name, asked, person) {
  const kind = KINDS[name], idp = provider(name, kind), sp = await known(kind.signs);
  const now = new Date(), later = new Date(now.getTime() + 300_000);
  const acs = sp.entityMeta.getAssertionConsumerService("post");
  const values = {
    ID: `_${crypto.randomUUID()}`, AssertionID: `_${crypto.randomUUID()}`, Destination: acs, SubjectRecipient: acs,
    Audience: sp.entityMeta.getEntityID(), Issuer: idp.entityMeta.getEntityID(), IssueInstant: now.toISOString(),
    StatusCode: "urn:oasis:names:tc:SAML:2.0:status:Success", ConditionsNotBefore: now.toISOString(),
    ConditionsNotOnOrAfter: later.toISOString(), SubjectConfirmationDataNotOnOrAfter: later.toISOString(),
    NameIDFormat: PERSISTENT, NameID: person, InResponseTo: asked?.extract.request.id, attrMail: `${person}@${name}.example.com`,
    attrDisplayName: person.toUpperCase(),
  };
  const { context: sent } = await idp.createLoginResponse(sp, asked, "post", {}, {
    encryptThenSign: Boolean(kind.data && kind.signs),
    customTagReplacement: (template) => ({ id: values.ID, context: SamlLib.replaceTagsByValue(template, values) }),
  });
  return { acs, sent };
}

createServer(async (request, response) => {
  const url = new URL(request.url, `http://127.0.0.1:${port}`);
  const [, name, end] = url.pathname.split("/");
  try {
    if (end === "metadata") return response.end(provider(name, KINDS[name]).getMetadata());
    const held = [];
    for await (const chunk of request) held.push(chunk);
    const form = request.method === "POST" ? new URLSearchParams(Buffer.concat(held).toString()) : url.searchParams;
    let asked = null;
    if (end === "sso") {
      const sp = await known(false);
      const octetString = url.search.slice(1).split("&").filter((each) => !each.startsWith("Signature=")).join("&");
      const given = request.method === "POST" ? { body: Object.fromEntries(form) } : { query: Object.fromEntries(form), octetString };
      asked = await provider(name, KINDS[name]).parseLoginRequest(sp, KINDS[name].binding, given);
    }
    const { acs, sent } = await answered(name, asked, request.headers["x-person"]);
    response.end(JSON.stringify({ acs, SAMLResponse: sent, RelayState: form.get("RelayState") ?? "" }));
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error?.stack ?? error));
  }
}).listen(port, "127.0.0.1", () => console.log("ready"));
