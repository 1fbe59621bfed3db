"""Two applications over the example's tables: in one all read every post, in the other authors read their own."""

from __future__ import annotations

from typing import Any

from examples.social.app import Post
from undercroft import App, auth

open_to_all = App()
own_only = App()


@open_to_all.policy(Post, "select")
def everybody(post: Any) -> Any:
    """Every post."""
    return True


@own_only.policy(Post, "select")
def authors(post: Any) -> Any:
    """One's own posts; `author_id` leads an index."""
    return post.author_id == auth.uid
