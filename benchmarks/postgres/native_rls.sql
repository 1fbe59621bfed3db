-- The example's policies for what the benchmarks ask, as native row-level security: roles, grants, claims by setting.
DO $$
BEGIN
    CREATE ROLE anon NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
DO $$
BEGIN
    CREATE ROLE authenticated NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
DO $$
BEGIN
    CREATE ROLE undercroft_bench LOGIN NOINHERIT PASSWORD 'only for benchmarks';
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT anon, authenticated TO undercroft_bench;

CREATE SCHEMA IF NOT EXISTS auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid $$;

GRANT USAGE ON SCHEMA public, auth TO anon, authenticated;
GRANT SELECT ON posts, comments, follows TO anon, authenticated;
GRANT SELECT (id, username, display_name, bio, verified, created_at) ON profiles TO anon, authenticated;
GRANT INSERT (post_id, author_id, body) ON comments TO authenticated;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO authenticated;
ALTER TABLE comments ALTER author_id SET DEFAULT auth.uid(), ALTER created_at SET DEFAULT now();

ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE follows ENABLE ROW LEVEL SECURITY;

CREATE POLICY profiles_are_public ON profiles FOR SELECT USING (true);
CREATE POLICY follows_are_public ON follows FOR SELECT USING (true);
CREATE POLICY published_for_me_or_own ON posts FOR SELECT USING (
    author_id = (SELECT auth.uid())
    OR published AND (
        audience = 'everyone'
        OR EXISTS (SELECT FROM follows WHERE followed_id = posts.author_id AND follower_id = (SELECT auth.uid()))
    )
);
CREATE POLICY comments_follow_their_post ON comments FOR SELECT USING (
    EXISTS (SELECT FROM posts WHERE posts.id = post_id)
);
CREATE POLICY comment_what_one_may_read ON comments FOR INSERT TO authenticated WITH CHECK (
    author_id = (SELECT auth.uid()) AND EXISTS (SELECT FROM posts WHERE posts.id = post_id)
);
