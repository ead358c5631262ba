#!/usr/bin/env python3
"""Holds the dependencies to what was decided: their licences, one version of each big crate, how many there are.

Reads `cargo metadata` and nothing else, so that it needs no network and no tool beside cargo.
"""

import collections
import json
import re
import subprocess
import sys

LICENCES = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "Unicode-3.0", "Unlicense", "Zlib",
}
BIG = {"clap_builder", "h2", "hyper", "quick-xml", "regex-automata", "reqwest", "rusqlite", "rustls", "serde_core", "tokio", "toml", "zip"}
# More is refused. Of these, 47 are the phone library's, most of them its generator, and 3 and 16 the team's register's: the protocol of
# PostgreSQL, its TLS by the rustls that is here already, and HMAC, which that protocol needs as well. `idna_adapter` is kept at 1.1 in
# Cargo.lock, which its makers offer: 1.2 brings ICU, 20 crates for host names that are no ASCII.
MOST_DIRECT, MOST_CRATES = 48, 240


def main():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    host = re.search(r"host: (\S+)", subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout)[1]
    data = json.loads(subprocess.run([*command, "--filter-platform", host], capture_output=True, text=True, check=True).stdout)
    packages = {package["id"]: package for package in data["packages"]}
    built = reached(data["resolve"])
    direct = [d for d in packages[data["resolve"]["root"]]["dependencies"] if d["kind"] is None]
    faults = [*licence_faults(packages), *duplicates(packages, built)]
    for what, count, most in (("direct dependencies", len(direct), MOST_DIRECT), ("crates in a cargo build", len(built), MOST_CRATES)):
        print(f"{count} {what}, at most {most}")
        if count > most:
            faults.append(f"{count} {what} are more than {most}")
    sys.exit("\n".join(faults) if faults else 0)


def reached(resolve):
    """The packages that `cargo build` compiles: everything but what only tests need."""
    nodes = {node["id"]: node for node in resolve["nodes"]}
    seen, waiting = set(), [resolve["root"]]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            deps = nodes[current]["deps"]
            waiting += [dep["pkg"] for dep in deps if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
    return seen


def licence_faults(packages):
    """An `OR` needs one allowed side, an `AND` all of them; `MIT/Apache-2.0` is the old spelling of `OR`."""
    for package in packages.values():
        stated = (package["license"] or "").replace("/", " OR ")
        if package["source"] is None:
            continue
        terms = stated.replace("(", " ( ").replace(")", " ) ")
        parts = [part.strip() for part in re.split(r"\bAND\b(?![^()]*\))", terms)]
        if not all(any(choice.strip(" ()") in LICENCES for choice in part.split(" OR ")) for part in parts):
            yield f"{package['name']} {package['version']}: its licence is not on the list: {stated or 'none stated'}"


def duplicates(packages, built):
    versions = collections.defaultdict(set)
    for identity in built:
        versions[packages[identity]["name"]].add(packages[identity]["version"])
    for name in sorted(BIG & versions.keys()):
        if len(versions[name]) > 1:
            yield f"{name} is built in several versions: {', '.join(sorted(versions[name]))}"


main()
