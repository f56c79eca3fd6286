# Answers the questions of tests/languages/conformance.rs with clients/sh/stopctl.sh, which is beside it.
set -eu
. "${0%/*}/stopctl.sh"

seconds() {
    printf '%d.%03d' "$(($1 / 1000))" "$(($1 % 1000))"
}

while IFS=' ' read -r question time; do
    case $question in
    supervised)
        keep_going || :
        if [ -n "${_stopctl_seen-}" ]; then echo yes; else echo no; fi ;;
    look) if keep_going; then echo run; else echo stop; fi ;;
    request)
        if stop_request; then
            echo "$stop_level $stop_reason $stop_deadline_ns"
        else
            echo none
        fi ;;
    wait) if keep_sleeping "$(seconds "$time")"; then echo timeout; else echo stop; fi ;;
    esac
done
