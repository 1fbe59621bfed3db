"""A small social network: one file of models, policies and logic that is a complete backend.

Serve it with `make run`, or with `undercroft dev examples/social/app.py`. Read it from top to bottom: the tables, who
may reach which rows, which columns, what happens around a write, and the functions that callers may call by name.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import CheckConstraint, ForeignKey, Index, delete, exists, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from undercroft import App, Context, Fault, Model, User, auth

app = App(title="Social")


def now() -> datetime:
    return datetime.now(UTC)


# ---------------------------------------------------------------- tables: plain SQLAlchemy


class Profile(Model):
    """What a user shows of themselves."""

    __tablename__ = "profiles"

    id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    username: Mapped[str] = mapped_column(CheckConstraint("length(username) BETWEEN 3 AND 30"), unique=True)
    display_name: Mapped[str]
    bio: Mapped[str | None]
    email: Mapped[str | None]
    birthday: Mapped[datetime | None]
    verified: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)

    posts: Mapped[list[Post]] = relationship(back_populates="author")


class Post(Model):
    """Something that somebody wrote, for everyone or for their followers."""

    __tablename__ = "posts"
    __table_args__ = (
        CheckConstraint("audience IN ('everyone', 'followers')", name="posts_audience_check"),
        # One index for each question that is asked often: the latest posts, and the latest posts of somebody.
        Index(None, "created_at"),
        Index(None, "author_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id, ondelete="CASCADE"), default=auth.uid)
    title: Mapped[str]
    body: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(default=list)
    audience: Mapped[str] = mapped_column(default="everyone")
    published: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    edited_at: Mapped[datetime | None] = mapped_column(onupdate=now)

    author: Mapped[Profile] = relationship(back_populates="posts")
    comments: Mapped[list[Comment]] = relationship(back_populates="post")


class Comment(Model):
    """An answer to a post."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey(Post.id, ondelete="CASCADE"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id, ondelete="CASCADE"), index=True)
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)

    post: Mapped[Post] = relationship(back_populates="comments")
    author: Mapped[Profile] = relationship()


class Like(Model):
    """One profile likes one post, once."""

    __tablename__ = "likes"

    profile_id: Mapped[UUID] = mapped_column(
        ForeignKey(Profile.id, ondelete="CASCADE"), primary_key=True, default=auth.uid
    )
    post_id: Mapped[int] = mapped_column(ForeignKey(Post.id, ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Follow(Model):
    """One profile follows another."""

    __tablename__ = "follows"
    __table_args__ = (CheckConstraint("follower_id <> followed_id", name="follows_not_oneself_check"),)

    follower_id: Mapped[UUID] = mapped_column(
        ForeignKey(Profile.id, ondelete="CASCADE"), primary_key=True, default=auth.uid
    )
    followed_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id, ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Block(Model):
    """One profile wants nothing to do with another. Nobody but the blocker ever sees it."""

    __tablename__ = "blocks"

    blocker_id: Mapped[UUID] = mapped_column(
        ForeignKey(Profile.id, ondelete="CASCADE"), primary_key=True, default=auth.uid
    )
    blocked_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id, ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


# ---------------------------------------------------------------- who may reach which rows
#
# A policy is an SQL expression over a row, with the caller as a value: `auth.uid` is the user of the token, and NULL
# for somebody without one, so that no comparison with it is ever true. Policies for one command are joined by OR, and
# what no policy allows is closed. The docstrings are the reasons that `undercroft explain` prints.


def followed(profile_id: Any) -> Any:
    """The caller follows this profile."""
    return exists().where(Follow.followed_id == profile_id, Follow.follower_id == auth.uid)


def blocked_by(profile_id: Any) -> Any:
    """This profile has blocked the caller. Queries inside a policy see every row, also those that callers may not."""
    return exists().where(Block.blocker_id == profile_id, Block.blocked_id == auth.uid)


def readable(post: Any) -> Any:
    """The one sentence about posts that comments and likes repeat."""
    by_audience = (post.audience == "everyone") | followed(post.author_id)
    return (post.author_id == auth.uid) | (post.published & by_audience)


@app.policy(Profile, "select")
def profiles_are_public(profile: Any) -> Any:
    """Everybody may look somebody up."""
    return True


@app.policy(Profile, "update", to="authenticated")
def own_profile(profile: Any) -> Any:
    """Users change their own profile. There is no insert: a profile is made by `join`."""
    return profile.id == auth.uid


@app.policy(Post, "select")
def published_for_me_or_own(post: Any) -> Any:
    """Everybody reads what is published for everyone, followers what is published for them, authors all they wrote."""
    return readable(post)


@app.policy(Post, "insert", "update", "delete", to="authenticated")
def authors_write_their_own(post: Any) -> Any:
    """Authors write their own posts and nobody else's."""
    return post.author_id == auth.uid


@app.policy(Comment, "select")
def comments_follow_their_post(comment: Any) -> Any:
    """Whoever may read a post may read what others say to it."""
    return exists().where(Post.id == comment.post_id, readable(Post))


@app.policy(Comment, "insert", to="authenticated")
def comment_what_one_may_read(comment: Any) -> Any:
    """Users comment on posts that they can read, unless the author has blocked them."""
    mine = comment.author_id == auth.uid
    return mine & exists().where(Post.id == comment.post_id, readable(Post), ~blocked_by(Post.author_id))


@app.policy(Comment, "update", to="authenticated")
def own_comments(comment: Any) -> Any:
    """Users correct their own comments."""
    return comment.author_id == auth.uid


@app.policy(Comment, "delete", to="authenticated")
def own_comments_and_below_own_posts(comment: Any) -> Any:
    """Users take back their own comments, and authors keep their own posts clean."""
    below_own = exists().where(Post.id == comment.post_id, Post.author_id == auth.uid)
    return (comment.author_id == auth.uid) | below_own


@app.policy(Like, "select")
def likes_follow_their_post(like: Any) -> Any:
    """Whoever may read a post sees who likes it."""
    return exists().where(Post.id == like.post_id, readable(Post))


@app.policy(Like, "insert", "delete", to="authenticated")
def own_likes(like: Any) -> Any:
    """Users like for themselves, and only what they can read."""
    return (like.profile_id == auth.uid) & exists().where(Post.id == like.post_id, readable(Post))


@app.policy(Follow, "select")
def follows_are_public(follow: Any) -> Any:
    """Everybody sees who follows whom."""
    return True


@app.policy(Follow, "insert", "delete", to="authenticated")
def own_follows(follow: Any) -> Any:
    """Users follow for themselves, and nobody who has blocked them."""
    return (follow.follower_id == auth.uid) & ~blocked_by(follow.followed_id)


@app.policy(Block, "select", "insert", "delete", to="authenticated")
def own_blocks(block: Any) -> Any:
    """Users see and change their own blocks. Nobody learns that they were blocked."""
    return block.blocker_id == auth.uid


# ---------------------------------------------------------------- which columns

app.hide(Profile.email)  # for nobody but the service
app.hide(Profile.birthday, to="anon")  # for users only
app.read_only(Profile.id, Profile.username, Profile.verified, Profile.created_at)
app.read_only(Post.tags, Post.created_at, Post.edited_at)
app.preset(Comment.author_id, auth.uid)  # whatever the caller says
app.read_only(Comment.created_at)


# ---------------------------------------------------------------- around a write

HASHTAG = re.compile(r"#(\w{1,40})")
LONGEST = 5_000


@app.before_insert(Post)
@app.before_update(Post)
async def tidy(ctx: Context, post: Post) -> None:
    """Trim what was typed, refuse what is too long, and note the hashtags."""
    post.title, post.body = (post.title or "").strip(), (post.body or "").strip()
    if not post.title:
        raise Fault("a post needs a title", code="P0001")
    if len(post.body) > LONGEST:
        raise Fault(
            f"a post may have at most {LONGEST} characters", code="P0001", details=f"This one has {len(post.body)}."
        )
    post.tags = sorted({tag.lower() for tag in HASHTAG.findall(post.body)})


@app.after_insert(Block)
async def stop_following(ctx: Context, block: Block) -> None:
    """Whoever is blocked no longer follows; in the same transaction, and as the service: it is somebody else's row."""
    with ctx.as_service():
        gone = Follow.follower_id == block.blocked_id, Follow.followed_id == block.blocker_id
        await ctx.session.execute(delete(Follow).where(*gone))


# ---------------------------------------------------------------- functions: /rest/v1/rpc/<name>

Page = Annotated[int, Field(ge=1, le=100)]


class Liking(BaseModel):
    """What `like` answers."""

    liked: bool
    likes: int


class Stats(BaseModel):
    """What `stats` answers."""

    profiles: int
    posts: int
    comments: int
    likes: int


@app.rpc(to="authenticated")
async def join(ctx: Context, username: str, display_name: str) -> Profile:
    """Make a profile for the user of the token."""
    if ctx.auth.uid is None:
        raise Fault("the token names no user", code="P0001", hint="Its `sub` must be a UUID.")
    with ctx.as_service():
        if await ctx.session.get(User, ctx.auth.uid) is None:
            ctx.session.add(User(id=ctx.auth.uid))
            await ctx.session.flush()
        profile = Profile(id=ctx.auth.uid, username=username.strip().lower(), display_name=display_name.strip())
        ctx.session.add(profile)
        await ctx.session.flush()
    return profile


@app.rpc(to="authenticated", read_only=True)
async def feed(ctx: Context, size: Page = 20, before: datetime | None = None) -> list[Post]:
    """The latest posts of those whom the caller follows, as far as the caller may read them."""
    theirs = exists().where(Follow.followed_id == Post.author_id, Follow.follower_id == ctx.auth.uid)
    query = select(Post).where(Post.published, theirs)
    if before is not None:
        query = query.where(Post.created_at < before)
    latest = query.order_by(Post.created_at.desc(), Post.id.desc()).limit(size)
    return list(await ctx.session.scalars(latest))


@app.rpc(to="authenticated")
async def publish(ctx: Context, post_id: int) -> Post:
    """Publish a draft. Policies apply in here too: the post of somebody else is not found."""
    post = await ctx.session.get(Post, post_id)
    if post is None or post.author_id != ctx.auth.uid:
        raise Fault(f"you have no post {post_id}", code="P0001")
    post.published = True
    return post


@app.rpc(to="authenticated")
async def like(ctx: Context, post_id: int) -> Liking:
    """Like a post, or take the like back."""
    mine = await ctx.session.get(Like, (ctx.auth.uid, post_id))
    if mine is None:
        ctx.session.add(Like(post_id=post_id))
    else:
        await ctx.session.delete(mine)
    await ctx.session.flush()
    likes = await ctx.session.scalar(select(func.count()).select_from(Like).where(Like.post_id == post_id))
    return Liking(liked=mine is None, likes=likes or 0)


@app.rpc(read_only=True)
async def stats(ctx: Context) -> Stats:
    """How much there is, whoever asks: numbers only, counted as the service."""
    counted = {}
    with ctx.as_service():
        for name, model in (("profiles", Profile), ("posts", Post), ("comments", Comment), ("likes", Like)):
            counted[name] = await ctx.session.scalar(select(func.count()).select_from(model)) or 0
    return Stats(**counted)
