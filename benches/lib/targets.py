"""Each target: how it is measured and what it is held against. One function a group; each yields (what, target, measured, holds)."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import inputs
import senders
import servers
from measure import Samples, pairs, ratio, run

TOKEN_BYTES = len(servers.TOKEN)


class Bench:
    """Where things are, and what was made already."""

    def __init__(self, binary, plain, folder, rows, count):
        self.binary, self.plain, self.folder, self.rows, self.count = binary, plain, folder, rows, count
        self.home = os.path.join(folder, "home")
        os.makedirs(self.home, exist_ok=True)
        with open(os.path.join(self.home, "vlens-batch.toml"), "w", encoding="utf-8") as file:
            file.write(inputs.CONFIG)

    def csv(self, rows):
        path = os.path.join(self.home, f"customers-{rows}.csv")
        if not os.path.exists(path):
            made("csv", path, rows)
        return path

    def xlsx(self, rows):
        path = os.path.join(self.home, f"customers-{rows}.xlsx")
        if not os.path.exists(path):
            made("xlsx", path, rows)
        return path

    def path(self, name):
        return os.path.join(self.folder, name)

    def ledger(self, name):
        """A path without a ledger."""
        path = self.path(f"{name}.db")
        forget(path)
        return path

    def tool(self, *args, server=None, stdout=None, keep_stderr=None):
        env = {"PATH": os.environ["PATH"], "HOME": self.home, **(server or servers.credentials("http://127.0.0.1:9"))}
        return run([self.binary, *map(str, args)], env=env, cwd=self.home, stdout=stdout, keep_stderr=keep_stderr)


def made(kind, path, rows):
    """In a process of its own: a child's peak of memory is told no lower than what this one holds."""
    subprocess.run([sys.executable, inputs.__file__, kind, path, str(rows)], check=True)


def forget(path):
    for suffix in ["", "-wal", "-shm", "-lock", ".lock"]:
        if os.path.exists(path + suffix):
            os.remove(path + suffix)


def disk(path):
    return sum(os.path.getsize(path + suffix) for suffix in ["", "-wal"] if os.path.exists(path + suffix))


def told(taken):
    return f"{taken.seconds:.2f} s, CPU {taken.cpu:.2f} s, {taken.peak_mb:.0f} MB"


def start(bench):
    for flag in ["--version", "--help"]:
        samples = Samples()
        for _ in range(20):
            samples.add(bench.tool(flag))
        ms = samples.seconds * 1000
        yield f"start: `{flag}`", "under 10 ms", f"{ms:.1f} ms", ms < 10
    size = os.path.getsize(bench.binary) / 1e6
    yield "release binary", "under 16 MB", f"{size:.1f} MB", size < 16


def check(bench):
    path = bench.csv(bench.rows)
    ours, plain = pairs(bench.count,
                        lambda: bench.tool("check", path, "--ledger", bench.ledger("none")),
                        lambda: run([bench.plain, "csv", path]))
    of = ratio(ours, plain)
    yield (f"`check`, {bench.rows:,} rows CSV", "at most 10 x a plain csv-crate count",
           f"{of:.1f} x ({told(ours)}; plain {plain.seconds:.2f} s)", of <= 10)
    yield "the same, memory", "under 64 MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb < 64


def check_xlsx(bench):
    rows = min(100_000, bench.rows)
    path = bench.xlsx(rows)
    ours, plain = pairs(bench.count,
                        lambda: bench.tool("check", path, "--ledger", bench.ledger("none")),
                        lambda: run([bench.plain, "xlsx", path]))
    of = ratio(ours, plain)
    yield (f"`check`, XLSX {rows:,} rows x 11 cells", "at most 1.5 x calamine's own streaming read",
           f"{of:.2f} x ({told(ours)}; calamine {plain.seconds:.2f} s, {plain.peak_mb:.0f} MB)", of <= 1.5)
    yield "the same, memory", "under 48 MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb < 48


def enrol(bench):
    """Also leaves `enrolled.db` behind, with one row sent."""
    path = bench.csv(bench.rows)
    imported = bench.path("imported.db")
    with servers.nginx(bench.folder) as server:
        if not server or not shutil.which("sqlite3"):
            yield "enrolling", "at most 2 x `sqlite3 .import`", "not measured: nginx and sqlite3 are needed", None
            return

        def ours():
            ledger = bench.ledger("enrolled")
            return bench.tool("run", path, "--limit", 1, "--ledger", ledger, "--rate", "unlimited", server=server)

        def theirs():
            forget(imported)
            return run(["sqlite3", imported, ".mode csv", f".import {path} customers"])

        taken, plain = pairs(bench.count, ours, theirs)
        of = ratio(taken, plain)
        yield (f"enrolling {bench.rows:,} rows (`run --limit 1`)", "at most 2 x `sqlite3 .import` of the same file",
               f"{of:.2f} x ({told(taken)}; sqlite3 {plain.seconds:.2f} s)", of <= 2)
        yield "the same, memory", "under 64 MB", f"{taken.peak_mb:.0f} MB", taken.peak_mb < 64
        ledger = bench.path("enrolled.db")
        yield "ledger size, enrolled", "under 500 bytes a row", f"{disk(ledger) / bench.rows:.0f} bytes a row", None

        again = Samples()
        for _ in range(bench.count):
            again.add(bench.tool("run", path, "--limit", 1, "--ledger", ledger, "--rate", "unlimited", server=server))
        yield "`run` on the unchanged file, rows due", "first request within 0.5 s", told(again), again.seconds <= 0.5
        resumed = Samples()
        for _ in range(bench.count):
            resumed.add(bench.tool("resume", "--limit", 1, "--ledger", ledger, "--rate", "unlimited", server=server))
        yield ("`resume` from the ledger, one request and out", "first request within 0.15 s", told(resumed),
               resumed.seconds <= 0.15)


def send(bench):
    """Also leaves `finished.db` behind, with every row sent."""
    rows = bench.rows
    path = bench.csv(rows)
    with servers.nginx(bench.folder) as server:
        if not server:
            yield "sending", "see below", "not measured: nginx is needed", None
            return
        url = server["VLENS_BASE_URL"] + "/api/IdentityUserSession/CreateInvitation"
        ledger = bench.ledger("finished")
        args = ["--ledger", ledger, "--rate", "unlimited", "--concurrency", 32]
        bench.tool("run", path, "--limit", 1, *args, server=server)
        part = max(rows // (2 * bench.count), 1)
        body = body_file(bench)
        samples, oha, qsv, python = Samples(), [], [], []
        for _ in range(bench.count):
            samples.add(bench.tool("resume", "--limit", part, *args, server=server))
            oha.append(senders.oha(body, server, "-z", "3s"))
            qsv.append(senders.qsv(bench, server, min(part, 50_000)))
            python.append(senders.python(bench, server, min(part, 10_000)))
        # Starting up and summing up are part of every run, so they are measured and not guessed away.
        per_s = part / samples.seconds
        cpu = samples.cpu / part * 10_000
        yield ("sending, `--rate unlimited --concurrency 32`, intent and outcome durable for each row",
               "at least 2.5 x `qsv fetchpost`", *compared(per_s, samples, part, "qsv", qsv, 2.5))
        yield ("the same", "at least 0.25 x `oha`", *compared(per_s, samples, part, "oha", oha, 0.25))
        yield ("the same", "at least 10 x Python aiohttp + sqlite3",
               *compared(per_s, samples, part, "Python", python, 10))
        yield "the same, CPU", "at most 0.45 s per 10,000 rows", f"{cpu:.2f} s", cpu <= 0.45
        yield "the same, memory", "flat under 40 MB", f"{samples.peak_mb:.0f} MB over {part:,} rows", samples.peak_mb < 40
        status = Samples()
        for _ in range(bench.count):
            status.add(bench.tool("status", "--ledger", ledger))
        ms = status.seconds * 1000
        yield "`status` on the ledger half done", "under 50 ms", f"{ms:.0f} ms", ms < 50
        resumed = Samples()
        for _ in range(bench.count):
            resumed.add(bench.tool("resume", "--limit", 1, *args, server=server))
        yield ("`resume` on the ledger half done, one request and out", "first request within 0.15 s", told(resumed),
               resumed.seconds <= 0.15)
        during = status_during_a_run(bench, ledger, args, server)
        yield "`status` during a run", "under 50 ms", f"{during:.0f} ms", during < 50
        bench.tool("resume", *args, server=server)
        again = Samples()
        for _ in range(bench.count):
            again.add(bench.tool("run", path, *args, server=server))
        yield ("the unchanged, finished file again", "under 2 s, no request", told(again),
               again.seconds < 2 and all(taken.code == 0 for taken in again.all))
        size = disk(ledger) / rows
        yield ("ledger size, finished", "under 500 bytes a row",
               f"{size:.0f} bytes a row, of them {TOKEN_BYTES} the token", size < 500)


def body_file(bench):
    """One body as it is sent, for tools that send the same one again and again."""
    body = bench.path("body.json")
    if not os.path.exists(body):
        bench.tool("check", bench.csv(1000), "--show", 1, stdout=body)
    return body


def compared(per_s, ours, rows, name, theirs, least):
    """The median of the pairs' ratios, in words, and whether it is enough."""
    rate = senders.median(theirs)
    if rate is None:
        return f"{per_s:,.0f} rows/s; not measured: there is no {name}", None
    of = statistics.median(rows / taken.seconds / other for taken, other in zip(ours.all, theirs))
    return f"{of:.2f} x ({per_s:,.0f} rows/s; {name} {rate:,.0f}/s)", of >= least


def status_during_a_run(bench, ledger, args, server):
    env = {"PATH": os.environ["PATH"], "HOME": bench.home, **server}
    sender = subprocess.Popen([bench.binary, "resume", *map(str, args)], env=env, cwd=bench.home,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        samples = Samples()
        for _ in range(bench.count):
            samples.add(bench.tool("status", "--ledger", ledger))
        return samples.seconds * 1000
    finally:
        sender.send_signal(signal.SIGINT)
        sender.wait()


def latency(bench):
    """32 requests at a time, each answered after 50 ms: nobody can do more than 640 a second."""
    rows = 6400
    path, body = bench.csv(rows + 1), body_file(bench)
    with servers.sandbox(bench.binary, "--latency", "25", "--per-second", "0", "--per-minute", "0") as server:
        headers = senders.bearer(server)
        samples, oha = Samples(), []
        for _ in range(bench.count):
            args = ["--ledger", bench.ledger("latency"), "--rate", "unlimited", "--concurrency", 32]
            bench.tool("run", path, "--limit", 1, *args, server=server)
            samples.add(bench.tool("resume", *args, server=server))
            oha.append(senders.oha(body, server, "-n", str(rows), headers=headers))
        yield ("sending with 50 ms of latency, start and end included", "at least 0.97 x `oha`",
               *compared(rows / samples.seconds, samples, rows, "oha", oha, 0.97))


def sixty(bench):
    path = bench.csv(60)
    with servers.sandbox(bench.binary) as server:
        taken = bench.tool("run", path, "--ledger", bench.ledger("sixty"), "--limit", 59, server=server)
    yield "59 rows and a login, limits 10/s and 60/min", "60 rows done within 7 s", told(taken), taken.seconds <= 7
    # A session that needs no login leaves all sixty to the rows.
    config = bench.path("auth.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write('[recipient]\nphone = "Mobile"\ncountry = "EG"\n[contract]\ntypes = [414]\n[session]\nkind = "auth"\n')
    with servers.sandbox(bench.binary) as server:
        taken = bench.tool("run", path, "--config", config, "--ledger", bench.ledger("sixty"), server=server)
    yield ('60 rows without a login (`kind = "auth"`), the same limits', "done within 7 s", told(taken),
           taken.seconds <= 7 and taken.code == 0)


def quota(bench, minutes=5):
    """Killed and started again inside, with latency; what the server saw is in its log."""
    path, ledger, log = bench.csv(1000), bench.ledger("quota"), bench.path("quota.jsonl")
    if os.path.exists(log):
        os.remove(log)
    with servers.sandbox(bench.binary, "--latency", "0..300", "--log", log) as server:
        env = {"PATH": os.environ["PATH"], "HOME": bench.home, **server}
        end = time.monotonic() + minutes * 60
        first = subprocess.Popen([bench.binary, "run", path, "--ledger", ledger], env=env, cwd=bench.home,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(minutes * 60 * 0.45)
        first.kill()
        first.wait()
        left = max(int(end - time.monotonic()), 1)
        bench.tool("resume", "--ledger", ledger, "--max-duration", f"{left}s", server=server)
    with open(log, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    times = sorted(line["at_ms"] for line in lines)
    refused = sum(line["status"] == 429 for line in lines)
    most_s, most_min = most_within(times, 1000), most_within(times, 60_000)
    # A minute's sixty at once, then sixty a minute.
    allowed = 60 * minutes
    share = len(times) / allowed
    yield (f"quota: 10/s and 60/min, latency 0 to 300 ms each way, {minutes} minutes, one kill and restart",
           "at least 99 % of what the server would allow; no second and no minute over; no 429",
           f"{share:.1%} ({len(times)} of {allowed}); at most {most_s} in a second and {most_min} in a minute; 429: {refused}",
           share >= 0.99 and most_s <= 10 and most_min <= 60 and refused == 0)


def most_within(times, window_ms):
    """The most arrivals in any window."""
    most = begin = 0
    for end, at in enumerate(times):
        while at - times[begin] >= window_ms:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def export(bench):
    """The finished ledger that `send` left, else one that is only enrolled."""
    ledger = next((path for path in map(bench.path, ["finished.db", "enrolled.db"]) if os.path.exists(path)), None)
    imported = bench.path("imported.db")
    if not ledger or not shutil.which("sqlite3"):
        yield "`export`", "at most 3 x `sqlite3 -csv`", "not measured: needs send or enrol before it, and sqlite3", None
        return
    if not os.path.exists(imported):
        run(["sqlite3", imported, ".mode csv", f".import {bench.csv(bench.rows)} customers"])
    out = bench.path("export.csv")
    ours, plain = pairs(bench.count,
                        lambda: bench.tool("export", "--ledger", ledger, "--format", "csv", "--output", "-", stdout=out),
                        lambda: run(["sqlite3", "-csv", imported, "SELECT * FROM customers"], stdout=out))
    of = ratio(ours, plain)
    yield (f"`export` {bench.rows:,} rows to CSV", "at most 3 x `sqlite3 -csv` of the same rows",
           f"{of:.2f} x ({told(ours)}; sqlite3 {plain.seconds:.2f} s)", of <= 3)
    yield "the same, memory", "under 64 MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb < 64


def growth(bench):
    """A quarter of the rows against four times as many: the work a row must stay the same."""
    few, many = bench.rows // 4, bench.rows * 4
    with servers.nginx(bench.folder) as server:
        if not server:
            yield "growth", "within 1.3 x", "not measured: nginx is needed", None
            return
        cost = {}
        for rows in [few, many]:
            path, ledger, part = bench.csv(rows), bench.ledger(f"growth-{rows}"), few // 4
            args = ["--ledger", ledger, "--rate", "unlimited", "--concurrency", 32]
            nowhere = ["--ledger", bench.path("none.db")]
            cost["check", rows] = bench.tool("check", path, *nowhere).cpu / rows
            cost["enrol", rows] = bench.tool("run", path, "--limit", 1, *args, server=server).cpu / rows
            cost["send", rows] = bench.tool("resume", "--limit", part, *args, server=server).cpu / part
            out = bench.path("export.csv")
            cost["export", rows] = bench.tool("export", "--ledger", ledger, "--output", "-", stdout=out).cpu / rows
            forget(ledger)
        for what in ["check", "enrol", "send", "export"]:
            of = cost[what, many] / cost[what, few]
            yield (f"growth of `{what}`: CPU a row at {many:,} rows against {few:,}", "within 1.3 x",
                   f"{of:.2f} x ({cost[what, few] * 1e6:.1f} and {cost[what, many] * 1e6:.1f} µs)", of <= 1.3)


ALL = {group.__name__: group for group in
       [start, check, check_xlsx, enrol, send, latency, sixty, export, growth, quota]}
