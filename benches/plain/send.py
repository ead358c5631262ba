#!/usr/bin/env python3
"""What the same sending costs in Python: aiohttp, 32 at a time, and a durable commit of intent and outcome for each row.

    python3 send.py URL FILE.csv LEDGER.db   (needs aiohttp)
"""

import asyncio
import csv
import json
import sqlite3
import sys

import aiohttp

CONCURRENCY = 32


def body(row):
    return json.dumps({"SessionInput": {
        "phoneNumber": "+2" + row["Mobile"],
        "email": row["E-mail"],
        "sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": True, "DigitalIdentityOnly": False},
        "RequestFieldsValues": {"414": {
            "fullName": row["Name"], "nationalId": row["National ID"], "birthDate": row["Date of birth"],
            "monthlyIncome": row["Monthly income"], "maritalStatus": row["Marital status"],
            "address": f"{row['Street']}, {row['City']}", "city": row["City"], "currency": "EGP"}}}}, ensure_ascii=False)


async def worker(session, url, rows, ledger):
    for number, row in rows:
        ledger.execute("INSERT INTO sent (row) VALUES (?)", (number,))
        async with session.post(url, data=body(row), headers={"Content-Type": "application/json"}) as response:
            token = (await response.json())["data"]
        ledger.execute("UPDATE sent SET token = ? WHERE row = ?", (token, number))


async def main(url, file, path):
    ledger = sqlite3.connect(path, isolation_level=None)
    ledger.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE sent (row INTEGER PRIMARY KEY, token TEXT);")
    with open(file, encoding="utf-8", newline="") as source:
        rows = iter(enumerate(csv.DictReader(source)))
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(worker(session, url, rows, ledger) for _ in range(CONCURRENCY)))


asyncio.run(main(*sys.argv[1:]))
