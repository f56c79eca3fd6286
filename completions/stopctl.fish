# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_stopctl_global_optspecs
    string join \n h/help V/version
end

function __fish_stopctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_stopctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_stopctl_using_subcommand
    set -l cmd (__fish_stopctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c stopctl -n "__fish_stopctl_needs_command" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_needs_command" -s V -l version -d 'Print version'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "run" -d 'Start workers and supervise them until they have ended'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "stop" -d 'Ask runs, or some of their workers, to stop, and wait until they have'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "signal" -d 'Have a signal sent to the workers of a run'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "status" -d 'Show each worker of a run'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "list" -d 'List the runs of this user'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "ls" -d 'List the runs of this user'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "ps" -d 'List the runs of this user'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "wait" -d 'Wait until a run is over, and exit with its status'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "keep-going" -d 'For scripts: exit with 0 to go on, 1 when a stop was asked for'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "sleep" -d 'Sleep, but return at once with 1 when a stop is asked for'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "clean" -d 'Remove what dead runs left, stopping their workers first'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "notify" -d 'Tell the supervisor of this worker how it is, or give a worker of a run more time'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "unit" -d 'Print a systemd unit that is right for a run'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "completions" -d 'Print the completion file of a shell'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "client" -d 'Print the one-file client of a language, for workers to look at their flag'
complete -c stopctl -n "__fish_stopctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s n -l workers -d 'Start N copies of the command' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l name -d 'Name of the run [default: the command\'s name and the pid of stopctl]' -r -f
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s g -l grace -d 'Time from the flag to SIGTERM [default: 10s]' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s k -l kill-after -d 'Time from SIGTERM to SIGKILL [default: 10s]' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l stop-within -d 'The whole ladder in this time: 80 % grace, 15 % kill-after, 5 % reserve; for a worker that never looked at its flag 10 %, 85 %, 5 % [default as PID 1: 9s]' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s t -l timeout -d 'Stop by itself after this time, with exit status 124; 0 is never' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s s -l signal -d 'Signal sent when the grace is over, instead of SIGTERM' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l signal-to -d 'Whom that signal reaches: the main process first and the rest after half of kill-after, all of the worker at once, or the main process alone' -r -f -a "first\t''
group\t''
main\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l color -d 'When to use colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l events -d 'Write events as JSON lines into FILE, or into an open descriptor with fd:N' -r -F
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l annotations -d 'At the end, tell a CI service in its own form which workers needed force' -r -f -a "github\t''
gitlab\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l unaware-grace -d 'Grace for a worker that never looked at its flag; 0 is SIGTERM at once, auto is the grace counted from its start [default: the whole grace]' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l max-grace -d 'Longest time from the flag to SIGTERM for workers that ask for more, or are given it [default: three times the grace]' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l stopped-status -d 'Exit status after a stop that was asked for and needed no SIGKILL, instead of 0 or of a death by the stop signal that stopctl sent' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l stdin -d 'What workers read: the standard input of stopctl, or nothing [default: null from a terminal without --foreground or for several workers, otherwise inherit]' -r -f -a "inherit\t''
null\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l forward -d 'Signals passed on to the workers beside USR1, USR2 and WINCH; HUP here makes it a reload instead of a stop, and -USR2 takes USR2 away' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l ready -d 'When the run is ready: when all workers were started, or when each has said that it is; the latter implies --notify' -r -f -a "started\t''
notify\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l stragglers -d 'What becomes of processes that a worker leaves behind: stop them too, name and leave them, or wait for them as the worker, for a program that puts itself into the background' -r -f -a "stop\t''
leave\t''
wait\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l cgroup -d 'A control group (v2) for each worker: where one was delegated to stopctl, never, or always' -r -f -a "auto\t''
off\t''
require\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l stop-on-exit -d 'When one worker ends, stop the others'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l stop-on-failure -d 'When one worker fails, stop the others'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s q -l quiet -d 'Say nothing but errors'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s v -l verbose -d 'Name every signal sent; twice: trace'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l preserve-status -d 'Exit with the worker\'s own status after --timeout and after Ctrl-C, too'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l foreground -d 'Give the worker the terminal of stopctl with its keys, as a shell does: for shells, editors, debuggers'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l notify -d 'Hear what workers say in systemd\'s notify protocol'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l shield -d 'Start workers with SIGTERM and SIGINT ignored, for engines that signal every process at once'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -l no-guard -d 'Do without the second process that goes on with the ladder should stopctl be killed'
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -s w -l worker -d 'Stop this worker only, by its number; may be given more than once' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -s g -l grace -d 'Time from the flag to SIGTERM [default: the run\'s]' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l stop-within -d 'The whole ladder in this time: 80 % grace, 15 % kill-after, 5 % reserve; for a worker that never looked at its flag 10 %, 85 %, 5 %' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l reason -d 'Reason written into the flag: one word of a-z, 0-9 and -, at most 16' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l color -d 'When to use colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -s a -l all -d 'Stop every run of this user'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l term -d 'Use SIGTERM now, or the signal that run --signal chose'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l kill -d 'Use SIGKILL now'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l no-wait -d 'Ask, and do not wait'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l strict -d 'Exit with 4 if SIGTERM (or the signal of run --signal) was needed, 5 if SIGKILL was, 6 if a worker failed after being asked'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l if-running -d 'No run of that name is no error'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -l json -d 'Print what became of every worker as JSON'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -s q -l quiet -d 'Say nothing but errors'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -s v -l verbose -d 'Name every signal sent; twice: trace'
complete -c stopctl -n "__fish_stopctl_using_subcommand stop" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand signal" -s w -l worker -d 'Signal this worker only, by its number; may be given more than once' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand signal" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand signal" -l color -d 'When to use colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand signal" -s q -l quiet -d 'Say nothing but errors'
complete -c stopctl -n "__fish_stopctl_using_subcommand signal" -s v -l verbose -d 'Name every signal sent; twice: trace'
complete -c stopctl -n "__fish_stopctl_using_subcommand signal" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand status" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand status" -l json -d 'Print JSON'
complete -c stopctl -n "__fish_stopctl_using_subcommand status" -l watch -d 'Go on until the run is over: a display on a terminal, otherwise a line for each change'
complete -c stopctl -n "__fish_stopctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand list" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand list" -l json -d 'Print JSON'
complete -c stopctl -n "__fish_stopctl_using_subcommand list" -l names -d 'Print the names only, one a line'
complete -c stopctl -n "__fish_stopctl_using_subcommand list" -l all-users -d 'List the runs of every user; for root'
complete -c stopctl -n "__fish_stopctl_using_subcommand list" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand ls" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand ls" -l json -d 'Print JSON'
complete -c stopctl -n "__fish_stopctl_using_subcommand ls" -l names -d 'Print the names only, one a line'
complete -c stopctl -n "__fish_stopctl_using_subcommand ls" -l all-users -d 'List the runs of every user; for root'
complete -c stopctl -n "__fish_stopctl_using_subcommand ls" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand ps" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand ps" -l json -d 'Print JSON'
complete -c stopctl -n "__fish_stopctl_using_subcommand ps" -l names -d 'Print the names only, one a line'
complete -c stopctl -n "__fish_stopctl_using_subcommand ps" -l all-users -d 'List the runs of every user; for root'
complete -c stopctl -n "__fish_stopctl_using_subcommand ps" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand wait" -l timeout -d 'Give up after this time, with exit status 124; the run goes on' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand wait" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand wait" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand keep-going" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand sleep" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand clean" -l user -d 'Act as this user, by name or number, on the runs of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand clean" -l color -d 'When to use colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c stopctl -n "__fish_stopctl_using_subcommand clean" -s n -l dry-run -d 'Only say what would be done'
complete -c stopctl -n "__fish_stopctl_using_subcommand clean" -s q -l quiet -d 'Say nothing but errors'
complete -c stopctl -n "__fish_stopctl_using_subcommand clean" -s v -l verbose -d 'Name every signal sent; twice: trace'
complete -c stopctl -n "__fish_stopctl_using_subcommand clean" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l status -d 'What the worker does, in words; empty takes back the last one' -r -f
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l extend -d 'At least this much time from now to SIGTERM, once a stop was asked for' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l run -d 'Give more time to the workers of this run, from outside' -r -f
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -s w -l worker -d 'To this worker only, by its number; may be given more than once' -r
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l user -d 'Act as this user, by name or number, on the run of that user; for root' -r -f -a "(__fish_complete_users)"
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l ready -d 'What was to be set up is'
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l stopping -d 'The flag was seen, and the worker stops'
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand unit" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand client" -s h -l help -d 'Print help'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "run" -d 'Start workers and supervise them until they have ended'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "stop" -d 'Ask runs, or some of their workers, to stop, and wait until they have'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "signal" -d 'Have a signal sent to the workers of a run'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "status" -d 'Show each worker of a run'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "list" -d 'List the runs of this user'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "wait" -d 'Wait until a run is over, and exit with its status'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "keep-going" -d 'For scripts: exit with 0 to go on, 1 when a stop was asked for'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "sleep" -d 'Sleep, but return at once with 1 when a stop is asked for'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "clean" -d 'Remove what dead runs left, stopping their workers first'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "notify" -d 'Tell the supervisor of this worker how it is, or give a worker of a run more time'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "unit" -d 'Print a systemd unit that is right for a run'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "completions" -d 'Print the completion file of a shell'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "client" -d 'Print the one-file client of a language, for workers to look at their flag'
complete -c stopctl -n "__fish_stopctl_using_subcommand help; and not __fish_seen_subcommand_from run stop signal status list wait keep-going sleep clean notify unit completions client help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
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
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -x -a "(__fish_complete_subcommand --fcs-skip=2 -g -k -n -s -t --annotations --cgroup --color --events --forward --grace --kill-after --max-grace --name --ready --signal --signal-to --stdin --stop-within --stopped-status --stragglers --timeout --unaware-grace --workers)"
