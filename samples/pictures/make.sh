#!/usr/bin/env bash
# Makes template.png: what `vlens-batch template 414` looks like, with the form of the built-in stand-in.
# Needs cargo, and LibreOffice (soffice) and poppler (pdftoppm) to draw the workbook.
set -euo pipefail
cd "$(dirname "$0")"

for tool in cargo soffice pdftoppm; do
  command -v "$tool" >/dev/null || { echo "make.sh needs $tool, which is not installed." >&2; exit 1; }
done

cargo build --quiet --locked
target=$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
vlens_batch=$target/debug/vlens-batch

work=$(mktemp -d)
mkfifo "$work/greeting"
"$vlens_batch" sandbox >"$work/greeting" 2>/dev/null &
sandbox=$!
trap 'kill "$sandbox"; rm -rf "$work"' EXIT

# The stand-in says in five lines what its clients need.
while read -r line; do
  eval "$line"
  [[ $line == *VLENS_PASSWORD=* ]] && break
done <"$work/greeting"

here=$PWD
cd "$work"
"$vlens_batch" contract-types pull 414
"$vlens_batch" template 414 --output template.xlsx
soffice --headless "-env:UserInstallation=file://$work/office" --convert-to pdf template.xlsx >/dev/null
# The right-hand half of the sheet, where it begins: phone, e-mail, and the first fields of the form.
pdftoppm -r 300 -x 1950 -y 205 -W 1380 -H 125 -png -f 1 -l 1 -singlefile template.pdf "$here/template"
