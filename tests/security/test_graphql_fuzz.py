"""Sound questions that are made unsound (Z4): each is answered by one statement, or refused at once without any.

No answer is a fault of the program, and what is answered was within its price.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

from tests.api.scenario import Place, send
from tests.sameness.twice import Asker, Twice
from tests.security.graphql_questions import PATH, ask
from tests.security.graphql_world import described
from tests.security.test_graphql_documents import BUSY, SOON
from tests.security.test_graphql_two_worlds import texts
from tests.security.world import BEA

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|\w+|[^\s\w]')
NOISE = ("{", "}", "(", ")", "[", "]", ":", "!", "$", "@", "|", "=", "...", '"', "#", "on", "null", "1e999", "-", "\ufeff",
         "fragment", "query", "mutation", "__typename", "__schema", "nodeId", "edges", "first", "@skip(if: true)", "\x00")  # fmt: skip
Mutator = Callable[[random.Random, str], str]


def aliased(chance: random.Random, text: str) -> str:
    """A selection many times, each by another name."""
    inner = text[text.index("{") :].rsplit("}", 1)[0]
    body = inner[1:]
    return text.replace(inner, "{" + " ".join(body.replace("q0:", f"a{n}:", 1) for n in range(chance.choice((2, 200)))))


def wrapped(chance: random.Random, text: str) -> str:
    """Everything in fragments in their place."""
    levels = chance.choice((1, 5, 100))
    at = text.index("{")
    return text[:at] + "{ ... @include(if: true) " * levels + text[at:] + " }" * levels


def directed(chance: random.Random, text: str) -> str:
    directive = chance.choice((" @include(if: true)", " @skip(if: false)", " @nope", " @skip", " @include(if: 1)"))
    return re.sub(r"edges", "edges" + directive * chance.choice((1, 2, 60)), text, count=chance.choice((0, 1, 3)))


def circular(chance: random.Random, text: str) -> str:
    name = f"C{chance.randrange(9)}"
    return (
        text.replace("edges", f"...{name} edges", 1)
        + f" fragment {name} on NotesConnection {{ ...{name} edges {{ cursor }} }}"
    )


def longer(chance: random.Random, text: str) -> str:
    return text + chance.choice((" # ", " , ", " query Q { __typename } ", " fragment F on Query { a } ")) * 10_000


def damaged(chance: random.Random, text: str) -> str:
    """Tokens left out, doubled, exchanged or new."""
    tokens = TOKEN.findall(text)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        way = chance.randrange(4)
        if way == 0:
            tokens[at] = ""
        elif way == 1:
            tokens[at] += f" {tokens[at]}"
        elif way == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            tokens[at] = chance.choice(NOISE)
    return " ".join(tokens)


def untouched(chance: random.Random, text: str) -> str:
    return text


MUTATORS: tuple[Mutator, ...] = (aliased, wrapped, directed, circular, longer, damaged, damaged, untouched)


def values_of(chance: random.Random, twice: Twice) -> dict[str, object]:
    """The variables, now and then another kind of value, or none."""
    found: dict[str, object] = dict(twice.variables)
    for name in list(found):
        if chance.random() < 0.03:
            found[name] = chance.choice(
                (None, [], {}, "x", 10**400, -1, 1.5, True, {"eq": {"eq": 1}}, [[[[1]]]], "\x00")
            )
        elif chance.random() < 0.01:
            del found[name]
    return found


def test_z4_sound_questions_made_unsound(place: Place, rounds: Callable[[int, int], int]) -> None:
    chance = random.Random("unsound")
    asker = Asker(chance, described(BEA), texts, depth=2)
    place.ask(send("POST", PATH, {"query": "{__typename}"}), BEA)
    statuses: dict[int, int] = {}
    for _ in range(rounds(120, 5_000)):
        twice = asker.next()
        document = chance.choice(MUTATORS)(chance, twice.document)
        request = send("POST", PATH, {"query": document, "variables": values_of(chance, twice)})
        found = ask(place, request, BEA)
        if found.reply.status != 200 and found.seconds > SOON * BUSY:  # what else the process did is no fault of it
            found = min((ask(place, request, BEA) for _ in range(3)), key=lambda each: each.seconds)
        status, shown = found.reply.status, f"{document[:3000]}: {found.reply.body[:500]!r}"
        assert status in (200, 400), shown
        statuses[status] = statuses.get(status, 0) + 1
        if status == 200:
            assert found.statements <= 1, shown
            continue
        assert found.statements == 0, shown
        assert found.seconds < SOON * BUSY, f"{found.seconds * 1e3:.0f} ms: {shown}"
        assert json.loads(found.reply.body)["errors"], shown
    assert min(statuses.values()) > 10, statuses
