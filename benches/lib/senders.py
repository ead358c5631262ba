"""Public tools that send the same bodies to the same server, and how many requests a second each of them gets through."""

import contextlib
import csv
import functools
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

import servers

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "/api/IdentityUserSession/CreateInvitation"

# Of the columns that `bodies` writes. qsv knows a column by its header to the letter, so these are plain words.
TEMPLATE = """{"SessionInput": {"phoneNumber": "{{ phone }}", {% if email %}"email": "{{ email }}", {% endif %}\
"sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false}, \
"RequestFieldsValues": {"414": {"fullName": "{{ fullName }}", "nationalId": "{{ nationalId }}", "birthDate": "{{ birthDate }}", \
"monthlyIncome": "{{ monthlyIncome }}", "maritalStatus": "{{ maritalStatus }}", "address": "{{ address }}", \
"city": "{{ city }}", "currency": "EGP"}}}}"""
FIELDS = ["fullName", "nationalId", "birthDate", "monthlyIncome", "maritalStatus", "address", "city"]


def bodies(bench, rows):
    """What this tool would send, as JSON lines and as a CSV of the values in them: other tools cannot map."""
    lines, table = bench.path(f"bodies-{rows}.jsonl"), bench.path(f"bodies-{rows}.csv")
    if not os.path.exists(table):
        bench.tool("check", bench.csv(rows), "--ledger", bench.path("none.db"), "--show", rows, stdout=lines)
        with open(lines, encoding="utf-8") as bodies, open(table, "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(["phone", "email", *FIELDS])
            for line in bodies:
                body = json.loads(line)["SessionInput"]
                fields = body["RequestFieldsValues"]["414"]
                out.writerow([body["phoneNumber"], body.get("email", ""), *map(fields.get, FIELDS)])
    return lines, table


def oha(body, server, *limit, headers=()):
    """Keeps nothing; `limit` is `-z 3s` or `-n 6400`. None without oha."""
    if not shutil.which("oha"):
        return None
    named = [part for header in headers for part in ("-H", header)]
    command = ["oha", *limit, "-c", "32", "-m", "POST", "-D", body, "-T", "application/json", *named,
               "--no-tui", "--output-format", "json", server["VLENS_BASE_URL"] + PATH]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(out.stdout)["summary"]["requestsPerSec"]


def qsv(bench, server, rows):
    """One request after the other, answers into a file, nothing durable. None without qsv, or where it sends something else."""
    program = shutil.which("qsv")
    if not program or not qsv_sends_the_same(bench, program):
        return None
    return per_second(rows, qsv_command(bench, program, server["VLENS_BASE_URL"], rows))


def qsv_command(bench, program, base_url, rows):
    template = bench.path("body.tpl")
    with open(template, "w", encoding="utf-8") as file:
        file.write(TEMPLATE)
    _, table = bodies(bench, rows)
    return [program, "fetchpost", base_url + PATH, "--payload-tpl", template, "--no-cache", "--rate-limit", "0",
            "--output", bench.path("answers.jsonl"), table]


@functools.cache
def qsv_sends_the_same(bench, program):
    """Whether three rows arrive as this tool would send them."""
    with servers.recorder() as (base_url, arrived):
        subprocess.run(qsv_command(bench, program, base_url, 3), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    with open(bodies(bench, 3)[0], encoding="utf-8") as file:
        expected = [json.loads(line) for line in file]
    same = [json.loads(body) for body in arrived] == expected
    if not same:
        print(f"qsv sends other bodies: {arrived[:1]}", file=sys.stderr)
    return same


def python(bench, server, rows, commits):
    """aiohttp and sqlite3; `commits` is `row` (one for each intent and each outcome) or `group`. None without aiohttp."""
    if not importlib.util.find_spec("aiohttp"):
        return None
    script = os.path.join(os.path.dirname(HERE), "plain", "send.py")
    lines, _ = bodies(bench, rows)
    return per_second(rows, [sys.executable, script, server["VLENS_BASE_URL"] + PATH, lines, bench.ledger("python"), commits])


def per_second(rows, command):
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return rows / (time.perf_counter() - begun)


def bearer(server):
    """The headers that the sandbox asks for."""
    login = json.dumps({"tenancyName": server["VLENS_TENANCY_NAME"], "userNameOrEmailAddress": server["VLENS_USERNAME"], "password": server["VLENS_PASSWORD"]})
    headers = {"ApiKey": server["VLENS_API_KEY"], "TenancyName": server["VLENS_TENANCY_NAME"], "Content-Type": "application/json"}
    request = urllib.request.Request(server["VLENS_BASE_URL"] + "/api/credentials/Login", login.encode(), headers)
    with contextlib.closing(urllib.request.urlopen(request, timeout=10)) as answer:
        token = json.load(answer)["data"]["accessToken"]
    return [f"ApiKey: {server['VLENS_API_KEY']}", f"Authorization: Bearer {token}"]


def median(rates):
    """Of those that were measured."""
    rates = [rate for rate in rates if rate]
    return statistics.median(rates) if rates else None
