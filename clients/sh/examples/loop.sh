# A script that works piece by piece, and leaves by its own door when it is asked to.
set -eu
. "${0%/*}/../stopctl.sh"

done=0
echo ready
while keep_going; do
    done=$((done + 1))
    keep_sleeping 30 || break # in the place of a piece of work that may be left at any time
done
stop_request && echo "asked to stop: $stop_reason; done $done"
