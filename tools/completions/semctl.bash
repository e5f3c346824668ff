# Completion of semctl for bash. It needs nothing but bash, and asks semctl for the names.

_semctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
    local commands='create list show resize reap end pause resume remove doctor'
    local command='' options i word
    local -a operands=()
    COMPREPLY=()

    # The command, and the operands that are there already; what follows an option that takes a value is none.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --permits | -n | --max-permits | --ttl | --max-hold | --order | --renewal | --max-waiters | --initial | --max | \
                --processes | --semaphores | --total-permits | --waiters | --tenants | --mode | --token)
                ((i++))
                # bash splits --ttl=30s in three
                [[ ${COMP_WORDS[i]} == '=' ]] && ((i++))
                ;;
            -*) ;;
            *) if [[ -z $command ]]; then command=$word; else operands+=("$(_semctl_unquoted "$word")"); fi ;;
        esac
    done

    [[ $current == '=' ]] && current=''
    [[ $previous == '=' && COMP_CWORD -ge 2 ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
    case $previous in
        --order) _semctl_words 'fifo throughput'; return ;;
        --renewal) _semctl_words 'automatic manual'; return ;;
        --mode) _semctl_words 'owner group everyone'; return ;;
        --ttl | --max-hold) _semctl_words '30s 5m 1h forever'; return ;;
        -n | --permits | --max-permits | --max-waiters | --initial | --max | --processes | --semaphores | --total-permits | \
            --waiters | --tenants | --token) return ;;
    esac

    if [[ $current == -* ]]; then
        options='--help --quiet --ascii'
        case $command in
            create)
                options+=' --if-missing --permits --max-permits --ttl --max-hold --order --renewal --max-waiters --ownerless'
                options+=' --initial --max --processes --semaphores --total-permits --waiters --tenants --mode'
                ;;
            list) options+=' --json --names' ;;
            show) options+=' --json' ;;
            end) options+=' --token' ;;
            remove) options+=' --force --orphans' ;;
            doctor) options+=' --json --verbose' ;;
        esac
        _semctl_words "$options"
        return
    fi

    case $command:${#operands[@]} in
        :*) _semctl_words "$commands" ;;
        create:0 | list:0 | show:0 | resize:0 | end:0 | pause:0 | resume:0) _semctl_names ;;
        reap:* | remove:* | doctor:*) _semctl_names ;;
        list:1 | show:1 | resize:1 | end:1 | pause:1 | resume:1) _semctl_names "${operands[0]}" ;;
        end:2) _semctl_names "${operands[@]}" ;;
    esac
}

# A word of the command line as the program would get it; of an unfinished quotation what is there of it.
_semctl_unquoted() {
    local text=$1
    case $text in
        \"* | \'*) text=${text:1}; text=${text%[\"\']} ;;
        *) text=${text//\\\\/$'\1'}; text=${text//\\/}; text=${text//$'\1'/\\} ;;
    esac
    printf '%s' "$text"
}

_semctl_words() {
    local IFS=$' \t\n'
    COMPREPLY=($(compgen -W "$1" -- "$current"))
}

# Names may hold blanks and what a shell would take for its own: they are compared and quoted here, one for each line.
_semctl_names() {
    local name typed
    typed=$(_semctl_unquoted "$current")
    while IFS= read -r name; do
        [[ $name == "$typed"* ]] || continue
        case $current in
            \"* | \'*) COMPREPLY+=("$name") ;;
            *) printf -v name '%q' "$name"; COMPREPLY+=("$name") ;;
        esac
    done < <("$program" list --names -- "$@" 2>/dev/null)
}

complete -F _semctl semctl
