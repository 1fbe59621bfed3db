// What an app does through supabase-js's `auth`, as a table: a name, and the doing in one of two worlds: `open`, where
// whoever signs up is in, and `confirming`, where an address is confirmed first.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";

export const scenarios = [];
export const scenario = (name, run) => scenarios.push({ name, run });

export const PASSWORD = "correct horse battery";

// --- what an answer must be ---

export async function ok(asked) {
  const { data, error } = await asked;
  assert.equal(error, null, JSON.stringify(error));
  return data;
}

export async function refused(asked, code, status, type = "AuthApiError") {
  const { error } = await asked;
  assert.ok(error, "it was not refused");
  assert.equal(error.name, type, String(error.stack));
  assert.equal(error.code, code, JSON.stringify(error));
  assert.equal(error.status, status);
  assert.ok(error.message);
  return error;
}

export async function member({ client, fresh }, options) {
  const device = client(options);
  const email = fresh();
  const { session, user } = await ok(device.auth.signUp({ email, password: PASSWORD }));
  return { device, email, session, user };
}

export function totp(secret, ago = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/=+$/, "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) - ago));
  const digest = createHmac("sha1", key).update(step).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, "0");
}

// --- in, and out ---

scenario("signUp gives a session where nothing is to be confirmed", async ({ open }) => {
  const { device, email, session, user } = await member(open);
  assert.equal(user.email, email);
  assert.equal(user.aud, "authenticated");
  assert.equal(session.token_type, "bearer");
  assert.ok(session.expires_at > Date.now() / 1000);
  assert.deepEqual(user.app_metadata, { provider: "email", providers: ["email"] });
  assert.deepEqual((await ok(device.auth.getSession())).session.access_token, session.access_token);
});
scenario("signUp with data", async ({ open }) => {
  const { user } = await ok(open.client().auth.signUp({
    email: open.fresh(), password: PASSWORD, options: { data: { nick: "Ada", age: 36 } },
  }));
  assert.equal(user.user_metadata.nick, "Ada");
  assert.equal(user.user_metadata.age, 36);
});
scenario("signUp with an address that is taken", async ({ open }) => {
  const { email } = await member(open);
  await refused(open.client().auth.signUp({ email, password: PASSWORD }), "user_already_exists", 422);
});
scenario("signUp with a weak password tells why", async ({ open }, { isAuthWeakPasswordError }) => {
  const error = await refused(
    open.client().auth.signUp({ email: open.fresh(), password: "zq9" }), "weak_password", 422, "AuthWeakPasswordError",
  );
  assert.ok(isAuthWeakPasswordError?.(error) ?? true);
  assert.deepEqual(error.reasons, ["length"]);
});
scenario("signInWithPassword", async ({ open }) => {
  const { email, user } = await member(open);
  const device = open.client();
  const found = await ok(device.auth.signInWithPassword({ email: email.toUpperCase(), password: PASSWORD }));
  assert.equal(found.user.id, user.id);
  assert.equal(found.session.user.id, user.id);
});
scenario("signInWithPassword with a wrong password, and of nobody", async ({ open }, { isAuthApiError }) => {
  const { email } = await member(open);
  const wrong = await refused(
    open.client().auth.signInWithPassword({ email, password: "wrong horse" }), "invalid_credentials", 400,
  );
  assert.ok(isAuthApiError(wrong));
  const nobody = await refused(
    open.client().auth.signInWithPassword({ email: open.fresh(), password: PASSWORD }), "invalid_credentials", 400,
  );
  assert.equal(nobody.message, wrong.message);
});
scenario("signInAnonymously", async ({ open }) => {
  const device = open.client();
  const { user, session } = await ok(device.auth.signInAnonymously({ options: { data: { guest: true } } }));
  assert.equal(user.is_anonymous, true);
  assert.equal(user.user_metadata.guest, true);
  assert.ok(session.refresh_token);
});
scenario("rows are those of whoever signed in", async ({ open }) => {
  const one = (await member(open)).device;
  const other = (await member(open)).device;
  await ok(one.from("entries").insert({ body: "a secret" }));
  assert.equal((await ok(one.from("entries").select())).length, 1);
  assert.equal((await ok(other.from("entries").select())).length, 0);
  await ok(one.auth.signOut());
  assert.equal((await one.from("entries").select()).error.code, "PGRST205");
});
scenario("getUser", async ({ open }) => {
  const { device, user, session } = await member(open);
  assert.equal((await ok(device.auth.getUser())).user.id, user.id);
  assert.equal((await ok(open.client().auth.getUser(session.access_token))).user.id, user.id);
});
scenario("getUser without a session", async ({ open }, { isAuthSessionMissingError }) => {
  const { error } = await open.client().auth.getUser();
  assert.equal(error.name, "AuthSessionMissingError");
  assert.ok(isAuthSessionMissingError?.(error) ?? true);
});
scenario("getUser with a token that is none", async ({ open }) => {
  await refused(open.client().auth.getUser("a.b.c"), "bad_jwt", 403);
});
scenario("getUserIdentities", async ({ open }) => {
  const { device, user } = await member(open);
  const { identities } = await ok(device.auth.getUserIdentities());
  assert.deepEqual(identities.map((each) => [each.provider, each.user_id]), [["email", user.id]]);
});
scenario("getClaims", async ({ open }) => {
  const { device, user, email, session } = await member(open);
  const { claims } = await ok(device.auth.getClaims());
  assert.equal(claims.sub, user.id);
  assert.equal(claims.email, email);
  assert.equal(claims.role, "authenticated");
  assert.equal(claims.aal, "aal1");
  assert.equal(claims.is_anonymous, false);
  assert.equal(claims.amr[0].method, "password");
  assert.ok(claims.session_id);
  assert.equal((await ok(open.client().auth.getClaims(session.access_token))).claims.sub, user.id);
});

// --- sessions ---

scenario("refreshSession", async ({ open }) => {
  const { device, session } = await member(open);
  const next = (await ok(device.auth.refreshSession())).session;
  assert.notEqual(next.refresh_token, session.refresh_token);
  const last = (await ok(device.auth.refreshSession({ refresh_token: next.refresh_token }))).session;
  assert.notEqual(last.refresh_token, next.refresh_token);
  assert.equal(last.user.id, session.user.id);
});
scenario("refreshSession with a token that is none", async ({ open }) => {
  await refused(open.client().auth.refreshSession({ refresh_token: "nothing" }), "refresh_token_not_found", 400);
});
scenario("refreshSession without a session", async ({ open }) => {
  const { error } = await open.client().auth.refreshSession();
  assert.equal(error.name, "AuthSessionMissingError");
});
scenario("setSession", async ({ open }) => {
  const { session, user } = await member(open);
  const device = open.client();
  const { access_token, refresh_token } = session;
  assert.equal((await ok(device.auth.setSession({ access_token, refresh_token }))).user.id, user.id);
  assert.equal((await ok(device.auth.getUser())).user.id, user.id);
});
scenario("setSession with an access token that is over refreshes it", async ({ open }) => {
  const { session, user } = await member(open);
  const [head, body, signature] = session.access_token.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  const old = Buffer.from(JSON.stringify({ ...claims, exp: 1000 })).toString("base64url");
  const device = open.client();
  const given = { access_token: `${head}.${old}.${signature}`, refresh_token: session.refresh_token };
  const found = await ok(device.auth.setSession(given));
  assert.equal(found.user.id, user.id);
  assert.notEqual(found.session.refresh_token, session.refresh_token);
});
for (const [scope, here, there] of [["global", false, false], ["local", false, true], ["others", true, false]]) {
  scenario(`signOut: ${scope}`, async ({ open }) => {
    const { device, email } = await member(open);
    const other = open.client();
    await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
    await (async () => assert.equal((await device.auth.signOut({ scope })).error, null))();
    assert.equal((await device.auth.getUser()).error === null, here);
    assert.equal((await other.auth.refreshSession()).error === null, there);
  });
}
scenario("a session that ended elsewhere is told as one that is missing", async ({ open }) => {
  const { device, email } = await member(open);
  const other = open.client();
  await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
  await other.auth.signOut({ scope: "others" });
  const { error } = await device.auth.getUser();
  assert.equal(error.name, "AuthSessionMissingError", String(error.stack));
});
scenario("onAuthStateChange", async ({ open }) => {
  const device = open.client();
  const seen = [];
  const { data: { subscription } } = device.auth.onAuthStateChange((event) => void seen.push(event));
  const email = open.fresh();
  await ok(device.auth.signUp({ email, password: PASSWORD }));
  await ok(device.auth.refreshSession());
  await ok(device.auth.updateUser({ data: { nick: "Ada" } }));
  await device.auth.signOut();
  await ok(device.auth.signInWithPassword({ email, password: PASSWORD }));
  subscription.unsubscribe();
  assert.deepEqual(seen.filter((event) => event !== "INITIAL_SESSION"),
    ["SIGNED_IN", "TOKEN_REFRESHED", "USER_UPDATED", "SIGNED_OUT", "SIGNED_IN"]);
});

// --- one's own account ---

scenario("updateUser: data and password", async ({ open }) => {
  const { device, email } = await member(open);
  assert.equal((await ok(device.auth.updateUser({ data: { nick: "Ada" } }))).user.user_metadata.nick, "Ada");
  await ok(device.auth.updateUser({ password: "another horse" }));
  await refused(device.auth.updateUser({ password: "another horse" }), "same_password", 422);
  await refused(open.client().auth.signInWithPassword({ email, password: PASSWORD }), "invalid_credentials", 400);
  await ok(open.client().auth.signInWithPassword({ email, password: "another horse" }));
});
scenario("updateUser: another address is confirmed at both", async ({ open }) => {
  const { device, email } = await member(open);
  const next = open.fresh();
  const { user } = await ok(device.auth.updateUser({ email: next }));
  assert.equal(user.email, email);
  assert.equal(user.new_email, next);
  for (const address of [email, next]) {
    await ok(open.client().auth.verifyOtp({ email: address, token: await open.code(address), type: "email_change" }));
  }
  await ok(open.client().auth.signInWithPassword({ email: next, password: PASSWORD }));
});
scenario("updateUser without a session", async ({ open }) => {
  const { error } = await open.client().auth.updateUser({ data: { nick: "Ada" } });
  assert.equal(error.name, "AuthSessionMissingError");
});
scenario("reauthenticate", async ({ open }) => {
  const { device, email } = await member(open);
  await ok(device.auth.reauthenticate());
  await ok(device.auth.updateUser({ password: "another horse", nonce: await open.code(email) }));
});

// --- codes and links ---

scenario("signUp that is to be confirmed, resend, verifyOtp", async ({ confirming }) => {
  const device = confirming.client();
  const email = confirming.fresh();
  const { user, session } = await ok(device.auth.signUp({ email, password: PASSWORD }));
  assert.equal(session, null);
  assert.equal(user.email_confirmed_at ?? null, null);
  await refused(device.auth.signInWithPassword({ email, password: PASSWORD }), "email_not_confirmed", 400);
  await ok(device.auth.resend({ type: "signup", email }));
  const found = await ok(device.auth.verifyOtp({ email, token: await confirming.code(email), type: "email" }));
  assert.equal(found.user.id, user.id);
  assert.equal((await ok(device.auth.getUser())).user.id, user.id);
});
scenario("signUp with an address that is taken tells nothing where it is to be confirmed", async ({ confirming }) => {
  const email = confirming.fresh();
  const device = confirming.client();
  await ok(device.auth.signUp({ email, password: PASSWORD }));
  await ok(device.auth.verifyOtp({ email, token: await confirming.code(email), type: "signup" }));
  const { user, session } = await ok(confirming.client().auth.signUp({ email, password: PASSWORD }));
  assert.equal(session, null);
  assert.equal(user.email, email);
  assert.equal(user.identities.length, 1);  // as for a new one: whether it is taken is nobody's business
});
scenario("signInWithOtp and verifyOtp, for somebody new and again", async ({ open }) => {
  const email = open.fresh();
  const device = open.client();
  const first = await (async () => {
    await ok(device.auth.signInWithOtp({ email, options: { data: { nick: "Ada" } } }));
    return ok(device.auth.verifyOtp({ email, token: await open.code(email), type: "email" }));
  })();
  assert.equal(first.user.user_metadata.nick, "Ada");
  await ok(device.auth.signInWithOtp({ email }));
  const again = await ok(device.auth.verifyOtp({ email, token: await open.code(email), type: "email" }));
  assert.equal(again.user.id, first.user.id);
});
scenario("verifyOtp with a wrong code, and one that was used", async ({ open }) => {
  const { device, email } = await member(open);
  await ok(device.auth.signInWithOtp({ email }));
  const code = await open.code(email);
  const wrong = code === "000000" ? "111111" : "000000";
  await refused(device.auth.verifyOtp({ email, token: wrong, type: "email" }), "otp_expired", 403);
  await ok(device.auth.verifyOtp({ email, token: code, type: "email" }));
  await refused(device.auth.verifyOtp({ email, token: code, type: "email" }), "otp_expired", 403);
});
scenario("resetPasswordForEmail, verifyOtp by its hash, a new password", async ({ open }) => {
  const { email } = await member(open);
  const device = open.client();
  const seen = [];
  device.auth.onAuthStateChange((event) => void seen.push(event));
  await ok(device.auth.resetPasswordForEmail(email));
  const token_hash = (await open.link(email)).searchParams.get("token");
  await ok(device.auth.verifyOtp({ token_hash, type: "recovery" }));
  await ok(device.auth.updateUser({ password: "another horse" }));
  await ok(open.client().auth.signInWithPassword({ email, password: "another horse" }));
  assert.ok(seen.includes("PASSWORD_RECOVERY"), String(seen));
});
scenario("resetPasswordForEmail of nobody is answered alike", async ({ open }) => {
  assert.deepEqual(await ok(open.client().auth.resetPasswordForEmail(open.fresh())), {});
});
scenario("exchangeCodeForSession", async ({ open }) => {
  const { email, user } = await member(open);
  const device = open.client({ flowType: "pkce" });
  await ok(device.auth.signInWithOtp({ email, options: { emailRedirectTo: "https://app.example.com/in" } }));
  const link = await open.link(email);
  const form = new URLSearchParams({
    token: link.searchParams.get("token"), type: link.searchParams.get("type"),
    redirect_to: link.searchParams.get("redirect_to"),
  });
  const pressed = await fetch(link.origin + link.pathname, { method: "POST", body: form, redirect: "manual" });
  const code = new URL(pressed.headers.get("location")).searchParams.get("code");
  const other = await open.client({ flowType: "pkce" }).auth.exchangeCodeForSession(code);
  assert.ok(other.error, "a code without its verifier");
  const found = await ok(device.auth.exchangeCodeForSession(code));
  assert.equal(found.user.id, user.id);
  const { error } = await device.auth.exchangeCodeForSession(code);
  assert.ok(error, "a code is good once");
});

// --- second factors ---

scenario("mfa: enroll, challengeAndVerify, listFactors, unenroll", async ({ open }) => {
  const { device, email } = await member(open);
  const levels = async (who) => {
    const { currentLevel, nextLevel } = await ok(who.auth.mfa.getAuthenticatorAssuranceLevel());
    return [currentLevel, nextLevel];
  };
  const factor = await ok(device.auth.mfa.enroll({ factorType: "totp", friendlyName: "phone" }));
  assert.match(factor.totp.uri, /^otpauth:\/\/totp\//);
  assert.match(factor.totp.qr_code, /^data:image\/svg\+xml/);
  assert.deepEqual(await levels(device), ["aal1", "aal1"]);
  const challenge = await ok(device.auth.mfa.challenge({ factorId: factor.id }));
  const given = { factorId: factor.id, challengeId: challenge.id, code: totp(factor.totp.secret, 1) };
  await ok(device.auth.mfa.verify(given));
  assert.deepEqual(await levels(device), ["aal2", "aal2"]);
  const other = open.client();
  await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
  assert.deepEqual(await levels(other), ["aal1", "aal2"]);
  await refused(other.auth.mfa.challengeAndVerify({ factorId: factor.id, code: given.code }), "mfa_verification_failed", 422);
  await ok(other.auth.mfa.challengeAndVerify({ factorId: factor.id, code: totp(factor.totp.secret) }));
  const { all, totp: apps } = await ok(other.auth.mfa.listFactors());
  assert.deepEqual([all.length, apps.length, apps[0].status], [1, 1, "verified"]);
  await ok(other.auth.mfa.unenroll({ factorId: factor.id }));
});

// --- by the service ---

scenario("admin: createUser, getUserById, listUsers, updateUserById, deleteUser", async ({ open }) => {
  const { admin } = open.service().auth;
  const email = open.fresh();
  const { user } = await ok(admin.createUser({
    email, password: PASSWORD, email_confirm: true, user_metadata: { nick: "Ada" }, app_metadata: { team: 7 },
  }));
  assert.ok(user.email_confirmed_at);
  assert.equal(user.app_metadata.team, 7);
  assert.equal((await ok(admin.getUserById(user.id))).user.email, email);
  const page = await ok(admin.listUsers({ page: 1, perPage: 2 }));
  assert.equal(page.users.length, 2);
  assert.ok(page.total >= 2, JSON.stringify(page));
  await ok(admin.updateUserById(user.id, { ban_duration: "1h" }));
  await refused(open.client().auth.signInWithPassword({ email, password: PASSWORD }), "user_banned", 400);
  await ok(admin.updateUserById(user.id, { ban_duration: "none", password: "another horse" }));
  await ok(open.client().auth.signInWithPassword({ email, password: "another horse" }));
  await ok(admin.deleteUser(user.id));
  await refused(admin.getUserById(user.id), "user_not_found", 404);
});
scenario("admin: inviteUserByEmail", async ({ open }) => {
  const email = open.fresh();
  const { user } = await ok(open.service().auth.admin.inviteUserByEmail(email, { data: { team: 7 } }));
  const token_hash = (await open.link(email)).searchParams.get("token");
  const found = await ok(open.client().auth.verifyOtp({ token_hash, type: "invite" }));
  assert.equal(found.user.id, user.id);
  assert.equal(found.user.user_metadata.team, 7);
});
scenario("admin: generateLink", async ({ open }) => {
  const { email } = await member(open);
  const { properties } = await ok(open.service().auth.admin.generateLink({ type: "magiclink", email }));
  assert.equal(properties.verification_type, "magiclink");
  assert.ok(properties.action_link.startsWith(`${open.url}/auth/v1/verify?`));
  await ok(open.client().auth.verifyOtp({ token_hash: properties.hashed_token, type: "email" }));
});
scenario("admin: signOut of somebody else's token", async ({ open }) => {
  const { device, session } = await member(open);
  const { error } = await open.service().auth.admin.signOut(session.access_token, "global");
  assert.equal(error, null);
  assert.ok((await device.auth.refreshSession()).error);
});
scenario("admin: mfa.listFactors and mfa.deleteFactor", async ({ open }) => {
  const { device, user } = await member(open);
  const { id } = await ok(device.auth.mfa.enroll({ factorType: "totp" }));
  const { mfa } = open.service().auth.admin;
  assert.equal((await ok(mfa.listFactors({ userId: user.id }))).factors.length, 1);
  await ok(mfa.deleteFactor({ userId: user.id, id }));
  assert.equal((await ok(mfa.listFactors({ userId: user.id }))).factors.length, 0);
});
scenario("admin without the service's key", async ({ open }) => {
  await refused(open.client().auth.admin.listUsers(), "not_admin", 403);
});

// --- second factors ---

scenario("mfa: a code of an app raises the session", async ({ open }) => {
  const { device, email } = await member(open);
  const { mfa } = device.auth;
  const factor = await ok(mfa.enroll({ factorType: "totp", friendlyName: "phone", issuer: "Feast" }));
  assert.ok(factor.totp.qr_code.startsWith("data:image/svg+xml;utf-8,<svg"));
  assert.equal((await ok(mfa.getAuthenticatorAssuranceLevel())).nextLevel, "aal1");
  const challenge = await ok(mfa.challenge({ factorId: factor.id }));
  const verified = await ok(mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: totp(factor.totp.secret) }));
  assert.equal(verified.user.factors[0].status, "verified");
  const level = await ok(mfa.getAuthenticatorAssuranceLevel());
  assert.deepEqual([level.currentLevel, level.nextLevel], ["aal2", "aal2"]);
  assert.deepEqual(level.currentAuthenticationMethods.map(({ method }) => method).sort(), ["password", "totp"]);
  assert.equal((await ok(mfa.listFactors())).totp.length, 1);

  const other = open.client();
  await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
  assert.equal((await ok(other.auth.mfa.getAuthenticatorAssuranceLevel())).nextLevel, "aal2");
  await refused(other.auth.updateUser({ password: "battery staple correct" }), "insufficient_aal", 401);
  await refused(other.auth.mfa.unenroll({ factorId: factor.id }), "insufficient_aal", 403);
  const code = totp(factor.totp.secret);
  await refused(other.auth.mfa.challengeAndVerify({ factorId: factor.id, code }), "mfa_verification_failed", 422);
  await ok(other.auth.mfa.challengeAndVerify({ factorId: factor.id, code: totp(factor.totp.secret, -1) }));

  assert.equal((await ok(mfa.unenroll({ factorId: factor.id }))).id, factor.id);
  await ok(device.auth.refreshSession());
  assert.equal((await ok(mfa.getAuthenticatorAssuranceLevel())).currentLevel, "aal1");
});
scenario("mfa.recoveryCodes", async ({ open }) => {
  const { device, email } = await member(open, { experimental: { recoveryCodes: true } });
  const { mfa } = device.auth;
  if (!mfa.recoveryCodes) return;  // releases before 2.119
  const { id, totp: { secret } } = await ok(mfa.enroll({ factorType: "totp" }));
  await ok(mfa.challengeAndVerify({ factorId: id, code: totp(secret) }));
  await refused(mfa.recoveryCodes.getStatus(), "mfa_factor_not_found", 404);
  const made = await ok(mfa.recoveryCodes.generate({ friendlyName: "Paper" }));
  assert.equal(made.codes.length, 10);
  const other = open.client({ experimental: { recoveryCodes: true } });
  await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
  await ok(other.auth.mfa.recoveryCodes.verify({ code: made.codes[0].match(/.{4}/g).join("-") }));
  assert.equal((await ok(other.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, "aal2");
  const status = await ok(mfa.recoveryCodes.getStatus());
  assert.deepEqual([status.total, status.remaining], [10, 9]);
  assert.equal((await ok(mfa.recoveryCodes.regenerate())).codes.length, 10);
});
scenario("passkey: what a browser is asked for", async ({ open }) => {
  const { device } = await member(open, { experimental: { passkey: true } });
  const { passkey } = device.auth;
  const asked = await ok(passkey.startRegistration());
  assert.ok(asked.challenge_id && asked.options.challenge && asked.expires_at > Date.now() / 1000);
  assert.deepEqual(await ok(passkey.list()), []);
  const credential = { id: "AAAA", rawId: "AAAA", type: "public-key", response: {}, clientExtensionResults: {} };
  await refused(passkey.verifyRegistration({ challengeId: asked.challenge_id, credential }), "webauthn_verification_failed", 400);
  const login = await ok(open.client({ experimental: { passkey: true } }).auth.passkey.startAuthentication());
  assert.equal(login.options.userVerification, "required");
});

// --- other places ---

scenario("signInWithOAuth of a place that is not set", async ({ open }) => {
  const { url } = await ok(open.client().auth.signInWithOAuth({ provider: "github", options: { skipBrowserRedirect: true } }));
  assert.ok(url.startsWith(`${open.url}/auth/v1/authorize?provider=github`));
  assert.equal((await fetch(url, { redirect: "manual" })).status, 400);
});
scenario("signInWithIdToken of a place that is not set", async ({ open }) => {
  const { error } = await open.client().auth.signInWithIdToken({ provider: "google", token: "a.b.c" });
  assert.equal(error.name, "AuthApiError");
  assert.equal(error.status, 400);
});

// --- organisations ---

scenario("organisations: made, invited to, read, and left", async ({ open }) => {
  const [ada, ben, eve] = [await member(open), await member(open), await member(open)];
  const ducks = await ok(ada.device.rpc("create_organisation", { name: "Ducks", metadata: { plan: "free" } }));
  assert.equal(ducks.created_by, ada.user.id);
  const asked = { organisation_id: ducks.id, email: ben.email, role: "member" };
  const invitation = await ok(ada.device.rpc("invite_member", asked).select("email, role, accepted_at"));
  assert.deepEqual(invitation, { email: ben.email, role: "member", accepted_at: null });
  const link = new URL((await open.mails(ben.email))[0].text.match(/https?:\/\/\S+\/invitation\?[\w=-]+/)[0]);
  const token = link.searchParams.get("token");
  assert.equal((await eve.device.rpc("accept_invitation", { token })).error.code, "UC430");
  assert.equal((await ok(ben.device.rpc("accept_invitation", { token }))).role, "member");
  assert.equal((await ben.device.rpc("accept_invitation", { token })).status, 404);
  const [seen] = await ok(ben.device.from("organisations").select("name, metadata, memberships(user_id, role)"));
  assert.deepEqual({ name: seen.name, metadata: seen.metadata }, { name: "Ducks", metadata: { plan: "free" } });
  assert.deepEqual(
    Object.fromEntries(seen.memberships.map((each) => [each.user_id, each.role])),
    { [ada.user.id]: "owner", [ben.user.id]: "member" },
  );
  assert.deepEqual(await ok(eve.device.from("organisations").select()), []);
  assert.deepEqual(await ok(ben.device.from("memberships").update({ role: "owner" }).eq("user_id", ben.user.id).select()), []);
  const [renamed] = await ok(ada.device.from("organisations").update({ name: "Geese" }).eq("id", ducks.id).select("name"));
  assert.equal(renamed.name, "Geese");
  await ok(ben.device.rpc("leave_organisation", { organisation_id: ducks.id }));
  assert.deepEqual(await ok(ben.device.from("organisations").select()), []);
  assert.equal((await ada.device.rpc("leave_organisation", { organisation_id: ducks.id })).error.code, "UC431");
});
