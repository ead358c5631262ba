#!/usr/bin/env python3
"""What the same sending costs in Python: aiohttp, 32 at a time, intent and outcome of each row durable before anything else happens.

    python3 send.py URL BODIES.jsonl LEDGER.db row|group   (needs aiohttp)

`row` commits each intent and each outcome by itself; `group` commits together whatever waits, as this tool does.
"""

import asyncio
import json
import sqlite3
import sys

import aiohttp

CONCURRENCY = 32


class Ledger:
    def __init__(self, path, in_groups):
        self.database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                    "CREATE TABLE sent (row INTEGER PRIMARY KEY, token TEXT);")
        self.in_groups, self.waiting, self.committing = in_groups, [], None

    async def write(self, statement, values):
        """Ends once it is durable."""
        if not self.in_groups:
            self.database.execute(statement, values)
            return
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((statement, values, done))
        if self.committing is None:
            self.committing = asyncio.create_task(self.commit_all())
        await done

    async def commit_all(self):
        while self.waiting:
            group, self.waiting = self.waiting, []
            await asyncio.to_thread(self.commit, group)
            for _, _, done in group:
                done.set_result(None)
        self.committing = None

    def commit(self, group):
        self.database.execute("BEGIN")
        for statement, values, _ in group:
            self.database.execute(statement, values)
        self.database.execute("COMMIT")


async def worker(session, url, bodies, ledger):
    for number, body in bodies:
        await ledger.write("INSERT INTO sent (row) VALUES (?)", (number,))
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
            token = json.loads(await response.read())["data"]
        await ledger.write("UPDATE sent SET token = ? WHERE row = ?", (token, number))


async def main(url, file, path, commits):
    ledger = Ledger(path, commits == "group")
    with open(file, "rb") as source:
        bodies = iter(enumerate(line.rstrip(b"\n") for line in source))
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(worker(session, url, bodies, ledger) for _ in range(CONCURRENCY)))


asyncio.run(main(*sys.argv[1:]))
