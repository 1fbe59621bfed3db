"""Where a token says its role: every form that PostgREST documents, and what is not one."""

from __future__ import annotations

import pytest

from undercroft.auth.errors import KeyFault
from undercroft.auth.parts.role_path import role_path

CLAIMS = {
    "role": "author",
    "app": {"roles": ["other", "app_editor", 3], "groups": ["/staff", "/guests/"], "primary": "x"},
    "https://www.example.test/role": {"key": "writer"},
    "$odd@": "odd",
}


@pytest.mark.parametrize(
    ("path", "role"),
    [
        (".role", "author"), ("$.role", "author"), ("$.app.primary", "x"), (".$odd@", "odd"),
        (".app.roles[1]", "app_editor"), (".app.roles[2]", 3), (".app.roles[9]", None),
        (".app.roles", ["other", "app_editor", 3]),
        ('."https://www.example.test/role".key', "writer"),
        ('.app.roles[?(@ == "other")]', "other"), ('.app.roles[?(@ != "other")]', "app_editor"),
        ('.app.roles[?(@ ^== "app_")]', "app_editor"), ('.app.roles[?(@ ==^ "itor")]', "app_editor"),
        ('.app.roles[?(@ *== "_ed")]', "app_editor"), ('.app.roles[?(@ == "nobody")]', None),
        ('.app.roles[?(@ ^== "app_")][4:]', "editor"),
        (".app.groups[0][1:]", "staff"), (".app.groups[1][1:-1]", "guests"),
        (".role[:2]", "au"), (".role[:]", "author"), (".role[4:2]", None),
        (".missing", None), (".role.deeper", None), (".role[0]", None),
        ('.role[?(@ == "author")]', None), (".app[0]", None), (".role[-1]", None),
        (".app.roles[-2]", "app_editor"), (".app.roles[*]", "other"), (".app.*", ["other", "app_editor", 3]),
        ("$['app'][\"primary\"]", "x"), ("$.app.roles[?@ == 'app_editor']", "app_editor"),
        ("$.app.roles[?search(@, '^app_')]", "app_editor"), ("$.app.roles[?match(@, 'app')]", None),
        (".app.roles[?(@ == 'other')]", "other"), (".app.roles[1:]", "app_editor"),
    ],
)  # fmt: skip
def test_a_path_finds_its_value(path: str, role: object) -> None:
    assert role_path(path).find(CLAIMS) == role


@pytest.mark.parametrize(
    "path",
    ["", "$", "role", ".", "..role", ".role[", ".ro le", '."x', ".role[?(@ ~ 'x')]", "$role", ".role[?search(@, '(')]"],
)
def test_what_is_no_path_is_refused_with_its_place(path: str) -> None:
    with pytest.raises(KeyFault, match="jwt_role_claim"):
        role_path(path)
