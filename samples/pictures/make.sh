#!/usr/bin/env bash
# Makes template.png: what `vlens-batch template 414` looks like, with the form of the built-in stand-in; and marked.png: what `check --annotate`
# gives back of an Arabic sheet. Needs cargo, and LibreOffice (soffice) and poppler (pdftoppm) to draw the workbooks.
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
cat > customers.csv <<'ROWS'
الاسم بالكامل,رقم الموبايل,الرقم القومي,تاريخ الميلاد,الحالة الاجتماعية,الدخل الشهري
منى عادل حسن,01012345678,28804230112346,23/04/1988,أعزب,٥٠٠٠
كريم سمير علي,0101234,29001011234567,01/01/1990,متزوج,8000
هدى محمود,01112345678,28804230112346,23/04/1988,مخطوبة,٧٥٠٠
طارق فؤاد,01212345678,2.88042E+13,23/04/1988,متزوج,9000
سلمى يوسف,01512345678,29502020112345,02/02/1995,أعزب,about 6000
ROWS
"$vlens_batch" init customers.csv --yes >/dev/null
"$vlens_batch" check customers.csv --annotate marked.xlsx >/dev/null 2>&1 || [[ $? == 3 ]]
soffice --headless "-env:UserInstallation=file://$work/office" --convert-to pdf template.xlsx marked.xlsx >/dev/null
# The second page has the rows; the first counts them.
pdftoppm -r 140 -x 105 -y 98 -W 1445 -H 265 -png -f 2 -l 2 -singlefile marked.pdf "$here/marked"
# The right-hand half of the sheet, where it begins: phone, e-mail, and the first fields of the form.
pdftoppm -r 300 -x 1950 -y 205 -W 1380 -H 125 -png -f 1 -l 1 -singlefile template.pdf "$here/template"
