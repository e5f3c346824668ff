# bash completion for semtop

_semtop_segments() {
    local file
    for file in /dev/shm/shmsem.*; do
        [[ -e $file ]] && printf '%q\n' "${file#/dev/shm/shmsem.}"
    done
}

_semtop() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $before in
        --sort)
            mapfile -t COMPREPLY < <(compgen -W "name use held waiting oldest acquires releases reaped expired wait-p50 wait-p99 \
                hold-p50 hold-p99 ended trend" -- "$word")
            return
            ;;
        --color)
            mapfile -t COMPREPLY < <(compgen -W "auto never 16 256" -- "$word")
            return
            ;;
        --watch | --delay | -d | --filter) return ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--once --json --csv --prometheus --watch --delay --sort --filter --color --all --reap \
            --mouse --ascii --help" -- "$word")
    else
        local segment
        while IFS= read -r segment; do
            [[ $segment == "$word"* ]] && COMPREPLY+=("$segment")
        done < <(_semtop_segments)
    fi
}

complete -F _semtop semtop
