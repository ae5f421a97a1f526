"""The logs of Feldera's pipelines, followed: streams, lines, and where the reading stands.

``GET /v0/pipelines/{name}/logs`` replays the runner's buffer (1,000,000 bytes or 50,000 lines) on every connect and
then goes on for ever, without a heartbeat; servers from 0.351 take a cursor.
"""
