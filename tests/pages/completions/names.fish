# The names of the runs: those of the user that is typed, if one is.
function __fish_stopctl_names
    set -l words (commandline -opc)
    set -l user
    for at in (seq (count $words))
        switch $words[$at]
            case --user
                set user --user $words[(math $at + 1)]
            case '--user=*'
                set user --user (string replace -- --user= '' $words[$at])
        end
    end
    stopctl list --names $user 2>/dev/null
end
complete -c stopctl -n "__fish_stopctl_using_subcommand stop signal status wait" -f -a "(__fish_stopctl_names)" -d 'Run'
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l run -x -a "(__fish_stopctl_names)"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -x -a "(__fish_complete_subcommand --fcs-skip=2 @VALUE_OPTIONS@)"
