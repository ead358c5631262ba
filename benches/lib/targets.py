"""Each target: how it is measured and what it is held against. One function a group; each yields (what, target, measured, holds)."""

import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import inputs
import register as team
import senders
import servers
from measure import Samples, pairs, ratio, run

TOKEN_BYTES = len(servers.TOKEN)
MISSING = "not measured: there is no "


class Bench:
    """Where things are, and what was made already."""

    def __init__(self, binary, plain, folder, rows, count):
        self.binary, self.plain, self.folder, self.rows, self.count = binary, plain, folder, rows, count
        self.home = os.path.join(folder, "home")
        os.makedirs(self.home, exist_ok=True)
        with open(os.path.join(self.home, "vlens-batch.toml"), "w", encoding="utf-8") as file:
            file.write(inputs.CONFIG)

    def made(self, kind, ending, *numbers):
        """An input, made in a process of its own: a child's peak of memory is told no lower than what this one holds."""
        name = "-".join([kind, *map(str, numbers)])
        path = os.path.join(self.home, f"{name}.{ending}")
        if not os.path.exists(path):
            subprocess.run([sys.executable, inputs.__file__, kind, path, *map(str, numbers)], check=True)
        return path

    def csv(self, rows, first=0):
        return self.made("csv", "csv", first, rows)

    def path(self, name):
        return os.path.join(self.folder, name)

    def ledger(self, name):
        """A path without a ledger."""
        path = self.path(f"{name}.db")
        forget(path)
        return path

    def copy_of(self, name, ledger):
        copy = self.ledger(name)
        for suffix in ["", "-wal"]:
            if os.path.exists(ledger + suffix):
                shutil.copy(ledger + suffix, copy + suffix)
        return copy

    def tool(self, *args, server=None, stdout=None, stdin=None):
        env = {"PATH": os.environ["PATH"], "HOME": self.home, **(server or servers.credentials("http://127.0.0.1:9"))}
        return run([self.binary, *map(str, args)], env=env, cwd=self.home, stdout=stdout, stdin=stdin)

    def repeated(self, *args, **more):
        samples = Samples()
        for _ in range(self.count):
            samples.add(self.tool(*args, **more))
        return samples


def forget(path):
    for suffix in ["", "-wal", "-shm", ".lock"]:
        if os.path.exists(path + suffix):
            os.remove(path + suffix)


def disk(path):
    return sum(os.path.getsize(path + suffix) for suffix in ["", "-wal"] if os.path.exists(path + suffix))


def told(taken):
    return f"{taken.seconds:.2f} s, CPU {taken.cpu:.2f} s, {taken.peak_mb:.0f} MB"


def at_most(of, most, text):
    """A row's target, figure and verdict."""
    return f"at most {most} x", f"{of:.2f} x ({text})", of <= most


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
    path, nowhere = bench.csv(bench.rows), ["--ledger", bench.ledger("none")]
    plain_read = lambda: run([bench.plain, "csv", path])
    ours, plain = pairs(bench.count, lambda: bench.tool("check", path, *nowhere), plain_read)
    yield (f"`check`, {bench.rows:,} rows CSV, against a plain csv-crate count",
           *at_most(ratio(ours, plain), 10, f"{told(ours)}; plain {plain.seconds:.2f} s"))
    yield "the same, memory", "under 64 MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb < 64
    piped = bench.repeated("check", "-", *nowhere, stdin=path)
    yield "the same from standard input, memory", "under 64 MB", f"{piped.peak_mb:.0f} MB", piped.peak_mb < 64
    if importlib.util.find_spec("pandas"):
        script = "import pandas, sys; pandas.read_csv(sys.argv[1], dtype=str)"
        ours, pandas = pairs(bench.count, lambda: bench.tool("check", path, *nowhere), lambda: run([sys.executable, "-c", script, path]))
        yield ("`check` against pandas' bare reading", *at_most(ratio(ours, pandas), 1, f"pandas {pandas.seconds:.2f} s"))
    else:
        yield "`check` against pandas' bare reading", "at most 1 x", MISSING + "pandas", None
    config = bench.path("no-input.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(inputs.CONFIG.replace(', input = "%d/%m/%Y"', ""))
    free, plain = pairs(bench.count, lambda: bench.tool("check", path, "--config", config, *nowhere),
                        lambda: bench.tool("check", path, *nowhere))
    yield ("the same with a date column without `input`, against the check with it", *at_most(ratio(free, plain), 1.3, told(free)))


def check_beside_a_ledger(bench):
    """Uses `enrolled.db`, which `enrol` leaves behind, or makes one."""
    path, ledger = bench.csv(bench.rows), bench.path("enrolled.db")
    if not os.path.exists(ledger):
        with servers.nginx(bench.folder) as server:
            if not server:
                yield "`check` beside a ledger that knows all rows", "at most 1.5 x", MISSING + "nginx", None
                return
            bench.tool("run", path, "--limit", 1, "--ledger", ledger, "--rate", "unlimited", server=server)
    for more in [[], ["--json"]]:
        beside, alone = pairs(bench.count, lambda: bench.tool("check", path, *more, "--ledger", ledger),
                              lambda: bench.tool("check", path, *more, "--ledger", bench.path("none.db")))
        yield (" ".join(["`check", *more, "` beside a ledger that knows all rows, against the check without"]).replace(" `", "`", 1),
               *at_most(ratio(beside, alone), 1.5, told(beside)))


def check_xlsx(bench):
    rows = min(100_000, bench.rows)
    for what, path in workbooks(bench, rows):
        if path is None:
            yield f"`check`, XLSX, {what}", "at most 2.5 x", MISSING + what.split()[-1], None
            continue
        args = ["check", path, "--hidden", "skip", "--ledger", bench.path("none.db")]
        ours, plain = pairs(bench.count, lambda: bench.tool(*args), lambda: run([bench.plain, "xlsx", path]))
        text = f"{told(ours)}; calamine {plain.seconds:.2f} s, {plain.peak_mb:.0f} MB"
        yield (f"`check`, XLSX {rows:,} rows x 11 cells, {what}, against calamine's own streaming read",
               *at_most(ratio(ours, plain), 2 if what == "plain" else 2.5, text))
        if what == "plain":
            yield "the same, memory", "under 48 MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb < 48


def workbooks(bench, rows):
    """What each is, and its path where it can be made."""
    yield "plain", bench.made("xlsx", "xlsx", rows)
    hidden = bench.made("hidden", "xlsx", rows)
    yield "a hidden row", hidden
    for library in ["xlsxwriter", "openpyxl"]:
        known = importlib.util.find_spec(library)
        yield f"a hidden row, by {library}", bench.made(library, "xlsx", rows) if known else None
    saved = os.path.join(bench.home, "saved", os.path.basename(hidden))
    soffice = shutil.which("soffice")
    if soffice and not os.path.exists(saved):
        subprocess.run([soffice, "--headless", "--convert-to", "xlsx", "--outdir", os.path.dirname(saved), hidden],
                       stdout=subprocess.DEVNULL, check=True, env={**os.environ, "HOME": bench.home})
    yield "a hidden row, by LibreOffice", saved if soffice else None


def enrol(bench):
    """Leaves `enrolled.db` behind, with one row sent."""
    path, imported = bench.csv(bench.rows), bench.path("imported.db")
    with servers.nginx(bench.folder) as server:
        if not server or not shutil.which("sqlite3"):
            yield "importing", "at most 3 x", MISSING + "nginx or sqlite3", None
            return
        args = ["--limit", 1, "--rate", "unlimited", "--ledger"]

        def theirs():
            forget(imported)
            return run(["sqlite3", imported, ".mode csv", f".import {path} customers"])

        taken, plain = pairs(bench.count, lambda: bench.tool("run", path, *args, bench.ledger("enrolled"), server=server), theirs)
        yield (f"importing {bench.rows:,} rows (`run --limit 1`), against `sqlite3 .import` of the same file",
               *at_most(ratio(taken, plain), 3, f"{told(taken)}; sqlite3 {plain.seconds:.2f} s"))
        yield "the same, memory", "under 64 MB", f"{taken.peak_mb:.0f} MB", taken.peak_mb < 64
        ledger = bench.path("enrolled.db")
        again = bench.repeated("run", path, *args, ledger, server=server)
        yield "`run` on the unchanged file, rows due", "first request within 0.5 s", told(again), again.seconds <= 0.5
        resumed = bench.repeated("resume", *args, ledger, server=server)
        yield "`resume`, one request and out", "first request within 0.15 s", told(resumed), resumed.seconds <= 0.15
        yield from second_sheets(bench, server, ledger, args)


def second_sheets(bench, server, ledger, args):
    """A third of the rows again, or as many new ones, into a ledger that has the first sheet."""
    part = bench.rows // 3
    new, known = bench.csv(part, bench.rows), bench.made("backwards", "csv", 0, part)
    finished = bench.copy_of("created", ledger)
    bench.tool("run", bench.csv(part), "--rate", "unlimited", "--concurrency", 32, "--ledger", finished, server=server)
    for what, path, of in [("new", new, ledger), ("known and created", known, finished), ("known and due", known, ledger)]:
        begun = lambda: bench.tool("run", path, *args, bench.copy_of("second", of), server=server)
        taken, plain = pairs(bench.count, begun, lambda: insert_or_ignore(bench, path))
        yield (f"a second sheet of {part:,} rows, {what}, against `.import` and `INSERT OR IGNORE`",
               *at_most(ratio(taken, plain), 4, f"{told(taken)}; sqlite3 {plain.seconds:.2f} s"))


def insert_or_ignore(bench, path):
    first, copy = bench.path("unique.db"), bench.path("unique-copy.db")
    if not os.path.exists(first):
        columns = ", ".join(f'"{name}"' for name in inputs.COLUMNS)
        run(["sqlite3", first, f'CREATE TABLE customers ({columns}, UNIQUE ("Mobile"))', ".mode csv",
             f".import --skip 1 {bench.csv(bench.rows)} customers"])
    shutil.copy(first, copy)
    return run(["sqlite3", copy, ".mode csv", f".import {path} second", "INSERT OR IGNORE INTO customers SELECT * FROM second"])


def send(bench):
    """Also leaves `finished.db` behind, with every row sent."""
    rows, path = bench.rows, bench.csv(bench.rows)
    with servers.nginx(bench.folder) as server:
        if not server:
            yield "sending", "see below", MISSING + "nginx", None
            return
        ledger = bench.ledger("finished")
        args = ["--ledger", ledger, "--rate", "unlimited", "--concurrency"]
        bench.tool("run", path, "--limit", 1, *args, 32, server=server)
        part = max(rows // (4 * bench.count), 1)
        body = body_file(bench)
        samples, one, rates = Samples(), Samples(), {name: [] for name in ["qsv", "oha", "row", "group"]}
        for _ in range(bench.count):
            samples.add(bench.tool("resume", "--limit", part, *args, 32, server=server))
            one.add(bench.tool("resume", "--limit", part // 5, *args, 1, server=server))
            rates["oha"].append(senders.oha(body, server, "-z", "3s"))
            rates["qsv"].append(senders.qsv(bench, server, min(part, 50_000)))
            for commits in ["row", "group"]:
                rates[commits].append(senders.python(bench, server, min(part, 10_000), commits))
        # Starting up and summing up are part of every run, so they are measured and not guessed away.
        yield ("sending, `--rate unlimited --concurrency 32`, intent and outcome durable, against `qsv fetchpost`",
               *at_least(samples, part, "qsv", rates["qsv"], 2))
        yield ("at one connection, against the same", *at_least(one, part // 5, "qsv", rates["qsv"], None))
        yield ("at 32, against `oha`", *at_least(samples, part, "oha", rates["oha"], None))
        yield ("against Python with a commit a row", *at_least(samples, part, "aiohttp", rates["row"], None))
        yield ("against Python with group commit", *at_least(samples, part, "aiohttp", rates["group"], 2))
        yield "the same, memory", "flat under 40 MB", f"{samples.peak_mb:.0f} MB over {part:,} rows", samples.peak_mb < 40
        during = status_during_a_run(bench, ledger, [*args, 32], server)
        yield "`status` during a run", "under 50 ms", f"{during:.0f} ms", during < 50
        bench.tool("resume", *args, 32, server=server)
        again = bench.repeated("run", path, *args, 32, server=server)
        yield ("the unchanged, finished file again", "under 2 s, no request", told(again),
               again.seconds < 2 and all(taken.code == 0 for taken in again.all))
        size = disk(ledger) / rows
        yield "ledger, finished", "under 1,000 bytes a row", f"{size:.0f} bytes a row, of them {TOKEN_BYTES} the token", size < 1000


def body_file(bench):
    """One body as it is sent, for tools that send the same one again and again."""
    body = bench.path("body.json")
    if not os.path.exists(body):
        bench.tool("check", bench.csv(1000), "--show", 1, "--ledger", bench.path("none.db"), stdout=body)
    return body


def at_least(ours, rows, name, theirs, least):
    """A row's target, the median of the pairs' ratios in words, and whether it is enough."""
    target = f"at least {least} x" if least else "—"
    per_s, rate = rows / ours.seconds, senders.median(theirs)
    if rate is None:
        return target, f"{per_s:,.0f} rows/s; {MISSING}{name}", None
    of = statistics.median(rows / taken.seconds / other for taken, other in zip(ours.all, theirs))
    return target, f"{of:.2f} x ({per_s:,.0f} rows/s; {rate:,.0f}/s)", of >= least if least else None


def status_during_a_run(bench, ledger, args, server):
    env = {"PATH": os.environ["PATH"], "HOME": bench.home, **server}
    sender = subprocess.Popen([bench.binary, "resume", *map(str, args)], env=env, cwd=bench.home,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        return bench.repeated("status", "--ledger", ledger).seconds * 1000
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
        yield ("sending with 50 ms of latency, start and end included, against `oha`", *at_least(samples, rows, "oha", oha, 0.97))


def sixty(bench):
    path = bench.csv(60)
    with servers.sandbox(bench.binary) as server:
        taken = bench.tool("run", path, "--ledger", bench.ledger("sixty"), "--limit", 59, server=server)
    yield "59 rows and a login, limits 10/s and 60/min", "done within 7 s", told(taken), taken.seconds <= 7


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


def history(bench, runs=100_000):
    """A ledger with that many runs behind it."""
    path, ledger = bench.csv(60), bench.ledger("history")
    with servers.nginx(bench.folder) as server:
        if not server:
            yield "a long history", "0.05 s of CPU", MISSING + "nginx", None
            return
        args = ["--ledger", ledger, "--rate", "unlimited", "--limit", 1]
        bench.tool("run", path, *args, server=server)
        for table in ["runs", "processes"]:
            multiply(ledger, table, runs)
        for command in [["run", path, *args], ["resume", *args], ["status", "--ledger", ledger], ["runs", "--ledger", ledger]]:
            taken = bench.repeated(*command, server=server)
            yield f"`{command[0]}` with {runs:,} runs in the ledger", "at most 0.05 s of CPU", told(taken), taken.cpu <= 0.05


def multiply(ledger, table, times):
    """The first row of a table, so often."""
    with sqlite3.connect(ledger) as database:
        columns = [name for _, name, _, _, _, key in database.execute(f"PRAGMA table_info({table})") if not key]
        if columns:
            names = ", ".join(columns)
            database.execute(f"""WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {times})
                INSERT INTO {table} ({names}) SELECT {names} FROM n, (SELECT {names} FROM {table} ORDER BY rowid LIMIT 1)""")
    database.close()


def nights(bench):
    """Files as cron brings them: two unchanged ones in turn, and one that grows a little each night."""
    rows = min(20_000, bench.rows)
    with servers.nginx(bench.folder) as server:
        if not server:
            yield "files again and again", "see below", MISSING + "nginx", None
            return
        ledger = bench.ledger("two-files")
        args = ["--rate", "unlimited", "--concurrency", 32, "--ledger"]
        sizes = []
        for _ in range(5):
            for path in [bench.csv(rows), bench.csv(rows, rows)]:
                bench.tool("run", path, *args, ledger, server=server)
            sizes.append(disk(ledger) / 1e6)
        # A run leaves its own few rows.
        yield (f"two unchanged files of {rows:,} rows in turn, five days: the ledger", "no growth",
               f"{sizes[0]:.1f} to {sizes[-1]:.1f} MB", sizes[-1] - sizes[0] < 0.1)
        ledger = bench.ledger("nights")
        for night in range(21):
            bench.tool("run", bench.csv(rows + 20 * night), *args, ledger, server=server)
        size = disk(ledger) / 1e6
        yield f"21 nights of {rows:,} rows with 20 more each night: the ledger", "25 MB", f"{size:.1f} MB", size <= 25


def export(bench):
    """The finished ledger that `send` left, else one that is only enrolled."""
    ledger = next((path for path in map(bench.path, ["finished.db", "enrolled.db"]) if os.path.exists(path)), None)
    imported = bench.path("imported.db")
    if not ledger or not shutil.which("sqlite3"):
        yield "`export`", "at most 2 x", "not measured: needs send or enrol before it, and sqlite3", None
        return
    if not os.path.exists(imported):
        run(["sqlite3", imported, ".mode csv", f".import {bench.csv(bench.rows)} customers"])
    out = bench.path("export.csv")
    ours, plain = pairs(bench.count,
                        lambda: bench.tool("export", "--ledger", ledger, "--format", "csv", "--output", "-", stdout=out),
                        lambda: run(["sqlite3", "-csv", imported, "SELECT * FROM customers"], stdout=out))
    yield (f"`export` of {bench.rows:,} rows to CSV, against `sqlite3 -csv` of the same rows",
           *at_most(ratio(ours, plain), 2, f"{told(ours)}; sqlite3 {plain.seconds:.2f} s"))
    yield "the same, memory", "under 64 MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb < 64


def growth(bench):
    """A quarter of the rows against four times as many: the work a row must stay the same."""
    few, many = bench.rows // 4, bench.rows * 4
    with servers.nginx(bench.folder) as server:
        if not server:
            yield "growth", "within 1.3 x", MISSING + "nginx", None
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


def cold(bench):
    """README's first command in a fresh clone, crates fetched already."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with tempfile.TemporaryDirectory(dir=bench.folder) as target:
        command = ["cargo", "run", "--locked", "--quiet", "--manifest-path", os.path.join(root, "Cargo.toml"), "--", "--version"]
        taken = run(command, env={**os.environ, "CARGO_TARGET_DIR": target}, cwd=bench.home)
    yield "cold `cargo run`", "at most 200 s of CPU", f"{taken.cpu:.0f} s of CPU, {taken.seconds:.0f} s", taken.cpu <= 200


ALL = {group.__name__: group for group in
       [start, check, check_xlsx, enrol, check_beside_a_ledger, send, latency, sixty, export, history, nights, growth, quota, team.register, cold]}
