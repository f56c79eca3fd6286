# stopctl.sh 0.1.0: the stop flag of stopctl(1), for scripts of any POSIX shell. Source it:
#
#     . ./stopctl.sh
#     while keep_going; do one_piece_of_work; done
#
# Licence: MIT OR Apache-2.0. The contract is stopctl-flag(7).
#
# keep_going        a look: 0 to continue, 1 to stop. Uses the shell's own `read` and starts no
#                   process. If the flag cannot be read any more, it tries again after a second; if
#                   that fails too, it is a stop.
# keep_sleeping S   sleeps S seconds (digits, perhaps a decimal point): 0 if it slept to the end, 1 to
#                   stop. Uses `stopctl sleep`, which wakes at once; if there is no stopctl, it uses
#                   sleep(1), one second at a time.
# stop_request      0 to stop, with what the flag says in stop_level, stop_reason, stop_deadline_ns
#                   (CLOCK_MONOTONIC) and stop_deadline (Unix seconds), `-` if not known; 1 to
#                   continue. Checks the owner as well, with od(1).
#
# A script whose output is of use only as a whole ends with `exit 75`, "asked, not finished", if it
# leaves before its end: snakemake, Slurm, or make with .DELETE_ON_ERROR, then does not take a part
# for the whole.
#
# Without a supervisor they say to continue. Names that begin with _stopctl_ are private. Safe under
# `set -eu`. `stopctl keep-going` and `stopctl sleep` do the same as programs, for scripts that source
# nothing. Each of those costs the start of a process, one or two milliseconds; keep_going costs some
# 10 to 50 microseconds, because a shell reads byte by byte.

keep_going() {
    [ -z "${_stopctl_stopped-}" ] || return 1
    [ -n "${STOPCTL_FLAG-}" ] || return 0
    if [ -z "${_stopctl_seen-}" ]; then
        # A FIFO would block the shell, and a device might never end.
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
            # It has seen that the supervisor is dead; we would still see the flag down.
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

# One look. A line without an end counts too.
_stopctl_read() {
    _stopctl_line=
    IFS= read -r _stopctl_line 2>/dev/null <"$STOPCTL_FLAG" || [ -n "$_stopctl_line" ]
}

# Cuts the first word off what the flag said; `-` if there is none.
_stopctl_word() {
    _stopctl_first=${_stopctl_said%%" "*}
    case $_stopctl_said in
    *" "*) _stopctl_said=${_stopctl_said#*" "} ;;
    *) _stopctl_said= ;;
    esac
    _stopctl_first=${_stopctl_first:--}
}

# Checks everything, for a script that sleeps.
_stopctl_ask_again() {
    keep_going && ! _stopctl_is_lost
}

# Whether the supervisor died: bit 30 of the first word of the file `owner` beside the flag. Once it
# has, every look says stop.
_stopctl_is_lost() {
    _stopctl_owner=$(od -An -tu4 -N4 "${STOPCTL_FLAG%/*}/owner" 2>/dev/null | tr -d ' ') || return 1
    [ "$((${_stopctl_owner:-0} & 0x40000000))" -ne 0 ] || return 1
    _stopctl_stopped='1   lost'
}
