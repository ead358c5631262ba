#!/bin/sh
# Runs every complete sheet in a folder, and moves it to done/ or to-see-to/. Safe to run every few minutes: files that are
# still being copied, and those that somebody has open, are left for the next time.
#
#   sweep-inbox.sh /srv/vlens/inbox
#
# Exit: 0 nothing to see to; else the gravest exit code that a run ended with. All files share the tenant's one ledger, so that
# a customer who stands in two of them is invited once.
set -u
inbox=${1:?name the folder to sweep}
settled_minutes=${SETTLED_MINUTES:-2}

cd "$inbox" || exit 5
mkdir -p done to-see-to || exit 1
worst=0

# Lower is graver: the order in which the README of vlens-batch lists alerts.
rank() {
    case $1 in
        1) echo 1 ;; 6) echo 2 ;; 5) echo 3 ;; 2) echo 4 ;; 4) echo 5 ;; 7) echo 6 ;; 3) echo 7 ;; 0) echo 8 ;; *) echo 1 ;;
    esac
}

for file in *.csv *.xlsx *.xlsb *.xls *.ods; do
    [ -f "$file" ] || continue
    case $file in
        '~$'* | .* | *.part.* | *.tmp.*) continue ;;
    esac
    # Somebody has it open: Excel and LibreOffice leave such a file beside it.
    [ -e "~\$$file" ] || [ -e ".~lock.$file#" ] && continue
    [ -e "$file.part" ] || [ -e "$file.crdownload" ] || [ -e "$file.filepart" ] && continue
    # Still growing, or changed just now.
    [ -n "$(find "$file" -prune -mmin +"$settled_minutes")" ] || continue

    set -- --yes
    [ -e ../vlens-batch.toml ] && set -- "$@" --config ../vlens-batch.toml
    vlens-batch -q run "$file" "$@" </dev/null
    code=$?
    stamp=$(date -u +%Y%m%dT%H%M%SZ)
    case $code in
        0) mv -- "$file" "done/$stamp-$file" ;;
        3 | 5) mv -- "$file" "to-see-to/$stamp-$file" ;;
        # Anything else: it stays, and the next sweep goes on with it.
    esac
    [ "$(rank $code)" -lt "$(rank $worst)" ] && worst=$code
    # Vlens refuses everything, or somebody else is at work: the other files fare no better.
    case $code in 1 | 6 | 7) break ;; esac
done
exit $worst
