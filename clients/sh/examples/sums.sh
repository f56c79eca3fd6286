# Writes the SHA-256 of each file below /usr/share/doc into sums.N, over and over, and looks at its
# flag between two files. N is the number of the worker; workers of one run share the files out.
#
#     stopctl run -n 3 -- sh sums.sh
set -eu
. "${0%/*}/../stopctl.sh"

worker=${STOPCTL_WORKER-0}
# A name in each line. A process that wrote them to the loop could outlive it.
set -f
IFS='
'
set -- $(find /usr/share/doc -type f | sort | awk "NR % ${STOPCTL_WORKERS-1} == $worker")
unset IFS
done=0
while keep_going; do
    for file; do
        keep_going || break
        sha256sum "$file" >&3
        done=$((done + 1))
        [ $((done % 250)) != 0 ] || echo "worker $worker: $done files"
    done
done 3>"sums.$worker"
stop_request && echo "worker $worker: left after $done files; the reason: $stop_reason"
