# stopctl.sh 0.1.0: the stop flag of stopctl(1), for scripts of any POSIX shell. To be sourced:
#
#     . ./stopctl.sh
#     while keep_going; do one_piece_of_work; done
#
# Licence: MIT OR Apache-2.0. The contract is stopctl-flag(7).
#
# keep_going        a look: 0 go on, 1 a stop was asked for. Uses the shell's own `read` and starts
#                   no process; but a flag that cannot be read any more is looked for again after
#                   a second, and is then a stop.
# keep_sleeping S   sleeps S seconds (digits, perhaps a decimal point): 0 to the end, 1 a stop was
#                   asked for. By `stopctl sleep`, which wakes at once; where there is no stopctl,
#                   by sleep(1), a second at a time.
# stop_request      0 a stop was asked for, and what it says is in stop_level, stop_reason,
#                   stop_deadline_ns (CLOCK_MONOTONIC), stop_deadline (Unix seconds), `-` where not
#                   known; 1 not. Looks at the owner as well, by od(1).
#
# Without a supervisor they go on. Names that begin with _stopctl_ are private. Safe under `set -eu`.
# `stopctl keep-going` and `stopctl sleep` do the same as programs, for scripts that source nothing.
# Each of them costs the start of a process, one or two milliseconds; keep_going some 10 to 50
# microseconds, because a shell reads byte by byte.

keep_going() {
    [ -z "${_stopctl_stopped-}" ] || return 1
    [ -n "${STOPCTL_FLAG-}" ] || return 0
    if [ -z "${_stopctl_seen-}" ]; then
        # A FIFO would block the shell, a device might never end.
        if ! [ -f "$STOPCTL_FLAG" ] || ! [ -s "$STOPCTL_FLAG" ] || ! _stopctl_read; then
            [ -n "${_stopctl_warned-}" ] ||
                printf 'stopctl: the flag %.200s cannot be used; running unsupervised\n' \
                    "$STOPCTL_FLAG" >&2
            _stopctl_warned=1
            return 0
        fi
        _stopctl_seen=1
    elif ! _stopctl_read; then
        sleep 1 # the supervisor puts back a directory that somebody deleted
        if ! _stopctl_read; then
            _stopctl_stopped='-   -'
            return 1
        fi
    fi
    case $_stopctl_line in 0*) return 0 ;; esac
    return 1
}

keep_sleeping() {
    keep_going || return 1
    if [ -z "${_stopctl_seen-}" ]; then
        sleep "$1"
        return 0
    fi
    if command -v stopctl >/dev/null 2>&1; then
        _stopctl_status=0
        stopctl sleep "$1" || _stopctl_status=$?
        case $_stopctl_status in
        0) return 0 ;;
        1)
            # It has seen that the supervisor is gone where we would still see the flag down.
            ! keep_going || _stopctl_stopped='1   lost'
            return 1 ;;
        esac
    fi
    _stopctl_left=${1%%.*}
    while [ "${_stopctl_left:-0}" -gt 0 ]; do
        _stopctl_ask_again || return 1
        sleep 1
        _stopctl_left=$((_stopctl_left - 1))
    done
    case $1 in *.*[1-9]*) sleep "0.${1#*.}" ;; esac
    _stopctl_ask_again
}

stop_request() {
    if keep_going; then
        { [ -n "${_stopctl_seen-}" ] && _stopctl_is_lost; } || return 1
    fi
    _stopctl_said=${_stopctl_stopped:-$_stopctl_line}
    stop_level=${_stopctl_said%"${_stopctl_said#?}"}
    case $_stopctl_said in
    ????*) _stopctl_said=${_stopctl_said#????} ;;
    *) _stopctl_said= ;; # no text follows the level
    esac
    _stopctl_word
    stop_reason=$_stopctl_first
    case $stop_reason in *[!a-z0-9-]* | ?????????????????*) stop_reason=- ;; esac
    _stopctl_word
    stop_deadline_ns=$_stopctl_first
    case $stop_deadline_ns in *[!0-9]*) stop_deadline_ns=- ;; esac
    _stopctl_word
    stop_deadline=$_stopctl_first
    case $stop_deadline in *[!0-9]*) stop_deadline=- ;; esac
}

# One look; a line that has no end is a line too.
_stopctl_read() {
    _stopctl_line=
    IFS= read -r _stopctl_line 2>/dev/null <"$STOPCTL_FLAG" || [ -n "$_stopctl_line" ]
}

# Cuts the first word off what was said; `-` where there is none.
_stopctl_word() {
    _stopctl_first=${_stopctl_said%%" "*}
    case $_stopctl_said in
    *" "*) _stopctl_said=${_stopctl_said#*" "} ;;
    *) _stopctl_said= ;;
    esac
    _stopctl_first=${_stopctl_first:--}
}

# A look at everything: for whoever sleeps.
_stopctl_ask_again() {
    keep_going && ! _stopctl_is_lost
}

# Whether the supervisor died: bit 30 of the first word beside the flag. Once it did, it is a stop
# for good.
_stopctl_is_lost() {
    _stopctl_owner=$(od -An -tu4 -N4 "${STOPCTL_FLAG%/*}/owner" 2>/dev/null | tr -d ' ') || return 1
    [ $((${_stopctl_owner:-0} & 0x40000000)) -ne 0 ] || return 1
    _stopctl_stopped='1   lost'
}
