"""Public tools that send the same bodies to the same server, and how many requests a second each of them gets through."""

import contextlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "/api/IdentityUserSession/CreateInvitation"

# The sheet's columns by the names that qsv's templates give them.
TEMPLATE = """{"SessionInput": {"phoneNumber": "+2{{ Mobile }}", "email": "{{ E_mail }}", \
"sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false}, \
"RequestFieldsValues": {"414": {"fullName": "{{ Name }}", "nationalId": "{{ National_ID }}", "birthDate": "{{ Date_of_birth }}", \
"monthlyIncome": "{{ Monthly_income }}", "maritalStatus": "{{ Marital_status }}", "address": "{{ Street }}, {{ City }}", \
"city": "{{ City }}", "currency": "EGP"}}}}"""


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
    """One request after the other, answers into a file, nothing durable. None without qsv."""
    program = shutil.which("qsv")
    if not program:
        return None
    template = bench.path("body.tpl")
    with open(template, "w", encoding="utf-8") as file:
        file.write(TEMPLATE)
    command = [program, "fetchpost", server["VLENS_BASE_URL"] + PATH, "--payload-tpl", template, "--no-cache",
               "--output", bench.path("answers.jsonl"), bench.csv(rows)]
    return per_second(rows, command)


def python(bench, server, rows):
    """aiohttp and sqlite3, a commit for each intent and each outcome. None without aiohttp."""
    if not importlib.util.find_spec("aiohttp"):
        return None
    script = os.path.join(os.path.dirname(HERE), "plain", "send.py")
    ledger = bench.ledger("python")
    return per_second(rows, [sys.executable, script, server["VLENS_BASE_URL"] + PATH, bench.csv(rows), ledger])


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
