# bash completion for semrun(1)

# Semaphores of the segment that the command line means; nothing where semtop or jq is missing.
_semrun_semaphores() {
    local segment=${SEMRUN_SEGMENT:-semrun.$(id -u)} i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -s | --segment)
                segment=${COMP_WORDS[i + 1]}
                [[ $segment == = ]] && segment=${COMP_WORDS[i + 2]}
                ;;
        esac
    done
    semtop --json "$segment" 2>/dev/null | jq -r '.segments[].semaphores[]?.name' 2>/dev/null
}

_semrun_segments() {
    local file
    for file in /dev/shm/shmsem.*; do
        [[ -e $file ]] && echo "${file#/dev/shm/shmsem.}"
    done
}

_semrun() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local options='--permits --resize --segment --share --timeout --nonblock --conflict-exit-code --verbose --weight --ttl
        --tenant --label --lost --kill-after --seat-env --token-env --each --null --jobs --halt --quiet --help'
    COMPREPLY=()

    # "--option=value" arrives as three words.
    if [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $cur == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 1]}
        cur=
    fi

    # The command begins after "--", or at the second word that is no option.
    local i name='' word
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --)
                ((i++))
                [[ -n $name ]] || ((i++))
                break
                ;;
            -n | --permits | -s | --segment | --share | -w | --timeout | -E | --conflict-exit-code | --weight | --ttl | --tenant | \
                --label | --lost | -k | --kill-after | --seat-env | --token-env | -j | --jobs | --halt)
                ((i++))
                [[ ${COMP_WORDS[i]} == = ]] && ((i++))
                ;;
            -*) ;;
            *)
                [[ -n $name ]] && break
                name=$word
                ;;
        esac
    done
    if ((i <= COMP_CWORD)) && { [[ ${COMP_WORDS[i - 1]} == -- ]] || { [[ -n $name ]] && ((i < COMP_CWORD)); }; }; then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$i"
        else
            mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
        fi
        return
    fi

    case $prev in
        --share) mapfile -t COMPREPLY < <(compgen -W 'owner group everyone' -- "$cur") ;;
        --lost) mapfile -t COMPREPLY < <(compgen -W 'kill warn' -- "$cur") ;;
        --halt) mapfile -t COMPREPLY < <(compgen -W 'never soon now' -- "$cur") ;;
        --seat-env | --token-env) mapfile -t COMPREPLY < <(compgen -v -W 'CUDA_VISIBLE_DEVICES' -- "$cur") ;;
        -s | --segment) mapfile -t COMPREPLY < <(compgen -W "$(_semrun_segments)" -- "$cur") ;;
        -n | --permits | -w | --timeout | -E | --conflict-exit-code | --weight | --ttl | --tenant | --label | -k | --kill-after | \
            -j | --jobs) ;;
        *)
            if [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
            elif [[ -z $name ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_semrun_semaphores)" -- "$cur")
            else
                mapfile -t COMPREPLY < <(compgen -c -- "$cur")
            fi
            ;;
    esac
}

complete -F _semrun semrun
