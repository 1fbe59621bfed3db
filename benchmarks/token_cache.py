"""What does it cost to know who is asking? Cold: a signature and its claims. Warm: memory and the clock."""

from __future__ import annotations

import timeit
from functools import partial

from undercroft.auth import Keys, identity, sign, token_claims
from undercroft.base.clock import SystemClock
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings

BAR = 1.0  # microseconds, warm


def main() -> None:
    clock, secret = SystemClock(), Secret("a secret that nobody guesses, honestly")
    settings = Settings()
    keys = Keys(secret, "", Secret(""))
    claims = token_claims(
        "authenticated", now=clock.timestamp(), lifetime=3600, issuer="u", sub="5f3c", more={"app_metadata": {"org": 7}}
    )
    header = b"Bearer " + sign(claims, secret).encode()
    warm = identity(keys, settings, clock)
    cold = identity(keys, Settings.model_validate({"auth": {"jwt_cache_entries": 0}}), clock)
    for name, who, rounds in (("warm", warm, 200_000), ("cold", cold, 5_000)):
        best = min(timeit.repeat(partial(who, header, None), number=rounds, repeat=5)) / rounds * 1e6
        note = f"  (bar: under {BAR} µs)" if name == "warm" else ""
        print(f"{name}: {best:7.2f} µs{note}")


if __name__ == "__main__":
    main()
