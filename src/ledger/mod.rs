//! Remembers runs, invitations and attempts in SQLite; no SQL exists outside this room.
