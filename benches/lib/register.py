"""The team's register: a PostgreSQL of its own, customers a second with 1, 4 and 16 senders, the share of the quota, and the price for one sender."""

import glob
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import servers

NOBODY = 65_534


class Postgres:
    """In a temporary folder, on loopback, with its durability as it comes."""

    def __init__(self):
        self.programs = max(glob.glob("/usr/lib/postgresql/*/bin"), default=None)
        if not self.programs:
            raise FileNotFoundError("PostgreSQL is not installed")
        self.folder = tempfile.mkdtemp(prefix="vlens-batch-bench-pg-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def run(self, program, *args):
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run([os.path.join(self.programs, program), *args], check=True, cwd="/", stdout=subprocess.DEVNULL, **as_nobody)

    def __enter__(self):
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        data = self.data = os.path.join(self.folder, "data")
        self.run("initdb", "-A", "trust", "-U", "owner", "-D", data)
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=100"
        self.run("pg_ctl", "-D", data, "-o", options, "-l", os.path.join(self.folder, "log"), "-w", "start")
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def sql(self, statement):
        url = f"postgres://owner@127.0.0.1:{self.port}/postgres"
        done = subprocess.run([os.path.join(self.programs, "psql"), "-XAtqc", statement, url], check=True, capture_output=True, text=True)
        return done.stdout.strip()


def register(bench):
    try:
        postgres = Postgres()
    except FileNotFoundError as error:
        yield "the team's register", "—", f"skipped: {error}", None
        return
    with postgres:
        alone = None
        for senders in (0, 1, 4, 16):
            seconds, calls = send(bench, postgres, senders)
            rate = 960 / seconds
            if senders == 0:
                alone = rate
                continue
            price = f"; without a register one sender makes {alone:.0f}" if senders == 1 else ""
            yield f"960 customers by {senders} senders, no limits", "—", f"{rate:.0f} customers a second, {calls / 960:.2f} round trips a customer{price}", None
        yield quota(bench, postgres)


def send(bench, postgres, senders, count=960, limits="per_second = 100000\nper_minute = 1000000", flags=("--per-second", "0", "--per-minute", "0"), log=None):
    """Parts the customers among the senders. Gives how long it took, and how often the register was asked; 0 senders: one, without it."""
    folder = tempfile.mkdtemp(dir=bench.folder)
    with open(os.path.join(folder, "vlens-batch.toml"), "w", encoding="utf-8") as config:
        config.write(f"[limits]\n{limits}\n")
    with servers.sandbox(bench.binary, *flags, *(("--log", log) if log else ())) as server:
        env = {"PATH": os.environ["PATH"], "HOME": folder, **server}
        if senders:
            postgres.sql("DROP SCHEMA IF EXISTS vlens_batch CASCADE")
            env["VLENS_REGISTER"] = f"postgres://owner@127.0.0.1:{postgres.port}/postgres"
            env["VLENS_REGISTER_KEY_FILE"] = os.path.join(folder, "team.key")
            init = [bench.binary, "register", "init", "--new-key", "team.key"]
            subprocess.run(init, env=env, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        processes = max(senders, 1)
        for n in range(processes):
            rows = "".join(f"+2010{i:08d},414,Customer {i}\n" for i in range(n, count, processes))
            with open(os.path.join(folder, f"{n}.csv"), "w", encoding="utf-8") as sheet:
                sheet.write(f"phoneNumber,contractTypeId,fullName\n{rows}")
        calls = "SELECT coalesce(sum(xact_commit), 0) FROM pg_stat_database WHERE datname = 'postgres'"
        before = int(postgres.sql(f"SELECT pg_stat_clear_snapshot(); {calls}") or 0)
        began = time.monotonic()
        running = [
            subprocess.Popen([bench.binary, "run", f"{n}.csv", "--ledger", f"{n}.db", "--quiet"], env=env, cwd=folder, stdout=subprocess.DEVNULL)
            for n in range(processes)
        ]
        codes = [process.wait() for process in running]
        seconds = time.monotonic() - began
        assert not any(codes), codes
        time.sleep(1.5)
        return seconds, int(postgres.sql(calls)) - before


def quota(bench, postgres):
    log = os.path.join(bench.folder, "register.jsonl")
    send(bench, postgres, 4, count=296, limits="per_second = 10\nper_minute = 60", flags=(), log=log)
    with open(log, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    times = sorted(record["at_ms"] for record in records)
    refused = sum(record["status"] == 429 for record in records)
    # 296 customers and 4 logins: four full minutes, and the last sixty at ten a second.
    share = (4 * 60_000 + 5_900) / (times[-1] - times[0])
    return ("quota: four senders, 10/s and 60/min, 300 requests", "at least 97 %; no 429", f"{share:.1%}; 429: {refused}", share >= 0.97 and refused == 0)
