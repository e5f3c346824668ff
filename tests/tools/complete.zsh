# zsh -f complete.zsh DIRECTORY LINE: what a real zsh, on a terminal of its own, offers when Tab is pressed after LINE. A match a line.
# DIRECTORY has the completion functions.
zmodload zsh/zpty || exit 77
zpty shell zsh -f -i
line() { local text; while zpty -r shell text; do [[ $text == *ready* ]] && break; done; }

# In that shell: compadd says what it is given, in place of showing it.
zpty -w shell "fpath=(${(q)1} \$fpath)"
zpty -w shell 'PROMPT= RPROMPT= ; unsetopt zle_bracketed_paste prompt_cr prompt_sp 2>/dev/null; stty -echo
autoload -Uz compinit && compinit -D -u
zstyle ":completion:*" verbose no
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a __hits
    builtin compadd -A __hits "$@"
    local hit
    for hit in $__hits; do print -r -- "match:$hit"; done
    (( $#__hits ))
}
finished() { print -r -- "finished:" }
comppostfuncs=(finished)
bindkey "^I" complete-word
print -r -- rea""dy'
line
zpty -w -n shell "$2"$'\t'
while zpty -r shell text; do
    text=${${text%$'\n'}%$'\r'}
    [[ $text == *match:* ]] && print -r -- "${text##*match:}"
    [[ $text == *finished:* ]] && break
done
zpty -d shell
