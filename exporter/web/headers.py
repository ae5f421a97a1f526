"""Headers that keep a browser from doing more with an answer than to show it."""

from __future__ import annotations

SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
"""For every answer that a browser may open."""

UNCACHED = {"cache-control": "no-store"}
"""For what is true now: nobody is to see it later as if it were."""

PAGE = {
    **SAFE,
    **UNCACHED,
    "x-frame-options": "DENY",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
"""For pages: styles and scripts from here alone, and only from files: nothing of a page itself is ever run."""
