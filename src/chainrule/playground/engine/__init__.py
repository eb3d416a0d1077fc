"""What a page shows, without a page: sessions that are set, stepped, looked at, asked (floor 5).

Each session is a plain object for Python and for tests. Nothing here knows HTTP, a browser or a
thread but `player`, which runs a session in a thread of its own.
"""
