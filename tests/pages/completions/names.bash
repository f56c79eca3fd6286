
# The names of the runs: those of the user that is typed, if one is.
_stopctl_names() {
    local i user=""
    for (( i = 2; i < ${#COMP_WORDS[@]}; i++ )); do
        if [[ "${COMP_WORDS[i]}" == --user ]]; then
            user="${COMP_WORDS[i + 1]}"
            [[ "${user}" != = ]] || user="${COMP_WORDS[i + 2]}"
        fi
    done
    stopctl list --names ${user:+--user "${user}"} 2>/dev/null
}

# Names of runs, and the command of `run`, are known only when they are asked for.
_stopctl_with_names() {
    local with_value=" @VALUE_OPTIONS@ "
    local command="${COMP_WORDS[1]}" i=2 cur="${COMP_WORDS[COMP_CWORD]}" only_words="" word
    case "${command}" in
        run|stop|signal|status|wait) ;;
        notify)
            word="${COMP_WORDS[COMP_CWORD - 1]}"
            [[ "${word}" != = ]] || word="${COMP_WORDS[COMP_CWORD - 2]}"
            if [[ "${word}" == --run ]]; then
                COMPREPLY=( $(compgen -W "$(_stopctl_names)" -- "${cur}") )
            else
                _stopctl "$@"
            fi
            return ;;
        *) _stopctl "$@"; return ;;
    esac
    while (( i < COMP_CWORD )); do
        word="${COMP_WORDS[i]}"
        if [[ -z "${only_words}" && "${word}" == -- ]]; then
            only_words=yes
        elif [[ -z "${only_words}" && "${word}" == -* ]]; then
            if [[ "${with_value}" == *" ${word} "* ]]; then
                (( i += 1 ))
                if [[ "${COMP_WORDS[i]}" == = ]]; then (( i += 1 )); fi
            fi
        elif [[ "${command}" == run ]]; then
            break
        fi
        (( i += 1 ))
    done
    if (( i > COMP_CWORD )) || [[ -z "${only_words}" && "${cur}" == -* && ${i} -eq ${COMP_CWORD} ]]; then
        _stopctl "$@"
    elif [[ "${command}" != run ]]; then
        COMPREPLY=( $(compgen -W "$(_stopctl_names)" -- "${cur}") )
    elif declare -F _command_offset >/dev/null; then
        _command_offset "${i}"
    elif (( i == COMP_CWORD )); then
        COMPREPLY=( $(compgen -c -- "${cur}") )
    else
        COMPREPLY=()
    fi
}

