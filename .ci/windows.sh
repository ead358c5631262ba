#!/usr/bin/env bash
# Cross-builds vlens-batch for Windows (x86_64-pc-windows-gnu) on a Debian 12 machine that has rustup's toolchain but no way to
# rustup's servers: the standard library is built from Debian's rust-src of the same version; the linker and the C compiler are
# Debian 12's mingw. Nothing is installed: every package is unpacked under $WORK. Optionally (--wine) runs the main job under wine.
#   build-windows.sh [--wine] SOURCE [WORK] [CARGO-ARGUMENT…]
set -euo pipefail
WINE=; [ "${1:-}" = --wine ] && { WINE=1; shift; }
SOURCE=$(realpath "$1"); WORK=${2:-/tmp/vlens-windows}; shift; [ $# -gt 0 ] && shift
mkdir -p "$WORK"; WORK=$(realpath "$WORK")
TOOLCHAIN=$(cd "$SOURCE" && rustc --version | cut -d' ' -f2)
say() { printf '\n== %s (%(%H:%M:%S)T)\n' "$*" -1; }

mkdir -p "$WORK"/{apt/lists/partial,apt/cache/archives/partial,debs}
mirror=$(grep -hoE "https?://[^ ]+/debian/?( |$)" /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v security | head -1 | tr -d " " || true)
cat > "$WORK/apt/backports.sources" <<S
Types: deb
URIs: $mirror
Suites: trixie trixie-backports
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
S
BPO=(-o "Dir::Etc::sourcelist=$WORK/apt/backports.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$WORK/apt/lists"
     -o "Dir::Cache=$WORK/apt/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)

if [ ! -d "$WORK/usr/src/rustc-$TOOLCHAIN/library" ]; then
  say "source of the standard library, rust-src $TOOLCHAIN"
  apt-get "${BPO[@]}" -qq update
  version=$(apt-cache "${BPO[@]}" madison rust-src | awk '{print $3}' | grep -m1 "^$TOOLCHAIN+") ||
    { echo "Debian has no rust-src $TOOLCHAIN; it has:"; apt-cache "${BPO[@]}" madison rust-src; exit 1; }
  (cd "$WORK/debs" && apt-get "${BPO[@]}" -qq download "rust-src=$version")
  dpkg-deb --fsys-tarfile "$WORK"/debs/rust-src_*.deb | tar -x -C "$WORK" --wildcards './usr/src/rustc-*/library*'
fi
if [ ! -x "$WORK/usr/bin/x86_64-w64-mingw32-gcc-win32" ]; then
  say "mingw"
  (cd "$WORK/debs" && apt-get -o APT::Sandbox::User=root -qq download binutils-mingw-w64-x86-64 gcc-mingw-w64-base mingw-w64-common \
     mingw-w64-x86-64-dev gcc-mingw-w64-x86-64-win32-runtime gcc-mingw-w64-x86-64-win32 libisl23 libmpc3 libmpfr6 libgmp10)
  for deb in "$WORK"/debs/*{mingw,libisl,libmpc,libmpfr,libgmp}*.deb; do [ -e "$deb" ] && dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$WORK"; done
fi

say "build with rustc $TOOLCHAIN"
TARGET=x86_64-pc-windows-gnu
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$WORK/target}
build() (
  cd "$SOURCE"
  export PATH="$WORK/usr/bin:$PATH" LD_LIBRARY_PATH="$WORK/usr/lib/x86_64-linux-gnu"
  export RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$WORK/usr/src/rustc-$TOOLCHAIN/library"
  export CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc-win32 AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar
  export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-win32
  "$@"
)
# LOCKED= lets Cargo.lock change; COMMAND='test --no-run' builds the tests instead.
# shellcheck disable=SC2086
time build cargo ${COMMAND:-build} ${LOCKED---locked} -Zbuild-std=std,panic_unwind --target $TARGET "$@"
du -shc "$WORK" 2>/dev/null | tail -1
[ -n "$WINE" ] || exit 0

if [ ! -x "$WORK/usr/lib/wine/wine64" ]; then
  say "wine 8 of Debian 12"
  (cd "$WORK/debs" && apt-get -o APT::Sandbox::User=root -qq download libwine wine64 libz-mingw-w64)
  for deb in "$WORK"/debs/{libwine,wine64,libz-mingw-w64}_*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$WORK" --exclude=i386-windows --exclude='*.a' --exclude='./usr/i686*'; done
  ln -sf wineserver64 "$WORK/usr/lib/wine/wineserver"
  # wine 8 lacks this DLL, from which Rust takes random bytes.
  cat > "$WORK/bcryptprimitives.c" <<'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
C
  build x86_64-w64-mingw32-gcc-win32 -shared -O1 -s "$WORK/bcryptprimitives.c" -o "$WORK/bcryptprimitives.dll" -ladvapi32
fi

say "the main job under wine"
rm -rf "$WORK/prefix"; system=$WORK/prefix/drive_c/windows/system32; mkdir -p "$system" "$WORK/prefix/drive_c/work" "$WORK/home"
cp "$WORK/usr/x86_64-w64-mingw32/lib/zlib1.dll" "$WORK/bcryptprimitives.dll" "$system"
profile=debug; case " $* " in *" --release "*) profile=release;; esac
cp "$CARGO_TARGET_DIR/$TARGET/$profile/vlens-batch.exe" "$WORK/prefix/drive_c/work/"
cp -r "$SOURCE/samples" "$WORK/prefix/drive_c/work/"
cat > "$WORK/job.sh" <<'J'
cd "$WINEPREFIX/drive_c/work"
v() { echo "> vlens-batch $*"; "$WINE64" 'C:\work\vlens-batch.exe' "$@" | tr -d '\r'; code=${PIPESTATUS[0]}; [ "$code" = 0 ] || { echo "exit $code"; bad=1; }; }
bad=
"$WINE64" cmd /c ver
v --version
v check 'samples\customers.csv'
v run 'samples\customers.csv' --sandbox
v run 'samples\customers.csv' --sandbox
v status --ledger 'samples\vlens-batch.sandbox.db'
v export --ledger 'samples\vlens-batch.sandbox.db' --output 'samples\out.xlsx'
exit ${bad:-0}
J
# A process group of its own: what wine leaves running ends with it. Wine must never run without a limit of time.
timeout -k 2 180 unshare -p -f --kill-child -m --mount-proc env -i PATH=/usr/bin:/bin HOME="$WORK/home" USER=mona LANG=C.UTF-8 \
  WINEPREFIX="$WORK/prefix" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=;winemenubuilder.exe=d' WINE64="$WORK/usr/lib/wine/wine64" \
  bash "$WORK/job.sh" < /dev/null > "$WORK/job.log" 2>&1 && rc=0 || rc=$?
cat "$WORK/job.log"; say "end, $([ $rc = 0 ] && echo all well || echo "failed ($rc)")"; du -shc "$WORK" | tail -1
exit $rc
