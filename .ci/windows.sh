#!/usr/bin/env bash
# The check for Windows before a release: builds for x86_64-pc-windows-gnu on a Debian machine, and with --wine goes through the front
# door there: the main job, paths in Arabic with spaces, a kill and what follows, two senders, files that another program holds open,
# a config in UTF-16, and the library's own tests. Not tried: the console's events (wine gives a process without a terminal none), colours,
# shares and OneDrive, a real Excel. It installs nothing: every package is unpacked under WORK (some 4 GB, ten minutes).
#
#   .ci/windows.sh [--wine] [WORK]
#
# The standard library is built from Debian's rust-src of the toolchain's version, so that nothing is asked of rustup's servers; linker
# and C compiler are Debian's mingw. Needs root (to give wine a process namespace of its own) and unshare, iconv, apt-get.
# Not in .ci/run: a cross `cargo check` alone builds the standard library and C code first, which takes longer than all else there.
set -euo pipefail
wine=; [ "${1:-}" = --wine ] && { wine=1; shift; }
source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:-/tmp/vlens-windows}"; work=$(realpath "${1:-/tmp/vlens-windows}")
toolchain=$(cd "$source" && rustc --version | cut -d' ' -f2)
say() { printf '\n== %s (%(%H:%M:%S)T)\n' "$*" -1; }
unpack() { for deb in "$@"; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" --exclude=i386-windows --exclude='./usr/i686*'; done; }
fetch() { (cd "$work/debs" && apt-get -o APT::Sandbox::User=root -qq download "$@"); }

mkdir -p "$work"/{apt/lists/partial,apt/cache/archives/partial,debs}
if [ ! -d "$work/usr/src/rustc-$toolchain/library" ]; then
  say "source of the standard library, rust-src $toolchain"
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | grep -v security | head -1 | tr -d ' ' || true)
  cat > "$work/apt/backports.sources" <<S
Types: deb
URIs: ${mirror:?apt has no Debian source from which to take the source of the standard library}
Suites: trixie trixie-backports
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
S
  backports=(-o "Dir::Etc::sourcelist=$work/apt/backports.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$work/apt/lists"
    -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  apt-get "${backports[@]}" -qq update
  version=$(apt-cache "${backports[@]}" madison rust-src | awk '{print $3}' | grep -m1 "^$toolchain+") ||
    { echo "Debian has no rust-src $toolchain; it has:"; apt-cache "${backports[@]}" madison rust-src; exit 1; }
  (cd "$work/debs" && apt-get "${backports[@]}" -qq download "rust-src=$version")
  dpkg-deb --fsys-tarfile "$work"/debs/rust-src_*.deb | tar -x -C "$work" --wildcards './usr/src/rustc-*/library*'
fi
if [ ! -x "$work/usr/bin/x86_64-w64-mingw32-gcc-win32" ]; then
  say "mingw"
  fetch binutils-mingw-w64-x86-64 gcc-mingw-w64-base mingw-w64-common mingw-w64-x86-64-dev gcc-mingw-w64-x86-64-win32-runtime \
    gcc-mingw-w64-x86-64-win32 libisl23 libmpc3 libmpfr6 libgmp10
  unpack "$work"/debs/*{mingw,libisl,libmpc,libmpfr,libgmp}*.deb
fi

target=x86_64-pc-windows-gnu
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target} CARGO_PROFILE_DEV_DEBUG=0
with_mingw() (
  cd "$source"
  export PATH="$work/usr/bin:$PATH" LD_LIBRARY_PATH="$work/usr/lib/x86_64-linux-gnu"
  export RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$work/usr/src/rustc-$toolchain/library"
  export CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc-win32 AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar
  export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-win32
  "$@"
)
say "build with rustc $toolchain"
with_mingw cargo build --locked -Zbuild-std=std,panic_unwind --target $target
say "build the tests"
with_mingw cargo test --no-run --lib --locked -Zbuild-std=std,panic_unwind --target $target 2>&1 | tee "$work/tests.log"
tests=$CARGO_TARGET_DIR/$target/debug/deps/$(grep -oE 'vlens_batch-[0-9a-f]+\.exe' "$work/tests.log" | tail -1)
[ -n "$wine" ] || exit 0

if [ ! -x "$work/usr/lib/wine/wine64" ]; then
  say "wine 8 of Debian 12: a newer one has multiplied its processes without end"
  fetch libwine wine64 libz-mingw-w64
  unpack "$work"/debs/{libwine,wine64,libz-mingw-w64}_*.deb
  ln -sf wineserver64 "$work/usr/lib/wine/wineserver"
  # wine 8 lacks this DLL, from which Rust takes random bytes.
  cat > "$work/bcryptprimitives.c" <<'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
C
  with_mingw x86_64-w64-mingw32-gcc-win32 -shared -O1 -s "$work/bcryptprimitives.c" -o "$work/bcryptprimitives.dll" -ladvapi32
fi
# Holds a file as Excel does: others may neither write nor delete it; with `all`, nor read it.
cat > "$work/hold.c" <<'C'
#include <windows.h>
int wmain(int argc, wchar_t **argv) {
  HANDLE file = CreateFileW(argv[1], GENERIC_READ | GENERIC_WRITE, argc > 2 ? 0 : FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return 1;
  Sleep(20000);
  return 0;
}
C
with_mingw x86_64-w64-mingw32-gcc-win32 -O1 -s -municode "$work/hold.c" -o "$work/hold.exe"

prefix=$work/prefix; folder=$prefix/drive_c/work; system=$prefix/drive_c/windows/system32
rm -rf "$prefix"; mkdir -p "$system" "$folder" "$work/home"
cp "$work/usr/x86_64-w64-mingw32/lib/zlib1.dll" "$work/bcryptprimitives.dll" "$system"
cp "$CARGO_TARGET_DIR/$target/debug/vlens-batch.exe" "$work/hold.exe" "$folder"
cp "$tests" "$folder/tests.exe"; cp -r "$source/samples" "$source/tests" "$folder"
cat > "$work/job.sh" <<'J'
cd "$WINEPREFIX/drive_c/work"
bad=
exe() { "$WINE64" 'C:\work\vlens-batch.exe' "$@"; }
# v CODE ARGUMENT…: runs it, shows what it says, and notes another exit code.
v() {
  local expected=$1 code; shift
  echo "> vlens-batch $*"
  exe "$@" > said.txt 2>&1; code=$?
  tr -d '\r' < said.txt
  [ "$code" = "$expected" ] || { echo "EXIT $code, not $expected"; bad=1; }
}
says() { grep -q -- "$1" said.txt || { echo "DOES NOT SAY: $1"; bad=1; }; }
never_says() { grep -q -F -- "$1" said.txt && { echo "SAYS: $1"; bad=1; }; }
"$WINE64" cmd /c ver
v 0 --version

echo; echo "== the main job"
v 0 check 'samples\customers.csv'
v 0 run 'samples\customers.csv' --sandbox; says 'vlens-batch.sandbox.db'; never_says '\\?\'
v 0 run 'samples\customers.csv' --sandbox
v 0 status --ledger 'samples\vlens-batch.sandbox.db'
v 0 export --ledger 'samples\vlens-batch.sandbox.db' --output 'samples\out.xlsx'
v 0 report --ledger 'C:\work\samples\vlens-batch.sandbox.db' --output report.html

echo; echo "== paths in Arabic with spaces, a config in UTF-16"
mkdir 'ملفات العملاء'; cp samples/customers.csv 'ملفات العملاء/عملاء يونيو.csv'
{ printf '\xff\xfe'; sed 's/$/\r/' samples/vlens-batch.toml | iconv -t UTF-16LE; } > 'ملفات العملاء/vlens-batch.toml'
v 0 check 'ملفات العملاء\عملاء يونيو.csv'
v 0 run 'ملفات العملاء\عملاء يونيو.csv' --sandbox; says 'عملاء يونيو'
v 0 export --ledger 'ملفات العملاء\vlens-batch.sandbox.db' --output 'ملفات العملاء\النتائج.xlsx'
mv 'ملفات العملاء/vlens-batch.toml' 'ملفات العملاء/vlens-batch.toml.txt'
v 5 check 'ملفات العملاء\عملاء يونيو.csv'; says 'Rename it to vlens-batch.toml'
v 5 check samples; says 'is a folder'

echo; echo "== a kill, and two senders"
{ echo phone,fullName; for n in $(seq 40); do echo "+2010111111$((n + 10)),Customer $n"; done; } > many.csv
"$WINE64" 'C:\work\vlens-batch.exe' sandbox --port 28080 --per-second 0 --per-minute 0 --latency 300 > server.txt 2>&1 &
server=$!
for _ in $(seq 50); do grep -q VLENS_PASSWORD server.txt && break; sleep 0.2; done
tr -d '\r' < server.txt | sed -n 's/^set VLENS/export VLENS/p' > variables.sh; . ./variables.sh
send=(run many.csv --contract-type 414 --ledger 'C:\work\many.db' --rate unlimited --concurrency 2 --yes)
"$WINE64" 'C:\work\vlens-batch.exe' "${send[@]}" > first.txt 2>&1 &
sender=$!
sleep 3
v 7 "${send[@]}"; says 'Another process'
kill -9 $sender; wait $sender 2>/dev/null
v 3 resume --ledger 'C:\work\many.db' --rate unlimited
v 3 status --ledger 'C:\work\many.db'; says 'uncertain'
v 0 settle --ledger 'C:\work\many.db' --all --as created
v 0 doctor --ledger 'C:\work\many.db'; says 'not looked at'

echo; echo "== files that another program holds"
cp -p samples/out.xlsx held.xlsx; cp many.csv held.csv
"$WINE64" 'C:\work\hold.exe' held.xlsx & "$WINE64" 'C:\work\hold.exe' held.csv all &
sleep 2
v 1 export --ledger 'samples\vlens-batch.sandbox.db' --output held.xlsx; says 'Close it in Excel'
v 5 check held.csv --contract-type 414; says 'Close it in Excel'
cmp held.xlsx samples/out.xlsx || { echo 'THE HELD FILE WAS CHANGED'; bad=1; }
ls -A | grep -F .vlens-batch- && { echo 'SOMETHING WAS LEFT BEHIND'; bad=1; }
kill $server

echo; echo "== the library's tests"
"$WINE64" 'C:\work\tests.exe' --test-threads 2 > tests.txt 2>&1; code=$?
tr -d '\r' < tests.txt | grep -v '\.\.\. ok$'
[ $code = 0 ] || bad=1
exit ${bad:-0}
J
say "through the front door under wine"
# A process namespace of its own: what wine leaves running ends with it. Wine must never run without a limit of time.
timeout -k 2 600 unshare -p -f --kill-child -m --mount-proc env -i PATH=/usr/bin:/bin HOME="$work/home" USER=mona LANG=C.UTF-8 \
  WINEPREFIX="$prefix" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=;winemenubuilder.exe=d' WINE64="$work/usr/lib/wine/wine64" \
  bash "$work/job.sh" < /dev/null > "$work/job.log" 2>&1 && code=0 || code=$?
cat "$work/job.log"
[ $code = 0 ] && say "all well" || say "not well ($code)"
exit $code
