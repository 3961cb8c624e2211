"""Who is asking, and what they may.

Layout:

- `patterns`: topics and patterns of topics, and what they cover.
- `grants`: what somebody may do, once it is known who they are.
- `audit`: one line of the log for everybody who was refused, or whose access ended or was
  renewed.
- `credentials`: where a credential is in a request, and that there is one and no other.
- `revoked`: which tokens were taken back, as a set that forgets nothing before its time.
- `revocations`: what was revoked anywhere is known in this process within a second.
- `packed`: grants as bytes, for another process of the same log.
- `claims`: verified claims, of a token or of the application's answer, as grants.

A token:

- `compact`: its text: three parts of base64url, of which the first two are JSON objects.
- `keys`: what verifies it: a key, and the one algorithm that it is for.
- `jwks`: the keys that an issuer publishes at a URL: fetched, kept, refreshed.
- `key_set`: what an issuer answers when it is asked for its keys.
- `validity`: whether it is for this server, and for now.
- `tokens`: whose it is and what it allows: verified once, then known by its text.
- `verified`: those that were verified, by a digest of their text.

Made here:

- `issue`: tokens that are signed with the secret, for ``streamer token``.
- `exchange`: short-lived tokens of named topics, for use in a URL.

Or the application is asked:

- `application`: over HTTP, with what the request holds.
- `authorize`: in the same process, by a function.
- `bounded_get`: one GET to somebody who may be away, slow or broken.

As the settings say:

- `configured`: the keys, the tokens and the application that they ask for.
- `trial`: whether those can be used, for ``streamer check``.
"""

__all__ = [
    "application",
    "audit",
    "authorize",
    "bounded_get",
    "claims",
    "compact",
    "configured",
    "credentials",
    "exchange",
    "grants",
    "issue",
    "jwks",
    "key_set",
    "keys",
    "packed",
    "patterns",
    "revocations",
    "revoked",
    "tokens",
    "trial",
    "validity",
    "verified",
]
