"""Accounts of a Supabase project, of Firebase, of Django and of files, taken over: people sign in as they did there."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.api.auth.factoring import Person, claims_of
from tests.api.auth.people import People
from tests.api.auth.supabase_project import MADE, OLD, PASSWORD, SEED, Project, hashed
from tests.api.auth.wallets import EthereumWallet, shown
from undercroft.auth.parts.from_files import FirebaseHash, read_hash_config
from undercroft.auth.service.taking_over import Report, take_over
from undercroft.auth.tables import AUDIT, FACTORS, IDENTITIES, SESSIONS, USERS
from undercroft.base.faults import SetupFault
from undercroft.cli.options import Common
from undercroft.cli.taking_over import _left_behind, import_users, of_file, of_supabase
from undercroft.engine.foreign import snapshot

SETTINGS = {"web3_ethereum_enabled": True, "email_enable_confirmations": True}
pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
def url(postgres_server: str) -> Iterator[str]:
    """A database beside that of the house."""
    with postgres.database(postgres_server) as made:
        yield made


@pytest.fixture
def project(url: str) -> Project:
    return Project(url)


def imported(house: People, project: Project) -> Report:
    room = house.house.people
    assert room is not None

    async def work() -> Report:
        with snapshot(project.url) as foreign:
            return await take_over(room, of_supabase(foreign), lambda _: None, source="a project")

    report: Report = house.run(work())
    return report


def from_file(house: People, path: Path, config: FirebaseHash | None = None, *, confirmed: bool = False) -> Report:
    room = house.house.people
    assert room is not None
    found = of_file(path, room.now(), config, confirmed=confirmed)
    report: Report = house.run(take_over(room, found, lambda _: None, source=path.name))
    return report


def entered(house: People, email: str, password: str = PASSWORD) -> Any:
    return house.ask("POST", "/token?grant_type=password", {"email": email, "password": password})


def test_people_of_a_project_sign_in_as_they_did(house: People, project: Project) -> None:
    email, wallet = house.fresh_email(), EthereumWallet()
    ada = project.person(email.upper().replace("@EXAMPLE.COM", "@Example.com"), banned_until="2020-01-01")
    its_id = project.identity(ada, "email", ada, {"email": email, "email_verified": True})
    project.identity(ada, "google", f"google-{ada}", {"email": email, "name": "Ada", "email_verified": True})
    factor = project.factor(ada)
    project.factor(ada, status="unverified", friendly_name="begun")
    project.add("auth.sessions", user_id=ada)
    owner = project.person(None, encrypted_password="", email_confirmed_at=None, raw_app_meta_data={"provider": "web3"})
    project.identity(owner, "web3", f"web3:ethereum:{wallet.address.upper().replace('0X', '0x')}", {})
    number = f"4912345{house.count:05d}"
    project.person(None, phone=number, phone_confirmed_at=MADE, email_confirmed_at=None)

    report = imported(house, project)
    assert (report.new, report.there, report.left_out, dict(report.notes)) == (3, 0, [], {})
    assert (report.identities, report.factors) == (4, 1)

    answer = entered(house, email)
    assert answer.status_code == 200, answer.text
    user = answer.json()["user"]
    assert (user["id"], user["email"], user["user_metadata"]) == (ada, email, {"nick": "Ada", "ünï": [1, None]})
    assert user["created_at"] == "2023-05-06T05:08:09.123456Z"
    assert sorted(each["provider"] for each in user["identities"]) == ["email", "google"]
    assert its_id in {each["identity_id"] for each in user["identities"]}
    (row,) = house.rows(USERS, id=ada)
    assert row["encrypted_password"].startswith("$argon2id$")  # hashed anew as she came
    assert [each["id"] for each in house.rows(FACTORS, user_id=ada)] == [factor]
    assert SEED not in house.rows(FACTORS, user_id=ada)[0]["secret"]

    person = Person(house, answer.json())
    assert person.aal == "aal1"
    person.seed, person.factor = SEED, factor
    assert person.verify().status_code == 200
    assert person.aal == "aal2"

    assert shown(house, wallet).json()["user"]["id"] == owner
    told = house.ask("POST", "/token?grant_type=password", {"phone": number, "password": PASSWORD})
    assert told.status_code == 200
    assert claims_of(told.json()["access_token"])["phone"] == number

    # Once more: what is there stays as it is, and nobody is signed out.
    before = [house.rows(table) for table in (USERS, IDENTITIES, FACTORS, SESSIONS)]
    later = project.person(house.fresh_email())
    report = imported(house, project)
    assert (report.new, report.there, report.left_out) == (1, 3, [])
    after = [house.rows(table) for table in (USERS, IDENTITIES, FACTORS, SESSIONS)]
    assert [row for row in after[0] if row["id"] != later] == before[0]
    assert [row for row in after[1] if row["user_id"] != later] == before[1]
    assert after[2:] == before[2:]
    told_of = [row["payload"]["traits"] for row in house.rows(AUDIT) if row["payload"]["action"] == "users_imported"]
    assert {"source": "a project", "new": 1, "there": 3, "left_out": 0} in told_of


def test_one_that_was_interrupted_goes_on(house: People, project: Project) -> None:
    house.count += 1
    project.run(
        "INSERT INTO auth.users (id, aud, role, email, raw_app_meta_data, created_at) SELECT gen_random_uuid(), "
        f"'authenticated', 'authenticated', 'many' || n || '@{house.count}.example', '{{}}', now() "
        "FROM generate_series(1, 250) n"
    )
    room = house.house.people
    assert room is not None

    def stop(_: Report) -> None:
        raise KeyboardInterrupt

    async def work() -> None:
        with snapshot(project.url) as foreign:
            await take_over(room, of_supabase(foreign), stop, source="a project")

    with pytest.raises(KeyboardInterrupt):
        house.run(work())
    report = imported(house, project)
    assert (report.new, report.there, report.left_out) == (50, 200, [])


def test_what_is_left_out_is_told(house: People, project: Project) -> None:
    taken = house.fresh_email()
    house.ask("POST", "/admin/users", {"email": taken, "email_confirm": True}, token=house.service)
    twice = project.person(taken)
    strange = project.person("no address")
    above = project.person(
        house.fresh_email(), role="service_role", encrypted_password="$9$unknown", is_super_admin=True
    )
    project.factor(above, "webauthn", secret=None, web_authn_credential={})
    project.factor(above, secret='{"key_id": "k", "alg": "aes-gcm-hkdf"}', friendly_name="sealed")
    gone = project.person("aGFzaA", deleted_at=MADE, encrypted_password=None)
    project.add("auth.sessions", user_id=gone)
    report = imported(house, project)
    assert dict(report.left_out) == {
        twice: "its e-mail address is another account's", strange: "its e-mail address is none",
    }  # fmt: skip
    assert dict(report.notes) == {
        "a role that is none of a person": 1, "a password that is stored in an unknown way": 1,
        "a security key, which is enrolled again": 1, "a second factor whose secret is encrypted there": 1,
    }  # fmt: skip
    (row,) = house.rows(USERS, id=above)
    assert (row["role"], row["encrypted_password"], row["is_super_admin"]) == ("authenticated", None, None)
    (row,) = house.rows(USERS, id=gone)
    assert row["deleted_at"] is not None
    assert house.rows(IDENTITIES, user_id=gone) == []
    with snapshot(project.url) as foreign:
        assert _left_behind(foreign) == ["1 sessions: people sign in again"]


def test_a_project_of_before(house: People, url: str) -> None:
    """Identities had the person's id at the provider as theirs, and an address was confirmed by another name."""
    project = Project(url, OLD)
    email, other = house.fresh_email(), house.fresh_email()
    user = project.add("auth.users", email=email, encrypted_password=hashed(), confirmed_at=MADE, raw_app_meta_data={})
    project.add("auth.identities", id="7", user_id=user, provider="github", identity_data={"sub": "7", "email": email})
    project.add("auth.users", email=other, encrypted_password=hashed(), confirmed_at=MADE)
    report = imported(house, project)
    assert (report.new, report.identities, report.left_out) == (2, 2, [])
    assert entered(house, email).json()["user"]["app_metadata"] == {"provider": "github", "providers": ["github"]}
    (identity,) = entered(house, other).json()["user"]["identities"]
    assert (identity["provider"], identity["identity_data"]["email_verified"]) == ("email", False)


def test_what_is_no_project_is_refused(house: People, url: str) -> None:
    other = Project(url, "CREATE TABLE users (id int)")
    with pytest.raises(SetupFault, match=r"no table auth\.users"):
        imported(house, other)
    other.url = "postgresql://nobody:secret@127.0.0.1:1/none"
    with pytest.raises(SetupFault) as fault:
        imported(house, other)
    assert "secret" not in fault.value.message


def test_a_role_that_sees_some_rows_only_is_refused(house: People, project: Project) -> None:
    """Row-level security would hide them all, and nobody would notice."""
    project.person(house.fresh_email())
    role = f"reader_{house.count}_{project.url[-6:]}".replace("-", "_").lower()
    project.run(f'CREATE ROLE "{role}" LOGIN')
    project.run(f'GRANT USAGE ON SCHEMA auth TO "{role}"')
    project.run(f'GRANT SELECT ON ALL TABLES IN SCHEMA auth TO "{role}"')
    whole, project.url = project.url, f"{project.url}{'&' if '?' in project.url else '?'}options=-crole%3D{role}"
    try:
        with pytest.raises(SetupFault, match="row-level security"):
            imported(house, project)
    finally:
        project.url = whole
        project.run(f'DROP OWNED BY "{role}"')
        project.run(f'DROP ROLE "{role}"')


# --- files ---


def firebase_hash(password: str, salt: bytes, signer: bytes, separator: bytes) -> bytes:
    """https://github.com/firebase/scrypt: the signer key, encrypted with what scrypt makes of the password."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = hashlib.scrypt(password.encode(), salt=salt + separator, n=1 << 14, r=8, p=1, maxmem=1 << 26, dklen=32)
    sealing = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return sealing.update(signer) + sealing.finalize()


def test_firebase(house: People, tmp_path: Path) -> None:
    signer, separator, salt = b"s" * 64, b"\x0a\x10", b"salt of eve"
    config = read_hash_config(
        f"hash_config {{\n  algorithm: SCRYPT,\n  base64_signer_key: {base64.b64encode(signer).decode()},\n"
        f"  base64_salt_separator: {base64.b64encode(separator).decode()},\n  rounds: 8,\n  mem_cost: 14,\n}}"
    )
    assert config is not None
    assert read_hash_config("mem_cost: 14") is None
    email, federated = house.fresh_email(), house.fresh_email()
    users = [
        {
            "localId": "a1", "email": email, "emailVerified": True, "salt": base64.b64encode(salt).decode(),
            "passwordHash": base64.urlsafe_b64encode(firebase_hash("horse", salt, signer, separator)).decode(),
            "displayName": "Eve", "createdAt": "1600000000000", "lastSignedInAt": "1600000100000", "disabled": False,
            "providerUserInfo": [{"providerId": "password", "rawId": email}], "customAttributes": '{"team": 7}',
        },
        {
            "localId": "a2", "email": federated, "emailVerified": True, "providerUserInfo": [
                {"providerId": "google.com", "rawId": "1234", "email": federated, "displayName": "Bo"},
                {"providerId": "yahoo.com", "rawId": "1"},
            ],
        },
        {"localId": "a3", "disabled": True},
    ]  # fmt: skip
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"users": users}))
    report = from_file(house, path, config)
    assert (report.new, report.left_out, dict(report.notes)) == (3, [], {"a way in by yahoo.com": 1})
    user = entered(house, email, "horse").json()["user"]
    assert user["app_metadata"] == {
        "firebase_id": "a1", "claims": {"team": 7}, "provider": "email", "providers": ["email"],
    }  # fmt: skip
    assert (user["created_at"], user["user_metadata"]) == ("2020-09-13T12:26:40Z", {"full_name": "Eve"})
    (row,) = house.rows(USERS, email=federated)
    assert [each["provider"] for each in house.rows(IDENTITIES, user_id=row["id"])] == ["google"]
    assert from_file(house, path, config).there == 3
    path.write_text(json.dumps({"users": [{**users[0], "localId": "a4", "email": house.fresh_email()}]}))
    assert dict(from_file(house, path).notes) == {"a password, which takes --firebase-hash": 1}


def test_django(house: People, tmp_path: Path) -> None:
    email, out = house.fresh_email(), house.fresh_email()
    salt, rounds = "seasalt", 1000
    digest = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"horse", salt.encode(), rounds)).decode()
    fields = {
        "password": f"pbkdf2_sha256${rounds}${salt}${digest}", "username": "ada", "first_name": "Ada",
        "last_name": "Lovelace", "email": email, "is_active": True, "is_superuser": True,
        "date_joined": "2020-01-02T03:04:05.678Z", "last_login": None, "groups": [],
    }  # fmt: skip
    rows = [
        {"model": "auth.user", "pk": 1, "fields": fields},
        {"model": "auth.user", "pk": 2, "fields": {**fields, "email": out, "is_active": False, "password": "!"}},
        {"model": "auth.user", "pk": 3, "fields": {**fields, "email": ""}},
    ]
    path = tmp_path / "users.json"
    path.write_text(json.dumps(rows))
    report = from_file(house, path, confirmed=True)
    assert (report.new, report.left_out) == (2, [("3", "it has no e-mail address")])
    user = entered(house, email, "horse").json()["user"]
    assert user["user_metadata"] == {"user_name": "ada", "full_name": "Ada Lovelace"}
    assert (user["app_metadata"]["django_id"], user["role"]) == (1, "authenticated")
    assert house.rows(USERS, email=out)[0]["banned_until"] is not None


def test_plain_files(house: People, tmp_path: Path) -> None:
    email, bare, second = house.fresh_email(), house.fresh_email(), house.fresh_email()
    table = tmp_path / "users.csv"
    table.write_text(
        "email,password_hash,email_confirmed,user_metadata,totp_secret\n"
        f'{email},{hashed()},yes,"{{""nick"": ""Ö""}}",{SEED}\n{bare},,,,\nnot an address,,,,\n',
        encoding="utf-8",
    )
    report = from_file(house, table)
    assert (report.new, report.factors, report.left_out) == (2, 1, [("entry 3", "its e-mail address is none")])
    assert entered(house, email).json()["user"]["user_metadata"] == {"nick": "Ö"}
    assert house.rows(USERS, email=bare)[0]["email_confirmed_at"] is None
    lines = tmp_path / "users.jsonl"
    entries: list[Any] = [
        {"email": second, "email_confirmed": True, "identities": [{"provider": "github", "id": f"g-{second}"}]},
        {"email": house.fresh_email(), "pasword_hash": "x"}, {"id": "7", "email": house.fresh_email()}, {},
        {"email": house.fresh_email(), "user_metadata": 5}, {"identities": [5]}, {"email": {"a": 1}},
        {"email": house.fresh_email(), "email_confirmed": "perhaps"},
        {"email": house.fresh_email(), "created_at": "yesterday"},
    ]  # fmt: skip
    lines.write_text("\n".join(json.dumps(each) for each in entries))
    report = from_file(house, lines)
    assert (report.new, len(report.left_out)) == (1, len(entries) - 1)
    assert "pasword_hash: no such name" in dict(report.left_out).values()
    for name, text in [
        ("a.csv", "email,pasword\na@b.example,x\n"), ("b.csv", "email,phone\na@b.example\n"), ("c.json", "{"),
        ("d.json", "5"), ("e.txt", ""), ("f.json", "[5]"), ("g.jsonl", "{]"), ("h.csv", 'email\n"a'),
    ]:  # fmt: skip
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(SetupFault):
            from_file(house, path)
    with pytest.raises(SetupFault):
        from_file(house, tmp_path / "missing.json")


# --- by the command ---


def test_the_command(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Project(url)
    project.factor(project.person("ada@example.com"))
    bad = project.person("none \x1b[31m")
    (tmp_path / "app.py").write_text('"""Nothing but people."""\n\nfrom undercroft import App\n\napp = App()\n')
    monkeypatch.chdir(tmp_path)
    options = Common(app="app.py", data=tmp_path / "data")
    import_users(options, url, None, confirmed=False, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["identities"], told["factors"], told["there"]) == (1, 1, 1, 0)
    assert told["left_out"] == [{"account": bad, "why": "its e-mail address is none"}]
    import_users(options, url, None, confirmed=False, as_json=False)
    captured = capsys.readouterr()
    assert "0 accounts taken over" in captured.out
    assert f"{bad} is left out" in captured.err
    assert "\x1b[31m" not in captured.err
    with pytest.raises(SetupFault, match="no hash_config"):
        import_users(options, url, tmp_path / "app.py", confirmed=False, as_json=False)
