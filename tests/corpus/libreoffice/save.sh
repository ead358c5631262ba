#!/bin/sh
# Saves made.xlsx as LibreOffice saves it: CSV in three encodings (76 is UTF-8, 38 Windows-1256, 65535 UTF-16), XLS, XLSX, ODS.
# The files are kept, so that tests need no LibreOffice.
set -eu
cd "$(dirname "$0")"
home=$(mktemp -d)
out=$(mktemp -d)
trap 'rm -rf "$home" "$out"' EXIT
save() { # FORMAT NAME
    soffice "-env:UserInstallation=file://$home" --headless --convert-to "$1" --outdir "$out" made.xlsx >/dev/null
    mv "$out"/made.* "$2"
}
csv="csv:Text - txt - csv (StarCalc):44,34"
save "$csv,76,1" utf8.csv
save "$csv,38,1" windows-1256.csv
save "$csv,65535,1" utf16.csv
save xlsx saved.xlsx
